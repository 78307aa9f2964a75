package clustertest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/testkit"
)

// balancer sends requests to nodes that say they are ready, as a load balancer
// that asks them four times a second.
type balancer struct {
	nodes []*testkit.Process
	ready []atomic.Bool
	turn  atomic.Int64
}

func newBalancer(t *testing.T, nodes []*testkit.Process) *balancer {
	b := &balancer{nodes: nodes, ready: make([]atomic.Bool, len(nodes))}
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for i, p := range nodes {
		b.ready[i].Store(true)
		url := p.URL
		asking.Go(func() {
			c := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			tick := time.NewTicker(250 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				status, _ := ask(c, "GET", url+"/readyz", nil, nil, nil)
				b.ready[i].Store(status == 200)
			}
		})
	}
	t.Cleanup(func() { close(stop); asking.Wait() })
	return b
}

func (b *balancer) pick() *testkit.Process {
	for range b.nodes {
		if i := int(b.turn.Add(1)) % len(b.nodes); b.ready[i].Load() {
			return b.nodes[i]
		}
	}
	return b.nodes[0]
}

// TestRollingRestart: each node is told to end and started again while people
// write. No request fails, every message is there once and in order, and a
// teammate's socket, which is sent elsewhere, misses nothing.
func TestRollingRestart(t *testing.T) {
	c := open(t, testkit.Redis(t).URL(), 2)
	c.rolls(t, func(p *testkit.Process) { p.Restart(syscall.SIGTERM) })
}

// rolls begins each node anew while people write.
func (c *cluster) rolls(t *testing.T, anew func(p *testkit.Process)) {
	b := newBalancer(t, c.nodes)
	lin := c.hire(0, "lin", "manager")
	stop, enough := make(chan struct{}), make(chan struct{})
	var running, writing sync.WaitGroup
	watch := &watcher{c: c, b: b, m: lin, seen: map[string]int{}, nodes: map[string]bool{}}
	running.Go(func() { watch.run(stop) })
	testkit.Eventually(t, soon, "the teammate is connected", func() bool { return watch.connected() })
	const writers = 4
	var sent, failed [writers]int
	var why sync.Map
	for w := range writers {
		token := c.token(c.nodes[0])
		writing.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			header := http.Header{"Origin": {shopOrigin}, "Authorization": {"Visitor " + token}}
			for n := 0; ; n++ {
				select {
				case <-enough:
					return
				case <-time.After(20 * time.Millisecond): // how fast a writer writes
				}
				body := map[string]any{"client_key": fmt.Sprint(n), "body": fmt.Sprintf("%d of writer %d", n, w), "attachment_ids": []string{}}
				if _, err := ask(client, "POST", b.pick().URL+"/channels/webchat/"+c.account.Key+"/messages", header, body, nil); err != nil {
					failed[w]++
					why.Store(err.Error(), true)
					return
				}
				sent[w]++
			}
		})
	}
	for _, p := range c.nodes {
		before := watch.count()
		testkit.Eventually(t, soon, "messages flow", func() bool { return watch.count() > before+20 })
		anew(p)
		testkit.Eventually(t, soon, "both are ready", func() bool { return b.ready[0].Load() && b.ready[1].Load() })
	}
	before := watch.count()
	testkit.Eventually(t, soon, "messages flow", func() bool { return watch.count() > before+20 })
	close(enough)
	writing.Wait()
	total := 0
	for w := range writers {
		total += sent[w]
		if failed[w] > 0 {
			t.Errorf("a request of writer %d failed", w)
		}
	}
	testkit.Eventually(t, soon, "the socket has seen them all", func() bool { return watch.has(total) })
	close(stop)
	running.Wait()
	why.Range(func(k, _ any) bool { t.Log(k); return true })
	c.judge(t, total, watch)
	if len(watch.nodes) < 2 {
		t.Error("the socket was at one node only")
	}
	t.Logf("%d messages, %d sockets, of which %d had to begin anew", total, watch.sockets, watch.anew)
}

// judge compares what is stored with what was acknowledged and seen.
func (c *cluster) judge(t *testing.T, total int, w *watcher) {
	t.Helper()
	var list struct{ Items []struct{ ID string } }
	c.do(0, "GET", "/api/v1/conversations?view=all&limit=200", nil, &list)
	stored := 0
	for _, one := range list.Items {
		var seq int64
		for next := 0; ; {
			var page struct{ Items []message }
			c.do(0, "GET", fmt.Sprintf("/api/v1/conversations/%s/messages?after_seq=%d&limit=200", one.ID, seq), nil, &page)
			if len(page.Items) == 0 {
				break
			}
			for _, m := range page.Items {
				seq = m.Seq
				if m.Direction != "in" {
					continue
				}
				stored++
				if !strings.HasPrefix(m.Body, fmt.Sprint(next, " of")) {
					t.Fatalf("conversation %s goes on with %q instead of %d", one.ID, m.Body, next)
				}
				next++
				if n := w.seen[fmt.Sprint(m.ConversationID, ":", m.Seq)]; n != 1 && w.anew == 0 {
					t.Errorf("the socket has seen %q %d times", m.Body, n)
				}
			}
		}
	}
	if stored != total {
		t.Errorf("%d were acknowledged, %d are stored", total, stored)
	}
}

// watcher is a teammate's socket that comes back whenever it is cut.
type watcher struct {
	c *cluster
	b *balancer
	m *teammate

	mu            sync.Mutex
	position      *string
	seen          map[string]int
	nodes         map[string]bool
	sockets, anew int
}

func (w *watcher) connected() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position != nil
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen)
}

// has tells whether so many messages were seen, or a snapshot stands for them.
func (w *watcher) has(messages int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen) >= messages || w.anew > 0
}

func (w *watcher) run(stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if err := w.listen(stop); err != nil {
			time.Sleep(50 * time.Millisecond) // a browser waits longer
		}
	}
}

func (w *watcher) listen(stop chan struct{}) error {
	p := w.b.pick()
	d := websocket.Dialer{Jar: w.m.client.Jar, HandshakeTimeout: 5 * time.Second}
	ws, _, err := d.Dial("ws"+strings.TrimPrefix(p.URL, "http")+"/api/v1/socket", http.Header{"Origin": {p.URL}})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-stop:
		case <-ended:
		}
		_ = ws.Close()
	}()
	w.mu.Lock()
	hello := map[string]any{"t": "hello", "after": w.position}
	w.mu.Unlock()
	if err := ws.WriteJSON(hello); err != nil {
		return err
	}
	s := &socket{w.c.t, ws}
	for {
		f, err := s.read()
		if err != nil {
			return err
		}
		w.hear(f)
	}
}

func (w *watcher) hear(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.T {
	case "hello":
		w.sockets++
		w.nodes[f.Node] = true
		if w.position != nil && !f.Resumed {
			w.anew++
		}
		w.position = &f.Position
	case "change", "position":
		w.position = &f.Position
		if m := f.Data.Message; f.Kind == "message" && m != nil && m.Direction == "in" {
			w.seen[fmt.Sprint(m.ConversationID, ":", m.Seq)]++
		}
	}
}
