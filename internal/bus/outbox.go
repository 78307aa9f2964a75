package bus

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// together is how long wakes are gathered behind one that was sent.
	together = 2 * time.Millisecond
	// maxWaiting is how many payloads may wait to be sent.
	maxWaiting = 4096
	// sentTogether is how many of them go in one call.
	sentTogether = 256
)

// outbox holds what the others are to be told.
type outbox struct {
	signal chan struct{}

	mu sync.Mutex
	// wakes outlast an absence of Redis: they are few, and each says it all.
	wakes    map[string]struct{}
	payloads []string
}

func newOutbox() outbox {
	return outbox{signal: make(chan struct{}, 1), wakes: map[string]struct{}{}}
}

func (o *outbox) stir() {
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

func (o *outbox) wake(topic string) {
	o.mu.Lock()
	o.wakes[topic] = struct{}{}
	o.mu.Unlock()
	o.stir()
}

// add is false when too much waits.
func (o *outbox) add(message string) bool {
	o.mu.Lock()
	full := len(o.payloads) >= maxWaiting
	if !full {
		o.payloads = append(o.payloads, message)
	}
	o.mu.Unlock()
	o.stir()
	return !full
}

func (o *outbox) take() (wakes, payloads []string, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for topic := range o.wakes {
		wakes = append(wakes, topic)
	}
	clear(o.wakes)
	n := min(len(o.payloads), sentTogether)
	payloads, o.payloads = o.payloads[:n:n], o.payloads[n:]
	if len(o.payloads) == 0 {
		o.payloads = nil
	}
	return wakes, payloads, len(o.payloads) > 0
}

func (o *outbox) putBack(wakes []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, topic := range wakes {
		o.wakes[topic] = struct{}{}
	}
}

// encode writes a message: who says it, then topics to wake, or one topic and its
// payload. Neither names nor topics hold line ends.
func encode(node string, payload []byte, topics ...string) string {
	if len(payload) == 0 {
		return node + "\n" + strings.Join(topics, "\n")
	}
	return node + "\n" + topics[0] + "\n\n" + string(payload)
}

func decode(message string) (node string, topics []string, payload []byte, ok bool) {
	head, body, _ := strings.Cut(message, "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 2 {
		return "", nil, nil, false
	}
	if body != "" {
		payload = []byte(body)
	}
	return lines[0], lines[1:], payload, true
}

// Publish implements Bus.
func (r *Redis) Publish(topic string, payload []byte) {
	r.Memory.Publish(topic, payload)
	switch {
	case len(payload) == 0:
		r.outbox.wake(topic)
	case !r.up.Load(), !r.outbox.add(encode(r.o.Node, payload, topic)):
		r.dropped.Add(1)
	}
}

// send tells the others what waits, until the end.
func (r *Redis) send() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.outbox.signal:
		}
		r.flush(r.ctx)
		pause := time.NewTimer(together)
		select {
		case <-r.ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// flush sends what waits; what cannot be sent is lost, but for wakes.
func (r *Redis) flush(ctx context.Context) {
	for more := r.up.Load(); more; {
		var wakes, messages []string
		wakes, messages, more = r.outbox.take()
		if len(wakes) > 0 {
			messages = append(messages, encode(r.o.Node, nil, wakes...))
		}
		if len(messages) == 0 {
			return
		}
		err := r.call(ctx, func(ctx context.Context) error {
			_, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for _, m := range messages {
					p.Publish(ctx, r.channel, m)
				}
				return nil
			})
			return err
		})
		if err != nil {
			r.outbox.putBack(wakes)
			r.dropped.Add(int64(len(messages)))
			return
		}
		r.published.Add(int64(len(messages)))
	}
}
