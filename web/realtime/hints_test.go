package realtime_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/realtime"
)

// still gives the hub a clock for its timers that stands until it is moved.
func still(t *testing.T) (*clock.Fake, change) {
	machine := testkit.Clock(t)
	return machine, func(o *realtime.Options) { o.Machine = machine }
}

func TestViewers(t *testing.T) {
	machine, standing := still(t)
	h := open(t, store.SQLite, standing)
	lin, mei := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"}), h.Teammate(auth.Principal{Role: auth.Agent, Name: "Mei"})
	blind := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
	id := h.Receive("v", "1", "hello").Conversation
	other := h.Receive("w", "1", "hello").Conversation
	h.Assign(id, h.Boss.ID)
	h.settled(t)
	a, _ := h.staff(t, lin, nil)
	b, _ := h.staff(t, mei, nil)
	x, _ := h.staff(t, blind, nil)
	viewers := func(c *client, want string) {
		t.Helper()
		f := c.next("viewers")
		same(t, "conversation", f.ID, id)
		same(t, "viewers", string(f.Viewers), want)
	}
	one := func(p auth.Principal, mode string) string {
		return fmt.Sprintf(`{"teammate_id":"%s","mode":"%s"}`, p.ID, mode)
	}
	a.say(map[string]any{"t": "view", "conversation_id": id, "mode": "viewing"})
	viewers(b, "["+one(lin, "viewing")+"]")
	b.say(map[string]any{"t": "view", "conversation_id": id, "mode": "replying"})
	both := "[" + one(lin, "viewing") + "," + one(mei, "replying") + "]"
	// Who comes is told who is there, and like everybody that it came; the first
	// may have the second in it.
	if first := string(b.next("viewers").Viewers); first != both {
		same(t, "viewers", first, "["+one(lin, "viewing")+"]")
	}
	viewers(b, both)
	a.say(map[string]any{"t": "view", "conversation_id": other, "mode": "viewing"})
	viewers(b, "["+one(mei, "replying")+"]")
	a.say(map[string]any{"t": "view", "conversation_id": nil})
	b.next("viewers") // the other conversation: lin came
	b.next("viewers") // and went
	// It expires unless it is repeated.
	for _, step := range []time.Duration{29 * time.Second, 5 * time.Second} {
		machine.AwaitSleepers(4) // the feed's poll, the sweeps, presence, expiry
		machine.Advance(step)
	}
	viewers(b, "[]")
	// A socket that ends looks away.
	b.say(map[string]any{"t": "view", "conversation_id": id, "mode": "viewing"})
	b.next("viewers")
	c, _ := h.staff(t, h.Boss, nil)
	b.cut()
	viewers(c, "[]")
	x.quiet() // who cannot see the conversation hears nothing of it
	x.say(map[string]any{"t": "view", "conversation_id": id, "mode": "viewing"})
	x.quiet()
	c.quiet()
}

func TestTyping(t *testing.T) {
	h := open(t, store.SQLite)
	lin, blind := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"}), h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
	viewer := h.Teammate(auth.Principal{Role: auth.Viewer})
	v, token := h.browser()
	id := h.send(t, v, "1", "hello").ConversationID
	h.Assign(id, lin.ID)
	h.settled(t)
	a, _ := h.staff(t, lin, nil)
	x, _ := h.staff(t, blind, nil)
	r, _ := h.staff(t, viewer, nil)
	c, _ := h.visitor(t, token, nil)
	_, strangerToken := h.browser()
	stranger, _ := h.visitor(t, strangerToken, nil)
	a.say(map[string]any{"t": "typing", "conversation_id": id, "on": true})
	if f := c.next("typing"); !f.On || f.Name != "Lin" {
		t.Errorf("%s", f.text)
	}
	c.say(map[string]any{"t": "typing", "on": true})
	if f := a.next("typing"); !f.On || f.From != "customer" || f.ID != id {
		t.Errorf("%s", f.text)
	}
	r.next("typing")
	for _, forbidden := range []*client{x, r} { // out of sight; may only read
		forbidden.say(map[string]any{"t": "typing", "conversation_id": id, "on": true})
		forbidden.quiet()
	}
	stranger.say(map[string]any{"t": "typing", "on": true}) // has no conversation yet
	stranger.quiet()
	a.say(map[string]any{"t": "typing", "conversation_id": id, "on": false})
	if f := c.next("typing"); f.On {
		t.Errorf("%s", f.text)
	}
	c.quiet()
	x.quiet()
	a.quiet()
}

func TestPresence(t *testing.T) {
	machine, standing := still(t)
	h := open(t, store.SQLite, standing)
	lin, mei := h.Teammate(auth.Principal{Role: auth.Agent}), h.Teammate(auth.Principal{Role: auth.Agent})
	v, token := h.browser()
	h.send(t, v, "1", "hello")
	h.settled(t)
	c, _ := h.visitor(t, token, nil)
	if f := c.next("online"); f.Teammates != 0 {
		t.Errorf("%s", f.text)
	}
	a, _ := h.staff(t, lin, nil)
	if f := c.next("online"); f.Teammates != 1 {
		t.Errorf("%s", f.text)
	}
	a.next("presence")
	b, _ := h.staff(t, mei, nil)
	all := func(who ...ids.ID) string {
		out := "["
		for i, id := range who {
			if i > 0 {
				out += ","
			}
			out += `"` + id.String() + `"`
		}
		return out + "]"
	}
	same(t, "online", string(a.next("presence").Online), all(lin.ID, mei.ID))
	again, _ := h.staff(t, mei, nil) // a second tab is nobody new
	b.cut()
	again.quiet()
	again.cut()
	same(t, "online", string(a.next("presence").Online), all(lin.ID))
	// Another node's teammates are here until it has been silent for too long.
	h.Bus.Publish("hints", []byte(fmt.Sprintf(`{"kind":"presence","node":"far","online":["%s"]}`, mei.ID)))
	same(t, "online", string(a.next("presence").Online), all(lin.ID, mei.ID))
	machine.AwaitSleepers(4)
	for range 46 {
		machine.Advance(time.Second)
		a.say(map[string]any{"t": "ping"})
		if a.next("pong", "presence").T == "presence" {
			break
		}
	}
}

// Teammates hear when a customer they see comes and goes, with all tabs.
func TestCustomerPresence(t *testing.T) {
	h := open(t, store.SQLite)
	v, token := h.browser()
	staff, _ := h.staff(t, h.Boss, nil)
	first, _ := h.visitor(t, token, nil)
	h.send(t, v, "1", "hello") // by HTTP: the open socket turns out to be a customer's
	f := staff.next("customer_presence")
	if string(f.Online) != "true" || !h.hub.CustomerOnline(f.CustomerID) {
		t.Errorf("%s", f.text)
	}
	second, _ := h.visitor(t, token, nil)
	first.cut()
	second.quiet("conversation", "message")
	second.cut()
	if f := staff.next("customer_presence"); string(f.Online) == "true" || h.hub.CustomerOnline(f.CustomerID) {
		t.Errorf("%s", f.text)
	}
	h.visitor(t, token, nil)
	if f := staff.next("customer_presence"); string(f.Online) != "true" {
		t.Errorf("%s", f.text)
	}
}
