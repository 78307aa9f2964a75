package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/fanward/fanward/internal/clock"
)

const (
	// retryEvery is how often a Redis that is away is called.
	retryEvery = 500 * time.Millisecond
	// defaultPatience: nobody waits longer for what may be lost.
	defaultPatience = 250 * time.Millisecond
	// closeTimeout bounds the goodbye.
	closeTimeout = 500 * time.Millisecond
)

// Options are what a Redis needs. All but Log and Patience are required.
type Options struct {
	// URL is redis.url: one server, Sentinels or a cluster.
	URL string
	// Installation keeps those apart who use one Redis.
	Installation string
	// Node names this process among its equals.
	Node  string
	Clock clock.Clock
	Log   *slog.Logger
	// Patience is how long one call may take until Redis counts as away; a
	// quarter of a second unless told. Silence of the other nodes for four times
	// as long is looked into.
	Patience time.Duration
}

// Redis joins this node to the others. What is published is handed on here at
// once, then to the others. Nothing waits for it: a call that takes longer than
// Options.Patience fails, and after a failure none is made until Redis answers
// again. Meanwhile this node stands alone: its memory counts the limits, nothing
// is shared, every lease is held.
type Redis struct {
	*Memory
	limits  *MemoryLimiter
	o       Options
	client  redis.UniversalClient
	prefix  string
	channel string
	outbox  outbox
	leases  leases

	up atomic.Bool
	// told: that Redis is away has been said.
	told atomic.Bool

	published, received, dropped atomic.Int64

	ctx    context.Context
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

// Dial begins to join the others; that Redis is away is no error. It fails only
// on an address that is none.
func Dial(o Options) (*Redis, error) {
	o.Patience = cmp.Or(o.Patience, defaultPatience)
	client, _, err := connect(o.URL, o.Patience)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	prefix := "fanward:{" + o.Installation + "}:"
	r := &Redis{Memory: NewMemory(), limits: NewMemoryLimiter(o.Clock), o: o, client: client, prefix: prefix, channel: prefix + "bus", outbox: newOutbox(), leases: newLeases()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.loops.Go(r.watch)
	r.loops.Go(r.send)
	return r, nil
}

// Up tells whether the others can be reached.
func (r *Redis) Up() bool { return r.up.Load() }

// Stats are how many messages this node has sent to the others, has had of them,
// and has lost on either way.
func (r *Redis) Stats() (published, received, dropped int64) {
	return r.published.Load(), r.received.Load(), r.dropped.Load() + r.missed.Load()
}

// Close says what waits to be said, gives the leases back and leaves.
func (r *Redis) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	r.flush(ctx)
	for _, name := range r.leases.mine() {
		r.Release(ctx, name)
	}
	r.cancel()
	r.loops.Wait()
	return r.client.Close()
}

// errAway: Redis does not answer, and is not asked.
var errAway = errors.New("redis is away")

// call makes one call, if Redis is there.
func (r *Redis) call(parent context.Context, fn func(ctx context.Context) error) error {
	if !r.up.Load() {
		return errAway
	}
	ctx, cancel := context.WithTimeout(parent, r.o.Patience)
	defer cancel()
	err := fn(ctx)
	if err != nil && !errors.Is(err, redis.Nil) && parent.Err() == nil {
		r.away(err)
	}
	return err
}

// away stops all calls until Redis answers again.
func (r *Redis) away(cause error) {
	r.up.Store(false)
	if r.ctx.Err() == nil && r.told.CompareAndSwap(false, true) {
		r.o.Log.Warn("Redis is away; this node goes on by itself", "error", cause)
	}
}

// watch keeps the subscription until the end.
func (r *Redis) watch() {
	for r.ctx.Err() == nil {
		r.away(r.session())
		pause := time.NewTimer(retryEvery)
		select {
		case <-r.ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// session joins the others and hears them until something fails.
func (r *Redis) session() error {
	patience := dialPatience * r.o.Patience
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := probe(ctx, r.client, r.prefix); err != nil {
		return err
	}
	ears := r.client.Subscribe(ctx, r.channel)
	defer func() { _ = ears.Close() }()
	defer context.AfterFunc(r.ctx, func() { _ = ears.Close() })() // ends its waiting
	if first, err := ears.ReceiveTimeout(ctx, patience); err != nil {
		return err
	} else if _, ok := first.(*redis.Subscription); !ok {
		return fmt.Errorf("subscribing was answered by %T", first)
	}
	r.joined()
	return r.listen(ears)
}

// probe does what nodes do: a Redis that cannot store, being full or a replica,
// is as good as none.
func probe(ctx context.Context, c redis.UniversalClient, prefix string) error {
	return takeScript.Run(ctx, c, []string{prefix + "probe"}, 1, 1).Err()
}

// joined: what was said meanwhile has not been heard here, and what was to be said
// has waited.
func (r *Redis) joined() {
	if r.told.Swap(false) {
		r.o.Log.Info("Redis is back")
	}
	r.up.Store(true)
	r.wake()
	r.Memory.Publish(TopicJoined, nil)
	r.outbox.stir()
}

// listen hears the others. A connection that is only half there is found out by
// asking.
func (r *Redis) listen(ears *redis.PubSub) error {
	asked := false
	for {
		m, err := ears.ReceiveTimeout(r.ctx, listenPatience*r.o.Patience)
		var late net.Error
		switch {
		case r.ctx.Err() != nil:
			return r.ctx.Err()
		case !r.up.Load():
			return errAway // a call has failed
		case errors.As(err, &late) && late.Timeout():
			if asked {
				return err
			}
			asked = true
			if err := ears.Ping(r.ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		asked = false
		if m, ok := m.(*redis.Message); ok {
			r.hear(m.Payload)
		}
	}
}

// hear hands on what another node has said.
func (r *Redis) hear(message string) {
	from, topics, payload, ok := decode(message)
	if !ok || from == r.o.Node {
		return
	}
	r.received.Add(1)
	for _, topic := range topics {
		r.Memory.Publish(topic, payload)
	}
}
