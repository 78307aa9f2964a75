package outbox_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
)

// A node that was stopped in the middle of a send, and taken for dead by another
// one, finds on waking that its lease is lost: what it was sending is unknown and
// stays so, and nobody sends it a second time.
func TestSleeperSendsOnce(t *testing.T) {
	var asleep, wake chan struct{}
	each(t, func() *channelstest.Provider {
		asleep, wake = make(chan struct{}), make(chan struct{})
		entered, woken := asleep, wake
		return &channelstest.Provider{Script: func(_ context.Context, out channels.Outbound) error {
			if out.Content.Body == "slow" {
				close(entered) // a second time would panic, which is told
				<-woken
			}
			return nil
		}}
	}, func(t *testing.T, h *post) {
		slow := h.write(h.conversation(h.account, "slow"), "slow")
		stop := h.start("sleeper", false)
		<-asleep
		h.undertake()
		h.start("other", false)
		h.becomes(slow, channels.Unknown)
		next := h.write(h.conversation(h.account, "next"), "next")
		h.becomes(next, channels.SentState)
		close(wake)
		stop()
		if got := h.row(slow); got.state != string(channels.Unknown) || h.provider.Times(slow) != 1 {
			t.Errorf("after waking the slow one is %v, sent %d times", got, h.provider.Times(slow))
		}
	})
}

// undertake ends the leases of the sleeper, as whoever buries its node does.
func (h *post) undertake() {
	h.t.Helper()
	if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error { return h.Sender("undertaker", limits).ReleaseTx(tx, "sleeper") }); err != nil {
		h.t.Error(err)
	}
}

// doze is the clock of a process that is stopped, once, at the first look at the
// time at which asleep says so: sleep is what happens meanwhile.
type doze struct {
	clock.Clock
	asleep func() bool
	sleep  func()

	mu    sync.Mutex
	slept time.Duration
}

// Now is the time, after the sleep half a minute later.
func (d *doze) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.slept == 0 && d.asleep() {
		d.sleep()
		d.slept = 30 * time.Second
	}
	return d.Clock.Now().Add(d.slept)
}

// A node that is stopped between two steps of a send goes on with none that another
// one has taken over or given up.
func TestSleeperBetweenTheSteps(t *testing.T) {
	for at, c := range map[channels.DeliveryState]struct {
		meanwhile channels.DeliveryState
		sends     int
		history   []string
	}{
		channels.Claimed: {channels.SentState, 1, []string{"sent"}},
		channels.Sending: {channels.Unknown, 0, []string{"unknown"}},
	} {
		t.Run(string(at), func(t *testing.T) {
			each(t, accepting, func(t *testing.T, h *post) {
				id := h.write(h.conversation(h.account, "lin"), "hi")
				woken := make(chan struct{})
				h.Machine = &doze{
					Clock:  h.Clock,
					asleep: func() bool { return h.row(id).state == string(at) },
					sleep: func() {
						defer close(woken)
						h.Machine = nil
						h.undertake()
						h.start("other", false)
						h.becomes(id, c.meanwhile)
					},
				}
				stop := h.start("sleeper", false)
				<-woken
				h.becomes(h.write(h.conversation(h.account, "mei"), "fine"), channels.SentState)
				stop()
				same(t, "state", h.row(id).state, c.meanwhile)
				same(t, "sends", h.provider.Times(id), c.sends)
				same(t, "history", h.history(id), c.history)
			})
		})
	}
}
