package realtime_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/web/realtime"
)

// placeOf is how a visitor names a message.
func placeOf(m inbox.VisitorMessage) string { return fmt.Sprintf("%s:%d", m.ConversationID, m.Seq) }

// customerOf is whose a conversation is.
func customerOf(t *testing.T, h *hall, conversation ids.ID) ids.ID {
	t.Helper()
	c, err := h.Inbox.Get(h.Ctx(), h.Boss, conversation)
	if err != nil {
		t.Fatal(err)
	}
	return c.Customer.ID
}

func TestVisitorWritesAndReads(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		_, token := h.browser()
		v, _ := h.visitor(t, token, nil)
		staff, _ := h.staff(t, h.Boss, nil)
		v.say(map[string]any{"t": "send", "client_key": "k1", "body": "hello", "attachment_ids": []string{}})
		ack := v.next("ack")
		if ack.ClientKey != "k1" || ack.Message.Body != "hello" || ack.Message.Seq != 2 || h.Number("SELECT count(*) FROM messages WHERE direction = 'in'") != 1 {
			t.Errorf("%s", ack.text)
		}
		v.say(map[string]any{"t": "send", "client_key": "k1", "body": "again"})
		if again := v.next("ack"); again.Message.Seq != ack.Message.Seq || again.Message.Body != "hello" {
			t.Errorf("a repeat gave %s", again.text)
		}
		id := ack.Message.ConversationID
		if c := conversationOf(t, staff.changed("message")); c.ID != id {
			t.Errorf("%+v", c)
		}
		m := h.Reply(h.Boss, id, "r", "hi there")
		if got := v.next("message"); got.Message.Body == "hello" {
			if got = v.next("message"); got.Message.Body != "hi there" || *got.Message.AuthorName != "Boss" || got.Message.Seq != m.Seq {
				t.Errorf("%s", got.text)
			}
		}
		v.say(map[string]any{"t": "read", "conversation_id": id, "seq": m.Seq})
		if f := staff.changed("customer_read"); !strings.Contains(string(f.Data), fmt.Sprintf(`"seq":%d`, m.Seq)) {
			t.Errorf("%s", f.text)
		}
		v.say(map[string]any{"t": "send", "client_key": "", "body": "x"})
		if e := v.next("error"); e.Code != "required" {
			t.Errorf("%s", e.text)
		}
		v.say(map[string]any{"t": "send", "client_key": "k2", "body": " "})
		if e := v.next("error"); e.Code != "body_empty" || e.ClientKey != "k2" {
			t.Errorf("%s", e.text)
		}
		v.say(map[string]any{"t": "page", "url": "https://shop.example/cart", "title": "Cart"})
		v.quiet("conversation", "message")
		if len(h.pages) != 1 || !strings.Contains(h.pages[0], "https://shop.example/cart Cart") {
			t.Errorf("%v", h.pages)
		}
	})
}

// A first message binds the visitor's other tab, however the two interleave,
// and each tab sees each message once.
func TestTwoTabs(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		for round := range 8 {
			v, token := h.browser()
			first, _ := h.visitor(t, token, nil)
			second := dial(t, h.server, "/visitor/"+h.Account.Key, nil)
			var greeting frame
			var wg sync.WaitGroup
			wg.Go(func() {
				second.say(map[string]any{"t": "hello", "visitor": token, "after": nil})
				greeting = second.next("hello")
			})
			id := h.send(t, v, "one", "one").ConversationID
			wg.Wait()
			h.Reply(h.Boss, id, fmt.Sprint("r", round), "two")
			for name, c := range map[string]*client{"first": first, "second": second} {
				var got []string
				if name == "second" {
					for _, m := range greeting.Messages {
						got = append(got, m.Body)
					}
				}
				for len(got) == 0 || got[len(got)-1] != "two" {
					got = append(got, c.next("message").Message.Body)
				}
				same(t, fmt.Sprintf("round %d, %s tab", round, name), got, []string{"one", "two"})
			}
		}
	})
}

// Visitors that are cut at random points have every message exactly once.
func TestVisitorsResume(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		rng := rand.New(rand.NewPCG(8, 1))
		v, token := h.browser()
		var after any
		var c *client
		var got, want []string
		take := func(m inbox.VisitorMessage) { got, after = append(got, placeOf(m)+" "+m.Body), placeOf(m) }
		var id = h.send(t, v, "0", "first").ConversationID
		want = append(want, fmt.Sprintf("%s:2 first", id))
		for i := range 40 {
			if c != nil && rng.IntN(3) == 0 {
				c.cut()
				c = nil
			}
			if c == nil && rng.IntN(2) == 0 {
				var hello frame
				c, hello = h.visitor(t, token, after)
				if hello.Reset {
					got = nil
				}
				for _, m := range hello.Messages {
					take(m)
				}
			}
			var m inbox.VisitorMessage
			if i%2 == 0 {
				m = h.send(t, v, fmt.Sprint("k", i), fmt.Sprint("text ", i))
			} else {
				r := h.Reply(h.Boss, id, fmt.Sprint(i), fmt.Sprint("answer ", i))
				if _, err := h.Inbox.Write(h.Ctx(), h.Boss, id, inbox.Write{ClientKey: fmt.Sprint("n", i), Kind: inbox.KindNote, Body: "SECRET"}); err != nil {
					t.Fatal(err)
				}
				m, _ = inbox.VisitorView(r)
			}
			want = append(want, placeOf(m)+" "+m.Body)
			for c != nil && (len(got) == 0 || got[len(got)-1] != want[len(want)-1]) {
				f := c.next("message")
				if strings.Contains(f.text, "SECRET") {
					t.Fatal(f.text)
				}
				take(*f.Message)
			}
		}
		if c == nil {
			_, hello := h.visitor(t, token, after)
			for _, m := range hello.Messages {
				take(m)
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// Signed in on a second device, a customer sees the thread of both; a socket
// that was open before follows without being opened again, on any node.
func TestIdentifyReachesOpenSockets(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		phone, phoneToken := h.browser()
		laptop, laptopToken := h.browser()
		id := h.send(t, phone, "1", "from the phone").ConversationID
		h.identify(t, phone, "u1")
		onPhone, _ := h.visitor(t, phoneToken, nil)
		onLaptop, hello := h.visitor(t, laptopToken, nil)
		if len(hello.Messages) != 0 {
			t.Fatal(hello.text)
		}
		h.identify(t, laptop, "u1") // nobody calls Bound: the feed alone has to tell
		h.settled(t)
		h.Reply(h.Boss, id, "r", "for both")
		for _, c := range []*client{onPhone, onLaptop} {
			if f := c.next("message"); f.Message.Body != "for both" {
				t.Errorf("%s", f.text)
			}
		}
		stranger, strangerToken := h.browser()
		h.send(t, stranger, "1", "somebody else")
		s, _ := h.visitor(t, strangerToken, nil)
		h.Reply(h.Boss, id, "r2", "not for strangers")
		onPhone.next("message")
		h.settled(t)
		s.quiet("conversation") // its own
	})
}

// An anonymous thread that moves to a known customer goes on arriving.
func TestAMovedConversationGoesOn(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		v, token := h.browser()
		id := h.send(t, v, "1", "hello").ConversationID
		c, _ := h.visitor(t, token, nil)
		h.identify(t, v, "u1")
		h.Reply(h.Boss, id, "r", "hi")
		if f := c.next("message"); f.Message.Body != "hi" {
			t.Errorf("%s", f.text)
		}
	})
}

// When a teammate takes a browser from a person, neither goes on holding or
// hearing what is the other's.
func TestUndoneIdentifyReachesOpenSockets(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		laptop, laptopToken := h.browser()
		phone, phoneToken := h.browser()
		shared := h.send(t, laptop, "1", "anonymous").ConversationID
		h.identify(t, laptop, "u1")
		h.identify(t, phone, "u1")
		h.send(t, phone, "1", "SECRET")
		onLaptop, _ := h.visitor(t, laptopToken, nil)
		onPhone, _ := h.visitor(t, phoneToken, nil)
		staff, _ := h.staff(t, h.Boss, nil)
		if _, err := h.Customers.Undo(h.Ctx(), h.Boss, ids.ID(h.Number("SELECT id FROM merges"))); err != nil {
			t.Fatal(err)
		}
		staff.changed("thread")
		onLaptop.closed(4008)
		onPhone.closed(4008)
		onLaptop, hello := h.visitor(t, laptopToken, nil)
		if len(hello.Messages) != 1 || hello.Messages[0].Body != "anonymous" {
			t.Errorf("%s", hello.text)
		}
		onPhone, hello = h.visitor(t, phoneToken, nil)
		if len(hello.Messages) != 1 || hello.Messages[0].Body != "SECRET" {
			t.Fatalf("%s", hello.text)
		}
		h.Reply(h.Boss, hello.Messages[0].ConversationID, "r", "for the phone")
		h.Reply(h.Boss, shared, "r2", "for the laptop")
		if f := onPhone.next("message"); f.Message.Body != "for the phone" {
			t.Errorf("%s", f.text)
		}
		if f := onLaptop.next("message"); f.Message.Body != "for the laptop" {
			t.Errorf("%s", f.text)
		}
	})
}

// A browser that a teammate has merged with a known customer proves nothing: it
// hears nothing of theirs, and they hear nothing of it.
func TestAMergedBrowserHearsOnlyItsOwn(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		known, knownToken := h.browser()
		merged, mergedToken := h.browser()
		h.identify(t, known, "u1")
		one := h.send(t, known, "1", "of the known")
		other := h.send(t, merged, "1", "of the merged")
		if _, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{
			Survivor: customerOf(t, h, one.ConversationID), Absorb: customerOf(t, h, other.ConversationID), ClientKey: "m",
		}); err != nil {
			t.Fatal(err)
		}
		onKnown, first := h.visitor(t, knownToken, nil)
		onMerged, second := h.visitor(t, mergedToken, nil)
		if len(first.Messages) != 1 || len(second.Messages) != 1 {
			t.Errorf("%s %s", first.text, second.text)
		}
		h.Reply(h.Boss, one.ConversationID, "a", "SECRET of the known")
		h.Reply(h.Boss, other.ConversationID, "b", "SECRET of the merged")
		if f := onKnown.next("message"); f.Message.Body != "SECRET of the known" {
			t.Errorf("%s", f.text)
		}
		if f := onMerged.next("message"); f.Message.Body != "SECRET of the merged" {
			t.Errorf("%s", f.text)
		}
		h.settled(t)
		onKnown.quiet("conversation")
		onMerged.quiet("conversation")
	})
}

func TestVisitorsAreNotToldOfNotes(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		v, token := h.browser()
		id := h.send(t, v, "1", "hello").ConversationID
		c, _ := h.visitor(t, token, nil)
		if _, err := h.Inbox.Write(h.Ctx(), h.Boss, id, inbox.Write{ClientKey: "n", Kind: inbox.KindNote, Body: "SECRET"}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Inbox.Update(h.Ctx(), h.Boss, id, inbox.Update{Assignee: &h.Boss.ID}); err != nil {
			t.Fatal(err)
		}
		h.settled(t)
		c.say(map[string]any{"t": "ping"})
		for {
			f := c.next("message", "conversation", "pong")
			if f.T == "pong" {
				break
			}
			if f.T == "message" || strings.Contains(f.text, "SECRET") || strings.Contains(f.text, "assigned") {
				t.Errorf("%s", f.text)
			}
		}
	})
}

// The conversation's state reaches every tab: closed by a teammate, opened by
// the customer, read by a teammate.
func TestVisitorsSeeTheState(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		v, token := h.browser()
		c, _ := h.visitor(t, token, nil)
		id := h.send(t, v, "1", "hello").ConversationID
		state := func() (s inbox.VisitorConversation) {
			t.Helper()
			f := c.next("conversation")
			if err := json.Unmarshal(f.Conversation, &s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		same(t, "new", state().Status, inbox.Open)
		if _, err := h.Inbox.Update(h.Ctx(), h.Boss, id, inbox.Update{Status: ptr(inbox.Resolved), Assignee: &h.Boss.ID}); err != nil {
			t.Fatal(err)
		}
		if s := state(); s.Status != inbox.Resolved || s.AssigneeName == nil || *s.AssigneeName != "Boss" {
			t.Errorf("%+v", s)
		}
		h.send(t, v, "2", "one more thing")
		same(t, "reopened", state().Status, inbox.Open)
		if _, err := h.Inbox.MarkRead(h.Ctx(), h.Boss, id, 99); err != nil {
			t.Fatal(err)
		}
		if s := state(); s.AgentReadSeq != s.LastSeq {
			t.Errorf("%+v", s)
		}
	})
}

// A thread larger than a socket's queue is greeted with its newest part.
func TestALargeThread(t *testing.T) {
	h := open(t, store.SQLite)
	v, token := h.browser()
	var first string
	for i := range 60 {
		m := h.send(t, v, fmt.Sprint(i), strings.Repeat("好", 9990)+fmt.Sprint(i))
		if i == 0 {
			first = placeOf(m)
		}
	}
	for _, after := range []any{nil, first} {
		c, hello := h.visitor(t, token, after)
		n := len(hello.Messages)
		if n < 3 || n > 59 || !hello.HasMore || !hello.Reset || !strings.HasSuffix(hello.Messages[n-1].Body, "59") {
			t.Errorf("%d messages, more %v, reset %v", n, hello.HasMore, hello.Reset)
		}
		c.quiet()
	}
}

// A reader that does not keep up is cut with too_slow and, coming back,
// misses nothing.
func TestSlowReader(t *testing.T) {
	h := open(t, store.SQLite, func(o *realtime.Options) { o.WriteTimeout = time.Minute })
	lin := h.Teammate(auth.Principal{Role: auth.Agent})
	id := h.Receive("v", "0", "hello").Conversation
	h.settled(t)
	c, hello := h.staff(t, lin, nil)
	const messages = 800
	for i := range messages { // 24 MB: more than the queue and the kernel's buffers
		h.Receive("v", fmt.Sprint("m", i), strings.Repeat("好", 9990))
	}
	h.settled(t)
	position := hello.Position
	got := 0
	for {
		f, err := c.read()
		if websocket.IsCloseError(err, 4002) {
			break
		}
		if err != nil {
			t.Fatalf("after %d messages: %v", got, err)
		}
		if f.Position != "" {
			position = f.Position
		}
		if f.T == "change" && f.Kind == "message" {
			got++
		}
	}
	if got >= messages {
		t.Fatal("the reader was not slow: the test has no teeth")
	}
	c, f := h.staff(t, lin, position)
	switch {
	case f.Resumed: // everything that is left follows
		for got < messages {
			c.changed("message")
			got++
		}
	default: // or a snapshot is asked for, which has it all
		page, err := h.Inbox.CountMessages(h.Ctx(), lin, id)
		if err != nil || page != messages+2 {
			t.Errorf("%d %v", page, err)
		}
	}
	c.quiet()
}

// A client that knows of later messages than there are, because an older backup was
// restored, is given the thread as it is.
func TestAPlaceThatIsNotThere(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		phone, token := h.browser()
		c := h.send(t, phone, "1", "one").ConversationID
		h.Reply(h.Boss, c, "r1", "two")
		for _, at := range []string{fmt.Sprintf("%s:500", c), fmt.Sprintf("%s:1", c+99_999_999)} {
			if _, hello := h.visitor(t, token, at); !hello.Reset || !strings.Contains(hello.text, "two") {
				t.Errorf("from %v: %s", at, hello.text)
			}
		}
	})
}

// An answer in an earlier conversation of the same customer is not missed by a
// client whose place is in a later one.
func TestAnswersInAnEarlierConversation(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		phone, _ := h.browser()
		laptop, token := h.browser()
		early := h.send(t, phone, "1", "one").ConversationID
		late := h.send(t, laptop, "1", "two")
		h.identify(t, phone, "u1")
		h.identify(t, laptop, "u1")
		h.Clock.Advance(time.Hour)
		h.Reply(h.Boss, late.ConversationID, "r0", "three")
		c, hello := h.visitor(t, token, nil)
		same(t, "thread", len(hello.Messages), 3)
		at := placeOf(hello.Messages[2])
		c.cut()
		h.Clock.Advance(time.Hour)
		if _, hello = h.visitor(t, token, at); hello.Reset || len(hello.Messages) != 0 {
			t.Errorf("nothing was written: %s", hello.text)
		}
		h.Reply(h.Boss, early, "r1", "four")
		if _, hello = h.visitor(t, token, at); !hello.Reset || !strings.Contains(hello.text, "four") {
			t.Errorf("%s", hello.text)
		}
	})
}
