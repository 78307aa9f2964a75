package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

func ptr[T any](v T) *T { return &v }

func each(t *testing.T, fn func(t *testing.T, h *house.House)) {
	t.Helper()
	house.Each(t, house.Options{}, fn)
}

// thread is a whole thread as the boss sees it.
func thread(t *testing.T, h *house.House, id ids.ID) []inbox.Message {
	t.Helper()
	page, err := h.Inbox.Messages(h.Ctx(), h.Boss, id, ptr(int64(0)), nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return page.Messages
}

func get(t *testing.T, h *house.House, p auth.Principal, id ids.ID) *inbox.Conversation {
	t.Helper()
	c, err := h.Inbox.Get(h.Ctx(), p, id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dense holds a thread to seq 1..n without gaps.
func dense(t *testing.T, messages []inbox.Message) {
	t.Helper()
	for i, m := range messages {
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d has seq %d", i, m.Seq)
		}
	}
}

func bodies(messages []inbox.Message) (out []string) {
	for _, m := range messages {
		if m.Activity != nil {
			out = append(out, "["+m.Activity.Code+"]")
		} else {
			out = append(out, m.Body)
		}
	}
	return out
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestFirstMessageOpensAConversation(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		in := h.Inbound(h.Account, "v", "k", " 你好\r\nthere\x00\u200b \n")
		in.Locale = "zh-cn"
		r, err := h.Inbox.Receive(h.Ctx(), in)
		if err != nil {
			t.Fatal(err)
		}
		c := get(t, h, h.Boss, r.Conversation)
		if c.Status != inbox.Open || c.Number != 1 || c.InboundCount != 1 || c.LastSeq != 2 || c.Channel != "webchat" || c.Customer.Label == "" || c.Version != 1 ||
			!c.LastInboundAt.Equal(h.Clock.Now()) || !c.WaitingSince.Equal(h.Clock.Now()) || c.ReplyWindowUntil != nil || *c.ReadInboundCount != 0 {
			t.Errorf("%+v", c)
		}
		messages := thread(t, h, r.Conversation)
		dense(t, messages)
		same(t, "thread", bodies(messages), []string{"[conversation_opened]", " 你好\nthere\u200b"})
		if m := messages[1]; m.ID != r.Message || m.Direction != inbox.In || m.Author.Kind != inbox.ByCustomer || m.Author.ID != r.Customer || *m.ClientKey != "k" || m.Delivery != nil {
			t.Errorf("%+v", m)
		}
		if c.LastMessage.Seq != 2 || c.LastMessage.Preview != "你好 there\u200b" {
			t.Errorf("%+v", c.LastMessage)
		}
		who, err := h.Customers.Get(h.Ctx(), r.Customer)
		if err != nil || *who.Locale != "zh-CN" || !who.LastSeenAt.Equal(h.Clock.Now()) {
			t.Errorf("%+v %v", who, err)
		}
		second := h.Receive("w", "k", "hi")
		same(t, "number of the second conversation", get(t, h, h.Boss, second.Conversation).Number, 2)
	})
}

func TestARepeatIsHarmless(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		first := h.Receive("v", "k", "hello")
		before := h.Dump()
		again, err := h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, "v", "k", "another text"))
		if err != nil || !again.Repeat {
			t.Fatalf("%+v %v", again, err)
		}
		if first.Body != "hello" || !first.At.Equal(h.Clock.Now()) || again.Body != "" {
			t.Errorf("%+v, then %+v", first, again)
		}
		again.Repeat, again.Body, again.At = false, first.Body, first.At
		same(t, "repeat", again, first)
		same(t, "what is stored", h.Dump(), before)
		other := h.NewAccount("Other", nil)
		fresh, err := h.Inbox.Receive(h.Ctx(), h.Inbound(other, "v", "k", "hello"))
		if err != nil || fresh.Repeat || fresh.Conversation == first.Conversation {
			t.Errorf("the same key on another account: %+v %v", fresh, err)
		}
	})
}

// Sixteen tabs and retries at once, for a person nobody has seen before.
func TestConcurrentRepeatsAreOneMessage(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const clients = 16
		got := make([]channels.Received, clients)
		errs := make([]error, clients)
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { got[i], errs[i] = h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, "v", "k", "hello")) })
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		repeats := 0
		for _, r := range got {
			if r.Repeat {
				repeats++
			}
			if r.Message != got[0].Message || r.Conversation != got[0].Conversation || r.Customer != got[0].Customer {
				t.Errorf("%+v is not %+v", r, got[0])
			}
		}
		same(t, "repeats", repeats, clients-1)
		for table, want := range map[string]int64{"customers": 1, "identities": 1, "conversations": 1, "messages": 2} {
			same(t, table, h.Number("SELECT count(*) FROM "+table), want)
		}
	})
}

// Quick first messages on two accounts and many keys: one conversation per
// account, seq without gaps, every message once.
func TestConcurrentMessagesAreOneOrder(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const each = 24
		other := h.NewAccount("Other", nil)
		var wg sync.WaitGroup
		for _, account := range []*channels.Account{h.Account, other} {
			for i := range each {
				wg.Go(func() {
					if _, err := h.Inbox.Receive(h.Ctx(), h.Inbound(account, "v", fmt.Sprint(i), fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		list, err := h.Inbox.List(h.Ctx(), h.Boss, inbox.Filter{Limit: 10})
		if err != nil || len(list) != 2 {
			t.Fatalf("%d conversations, %v", len(list), err)
		}
		for _, c := range list {
			messages := thread(t, h, c.ID)
			dense(t, messages)
			if len(messages) != each+1 || c.LastSeq != each+1 || c.InboundCount != each {
				t.Errorf("%d messages, %+v", len(messages), c)
			}
		}
	})
}

// A transaction that opens a conversation does not keep the counter of their
// numbers from others, and no number is left out.
func TestConversationsAreOpenedBesideEachOther(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		h.Inbox.AwaitNumbers()
		for i := range 3 {
			h.Receive(fmt.Sprint("v", i), "1", "hello")
		}
		same(t, "numbers", h.Number("SELECT max(number) FROM conversations"), 3)
		if h.DB.Engine() == store.SQLite { // one transaction at a time
			return
		}
		var slow atomic.Bool
		inside, release := make(chan struct{}), make(chan struct{})
		h.Inbox.OnReceived(func(*store.Tx, inbox.Heard) error {
			if slow.CompareAndSwap(false, true) {
				close(inside)
				<-release
			}
			return nil
		})
		ended := make(chan error, 1)
		go func() {
			_, err := h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, "slow", "1", "hello"))
			ended <- err
		}()
		<-inside
		var b store.Builder
		b.Add("SELECT n FROM counters WHERE name = 'conversations' FOR UPDATE NOWAIT")
		free, _ := b.Query()
		if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error { return tx.QueryRow(free).Scan(new(int64)) }); err != nil {
			t.Errorf("the counter is kept from others: %v", err)
		}
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		same(t, "numbers", h.Words("SELECT string_agg(number::text, ',' ORDER BY id) FROM conversations"), "1,2,3,4")
	})
}

// When the counter is out of reach beside a transaction it counts for itself.
func TestNumbersWhileTheCounterIsTaken(t *testing.T) {
	h := house.New(t, store.Postgres, house.Options{})
	h.Receive("first", "1", "hello")
	var b store.Builder
	b.Add("UPDATE counters SET n = n + 0 WHERE name = 'conversations'")
	touch, _ := b.Query()
	held, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		ended <- h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
			_, err := tx.Exec(touch)
			close(held)
			<-release
			return err
		})
	}()
	<-held
	go func() {
		_, err := h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, "waits", "1", "hello"))
		ended <- err
	}()
	testkit.Eventually(t, 30*time.Second, "it waits for the counter itself", func() bool {
		return h.Number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 2
	})
	close(release)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	h.Receive("last", "1", "hello")
	same(t, "numbers", h.Number("SELECT count(DISTINCT number) FROM conversations"), 3)
	if top := h.Number("SELECT max(number) FROM conversations"); top > h.Number("SELECT n FROM counters WHERE name = 'conversations'") {
		t.Errorf("the number %d is given out again", top)
	}
}

func TestWritingReopens(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := h.Receive("v", "1", "one").Conversation
		for i, u := range []inbox.Update{
			{Status: ptr(inbox.Resolved)},
			{Status: ptr(inbox.Snoozed), SnoozedUntil: ptr(h.Clock.Now().Add(time.Hour))},
		} {
			if c, err := h.Inbox.Update(h.Ctx(), h.Boss, id, u); err != nil || c.Status != *u.Status {
				t.Fatalf("%+v %v", c, err)
			}
			r := h.Receive("v", fmt.Sprint("again", i), "more")
			if r.Conversation != id {
				t.Error("another conversation was opened")
			}
			c := get(t, h, h.Boss, id)
			if c.Status != inbox.Open || c.SnoozedUntil != nil || c.WaitingSince == nil {
				t.Errorf("%+v", c)
			}
			all := thread(t, h, id)
			reopened := all[len(all)-2]
			if reopened.Activity == nil || reopened.Activity.Code != "reopened" || reopened.Activity.Params["by_name"] != nil {
				t.Errorf("%+v", reopened)
			}
		}
		same(t, "open conversations", h.Number("SELECT n FROM conversation_counts WHERE status = 'open'"), 1)
	})
}

func TestAClockSetBackNeverReorders(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a := h.Receive("a", "1", "first").Conversation
		h.Clock.Advance(time.Minute)
		b := h.Receive("b", "1", "second").Conversation
		h.Clock.Advance(-time.Hour)
		h.Receive("a", "2", "third")
		h.Reply(h.Boss, a, "r", "fourth")
		messages := thread(t, h, a)
		dense(t, messages)
		same(t, "thread", bodies(messages), []string{"[conversation_opened]", "first", "third", "fourth"})
		for i := 1; i < len(messages); i++ {
			if messages[i].ID <= messages[i-1].ID {
				t.Error("ids went back")
			}
		}
		list, err := h.Inbox.List(h.Ctx(), h.Boss, inbox.Filter{Limit: 10})
		if err != nil || len(list) != 2 || list[0].ID != b || list[1].ID != a {
			t.Errorf("%v %v", list, err)
		}
		if at := get(t, h, h.Boss, a).LastActivityAt; at.Before(list[1].CreatedAt) {
			t.Errorf("activity went back to %v", at)
		}
		seen, err := h.Customers.List(h.Ctx(), customersAll)
		if err != nil || len(seen) != 2 || seen[0].LastSeenAt.Before(*seen[1].LastSeenAt) {
			t.Errorf("%v %v", seen, err)
		}
	})
}

func TestReceiveRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		h.Receive("v", "1", "here already")
		mine, foreign := h.Upload(inbox.Owner{Kind: inbox.OwnerVisitor, Key: h.Account.ID.String() + ":v"}), h.Upload(inbox.Owner{Kind: inbox.OwnerVisitor, Key: h.Account.ID.String() + ":w"})
		staff := h.Upload(inbox.OwnerOf(h.Boss))
		before := h.Dump()
		for name, c := range map[string]struct {
			change      func(*channels.Inbound)
			code, field string
		}{
			"no key":           {func(in *channels.Inbound) { in.ExternalID = "" }, "required", "client_key"},
			"empty":            {func(in *channels.Inbound) { in.Body = " \n\t\u0000" }, "body_empty", "body"},
			"too long":         {func(in *channels.Inbound) { in.Body = strings.Repeat("好", house.MaxBody+1) }, "body_too_long", "body"},
			"too many files":   {func(in *channels.Inbound) { in.Attachments = make([]ids.ID, 11) }, "too_many", "attachment_ids"},
			"unknown file":     {func(in *channels.Inbound) { in.Attachments = []ids.ID{1} }, "attachment_unknown", "attachment_ids"},
			"somebody's file":  {func(in *channels.Inbound) { in.Attachments = []ids.ID{foreign} }, "attachment_unknown", "attachment_ids"},
			"a teammate's":     {func(in *channels.Inbound) { in.Attachments = []ids.ID{staff} }, "attachment_unknown", "attachment_ids"},
			"one file twice":   {func(in *channels.Inbound) { in.Attachments = []ids.ID{mine, mine} }, "attachment_unknown", "attachment_ids"},
			"unknown channel":  {func(in *channels.Inbound) { in.Account = ptr(*in.Account); in.Account.Channel = "fax" }, "unknown_channel", "channel"},
			"a new person too": {func(in *channels.Inbound) { in.Identity.Value = "new"; in.Attachments = []ids.ID{mine} }, "", ""},
		} {
			in := h.Inbound(h.Account, "v", "2", "text")
			c.change(&in)
			if c.code == "" {
				in.AttachmentOwner = "nobody"
				c.code = "attachment_unknown"
			}
			_, err := h.Inbox.Receive(h.Ctx(), in)
			house.Refused(t, err, c.code, c.field)
			if h.Dump() != before {
				t.Fatalf("%s: something was stored", name)
			}
		}
		in := h.Inbound(h.Account, "v", "2", strings.Repeat("好", house.MaxBody))
		in.Attachments = []ids.ID{mine}
		r, err := h.Inbox.Receive(h.Ctx(), in)
		if err != nil {
			t.Fatal(err)
		}
		m := thread(t, h, r.Conversation)[2]
		if len(m.Attachments) != 1 || m.Attachments[0].ID != mine || m.Attachments[0].URL == "" {
			t.Errorf("%+v", m.Attachments)
		}
		in = h.Inbound(h.Account, "v", "3", "")
		in.Attachments = []ids.ID{mine}
		_, err = h.Inbox.Receive(h.Ctx(), in)
		house.Refused(t, err, "attachment_unknown", "attachment_ids") // it is in a message already
	})
}

// A context that ends stores nothing or everything, and says which.
func TestReceiveWithACancelledContext(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		ctx, cancel := context.WithCancel(h.Ctx())
		cancel()
		_, err := h.Inbox.Receive(ctx, h.Inbound(h.Account, "v", "k", "x"))
		if !errors.Is(err, context.Canceled) || h.Number("SELECT count(*) FROM messages") != 0 {
			t.Error(err)
		}
	})
}

// Whatever people write comes back as text that every engine stores.
func TestForeignText(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for i, s := range []string{"\xff\xfe broken", "nul\x00inside", "emoji 👩‍👩‍👧", "rtl \u202eevil", "<script>alert(1)</script>", "'; DROP TABLE messages; --", "line\u2028sep", strings.Repeat("a\n", 100)} {
			r := h.Receive("v", fmt.Sprint(i), s)
			var got string
			err := h.DB.Snapshot(h.Ctx(), func(q store.Querier) error {
				v, err := h.Inbox.VisitorMessage(h.Ctx(), r.Message)
				got = v.Body
				return err
			})
			if err != nil || strings.ContainsAny(got, "\x00\r") || strings.ToValidUTF8(got, "") != got || got == "" {
				t.Errorf("%q became %q, %v", s, got, err)
			}
		}
	})
}
