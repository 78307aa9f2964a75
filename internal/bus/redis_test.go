package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/testkit"
)

const soon = 20 * time.Second

var ctx = context.Background()

// join opens a node as impatient as the product's; it has left when the test ends.
func join(t testing.TB, url, node string, log *slog.Logger) *bus.Redis {
	t.Helper()
	return dial(t, bus.Options{URL: url, Installation: "test", Node: node, Log: log})
}

// joinPatiently opens a node for which a slow Redis is not away.
func joinPatiently(t testing.TB, url, node string) *bus.Redis {
	t.Helper()
	return dial(t, bus.Options{URL: url, Installation: "test", Node: node, Patience: time.Minute})
}

func dial(t testing.TB, o bus.Options) *bus.Redis {
	t.Helper()
	o.Clock = clock.NewSystem()
	r, err := bus.Dial(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func up(t testing.TB, nodes ...*bus.Redis) {
	t.Helper()
	for _, r := range nodes {
		testkit.Eventually(t, soon, "a node has joined", r.Up)
	}
}

func next(t testing.TB, c <-chan []byte, what string) string {
	t.Helper()
	select {
	case b := <-c:
		return string(b)
	case <-time.After(soon):
		t.Fatal("nothing came: " + what)
		return ""
	}
}

// reach demands that what one node says is heard by the other.
func reach(t testing.TB, from, to *bus.Redis) {
	t.Helper()
	heard, stop := to.Subscribe("hints", 16)
	defer stop()
	testkit.Eventually(t, soon, "a payload arrives", func() bool {
		from.Publish("hints", []byte("a\n\nb"))
		select {
		case b := <-heard:
			return string(b) == "a\n\nb"
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
}

// works demands everything that nodes do with each other.
func works(t *testing.T, url string) (a, b *bus.Redis) {
	t.Helper()
	a, b = joinPatiently(t, url, "a"), joinPatiently(t, url, "b")
	up(t, a, b)
	reach(t, a, b)
	reach(t, b, a)
	if !a.Hold(ctx, "work", time.Minute) || b.Hold(ctx, "work", time.Minute) {
		t.Error("a lease is held by the first who asks, and by nobody else")
	}
	a.Release(ctx, "work")
	testkit.Eventually(t, soon, "a lease that was given back can be had", func() bool { return b.Hold(ctx, "work", time.Minute) })
	a.Put(ctx, "token", []byte("one"), time.Minute)
	if v, ok := b.Get(ctx, "token"); !ok || string(v) != "one" {
		t.Errorf("got %q %v", v, ok)
	}
	b.Drop(ctx, "token", []byte("another"))
	if _, ok := b.Get(ctx, "token"); !ok {
		t.Error("a value was dropped that another had replaced")
	}
	b.Drop(ctx, "token", []byte("one"))
	if _, ok := a.Get(ctx, "token"); ok {
		t.Error("a value that was dropped is there")
	}
	var wait time.Duration
	for i := range 4 {
		if wait, _ = []*bus.Redis{a, b}[i%2].Take(ctx, "key", 3, time.Minute); (wait > 0) != (i == 3) {
			t.Errorf("act %d waits %v", i, wait)
		}
	}
	if wait < 50*time.Second || wait > time.Minute {
		t.Errorf("the fourth waits %v", wait)
	}
	_, giveBack := a.Take(ctx, "other", 1, time.Minute)
	giveBack()
	if wait, _ := b.Take(ctx, "other", 1, time.Minute); wait > 0 {
		t.Error("what was given back counts")
	}
	return a, b
}

func TestOneServer(t *testing.T) { works(t, testkit.Redis(t).URL()) }

// The replica takes over; what was said to the primary is gone, and nobody minds.
func TestSentinel(t *testing.T) {
	s := testkit.Sentinel(t)
	a, b := works(t, s.URL())
	s.Primary.Stop(t)
	testkit.Eventually(t, soon, "the replica has taken over", func() bool {
		return strings.Contains(s.Replica.Do(t, "ROLE"), "master")
	})
	testkit.Eventually(t, 2*soon, "both have joined again", func() bool { return a.Up() && b.Up() })
	reach(t, a, b)
	reach(t, b, a)
}

func TestRing(t *testing.T) {
	ring := testkit.RedisRing(t)
	works(t, "redis://"+ring[0].Addr+"?addr="+ring[1].Addr+"&addr=127.0.0.1:1")
	found, err := bus.Check(ctx, ring[0].URL())
	if err != nil || !found.Clustered {
		t.Errorf("one server of a cluster is found to be %+v, %v", found, err)
	}
}

// lines counts what is logged.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "")
}

func (l *lines) count(word string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, word) {
			n++
		}
	}
	return n
}

// While Redis is away nothing waits for it, and once it is back whoever only
// needs waking is woken.
func TestAway(t *testing.T) {
	for _, how := range []struct {
		name     string
		away     func(*testkit.RedisServer)
		back     func(*testkit.RedisServer)
		forgets  bool
		speaking bool // somebody speaks while it goes
	}{
		{"stopped", func(r *testkit.RedisServer) { r.Stop(t) }, func(r *testkit.RedisServer) { r.Start(t) }, true, false},
		{"paused", func(r *testkit.RedisServer) { r.Pause() }, func(r *testkit.RedisServer) { r.Resume() }, false, false},
		{"paused in the middle", func(r *testkit.RedisServer) { r.Pause() }, func(r *testkit.RedisServer) { r.Resume() }, false, true},
	} {
		t.Run(how.name, func(t *testing.T) {
			server := testkit.Redis(t)
			log := new(lines)
			a := join(t, server.URL(), "a", slog.New(slog.NewTextHandler(log, nil)))
			b := join(t, server.URL(), "b", nil)
			up(t, a, b)
			woken, stop := a.Subscribe("rows", 1)
			defer stop()
			joined, stopJoined := a.Subscribe(bus.TopicJoined, 1)
			defer stopJoined()
			how.away(server)
			if how.speaking {
				a.Publish("rows", nil)
				next(t, woken, "at home")
			}
			testkit.Eventually(t, soon, "it is noticed", func() bool { return !a.Up() && !b.Up() })
			for range 100 {
				begun := time.Now()
				a.Publish("rows", nil)
				a.Publish("hints", []byte("x"))
				if wait, _ := a.Take(ctx, "key", 100, time.Minute); wait > 0 {
					t.Fatal("this node's memory refuses what it should not")
				}
				if !a.Hold(ctx, "work", time.Minute) || !b.Hold(ctx, "work", time.Minute) {
					t.Fatal("a lease is refused though nobody can be asked")
				}
				if _, ok := a.Get(ctx, "token"); ok {
					t.Fatal("a value is there")
				}
				if took := time.Since(begun); took > 200*time.Millisecond {
					t.Fatalf("it took %v", took)
				}
			}
			if wait, _ := a.Take(ctx, "key", 100, time.Minute); wait == 0 {
				t.Error("this node's memory does not count")
			}
			next(t, woken, "at home")
			farWoken, stopFar := b.Subscribe("rows", 1)
			defer stopFar()
			select { // the first joining has been told before
			case <-joined:
			default:
			}
			how.back(server)
			up(t, a, b)
			next(t, woken, "after it is back")
			next(t, farWoken, "at the other node")
			next(t, joined, "that it is back")
			reach(t, a, b)
			reach(t, b, a)
			if log.count("away") != 1 || log.count("back") != 1 {
				t.Errorf("it is said %d times that it is away, and %d times that it is back: %v", log.count("away"), log.count("back"), log)
			}
			if published, received, dropped := a.Stats(); published == 0 || received == 0 || dropped < 100 {
				t.Errorf("published %d, received %d, dropped %d", published, received, dropped)
			}
		})
	}
}

// A node starts, works and ends without ever having seen Redis.
func TestNeverThere(t *testing.T) {
	r := join(t, "redis://127.0.0.1:1/0", "a", nil)
	woken, stop := r.Subscribe("rows", 1)
	defer stop()
	r.Publish("rows", nil)
	next(t, woken, "at home")
	if !r.Hold(ctx, "work", time.Minute) || r.Up() {
		t.Error("it is not alone")
	}
	begun := time.Now()
	if err := r.Close(); err != nil || time.Since(begun) > 5*time.Second {
		t.Errorf("closing took %v: %v", time.Since(begun), err)
	}
}

// A Redis that is full takes no writes: it counts as away, and that is said once.
func TestFull(t *testing.T) {
	server := testkit.Redis(t)
	log := new(lines)
	r := join(t, server.URL(), "a", slog.New(slog.NewTextHandler(log, nil)))
	up(t, r)
	server.Do(t, "CONFIG SET maxmemory 1")
	r.Put(ctx, "x", []byte("y"), time.Minute)
	testkit.Eventually(t, soon, "it is noticed", func() bool { return !r.Up() })
	server.Do(t, "CONFIG SET maxmemory 0")
	up(t, r)
	if log.count("away") != 1 || log.count("back") != 1 {
		t.Errorf("%v", log)
	}
}

// Two installations on one Redis hear nothing of each other.
func TestInstallationsApart(t *testing.T) {
	url := testkit.Redis(t).URL()
	a := joinPatiently(t, url, "a")
	other := dial(t, bus.Options{URL: url, Installation: "other", Node: "o", Patience: time.Minute})
	up(t, a, other)
	heard, stop := other.Subscribe("hints", 16)
	defer stop()
	a.Publish("hints", []byte("x"))
	b := joinPatiently(t, url, "b")
	up(t, b)
	reach(t, a, b)
	select {
	case m := <-heard:
		t.Errorf("another installation heard %q", m)
	default:
	}
	if !a.Hold(ctx, "work", time.Minute) || !other.Hold(ctx, "work", time.Minute) {
		t.Error("leases are not apart")
	}
}

// Many wakes become few messages, and none is lost.
func TestWakesAreGathered(t *testing.T) {
	url := testkit.Redis(t).URL()
	a, b := joinPatiently(t, url, "a"), joinPatiently(t, url, "b")
	up(t, a, b)
	woken, stop := b.Subscribe("rows", 1)
	defer stop()
	before, _, _ := a.Stats()
	const many = 20_000
	for range many {
		a.Publish("rows", nil)
	}
	next(t, woken, "a wake")
	if after, _, _ := a.Stats(); after-before > many/10 {
		t.Errorf("%d wakes were %d messages", many, after-before)
	}
}

func TestAddresses(t *testing.T) {
	for _, url := range []string{"", "http://h", "redis://h/x", "redis://h?addr=nonsense", "redis://:secret@h?master_name=m&addr=x"} {
		r, err := bus.Dial(bus.Options{URL: url, Node: "a", Clock: clock.NewSystem()})
		if err == nil {
			_ = r.Close()
			t.Errorf("%q is an address", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%v shows the password", err)
		}
	}
}

func TestMemoryLimiter(t *testing.T) {
	f := testkit.Clock(t)
	m := bus.NewMemoryLimiter(f)
	take := func(want time.Duration) func() {
		t.Helper()
		wait, giveBack := m.Take(ctx, "key", 2, 10*time.Second)
		if wait != want {
			t.Errorf("waits %v, want %v", wait, want)
		}
		return giveBack
	}
	take(0)
	take(0)
	take(10 * time.Second)
	f.Advance(4 * time.Second)
	take(6 * time.Second)
	f.Advance(6 * time.Second)
	giveBack := take(0)
	take(10 * time.Second)
	giveBack()
	take(0)
	f.Advance(-time.Hour) // a clock that is set back locks nobody out for an hour
	take(10 * time.Second)
	f.Advance(10 * time.Second)
	take(0)
	f.Advance(time.Hour)
	take(0)
	take(0)
	take(10 * time.Second)
	// Memory is bounded: what was asked for longest ago is forgotten, not who goes on
	// asking, nor another kind.
	m.Take(ctx, "mail:x", 1, time.Hour)
	for i := range 60_000 {
		m.Take(ctx, fmt.Sprint("crowd:", i), 1, time.Hour)
		if wait, _ := m.Take(ctx, "crowd:busy", 1, time.Hour); i > 0 && wait == 0 {
			t.Fatal("forgotten while it keeps calling")
		}
	}
	if wait, _ := m.Take(ctx, "crowd:0", 1, time.Hour); wait > 0 {
		t.Error("nothing is forgotten")
	}
	if wait, _ := m.Take(ctx, "mail:x", 1, time.Hour); wait == 0 {
		t.Error("another kind was pushed out")
	}
}
