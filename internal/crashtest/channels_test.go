package crashtest

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/testkit"
)

const (
	followerCount = 4
	writerCount   = 4
	appID         = "wxcrash0000000001"
	aesKey        = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
)

// platform is WeChat outside the program: what people sent, what was
// acknowledged and what they received is in its records.
type platform struct {
	*simulator.Simulator
	people []string // openids
	sent   map[string]string
}

func newPlatform(t *testing.T) (*platform, string) {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	s := simulator.New(simulator.Options{Seed: 7, BaseURL: server.URL})
	handler = s.Handler()
	t.Cleanup(func() { s.Close(); server.Close() })
	return &platform{Simulator: s, sent: map[string]string{}}, server.URL
}

// connect makes the account on both sides and lets people follow it.
func (w *platform) connect(t *testing.T, p *testkit.Process, header http.Header, base string, followers int) {
	t.Helper()
	var account struct {
		Key string `json:"key"`
	}
	err := call("POST", p.URL+"/api/v1/accounts", header, map[string]any{
		"channel": "wechat", "name": "Tea", "config": map[string]any{"app_id": appID, "mode": "safe", "api_base": base},
		"secrets": map[string]any{"app_secret": "crash-secret-crash-secret-crash-", "token": "crashtoken", "encoding_aes_key": aesKey},
	}, &account)
	if err != nil {
		t.Fatal(err)
	}
	err = w.SetAccount(simulator.Account{
		AppID: appID, Secret: "crash-secret-crash-secret-crash-", OriginalID: "gh_crash", Name: "Tea", Token: "crashtoken", AESKey: aesKey, Mode: simulator.Safe,
		PushURL: p.URL + "/channels/wechat/" + account.Key,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range followers {
		id, err := w.AddPerson(appID, fmt.Sprint("follower ", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Act(appID, id, simulator.Action{Do: "follow"}); err != nil {
			t.Fatal(err)
		}
		w.people = append(w.people, id)
	}
}

// write sends one text of every follower; the platform delivers it again while
// the program is down, three times in all.
func (w *platform) write(t *testing.T, round int) {
	t.Helper()
	for i, id := range w.people {
		body := fmt.Sprintf("wechat %d from %d", round, i)
		push, err := w.Act(appID, id, simulator.Action{Do: "text", Text: body})
		if err != nil {
			t.Error(err)
			continue
		}
		w.sent[push] = body
	}
}

// acknowledged are the texts of which the platform was told that they are kept.
func (w *platform) acknowledged() map[string]bool {
	out := map[string]bool{}
	for _, p := range w.Pushes(appID) {
		body, ours := w.sent[p.ID]
		for _, a := range p.Attempts {
			if ours && a.Verdict == "acknowledged" {
				out[body] = true
			}
		}
	}
	return out
}

// postbox takes the program's mail; a mail it has said 250 to is in received.
type postbox struct {
	mu       sync.Mutex
	received map[string]int // body → times
}

func (b *postbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &visit{b}, nil }

type visit struct{ b *postbox }

func (v *visit) Mail(string, *smtp.MailOptions) error { return nil }
func (v *visit) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (v *visit) Reset()                               {}
func (v *visit) Logout() error                        { return nil }

func (v *visit) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	for _, line := range strings.Split(string(raw), "\r\n") {
		if (strings.HasPrefix(line, "answer to ") || strings.HasPrefix(line, invitation)) && m.Header.Get("Message-ID") != "" {
			v.b.received[strings.TrimSpace(line)]++
			break
		}
	}
	return nil
}

func newPostbox(t *testing.T) (*postbox, int) {
	t.Helper()
	b := &postbox{received: map[string]int{}}
	s := smtp.NewServer(b)
	s.Domain, s.ErrorLog = "far.example", log.New(io.Discard, "", 0) // lines break all the time here
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return b, l.Addr().(*net.TCPAddr).Port
}

// writer sends mail to the program and repeats each until it hears 250.
type writer struct {
	name    string
	addr    string
	quiet   chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex
	acked []string
}

func (w *writer) run() {
	defer w.stopped.Done()
	for n := 0; !ended(w.quiet); n++ {
		body := fmt.Sprintf("mail %d from %s", n, w.name)
		text := fmt.Sprintf("From: %[1]s@far.example\r\nTo: shop@crash.example\r\nSubject: Question %[2]d\r\nMessage-ID: <%[1]s-%[2]d@far.example>\r\n\r\n%[3]s\r\n", w.name, n, body)
		for {
			if err := w.send(text); err == nil {
				break
			}
			if ended(w.quiet) {
				return
			}
			pause(w.quiet)
		}
		w.mu.Lock()
		w.acked = append(w.acked, body)
		w.mu.Unlock()
		select {
		case <-w.quiet:
		case <-time.After(time.Duration(20+rand.IntN(40)) * time.Millisecond):
		}
	}
}

func (w *writer) send(text string) error {
	line, err := net.DialTimeout("tcp", w.addr, requestTimeout)
	if err != nil {
		return err
	}
	c := smtp.NewClient(line)
	defer func() { _ = c.Close() }()
	c.CommandTimeout, c.SubmissionTimeout = requestTimeout, requestTimeout
	return c.SendMail(w.name+"@far.example", []string{"shop@crash.example"}, strings.NewReader(text))
}

// TestKilledOverAllChannels: every acknowledged push and mail is there once,
// and every answer reached its recipient once or is shown as unknown.
func TestKilledOverAllChannels(t *testing.T) {
	box, port := newPostbox(t)
	wechat, base := newPlatform(t)
	mailPort, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	smtpAddr := "127.0.0.1:" + strconv.Itoa(mailPort)
	p := testkit.Program(t, testkit.WithEnv("FANWARD_EMAIL_SMTP_ADDR", smtpAddr))
	token := command(t, p, "token", "create", "--role", "owner", "--name", "crash test")
	header := http.Header{"Authorization": {"Bearer " + token}}
	wechat.connect(t, p, header, base, followerCount)
	err = call("POST", p.URL+"/api/v1/accounts", header, map[string]any{
		"channel": "email", "name": "Mail", "config": map[string]any{"address": "shop@crash.example", "smtp": map[string]any{"host": "127.0.0.1", "port": port, "tls": "none"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet, stop := make(chan struct{}), make(chan struct{})
	lin := &teammate{t: t, url: p.URL, token: token, stop: stop, seen: map[string]int{}, order: map[string]int64{}, answers: make(chan message, 4096), byBody: true}
	lin.stopped.Add(2)
	go lin.run()
	go lin.answer()
	testkit.Eventually(t, 10*time.Second, "the teammate is connected", func() bool { lin.mu.Lock(); defer lin.mu.Unlock(); return lin.position != nil })
	writers := make([]*writer, writerCount)
	for i := range writers {
		writers[i] = &writer{name: fmt.Sprint("w", i), addr: smtpAddr, quiet: quiet}
		writers[i].stopped.Add(1)
		go writers[i].run()
	}
	for round := range kills() {
		wechat.write(t, round)
		time.Sleep(time.Duration(100+rand.IntN(200)) * time.Millisecond) // anywhere in the work
		p.Restart(syscall.SIGKILL)
	}
	wechat.write(t, kills())
	close(quiet)
	for _, w := range writers {
		w.stopped.Wait()
	}
	wechat.Settle()
	judgeChannels(t, p, header, lin, wechat, box, writers)
	close(stop)
	lin.stopped.Wait()
}

// conversation is one as the API lists it.
type conversation struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
}

// answered is an outbound message with its fate.
type answered struct {
	Seq      int64  `json:"seq"`
	Body     string `json:"body"`
	Delivery struct {
		State     string  `json:"state"`
		ErrorCode *string `json:"error_code"`
	} `json:"delivery"`
	Direction string `json:"direction"`
}

func judgeChannels(t *testing.T, p *testkit.Process, header http.Header, lin *teammate, w *platform, box *postbox, writers []*writer) {
	t.Helper()
	want := w.acknowledged()
	if len(want) == 0 {
		t.Error("no push was ever acknowledged")
	}
	for _, one := range writers {
		if len(one.acked) == 0 {
			t.Errorf("no mail of %s was ever taken", one.name)
		}
		for _, body := range one.acked {
			want[body] = true
		}
	}
	in, out := map[string]int{}, map[string]answered{}
	read := func() (open int) {
		in, out = map[string]int{}, map[string]answered{}
		for _, c := range list[conversation](t, p.URL+"/api/v1/conversations?status=all", header) {
			for _, m := range answersOf(t, p, header, c.ID) {
				if m.Direction == "in" {
					in[m.Body]++
				}
				if m.Direction == "out" {
					out[m.Body] = m
					switch m.Delivery.State {
					case "queued", "claimed", "sending":
						open++
					}
				}
			}
		}
		return open
	}
	testkit.Eventually(t, 90*time.Second, "everything that was acknowledged is there and answered", func() bool {
		open := read()
		for body := range want {
			if in[body] == 0 {
				return false
			}
		}
		waiting, _ := lin.answering()
		return open == 0 && waiting == 0
	})
	for body, n := range in {
		if n != 1 {
			t.Errorf("%q is stored %d times", body, n)
		}
	}
	received := map[string]int{}
	box.mu.Lock()
	for body, n := range box.received {
		received[body] = n
	}
	box.mu.Unlock()
	for _, id := range w.people {
		for _, s := range w.Outbox(appID, id) {
			received[s.Text] += 1
		}
	}
	unknown, failed := 0, 0
	for body, m := range out {
		switch m.Delivery.State {
		case "sent":
			if received[body] != 1 {
				t.Errorf("%q is sent and was received %d times", body, received[body])
			}
		case "unknown":
			unknown++
			if received[body] > 1 {
				t.Errorf("%q is unknown and was received %d times", body, received[body])
			}
		case "failed":
			failed++
			if received[body] != 0 {
				t.Errorf("%q failed and was received %d times", body, received[body])
			}
			if m.Delivery.ErrorCode == nil || !strings.HasPrefix(*m.Delivery.ErrorCode, "reply_") {
				t.Errorf("%q failed: %v", body, m.Delivery.ErrorCode)
			}
		}
	}
	t.Logf("%d in, %d answers, %d received, %d unknown, %d failed for want of allowance", len(in), len(out), len(received), unknown, failed)
}

// answersOf reads a whole thread.
func answersOf(t *testing.T, p *testkit.Process, header http.Header, id string) (all []answered) {
	t.Helper()
	for after := int64(0); ; {
		var page struct {
			Items []answered `json:"items"`
		}
		if err := call("GET", fmt.Sprintf("%s/api/v1/conversations/%s/messages?after_seq=%d&limit=200", p.URL, id, after), header, nil, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) == 0 {
			return all
		}
		all = append(all, page.Items...)
		after = page.Items[len(page.Items)-1].Seq
	}
}
