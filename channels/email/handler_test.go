package email_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
)

const soon = 20 * time.Second

// settled waits until the intake has nothing left.
func (o *office) settled() {
	o.t.Helper()
	testkit.Eventually(o.t, soon, "every mail is handled", func() bool {
		return o.h.Number("SELECT count(*) FROM inbound WHERE state NOT IN ('done', 'failed')") == 0
	})
}

// bring sends a mail and waits until it is handled.
func (o *office) bring(from, to, raw string) {
	o.t.Helper()
	if err := o.write(from, to, raw); err != nil {
		o.t.Fatal(err)
	}
	o.settled()
}

func rawMail(from, id, subject, extra, body string) string {
	return crlf("From: Ming <" + from + ">\nTo: help@tea.example\nSubject: " + subject + "\nMessage-ID: <" + id + ">\n" + extra + "Content-Type: text/plain; charset=utf-8\n\n" + body + "\n")
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// conversationOf is where a text stands.
func (o *office) conversationOf(body string) ids.ID {
	o.t.Helper()
	return ids.ID(o.h.Number("SELECT conversation_id FROM messages WHERE direction = 'in' AND body = ?", body))
}

func (o *office) status(conversation ids.ID) string {
	return o.h.Words("SELECT status FROM conversations WHERE id = ?", conversation)
}

// sending runs the outbox and gives an account that sends through f.
func (o *office) sending(f *far) *channels.Account {
	acc := o.account(fmt.Sprintf(`{"address":"help@tea.example","name":"Lin's Tea","smtp":{"host":"127.0.0.1","port":%d,"tls":"none"}}`, f.port))
	ctx, cancel := context.WithCancel(context.Background())
	wake, unsubscribe := o.h.Bus.Subscribe(outbox.Topic, 1)
	var running sync.WaitGroup
	running.Go(func() { o.h.Outbox.Run(ctx, wake, true) })
	o.t.Cleanup(func() { cancel(); unsubscribe(); running.Wait() })
	return acc
}

// answer writes as an agent and returns the mail that went out.
func (o *office) answer(f *far, conversation ids.ID, key, body string) *mime.Mail {
	o.t.Helper()
	f.mu.Lock()
	before := len(f.mails)
	f.mu.Unlock()
	o.h.Reply(o.h.Boss, conversation, key, body)
	var raw string
	testkit.Eventually(o.t, soon, "the answer is sent", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.mails) > before {
			raw = f.mails[len(f.mails)-1]
		}
		return raw != "" && o.h.Number("SELECT count(*) FROM deliveries WHERE state <> 'sent'") == 0
	})
	m, err := mime.Parse(strings.NewReader(raw), mime.DefaultLimits())
	if err != nil {
		o.t.Fatal(err)
	}
	return m
}

// A mail, its answer, and the answers to that by each way that leads back.
func TestThreads(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		o.sending(f)
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "Where is my order?", "", "It has not come.\n\n> old\n"))
		c := o.conversationOf("It has not come.")
		sent := o.answer(f, c, "a1", "Tomorrow.")
		if sent.Subject != "Re: Where is my order?" || strings.Join(sent.InReplyTo, " ") != "m1@x" || sent.From.Address != "help@tea.example" || sent.Body != "Tomorrow." {
			t.Errorf("%+v", sent)
		}
		reply := sent.ReplyTo[0].Address

		o.bring("ming@example.com", reply, rawMail("ming@example.com", "m2@x", "Re: hm", "", "by reply address"))
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m3@x", "Re: hm", "In-Reply-To: <"+sent.MessageID+">\n", "by our name"))
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m4@x", "Re: hm", "References: <m1@x>\n", "by the own first mail"))
		o.bring("ming@example.com", strings.ToUpper(reply), rawMail("ming@example.com", "m5@x", "Re: hm", "In-Reply-To: <unknown@x>\n", "address before references"))
		for _, body := range []string{"by reply address", "by our name", "by the own first mail", "address before references"} {
			if got := o.conversationOf(body); got != c {
				t.Errorf("%s: conversation %v, want %v", body, got, c)
			}
		}

		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m6@x", "Re: Where is my order?", "", "a new question"))
		o.bring("wang@example.com", reply, rawMail("wang@example.com", "w1@x", "Re: hm", "In-Reply-To: <"+sent.MessageID+">\nReferences: <m1@x>\n", "somebody else"))
		for _, body := range []string{"a new question", "somebody else"} {
			if got := o.conversationOf(body); got == c {
				t.Errorf("%s: joined the thread", body)
			}
		}
		// The next answer follows the newest mail.
		if again := o.answer(f, c, "a2", "Sent."); strings.Join(again.InReplyTo, " ") != "m5@x" || again.ReplyTo[0].Address != reply || again.MessageID == sent.MessageID {
			t.Errorf("%+v", again)
		}
	})
}

// The same mail twice is one message; two people's mails of one name are two.
func TestRepeats(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		for range 3 {
			o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "hi", "", "once"))
		}
		o.bring("wang@example.com", "help@tea.example", rawMail("wang@example.com", "m1@x", "hi", "", "of wang"))
		if once, wang := o.h.Number("SELECT count(*) FROM messages WHERE body = 'once'"), o.h.Number("SELECT count(*) FROM messages WHERE body = 'of wang'"); once != 1 || wang != 1 {
			t.Errorf("%d and %d", once, wang)
		}
	})
}

// Mails that a program gives one name are all kept; a copy that came another way,
// encoded anew, is none of them. What answers the name follows the newest.
func TestMailsOfOneName(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		o.sending(f)
		date := "Date: Mon, 23 Nov 2026 10:00:00 +0800\n"
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "same@x", "hi", date, "Grüße, the first"))
		o.bring("ming@example.com", "help@tea.example", crlf("Received: from elsewhere\nFrom: <MING@example.com>\nTo: help@tea.example\nSubject: =?utf-8?q?hi?=\nMessage-ID: <same@x>\n"+date+
			"Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe, =\nthe first\n\n"))
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "same@x", "hi", date, "the second"))
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "same@x", "hi", strings.Replace(date, "10:00", "10:01", 1), "the second"))
		first, second := o.h.Number("SELECT count(*) FROM messages WHERE body = 'Grüße, the first'"), o.h.Number("SELECT count(*) FROM messages WHERE body = 'the second'")
		if first != 1 || second != 2 {
			t.Fatalf("%d and %d", first, second)
		}
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "next@x", "Re: hi", "References: <same@x>\n", "an answer"))
		newest := ids.ID(o.h.Number("SELECT max(conversation_id) FROM messages WHERE body = 'the second'"))
		if c := o.conversationOf("an answer"); c != newest {
			t.Errorf("in %v, want %v", c, newest)
		}
		if sent := o.answer(f, newest, "a1", "Good morning."); strings.Join(sent.InReplyTo, " ") != "next@x" || strings.Join(sent.References, " ") != "same@x next@x" {
			t.Errorf("%v %v", sent.InReplyTo, sent.References)
		}
		o.bring("ming@example.com", "help@tea.example", strings.Replace(rawMail("ming@example.com", "", "without a name", "", "nameless"), "Message-ID: <>\r\n", "", 1))
		if sent := o.answer(f, o.conversationOf("nameless"), "a2", "Hello."); len(sent.InReplyTo)+len(sent.References) != 0 || sent.Subject != "Re: without a name" {
			t.Errorf("%q %v %v", sent.Subject, sent.InReplyTo, sent.References)
		}
	})
}

// A mail belongs to whom an answer to it goes, which no mail can turn to ourselves
// or to a list.
func TestWhoIsAnswered(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		o.sending(f)
		for i, test := range []struct{ name, head, whom, called string }{
			{"a form", "From: Shop <no-reply@forms.example>\nReply-To: one@example.com\n", "one@example.com", ""},
			{"a form in our name", "From: Lin's Tea <help@tea.example>\nReply-To: Li <two@example.com>\n", "two@example.com", "Li"},
			{"a form that sends a copy", "From: WordPress <wordpress@tea.example>\nReply-To: three@example.com\nCc: three@example.com\n", "three@example.com", ""},
			{"another mailbox", "From: Wang <wang@work.example>\nReply-To: <wang@HOME.example>\n", "wang@home.example", "Wang"},
			{"two mailboxes", "From: Zhao <zhao@work.example>\nReply-To: a@home.example, b@home.example\n", "zhao@work.example", "Zhao"},
			{"one of them the sender's", "From: Qian <qian@work.example>\nReply-To: qian@work.example, b@home.example\n", "qian@work.example", "Qian"},
			{"a list that answers itself", "From: Sun <sun@example.com>\nReply-To: list@group.example\nList-Post: <mailto:list@group.example>\n", "sun@example.com", "Sun"},
			{"a group among the recipients", "From: Zhou <zhou@example.com>\nReply-To: all@group.example\nCc: All@group.example\n", "zhou@example.com", "Zhou"},
			{"a group in its own name", "From: \"'Wu' via Support\" <support@group.example>\nReply-To: wu@example.com\nList-Post: <mailto:support@group.example>\n", "wu@example.com", "Wu"},
			{"ourselves", "From: Zheng <zheng@example.com>\nReply-To: help@tea.example\n", "zheng@example.com", "Zheng"},
			{"no address", "From: Feng <feng@example.com>\nReply-To: nobody at all\n", "feng@example.com", "Feng"},
			{"nobody", "From: Chen <chen@example.com>\nReply-To: no-reply@example.com\n", "chen@example.com", "Chen"},
		} {
			body := "of " + test.name
			o.bring("bounces@relay.example", "help@tea.example", crlf(test.head+fmt.Sprintf("To: help@tea.example\nSubject: hi\nMessage-ID: <w%d@x>\n\n%s\n", i, body)))
			c := o.conversationOf(body)
			if c == 0 {
				t.Errorf("%s: not taken", test.name)
				continue
			}
			called := o.h.Words("SELECT u.name FROM customers u JOIN conversations c ON c.customer_id = u.id WHERE c.id = ?", c)
			if sent := o.answer(f, c, test.name, "Yes."); sent.To[0].Address != test.whom || called != test.called {
				t.Errorf("%s: %s, called %q", test.name, sent.To[0].Address, called)
			}
		}
		if n := o.h.Number("SELECT count(DISTINCT customer_id) FROM conversations"); n != 12 {
			t.Errorf("%d customers", n)
		}
		payload := o.h.Words("SELECT payload FROM messages WHERE body = 'of a form'")
		if !strings.Contains(payload, `no-reply@forms.example`) || !strings.Contains(payload, `"reply_to":"one@example.com"`) {
			t.Errorf("%s", payload)
		}
		// Nobody's record is opened by a line that anybody can write.
		o.bring("", "help@tea.example", crlf("From: Wang <one@example.com>\nReply-To: evil@attacker.example\nTo: help@tea.example\nSubject: hi\nMessage-ID: <f1@x>\n\nforged\n"))
		if o.h.Number("SELECT customer_id FROM conversations WHERE id = ?", o.conversationOf("forged")) == o.h.Number("SELECT customer_id FROM conversations WHERE id = ?", o.conversationOf("of a form")) {
			t.Error("what is said to a stranger is said in a customer's name")
		}
		// What comes back from the address that was answered finds its conversation.
		o.bring("one@example.com", "help@tea.example", rawMail("one@example.com", "r1@x", "Re: hi", "References: <w0@x>\n", "and back"))
		if o.conversationOf("and back") != o.conversationOf("of a form") {
			t.Error("the answer to a form's mail opens another conversation")
		}
	})
}

// Who says no name is shown by the address, which is no name.
func TestNamelessSenders(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		o.bring("ming@example.com", "help@tea.example", strings.Replace(rawMail("ming@example.com", "m1@x", "hi", "", "nameless"), "Ming <ming@example.com>", "ming@example.com", 1))
		c := o.conversationOf("nameless")
		shown := func() (label string, name *string) {
			t.Helper()
			list, err := o.h.Inbox.List(o.h.Ctx(), o.h.Boss, inbox.Filter{Status: inbox.Open, Limit: 10})
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v %v", list, err)
			}
			one, err := o.h.Inbox.Get(o.h.Ctx(), o.h.Boss, c)
			if err != nil {
				t.Fatal(err)
			}
			record, err := o.h.Customers.Get(o.h.Ctx(), one.Customer.ID)
			if err != nil || record.Label != one.Customer.Label || list[0].Customer.Label != record.Label {
				t.Errorf("%+v, %+v, %+v, %v", list[0].Customer, one.Customer, record, err)
			}
			return record.Label, record.Name
		}
		if label, name := shown(); label != "ming@example.com" || name != nil {
			t.Errorf("%q, called %v", label, name)
		}
		if told := o.h.Words("SELECT payload FROM changes WHERE kind = 'message' ORDER BY id LIMIT 1"); !strings.Contains(told, `"label":"ming@example.com"`) {
			t.Errorf("the change says %s", told)
		}
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m2@x", "Re: hi", "References: <m1@x>\n", "with a name"))
		if label, _ := shown(); label != "Ming" {
			t.Errorf("%q after the name was told", label)
		}
	})
}

// People's mail waits for an answer however it came; nothing answers it by itself
// where it came through machines.
func TestPeopleBehindMachines(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		for i, test := range []struct{ head, status, event string }{
			{"", "open", "Message Received"},
			{"List-Id: <support.group.example>\nPrecedence: list\n", "open", "Automatic Message Received"},
			{"X-Auto-Response-Suppress: All\n", "open", "Automatic Message Received"},
			{"X-Auto-Response-Suppress: All\nIn-Reply-To: <other@x>\n", "open", "Automatic Message Received"},
			{"Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n", "resolved", "Automatic Message Received"},
			{"Precedence: bulk\n", "resolved", "Automatic Message Received"},
		} {
			from, body := fmt.Sprintf("p%d@example.com", i), fmt.Sprintf("mail %d", i)
			o.bring(from, "help@tea.example", rawMail(from, "p@x", "hi", test.head, body))
			c := o.conversationOf(body)
			event := o.h.Words("SELECT n.name FROM events e JOIN event_names n ON n.id = e.name_id JOIN conversations c ON c.customer_id = e.customer_id WHERE c.id = ? AND n.name LIKE '%Received'", c)
			if s := o.status(c); s != test.status || event != test.event {
				t.Errorf("%q: %s, %s", test.head, s, event)
			}
		}
	})
}

func TestMachines(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		o.sending(f)
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "hi", "", "hello"))
		c := o.conversationOf("hello")
		sent := o.answer(f, c, "a1", "Good morning.")
		o.h.Run("UPDATE conversations SET status = 'resolved', waiting_since = 0 WHERE id = ?", c)

		o.bring("", sent.ReplyTo[0].Address, rawMail("ming@example.com", "m2@x", "Automatic reply", "Auto-Submitted: auto-replied\n", "I am away"))
		if o.conversationOf("I am away") != c || o.status(c) != "resolved" {
			t.Errorf("the automatic reply is in %v, %s", o.conversationOf("I am away"), o.status(c))
		}
		o.bring("", "help@tea.example", rawMail("news@shop.example", "n1@x", "Deals", "List-Unsubscribe: <mailto:x@shop.example>\n", "deals"))
		if s := o.status(o.conversationOf("deals")); s != "resolved" {
			t.Errorf("the newsletter waits as %s", s)
		}

		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m3@x", "Re: hi", "X-Loop: help@tea.example\nIn-Reply-To: <"+sent.MessageID+">\n", "a machine's echo"))
		if o.conversationOf("a machine's echo") != c || o.status(c) != "resolved" {
			t.Errorf("an echo: %v, %s", o.conversationOf("a machine's echo"), o.status(c))
		}

		before := o.h.Number("SELECT count(*) FROM messages")
		o.bring("", "help@tea.example", report("Action: delayed\nStatus: 4.4.1", sent.MessageID))
		if s := o.h.Words("SELECT state FROM deliveries"); s != "sent" {
			t.Errorf("delayed: %s", s)
		}
		o.bring("", "help@tea.example", report("Action: failed\nStatus: 5.1.1", strings.Replace(sent.MessageID, "fw.", "fw.1", 1)))
		if s := o.h.Words("SELECT state FROM deliveries"); s != "sent" {
			t.Errorf("a forged bounce: %s", s)
		}
		forged := o.h.Number("SELECT count(*) FROM messages") - before
		o.bring("", "help@tea.example", report("Action: failed\nStatus: 5.1.8", sent.MessageID))
		if s := o.h.Words("SELECT state || ' ' || error_code FROM deliveries"); s != "failed mail_bounced" || o.h.Number("SELECT count(*) FROM identities WHERE suppressed <> ''") != 0 {
			t.Errorf("our own address was refused: %s", s)
		}
		o.h.Run("UPDATE deliveries SET state = 'sent'")
		o.bring("", "help@tea.example", report("Action: failed\nStatus: 5.1.1", sent.MessageID))
		if s := o.h.Words("SELECT state || ' ' || error_code FROM deliveries"); s != "failed mail_address_unknown" {
			t.Errorf("bounced: %s", s)
		}
		if n := o.h.Number("SELECT count(*) FROM identities WHERE suppressed <> '' AND value = 'ming@example.com'"); n != 1 {
			t.Error("an unknown address may be written to again")
		}
		if after := o.h.Number("SELECT count(*) FROM messages") - before; after != forged {
			t.Error("a report of ours became a message")
		}
	})
}

// A bounce in words tells of the mail that it copies or answers, and of no other.
func TestBouncesInWords(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		f := newFar(t, nil, nil, false)
		o.sending(f)
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "hi", "", "hello"))
		sent := o.answer(f, o.conversationOf("hello"), "a1", "Good morning.")
		for name, want := range map[string]string{
			"bounce-exim": "failed mail_bounced", "bounce-exim-delay": "sent ", "bounce-qmail": "failed mail_address_unknown", "bounce-exchange": "failed mail_address_unknown",
		} {
			raw, err := os.ReadFile("mime/testdata/" + name + ".eml")
			if err != nil {
				t.Fatal(err)
			}
			before := o.h.Number("SELECT count(*) FROM messages WHERE direction = 'in'")
			o.h.Run("UPDATE deliveries SET state = 'sent', error_code = ''")
			o.h.Run("UPDATE identities SET suppressed = ''")
			forged := strings.Replace(sent.MessageID, "fw.", "fw.1", 1)
			o.bring("", "help@tea.example", strings.ReplaceAll(string(raw), "fw.9@tea.example", forged))
			if got := o.h.Words("SELECT state FROM deliveries"); got != "sent" {
				t.Errorf("%s, forged: %s", name, got)
			}
			o.bring("", "help@tea.example", strings.ReplaceAll(string(raw), "fw.9@tea.example", sent.MessageID))
			if got := o.h.Words("SELECT state || ' ' || error_code FROM deliveries"); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
			if said := o.h.Words("SELECT error_detail FROM deliveries"); name == "bounce-exim" && said != "550 5.7.1 blocked" {
				t.Errorf("%s: it said %q", name, said)
			}
			if gone := o.h.Number("SELECT count(*) FROM identities WHERE suppressed <> ''") == 1; gone != strings.HasSuffix(want, "unknown") {
				t.Errorf("%s: suppressed %v", name, gone)
			}
			if n := o.h.Number("SELECT count(*) FROM messages WHERE direction = 'in'") - before; n != 1 { // the forged one
				t.Errorf("%s: %d messages", name, n)
			}
		}
	})
}

var reports int

// report is a delivery report about one of our mails.
func report(fields, id string) string {
	reports++
	return crlf(fmt.Sprintf("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com\nTo: help@tea.example\nSubject: Undelivered\nMessage-ID: <r%d@mx>\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nfailed\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ming@example.com\n%s\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <%s>\n--b--\n", reports, fields, id))
}

// Mail that claims to be our own is not taken for a customer's, and stays to be
// looked at.
func TestLoops(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		acc := o.account(office1)
		o.bring("evil@attacker.example", "help@tea.example", rawMail("help@tea.example", "m1@x", "hi", "", "from yourself"))
		o.bring("evil@attacker.example", "help@tea.example", rawMail(email.ReplyAddress(o.h.Keys, acc.ID, 7, "tea.example"), "m2@x", "hi", "", "from your reply address"))
		o.bring("", "help@tea.example", "Subject: nobody\r\nMessage-ID: <m3@x>\r\n\r\nhi\r\n")
		failed, err := o.h.Intake.Failed(o.h.Ctx(), 10)
		if err != nil || len(failed) != 3 {
			t.Fatalf("%+v %v", failed, err)
		}
		codes := map[string]int{}
		for _, one := range failed {
			codes[one.ErrorCode]++
		}
		if codes["mail_loop"] != 2 || codes["mail_sender_missing"] != 1 || o.h.Number("SELECT count(*) FROM messages") != 0 {
			t.Errorf("%v", codes)
		}
	})
}

// Names in other letters are compared in one form, and large mails wait for
// each other without losing their order.
func TestSendersAndLargeMails(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		o.bring("ming@xn--fsqu00a.example", "help@tea.example", rawMail("Ming@例子.example", "m1@x", "hi", "", "in Chinese letters"))
		o.bring("ming@xn--fsqu00a.example", "help@tea.example", rawMail("ming@XN--FSQU00A.example", "m2@x", "hi", "", "in ASCII"))
		if n := o.h.Number("SELECT count(DISTINCT identity_id) FROM messages WHERE direction = 'in'"); n != 1 {
			t.Errorf("%d identities", n)
		}
		for i := range 5 {
			body := fmt.Sprintf("large %d\n\n> %s", i, strings.Repeat(strings.Repeat("x", 70)+"\n> ", 5000))
			if err := o.write("wang@example.com", "help@tea.example", rawMail(fmt.Sprintf("wang%d@example.com", i), fmt.Sprintf("l%d@x", i), "hi", "", body)); err != nil {
				t.Fatal(err)
			}
		}
		testkit.Eventually(t, soon, "every large mail is handled", func() bool {
			o.h.Clock.Advance(time.Second) // those that had to wait
			return o.h.Number("SELECT count(*) FROM messages WHERE body LIKE 'large %'") == 5
		})
	})
}

func TestFilesOfAMail(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		files := func(body string) string {
			return o.h.Words("SELECT coalesce(group_concat(name, ' '), '') FROM (SELECT a.name FROM attachments a JOIN messages m ON m.id = a.message_id WHERE m.body = ? ORDER BY a.id)", body)
		}
		if o.h.DB.Engine() != "sqlite" {
			files = func(body string) string {
				return o.h.Words("SELECT coalesce(string_agg(a.name, ' ' ORDER BY a.id), '') FROM attachments a JOIN messages m ON m.id = a.message_id WHERE m.body = ?", body)
			}
		}
		for name, want := range map[string][2]string{
			"inline-picture":        {"See [leaf]", "leaf.png"},
			"attachment":            {"Attached.", "invoice.pdf"},
			"many-parts":            {"", "f0.txt f1.txt f2.txt f3.txt f4.txt f5.txt f6.txt f7.txt f8.txt mail.eml"},
			"cut-in-base64":         {"begun", "a.png mail.eml"},
			"calendar":              {"Tea tasting on Monday.", "invite.ics"},
			"empty-with-subject":    {"call me", ""},
			"forward-attached":      {"Is this from you?", "特价.eml"},
			"subject-word-broken":   {"ok", ""},
			"bounce-qq-zh":          {"抱歉，您的邮件被退回来了……", ""},
			"auto-reply-old-header": {"I am away until Monday.", ""},

			"utf8-with-a-broken-character": {"您好，\uFFFD 我的订单还没有到。", "mail.eml"},
			"declared-gbk-is-short-utf8":   {"我 ok", ""},
		} {
			raw, err := os.ReadFile("mime/testdata/" + name + ".eml")
			if err != nil {
				t.Fatal(err)
			}
			o.bring("ming@example.com", "help@tea.example", string(bytes.ReplaceAll(raw, []byte("Message-ID: <"), []byte("Message-ID: <"+name+"."))))
			if got := files(want[0]); got != want[1] {
				t.Errorf("%s: %q, want %q", name, got, want[1])
			}
		}
		html := o.h.Words("SELECT html FROM message_html h JOIN messages m ON m.id = h.message_id WHERE m.body = 'See [leaf]'")
		picture := ids.ID(o.h.Number("SELECT id FROM attachments WHERE name = 'leaf.png'"))
		if want := fmt.Sprintf(`data-file="%v"`, picture); !strings.Contains(html, want) {
			t.Errorf("%s lacks %s", html, want)
		}
		shown := mime.Show(html, false, func(id ids.ID) string { return "/files/" + id.String() })
		if want := fmt.Sprintf(`src="/files/%v"`, picture); !strings.Contains(shown, want) {
			t.Errorf("%s lacks %s", shown, want)
		}
		payload := o.h.Words("SELECT payload FROM messages WHERE body = 'I am away until Monday.'")
		var extra struct {
			Payload struct{ Type, From, Automatic string }
		}
		if err := json.Unmarshal([]byte(payload), &extra); err != nil || extra.Payload.Type != "mail" || extra.Payload.Automatic != "reply" || extra.Payload.From != "Ming <ming@example.com>" {
			t.Errorf("%s %v", payload, err)
		}
	})
}

// What an answer quotes is shown as far as a message goes; all of it is in the file.
func TestLongQuote(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		o.account(office1)
		o.bring("ming@example.com", "help@tea.example", rawMail("ming@example.com", "m1@x", "Re: hi", "", "yes\n\nOn 20 Nov 2026, Lin <lin@tea.example> wrote:\n"+strings.Repeat("> what was said before\n", 6000)))
		c := o.conversationOf("yes")
		if n := o.h.Number("SELECT length(payload) FROM messages WHERE conversation_id = ? AND direction = 'in'", c); n > email.MaxBody*3/2 {
			t.Errorf("%d are quoted", n)
		}
		if n := o.h.Number("SELECT count(*) FROM attachments WHERE name = 'mail.eml' AND message_id > 0"); n != 1 {
			t.Errorf("%d whole mails", n)
		}
	})
}

// A mailbox that is switched off takes nothing, at the latest when the list is
// old.
func TestDirectory(t *testing.T) {
	mailHouse(t, func(t *testing.T, o *office) {
		acc := o.account(office1)
		d := email.NewDirectory(o.h.Accounts, o.h.Keys, o.h.Clock)
		reply := email.ReplyAddress(o.h.Keys, acc.ID, 7, "tea.example")
		for address, want := range map[string]bool{
			"help@tea.example": true, "HELP@Tea.Example": true, reply: true, strings.ToUpper(reply): true,
			"help@other.example": false, "nobody@tea.example": false, "": false, "reply+7.aaaaaaaaaaaaaaaa@tea.example": false,
			strings.Replace(reply, "tea.example", "other.example", 1): false,
			"help+orders@tea.example":                                 true, "Help+@tea.example": true, "helpe+x@tea.example": false, "help+x@other.example": false,
			"postmaster@tea.example": true, "PostMaster@Tea.example": true, "postmaster@other.example": false,
		} {
			if id, ok, err := d.Mailbox(o.h.Ctx(), address, false); err != nil || ok != want || ok && id != acc.ID {
				t.Errorf("%q: %v %v %v", address, id, ok, err)
			}
		}
		for address, want := range map[string]bool{"help@tea.example": true, "help+x@tea.example": true, reply: true, "postmaster@tea.example": false, "ming@example.com": false} {
			if ours, err := d.Ours(o.h.Ctx(), address); err != nil || ours != want {
				t.Errorf("%q is ours: %v %v", address, ours, err)
			}
		}
		tagged, err := o.h.Accounts.Create(o.h.Ctx(), channels.New{Channel: email.Channel, Name: "Tag", Config: json.RawMessage(strings.Replace(office1, "help@", "help+vip@", 1))})
		if err != nil {
			t.Fatal(err)
		}
		o.h.Clock.Advance(5 * time.Second)
		if id, ok, err := d.Mailbox(o.h.Ctx(), "help+vip@tea.example", false); !ok || err != nil || id != tagged.ID {
			t.Errorf("an account with a tag: %v %v %v", id, ok, err)
		}
		if _, err := o.h.Accounts.Create(o.h.Ctx(), channels.New{Channel: email.Channel, Name: "例子", Config: json.RawMessage(strings.Replace(office1, "tea.example", "例子.中国", 1))}); err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"help@例子.中国", "help@xn--fsqu00a.xn--fiqs8s"} { // as programs write it that may, and those that may not
			if _, ok, err := d.Mailbox(o.h.Ctx(), address, false); !ok || err != nil {
				t.Errorf("%s: %v %v", address, ok, err)
			}
		}
		if _, err := o.h.Accounts.Create(o.h.Ctx(), channels.New{Channel: email.Channel, Name: "Sandbox", Sandbox: true, Config: json.RawMessage(strings.Replace(office1, "help@", "try@", 1))}); err != nil {
			t.Fatal(err)
		}
		for _, local := range []bool{false, true} { // from elsewhere nobody reaches the sandbox
			if _, ok, err := d.Mailbox(o.h.Ctx(), "try@tea.example", local); ok != local || err != nil {
				t.Errorf("the sandbox's, local %v: %v %v", local, ok, err)
			}
		}
		off := channels.Disabled
		if _, err := o.h.Accounts.Update(o.h.Ctx(), acc.ID, channels.Patch{Status: &off}); err != nil {
			t.Fatal(err)
		}
		o.h.Clock.Advance(5 * time.Second)
		if _, ok, err := d.Mailbox(o.h.Ctx(), "help@tea.example", false); ok || err != nil {
			t.Errorf("a mailbox that is off: %v %v", ok, err)
		}
	})
}
