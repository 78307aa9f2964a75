package outbox_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
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
		if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error { return h.Sender("undertaker", limits).ReleaseTx(tx, "sleeper") }); err != nil {
			t.Fatal(err)
		}
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
