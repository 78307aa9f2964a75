package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/clock"
)

// shelf keeps raw pushes in memory.
type shelf struct {
	kept []intake.Raw
	fail error
}

func (s *shelf) Keep(_ context.Context, raw intake.Raw) (bool, error) {
	if s.fail != nil {
		return false, s.fail
	}
	for _, k := range s.kept {
		if k.Key == raw.Key {
			return false, nil
		}
	}
	s.kept = append(s.kept, raw)
	return true, nil
}

// counter is a receiver with what stands behind it.
type counter struct {
	*shelf
	rc  *wechat.Receiver
	acc *channels.Account
	clk *clock.Fake
}

func newCounter(config string, s channels.Secrets) *counter {
	c := &counter{shelf: &shelf{}, clk: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), acc: &channels.Account{ID: 5, Channel: wechat.Channel, Config: []byte(config)}}
	c.rc = wechat.NewReceiver(&known{secrets: s}, c.shelf, c.clk, nil)
	return c
}

func (c *counter) ask(r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	c.rc.Serve(w, r, c.acc)
	return w.Code, w.Body.String()
}

const (
	safe   = `{"app_id":"` + app + `","mode":"safe"}`
	compat = `{"app_id":"` + app + `","mode":"compat"}`
	open   = `{"app_id":"` + app + `","mode":"plain"}`
	hello  = "<MsgType>text</MsgType><Content>hello</Content><MsgId>1</MsgId>"
)

// plainly is the request that brings a push in the plain mode.
func plainly(body string) *http.Request {
	q := url.Values{"timestamp": {"1772366400"}, "nonce": {"7"}, "signature": {wechat.Sign(word, "1772366400", "7")}}
	return httptest.NewRequest(http.MethodPost, "/?"+q.Encode(), strings.NewReader(body))
}

func TestURLCheck(t *testing.T) {
	c := newCounter(safe, secrets)
	q := url.Values{"timestamp": {"1714036504"}, "nonce": {"1514711492"}, "signature": {"f464b24fc39322e44b38aa78f5edd27bd1441696"}, "echostr": {"<b>4375120948345356249</b>"}}
	w := httptest.NewRecorder()
	c.rc.Serve(w, httptest.NewRequest(http.MethodGet, "/?"+q.Encode(), nil), c.acc)
	if w.Code != 200 || w.Body.String() != q.Get("echostr") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	for _, name := range []string{"signature", "timestamp", "nonce"} {
		bad := url.Values{}
		for k, v := range q {
			bad[k] = v
		}
		bad.Set(name, q.Get(name)+"0")
		if code, body := c.ask(httptest.NewRequest(http.MethodGet, "/?"+bad.Encode(), nil)); code != 403 || strings.Contains(body, "4375") {
			t.Errorf("%s changed: %d %s", name, code, body)
		}
	}
	if code, _ := c.ask(httptest.NewRequest(http.MethodPut, "/", nil)); code != 405 {
		t.Errorf("PUT: %d", code)
	}
}

func TestPushIsStoredThenAcknowledged(t *testing.T) {
	for name, v := range map[string]struct {
		config string
		r      func(*counter) *http.Request
	}{
		"safe":   {safe, func(c *counter) *http.Request { return sealed(push("oMing", hello), c.clk) }},
		"compat": {compat, func(c *counter) *http.Request { return sealed(push("oMing", hello), c.clk) }},
		"plain":  {open, func(*counter) *http.Request { return plainly(push("oMing", hello)) }},
		"plain while safe is being set up": {`{"app_id":"` + app + `","mode":"safe","previous_mode":"plain"}`, func(*counter) *http.Request {
			return plainly(push("oMing", hello))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(v.config, secrets)
			for range 2 { // delivered again
				if code, body := c.ask(v.r(c)); code != 200 || body != "success" {
					t.Fatalf("%d %s", code, body)
				}
			}
			if len(c.kept) != 1 || c.kept[0].Account != 5 || c.kept[0].Lane != "oMing" || string(c.kept[0].Body) != push("oMing", hello) {
				t.Errorf("%+v", c.kept)
			}
			c.fail = errors.New("the disk is full")
			if code, body := c.ask(v.r(c)); code != 503 || body == "success" {
				t.Errorf("not stored: %d %s", code, body)
			}
		})
	}
}

// One flipped bit anywhere, and the push is refused and not stored.
func TestOneFlippedBit(t *testing.T) {
	c := newCounter(safe, secrets)
	good := sealed(push("oMing", hello), c.clk)
	raw, _ := readAll(good)
	text := raw[strings.Index(raw, "<Encrypt>")+9 : strings.Index(raw, "</Encrypt>")]
	for i := range text {
		flipped := text[:i] + string(text[i]^1) + text[i+1:]
		r := httptest.NewRequest(http.MethodPost, good.URL.String(), strings.NewReader(strings.Replace(raw, text, flipped, 1)))
		if code, body := c.ask(r); code == 200 {
			t.Fatalf("character %d changed: %d %s", i, code, body)
		}
	}
	for _, name := range []string{"msg_signature", "timestamp", "nonce"} {
		q := good.URL.Query()
		for i := range q.Get(name) {
			b := []byte(q.Get(name))
			b[i] ^= 1
			bad := good.URL.Query()
			bad.Set(name, string(b))
			if code, _ := c.ask(httptest.NewRequest(http.MethodPost, "/?"+bad.Encode(), strings.NewReader(raw))); code != 403 {
				t.Errorf("%s, character %d changed: %d", name, i, code)
			}
		}
	}
	if len(c.kept) != 0 {
		t.Errorf("%d were stored", len(c.kept))
	}
}

func readAll(r *http.Request) (string, error) {
	var b strings.Builder
	_, err := fmt.Fprint(&b, mustRead(r))
	return b.String(), err
}

func mustRead(r *http.Request) string {
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := r.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

func TestForgeries(t *testing.T) {
	foreign := func(appID, k string) *http.Request {
		c, err := wechat.NewCrypter(appID, k, "")
		if err != nil {
			panic(err)
		}
		text := c.Encrypt([]byte(push("oMing", hello)))
		q := url.Values{"timestamp": {"1"}, "nonce": {"7"}, "encrypt_type": {"aes"}, "msg_signature": {wechat.Sign(word, "1", "7", text)}}
		return httptest.NewRequest(http.MethodPost, "/?"+q.Encode(), strings.NewReader("<xml><Encrypt>"+text+"</Encrypt></xml>"))
	}
	emptyToken := channels.Secrets{wechat.SecretApp: hush, wechat.SecretToken: "", wechat.SecretKey: key}
	for name, v := range map[string]struct {
		config  string
		secrets channels.Secrets
		r       *http.Request
		want    int
	}{
		"plain to a safe account":      {safe, secrets, plainly(push("oMing", hello)), 403},
		"plain to a compat account":    {compat, secrets, plainly(push("oMing", hello)), 403},
		"encrypted to a plain account": {open, secrets, sealed(push("oMing", hello), clock.NewFake(time.Unix(1, 0))), 403},
		"another app id":               {safe, secrets, foreign(pageAppID, key), 403},
		"another key":                  {safe, secrets, foreign(app, older), 403},
		"no token set":                 {open, emptyToken, httptest.NewRequest(http.MethodPost, "/?timestamp=1&nonce=7&signature="+wechat.Sign("", "1", "7"), strings.NewReader(push("o", hello))), 403},
		"nothing signed":               {open, secrets, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(push("o", hello))), 403},
		"unknown encryption":           {safe, secrets, httptest.NewRequest(http.MethodPost, "/?encrypt_type=rot13", strings.NewReader(push("o", hello))), 403},
		"no XML":                       {open, secrets, plainly("{}"), 400},
		"half an XML":                  {open, secrets, plainly("<xml><MsgType>"), 400},
		"too large":                    {open, secrets, plainly(push("o", "<MsgType>text</MsgType><Content>"+strings.Repeat("x", wechat.MaxPush)+"</Content>")), 413},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(v.config, v.secrets)
			if code, body := c.ask(v.r); code != v.want || len(c.kept) != 0 {
				t.Errorf("%d %s, %d stored", code, body, len(c.kept))
			}
		})
	}
}

const pageAppID = "wxba5fad812f8e6fb9"

func TestPreviousKeyIsTaken(t *testing.T) {
	rotated := channels.Secrets{wechat.SecretApp: hush, wechat.SecretToken: word, wechat.SecretKey: older, wechat.SecretPrevious: key}
	c := newCounter(safe, rotated)
	if code, body := c.ask(sealed(push("oMing", hello), c.clk)); code != 200 || body != "success" {
		t.Errorf("%d %s", code, body)
	}
}

// The welcome answers the push of the follow; the simulator judges it in every
// mode, also when WeChat still uses the old key.
func TestWelcome(t *testing.T) {
	for _, mode := range []string{simulator.Plain, simulator.Compat, simulator.Safe} {
		for _, rotated := range []bool{false, true} {
			if mode == simulator.Plain && rotated {
				continue
			}
			t.Run(fmt.Sprint(mode, rotated), func(t *testing.T) {
				s := secrets
				if rotated {
					s = channels.Secrets{wechat.SecretApp: hush, wechat.SecretToken: word, wechat.SecretKey: older, wechat.SecretPrevious: key}
				}
				c := newCounter(`{"app_id":"`+app+`","mode":"`+mode+`","welcome":{"en":"Welcome","zh-CN":"欢迎 <b>"}}`, s)
				hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.rc.Serve(w, r, c.acc) }))
				defer hub.Close()
				sim := simulator.New(simulator.Options{Clock: c.clk})
				defer sim.Close()
				if err := sim.SetAccount(simulator.Account{AppID: app, OriginalID: "gh_1", Token: word, AESKey: key, Mode: mode, PushURL: hub.URL}); err != nil {
					t.Fatal(err)
				}
				ming, err := sim.AddPerson(app, "Ming")
				if err != nil {
					t.Fatal(err)
				}
				for _, do := range []simulator.Action{{Do: "follow"}, {Do: "text", Text: "hi"}, {Do: "unfollow"}} {
					if _, err := sim.Act(app, ming, do); err != nil {
						t.Fatal(err)
					}
				}
				sim.Settle()
				pushes := sim.Pushes(app)
				if pushes[0].Attempts[0].Verdict != simulator.Replied || pushes[1].Attempts[0].Verdict != simulator.Acknowledged || pushes[2].Attempts[0].Verdict != simulator.Acknowledged {
					t.Errorf("%+v", pushes)
				}
				if out := sim.Outbox(app, ming); len(c.kept) != 3 || len(out) > 1 {
					t.Errorf("%d stored, %+v", len(c.kept), out)
				}
			})
		}
	}
}
