package inbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

// post is a house with an account of a scripted channel.
type post struct {
	*house.House
	account *channels.Account
}

func eachPost(t *testing.T, metered bool, fn func(t *testing.T, h *post)) {
	t.Helper()
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			h := &post{House: house.New(t, engine, house.Options{Adapters: []channels.Adapter{&channelstest.Provider{Allowance: metered}}})}
			var err error
			if h.account, err = h.Accounts.Create(h.Ctx(), channels.New{Channel: channelstest.ProviderChannel, Name: "Post"}); err != nil {
				t.Fatal(err)
			}
			fn(t, h)
		})
	}
}

func (h *post) from(address, key, body string) channels.Inbound {
	return channels.Inbound{Account: h.account, Identity: channels.Identity{Kind: customers.KindEmail, Namespace: customers.Installation, Value: address}, ExternalID: key, Body: body, NewThread: true}
}

func (h *post) take(in channels.Inbound) channels.Received {
	h.T.Helper()
	r, err := h.Inbox.Receive(h.Ctx(), in)
	if err != nil {
		h.T.Fatal(err)
	}
	return r
}

// A mail joins the conversation that it answers, if that is its sender's own;
// everything else opens a new one.
func TestThreadsOfMail(t *testing.T) {
	eachPost(t, false, func(t *testing.T, h *post) {
		first := h.from("ming@example.com", "m1@far", "Where is my parcel?")
		first.Subject, first.Name = "My\n parcel", "Ming"
		one := h.take(first)
		c := get(t, h.House, h.Boss, one.Conversation)
		if *c.Subject != "My parcel" || *c.Customer.Name != "Ming" {
			t.Errorf("%+v", c)
		}
		answer := h.from("ming@example.com", "m2@far", "And?")
		answer.Thread = []string{"unknown@far", "m1@far"}
		same(t, "by its references", h.take(answer).Conversation, one.Conversation)
		other := h.take(h.from("ming@example.com", "m3@far", "Something else"))
		if other.Conversation == one.Conversation || other.Customer != one.Customer {
			t.Errorf("%+v", other)
		}
		signed := h.from("ming@example.com", "m4@far", "By the reply address")
		signed.Conversation = one.Conversation
		same(t, "by its address", h.take(signed).Conversation, one.Conversation)
		for key, forged := range map[string]func(in *channels.Inbound){
			"f1": func(in *channels.Inbound) { in.Thread = []string{"m1@far"} },
			"f2": func(in *channels.Inbound) { in.Conversation = one.Conversation },
			"f3": func(in *channels.Inbound) { in.Conversation = 77 },
		} {
			in := h.from("mallory@example.com", key, "Me too")
			forged(&in)
			if r := h.take(in); r.Conversation == one.Conversation || r.Customer == one.Customer {
				t.Errorf("%s: somebody else's mail joins the thread", key)
			}
		}
		out, err := h.Inbox.LoadOutbound(h.Ctx(), h.Reply(h.Boss, one.Conversation, "k", "On its way").ID, one.Identity)
		if err != nil || out.Subject != "My parcel" || out.InReplyTo != "m4@far" || strings.Join(out.References, " ") != "m1@far m2@far m4@far" {
			t.Errorf("%+v %v", out, err)
		}
	})
}

// Whoever wrote from another of their addresses is answered there.
func TestTheAnswerGoesWhereTheQuestionCameFrom(t *testing.T) {
	eachPost(t, false, func(t *testing.T, h *post) {
		one := h.take(h.from("ming@example.com", "1", "hello"))
		two := h.take(h.from("ming@work.example", "2", "hello"))
		h.Run("UPDATE identities SET customer_id = ? WHERE id = ?", one.Customer, two.Identity)
		again := h.from("ming@work.example", "3", "still there?")
		again.Conversation = one.Conversation
		h.take(again)
		m := h.Reply(h.Boss, one.Conversation, "k", "yes")
		same(t, "recipient", h.Number("SELECT identity_id FROM deliveries WHERE message_id = ?", m.ID), int64(two.Identity))
		h.Run("UPDATE identities SET customer_id = ? WHERE id = ?", two.Customer, two.Identity) // parted again
		m = h.Reply(h.Boss, one.Conversation, "k2", "and now?")
		same(t, "recipient", h.Number("SELECT identity_id FROM deliveries WHERE message_id = ?", m.ID), int64(one.Identity))
	})
}

// What a machine wrote wakes nobody.
func TestAutomaticMessages(t *testing.T) {
	eachPost(t, false, func(t *testing.T, h *post) {
		r := h.take(h.from("ming@example.com", "1", "hello"))
		resolved := inbox.Resolved
		if _, err := h.Inbox.Update(h.Ctx(), h.Boss, r.Conversation, inbox.Update{Status: &resolved}); err != nil {
			t.Fatal(err)
		}
		away := h.from("ming@example.com", "2", "I am away until Monday")
		away.Conversation, away.Automatic = r.Conversation, true
		h.take(away)
		c := get(t, h.House, h.Boss, r.Conversation)
		if c.Status != inbox.Resolved || c.WaitingSince != nil || c.LastMessage.Preview != "I am away until Monday" {
			t.Errorf("%+v", c)
		}
		same(t, "events of a person", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = 'Message Received'"), 1)
		bounce := h.from("mailer-daemon@far.example", "3", "Undeliverable")
		bounce.Automatic = true
		c = get(t, h.House, h.Boss, h.take(bounce).Conversation)
		if c.Status != inbox.Resolved || c.WaitingSince != nil {
			t.Errorf("%+v", c)
		}
		same(t, "open", h.Number("SELECT COALESCE(sum(n), 0) FROM conversation_counts WHERE status = 'open'"), 0)
		same(t, "resolved", h.Number("SELECT COALESCE(sum(n), 0) FROM conversation_counts WHERE status = 'resolved'"), 2)
	})
}

// What the body does not say is kept, shown to teammates and never to the feed's
// other readers; the designed mail has an address of its own.
func TestWhatTheBodyDoesNotSay(t *testing.T) {
	eachPost(t, false, func(t *testing.T, h *post) {
		in := h.from("ming@example.com", "1", "See below")
		in.HTML, in.Quoted, in.Payload = "<p>See <b>below</b></p>", "> older", json.RawMessage(`{"type":"mail","cc":["a@example.com"]}`)
		r := h.take(in)
		m := thread(t, h.House, r.Conversation)[1]
		if *m.Quoted != "> older" || string(m.Payload) != `{"type":"mail","cc":["a@example.com"]}` || m.HTMLURL == nil {
			t.Errorf("%+v", m)
		}
		html, err := h.Inbox.HTML(h.Ctx(), r.Message)
		same(t, "HTML", html, in.HTML)
		if err != nil || h.Number("SELECT count(*) FROM changes WHERE payload LIKE '%<b>%'") != 0 {
			t.Errorf("%v", err)
		}
		_, err = h.Inbox.HTML(h.Ctx(), 7)
		house.Refused(t, err, "not_found", "")
		if m := thread(t, h.House, h.Receive("v", "1", "plain").Conversation)[1]; m.HTMLURL != nil || m.Quoted != nil || m.Payload != nil {
			t.Errorf("%+v", m)
		}
	})
}

func (h *post) fan(value, key string) channels.Inbound {
	return channels.Inbound{
		Account: h.account, Identity: channels.Identity{Kind: "openid", Namespace: h.account.ID.String(), Value: value, Verified: true}, ExternalID: key, Body: "你好",
		Grants: []channels.Grant{{Trigger: channels.TriggerMessage, Count: 5, Until: h.Clock.Now().Add(48 * time.Hour)}},
	}
}

// What may still be sent stands in the conversation, and nothing more is taken
// for sending than that.
func TestTheReplyWindow(t *testing.T) {
	eachPost(t, true, func(t *testing.T, h *post) {
		r := h.take(h.fan("o1", "1"))
		c := get(t, h.House, h.Boss, r.Conversation)
		if c.Allowance.Left(h.Clock.Now()) != 5 || !c.ReplyWindowUntil.Equal(h.Clock.Now().Add(48*time.Hour)) {
			t.Errorf("%+v", c)
		}
		h.Reply(h.Boss, r.Conversation, "k1", "您好")
		h.Clock.Advance(48 * time.Hour)
		before := h.Dump()
		_, err := h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "k2", Kind: inbox.KindText, Body: "too late"})
		house.Refused(t, err, allowance.Closed, "")
		if h.Dump() != before {
			t.Error("something was stored")
		}
		if _, err := h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "k3", Kind: inbox.KindNote, Body: "for us"}); err != nil {
			t.Errorf("a note needs no window: %v", err)
		}
		// Each identity has a conversation of its own, also when one person has two.
		two := h.take(h.fan("o2", "2"))
		h.Run("UPDATE identities SET customer_id = ? WHERE id = ?", r.Customer, two.Identity)
		h.Run("UPDATE conversations SET customer_id = ? WHERE id = ?", r.Customer, two.Conversation)
		same(t, "o1's thread", h.take(h.fan("o1", "3")).Conversation, r.Conversation)
		same(t, "o2's thread", h.take(h.fan("o2", "4")).Conversation, two.Conversation)
	})
}

// A happening stands in the timeline once, shows in the thread when there is
// one, and brings what it allows.
func TestHappenings(t *testing.T) {
	eachPost(t, true, func(t *testing.T, h *post) {
		follow := channels.Happening{
			Account: h.account, Identity: h.fan("o1", "").Identity, ExternalID: "follow-1", Event: "WeChat Followed", Activity: "wechat_followed", At: h.Clock.Now().Add(-time.Second),
			Properties: map[string]any{"scene": "shop"}, Grants: []channels.Grant{{Trigger: "follow", Count: 3, Until: h.Clock.Now().Add(time.Minute)}},
		}
		note := func(x channels.Happening) channels.Received {
			t.Helper()
			r, err := h.Inbox.Note(h.Ctx(), x)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		first, again := note(follow), note(follow)
		if first.Repeat || !again.Repeat || first.Customer == 0 || again.Customer != first.Customer {
			t.Errorf("%+v %+v", first, again)
		}
		same(t, "conversations", h.Number("SELECT count(*) FROM conversations"), 0)
		same(t, "events", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = 'WeChat Followed' AND e.customer_id = ?", first.Customer), 1)
		r := h.take(h.fan("o1", "1"))
		same(t, "left", get(t, h.House, h.Boss, r.Conversation).Allowance.Left(h.Clock.Now()), 8)
		tap := follow
		tap.ExternalID, tap.Activity, tap.Event, tap.Grants = "tap-1", "wechat_menu", "WeChat Menu Tapped", []channels.Grant{{Trigger: "menu", Count: 3, Until: h.Clock.Now().Add(time.Minute)}}
		note(tap)
		same(t, "thread", bodies(thread(t, h.House, r.Conversation)), []string{"[conversation_opened]", "你好", "[wechat_menu]"})
		c := get(t, h.House, h.Boss, r.Conversation)
		if c.Allowance.Left(h.Clock.Now()) != 11 || c.InboundCount != 1 {
			t.Errorf("%+v", c)
		}
		same(t, "told", h.Number("SELECT count(*) FROM changes WHERE conversation_id = ? AND payload LIKE '%wechat_menu%'", r.Conversation), 1)
	})
}

// Only troubles of visible conversations are shown.
func TestTroubles(t *testing.T) {
	eachPost(t, false, func(t *testing.T, h *post) {
		var last ids.ID
		for i, state := range []string{"failed", "unknown", "sent"} {
			r := h.take(h.from(state+"@example.com", state, "hello"))
			last = h.Reply(h.Boss, r.Conversation, state, "answer "+state).Delivery.ID
			h.Run("UPDATE deliveries SET state = ?, error_code = 'send_failed', updated_at = ? WHERE id = ?", state, 100+i, last)
		}
		list, err := h.Inbox.Troubles(h.Ctx(), h.Boss, inbox.TroubleFilter{Limit: 10})
		if err != nil || len(list) != 2 || list[0].Preview != "answer unknown" || list[1].Delivery.State != "failed" || *list[1].Delivery.ErrorCode != "send_failed" {
			t.Fatalf("%+v %v", list, err)
		}
		rest, err := h.Inbox.Troubles(h.Ctx(), h.Boss, inbox.TroubleFilter{Limit: 10, Before: inbox.Position{At: list[0].Delivery.UpdatedAt, ID: list[0].Delivery.ID}})
		if err != nil || len(rest) != 1 || rest[0].Delivery.ID != list[1].Delivery.ID {
			t.Errorf("%+v %v", rest, err)
		}
		n, err := h.Inbox.CountTroubles(h.Ctx(), h.Boss, inbox.TroubleFilter{State: "failed"})
		same(t, "failed", n, 1)
		if err != nil {
			t.Error(err)
		}
		// Whoever resolves the conversation has settled it; it is trouble again when
		// the conversation is opened.
		for _, step := range []struct {
			to   inbox.Status
			left int
		}{{inbox.Resolved, 1}, {inbox.Open, 2}} {
			if _, err := h.Inbox.Update(h.Ctx(), h.Boss, list[0].ConversationID, inbox.Update{Status: &step.to}); err != nil {
				t.Fatal(err)
			}
			left, err := h.Inbox.Troubles(h.Ctx(), h.Boss, inbox.TroubleFilter{Limit: 10})
			if err != nil || len(left) != step.left {
				t.Errorf("%s: %d left, %v", step.to, len(left), err)
			}
		}
		outsider := h.Boss
		outsider.Role, outsider.Scope = "agent", "assigned"
		outsider.ID = 5
		hidden, err := h.Inbox.Troubles(h.Ctx(), outsider, inbox.TroubleFilter{Limit: 10})
		if err != nil || len(hidden) != 0 {
			t.Errorf("%v %v", hidden, err)
		}
	})
}

// Who stops following is forgotten: their words, files and events go, the
// person, our answers and the fact that something was said stay. Who comes back
// is the same person.
func TestErasure(t *testing.T) {
	eachPost(t, true, func(t *testing.T, h *post) {
		in := h.fan("o1", "1")
		in.Identity.Tombstone = "erased:1"
		in.Payload, in.HTML = json.RawMessage(`{"type":"location","label":"secret place"}`), "<p>secret</p>"
		file := h.Upload(inbox.Owner{Kind: inbox.OwnerVisitor, Key: "o1"})
		in.Attachments, in.AttachmentOwner = []ids.ID{file}, "o1"
		r := h.take(in)
		h.Reply(h.Boss, r.Conversation, "k", "our answer")
		second := h.fan("o1", "2")
		second.Body, second.Identity.Tombstone = "the last secret", "erased:1"
		h.take(second)
		other := h.take(h.fan("o2", "3"))
		if _, err := h.Intake.Keep(h.Ctx(), intake.Raw{Account: h.account.ID, Key: "raw", Lane: "o1", Body: []byte("secret")}); err != nil {
			t.Fatal(err)
		}
		h.Run("UPDATE inbound SET state = 'done'")
		for range 2 { // repeating it changes nothing
			if err := h.Inbox.EraseIdentity(h.Ctx(), h.account, in.Identity, ""); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "thread", bodies(thread(t, h.House, r.Conversation)), []string{"[conversation_opened]", "", "our answer", "", "[erased]"})
		m := thread(t, h.House, r.Conversation)[1]
		if string(m.Payload) != `{"type":"erased"}` || len(m.Attachments) != 0 || m.HTMLURL != nil {
			t.Errorf("%+v", m)
		}
		for what, n := range map[string]int64{
			"messages":      h.Number("SELECT count(*) FROM messages WHERE body LIKE '%secret%' OR payload LIKE '%secret%'"),
			"html":          h.Number("SELECT count(*) FROM message_html"),
			"files":         h.Number("SELECT count(*) FROM attachments"),
			"conversations": h.Number("SELECT count(*) FROM conversations WHERE last_message LIKE '%secret%'"),
			"inbound":       h.Number("SELECT count(*) FROM inbound"),
			"identities":    h.Number("SELECT count(*) FROM identities WHERE value = 'o1'"),
			"search":        h.Number("SELECT count(*) FROM customers WHERE search_text LIKE ?", "%\no1%"),
			"events":        h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE e.identity_id = ? AND n.name <> 'Identity Erased'", r.Identity),
		} {
			same(t, what+" that are left", n, 0)
		}
		_, err := h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "late", Kind: inbox.KindText, Body: "are you there?"})
		house.Refused(t, err, allowance.Closed, "")
		same(t, "somebody else's words", bodies(thread(t, h.House, other.Conversation))[1], "你好")
		back := h.fan("o1", "4")
		back.Identity.Tombstone = "erased:1"
		again := h.take(back)
		if again.Customer != r.Customer || again.Identity != r.Identity || again.Conversation != r.Conversation {
			t.Errorf("%+v is not %+v", again, r)
		}
	})
}
