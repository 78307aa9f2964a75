package realtime_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/realtime"
)

// watching opens a hall whose hub reads what its house stores, and counts how
// often it is asked.
func watching(t *testing.T, engine store.Engine, changes ...change) (h *hall, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	h = open(t, engine, append(changes, func(o *realtime.Options) {
		o.Shown = func(ctx context.Context, w realtime.Watched) ([]ids.ID, error) {
			asked.Add(1)
			if w.Of == realtime.WatchedCalls {
				return h.Customers.NewestCalls(ctx, 50)
			}
			return h.Customers.NewestEvents(ctx, w.Customer, 50)
		}
	})...)
	return h, asked
}

func (h *hall) person(name string) ids.ID { return h.Receive(name, "1", "hello").Customer }

func (h *hall) does(t *testing.T, customer ids.ID, name string) {
	t.Helper()
	if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: customer, Name: name, At: h.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
}

// long lets so much time pass that nothing has happened just now.
func (h *hall) long() { h.Clock.Advance(time.Minute) }

func (c *client) watch(of map[string]any) {
	c.t.Helper()
	of["t"] = "watch"
	c.say(of)
	c.say(map[string]any{"t": "ping"})
	c.next("pong") // it is noted
}

// What customers do is told to those who show it, and to nobody else.
func TestWatchers(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			h, _ := watching(t, engine)
			ming, lan := h.person("ming"), h.person("lan")
			h.long()
			of, everybody, other := h.watcher(t), h.watcher(t), h.watcher(t)
			of.watch(map[string]any{"customer_ids": []ids.ID{ming}})
			everybody.watch(map[string]any{"events": true})
			h.does(t, lan, "Looked")
			if f := everybody.next("wake"); f.text != `{"of":"events","t":"wake"}` {
				t.Error(f.text)
			}
			h.does(t, ming, "Bought")
			f := of.next("wake")
			same(t, "whom it is of", f.CustomerID, ming)
			everybody.next("wake")
			// Whoever looks elsewhere hears of that, and of nothing else.
			h.long()
			of.watch(map[string]any{"customer_ids": []ids.ID{lan}})
			everybody.watch(map[string]any{})
			h.does(t, ming, "Bought")
			h.does(t, lan, "Bought")
			same(t, "whom it is of", of.next("wake").CustomerID, lan)
			everybody.silent()
			other.silent()
		})
	}
}

// What came after a page has read, and before it was known to watch, is not lost.
func TestWatcherHearsOfWhatHasJustHappened(t *testing.T) {
	h, _ := watching(t, store.SQLite)
	ming := h.person("ming")
	h.does(t, ming, "Bought")
	c := h.watcher(t)
	c.say(map[string]any{"t": "watch", "customer_ids": []ids.ID{ming}})
	same(t, "whom it is of", c.next("wake").CustomerID, ming)
}

// Tracking calls are for those who connect programs.
func TestWatchersOfCalls(t *testing.T) {
	h, _ := watching(t, store.SQLite)
	c := h.watcher(t)
	c.watch(map[string]any{"calls": true})
	forbidden, _ := h.staff(t, h.Teammate(auth.Principal{Role: auth.Agent}), nil)
	forbidden.watch(map[string]any{"calls": true})
	h.Customers.RecordCall(customers.CallRecord{Type: "track", Event: "Bought", Status: customers.CallRefused})
	if err := h.Customers.FlushCalls(h.Ctx()); err != nil {
		t.Fatal(err)
	}
	if f := c.next("wake"); f.text != `{"of":"calls","t":"wake"}` {
		t.Error(f.text)
	}
	forbidden.silent()
}

// While nobody watches, nothing is read; otherwise rows are looked at by and by
// without a hint, too.
func TestWatchingWithoutHints(t *testing.T) {
	machine, standing := still(t)
	h, asked := watching(t, store.SQLite, standing)
	ming := h.person("ming")
	h.long()
	h.does(t, ming, "Bought")
	h.long()
	c := h.watcher(t)
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times for nobody", n)
	}
	c.watch(map[string]any{"customer_ids": []ids.ID{ming}})
	machine.AwaitSleepers(5) // the feed's poll, the sweeps, presence, expiry, the pause
	same(t, "asked", asked.Load(), int64(1))
	machine.Advance(500 * time.Millisecond)
	machine.AwaitSleepers(5)
	h.Run("INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts) SELECT id + 1, customer_id, identity_id, name_id, at + 1, received_at, properties, facts FROM events ORDER BY id DESC LIMIT 1")
	machine.Advance(2 * time.Second)
	same(t, "whom it is of", c.next("wake").CustomerID, ming)
}

// watcher opens the socket of somebody who may see everything.
func (h *hall) watcher(t *testing.T) *client {
	t.Helper()
	c, _ := h.staff(t, h.Boss, nil)
	return c
}

// silent demands that no wake has come.
func (c *client) silent() {
	c.t.Helper()
	c.say(map[string]any{"t": "ping"})
	if f := c.next("pong", "wake"); f.T == "wake" {
		c.t.Errorf("unexpected %s", f.text)
	}
}
