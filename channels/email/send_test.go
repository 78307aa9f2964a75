package email_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
)

// desk is the accounts as the adapter meets them.
type desk struct {
	secrets channels.Secrets

	mu      sync.Mutex
	reports []channels.Health
}

func (d *desk) Secrets(*channels.Account) (channels.Secrets, error) {
	return maps.Clone(d.secrets), nil
}

func (d *desk) Report(_ context.Context, _ ids.ID, h channels.Health) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reports = append(d.reports, h)
	return nil
}

func newAdapter(t *testing.T, d *desk) *email.Adapter {
	t.Helper()
	a := email.NewAdapter(keys(t, 1), testkit.Clock(t), slog.New(slog.DiscardHandler))
	a.Attach(d)
	return a
}

// accountAt is a mail account that sends through f.
func accountAt(t *testing.T, f *far, user, secured string) *channels.Account {
	t.Helper()
	raw, err := json.Marshal(email.Config{Address: "help@tea.example", Name: "林记茶铺", Domain: "tea.example", SMTP: email.SMTP{Host: f.host, Port: f.port, User: user, TLS: secured}})
	if err != nil {
		t.Fatal(err)
	}
	return &channels.Account{ID: 9, Channel: email.Channel, Status: channels.Active, Config: raw}
}

func outbound(acc *channels.Account) channels.Outbound {
	return channels.Outbound{
		Account: acc, Delivery: 42, Conversation: 7, Purpose: channels.Reply, Attempt: 1,
		Content: channels.Content{
			Identity: channels.Identity{Kind: "email", Namespace: "installation", Value: "ming@example.com"}, Body: "您好", Subject: "Where is my order?",
			InReplyTo: "ming@example.com m2@example.com", References: []string{"ming@example.com m1@example.com", "ming@example.com m2@example.com"},
		},
	}
}

func TestSend(t *testing.T) {
	f := newFar(t, nil, nil, false)
	a := newAdapter(t, &desk{})
	out := outbound(accountAt(t, f, "", email.TLSNone))
	out.Files = []channels.OutFile{{Name: "发票.pdf", ContentType: "application/pdf", Size: 4, Open: opened("%PDF")}}
	sent, err := a.Send(context.Background(), out)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.mails) != 1 || !f.heard("MAIL FROM:<help@tea.example>") || !f.heard("RCPT TO:<ming@example.com>") {
		t.Fatalf("%d mails, %q", len(f.mails), f.lines)
	}
	m, err := mime.Parse(strings.NewReader(f.mails[0]), mime.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if m.MessageID != sent.ProviderRef || m.Subject != "Re: Where is my order?" || m.Body != "您好" || strings.Join(m.References, " ") != "m1@example.com m2@example.com" || len(m.Attachments) != 1 {
		t.Errorf("%+v", m)
	}
	if id, ok := email.ParseReply(keys(t, 1), 9, m.ReplyTo[0].Address); !ok || id != 7 {
		t.Errorf("reply to %v", m.ReplyTo)
	}
	if id, ok := email.ParseMessageID(keys(t, 1), 9, sent.ProviderRef); !ok || id != 7 {
		t.Errorf("reference %q", sent.ProviderRef)
	}
	out.Attempt = 2
	again, err := a.Send(context.Background(), out)
	if err != nil || again != sent {
		t.Errorf("the second attempt is %v, %v", again, err)
	}
}

// What becomes of the line decides what is known of the mail (law 5).
func TestSendOutcomes(t *testing.T) {
	for _, test := range []struct {
		at, answer string
		outcome    channels.Outcome
		code       string
	}{
		{"greeting", "cut", channels.Temporary, "mail_server_unreachable"},
		{"greeting", "421 4.3.2 busy", channels.Temporary, "mail_server_busy"},
		{"greeting", "554 5.7.1 go away", channels.Refused, "mail_refused"},
		{"greeting", "HTTP/1.1 200 OK", channels.Temporary, "mail_server_unreachable"},
		{"EHLO", "cut", channels.Temporary, "mail_server_unreachable"},
		{"AUTH", "535 5.7.8 no", channels.Refused, "mail_login_refused"},
		{"AUTH", "454 4.7.0 later", channels.Temporary, "mail_server_busy"},
		{"AUTH", "cut", channels.Temporary, "mail_login_refused"},
		{"MAIL", "451 4.3.0 later", channels.Temporary, "mail_server_busy"},
		{"MAIL", "550 5.7.1 not you", channels.Refused, "mail_refused"},
		{"MAIL", "552 5.3.4 too large", channels.Refused, "mail_too_large_for_server"},
		{"RCPT", "450 4.2.1 greylisted", channels.Temporary, "mail_server_busy"},
		{"RCPT", "550 5.1.1 no such user", channels.Refused, "mail_address_unknown"},
		{"RCPT", "550 no such user", channels.Refused, "mail_address_unknown"},
		{"RCPT", "550 5.7.1 blocked", channels.Refused, "mail_refused"},
		{"RCPT", "550 5.1.8 your domain is not found", channels.Refused, "mail_refused"},
		{"MAIL", "550 5.1.0 not this sender", channels.Refused, "mail_refused"},
		{"RCPT", "552 5.2.2 mailbox full", channels.Refused, "mail_mailbox_full"},
		{"RCPT", "552 over quota", channels.Refused, "mail_mailbox_full"},
		{"RCPT", "552 5.7.1 blocked", channels.Refused, "mail_refused"},
		{"RCPT", "553 5.6.7 needs SMTPUTF8", channels.Refused, "mail_address_international"},
		{"MAIL", "552 too large", channels.Refused, "mail_too_large_for_server"},
		{".", "552 5.2.3 too large", channels.Refused, "mail_too_large_for_server"},
		{".", "554 5.2.2 mailbox full", channels.Refused, "mail_mailbox_full"},
		{"RCPT", "cut", channels.Temporary, "mail_server_unreachable"},
		{"DATA", "554 5.5.1 no", channels.Refused, "mail_refused"},
		{"DATA", "cut", channels.Temporary, "mail_server_unreachable"},
		{".", "452 4.3.1 full", channels.Temporary, "mail_server_busy"},
		{".", "554 5.7.1 spam", channels.Refused, "mail_refused"},
		{".", "552 5.3.4 too large", channels.Refused, "mail_too_large_for_server"},
		{".", "cut", channels.Ambiguous, "send_unknown"},
		{".", "what is that", channels.Ambiguous, "send_unknown"},
		{".", "354 more", channels.Ambiguous, "send_unknown"},
	} {
		t.Run(test.at+" "+test.answer, func(t *testing.T) {
			f := newFar(t, map[string]string{test.at: test.answer}, nil, false)
			_, err := newAdapter(t, &desk{secrets: channels.Secrets{email.PasswordSecret: "secret"}}).Send(context.Background(), outbound(accountAt(t, f, "lin", email.TLSNone)))
			failed(t, err, test.outcome, test.code)
			var e *channels.SendError
			if errors.As(err, &e) && e.Detail != "" && e.Detail != test.answer || answers.MatchString(test.answer) && e.Detail == "" {
				t.Errorf("it said %q, and %q is told", test.answer, e.Detail)
			}
		})
	}
}

// answers are the answers of a server that refuses.
var answers = regexp.MustCompile(`^[45]\d\d `)

func failed(t *testing.T, err error, outcome channels.Outcome, code string) {
	t.Helper()
	var e *channels.SendError
	if !errors.As(err, &e) || e.Outcome != outcome || e.Code != code {
		t.Errorf("%v, want %s %s", err, outcome, code)
	}
}

func TestSendWhenTheLineEnds(t *testing.T) {
	for at, outcome := range map[string]channels.Outcome{"greeting": channels.Temporary, "RCPT": channels.Temporary, ".": channels.Ambiguous} {
		t.Run(at, func(t *testing.T) {
			f := newFar(t, map[string]string{at: "hang"}, nil, false)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			time.AfterFunc(20*time.Millisecond, cancel)
			_, err := newAdapter(t, &desk{}).Send(ctx, outbound(accountAt(t, f, "", email.TLSNone)))
			var e *channels.SendError
			if !errors.As(err, &e) || e.Outcome != outcome {
				t.Errorf("%v, want %s", err, outcome)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	_, err = newAdapter(t, &desk{}).Send(context.Background(), outbound(accountAt(t, &far{host: "127.0.0.1", port: port}, "", email.TLSNone)))
	failed(t, err, channels.Temporary, "mail_server_unreachable")
}

// A file that cannot be read ends the mail before its end: nothing is taken.
func TestSendWhenAFileFails(t *testing.T) {
	f := newFar(t, nil, nil, false)
	out := outbound(accountAt(t, f, "", email.TLSNone))
	broken := func(err error) []channels.OutFile {
		return []channels.OutFile{{Name: "x", ContentType: "text/plain", Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{err})), nil
		}}}
	}
	a := newAdapter(t, &desk{})
	out.Files = broken(errors.New("disk"))
	_, err := a.Send(context.Background(), out)
	failed(t, err, channels.Temporary, "mail_attachment_unreadable")
	out.Files = broken(fault.Missing("file"))
	_, err = a.Send(context.Background(), out)
	failed(t, err, channels.Refused, "mail_attachment_unreadable")
	if len(f.mails) != 0 {
		t.Errorf("%d mails arrived", len(f.mails))
	}
}

// Passwords travel only where nobody can read them.
func TestSendSecured(t *testing.T) {
	pair, pool := certificate(t)
	secure := &tls.Config{Certificates: []tls.Certificate{pair}}
	password := channels.Secrets{email.PasswordSecret: "geheim-秘密"}
	offered := map[string]string{"EHLO": "250-far.example\r\n250-STARTTLS\r\n250 AUTH PLAIN"}
	token := base64.StdEncoding.EncodeToString([]byte("\x00lin\x00geheim-秘密"))
	for _, test := range []struct {
		name, mode string
		far        func() *far
		trust      bool
		outcome    channels.Outcome // "" = sent
		code       string
	}{
		{"tls", email.TLSImplicit, func() *far { return newFar(t, nil, secure, true) }, true, "", ""},
		{"starttls", email.TLSStart, func() *far { return newFar(t, offered, secure, false) }, true, "", ""},
		{"tls, unknown certificate", email.TLSImplicit, func() *far { return newFar(t, nil, secure, true) }, false, channels.Temporary, "mail_tls_failed"},
		{"starttls, unknown certificate", email.TLSStart, func() *far { return newFar(t, offered, secure, false) }, false, channels.Temporary, "mail_tls_failed"},
		{"starttls is not offered", email.TLSStart, func() *far { return newFar(t, nil, secure, false) }, true, channels.Temporary, "mail_tls_failed"},
		{"starttls is refused", email.TLSStart, func() *far {
			s := maps.Clone(offered)
			s["STARTTLS"] = "454 4.7.0 not now"
			return newFar(t, s, nil, false)
		}, true, channels.Temporary, "mail_server_busy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.far()
			a := newAdapter(t, &desk{secrets: password})
			if test.trust {
				a.TLS = &tls.Config{RootCAs: pool}
			}
			_, err := a.Send(context.Background(), outbound(accountAt(t, f, "lin", test.mode)))
			if test.outcome == "" {
				if err != nil || !f.heard(token) || len(f.mails) != 1 {
					t.Errorf("%v, %d mails", err, len(f.mails))
				}
				return
			}
			failed(t, err, test.outcome, test.code)
			if f.heard("AUTH") {
				t.Error("the password was sent")
			}
		})
	}
}

func TestSendRefusesBeforeItConnects(t *testing.T) {
	f := newFar(t, nil, nil, false)
	a := newAdapter(t, &desk{})
	for _, to := range []string{"", "ming", "ming@", "a b@example.com", "ming@example.com\r\nDATA", "<ming@example.com>", "ming@example.com,x@example.com", "明 明@example.com"} {
		out := outbound(accountAt(t, f, "", email.TLSNone))
		out.Identity.Value = to
		_, err := a.Send(context.Background(), out)
		failed(t, err, channels.Refused, "mail_address_unknown")
	}
	foreign := outbound(accountAt(t, f, "", email.TLSNone))
	foreign.Identity.Value = "明@example.com"
	_, err := a.Send(context.Background(), foreign)
	failed(t, err, channels.Refused, "mail_address_international")
	out := outbound(accountAt(t, &far{host: "mail.example.com", port: 25}, "", email.TLSNone))
	out.Account.Sandbox = true
	_, err = a.Send(context.Background(), out)
	failed(t, err, channels.Refused, "sandbox_local_only")
	if len(f.lines) != 0 {
		t.Errorf("%q", f.lines)
	}
}

// An address is given up for what its server says of it, not for what is said of
// ours.
func TestWhatSuppresses(t *testing.T) {
	for answer, suppress := range map[string]bool{
		"550 5.1.1 no such user": true, "550 5.1.2 no such host": true, "556 5.1.10 no mail here": true,
		"550 5.1.0 sender rejected": false, "553 5.1.7 your address is none": false, "550 5.1.8 your domain is not found": false, "550 no such user": false,
	} {
		f := newFar(t, map[string]string{"RCPT": answer}, nil, false)
		_, err := newAdapter(t, &desk{}).Send(context.Background(), outbound(accountAt(t, f, "", email.TLSNone)))
		var e *channels.SendError
		if !errors.As(err, &e) || e.Suppress != suppress {
			t.Errorf("%s: %+v", answer, e)
		}
	}
}

// The account's health follows its server, not its recipients.
func TestHealth(t *testing.T) {
	d := &desk{secrets: channels.Secrets{email.PasswordSecret: "x"}}
	a := newAdapter(t, d)
	f := newFar(t, map[string]string{}, nil, false)
	send := func(at, answer string) {
		f.mu.Lock()
		f.script = map[string]string{at: answer}
		f.mu.Unlock()
		f.hangUp()
		acc := accountAt(t, f, "lin", email.TLSNone)
		if n := len(d.reports); n > 0 {
			acc.Health = d.reports[n-1] // as Accounts stores it
		}
		_, _ = a.Send(context.Background(), outbound(acc))
	}
	send("", "")
	send("RCPT", "550 5.1.1 no such user")
	send("AUTH", "535 5.7.8 no")
	send("RCPT", "550 5.1.1 no such user")
	send("", "")
	send("", "")
	if got := fmt.Sprint(d.reports); got != fmt.Sprint([]channels.Health{{OK: true}, {Code: "mail_login_refused"}, {OK: true}}) {
		t.Errorf("%s", got)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct{ at, answer, want string }{
		{"", "", "connect sign_in sender"},
		{"greeting", "cut", "connect!mail_server_unreachable"},
		{"AUTH", "535 5.7.8 no", "connect sign_in!mail_login_refused"},
		{"MAIL", "550 5.7.1 not you", "connect sign_in sender!mail_refused"},
	} {
		f := newFar(t, map[string]string{test.at: test.answer}, nil, false)
		var got []string
		for _, s := range newAdapter(t, &desk{}).Check(context.Background(), accountAt(t, f, "lin", email.TLSNone).Config, channels.Secrets{email.PasswordSecret: "x"}) {
			if s.OK {
				got = append(got, s.Name)
			} else {
				got = append(got, s.Name+"!"+s.Code)
			}
		}
		if strings.Join(got, " ") != test.want || f.heard("RCPT") {
			t.Errorf("%v, want %s", got, test.want)
		}
	}
}
