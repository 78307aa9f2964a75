package inbox_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// as is a visitor behind a received message.
func as(h *house.House, r channels.Received, known bool) inbox.Visitor {
	return inbox.Visitor{Account: h.Account.ID, Customer: r.Customer, Identity: r.Identity, Known: known}
}

func texts(messages []inbox.VisitorMessage) (out []string) {
	for _, m := range messages {
		out = append(out, m.Body)
	}
	return out
}

// device is how a browser is identified.
func device(account *channels.Account, visitor string) customers.Key {
	return customers.Key{Kind: customers.KindVisitor, Namespace: account.ID.String(), Value: visitor}
}

func person(id string) customers.Key {
	return customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: id}
}

func identify(t *testing.T, h *house.House, account *channels.Account, visitor, user string) customers.Identified {
	t.Helper()
	got, err := h.Customers.Identify(h.Ctx(), device(account, visitor), person(user), customers.Traits{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCustomersNeverSeeNotesAndActivities(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r := h.Receive("v", "1", "hello")
		if _, err := h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "n", Kind: inbox.KindNote, Body: "SECRET note"}); err != nil {
			t.Fatal(err)
		}
		update(t, h, h.Boss, r.Conversation, inbox.Update{Assignee: &h.Boss.ID, Status: ptr(inbox.Resolved)})
		m := h.Reply(h.Boss, r.Conversation, "k", "hi")
		thread, err := h.Inbox.ThreadAfter(h.Ctx(), as(h, r, false), inbox.Place{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "thread", texts(thread.Messages), []string{"hello", "hi"})
		in, out := thread.Messages[0], thread.Messages[1]
		if in.AuthorName != nil || *in.ClientKey != "1" || *out.AuthorName != "Boss" || out.ClientKey != nil || out.Seq != m.Seq {
			t.Errorf("%+v %+v", in, out)
		}
		if c := thread.Current; c.Status != inbox.Resolved || *c.AssigneeName != "Boss" || c.LastSeq != m.Seq || thread.Unread != 1 {
			t.Errorf("%+v", thread)
		}
		for _, payload := range []string{"SECRET", "assigned", "activity", "note"} {
			if n := h.Number("SELECT count(*) FROM changes WHERE visitor_payload LIKE ?", "%"+payload+"%"); n != 0 {
				t.Errorf("%q is in %d changes for visitors", payload, n)
			}
		}
		note := thread.Messages[1].Seq - 3
		if got := h.Words("SELECT kind FROM messages WHERE seq = ?", note); got == "text" {
			t.Errorf("seq %d is a %s", note, got)
		}
		_, err = h.Inbox.VisitorMessage(h.Ctx(), ids.ID(h.Number("SELECT id FROM messages WHERE kind = 'note'")))
		house.Refused(t, err, "not_found", "")
	})
}

// Anonymous, a device sees only what came through itself; identified, all.
func TestThreadsOfDevices(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		phone, laptop := h.Receive("phone", "1", "from the phone"), h.Receive("laptop", "1", "from the laptop")
		stranger := h.Receive("stranger", "1", "somebody else")
		other := h.NewAccount("Other", nil)
		if _, err := h.Inbox.Receive(h.Ctx(), h.Inbound(other, "phone", "1", "on another site")); err != nil {
			t.Fatal(err)
		}
		read := func(v inbox.Visitor) []string {
			t.Helper()
			thread, err := h.Inbox.ThreadBefore(h.Ctx(), v, inbox.Place{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			return texts(thread.Messages)
		}
		same(t, "phone", read(as(h, phone, false)), []string{"from the phone"})
		same(t, "laptop", read(as(h, laptop, false)), []string{"from the laptop"})
		known := identify(t, h, h.Account, "phone", "u1").Customer
		identify(t, h, h.Account, "laptop", "u1")
		phone.Customer, laptop.Customer = known, known
		same(t, "identified", read(as(h, phone, true)), []string{"from the phone", "from the laptop"})
		same(t, "the same customer without proof", read(as(h, laptop, false)), []string{"from the laptop"})
		same(t, "a stranger", read(as(h, stranger, false)), []string{"somebody else"})
		// A device without proof has no part in the newer conversation of another device.
		if c, unread, err := h.Inbox.Current(h.Ctx(), as(h, phone, false)); err != nil || unread != 0 || c != nil && c.ID != phone.Conversation {
			t.Errorf("%+v %d %v", c, unread, err)
		}
	})
}

// Paging either way over several conversations gives every message once and in order.
func TestPagesOfACustomersThread(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var want []string
		var r channels.Received
		for d := range 3 {
			for i := range 7 {
				text := fmt.Sprint(d, "-", i)
				r = h.Receive(fmt.Sprint("device ", d), fmt.Sprint(i), text)
				want = append(want, text)
			}
			identify(t, h, h.Account, fmt.Sprint("device ", d), "u")
		}
		r.Customer = identify(t, h, h.Account, "device 2", "u").Customer
		v := as(h, r, true)
		for limit := 1; limit < 24; limit += 3 {
			var forward, backward []string
			var at inbox.Place
			for more := true; more; {
				page, err := h.Inbox.ThreadAfter(h.Ctx(), v, at, limit)
				if err != nil {
					t.Fatal(err)
				}
				forward = append(forward, texts(page.Messages)...)
				if more = page.More; more {
					last := page.Messages[len(page.Messages)-1]
					at = inbox.Place{Conversation: last.ConversationID, Seq: last.Seq}
				}
			}
			at = inbox.Place{}
			for more := true; more; {
				page, err := h.Inbox.ThreadBefore(h.Ctx(), v, at, limit)
				if err != nil {
					t.Fatal(err)
				}
				backward = append(texts(page.Messages), backward...)
				if more = page.More; more {
					at = inbox.Place{Conversation: page.Messages[0].ConversationID, Seq: page.Messages[0].Seq}
				}
			}
			same(t, "forward", forward, want)
			same(t, "backward", backward, want)
		}
	})
}

func TestCustomerReadMarks(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r, other := h.Receive("v", "1", "hello"), h.Receive("w", "1", "hello")
		v := as(h, r, false)
		h.Reply(h.Boss, r.Conversation, "a", "one")   // 3
		h.Reply(h.Boss, r.Conversation, "b", "two")   // 4
		h.Reply(h.Boss, r.Conversation, "c", "three") // 5
		for _, step := range []struct{ seq, mark, unread, deliveriesRead int64 }{{3, 3, 2, 1}, {2, 3, 2, 1}, {-5, 3, 2, 1}, {99, 5, 0, 3}, {5, 5, 0, 3}} {
			if err := h.Inbox.CustomerRead(h.Ctx(), v, r.Conversation, step.seq); err != nil {
				t.Fatal(err)
			}
			c, unread, err := h.Inbox.Current(h.Ctx(), v)
			if err != nil || c.CustomerReadSeq != step.mark || unread != step.unread {
				t.Errorf("after %d: %+v %d %v", step.seq, c, unread, err)
			}
			same(t, "deliveries read", h.Number("SELECT count(*) FROM deliveries WHERE state = 'read'"), step.deliveriesRead)
		}
		same(t, "changes", h.Number("SELECT count(*) FROM changes WHERE kind = 'customer_read'"), 2)
		before := h.Dump()
		elsewhere := v
		elsewhere.Account++
		for _, c := range []struct {
			v  inbox.Visitor
			id ids.ID
		}{{v, other.Conversation}, {as(h, other, false), r.Conversation}, {elsewhere, r.Conversation}, {v, 77}, {inbox.Visitor{Account: v.Account, Customer: v.Customer, Identity: other.Identity}, r.Conversation}} {
			house.Refused(t, h.Inbox.CustomerRead(h.Ctx(), c.v, c.id, 1), "not_found", "")
		}
		same(t, "what is stored", h.Dump(), before)
	})
}

// When a device turns out to be a known person's, its conversation follows and
// everybody who sees it is told.
func TestConversationsMoveWithTheirDevice(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r := h.Receive("v", "1", "hello")
		version := get(t, h, h.Boss, r.Conversation).Version
		known := identify(t, h, h.Account, "v", "u1").Customer
		c := get(t, h, h.Boss, r.Conversation)
		if c.Customer.ID != known || c.Version <= version || known == r.Customer {
			t.Errorf("%+v", c)
		}
		if n := h.Number("SELECT count(*) FROM changes WHERE kind = 'conversation' AND conversation_id = ? AND customer_id = ? AND audience = 'inbox' AND existed", r.Conversation, known); n != 1 {
			t.Errorf("told %d times", n)
		}
		same(t, "the next message's conversation", h.Receive("v", "2", "more").Conversation, r.Conversation)
		list, err := h.Inbox.List(h.Ctx(), h.Boss, inbox.Filter{Customer: known, Limit: 10})
		if err != nil || len(list) != 1 {
			t.Errorf("%v %v", list, err)
		}
		same(t, "events of the old record", h.Number("SELECT count(*) FROM events WHERE customer_id = ?", r.Customer), 0)
		old, err := h.Customers.Get(h.Ctx(), r.Customer)
		if err != nil || old.ID != known {
			t.Errorf("the old id leads to %+v, %v", old, err)
		}
	})
}

func TestLoadOutbound(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r := h.Receive("v", "1", "hello")
		file := h.Upload(inbox.OwnerOf(h.Boss))
		m, err := h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: "hi", Attachments: []ids.ID{file}})
		if err != nil {
			t.Fatal(err)
		}
		out, err := h.Inbox.LoadOutbound(h.Ctx(), m.ID, r.Identity)
		if err != nil || out.Body != "hi" || len(out.Files) != 1 || out.Files[0].Name != "cat.png" || out.Files[0].ContentType != "image/png" ||
			out.Identity != (channels.Identity{Kind: "visitor", Namespace: h.Account.ID.String(), Value: "v"}) || out.InReplyTo != "v:1" || len(out.References) != 1 {
			t.Errorf("%+v %v", out, err)
		}
		for _, c := range [][2]ids.ID{{m.ID, 1}, {1, r.Identity}} {
			_, err := h.Inbox.LoadOutbound(h.Ctx(), c[0], c[1])
			house.Refused(t, err, "not_found", "")
		}
	})
}

func TestWhereabouts(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r := h.Receive("v", "1", "hello")
		team := h.Team("Support")
		update(t, h, h.Boss, r.Conversation, inbox.Update{Assignee: &h.Boss.ID, Team: &team})
		w, ok, err := h.Inbox.Whereabouts(h.Ctx(), as(h, r, false))
		if err != nil || !ok || w != (inbox.Whereabouts{Conversation: r.Conversation, Team: team, Assignee: h.Boss.ID}) {
			t.Errorf("%+v %v %v", w, ok, err)
		}
		if _, ok, err := h.Inbox.Whereabouts(h.Ctx(), inbox.Visitor{Account: 1, Customer: 1}); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
	})
}

// What teammates and customers are told carries nobody's own read cursor.
func TestChangesCarryNobodysCursor(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		h.Reply(h.Boss, id, "k", "hi")
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		update(t, h, lin, id, inbox.Update{Assignee: &lin.ID})
		rows := h.Words("SELECT COALESCE(max(payload), '') FROM changes WHERE audience = 'inbox' AND payload LIKE '%read_inbound_count%'")
		if rows != "" || strings.Contains(rows, "read_seq\"") {
			t.Errorf("%s", rows)
		}
		same(t, "own changes", h.Number("SELECT count(*) FROM changes WHERE kind = 'read' AND audience = 'own'"), 1)
	})
}
