package flushtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/testkit"
)

const origin = "https://shop.example"

// perWay is how many acknowledgements of each kind are watched.
const perWay = 15

// Whatever way an acknowledgement takes (a visitor's HTTP answer, a visitor's
// socket, a teammate's HTTP answer, an SMTP server's), it follows the flush.
func TestProgramAcknowledgesAfterTheFlush(t *testing.T) {
	for _, wrong := range programTrace(t) {
		t.Error(wrong)
	}
}

// One level is enough here (it flushes at checkpoints only); the store's own
// test has both.
func TestProgramWithLessDurabilityIsCaught(t *testing.T) {
	if wrong := programTrace(t, "-ldflags", weaken+"NORMAL"); len(wrong) < 6*perWay/2 {
		t.Errorf("with synchronous=NORMAL only %d of %d acknowledgements look early: %v", len(wrong), 6*perWay, wrong)
	}
}

// programTrace runs the built program below strace through a conversation and
// returns what is wrong with its acknowledgements.
func programTrace(t *testing.T, flags ...string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	post := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p := testkit.Program(t, testkit.WithEnv("FANWARD_EMAIL_SMTP_ADDR", post), testkit.WithTracer(tracer(t, out)...), testkit.WithBinary(testkit.Build(t, "./cmd/fanward", flags...)))
	owner := signIn(t, p)
	var account struct{ ID, Key string }
	owner.call("POST", p.URL+"/api/v1/accounts", map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{origin}}}, &account)
	base := p.URL + "/channels/webchat/" + account.Key

	var wg sync.WaitGroup
	var keys []string
	for v := range 2 { // two visitors, so that commits are shared
		wg.Go(func() { visitorOverHTTP(t, base, fmt.Sprintf("http-%d", v), perWay) })
		wg.Go(func() { visitorOverSocket(t, base, fmt.Sprintf("socket-%d", v), perWay) })
		for i := range perWay {
			keys = append(keys, marker(fmt.Sprintf("http-%d", v), i), marker(fmt.Sprintf("socket-%d", v), i))
		}
	}
	wg.Go(func() { mailsBySMTP(t, post, perWay) })
	for i := range perWay {
		keys = append(keys, mailKey(i))
	}
	wg.Wait()
	var list struct{ Items []struct{ ID string } }
	owner.call("GET", p.URL+"/api/v1/conversations?view=all&account_id="+account.ID, nil, &list)
	if len(list.Items) != 4 {
		t.Fatalf("%d conversations", len(list.Items))
	}
	for i := range perWay {
		keys = append(keys, marker("reply", i))
		owner.call("POST", p.URL+"/api/v1/conversations/"+list.Items[0].ID+"/messages",
			map[string]any{"client_key": marker("reply", i), "kind": "text", "body": "hello", "attachment_ids": []string{}}, nil)
	}
	if err := p.Stop(); err != nil {
		t.Fatalf("the program ended with %v", err)
	}
	return check(readTrace(t, out), keys)
}

// mailKey is how the acknowledgement of mail i names it.
func mailKey(i int) string {
	sum := sha256.Sum256([]byte(rawMail(i)))
	sum = sha256.Sum256([]byte("ming@example.com\n" + string(sum[:])))
	return hex.EncodeToString(sum[:])
}

func rawMail(i int) string {
	return "From: ming@example.com\r\nTo: help@tea.example\r\nMessage-ID: <" + marker("mail", i) + "@example.com>\r\n\r\nhello\r\n"
}

func mailsBySMTP(t *testing.T, addr string, n int) {
	c, err := smtp.Dial(addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close() }()
	for i := range n {
		if err := c.SendMail("ming@example.com", []string{"help@tea.example"}, strings.NewReader(rawMail(i))); err != nil {
			t.Error(err)
			return
		}
	}
}

func marker(way string, i int) string { return fmt.Sprintf("marker-%s-%04d-end", way, i) }

// caller speaks JSON as one client.
type caller struct {
	t      *testing.T
	client *http.Client
	header http.Header
}

func (c caller) call(method, url string, body, out any) {
	c.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(b))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Encoding", "identity") // the trace must be readable
	res, err := c.client.Do(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		c.t.Errorf("%s %s: %d %s (%v)", method, url, res.StatusCode, text, err)
		return
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			c.t.Errorf("%s: %v", text, err)
		}
	}
}

// signIn uses the owner's one-time link, which the program prints.
func signIn(t *testing.T, p *testkit.Process) caller {
	t.Helper()
	link := regexp.MustCompile(`#token=([A-Za-z0-9_-]+)`)
	testkit.Eventually(t, 10*time.Second, "the owner's link is printed", func() bool { return link.MatchString(p.Log()) })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := caller{t, &http.Client{Jar: jar, Timeout: 30 * time.Second}, http.Header{"X-Fanward-Csrf": {"1"}}}
	c.call("POST", p.URL+"/api/v1/session/link", map[string]any{"token": link.FindStringSubmatch(p.Log())[1]}, nil)
	return c
}

func visitorSession(t *testing.T, base string) (caller, string) {
	c := caller{t, &http.Client{Timeout: 30 * time.Second}, http.Header{"Origin": {origin}}}
	var session struct{ Visitor string }
	c.call("POST", base+"/session", map[string]any{}, &session)
	c.header.Set("Authorization", "Visitor "+session.Visitor)
	return c, session.Visitor
}

func visitorOverHTTP(t *testing.T, base, way string, n int) {
	c, _ := visitorSession(t, base)
	for i := range n {
		c.call("POST", base+"/messages", map[string]any{"client_key": marker(way, i), "body": "hello", "attachment_ids": []string{}}, nil)
	}
}

func visitorOverSocket(t *testing.T, base, way string, n int) {
	_, token := visitorSession(t, base)
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/socket", http.Header{"Origin": {origin}})
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = ws.Close() }()
	_ = ws.SetReadDeadline(time.Now().Add(60 * time.Second))
	if err := ws.WriteJSON(map[string]any{"t": "hello", "visitor": token, "after": nil}); err != nil {
		t.Error(err)
		return
	}
	for i := range n {
		if err := ws.WriteJSON(map[string]any{"t": "send", "client_key": marker(way, i), "body": "hello", "attachment_ids": []string{}}); err != nil {
			t.Error(err)
			return
		}
		for {
			var f struct {
				T         string
				Code      string
				ClientKey string `json:"client_key"`
			}
			if err := ws.ReadJSON(&f); err != nil || f.T == "error" {
				t.Errorf("%s: %v", f.Code, err)
				return
			}
			if f.T == "ack" && f.ClientKey == marker(way, i) {
				break
			}
		}
	}
}
