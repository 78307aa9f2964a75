package outbox_test

import (
	"fmt"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// person is somebody who has written once.
type person struct {
	customer, identity, conversation ids.ID
	name                             string
}

func (h *post) person(account *channels.Account, name string) person {
	h.t.Helper()
	r, err := h.Inbox.Receive(h.Ctx(), h.Inbound(account, name, "hello", "hello"))
	if err != nil {
		h.t.Fatal(err)
	}
	return person{r.Customer, r.Identity, r.Conversation, name}
}

var journey = channels.Source{Kind: channels.SourceJourney, Journey: 7, Version: 8, Enrollment: 9, Node: "ask", Name: "Invite"}

func (h *post) outreach(account *channels.Account, p person, purpose channels.Purpose, body string) channels.Outreach {
	h.sent++
	return channels.Outreach{IdempotencyKey: fmt.Sprint("o", h.sent), Account: account.ID, Channel: account.Channel, Identity: p.identity, Customer: p.customer,
		Purpose: purpose, Subject: "Come in", Body: body, Source: journey, Now: h.Clock.Now()}
}

func (h *post) sendOut(s channels.Outreach) channels.Enqueued {
	h.t.Helper()
	var d channels.Enqueued
	if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) {
		d, err = h.Outbox.SendTx(tx, s)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return d
}

func (h *post) rules(s outbox.Sending) {
	h.t.Helper()
	if _, err := h.Outbox.SetSending(h.Ctx(), h.Boss, s); err != nil {
		h.t.Fatal(err)
	}
}

var troubleFilter = inbox.TroubleFilter{Limit: 10}

// free is a day without rules but consent.
var free = outbox.Sending{Quiet: outbox.Quiet{From: "22:00", To: "08:00"}, Cap: outbox.Cap{Max: 3, Days: 7}}

// An outreach is stored with the wish, sent after it, told as an event, and
// never a second time.
func TestOutreachIsSent(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.rules(free)
		ming := h.person(h.account, "ming")
		wish := h.outreach(h.account, ming, channels.Marketing, "Hello Ming")
		d := h.sendOut(wish)
		again := h.sendOut(wish)
		if d.State != channels.Queued || again.ID != d.ID {
			t.Errorf("%+v, again %+v", d, again)
		}
		h.start("one", false)
		h.becomes(d.ID, channels.SentState)
		call := h.provider.Calls()[0]
		if call.Body != "Hello Ming" || call.Subject != "Come in" || call.Identity.Value != "ming" || !call.Automated || call.Conversation != 0 {
			t.Errorf("%+v", call)
		}
		same(t, "sends", len(h.provider.Calls()), 1)
		same(t, "event", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = ? AND e.customer_id = ?", customers.EventMessageSent, ming.customer), 1)
		same(t, "counted", h.Number("SELECT count(*) FROM delivery_contents WHERE sent_at > 0"), 1)
	})
}

// Who reads our own rows finds it in the thread, whose status stays.
func TestOutreachIsShown(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.rules(free)
		ming := h.person(h.Account, "ming")
		resolved := inbox.Resolved
		if _, err := h.Inbox.Update(h.Ctx(), h.Boss, ming.conversation, inbox.Update{Status: &resolved}); err != nil {
			t.Fatal(err)
		}
		d := h.sendOut(h.outreach(h.Account, ming, channels.Marketing, "Look here"))
		if d.State != channels.SentState || d.Conversation != ming.conversation || d.Message == 0 {
			t.Fatalf("%+v", d)
		}
		c, err := h.Inbox.Get(h.Ctx(), h.Boss, ming.conversation)
		if err != nil || c.Status != inbox.Resolved || c.LastMessage.Preview != "Look here" {
			t.Errorf("%+v %v", c, err)
		}
		thread, err := h.Inbox.ThreadAfter(h.Ctx(), inbox.Visitor{Account: h.Account.ID, Customer: ming.customer, Identity: ming.identity}, inbox.Place{}, 50)
		if err != nil || len(thread.Messages) != 2 || thread.Messages[1].Body != "Look here" || thread.Messages[1].AuthorName != nil {
			t.Errorf("%+v %v", thread, err)
		}
		if err := h.Inbox.CustomerRead(h.Ctx(), inbox.Visitor{Account: h.Account.ID, Customer: ming.customer, Identity: ming.identity}, ming.conversation, d.Seq); err != nil {
			t.Fatal(err)
		}
		same(t, "read", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = ?", customers.EventMessageRead), 1)
		// The answer says what was asked.
		r := h.Receive("ming", "yes", "yes please")
		c, err = h.Inbox.Get(h.Ctx(), h.Boss, r.Conversation)
		if err != nil || c.Status != inbox.Open || c.Context == nil || c.Context.DeliveryID != d.ID || c.Context.JourneyName != "Invite" || c.Context.NodeID != "ask" {
			t.Errorf("%+v %v", c.Context, err)
		}
	})
}
