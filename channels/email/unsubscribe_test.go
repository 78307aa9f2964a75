package email_test

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A list's mail says how to leave it: to programs in its header, to people at
// its end, in their language or in both.
func TestLettersOfLists(t *testing.T) {
	for _, c := range []struct {
		languages []string
		has, not  []string
	}{
		{[]string{"en"}, []string{"you agreed to news from 林记茶铺"}, []string{"您收到"}},
		{[]string{"zh-CN"}, []string{"您收到此邮件"}, []string{"you agreed"}},
		{[]string{"en", "zh-CN"}, []string{"you agreed", "您收到此邮件"}, nil},
	} {
		l := letter()
		l.Unsubscribe, l.UnsubscribeTo, l.Languages = "https://tea.example/unsubscribe/abc", "unsubscribe+1.x@tea.example", c.languages
		raw := write(t, l)
		head, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got := head.Header.Get("List-Unsubscribe"); got != "<https://tea.example/unsubscribe/abc>, <mailto:unsubscribe+1.x@tea.example?subject=unsubscribe>" {
			t.Errorf("List-Unsubscribe: %q", got)
		}
		if got := head.Header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
			t.Errorf("List-Unsubscribe-Post: %q", got)
		}
		m, err := mime.Parse(bytes.NewReader(raw), mime.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{m.Body, m.HTML} {
			for _, want := range append(c.has, "https://tea.example/unsubscribe/abc?lang="+c.languages[0]) {
				if !strings.Contains(part, want) {
					t.Errorf("%v: %q is not in %s", c.languages, want, part)
				}
			}
			for _, not := range c.not {
				if strings.Contains(part, not) {
					t.Errorf("%v: %q is in it", c.languages, not)
				}
			}
		}
	}
	if raw := string(write(t, letter())); strings.Contains(raw, "List-Unsubscribe") || strings.Contains(raw, "Precedence") {
		t.Error("an answer says that it is a list's mail")
	}
}

func TestUnsubscribeAddress(t *testing.T) {
	k := keys(t, 1)
	const account, identity = ids.ID(71234567890123456), ids.ID(81234567890123456)
	address := email.UnsubscribeAddress(k, account, identity, "tea.example")
	if got, ok := email.ParseUnsubscribe(k, account, strings.ToUpper(address)); !ok || got != identity {
		t.Errorf("%v %v", got, ok)
	}
	for _, bad := range []string{"", "unsubscribe+", address[1:], strings.Replace(address, "unsubscribe+", "reply+", 1), strings.Replace(address, ".", "a.", 1),
		email.ReplyAddress(k, account, identity, "tea.example"), strings.Replace(email.ReplyAddress(k, account, identity, "tea.example"), "reply+", "unsubscribe+", 1)} {
		if got, ok := email.ParseUnsubscribe(k, account, bad); ok {
			t.Errorf("%q is taken as %v", bad, got)
		}
	}
	if _, ok := email.ParseUnsubscribe(k, account+1, address); ok {
		t.Error("made for another account")
	}
}

// A journey's mail: sent with consent only, answered into a conversation that
// says what was asked, and left by a mail to its own address.
func TestOutreachByMail(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		account := o.sending(f)
		free := outbox.Sending{Quiet: outbox.Quiet{From: "22:00", To: "08:00"}, Cap: outbox.Cap{Max: 3, Days: 7}}
		if _, err := o.h.Outbox.SetSending(o.h.Ctx(), o.h.Boss, free); err != nil {
			t.Fatal(err)
		}
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "Hello", "", "hello"))
		identity := ids.ID(o.h.Number("SELECT identity_id FROM conversations"))
		customer := ids.ID(o.h.Number("SELECT customer_id FROM conversations"))
		n := 0
		send := func(purpose channels.Purpose) ids.ID {
			n++
			var d channels.Enqueued
			err := o.h.DB.Write(o.h.Ctx(), func(tx *store.Tx) (err error) {
				d, err = o.h.Outbox.SendTx(tx, channels.Outreach{IdempotencyKey: fmt.Sprint("o", n), Account: account.ID, Channel: email.Channel, Identity: identity, Customer: customer,
					Purpose: purpose, Subject: "新茶上市", Body: "Come and try", Source: channels.Source{Kind: channels.SourceJourney, Journey: 7, Node: "n", Name: "Spring"}, Now: o.h.Clock.Now()})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return d.ID
		}
		ends := func(id ids.ID, state, code string) {
			t.Helper()
			testkit.Eventually(t, soon, "the delivery is "+state, func() bool { return o.h.Words("SELECT state FROM deliveries WHERE id = ?", id) == state })
			if got := o.h.Words("SELECT error_code FROM deliveries WHERE id = ?", id); got != code {
				t.Errorf("%s with %q, want %q", state, got, code)
			}
		}
		ends(send(channels.Marketing), "failed", outbox.ConsentMissing)
		if err := o.h.Customers.Say(o.h.Ctx(), identity, email.Channel, customers.PurposeMarketing, customers.Granted, "form"); err != nil {
			t.Fatal(err)
		}
		sent := send(channels.Marketing)
		ends(sent, "sent", "")
		f.mu.Lock()
		raw := f.mails[len(f.mails)-1]
		f.mu.Unlock()
		head, err := mail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		_, to, _ := strings.Cut(head.Header.Get("List-Unsubscribe"), "<mailto:")
		to, _, _ = strings.Cut(to, "?")
		m, err := mime.Parse(strings.NewReader(raw), mime.DefaultLimits())
		if err != nil || m.Subject != "新茶上市" || !strings.Contains(m.Body, "https://tea.example/unsubscribe/"+identity.String()) {
			t.Errorf("%+v %v", m, err)
		}
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m2@x", "Re: 新茶上市", "In-Reply-To: <"+m.MessageID+">\n", "with pleasure"))
		c, err := o.h.Inbox.Get(o.h.Ctx(), o.h.Boss, o.conversationOf("with pleasure"))
		if err != nil || c.Context == nil || c.Context.DeliveryID != sent || c.Context.JourneyName != "Spring" {
			t.Errorf("%+v %v", c, err)
		}
		page, err := o.h.Inbox.Messages(o.h.Ctx(), o.h.Boss, c.ID, nil, nil, 50)
		codes := ""
		for _, m := range page.Messages {
			if m.Activity != nil {
				codes += m.Activity.Code + " "
			} else {
				codes += m.Body + " "
			}
		}
		if err != nil || codes != "conversation_opened journey_message with pleasure " {
			t.Errorf("%s %v", codes, err)
		}
		before := o.h.Number("SELECT count(*) FROM messages")
		o.bring("ming@example.com", to, strings.Replace(rawMail("ming@example.com", "m3@x", "unsubscribe", "", "unsubscribe"), "help@tea.example", to, 1))
		if after := o.h.Number("SELECT count(*) FROM messages"); after != before {
			t.Error("leaving a list is no message")
		}
		ends(send(channels.Marketing), "failed", outbox.ConsentWithdrawn)
		ends(send(channels.Transactional), "sent", "")
		f.mu.Lock()
		last := f.mails[len(f.mails)-1]
		f.mu.Unlock()
		if strings.Contains(last, "List-Unsubscribe") {
			t.Error("one's own business has no way to leave")
		}
	})
}
