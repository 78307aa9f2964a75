package email_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
)

func opened(s string) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func letter() *email.Letter {
	return &email.Letter{
		FromName: "林记茶铺", From: "help@tea.example", To: "ming@example.com", ReplyTo: "reply+1.abc@tea.example",
		Subject: "Re: 我的订单在哪里？", Body: "您好，\n\n明天送到： https://tea.example/o/1?a=1&b=2。\n<b>Lin</b>\n.\n..dot",
		MessageID: "fw.1.x@tea.example", InReplyTo: "m2@example.com", References: []string{"m1@example.com", "m2@example.com"},
		Date: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
	}
}

func write(t *testing.T, l *email.Letter) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.Write(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written is read again as it was meant.
func TestLetter(t *testing.T) {
	l := letter()
	l.Files = []email.File{{Name: "发票 1042.pdf", ContentType: "application/pdf", Open: opened("%PDF")}, {Name: "odd", ContentType: "message/rfc822", Open: opened("")}}
	raw := write(t, l)
	for i, line := range bytes.Split(raw, []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n") {
			t.Errorf("line %d: %q", i, line)
		}
		for _, c := range line {
			if c >= 0x80 {
				t.Fatalf("line %d is not ASCII: %q", i, line)
			}
		}
	}
	m, err := mime.Parse(bytes.NewReader(raw), mime.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if m.From != (mime.Address{Name: l.FromName, Address: l.From}) || m.Subject != l.Subject || m.Body != l.Body || m.MessageID != l.MessageID || !m.Date.Equal(l.Date) {
		t.Errorf("%+v", m)
	}
	if len(m.ReplyTo) != 1 || m.ReplyTo[0].Address != l.ReplyTo || strings.Join(m.Thread(), " ") != "m2@example.com m1@example.com" {
		t.Errorf("reply to %v, thread %v", m.ReplyTo, m.Thread())
	}
	if !strings.Contains(m.HTML, `href="https://tea.example/o/1?a=1&amp;b=2"`) || !strings.Contains(m.HTML, "&lt;b&gt;Lin") || strings.Contains(m.HTML, "<b>") {
		t.Errorf("HTML %q", m.HTML)
	}
	if len(m.Attachments) != 2 || m.Attachments[0].Name != "发票 1042.pdf" || string(m.Attachments[0].Content) != "%PDF" || m.Attachments[1].ContentType != "application/octet-stream" {
		t.Errorf("attachments %+v", m.Attachments)
	}
	if m.Automatic != mime.Human || len(m.Defects) != 0 {
		t.Errorf("automatic %q, defects %v", m.Automatic, m.Defects)
	}
}

func TestLetterOfAMachineSaysSo(t *testing.T) {
	l := letter()
	l.Automatic = true
	m, err := mime.Parse(bytes.NewReader(write(t, l)), mime.DefaultLimits())
	if err != nil || m.Automatic != mime.Generated {
		t.Errorf("%v %v", m, err)
	}
}

// Whatever stands in a letter, its header has the lines it should have.
func TestNothingAddsALine(t *testing.T) {
	evil := []string{"a\r\nBcc: evil@attacker.example", "a\nBcc: evil@attacker.example", "a\rBcc: evil", "a\x00b", "a\r\n\r\nbody", "=?utf-8?Q?a=0D=0ABcc:_evil?=", strings.Repeat("long ", 500), "\u2028Bcc: x", "\"><script>"}
	clean, err := mail.ReadMessage(bytes.NewReader(write(t, letter())))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range evil {
		l := letter()
		l.FromName, l.Subject, l.Body = e, e, e
		l.MessageID, l.InReplyTo, l.References = e, e, []string{e, "m1@example.com"}
		l.Files = []email.File{{Name: e, ContentType: "text/plain; name=" + e, Open: opened(e)}}
		m, err := mail.ReadMessage(bytes.NewReader(write(t, l)))
		if err != nil {
			t.Fatalf("%q: %v", e, err)
		}
		for name := range m.Header {
			if _, usual := clean.Header[name]; !usual {
				t.Errorf("%q adds the header %s", e, name)
			}
		}
		if _, ok := m.Header["Bcc"]; ok || m.Header.Get("To") != "<ming@example.com>" {
			t.Errorf("%q: %v", e, m.Header)
		}
	}
}

func TestLetterWhoseFileFails(t *testing.T) {
	gone := errors.New("gone")
	for name, open := range map[string]func(context.Context) (io.ReadCloser, error){
		"opening": func(context.Context) (io.ReadCloser, error) { return nil, gone },
		"reading": func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("half"), failing{gone})), nil
		},
	} {
		l := letter()
		l.Files = []email.File{{Name: "x", ContentType: "text/plain", Open: open}}
		if err := l.Write(context.Background(), io.Discard); !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestReplySubject(t *testing.T) {
	for given, want := range map[string]string{
		"order": "Re: order", "Re: order": "Re: order", "RE: Re: 回复：答复: order": "Re: order", "Fwd: order": "Re: order", "Re[2]: order": "Re: order",
		"": "Lin's Tea", "  ": "Lin's Tea", "Re:": "Re: Re:", "订单": "Re: 订单", "regarding: tea": "Re: regarding: tea",
	} {
		if got := email.ReplySubject(given, "Lin's Tea"); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}
