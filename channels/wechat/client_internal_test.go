package wechat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/clock"
)

const (
	testApp    = "wxb11529c136998cb6"
	testSecret = "0123456789abcdef0123456789abcdef"
)

// world is a client and the platform that it calls.
type world struct {
	t      *testing.T
	clk    *clock.Fake
	sim    *simulator.Simulator
	server *httptest.Server
	client *Client
	login  Login
	ming   string
	calls  atomic.Int64 // of the stable token
}

// newWorld is a platform with one follower, Ming, who has just written.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clk: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	w.sim = simulator.New(simulator.Options{Clock: w.clk, Seed: 7})
	handler := w.sim.Handler()
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == stablePath {
			w.calls.Add(1)
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.server.Close)
	t.Cleanup(w.sim.Close)
	w.account(func(*simulator.Account) {})
	var err error
	if w.ming, err = w.sim.AddPerson(testApp, "Ming"); err != nil {
		t.Fatal(err)
	}
	w.act(simulator.Action{Do: "follow"})
	w.act(simulator.Action{Do: "text", Text: "你好"})
	w.client = NewClient(w.clk, nil)
	w.login = Login{Base: w.server.URL, AppID: testApp, Secret: testSecret}
	return w
}

func (w *world) account(change func(*simulator.Account)) {
	w.t.Helper()
	sink := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("success")) }))
	w.t.Cleanup(sink.Close)
	a := simulator.Account{AppID: testApp, Secret: testSecret, OriginalID: "gh_1", Name: "Shop", Token: "AAAAA", PushURL: sink.URL, OpenPlatform: "op"}
	change(&a)
	if err := w.sim.SetAccount(a); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) act(a simulator.Action) {
	w.t.Helper()
	if _, err := w.sim.Act(testApp, w.ming, a); err != nil {
		w.t.Fatal(err)
	}
	w.sim.Settle()
}

func (w *world) send(text string) error {
	return w.client.SendText(context.Background(), w.login, w.ming, text)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func picture(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTextArrivesAsWritten(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"你好，明天到货。", "a <b> & \"c\" \\u4f60 \\ 'd'", "line\nline\ttab", "👩‍👩‍👧‍👦 \u2028 \u2029 end", "{}"} {
		w.act(simulator.Action{Do: "text", Text: "again"})
		w.must(w.send(text))
		out := w.sim.Outbox(testApp, w.ming)
		if got := out[len(out)-1].Text; got != text {
			t.Errorf("%q arrived as %q", text, got)
		}
	}
}

func TestPictures(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	id, err := w.client.UploadImage(ctx, w.login, "ca\"t\r\n.png", "image/png", picture(t))
	w.must(err)
	w.must(w.client.SendImage(ctx, w.login, w.ming, id))
	if out := w.sim.Outbox(testApp, w.ming); len(out) != 1 || out[0].Kind != "image" || out[0].MediaID != id {
		t.Errorf("%+v", out)
	}
	data, kind, err := w.client.Download(ctx, w.login, id)
	if err != nil || kind != "image/png" || !bytes.Equal(data, picture(t)) {
		t.Errorf("%d bytes of %s, %v", len(data), kind, err)
	}
	w.clk.Advance(3 * 24 * time.Hour)
	if _, _, err := w.client.Download(ctx, w.login, id); codeOf(err) != 40007 {
		t.Errorf("after three days: %v", err)
	}
	if _, err := w.client.UploadImage(ctx, w.login, "x.txt", "text/plain", []byte("hello")); codeOf(err) != 40004 {
		t.Errorf("a text as picture: %v", err)
	}
}

func TestCodesAndFollowers(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	code, err := w.client.CreateCode(ctx, w.login, "bind-绑定", 5*time.Minute)
	w.must(err)
	if !code.Until.Equal(w.clk.Now().Add(5 * time.Minute)) {
		t.Errorf("it ends %v", code.Until)
	}
	w.act(simulator.Action{Do: "scan", Code: code.URL})
	pushes := w.sim.Pushes(testApp)
	p, err := ParsePush([]byte(pushes[len(pushes)-1].XML))
	if err != nil || p.Scene() != "bind-绑定" || p.Ticket != code.Ticket {
		t.Errorf("%+v, %v", p, err)
	}
	f, err := w.client.FollowerOf(ctx, w.login, w.ming)
	if err != nil || !f.Subscribed || f.UnionID == "" || f.Scene != "ADD_SCENE_SEARCH" || !f.Since.Equal(w.clk.Now()) {
		t.Errorf("%+v, %v", f, err)
	}
	w.act(simulator.Action{Do: "unfollow"})
	if f, err := w.client.FollowerOf(ctx, w.login, w.ming); err != nil || f != (Follower{}) {
		t.Errorf("%+v, %v", f, err)
	}
}

// Every row of the table that these calls can meet.
func TestErrorTable(t *testing.T) {
	for code, want := range reactions {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			w := newWorld(t)
			w.sim.AddFault(simulator.Fault{Path: sendPath, Errcode: code, Count: -1})
			err := w.send("hello")
			var api *APIError
			if !errors.As(err, &api) || api.Code != code || api.Rid == "" || strings.Contains(api.Msg, "rid") {
				t.Fatalf("%+v", err)
			}
			got := sendError(err, w.clk.Now())
			if got.Outcome != want.outcome || got.Code != want.code || got.Suppress != (code == 43019 || code == 48002) {
				t.Errorf("%s %s", got.Outcome, got.Code)
			}
			if code == 45009 && got.RetryAfter != 4*time.Hour { // it is 20:00 in Beijing
				t.Errorf("again after %v", got.RetryAfter)
			}
			if n := len(w.sim.Outbox(testApp, w.ming)); n != 0 {
				t.Errorf("%d were sent", n)
			}
		})
	}
	w := newWorld(t)
	w.sim.AddFault(simulator.Fault{Path: sendPath, Errcode: 99999, Errmsg: "something new, hints: [ req_id: x ]"})
	err := w.send("hello")
	if got := sendError(err, w.clk.Now()); got.Outcome != channels.Refused || got.Code != "wechat_refused" {
		t.Errorf("an unknown code: %s %s", got.Outcome, got.Code)
	}
	var api *APIError
	if !errors.As(err, &api) || api.Msg != "something new" {
		t.Errorf("%v", err)
	}
}

// What the platform refuses by itself.
func TestRefusalsByThePlatform(t *testing.T) {
	for name, v := range map[string]struct {
		prepare func(*world)
		text    string
		want    string
	}{
		"no follower":     {func(w *world) { w.act(simulator.Action{Do: "unfollow"}) }, "hello", "wechat_not_following"},
		"window over":     {func(w *world) { w.clk.Advance(48 * time.Hour) }, "hello", "reply_window_closed"},
		"blocked":         {func(w *world) { w.must(w.sim.Block(testApp, w.ming, true)) }, "hello", "wechat_refuses_messages"},
		"unknown person":  {func(w *world) { w.ming = "oNobody" }, "hello", "wechat_person_unknown"},
		"too long":        {func(*world) {}, strings.Repeat("好", MaxText/3+1), "wechat_text_too_long"},
		"empty":           {func(*world) {}, " ", "body_empty"},
		"wrong secret":    {func(w *world) { w.login.Secret = "x" }, "hello", "wechat_credentials"},
		"wrong app id":    {func(w *world) { w.login.AppID = "wx0" }, "hello", "wechat_app_id"},
		"address refused": {func(w *world) { w.account(func(a *simulator.Account) { a.AllowIPs = []string{"192.0.2.1"} }) }, "hello", "wechat_ip_refused"},
		"allowance spent": {func(w *world) {
			w.clk.Advance(time.Minute) // what the follow allowed is over
			for range 5 {
				w.must(w.send("hello"))
			}
		}, "hello", "reply_allowance_spent"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v.prepare(w)
			err := w.send(v.text)
			if got := sendError(err, w.clk.Now()); got.Outcome != channels.Refused || got.Code != v.want {
				t.Errorf("%s %s (%v)", got.Outcome, got.Code, err)
			}
			if code, params := diagnosis(err, w.clk.Now()); v.want == "wechat_ip_refused" && (code != "wechat_ip_not_allowed" || params["ip"] != "127.0.0.1") {
				t.Errorf("the address to allow is not told: %s %v", code, params)
			}
		})
	}
}

func TestTroubleOnTheWay(t *testing.T) {
	for name, v := range map[string]struct {
		fault     simulator.Fault
		outcome   channels.Outcome
		delivered int
	}{
		"500":                {simulator.Fault{Status: 500}, channels.Ambiguous, 0},
		"502 afterwards":     {simulator.Fault{Status: 502, After: true}, channels.Ambiguous, 1},
		"cut off":            {simulator.Fault{Reset: true, After: true}, channels.Ambiguous, 1},
		"a page":             {simulator.Fault{Body: "<html>login</html>"}, channels.Ambiguous, 0},
		"half an answer":     {simulator.Fault{Body: `{"errcode":0,"err`, After: true}, channels.Ambiguous, 1},
		"nothing":            {simulator.Fault{Body: ""}, channels.Ambiguous, 0},
		"endless":            {simulator.Fault{Body: strings.Repeat(" ", maxAnswer+1)}, channels.Ambiguous, 0},
		"asked to go slower": {simulator.Fault{Errcode: 45011}, channels.Temporary, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			v.fault.Path = sendPath
			w.sim.AddFault(v.fault)
			if got := sendError(w.send("hello"), w.clk.Now()); got.Outcome != v.outcome || got.Code == "" {
				t.Errorf("%s %s (%v)", got.Outcome, got.Code, got.Err)
			}
			if n := len(w.sim.Outbox(testApp, w.ming)); n != v.delivered {
				t.Errorf("%d were delivered", n)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		w := newWorld(t)
		w.must(w.send("the token is known"))
		w.server.Close()
		w.client.http.CloseIdleConnections()
		if got := sendError(w.send("hello"), w.clk.Now()); got.Outcome != channels.Temporary || got.Code != "wechat_unreachable" {
			t.Errorf("%s %s (%v)", got.Outcome, got.Code, got.Err)
		}
	})
	t.Run("no token to be had", func(t *testing.T) {
		w := newWorld(t)
		w.sim.AddFault(simulator.Fault{Path: stablePath, Reset: true})
		if got := sendError(w.send("hello"), w.clk.Now()); got.Outcome != channels.Temporary {
			t.Errorf("%s %s (%v)", got.Outcome, got.Code, got.Err)
		}
	})
}

func TestTenSeconds(t *testing.T) {
	w := newWorld(t)
	w.must(w.send("the token is known"))
	reached, hang := make(chan struct{}), make(chan struct{})
	far := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(reached); <-hang }))
	defer far.Close()
	defer close(hang)
	w.client.tokens.entry(Login{far.URL, testApp, testSecret}.key()).value = "t"
	w.client.tokens.entry(Login{far.URL, testApp, testSecret}.key()).until = w.clk.Now().Add(time.Hour)
	w.login.Base = far.URL
	done := make(chan error, 1)
	go func() { done <- w.send("hello") }()
	<-reached
	w.clk.Advance(callTimeout)
	err := <-done
	if got := sendError(err, w.clk.Now()); got.Outcome != channels.Ambiguous || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s (%v)", got.Outcome, err)
	}
}

func TestNoForeignHostIsAsked(t *testing.T) {
	w := newWorld(t)
	var asked atomic.Int64
	foreign := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer foreign.Close()
	w.sim.AddFault(simulator.Fault{Redirect: foreign.URL, Count: 2})
	if err := w.send("hello"); err == nil {
		t.Error("a redirected token was taken")
	}
	w.sim.ClearFaults()
	w.must(w.send("the token is known"))
	w.sim.AddFault(simulator.Fault{Path: sendPath, Redirect: foreign.URL})
	if err := w.send("hello"); err == nil {
		t.Error("a redirected message counts as sent")
	}
	if asked.Load() != 0 {
		t.Error("the foreign host was asked")
	}
}

// talkative fails with everything that a request holds.
type talkative struct{ http.RoundTripper }

func (t talkative) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == stablePath && t.RoundTripper != nil {
		return t.RoundTripper.RoundTrip(r)
	}
	var b bytes.Buffer
	if r.Body != nil {
		_, _ = b.ReadFrom(r.Body)
	}
	return nil, &net.OpError{Op: "dial", Err: errors.New(r.URL.String() + " " + b.String())}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	w := newWorld(t)
	w.client = NewClient(w.clk, talkative{})
	err := w.send("hello")
	if err == nil || strings.Contains(err.Error(), testSecret) || !strings.Contains(err.Error(), "(hidden)") {
		t.Errorf("without a token: %v", err)
	}
	w.client = NewClient(w.clk, talkative{http.DefaultTransport})
	err = w.send("hello")
	value := w.client.tokens.entry(w.login.key()).value
	if err == nil || value == "" || strings.Contains(err.Error(), value) || !strings.Contains(err.Error(), "(hidden)") {
		t.Errorf("with one: %v", err)
	}
	w.client, w.login.Base = NewClient(w.clk, nil), "http://127.0.0.1:1"
	for unwrapped := w.send("hello"); unwrapped != nil; unwrapped = errors.Unwrap(unwrapped) {
		if s := fmt.Sprintf("%+v %#v", unwrapped, unwrapped); strings.Contains(s, testSecret) || strings.Contains(s, "access_token") {
			t.Errorf("%s", s)
		}
	}
}

func TestProbe(t *testing.T) {
	w := newWorld(t)
	w.must(w.client.Probe(context.Background(), w.login))
	w.login.Secret = "wrong"
	if err := w.client.Probe(context.Background(), w.login); codeOf(err) != 40125 {
		t.Errorf("%v", err)
	}
}
