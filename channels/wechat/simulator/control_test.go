package simulator_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

func jsonDecode(r io.Reader, into any) error { return json.NewDecoder(r).Decode(into) }

// do makes a control call and returns its status and answer.
func (s *stage) do(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(body))
	s.must(err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	s.must(err)
	return res.StatusCode, string(b)
}

func TestControl(t *testing.T) {
	s := newStage(t, nil)
	act := func(action string) (int, string) {
		return s.do("POST", "/control/act", `{"app_id":"`+app+`","openid":"`+s.ming+`",`+action+`}`)
	}
	if code, body := act(`"do":"text","text":"hi"`); code != 422 || !strings.Contains(body, "not_following") {
		t.Errorf("%d %s", code, body)
	}
	for _, a := range []string{`"do":"follow"`, `"do":"text","text":"hi"`} {
		if code, body := act(a); code != 200 || !strings.Contains(body, `"push"`) {
			t.Fatalf("%d %s", code, body)
		}
	}
	s.sim.Settle()
	s.text(s.ming, "回复")
	if _, body := s.do("GET", "/control/outbox?app_id="+app+"&openid="+s.ming, ""); !strings.Contains(body, "回复") {
		t.Errorf("%s", body)
	}
	if _, body := s.do("GET", "/control/pushes?app_id="+app, ""); strings.Count(body, `"verdict":"acknowledged"`) != 2 {
		t.Errorf("%s", body)
	}
	if _, body := s.do("GET", "/control/allowance?app_id="+app+"&openid="+s.ming, ""); !strings.Contains(body, `"left":7`) {
		t.Errorf("%s", body)
	}
	before := s.clk.Now()
	if code, _ := s.do("POST", "/control/clock", `{"seconds":3600}`); code != 200 || !s.clk.Now().Equal(before.Add(time.Hour)) {
		t.Errorf("%d, it is %v", code, s.clk.Now())
	}
	s.do("POST", "/control/faults", `{"path":"/cgi-bin/message/custom/send","errcode":45047}`)
	if got := s.text(s.ming, "hi"); got != 45047 {
		t.Errorf("%v", got)
	}
	token := s.token()
	s.do("POST", "/control/token/rotate?app_id="+app, "")
	if got := s.api("GET", "/cgi-bin/getcallbackip", token, "")["errcode"]; got != 40001.0 {
		t.Errorf("%v", got)
	}
	if code, body := s.do("POST", "/control/people", `{"app_id":"`+app+`","name":"Ming"}`); code != 422 || !strings.Contains(body, "name_taken") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := s.do("POST", "/control/act", `{"nonsense":1}`); code != 422 {
		t.Errorf("%d", code)
	}
	if code, body := s.do("PUT", "/control/accounts", `{"app_id":"wx2","token":"t","mode":"plain","push_url":"`+s.server.URL+`/nowhere"}`); code != 422 || !strings.Contains(body, "push_url_refused") {
		t.Errorf("%d %s", code, body)
	}
	_, snapshot := s.do("GET", "/control/snapshot", "")
	s.do("POST", "/control/reset", "")
	if code, body := s.do("PUT", "/control/snapshot", snapshot); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if kinds, _ := s.chat(); len(kinds) != 3 {
		t.Errorf("restored: %v", kinds)
	}
	s.do("POST", "/control/reset", "")
	if kinds, _ := s.chat(); len(kinds) != 0 || len(s.sim.Pushes(app)) != 0 || len(s.sim.Outbox(app, "")) != 0 {
		t.Errorf("%v are left", kinds)
	}
}

func TestControlSecret(t *testing.T) {
	s := newStage(t, nil, func(o *simulator.Options) { o.ControlSecret = "hush" })
	for header, want := range map[string]int{"": 401, "Bearer guess": 401, "Bearer hush": 200} {
		if code, _ := s.do("GET", "/control/state", "", "Authorization", header); code != want {
			t.Errorf("%q: %d", header, code)
		}
	}
}

// Other websites can neither act nor move the clock.
func TestOtherSitesAreRefused(t *testing.T) {
	s := newStage(t, nil)
	for _, prefix := range []string{"/phone", "/control"} {
		code, _ := s.do("POST", prefix+"/clock", `{"seconds":60}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if code != http.StatusForbidden {
			t.Errorf("%s: %d", prefix, code)
		}
	}
}

func TestPageIsToldOfChanges(t *testing.T) {
	s := newStage(t, nil)
	res, err := http.Get(s.server.URL + "/phone/events")
	s.must(err)
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	next := func() string {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return text
			}
		}
		t.Fatal("the stream has ended")
		return ""
	}
	first := next()
	s.act(simulator.Action{Do: "follow"})
	if second := next(); second == first {
		t.Errorf("still %s", second)
	}
}

func TestPictureFromThePhone(t *testing.T) {
	s := newStage(t, nil, func(o *simulator.Options) { o.BaseURL = "http://phone.example" })
	s.done(simulator.Action{Do: "follow"})
	res, err := http.Post(s.server.URL+"/phone/media?app_id="+app, "image/png", bytes.NewReader(picture(t)))
	s.must(err)
	id := decoded(t, res.Body)["media_id"].(string)
	_ = res.Body.Close()
	push := s.done(simulator.Action{Do: "image", MediaID: id})
	if !strings.Contains(push.XML, "http://phone.example/mmbiz/"+id) {
		t.Errorf("%s", push.XML)
	}
	res, err = http.Get(s.server.URL + "/mmbiz/" + id)
	s.must(err)
	defer func() { _ = res.Body.Close() }()
	if b, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(b, picture(t)) || res.Header.Get("Content-Type") != "image/png" {
		t.Errorf("%v %v", res.Header, err)
	}
}

func TestThePageIsServed(t *testing.T) {
	s := newStage(t, nil)
	for path, kind := range map[string]string{"/": "text/html", "/phone.js": "javascript", "/chat.js": "javascript", "/drawer.js": "javascript", "/words.js": "javascript", "/phone.css": "text/css", "/icon.svg": "image/svg"} {
		res, err := http.Get(s.server.URL + path)
		s.must(err)
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 200 || !strings.Contains(res.Header.Get("Content-Type"), kind) || len(b) == 0 || !strings.Contains(res.Header.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
	}
	if code, body := s.do("GET", "/", ""); code != 200 || !strings.Contains(body, "模拟环境") {
		t.Errorf("%d %s", code, body)
	}
}

// Every sentence stands in both languages, with the same placeholders, and
// every one that the page asks for exists.
func TestWords(t *testing.T) {
	b, err := os.ReadFile("phone/words.js")
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`(?m)^  (\w+): '(.*)',$`)
	hole := regexp.MustCompile(`\{\w+\}`)
	languages := map[string]map[string]string{}
	for _, name := range []string{"en", "zh"} {
		_, rest, _ := strings.Cut(string(b), "const "+name+" = {")
		block, _, _ := strings.Cut(rest, "\n};")
		languages[name] = map[string]string{}
		for _, m := range entry.FindAllStringSubmatch(block, -1) {
			languages[name][m[1]] = m[2]
		}
	}
	if len(languages["en"]) < 50 {
		t.Fatalf("only %d sentences were found", len(languages["en"]))
	}
	holes := func(s string) []string {
		found := hole.FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	for key, en := range languages["en"] {
		if zh, ok := languages["zh"][key]; !ok || !slices.Equal(holes(en), holes(zh)) {
			t.Errorf("%s: %q, %q", key, en, zh)
		}
	}
	if len(languages["en"]) != len(languages["zh"]) {
		t.Errorf("%d and %d sentences", len(languages["en"]), len(languages["zh"]))
	}
	asked := regexp.MustCompile(`(?:say\('|data-word="|data-label=")(\w+)['"]`)
	for _, file := range []string{"phone/phone.js", "phone/chat.js", "phone/drawer.js", "phone/index.html"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(b), -1) {
			if _, ok := languages["en"][m[1]]; !ok {
				t.Errorf("%s asks for %s", file, m[1])
			}
		}
	}
}
