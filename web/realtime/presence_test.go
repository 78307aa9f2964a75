package realtime_test

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/realtime"
)

// lossy loses payloads while it is told to.
type lossy struct {
	bus.Bus
	loses, mute *atomic.Bool
}

func (l lossy) Publish(topic string, payload []byte) {
	if len(payload) > 0 && (l.mute.Load() || l.loses.Load() && rand.IntN(2) == 0) {
		return
	}
	l.Bus.Publish(topic, payload)
}

// TestRosterOverALossyBus: whatever was lost, once hints arrive again a node knows
// who of the customers is on another.
func TestRosterOverALossyBus(t *testing.T) {
	machine, standing := still(t)
	var loses, mute, never atomic.Bool
	h := open(t, store.SQLite, standing, func(o *realtime.Options) { o.Bus = lossy{o.Bus, &loses, &never} })
	_, far, stop := h.node(t, "node-2", standing, func(o *realtime.Options) { o.Bus = lossy{o.Bus, &loses, &mute} })
	defer stop()
	const people = 12
	tokens, customers := make([]string, people), make([]ids.ID, people)
	for i := range people {
		v, token := h.browser()
		h.send(t, v, "1", "hello")
		tokens[i] = token
	}
	h.settled(t)
	rows, err := h.DB.SQL().QueryContext(h.Ctx(), "SELECT customer_id FROM conversations ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; rows.Next(); i++ {
		if err := rows.Scan(&customers[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	loses.Store(true)
	open := map[int]*client{}
	for range 60 {
		i := rand.IntN(people)
		if c := open[i]; c != nil {
			c.cut()
			delete(open, i)
			continue
		}
		c := dial(t, far, "/visitor/"+h.Account.Key, nil)
		c.say(map[string]any{"t": "hello", "visitor": tokens[i], "after": nil})
		c.next("hello")
		open[i] = c
	}
	loses.Store(false)
	testkit.Eventually(t, soon, "the other node is known", func() bool {
		machine.Advance(time.Second)
		for i, id := range customers {
			if h.hub.CustomerOnline(id) != (open[i] != nil) {
				return false
			}
		}
		return true
	})
	// A node that says no more takes its people with it, and that is told.
	staff, _ := h.staff(t, h.Boss, nil)
	if len(open) == 0 {
		c := dial(t, far, "/visitor/"+h.Account.Key, nil)
		c.say(map[string]any{"t": "hello", "visitor": tokens[0], "after": nil})
		staff.next("customer_presence")
	}
	mute.Store(true)
	testkit.Eventually(t, soon, "its people are gone", func() bool {
		machine.Advance(time.Second)
		for _, id := range customers {
			if h.hub.CustomerOnline(id) {
				return false
			}
		}
		return true
	})
	same(t, "online", string(staff.next("customer_presence").Online), "false")
}

// TestFarewell: people of a node that ends have a moment to come back elsewhere
// before anybody is told that they left.
func TestFarewell(t *testing.T) {
	machine, standing := still(t)
	h := open(t, store.SQLite, standing)
	_, far, stop := h.node(t, "node-2", standing)
	lin, mei := h.Teammate(auth.Principal{Role: auth.Agent}), h.Teammate(auth.Principal{Role: auth.Agent})
	v, token := h.browser()
	h.send(t, v, "1", "hello")
	h.settled(t)
	a, _ := h.staff(t, lin, nil)
	same(t, "online", string(a.next("presence").Online), fmt.Sprintf(`["%s"]`, lin.ID))
	own := h.server
	h.server = far
	h.staff(t, mei, nil)
	h.visitor(t, token, nil)
	h.server = own
	a.next("presence")
	f := a.next("customer_presence")
	same(t, "online", string(f.Online), "true")
	stop()
	if !h.hub.CustomerOnline(f.CustomerID) {
		t.Error("the customer is gone while the node says goodbye")
	}
	a.quiet()
	h.visitor(t, token, nil) // comes back here
	same(t, "still online", string(a.next("customer_presence").Online), "true")
	machine.AwaitSleepers(4)
	for range 7 {
		machine.Advance(time.Second)
		machine.AwaitSleepers(4)
	}
	same(t, "online after the farewell", string(a.next("presence").Online), fmt.Sprintf(`["%s"]`, lin.ID))
	if !h.hub.CustomerOnline(f.CustomerID) {
		t.Error("the customer, who is here, is gone")
	}
}
