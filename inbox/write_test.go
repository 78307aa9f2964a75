package inbox_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

var customersAll = customers.ListFilter{Limit: 100}

func TestReply(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		lin := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"})
		id := h.Receive("v", "1", "hello").Conversation
		h.Clock.Advance(time.Minute)
		m := h.Reply(lin, id, "k", "hi there")
		if m.Seq != 3 || m.Direction != inbox.Out || m.Author.Kind != inbox.ByTeammate || m.Author.ID != lin.ID || *m.Author.Name != "Lin" || *m.ClientKey != "k" ||
			m.Delivery == nil || m.Delivery.State != "sent" || !m.CreatedAt.Equal(h.Clock.Now()) {
			t.Errorf("%+v", m)
		}
		c := get(t, h, lin, id)
		if c.WaitingSince != nil || c.LastMessage.Preview != "hi there" || *c.ReadSeq != 3 || *c.ReadInboundCount != 1 || !c.LastActivityAt.Equal(h.Clock.Now()) {
			t.Errorf("%+v", c)
		}
		firstReply := h.Number("SELECT first_reply_at FROM conversations")
		same(t, "first reply", firstReply, h.Clock.Now().UnixMilli())
		h.Clock.Advance(time.Minute)
		h.Reply(lin, id, "k2", "and more")
		same(t, "first reply after a second one", h.Number("SELECT first_reply_at FROM conversations"), firstReply)
		h.Receive("v", "2", "thanks")
		waiting := get(t, h, lin, id).WaitingSince
		h.Clock.Advance(time.Minute)
		h.Receive("v", "3", "still there?")
		if again := get(t, h, lin, id).WaitingSince; waiting == nil || !again.Equal(*waiting) {
			t.Errorf("the wait began at %v and then at %v", waiting, again)
		}
		same(t, "deliveries", h.Number("SELECT count(*) FROM deliveries WHERE state = 'sent' AND purpose = 'reply'"), 2)
	})
}

func TestNote(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		m, err := h.Inbox.Write(h.Ctx(), h.Boss, id, inbox.Write{ClientKey: "n", Kind: inbox.KindNote, Body: "mind him"})
		if err != nil || m.Direction != inbox.Internal || m.Kind != inbox.KindNote || m.Delivery != nil {
			t.Fatalf("%+v %v", m, err)
		}
		if c := get(t, h, h.Boss, id); c.WaitingSince == nil || c.LastMessage.Kind != inbox.KindNote {
			t.Errorf("a note ended the wait or is not the last message: %+v", c)
		}
		same(t, "deliveries", h.Number("SELECT count(*) FROM deliveries"), 0)
	})
}

func TestWriteIsIdempotent(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id, other := h.Receive("v", "1", "hello").Conversation, h.Receive("w", "1", "hello").Conversation
		lin, token := h.Teammate(auth.Principal{Role: auth.Agent}), auth.Principal{ID: h.IDs.Next(), Token: true, Role: auth.Agent, Scope: auth.ScopeAll, Name: "bot"}
		const clients = 16
		got := make([]ids.ID, clients)
		errs := make([]error, clients)
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				m, err := h.Inbox.Write(h.Ctx(), lin, id, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: fmt.Sprint(i), AndResolve: true})
				if errs[i] = err; err == nil {
					got[i] = m.ID
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			same(t, "message", m, got[0])
		}
		same(t, "activities", h.Number("SELECT count(*) FROM messages WHERE payload LIKE '%resolved%'"), 1)
		before := h.Dump()
		_, err := h.Inbox.Write(h.Ctx(), lin, other, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: "x"})
		house.Refused(t, err, "client_key_reused", "")
		same(t, "what is stored", h.Dump(), before)
		for _, p := range []auth.Principal{h.Boss, token} { // keys are each writer's own
			m, err := h.Inbox.Write(h.Ctx(), p, id, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: "mine"})
			if err != nil || m.ID == got[0] {
				t.Errorf("%+v %v", m, err)
			}
		}
	})
}

// One key in two conversations at the same moment: one is stored, the other refused.
func TestOneKeyInTwoConversationsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		two := []ids.ID{h.Receive("v", "1", "a").Conversation, h.Receive("w", "1", "b").Conversation}
		for round := range 10 {
			errs := make([]error, 2)
			var wg sync.WaitGroup
			for i, id := range two {
				wg.Go(func() {
					_, errs[i] = h.Inbox.Write(h.Ctx(), h.Boss, id, inbox.Write{ClientKey: fmt.Sprint(round), Kind: inbox.KindNote, Body: "x"})
				})
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("%v", errs)
			}
			house.Refused(t, errors.Join(errs...), "client_key_reused", "")
		}
		for _, id := range two {
			dense(t, thread(t, h, id))
		}
	})
}

func TestWriteRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		foreign, visitors := h.Upload(inbox.OwnerOf(h.Boss)), h.Upload(inbox.Owner{Kind: inbox.OwnerVisitor, Key: lin.ID.String()})
		before := h.Dump()
		for name, c := range map[string]struct {
			w           inbox.Write
			code, field string
		}{
			"no key":        {inbox.Write{Kind: "text", Body: "x"}, "required", "client_key"},
			"long key":      {inbox.Write{ClientKey: strings.Repeat("k", 65), Kind: "text", Body: "x"}, "client_key_invalid", "client_key"},
			"two-line key":  {inbox.Write{ClientKey: "a\nb", Kind: "text", Body: "x"}, "client_key_invalid", "client_key"},
			"nul in key":    {inbox.Write{ClientKey: "a\x00b", Kind: "text", Body: "x"}, "client_key_invalid", "client_key"},
			"kind":          {inbox.Write{ClientKey: "k", Kind: "activity", Body: "x"}, "not_one_of", "kind"},
			"empty":         {inbox.Write{ClientKey: "k", Kind: "text", Body: "\n"}, "body_empty", "body"},
			"empty note":    {inbox.Write{ClientKey: "k", Kind: "note"}, "body_empty", "body"},
			"too long":      {inbox.Write{ClientKey: "k", Kind: "text", Body: strings.Repeat("x", house.MaxBody+1)}, "body_too_long", "body"},
			"boss's file":   {inbox.Write{ClientKey: "k", Kind: "text", Attachments: []ids.ID{foreign}}, "attachment_unknown", "attachment_ids"},
			"visitor's":     {inbox.Write{ClientKey: "k", Kind: "text", Attachments: []ids.ID{visitors}}, "attachment_unknown", "attachment_ids"},
			"eleven files":  {inbox.Write{ClientKey: "k", Kind: "text", Attachments: make([]ids.ID, 11)}, "too_many", "attachment_ids"},
			"and resolving": {inbox.Write{ClientKey: "k", Kind: "text", Body: "bye", Attachments: []ids.ID{foreign}, AndResolve: true}, "attachment_unknown", "attachment_ids"},
		} {
			_, err := h.Inbox.Write(h.Ctx(), lin, id, c.w)
			house.Refused(t, err, c.code, c.field)
			if h.Dump() != before {
				t.Fatalf("%s: something was stored", name)
			}
		}
	})
}

func TestWriteAndResolve(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		for i := range 2 { // the second into a resolved one: nothing more to resolve
			m, err := h.Inbox.Write(h.Ctx(), h.Boss, id, inbox.Write{ClientKey: fmt.Sprint(i), Kind: inbox.KindText, Body: "bye", AndResolve: true})
			if err != nil || m.Kind != inbox.KindText {
				t.Fatalf("%+v %v", m, err)
			}
			if c := get(t, h, h.Boss, id); c.Status != inbox.Resolved || c.WaitingSince != nil || c.LastMessage.Preview != "bye" {
				t.Errorf("%+v", c)
			}
		}
		same(t, "thread", bodies(thread(t, h, id)), []string{"[conversation_opened]", "hello", "bye", "[resolved]", "bye"})
		same(t, "events", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = 'Conversation Resolved'"), 1)
	})
}

func TestADraftEndsWithTheMessage(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		lin := h.Teammate(auth.Principal{Role: auth.Agent})
		for _, p := range []auth.Principal{h.Boss, lin} {
			if err := h.Inbox.SaveDraft(h.Ctx(), p, id, inbox.Draft{Kind: inbox.KindText, Body: "of " + p.Name}); err != nil {
				t.Fatal(err)
			}
		}
		h.Reply(lin, id, "k", "done")
		if d, err := h.Inbox.ReadDraft(h.Ctx(), lin, id); err != nil || d.Body != "" || d.Kind != inbox.KindText {
			t.Errorf("%+v %v", d, err)
		}
		if d, err := h.Inbox.ReadDraft(h.Ctx(), h.Boss, id); err != nil || d.Body != "of Boss" {
			t.Errorf("%+v %v", d, err)
		}
	})
}

func TestTokensAnswerButHaveNoCursor(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "hello").Conversation
		bot := auth.Principal{ID: h.IDs.Next(), Token: true, Role: auth.Agent, Scope: auth.ScopeAll, Name: "bot"}
		m, err := h.Inbox.Write(h.Ctx(), bot, id, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: "beep", AndResolve: true})
		if err != nil || m.Author.Kind != inbox.BySystem || m.Author.ID != 0 || *m.Author.Name != "bot" {
			t.Fatalf("%+v %v", m, err)
		}
		if n := h.Number("SELECT count(*) FROM changes WHERE audience = 'visitor' AND visitor_payload LIKE '%\"resolved\"%'"); n != 1 {
			t.Error("the customer is not told that it is resolved")
		}
		_, err = h.Inbox.MarkRead(h.Ctx(), bot, id, 1)
		house.Refused(t, err, "teammates_only", "")
		house.Refused(t, h.Inbox.SaveDraft(h.Ctx(), bot, id, inbox.Draft{Kind: "text", Body: "x"}), "teammates_only", "")
		same(t, "cursors", h.Number("SELECT count(*) FROM read_cursors"), 0)
	})
}

// A list says who wrote last by their id: two teammates may have one name.
func TestLastMessageNamesItsAuthor(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		r := h.Receive("v", "1", "hello")
		last := func() *inbox.LastMessage {
			t.Helper()
			c, err := h.Inbox.Get(h.Ctx(), h.Boss, r.Conversation)
			if err != nil || c.LastMessage == nil {
				t.Fatal(c, err)
			}
			return c.LastMessage
		}
		same(t, "author of the customer's", last().AuthorID, ids.ID(0))
		lin, twin := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"}), h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"})
		for i, p := range []auth.Principal{lin, twin} {
			h.Reply(p, r.Conversation, fmt.Sprint("k", i), "hi")
			same(t, "author of the answer", last().AuthorID, p.ID)
		}
	})
}
