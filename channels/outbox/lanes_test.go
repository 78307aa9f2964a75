package outbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

// gate is a script that holds what it is told to hold.
type gate struct {
	mu   sync.Mutex
	held map[string]chan struct{} // body → until when
	err  map[string]error         // body → what to answer, once
}

func newGate() *gate { return &gate{held: map[string]chan struct{}{}, err: map[string]error{}} }

func (g *gate) hold(body string) (release func()) {
	c := make(chan struct{})
	g.mu.Lock()
	g.held[body] = c
	g.mu.Unlock()
	var once sync.Once
	return func() { once.Do(func() { close(c) }) }
}

func (g *gate) answer(body string, err error) {
	g.mu.Lock()
	g.err[body] = err
	g.mu.Unlock()
}

func (g *gate) script(_ context.Context, out channels.Outbound) error {
	g.mu.Lock()
	c, err := g.held[out.Body], g.err[out.Body]
	delete(g.err, out.Body)
	g.mu.Unlock()
	if c != nil {
		<-c
	}
	return err
}

func gated(g **gate) func() *channelstest.Provider {
	return func() *channelstest.Provider {
		*g = newGate()
		return &channelstest.Provider{Script: (*g).script}
	}
}

// Within a conversation messages go out in their order and one at a time,
// whatever fails on the way; conversations do not wait for each other.
func TestOrderWithinAConversation(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		g.answer("b2", &channels.SendError{Outcome: channels.Temporary, Code: "send_failed", RetryAfter: time.Minute})
		g.answer("a1", &channels.SendError{Outcome: channels.Refused, Code: "send_failed"})
		a, b := h.conversation(h.account, "a"), h.conversation(h.account, "b")
		var last []ids.ID
		for i := range 5 {
			last = []ids.ID{h.write(a, fmt.Sprint("a", i)), h.write(b, fmt.Sprint("b", i))}
		}
		h.start("one", false)
		h.becomes(last[0], channels.SentState)
		testkit.Eventually(t, soon, "b waits for its third", func() bool { return len(h.provider.Bodies("b")) == 3 })
		h.Clock.AwaitSleepers(1)
		same(t, "sent to b", h.provider.Bodies("b"), []string{"b0", "b1", "b2"})
		h.pass(time.Minute)
		h.becomes(last[1], channels.SentState)
		same(t, "sent to a", h.provider.Bodies("a"), []string{"a0", "a1", "a2", "a3", "a4"})
		same(t, "sent to b", h.provider.Bodies("b"), []string{"b0", "b1", "b2", "b2", "b3", "b4"})
		for _, r := range []string{"a", "b"} {
			same(t, "at once to "+r, h.provider.MostAtOnce(r), 1)
		}
	})
}

// An earlier one that is retried by hand waits for the one on its way.
func TestARetryWaitsForItsLane(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		g.answer("first", &channels.SendError{Outcome: channels.Refused, Code: "send_failed"})
		release := g.hold("second")
		c := h.conversation(h.account, "lin")
		first := h.write(c, "first")
		h.start("one", false)
		h.becomes(first, channels.Failed)
		second := h.write(c, "second")
		h.heard(2)
		if _, err := h.Inbox.Retry(h.Ctx(), h.Boss, first); err != nil {
			t.Fatal(err)
		}
		third := h.write(c, "third")
		other := h.write(h.conversation(h.account, "mei"), "other") // proves that rounds go on
		h.becomes(other, channels.SentState)
		same(t, "sent to lin", h.provider.Bodies("lin"), []string{"first", "second"})
		release()
		h.becomes(third, channels.SentState)
		h.becomes(second, channels.SentState)
		same(t, "sent to lin", h.provider.Bodies("lin"), []string{"first", "second", "first", "third"})
		same(t, "at once", h.provider.MostAtOnce("lin"), 1)
	})
}

// A provider that hangs for one account delays nobody else, and not even a stop.
func TestAHangingProvider(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		release := g.hold("stuck")
		defer release()
		slow, quick := h.account, h.newAccount()
		var stuck []ids.ID
		for i := range limits.PerAccount + 2 {
			stuck = append(stuck, h.write(h.conversation(slow, fmt.Sprint("slow ", i)), "stuck"))
		}
		stop := h.start("one", false)
		h.heard(limits.PerAccount)
		for i := range 6 {
			h.becomes(h.write(h.conversation(quick, fmt.Sprint("quick ", i)), "fine"), channels.SentState)
		}
		// No more than the account's share is under way.
		same(t, "stuck", h.Number("SELECT count(*) FROM deliveries WHERE account_id = ? AND state = 'sending'", slow.ID), limits.PerAccount)
		h.Clock.AwaitSleepers(limits.PerAccount + 1)
		h.Clock.Advance(limits.SendTimeout)
		h.Clock.AwaitSleepers(limits.PerAccount + 1) // the calls again, and the dispatcher
		h.Clock.Advance(5 * time.Second)
		unknown := 0
		testkit.Eventually(t, soon, "those under way are unknown", func() bool {
			unknown = 0
			for _, id := range stuck {
				if h.row(id).state == "unknown" {
					unknown++
				}
			}
			return unknown >= limits.PerAccount
		})
		done := make(chan struct{})
		go func() { stop(); close(done) }()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				h.Clock.Advance(limits.SendTimeout)
			}
		}
	})
}

// What people write waits for nothing that is sent by itself, however much of that
// is due before it and however long it takes.
func TestRepliesGoFirst(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		release := g.hold("news")
		defer release()
		const many = 30
		for i := range many {
			h.write(h.conversation(h.account, fmt.Sprint("reader ", i)), "news")
		}
		h.Run("UPDATE deliveries SET automated = TRUE, next_at = next_at - 60000")
		h.start("one", false)
		h.heard(limits.PerAccount)
		h.becomes(h.write(h.conversation(h.account, "lin"), "answer"), channels.SentState)
		same(t, "automated under way", h.Number("SELECT count(*) FROM deliveries WHERE automated AND state = 'sending'"), limits.PerAccount)
		release()
		testkit.Eventually(t, soon, "all are sent", func() bool {
			return h.Number("SELECT count(*) FROM deliveries WHERE state = 'sent'") == many+1
		})
	})
}

// When the call takes too long its context ends, and what the adapter then says counts.
func TestSendTimeout(t *testing.T) {
	each(t, func() *channelstest.Provider {
		return &channelstest.Provider{Script: func(ctx context.Context, _ channels.Outbound) error {
			<-ctx.Done()
			if context.Cause(ctx) == nil || ctx.Err() == nil {
				return nil
			}
			return &channels.SendError{Outcome: channels.Temporary, Code: "send_failed", Err: context.Cause(ctx)}
		}}
	}, func(t *testing.T, h *post) {
		id := h.write(h.conversation(h.account, "lin"), "hi")
		h.start("one", false)
		h.heard(1)
		h.Clock.AwaitSleepers(2)
		h.Clock.Advance(limits.SendTimeout)
		testkit.Eventually(t, soon, "it is queued again", func() bool { r := h.row(id); return r.state == "queued" && r.attempt == 1 })
	})
}

// Two dispatchers never send one delivery twice and keep the order.
func TestTwoDispatchers(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		const lanes, each = 12, 8
		var all []ids.ID
		var conversations []ids.ID
		for l := range lanes {
			conversations = append(conversations, h.conversation(h.account, fmt.Sprint("r", l)))
		}
		h.start("one", false)
		h.start("two", false)
		for i := range each {
			for _, c := range conversations {
				all = append(all, h.write(c, fmt.Sprint(i)))
			}
		}
		for _, id := range all {
			testkit.Eventually(t, 3*soon, "everything is sent", func() bool {
				if h.row(id).state == "sent" {
					return true
				}
				h.Bus.Publish(outboxTopic, nil) // what another process finished is found by polling
				return false
			})
			same(t, "sends", h.provider.Times(id), 1)
		}
		for l := range lanes {
			r := fmt.Sprint("r", l)
			same(t, "order to "+r, h.provider.Bodies(r), []string{"0", "1", "2", "3", "4", "5", "6", "7"})
			same(t, "at once to "+r, h.provider.MostAtOnce(r), 1)
		}
	})
}

const outboxTopic = "deliveries"

// abandon leaves a delivery in a state as a process leaves it that dies.
func (h *post) abandon(id ids.ID, state channels.DeliveryState, until time.Time) {
	h.t.Helper()
	h.Run("UPDATE deliveries SET state = ?, leased_by = 'dead', lease_until = ? WHERE id = ?", string(state), until.UnixMilli(), id)
	if state == channels.Sending {
		h.Run("UPDATE deliveries SET attempt = 1 WHERE id = ?", id)
		h.Run("INSERT INTO delivery_attempts (delivery_id, attempt, started_at, outcome) VALUES (?, 1, 0, 'sending')", id)
	}
}

// What a dead process has left is settled: a claim is undone, a send that may
// have happened is shown, or repeated where the provider deduplicates.
func TestCrashes(t *testing.T) {
	for name, c := range map[string]struct {
		deduplicates bool
		left         channels.DeliveryState
		state        channels.DeliveryState
		sends        int
		history      []string
	}{
		"between claim and sending":              {false, channels.Claimed, channels.SentState, 1, []string{"sent"}},
		"between sending and settle":             {false, channels.Sending, channels.Unknown, 0, []string{"unknown"}},
		"between sending and settle, repeatable": {true, channels.Sending, channels.SentState, 1, []string{"queued", "sent"}},
		"after settle":                           {false, channels.SentState, channels.SentState, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func() *channelstest.Provider { return &channelstest.Provider{Deduplicates: c.deduplicates} }, func(t *testing.T, h *post) {
				check := func(id ids.ID) {
					t.Helper()
					h.becomes(id, c.state)
					same(t, "sends", h.provider.Times(id), c.sends)
					same(t, "history", h.history(id), c.history)
				}
				// Started as the only process, a dispatcher does not wait for leases,
				// not even for one that the clock has gone behind.
				only := h.write(h.conversation(h.account, "only"), "hi")
				h.abandon(only, c.left, h.Clock.Now().Add(48*time.Hour))
				stop := h.start("one", true)
				check(only)
				stop()
				// Beside others it waits until the lease is over.
				id := h.write(h.conversation(h.account, "lin"), "hi")
				h.abandon(id, c.left, h.Clock.Now().Add(limits.Lease))
				h.start("two", false)
				h.Clock.AwaitSleepers(1)
				if c.left != c.state {
					same(t, "while the lease lasts", h.row(id).state, c.left)
				}
				h.pass(limits.Lease)
				h.Clock.AwaitSleepers(1)
				h.pass(time.Millisecond)
				check(id)
			})
		})
	}
}

// Set forward or back, the clock neither repeats nor loses what is under way.
func TestClockSteps(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		release := g.hold("slow")
		id := h.write(h.conversation(h.account, "lin"), "slow")
		h.start("one", false)
		h.heard(1)
		h.Clock.Advance(-time.Hour) // the lease seems to last for more than an hour
		h.becomes(h.write(h.conversation(h.account, "mei"), "fine"), channels.SentState)
		same(t, "state", h.row(id).state, "sending")
		release()
		h.becomes(id, channels.SentState)
		same(t, "sends", h.provider.Times(id), 1)
		// What a dead process left before the clock was set back is not left for an hour.
		lost := h.write(h.conversation(h.account, "hua"), "lost")
		h.Run("UPDATE deliveries SET state = 'claimed', leased_by = 'dead', lease_until = ? WHERE id = ?", h.Clock.Now().Add(time.Hour).UnixMilli(), lost)
		h.Bus.Publish(outboxTopic, nil)
		h.becomes(lost, channels.SentState)
	})
}

// The sandbox's clock, which one node may have moved before the others hear of it,
// ends no lease: those are told by the machine's.
func TestAnotherTimeEndsNoLease(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			machine, provider := clock.NewFake(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC)), accepting()
			h := &post{t: t, provider: provider, House: house.New(t, engine, house.Options{Adapters: []channels.Adapter{provider}, Limits: limits, Machine: machine})}
			h.account = h.newAccount()
			elsewhere := h.write(h.conversation(h.account, "lin"), "being sent by another node")
			h.abandon(elsewhere, channels.Sending, machine.Now().Add(limits.Lease))
			h.Clock.Advance(30 * 24 * time.Hour)
			stop := h.start("moved", false)
			defer stop()
			h.becomes(h.write(h.conversation(h.account, "mei"), "fine"), channels.SentState)
			same(t, "while it is being sent", h.row(elsewhere).state, channels.Sending)
			machine.Advance(limits.Lease + time.Millisecond)
			h.Bus.Publish(outboxTopic, nil)
			h.becomes(elsewhere, channels.Unknown)
			same(t, "sends", provider.Times(elsewhere), 0)
		})
	}
}

// A shutdown finishes what has begun and gives back what has not.
func TestStop(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		release := g.hold("slow")
		slow := h.write(h.conversation(h.account, "lin"), "slow")
		stop := h.start("one", false)
		h.heard(1)
		done := make(chan struct{})
		go func() { stop(); close(done) }()
		release()
		<-done
		same(t, "state", h.row(slow).state, "sent")
		next := h.write(h.conversation(h.account, "mei"), "next")
		same(t, "state", h.row(next).state, "queued")
		h.start("two", false)
		h.becomes(next, channels.SentState)
	})
}
