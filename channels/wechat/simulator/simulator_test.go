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
	o := simulator.Options{Clock: s.clk, Seed: 1, Move: func(d time.Duration) error { s.clk.Advance(d); return nil }}
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
