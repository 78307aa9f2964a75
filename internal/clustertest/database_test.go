package clustertest

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/testkit"
)

// TestDatabaseGoes: PostgreSQL refuses, hangs, or its lines go silent one by one.
// Whoever asks is told so and when to come back, nobody is signed out or refused
// for another reason, the process stays alive, and once PostgreSQL is back
// everything goes on by itself: nothing that was acknowledged is lost, and what is
// sent again comes once.
func TestDatabaseGoes(t *testing.T) {
	for name, spoil := range map[string]func(*testkit.Proxy){
		"refused": (*testkit.Proxy).Refuse, "stalled": (*testkit.Proxy).Stall, "half-open": (*testkit.Proxy).HalfOpen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, database := testkit.Through(t, testkit.PostgresURL(t))
			o := newOutage(openOn(t, database, "", 1))
			o.crosses("before")
			stop := o.writes(t)
			defer stop()
			spoil(proxy)
			if name == "half-open" { // new lines work: there is no time at which all is refused
				o.staff.say(map[string]any{"t": "ping"})
				o.staff.next("pong")
				o.crosses("as it goes")
			} else {
				o.away(t)
			}
			proxy.Heal()
			testkit.Eventually(t, soon, "the node is ready again", func() bool { return o.ask("GET", "/readyz", nil, nil).status == 200 })
			o.back(t)
			stop()
			o.judge(t)
		})
	}
}

// outage is a node whose database goes, and those who deal with it.
type outage struct {
	*cluster
	lin            *teammate
	staff, visitor *socket
	token          string // the visitor's
	conversation   string
	key            string // for tracking
	wechat         string

	mu    sync.Mutex
	acked map[string]message // by client key
}

// patient is a client that waits until the node has found out.
var patient = &http.Client{Timeout: soon}

func newOutage(c *cluster) *outage {
	c.t.Helper()
	o := &outage{cluster: c, acked: map[string]message{}}
	o.lin = c.hire(0, "lin", "manager")
	o.staff, _ = c.socket(c.nodes[0], o.lin)
	o.token = c.token(c.nodes[0])
	o.visitor, _ = c.visitor(c.nodes[0], o.token)
	_, o.key = c.writeKey("shop")
	var made struct{ Key string }
	c.do(0, "POST", "/api/v1/accounts", map[string]any{
		"channel": "wechat", "name": "Tea", "config": map[string]any{"app_id": "wxaway00000000001", "mode": "plain"},
		"secrets": map[string]any{"app_secret": "away-secret-away-secret-away-sec", "token": "awaytoken"},
	}, &made)
	o.wechat = made.Key
	return o
}

// reply is what a request was answered with.
type reply struct {
	status      int
	code, retry string
	body        []byte
}

// away: the storage is, and the client is told when to come back.
func (r reply) away() bool { return r.code == "storage_unavailable" && r.later() }

// later: nothing was done, and the client is told when to come back.
func (r reply) later() bool {
	seconds, err := strconv.Atoi(r.retry)
	return r.status == 503 && err == nil && seconds >= 1
}

func (r reply) String() string {
	return fmt.Sprintf("%d (Retry-After %q) %.300s", r.status, r.retry, r.body)
}

func (o *outage) ask(method, path string, header http.Header, body any) reply {
	return o.askBy(patient, method, path, header, body)
}

func (o *outage) askBy(client *http.Client, method, path string, header http.Header, body any) reply {
	var text []byte
	switch b := body.(type) {
	case nil:
	case string:
		text = []byte(b)
	default:
		text, _ = json.Marshal(b) // maps of strings
	}
	req, err := http.NewRequest(method, o.nodes[0].URL+path, bytes.NewReader(text))
	if err != nil {
		o.t.Fatal(err)
	}
	if req.Header = header.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return reply{body: []byte(err.Error())}
	}
	defer func() { _ = res.Body.Close() }()
	r := reply{status: res.StatusCode, retry: res.Header.Get("Retry-After")}
	r.body, _ = io.ReadAll(res.Body)
	var problem struct{ Code string }
	_ = json.Unmarshal(r.body, &problem)
	r.code = problem.Code
	return r
}

func (o *outage) guest() http.Header {
	return http.Header{"Origin": {shopOrigin}, "Authorization": {"Visitor " + o.token}}
}

func (o *outage) chat(call string) string { return "/channels/webchat/" + o.account.Key + "/" + call }

// crosses sends a message on the visitor's socket and sees it at a teammate's. When
// the answer is that the storage is away, or the socket is told to come back later,
// it is sent again.
func (o *outage) crosses(key string) {
	o.t.Helper()
	testkit.Eventually(o.t, soon, key+" is acknowledged", func() bool {
		if o.visitor == nil && !o.returns() {
			return false
		}
		o.visitor.say(map[string]any{"t": "send", "client_key": key, "body": key, "attachment_ids": []string{}})
		for {
			f, err := o.visitor.read()
			switch {
			case websocket.IsCloseError(err, 1012, 4009):
				o.visitor = nil
				return false
			case err != nil || f.T == "error" && f.Code != "storage_unavailable":
				o.t.Fatalf("a message is answered with %+v, %v", f, err)
			case f.T == "error":
				return false
			case f.T == "ack" && f.ClientKey == key:
				o.noted(*f.Message)
				return true
			}
		}
	})
	o.staff.next("change", func(f frame) bool { return f.Kind == "message" && f.Data.Message != nil && f.Data.Message.Body == key })
}

// returns opens the visitor's socket again; false when it is sent away: with 503,
// or after its hello where the account is known from before.
func (o *outage) returns() bool {
	o.t.Helper()
	ws, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(o.nodes[0].URL, "http")+o.chat("socket"), http.Header{"Origin": {shopOrigin}})
	if err != nil {
		if res == nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			o.t.Fatalf("a visitor who comes back: %v %+v", err, res)
		}
		return false
	}
	s := &socket{o.t, ws}
	o.t.Cleanup(s.cut)
	s.say(map[string]any{"t": "hello", "visitor": o.token, "after": nil})
	f, err := s.read()
	if err != nil || f.T != "hello" {
		if !websocket.IsCloseError(err, 1012) {
			o.t.Fatalf("a visitor who comes back is answered with %+v, %v", f, err)
		}
		return false
	}
	o.visitor = s
	return true
}

func (o *outage) noted(m message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acked[m.ClientKey] = m
	o.conversation = m.ConversationID
}

// writes lets the visitor write by HTTP, one message after the other and each again
// until it is acknowledged, until stop.
func (o *outage) writes(t *testing.T) (stop func()) {
	quit := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for n := 0; ; n++ {
			body := map[string]any{"client_key": fmt.Sprint("w", n), "body": fmt.Sprint("w", n), "attachment_ids": []string{}}
			for {
				select {
				case <-quit:
					return
				case <-time.After(50 * time.Millisecond): // how fast a writer writes
				}
				r := o.ask("POST", o.chat("messages"), o.guest(), body)
				if r.status/100 == 2 {
					var m message
					if err := json.Unmarshal(r.body, &m); err != nil {
						t.Errorf("an acknowledgement: %v in %s", err, r)
					}
					o.noted(m)
					break
				}
				if !r.away() && !(r.code == "overloaded" && r.later()) { // until it is known
					t.Errorf("a message is answered with %s", r)
					return
				}
			}
		}
	})
	return sync.OnceFunc(func() { close(quit); running.Wait() })
}

// away waits until the node knows that the database is gone and asks for everything.
func (o *outage) away(t *testing.T) {
	var ready reply
	testkit.Eventually(t, soon, "the node is not ready", func() bool { ready = o.ask("GET", "/readyz", nil, nil); return ready.status == 503 })
	var report struct {
		Ready  bool
		Checks []struct {
			Name, Code string
			OK         bool
		}
	}
	if err := json.Unmarshal(ready.body, &report); err != nil || report.Ready || ready.retry == "" {
		t.Errorf("%v: %s", err, ready)
	}
	for _, c := range report.Checks {
		if (c.Name == "database") == c.OK || !c.OK && c.Code != "storage_unavailable" {
			t.Errorf("a check says %+v", c)
		}
	}
	if r := o.ask("GET", "/healthz", nil, nil); r.status != 200 {
		t.Errorf("alive: %s", r)
	}
	testkit.Eventually(t, soon, "the node has found out", func() bool { return o.calls()["a visitor's message"]().away() })
	for what, ask := range o.calls() {
		if r := ask(); !r.away() {
			t.Errorf("%s is answered with %s", what, r)
		}
	}
	if r := o.push(); r.status != 503 {
		t.Errorf("WeChat's push is answered with %s", r)
	}
	if r := o.ask("GET", "/metrics", o.owner, nil); !strings.Contains(string(r.body), "fanward_database_up 0\n") {
		testkit.Eventually(t, soon, "the gauge is down", func() bool {
			return strings.Contains(string(o.ask("GET", "/metrics", o.owner, nil).body), "fanward_database_up 0\n")
		})
	}
	// Sockets stay open, and say what they cannot do.
	o.staff.say(map[string]any{"t": "ping"})
	o.staff.next("pong")
	o.visitor.say(map[string]any{"t": "ping"})
	o.visitor.next("pong")
	o.visitor.say(map[string]any{"t": "send", "client_key": "later", "body": "later", "attachment_ids": []string{}})
	if f := o.visitor.next("error"); f.Code != "storage_unavailable" || f.ClientKey != "later" {
		t.Errorf("a message on the socket is answered with %+v", f)
	}
	// New ones are sent away for a while: they come back.
	d := websocket.Dialer{Jar: o.lin.client.Jar, HandshakeTimeout: soon}
	if ws, res, err := d.Dial("ws"+strings.TrimPrefix(o.nodes[0].URL, "http")+"/api/v1/socket", http.Header{"Origin": {o.nodes[0].URL}}); err == nil {
		_ = ws.Close()
		t.Error("a teammate's socket is opened")
	} else if res == nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("a teammate's socket: %v %+v", err, res)
	}
	if o.returns() {
		t.Error("a visitor's socket is greeted")
	}
}

// calls are requests of everybody that need the database.
func (o *outage) calls() map[string]func() reply {
	text := map[string]any{"client_key": "later", "body": "later", "attachment_ids": []string{}}
	basic := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(o.key+":"))}}
	answer := map[string]any{"client_key": "answer", "body": "answer", "kind": "text", "attachment_ids": []string{}}
	o.mu.Lock()
	conversation := "/api/v1/conversations/" + o.conversation
	o.mu.Unlock()
	return map[string]func() reply{
		"a visitor's message": func() reply { return o.ask("POST", o.chat("messages"), o.guest(), text) },
		"a visitor's history": func() reply { return o.ask("GET", o.chat("messages"), o.guest(), nil) },
		"a teammate's answer": func() reply { return o.ask("POST", conversation+"/messages", o.owner, answer) },
		"a teammate's list":   func() reply { return o.ask("GET", "/api/v1/conversations", o.owner, nil) },
		"a change":            func() reply { return o.ask("PATCH", conversation, o.owner, map[string]any{"status": "resolved"}) },
		"whose session it is": func() reply { return o.askBy(o.lin.client, "GET", "/api/v1/me", nil, nil) },
		"signing in": func() reply {
			return o.ask("POST", "/api/v1/session", nil, map[string]any{"email": "lin@example.com", "password": "not hers at all"})
		},
		"a one-time link": func() reply { return o.ask("POST", "/api/v1/session/link", nil, map[string]any{"token": "none"}) },
		"a tracking call": func() reply {
			return o.ask("POST", "/v1/track", basic, map[string]any{"messageId": "later", "userId": "k", "event": "Looked"})
		},
		"the customers": func() reply { return o.ask("GET", "/api/v1/customers", o.owner, nil) },
		"the segments":  func() reply { return o.ask("GET", "/api/v1/segments", o.owner, nil) },
		"the journeys":  func() reply { return o.ask("GET", "/api/v1/journeys", o.owner, nil) },
	}
}

// push is a follower's message as WeChat brings it.
func (o *outage) push() reply {
	parts := []string{"awaytoken", fmt.Sprint(time.Now().Unix()), "n"}
	stamp := parts[1]
	sort.Strings(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, "")))
	path := fmt.Sprintf("/channels/wechat/%s?signature=%s&timestamp=%s&nonce=n", o.wechat, hex.EncodeToString(sum[:]), stamp)
	return o.ask("POST", path, nil, "<xml><ToUserName>gh_away</ToUserName><FromUserName>follower</FromUserName><CreateTime>"+stamp+
		"</CreateTime><MsgType>text</MsgType><Content>later</Content><MsgId>1</MsgId></xml>")
}

// back: the sockets that stayed open hear everything, and what was refused is sent
// again by those who sent it.
func (o *outage) back(t *testing.T) {
	o.crosses("later")
	for what, ask := range o.calls() {
		for range 2 {
			if r := o.settled(t, ask); r.status/100 != 2 && r.status != 401 || (what == "signing in" || what == "a one-time link") != (r.status == 401) {
				t.Errorf("%s is answered with %s afterwards", what, r)
			}
		}
	}
	for range 2 {
		if r := o.settled(t, o.push); r.status != 200 || string(r.body) != "success" {
			t.Errorf("WeChat's push is answered with %s afterwards", r)
		}
	}
	testkit.Eventually(t, soon, "the follower's message is there", func() bool {
		return strings.Contains(string(o.ask("GET", "/api/v1/customers?total=true", o.owner, nil).body), `"total":3`)
	})
	o.mu.Lock()
	before := len(o.acked)
	o.mu.Unlock()
	testkit.Eventually(t, soon, "the writer goes on", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return len(o.acked) >= before+3
	})
}

// settled is the answer once there is one: lines that went silent may still be
// found one by one.
func (o *outage) settled(t *testing.T, ask func() reply) (r reply) {
	testkit.Eventually(t, soon, "it is answered", func() bool { r = ask(); return r.status != 503 })
	return r
}

// judge compares what is stored with what was acknowledged.
func (o *outage) judge(t *testing.T) {
	stored := map[string]int{}
	var seq int64
	for {
		var page struct{ Items []message }
		path := fmt.Sprintf("/api/v1/conversations/%s/messages?after_seq=%d&limit=200", o.conversation, seq)
		got := o.settled(t, func() reply { return o.ask("GET", path, o.owner, nil) })
		if err := json.Unmarshal(got.body, &page); err != nil || got.status != 200 {
			t.Fatalf("%v: %s", err, got)
		}
		if len(page.Items) == 0 {
			break
		}
		for _, m := range page.Items {
			if m.Seq != seq+1 {
				t.Errorf("%d follows %d", m.Seq, seq)
			}
			seq = m.Seq
			if m.Direction == "in" || m.Body == "answer" {
				stored[m.Body]++
			}
			if a, ok := o.acked[m.Body]; ok && a.Seq != m.Seq {
				t.Errorf("%s was acknowledged as %d and is stored as %d", m.Body, a.Seq, m.Seq)
			}
		}
	}
	for key := range o.acked {
		if stored[key] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", key, stored[key])
		}
	}
	for body, n := range stored {
		if n != 1 {
			t.Errorf("%s is there %d times", body, n)
		}
	}
}
