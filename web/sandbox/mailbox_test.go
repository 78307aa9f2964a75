package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/web/sandbox"
)

// hub takes what the mailbox sends; fail refuses it.
type hub struct {
	mu    sync.Mutex
	fail  error
	mails []string
	to    []string
}

type hubSession struct{ h *hub }

func (s hubSession) Reset()                               {}
func (s hubSession) Logout() error                        { return nil }
func (s hubSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s hubSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	s.h.to = append(s.h.to, to)
	return s.h.fail
}

func (s hubSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	s.h.mails = append(s.h.mails, string(raw))
	return err
}

// post is a mailbox with its page, its SMTP side and a hub.
type post struct {
	t    *testing.T
	hub  *hub
	page *httptest.Server
	smtp string
}

type shownMail struct {
	ID, Thread, Subject, Text string
	Sent                      bool
	From                      sandbox.Person
	Files                     []struct {
		Name, Type string
		Size       int
	}
}

func newPost(t *testing.T) *post {
	t.Helper()
	h := &hub{}
	far := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return hubSession{h}, nil }))
	m := sandbox.NewMailbox(sandbox.MailboxOptions{
		HubSMTP: serve(t, far.Serve, far.Close), Company: sandbox.Person{Name: "Lin's Tea", Address: "help@tea.example"},
		Now: func() time.Time { return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC) },
	})
	p := &post{t: t, hub: h}
	p.smtp = serve(t, m.ServeSMTP, func() error { m.Close(); return nil })
	p.page = httptest.NewServer(sandbox.Guard(m.Handler()))
	t.Cleanup(p.page.Close)
	t.Cleanup(m.Close)
	return p
}

func serve(t *testing.T, run func(net.Listener) error, stop func() error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		_ = stop()
		running.Wait()
	})
	return l.Addr().String()
}

func (p *post) mails() []shownMail {
	p.t.Helper()
	_, body := get(p.t, p.page.URL+"/api/mailbox")
	var box struct{ Mails []shownMail }
	if err := json.Unmarshal([]byte(body), &box); err != nil {
		p.t.Fatal(err)
	}
	return box.Mails
}

// write posts the page's form; it returns the status and the problem's code.
func (p *post) write(fields map[string]string, files map[string]string) (int, string) {
	p.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range fields {
		_ = w.WriteField(k, v)
	}
	for name, content := range files {
		part, _ := w.CreateFormFile("file", name)
		_, _ = io.WriteString(part, content)
	}
	_ = w.Close()
	response, err := http.Post(p.page.URL+"/api/mails", w.FormDataContentType(), &b)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Code string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, answer.Code
}

// arrive brings a mail to the owner's mailbox.
func (p *post) arrive(to, raw string) error {
	c, err := smtp.Dial(p.smtp)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SendMail("help@tea.example", []string{to}, strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n")))
}

const answer = "From: Lin <help@tea.example>\nReply-To: reply+1.abc@tea.example\nTo: ming@example.com\nSubject: Re: order\nMessage-ID: <a1@tea.example>\nContent-Type: text/plain; charset=utf-8\n"

func TestMailboxSends(t *testing.T) {
	p := newPost(t)
	if status, code := p.write(map[string]string{"subject": "我的\r\nBcc: x@example.com", "text": "您好\r\n在哪里？"}, map[string]string{"照片.png": "\x89PNG\r\n\x1a\nx"}); status != http.StatusCreated {
		t.Fatalf("%d %s", status, code)
	}
	if len(p.hub.mails) != 1 || p.hub.to[0] != "help@tea.example" {
		t.Fatalf("%v", p.hub.to)
	}
	r, err := mail.CreateReader(strings.NewReader(p.hub.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := r.Header.Subject(); s != "我的 Bcc: x@example.com" || r.Header.Has("Bcc") {
		t.Errorf("subject %q", s)
	}
	text, err := r.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(text.Body); string(b) != "您好\r\n在哪里？\r\n" {
		t.Errorf("%q", b)
	}
	file, err := r.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := file.Header.(*mail.AttachmentHeader).Filename(); name != "照片.png" {
		t.Errorf("file %q", name)
	}
	kept := p.mails()
	if len(kept) != 1 || !kept[0].Sent || kept[0].Files[0].Size != 9 {
		t.Errorf("%+v", kept)
	}
	response, body := get(t, p.page.URL+"/api/mails/"+kept[0].ID+"/files/0")
	if response.Header.Get("Content-Type") != "image/png" || len(body) != 9 {
		t.Errorf("%v", response.Header)
	}
}

// An answer joins the thread, and the answer to it goes where it asks for.
func TestMailboxThreads(t *testing.T) {
	p := newPost(t)
	if status, _ := p.write(map[string]string{"subject": "order", "text": "Where is it?"}, nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	r, err := mail.CreateReader(strings.NewReader(p.hub.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	own, _ := r.Header.MessageID()
	if err := p.arrive("Ming@Example.com", answer+"In-Reply-To: <"+own+">\n\nTomorrow.\n"); err != nil {
		t.Fatal(err)
	}
	if err := p.arrive("ming@example.com", strings.Replace(answer, "a1@", "b1@", 1)+"\nSomething else.\n"); err != nil {
		t.Fatal(err)
	}
	kept := p.mails()
	if len(kept) != 3 || kept[1].Thread != kept[2].Thread || kept[0].Thread == kept[1].Thread || kept[1].Text != "Tomorrow." || kept[1].From.Name != "Lin" {
		t.Fatalf("%+v", kept)
	}
	if status, _ := p.write(map[string]string{"text": "谢谢", "answers": kept[1].ID, "lang": "zh-CN"}, nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	sent := p.hub.mails[1]
	if p.hub.to[1] != "reply+1.abc@tea.example" || !strings.Contains(sent, "In-Reply-To: <a1@tea.example>") || !strings.Contains(sent, own) {
		t.Errorf("to %v:\n%s", p.hub.to, sent)
	}
	if last := p.mails()[0]; last.Thread != kept[1].Thread || last.Subject != "Re: order" || !strings.HasPrefix(last.Text, "谢谢\n\n在 2026-11-20 10:00，Lin <help@tea.example> 写道：\n> Tomorrow.") {
		t.Errorf("%+v", last)
	}
}

func TestMailboxRefuses(t *testing.T) {
	p := newPost(t)
	if err := p.arrive("owner@company.example", answer+"\nsecret invitation\n"); err == nil {
		t.Error("mail for somebody else is taken")
	}
	for _, test := range []struct {
		fields map[string]string
		fail   error
		status int
		code   string
	}{
		{map[string]string{"text": "  "}, nil, 422, "mail_empty"},
		{map[string]string{"text": strings.Repeat("x", 110<<10)}, nil, 422, "mail_too_large"},
		{map[string]string{"text": "x", "answers": "nothing"}, nil, 422, "not_found"},
		{map[string]string{"text": "x"}, &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}, 502, "mail_refused"},
	} {
		p.hub.mu.Lock()
		p.hub.fail = test.fail
		p.hub.mu.Unlock()
		if status, code := p.write(test.fields, nil); status != test.status || code != test.code {
			t.Errorf("%v: %d %s", test.code, status, code)
		}
	}
	if n := len(p.mails()); n != 0 {
		t.Errorf("%d mails are kept", n)
	}
	for _, path := range []string{"/api/mails/x/files/0", "/mailbox/index.html", "/api/mails"} {
		if response, _ := get(t, p.page.URL+path); response.StatusCode < 400 {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	r, err := http.NewRequest(http.MethodPost, p.page.URL+"/api/mails", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("another website: %d", response.StatusCode)
	}
}

// The page hears of a mail while it waits.
func TestMailboxTellsOfChanges(t *testing.T) {
	p := newPost(t)
	heard := make(chan error, 1)
	go func() {
		response, err := http.Get(p.page.URL + "/api/changes?newest=")
		if err == nil {
			_ = response.Body.Close()
		}
		heard <- err
	}()
	if err := p.arrive("ming@example.com", answer+"\nhi\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-heard; err != nil {
		t.Fatal(err)
	}
	// A page that is behind is told at once.
	if response, _ := get(t, p.page.URL+"/api/changes?newest=old"); response.StatusCode != http.StatusNoContent {
		t.Errorf("%d", response.StatusCode)
	}
}

func TestMailboxForgetsTheOldest(t *testing.T) {
	p := newPost(t)
	for range 510 {
		if err := p.arrive("ming@example.com", answer+"\nhi\n"); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.mails()); n != 500 {
		t.Errorf("%d are kept", n)
	}
}

func TestMailboxPage(t *testing.T) {
	p := newPost(t)
	response, body := get(t, p.page.URL)
	if response.StatusCode != http.StatusOK {
		t.Fatal(response.StatusCode)
	}
	if regexp.MustCompile(`(?i)<script>|<style|\son\w+=|\sstyle=|javascript:`).MatchString(body) {
		t.Error("the page holds inline code, which its content policy refuses")
	}
	for _, asset := range regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		if r, _ := get(t, p.page.URL+asset[1]); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", asset[1], r.StatusCode)
		}
	}
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
}

// The mailbox answers this machine alone, directly: not another Host, and not
// through a proxy.
func TestMailboxIsGuarded(t *testing.T) {
	p := newPost(t)
	target, err := url.Parse(p.page.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(proxy.Close)
	for _, path := range []string{"/", "/api/mailbox", "/api/changes?newest=x", "/mailbox.js"} {
		for _, test := range []struct{ base, host, reason string }{
			{p.page.URL, "", ""}, {p.page.URL, "mail.example.com", "host"}, {proxy.URL, "localhost", "forwarded"}, {proxy.URL, "mail.example.com", "host"},
		} {
			r, err := http.NewRequest(http.MethodGet, test.base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.host != "" {
				r.Host = test.host
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if test.reason == "" {
				_ = response.Body.Close()
				if response.StatusCode >= 400 {
					t.Errorf("%s: %d", path, response.StatusCode)
				}
				continue
			}
			expect(t, response, test.reason)
		}
	}
}
