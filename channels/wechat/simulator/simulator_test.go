package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/clock"
)

const (
	app   = "wxb11529c136998cb6"
	key   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	older = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	word  = "AAAAA"
)

// stage is a platform, the hub it pushes to, and Ming.
type stage struct {
	t      *testing.T
	clk    *clock.Fake
	sim    *simulator.Simulator
	server *httptest.Server
	ming   string

	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	answer func(w http.ResponseWriter, r *http.Request, n int)
}

func newStage(t *testing.T, change func(*simulator.Account), options ...func(*simulator.Options)) *stage {
	t.Helper()
	s := &stage{t: t, clk: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	hub := httptest.NewServer(http.HandlerFunc(s.receive))
	t.Cleanup(hub.Close)
	o := simulator.Options{Clock: s.clk, Seed: 1, Move: s.clk.Advance}
	for _, f := range options {
		f(&o)
	}
	s.sim = simulator.New(o)
	t.Cleanup(s.sim.Close)
	s.server = httptest.NewServer(s.sim.Handler())
	t.Cleanup(s.server.Close)
	a := simulator.Account{AppID: app, Secret: "secret", OriginalID: "gh_1", Name: "Shop", Token: word, AESKey: key, Mode: simulator.Plain, PushURL: hub.URL + "/push"}
	if change != nil {
		change(&a)
	}
	s.must(s.sim.SetAccount(a))
	var err error
	s.ming, err = s.sim.AddPerson(app, "Ming")
	s.must(err)
	return s
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) receive(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.got, s.bodies = append(s.got, r), append(s.bodies, string(b))
	n, answer := len(s.got), s.answer
	s.mu.Unlock()
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, r.URL.Query().Get("echostr"))
		return
	}
	if answer != nil {
		answer(w, r, n)
		return
	}
	_, _ = io.WriteString(w, "success")
}

func (s *stage) act(a simulator.Action) string {
	s.t.Helper()
	id, err := s.sim.Act(app, s.ming, a)
	s.must(err)
	return id
}

func (s *stage) done(a simulator.Action) simulator.Push {
	s.t.Helper()
	id := s.act(a)
	s.sim.Settle()
	for _, p := range s.sim.Pushes(app) {
		if p.ID == id {
			return p
		}
	}
	s.t.Fatalf("no push %s", id)
	return simulator.Push{}
}

// api calls the platform and decodes its answer.
func (s *stage) api(method, path string, query url.Values, body string) map[string]any {
	s.t.Helper()
	req, err := http.NewRequest(method, s.server.URL+path+"?"+query.Encode(), strings.NewReader(body))
	s.must(err)
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer func() { _ = res.Body.Close() }()
	var out map[string]any
	s.must(json.NewDecoder(res.Body).Decode(&out))
	return out
}

func (s *stage) token() url.Values {
	s.t.Helper()
	a := s.api("POST", "/cgi-bin/stable_token", nil, `{"grant_type":"client_credential","appid":"`+app+`","secret":"secret"}`)
	return url.Values{"access_token": {fmt.Sprint(a["access_token"])}}
}

func (s *stage) text(to, content string) float64 {
	s.t.Helper()
	b, err := json.Marshal(map[string]any{"touser": to, "msgtype": "text", "text": map[string]string{"content": content}})
	s.must(err)
	code, _ := s.api("POST", "/cgi-bin/message/custom/send", s.token(), string(b))["errcode"].(float64)
	return code
}

func (s *stage) allowance() simulator.Allowance {
	s.t.Helper()
	a, err := s.sim.AllowanceOf(app, s.ming)
	s.must(err)
	return a
}

func picture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The hub's own reader and crypter agree with what the platform signs,
// encrypts and writes, in each mode.
func TestPushesInEveryMode(t *testing.T) {
	for _, mode := range []string{simulator.Plain, simulator.Compat, simulator.Safe} {
		t.Run(mode, func(t *testing.T) {
			s := newStage(t, func(a *simulator.Account) { a.Mode = mode })
			s.done(simulator.Action{Do: "follow"})
			push := s.done(simulator.Action{Do: "text", Text: "你好 <b> ]]> & \x07 end"})
			if len(push.Attempts) != 1 || push.Attempts[0].Verdict != simulator.Acknowledged {
				t.Fatalf("%+v", push.Attempts)
			}
			q, body := s.got[1].URL.Query(), s.bodies[1]
			if q.Get("signature") != wechat.Sign(word, q.Get("timestamp"), q.Get("nonce")) || q.Get("openid") != s.ming {
				t.Errorf("signed wrongly: %v", q)
			}
			if mode != simulator.Plain {
				text := regexp.MustCompile(`<Encrypt><!\[CDATA\[(.*?)\]\]>`).FindStringSubmatch(body)
				if text == nil || q.Get("encrypt_type") != "aes" || q.Get("msg_signature") != wechat.Sign(word, q.Get("timestamp"), q.Get("nonce"), text[1]) {
					t.Fatalf("%v %s", q, body)
				}
				if mode == simulator.Safe && strings.Contains(body, "FromUserName") {
					t.Errorf("the safe mode tells who wrote: %s", body)
				}
				c, err := wechat.NewCrypter(app, key, "")
				s.must(err)
				plain, err := c.Decrypt(text[1])
				s.must(err)
				if string(plain) != push.XML {
					t.Errorf("decrypted it is %s", plain)
				}
				if mode == simulator.Safe {
					body = string(plain)
				}
			}
			p, err := wechat.ParsePush([]byte(body))
			if err != nil || p.Content != "你好 <b> ]]> &  end" || p.From != s.ming || p.To != "gh_1" || !p.At.Equal(s.clk.Now()) || p.MsgID == "" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestActions(t *testing.T) {
	s := newStage(t, nil)
	read := func(a simulator.Action) *wechat.Push {
		t.Helper()
		p, err := wechat.ParsePush([]byte(s.done(a).XML))
		s.must(err)
		return p
	}
	if _, err := s.sim.Act(app, s.ming, simulator.Action{Do: "text", Text: "hello"}); err == nil {
		t.Error("who does not follow has written")
	}
	if p := read(simulator.Action{Do: "follow"}); p.Event != wechat.EventSubscribe || p.Scene() != "" {
		t.Errorf("%+v", p)
	}
	if _, err := s.sim.Act(app, s.ming, simulator.Action{Do: "follow"}); err == nil {
		t.Error("followed twice")
	}
	id, err := s.sim.AddMedia(app, picture(t))
	s.must(err)
	if p := read(simulator.Action{Do: "image", MediaID: id}); p.Type != wechat.TypeImage || p.Media.ID != id || !strings.HasSuffix(p.Media.URL, id) {
		t.Errorf("%+v", p)
	}
	if p := read(simulator.Action{Do: "location", Lat: 31.2235, Lon: 121.4453, Label: "静安寺"}); p.Type != wechat.TypeLocation || *p.Place != (wechat.Place{Lat: "31.223500", Lon: "121.445300", Label: "静安寺"}) {
		t.Errorf("%+v", p.Place)
	}
	if a := s.api("POST", "/cgi-bin/menu/create", s.token(), `{"button":[{"type":"click","name":"帮助","key":"HELP"},{"name":"更多","sub_button":[{"type":"view","name":"店","url":"https://shop.example/"}]}]}`); a["errcode"] != 0.0 {
		t.Fatal(a)
	}
	if p := read(simulator.Action{Do: "tap", Key: "HELP"}); p.Event != wechat.EventClick || p.Key != "HELP" {
		t.Errorf("%+v", p)
	}
	if p := read(simulator.Action{Do: "tap", Key: "https://shop.example/"}); p.Event != wechat.EventView || p.Key != "https://shop.example/" {
		t.Errorf("%+v", p)
	}
	made := s.api("POST", "/cgi-bin/qrcode/create", s.token(), `{"expire_seconds":300,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"desk"}}}`)
	for _, code := range []string{"desk", fmt.Sprint(made["ticket"]), fmt.Sprint(made["url"]), "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket=" + url.QueryEscape(fmt.Sprint(made["ticket"]))} {
		if p := read(simulator.Action{Do: "scan", Code: code}); p.Event != wechat.EventScan || p.Key != "desk" || p.Ticket != made["ticket"] {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if p := read(simulator.Action{Do: "unfollow"}); p.Event != wechat.EventUnsubscribe {
		t.Errorf("%+v", p)
	}
	if p := read(simulator.Action{Do: "scan", Code: "desk"}); p.Event != wechat.EventSubscribe || p.Key != "qrscene_desk" || p.Scene() != "desk" {
		t.Errorf("%+v", p)
	}
	s.clk.Advance(5 * time.Minute)
	for _, a := range []simulator.Action{{Do: "scan", Code: "desk"}, {Do: "tap", Key: "NONE"}, {Do: "text", Text: "  "}, {Do: "image", MediaID: "none"}, {Do: "dance"}, {Do: "scan"}} {
		if _, err := s.sim.Act(app, s.ming, a); err == nil {
			t.Errorf("%+v was possible", a)
		}
	}
}

// chat is what the phone shows, by kinds.
func (s *stage) chat() (kinds []string, last string) {
	s.t.Helper()
	a := s.api("GET", "/phone/state", nil, "")["accounts"].([]any)[0].(map[string]any)
	for _, p := range a["people"].([]any) {
		if p := p.(map[string]any); p["openid"] == s.ming {
			for _, l := range p["chat"].([]any) {
				l := l.(map[string]any)
				kinds = append(kinds, fmt.Sprint(l["from"], ":", l["kind"]))
				last, _ = l["text"].(string)
			}
		}
	}
	return kinds, last
}

func TestAnswersAreJudged(t *testing.T) {
	reply := "<xml><ToUserName>o</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>欢迎</Content></xml>"
	sealed := func(t *testing.T, forKey string) string {
		c, err := wechat.NewCrypter(app, forKey, "")
		if err != nil {
			t.Fatal(err)
		}
		text := c.Encrypt([]byte(reply))
		return fmt.Sprintf("<xml><Encrypt>%s</Encrypt><MsgSignature>%s</MsgSignature><TimeStamp>5</TimeStamp><Nonce>6</Nonce></xml>", text, wechat.Sign(word, "5", "6", text))
	}
	for name, v := range map[string]struct {
		mode    string
		answer  string
		verdict string
		shown   string
	}{
		"success":           {simulator.Safe, "success", simulator.Acknowledged, "person:text"},
		"nothing":           {simulator.Plain, "", simulator.Empty, "person:text"},
		"JSON":              {simulator.Plain, `{"ok":true}`, simulator.Nonsense, "platform:fault"},
		"an empty text":     {simulator.Plain, "<xml><MsgType>text</MsgType><Content></Content></xml>", simulator.Nonsense, "platform:fault"},
		"a text":            {simulator.Plain, reply, simulator.Replied, "account:text"},
		"a plain text":      {simulator.Safe, reply, simulator.Nonsense, "platform:fault"},
		"an encrypted text": {simulator.Safe, sealed(t, key), simulator.Replied, "account:text"},
		"a foreign key":     {simulator.Safe, sealed(t, older), simulator.Nonsense, "platform:fault"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, func(a *simulator.Account) { a.Mode = v.mode })
			s.done(simulator.Action{Do: "follow"})
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, v.answer) }
			p := s.done(simulator.Action{Do: "text", Text: "hi"})
			if len(p.Attempts) != 1 || p.Attempts[0].Verdict != v.verdict || p.Accepted() != (v.verdict != simulator.Nonsense) {
				t.Errorf("%+v", p.Attempts[0])
			}
			kinds, last := s.chat()
			if kinds[len(kinds)-1] != v.shown || v.verdict == simulator.Replied && last != "欢迎" {
				t.Errorf("the phone shows %v %q", kinds, last)
			}
			if left := s.allowance().Left; left != 8 {
				t.Errorf("an answer to a push spends nothing, %d are left", left)
			}
		})
	}
}

// What is not acknowledged is delivered three times in all, five seconds apart.
func TestDeliveredAgain(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	s.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusServiceUnavailable) }
	id := s.act(simulator.Action{Do: "text", Text: "hi"})
	for range 2 {
		s.clk.AwaitSleepers(1)
		s.pastAttempt(id)
		s.clk.Advance(5 * time.Second)
	}
	s.sim.Settle()
	p := s.find(id)
	if len(p.Attempts) != 3 || p.Attempts[2].Verdict != simulator.Refused || p.Accepted() || !p.Done {
		t.Fatalf("%+v", p)
	}
	if s.bodies[1] != s.bodies[3] {
		t.Errorf("delivered again it differs: %s %s", s.bodies[1], s.bodies[3])
	}
	if kinds, _ := s.chat(); kinds[len(kinds)-1] != "platform:fault" {
		t.Errorf("the phone shows %v", kinds)
	}
}

// pastAttempt waits until the newest delivery has its verdict.
func (s *stage) pastAttempt(id string) {
	for p := s.find(id); p.Attempts[len(p.Attempts)-1].Verdict == ""; p = s.find(id) {
		s.clk.AwaitSleepers(1)
	}
	s.clk.AwaitSleepers(1)
}

func (s *stage) find(id string) simulator.Push {
	for _, p := range s.sim.Pushes(app) {
		if p.ID == id {
			return p
		}
	}
	return simulator.Push{}
}

func TestFiveSecondsToAnswer(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	reached, hang := make(chan struct{}, 3), make(chan struct{})
	defer close(hang)
	s.answer = func(_ http.ResponseWriter, r *http.Request, _ int) {
		reached <- struct{}{}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}
	id := s.act(simulator.Action{Do: "text", Text: "hi"})
	for range 3 {
		<-reached
		s.clk.AwaitSleepers(1)
		s.clk.Advance(5 * time.Second)
	}
	s.sim.Settle()
	p := s.find(id)
	if len(p.Attempts) != 3 {
		t.Fatalf("%d deliveries", len(p.Attempts))
	}
	for _, a := range p.Attempts {
		if a.Verdict != simulator.TimedOut {
			t.Errorf("%+v", a)
		}
	}
}

func TestOnePersonsPushesKeepTheirOrder(t *testing.T) {
	s := newStage(t, nil)
	s.act(simulator.Action{Do: "follow"})
	for i := range 20 {
		s.act(simulator.Action{Do: "text", Text: fmt.Sprint("message ", i)})
	}
	s.sim.Settle()
	for i := range 20 {
		if !strings.Contains(s.bodies[i+1], fmt.Sprintf("[message %d]", i)) {
			t.Fatalf("at %d came %s", i, s.bodies[i+1])
		}
	}
}

func TestPushFaults(t *testing.T) {
	s := newStage(t, func(a *simulator.Account) { a.Mode, a.PreviousAESKey = simulator.Safe, older })
	s.done(simulator.Action{Do: "follow"})
	old, err := wechat.NewCrypter(app, older, "")
	s.must(err)
	current, err := wechat.NewCrypter(app, key, "")
	s.must(err)
	sealed := func(i int) string {
		return regexp.MustCompile(`<Encrypt><!\[CDATA\[(.*?)\]\]>`).FindStringSubmatch(s.bodies[i])[1]
	}
	s.sim.AddFault(simulator.Fault{Push: "old_key"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := old.Decrypt(sealed(1)); err != nil {
		t.Errorf("old key: %v", err)
	}
	s.sim.AddFault(simulator.Fault{Push: "wrong_appid"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := current.Decrypt(sealed(2)); err == nil {
		t.Error("the app id is right")
	}
	s.sim.AddFault(simulator.Fault{Push: "wrong_signature"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if q := s.got[3].URL.Query(); q.Get("msg_signature") == wechat.Sign(word, q.Get("timestamp"), q.Get("nonce"), sealed(3)) {
		t.Error("the signature is right")
	}
	s.sim.AddFault(simulator.Fault{Push: "duplicate"})
	if p := s.done(simulator.Action{Do: "text", Text: "hi"}); len(p.Attempts) != 2 || len(s.bodies) != 6 {
		t.Errorf("%d deliveries", len(p.Attempts))
	}
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if _, err := current.Decrypt(sealed(6)); err != nil {
		t.Errorf("a fault happens once: %v", err)
	}
}

func TestCheckOfThePushAddress(t *testing.T) {
	s := newStage(t, nil)
	a, _ := s.sim.AccountOf(app)
	s.must(s.sim.CheckPushURL(t.Context(), a))
	q := s.got[0].URL.Query()
	if q.Get("signature") != wechat.Sign(word, q.Get("timestamp"), q.Get("nonce")) || q.Get("echostr") == "" {
		t.Errorf("%v", q)
	}
	a.PushURL = s.server.URL + "/cgi-bin/nothing"
	if err := s.sim.CheckPushURL(t.Context(), a); err == nil {
		t.Error("an address that answers nonsense passes")
	}
}
