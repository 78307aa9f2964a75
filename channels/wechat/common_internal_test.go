package wechat

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	sealing "github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/testkit"
)

// nodes are clients that share their tokens through one Redis.
func (w *world) nodes(url string, n int) (clients []*Client, buses []*bus.Redis) {
	w.t.Helper()
	keys, err := sealing.New(make([]byte, sealing.KeySize))
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	w.t.Cleanup(func() { cancel(); following.Wait() })
	for i := range n {
		r, err := bus.Dial(bus.Options{URL: url, Installation: "test", Node: string(rune('a' + i)), Clock: clock.NewSystem(), Patience: time.Minute})
		w.must(err)
		w.t.Cleanup(func() { _ = r.Close() })
		testkit.Eventually(w.t, 20*time.Second, "a node has joined", r.Up)
		c := NewClient(w.clk, nil)
		c.Share(Common{Nodes: r, Sealer: keys})
		following.Go(func() { c.Follow(ctx) })
		clients, buses = append(clients, c), append(buses, r)
	}
	return clients, buses
}

func (w *world) asks(clients ...*Client) {
	w.t.Helper()
	errs := make([]error, 10*len(clients))
	var calling sync.WaitGroup
	for i := range errs {
		calling.Go(func() { _, errs[i] = clients[i%len(clients)].FollowerOf(context.Background(), w.login, w.ming) })
	}
	calling.Wait()
	w.must(errors.Join(errs...))
}

// TestNodesShareTheToken: one node fetches the token for all, and one that WeChat
// refuses is dropped on all of them.
func TestNodesShareTheToken(t *testing.T) {
	w := newWorld(t)
	server := testkit.Redis(t)
	clients, buses := w.nodes(server.URL(), 3)
	w.asks(clients...)
	if n := w.calls.Load(); n != 1 {
		t.Errorf("three nodes have fetched %d tokens", n)
	}
	dead, stop := buses[2].Subscribe(topicDead, 8)
	defer stop()
	w.must(w.sim.RotateToken(testApp))
	w.asks(clients[0])
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d tokens were fetched after the first was refused", n)
	}
	select {
	case <-dead:
	case <-time.After(20 * time.Second):
		t.Fatal("the others are not told that a token is dead")
	}
	testkit.Eventually(t, 20*time.Second, "the third node has dropped it", func() bool {
		_, ok := clients[2].tokens.read(clients[2].tokens.entry(w.login.key()), w.clk.Now())
		return !ok
	})
	w.asks(clients...)
	if n := w.calls.Load(); n != 2 {
		t.Errorf("%d tokens were fetched", n)
	}
	// What lies in Redis is sealed, and of no use to anybody else.
	if v, ok := buses[0].Get(context.Background(), nameOf(w.login.key())); !ok || len(v) < 20 || string(v[:3]) != "s1." {
		t.Errorf("%q is shared", v)
	}
	// It ends for all of them.
	w.clk.Advance(2*time.Hour + time.Minute)
	w.asks(clients...)
	if n := w.calls.Load(); n != 3 {
		t.Errorf("%d tokens were fetched after the second had ended", n)
	}
	// Without Redis each node fetches its own.
	server.Stop(t)
	for _, r := range buses {
		testkit.Eventually(t, 20*time.Second, "it is noticed", func() bool { return !r.Up() })
	}
	w.clk.Advance(2*time.Hour + time.Minute)
	w.asks(clients...)
	if n := w.calls.Load(); n != 6 {
		t.Errorf("%d tokens were fetched in all", n)
	}
}

// A token that was refused is not taken again from the others, who may not have
// heard of it yet: of calls that go on side by side one asks while another still
// tells them.
func TestARefusedTokenIsNotTakenAgain(t *testing.T) {
	w := newWorld(t)
	clients, _ := w.nodes(testkit.Redis(t).URL(), 2)
	before, err := clients[0].token(context.Background(), w.login)
	w.must(err)
	w.must(w.sim.RotateToken(testApp))
	clients[0].tokens.drop(w.login.key(), before)
	after, err := clients[0].token(context.Background(), w.login)
	if err != nil || after == before {
		t.Errorf("it is taken again: %v", err)
	}
	w.asks(clients...)
}

// slow is a node to which something happens right before it takes the lease.
type slow struct {
	bus.Cluster
	meanwhile func()
}

func (s *slow) Hold(ctx context.Context, name string, d time.Duration) bool {
	if happens := s.meanwhile; happens != nil {
		s.meanwhile = nil
		happens()
	}
	return s.Cluster.Hold(ctx, name, d)
}

// A node that takes the lease right after another one has fetched the token takes
// the token, too.
func TestTheTokenHasJustBeenFetched(t *testing.T) {
	w := newWorld(t)
	clients, buses := w.nodes(testkit.Redis(t).URL(), 2)
	second := NewClient(w.clk, nil)
	second.Share(Common{Nodes: &slow{buses[1], func() { w.asks(clients[0]) }}, Sealer: clients[0].common.Sealer})
	w.asks(second)
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d tokens were fetched", n)
	}
	if !buses[0].Hold(context.Background(), nameOf(w.login.key()), time.Minute) {
		t.Error("the lease was not given back")
	}
}

// A node that was to fetch the token and died keeps the others waiting for a
// moment only.
func TestWhoWasToFetchHasDied(t *testing.T) {
	w := newWorld(t)
	clients, buses := w.nodes(testkit.Redis(t).URL(), 2)
	if !buses[0].Hold(context.Background(), nameOf(w.login.key()), time.Hour) {
		t.Fatal("the lease is not to be had")
	}
	w.asks(clients[1])
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d tokens were fetched", n)
	}
}
