package outbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

func metered(script **gate) func() *channelstest.Provider {
	return func() *channelstest.Provider {
		*script = newGate()
		return &channelstest.Provider{Allowance: true, Script: (*script).script}
	}
}

// allowed opens a conversation whose customer allows n messages for an hour.
func (h *post) allowed(recipient string, n int) ids.ID {
	h.t.Helper()
	in := h.Inbound(h.account, recipient, "hello", "hello")
	in.Grants = []channels.Grant{{Trigger: channels.TriggerMessage, Count: n, Until: h.Clock.Now().Add(time.Hour)}}
	r, err := h.Inbox.Receive(h.Ctx(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Conversation
}

func (h *post) left(conversation ids.ID) int {
	h.t.Helper()
	c, err := h.Inbox.Get(h.Ctx(), h.Boss, conversation)
	if err != nil {
		h.t.Fatal(err)
	}
	return c.Allowance.Left(h.Clock.Now())
}

// Each send takes one; when all are gone the rest fails with a reason and the
// provider hears nothing of it.
func TestSendsAreCounted(t *testing.T) {
	var g *gate
	each(t, metered(&g), func(t *testing.T, h *post) {
		c := h.allowed("lin", 2)
		var sent []ids.ID
		for i := range 3 {
			sent = append(sent, h.write(c, fmt.Sprint(i)))
		}
		h.start("one", false)
		h.becomes(sent[2], channels.Failed)
		same(t, "why", h.row(sent[2]).code, allowance.Spent)
		same(t, "sent", h.provider.Bodies("lin"), []string{"0", "1"})
		same(t, "left", h.left(c), 0)
		same(t, "told", h.Number(`SELECT count(*) FROM changes WHERE kind = 'delivery' AND payload LIKE '%"left":0%' AND conversation_id = ?`, c) > 0, true)
	})
}

// A text is one message and each picture another, as the provider counts them.
func TestPicturesAreCounted(t *testing.T) {
	var g *gate
	each(t, metered(&g), func(t *testing.T, h *post) {
		c := h.allowed("lin", 5)
		pictures := func(n int) (list []ids.ID) {
			for range n {
				list = append(list, h.Upload(inbox.OwnerOf(h.Boss)))
			}
			return list
		}
		h.start("one", false)
		m, err := h.Inbox.Write(h.Ctx(), h.Boss, c, inbox.Write{ClientKey: "two", Kind: inbox.KindText, Body: "look", Attachments: pictures(2)})
		if err != nil {
			t.Fatal(err)
		}
		h.becomes(m.Delivery.ID, channels.SentState)
		same(t, "left", h.left(c), 2)
		_, err = h.Inbox.Write(h.Ctx(), h.Boss, c, inbox.Write{ClientKey: "three", Kind: inbox.KindText, Attachments: pictures(3)})
		house.Refused(t, err, allowance.Short, "")
		g.answer("refused", &channels.SendError{Outcome: channels.Refused, Code: "send_failed"})
		if m, err = h.Inbox.Write(h.Ctx(), h.Boss, c, inbox.Write{ClientKey: "four", Kind: inbox.KindText, Body: "refused", Attachments: pictures(1)}); err != nil {
			t.Fatal(err)
		}
		h.becomes(m.Delivery.ID, channels.Failed)
		same(t, "left of what was given back", h.left(c), 2)
	})
}

// What certainly reached nobody is given back; what may have is not.
func TestWhatFailedIsGivenBack(t *testing.T) {
	var g *gate
	each(t, metered(&g), func(t *testing.T, h *post) {
		c := h.allowed("lin", 3)
		g.answer("refused", &channels.SendError{Outcome: channels.Refused, Code: "send_failed"})
		g.answer("busy", &channels.SendError{Outcome: channels.Temporary, Code: "send_failed", RetryAfter: time.Minute})
		g.answer("lost", errors.New("the line broke"))
		h.start("one", false)
		h.becomes(h.write(c, "refused"), channels.Failed)
		same(t, "after a refusal", h.left(c), 3)
		busy := h.write(c, "busy")
		testkit.Eventually(t, soon, "it waits for another try", func() bool { r := h.row(busy); return r.state == "queued" && r.attempt == 1 })
		h.Clock.AwaitSleepers(1)
		h.pass(time.Minute)
		h.becomes(busy, channels.SentState)
		same(t, "after two attempts", h.left(c), 2)
		h.becomes(h.write(c, "lost"), channels.Unknown)
		same(t, "after one that may have arrived", h.left(c), 1)
	})
}

// The provider knows better: when it says that nothing is left, nothing is.
func TestTheProviderCountsToo(t *testing.T) {
	var g *gate
	each(t, metered(&g), func(t *testing.T, h *post) {
		c := h.allowed("lin", 5)
		g.answer("no", &channels.SendError{Outcome: channels.Refused, Code: allowance.Spent, Spent: true})
		g.answer("half", &channels.SendError{Outcome: channels.Ambiguous, Code: "in_part", Spent: true})
		h.start("one", false)
		h.becomes(h.write(c, "no"), channels.Failed)
		same(t, "left", h.left(c), 0)
		other := h.allowed("bo", 5)
		h.becomes(h.write(other, "half"), channels.Unknown)
		same(t, "left after a part", h.left(other), 0)
	})
}

// What the provider tells afterwards only moves forward, and clears a doubt.
func TestReceipts(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		c := h.conversation(h.account, "lin")
		id := h.write(c, "hi")
		h.start("one", false)
		h.becomes(id, channels.SentState)
		ref := h.Words("SELECT provider_ref FROM deliveries WHERE id = ?", id)
		for _, step := range []struct {
			ref   string
			state channels.DeliveryState
			found bool
			want  string
		}{
			{"nobody's", channels.Delivered, false, "sent"}, {"", channels.Delivered, false, "sent"},
			{ref, channels.Delivered, true, "delivered"}, {ref, channels.SentState, true, "delivered"}, {ref, channels.Read, true, "read"}, {ref, channels.Delivered, true, "read"},
			{ref, channels.Failed, true, "failed"}, {ref, channels.Read, true, "failed"},
		} {
			found, err := h.Sender("other", limits).Receipt(h.Ctx(), h.account.ID, step.ref, outbox.Receipt{State: step.state, Code: "mail_bounced", Detail: "550 no"})
			if err != nil || found != step.found || h.row(id).state != step.want {
				t.Errorf("%s %s: %v %v, it is %s, want %s", step.ref, step.state, found, err, h.row(id).state, step.want)
			}
		}
		if said := h.Words("SELECT error_detail FROM deliveries WHERE id = ?", id); said != "550 no" {
			t.Errorf("it said %q", said)
		}
		h.Run("UPDATE deliveries SET state = 'unknown' WHERE id = ?", id)
		if _, err := h.Sender("other", limits).Receipt(h.Ctx(), h.account.ID, ref, outbox.Receipt{State: channels.SentState}); err != nil || h.row(id).state != "sent" {
			t.Errorf("%v, it is %s", err, h.row(id).state)
		}
	})
}

// Who has blocked us is not written to again until they write themselves or a
// person lifts it; the provider hears nothing of it.
func TestSuppression(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		c := h.conversation(h.account, "lin")
		identity := ids.ID(h.Number("SELECT identity_id FROM conversations WHERE id = ?", c))
		g.answer("blocked", &channels.SendError{Outcome: channels.Refused, Code: "send_failed", Suppress: true})
		h.start("one", false)
		h.becomes(h.write(c, "blocked"), channels.Failed)
		again := h.write(c, "again")
		h.becomes(again, channels.Failed)
		same(t, "why", h.row(again).code, outbox.Suppressed)
		if err := h.Outbox.Unsuppress(h.Ctx(), identity); err != nil {
			t.Fatal(err)
		}
		lifted := h.write(c, "lifted")
		h.becomes(lifted, channels.SentState)
		// A bounce that comes later suppresses, too; the customer's next message lifts it.
		ref := h.Words("SELECT provider_ref FROM deliveries WHERE id = ?", lifted)
		if _, err := h.Outbox.Receipt(h.Ctx(), h.account.ID, ref, outbox.Receipt{State: channels.Failed, Code: "mail_bounced", Suppress: true}); err != nil {
			t.Fatal(err)
		}
		h.becomes(h.write(c, "bounces"), channels.Failed)
		in := h.Inbound(h.account, "lin", "back", "I am back")
		if _, err := h.Inbox.Receive(h.Ctx(), in); err != nil {
			t.Fatal(err)
		}
		h.becomes(h.write(c, "welcome back"), channels.SentState)
		same(t, "sent", h.provider.Bodies("lin"), []string{"blocked", "lifted", "welcome back"})
		if err := h.Outbox.Unsuppress(h.Ctx(), 9); err == nil {
			t.Error("nobody's suppression is lifted")
		}
	})
}
