package simulator_test

import (
	"bytes"
	"fmt"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat/simulator"
)

func TestAllowance(t *testing.T) {
	s := newStage(t, nil)
	if got := s.text(s.ming, "hi"); got != 43004 {
		t.Errorf("to somebody who does not follow: %v", got)
	}
	if got := s.text("oNobody", "hi"); got != 40003 {
		t.Errorf("to nobody: %v", got)
	}
	s.done(simulator.Action{Do: "follow"})
	if a := s.allowance(); a.Left != 3 || !a.Until.Equal(s.clk.Now().Add(time.Minute)) {
		t.Errorf("after the follow: %+v", a)
	}
	s.done(simulator.Action{Do: "text", Text: "hi"})
	if a := s.allowance(); a.Left != 8 || len(a.Grants) != 2 || !a.Until.Equal(s.clk.Now().Add(48*time.Hour)) {
		t.Errorf("after a message, too: %+v", a)
	}
	for range 3 {
		if got := s.text(s.ming, "hi"); got != 0 {
			t.Fatal(got)
		}
	}
	// The grant that ends soonest went first.
	if a := s.allowance(); a.Left != 5 {
		t.Errorf("%+v", a)
	}
	for range 2 {
		s.text(s.ming, "hi")
	}
	s.done(simulator.Action{Do: "text", Text: "once more"})
	if a := s.allowance(); a.Left != 5 {
		t.Errorf("a new message begins anew: %+v", a)
	}
	for range 5 {
		s.text(s.ming, "hi")
	}
	if got := s.text(s.ming, "hi"); got != 45047 {
		t.Errorf("the sixth: %v", got)
	}
	s.clk.Advance(48 * time.Hour)
	if got := s.text(s.ming, "hi"); got != 45015 {
		t.Errorf("after two days: %v", got)
	}
	if a := s.allowance(); a.Left != 0 || a.Until != nil || len(a.Grants) != 0 {
		t.Errorf("after two days: %+v", a)
	}
	s.done(simulator.Action{Do: "text", Text: "back"})
	s.done(simulator.Action{Do: "unfollow"})
	if a := s.allowance(); a.Left != 0 {
		t.Errorf("after unfollowing: %+v", a)
	}
}

func TestEdgesOfTheAllowance(t *testing.T) {
	for _, v := range []struct {
		profile string
		after   time.Duration
		left    int
	}{
		{"2023", 48*time.Hour - time.Millisecond, 5}, {"2023", 48 * time.Hour, 0},
		{"2021", 48*time.Hour - time.Millisecond, 20}, {"2021", 48 * time.Hour, 0}, {"guide-2025", time.Hour, 5},
	} {
		s := newStage(t, nil, func(o *simulator.Options) { o.Profile = v.profile })
		s.done(simulator.Action{Do: "follow"})
		s.done(simulator.Action{Do: "text", Text: "hi"})
		s.clk.Advance(v.after)
		if got := s.allowance().Left; got != v.left {
			t.Errorf("%+v: %d are left", v, got)
		}
	}
}

func TestTokens(t *testing.T) {
	s := newStage(t, nil)
	ask := func(force bool) map[string]any {
		return s.api("POST", "/cgi-bin/stable_token", nil, fmt.Sprintf(`{"grant_type":"client_credential","appid":%q,"secret":"secret","force_refresh":%v}`, app, force))
	}
	use := func(token any) any {
		return s.api("GET", "/cgi-bin/getcallbackip", url.Values{"access_token": {fmt.Sprint(token)}}, "")["errcode"]
	}
	first := ask(false)
	if first["expires_in"] != 7200.0 || use(first["access_token"]) != nil {
		t.Fatal(first)
	}
	s.clk.Advance(114 * time.Minute)
	if again := ask(false); again["access_token"] != first["access_token"] || again["expires_in"] != 360.0 {
		t.Errorf("asked again: %v", again["expires_in"])
	}
	s.clk.Advance(2 * time.Minute)
	second := ask(false)
	if second["access_token"] == first["access_token"] || use(first["access_token"]) != nil || use(second["access_token"]) != nil {
		t.Error("in the last five minutes both are valid")
	}
	s.clk.Advance(4 * time.Minute)
	if got := use(first["access_token"]); got != 42001.0 {
		t.Errorf("after its end: %v", got)
	}
	third := ask(true)
	if use(second["access_token"]) != 40001.0 || use(third["access_token"]) != nil {
		t.Error("a forced token kills the one before")
	}
	if got := ask(true)["errcode"]; got != 45011.0 {
		t.Errorf("forced twice at once: %v", got)
	}
	plain := func() any {
		return s.api("GET", "/cgi-bin/token", url.Values{"grant_type": {"client_credential"}, "appid": {app}, "secret": {"secret"}}, "")["access_token"]
	}
	one, two := plain(), plain()
	if use(one) != nil || use(two) != nil || use(third["access_token"]) != nil {
		t.Error("plain tokens overlap for five minutes and leave stable ones alone")
	}
	s.clk.Advance(5 * time.Minute)
	if use(one) != 40001.0 || use(two) != nil {
		t.Error("the older plain token outlives the overlap")
	}
	if use("nonsense") != 40001.0 || s.api("GET", "/cgi-bin/getcallbackip", nil, "")["errcode"] != 41001.0 {
		t.Error("no token or a wrong one is taken")
	}
	for body, code := range map[string]float64{
		`{"grant_type":"client_credential","appid":"wx0","secret":"secret"}`:        40013,
		`{"grant_type":"client_credential","appid":"` + app + `","secret":"guess"}`: 40125,
		`{"grant_type":"password","appid":"` + app + `","secret":"secret"}`:         40002,
		`{"grant_type"`: 47001, ``: 44002,
	} {
		if got := s.api("POST", "/cgi-bin/stable_token", nil, body); got["errcode"] != code || !strings.Contains(fmt.Sprint(got["errmsg"]), " rid: ") {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	send := func(body string) any {
		return s.api("POST", "/cgi-bin/message/custom/send", s.token(), body)["errcode"]
	}
	for body, code := range map[string]float64{
		`{"touser":"` + s.ming + `","msgtype":"text","text":{"content":"\u4f60"}}`:                              40033,
		`{"touser":"` + s.ming + `","msgtype":"text","text":{"content":"a \\u4f60"}}`:                           0,
		`{"touser":"` + s.ming + `","msgtype":"text","text":{"content":""}}`:                                    44004,
		`{"touser":"` + s.ming + `","msgtype":"text","text":{"content":"` + strings.Repeat("好", 682) + `"}}`:    0,
		`{"touser":"` + s.ming + `","msgtype":"text","text":{"content":"` + strings.Repeat("好", 682) + `abc"}}`: 45002,
		`{"touser":"` + s.ming + `","msgtype":"image","image":{"media_id":"none"}}`:                             40007,
		`{"touser":"` + s.ming + `","msgtype":"dance"}`:                                                         40008,
		`[]`: 47001, ``: 44002,
	} {
		if got := send(body); got != code {
			t.Errorf("%.80s: %v, want %v", body, got, code)
		}
	}
	if got := s.api("GET", "/cgi-bin/message/custom/send", s.token(), "")["errcode"]; got != 43002.0 {
		t.Errorf("a GET: %v", got)
	}
	if got := s.api("POST", "/cgi-bin/user/info", s.token(), "{}")["errcode"]; got != 43001.0 {
		t.Errorf("a POST: %v", got)
	}
	res, err := http.Get(s.server.URL + "/cgi-bin/tags/get")
	s.must(err)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound || len(s.sim.Unknown()) != 1 || s.sim.Unknown()[0] != "GET /cgi-bin/tags/get" {
		t.Errorf("a path that does not exist: %d, %v", res.StatusCode, s.sim.Unknown())
	}
}

func TestMediaAndCodes(t *testing.T) {
	s := newStage(t, nil)
	upload := func(kind string, data []byte) map[string]any {
		t.Helper()
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		part, err := form.CreateFormFile("media", "a.png")
		s.must(err)
		_, _ = part.Write(data)
		s.must(form.Close())
		q := s.token()
		q.Set("type", kind)
		req, err := http.NewRequest("POST", s.server.URL+"/cgi-bin/media/upload?"+q.Encode(), &b)
		s.must(err)
		req.Header.Set("Content-Type", form.FormDataContentType())
		res, err := http.DefaultClient.Do(req)
		s.must(err)
		defer func() { _ = res.Body.Close() }()
		return decoded(t, res.Body)
	}
	made := upload("image", picture(t))
	if made["type"] != "image" || made["media_id"] == nil {
		t.Fatal(made)
	}
	if got := upload("image", []byte("text"))["errcode"]; got != 40004.0 {
		t.Errorf("a text: %v", got)
	}
	if got := upload("image", append(picture(t), make([]byte, 10<<20)...))["errcode"]; got != 40006.0 {
		t.Errorf("too large: %v", got)
	}
	if got := s.api("POST", "/cgi-bin/media/upload", s.token(), "nothing")["errcode"]; got != 46001.0 {
		t.Errorf("no form: %v", got)
	}
	code := s.api("POST", "/cgi-bin/qrcode/create", s.token(), `{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}`)
	if code["expire_seconds"] != 60.0 {
		t.Errorf("%v", code)
	}
	res, err := http.Get(s.server.URL + "/cgi-bin/showqrcode?ticket=" + url.QueryEscape(fmt.Sprint(code["ticket"])))
	s.must(err)
	defer func() { _ = res.Body.Close() }()
	drawn, err := png.Decode(res.Body)
	if err != nil || drawn.Bounds().Dx() < 100 {
		t.Errorf("%v %v", drawn.Bounds(), err)
	}
	for _, body := range []string{
		`{"action_name":"QR_SCENE","action_info":{"scene":{"scene_id":0}}}`, `{"action_name":"QR_LIMIT_SCENE","action_info":{"scene":{"scene_id":100001}}}`,
		`{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":""}}}`, `{"action_name":"OTHER"}`,
	} {
		if got := s.api("POST", "/cgi-bin/qrcode/create", s.token(), body); got["errcode"] == nil {
			t.Errorf("%s: %v", body, got)
		}
	}
	if got := s.api("POST", "/cgi-bin/qrcode/create", s.token(), `{"action_name":"QR_LIMIT_SCENE","action_info":{"scene":{"scene_id":7}}}`); got["ticket"] == nil || got["expire_seconds"] != nil {
		t.Errorf("%v", got)
	}
	for body, want := range map[string]any{
		`{"button":[]}`: 40016.0, `{"button":[{"name":"a"}]}`: 40017.0, `{"button":[{"type":"click","name":"a"}]}`: 40019.0,
		`{"button":[{"type":"view","name":"a","url":"nowhere"}]}`: 40020.0, `{"button":[{"type":"click","name":"a","key":"k"}]}`: 0.0,
	} {
		if got := s.api("POST", "/cgi-bin/menu/create", s.token(), body)["errcode"]; got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	s.api("GET", "/cgi-bin/menu/delete", s.token(), "")
	if got := s.api("GET", "/cgi-bin/menu/get", s.token(), "")["errcode"]; got != 46003.0 {
		t.Errorf("after deletion: %v", got)
	}
}

func TestFaultsOfCalls(t *testing.T) {
	s := newStage(t, nil)
	s.done(simulator.Action{Do: "follow"})
	s.done(simulator.Action{Do: "text", Text: "hi"})
	lin, err := s.sim.AddPerson(app, "Lin")
	s.must(err)
	_, err = s.sim.Act(app, lin, simulator.Action{Do: "follow"})
	s.must(err)
	s.sim.AddFault(simulator.Fault{Path: "/cgi-bin/message/custom/send", OpenID: lin, Errcode: 45011, Count: 2})
	if got := s.text(s.ming, "hi"); got != 0 {
		t.Errorf("somebody else: %v", got)
	}
	for i, want := range []float64{45011, 45011, 0} {
		if got := s.text(lin, "hi"); got != want {
			t.Errorf("%d: %v", i, got)
		}
	}
	s.sim.AddFault(simulator.Fault{Errcode: -1, Count: -1})
	s.sim.ClearFaults()
	if got := s.text(lin, "hi"); got != 0 {
		t.Errorf("after clearing: %v", got)
	}
}

// The same seed and the same acts give the same names.
func TestDeterministic(t *testing.T) {
	run := func() string {
		s := newStage(t, nil)
		s.done(simulator.Action{Do: "follow"})
		a := s.token().Get("access_token")
		b := s.api("POST", "/cgi-bin/qrcode/create", s.token(), `{"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"a"}}}`)
		return fmt.Sprint(s.ming, a, b["ticket"], s.sim.Pushes(app)[0].XML)
	}
	if one, two := run(), run(); one != two {
		t.Errorf("%s\n%s", one, two)
	}
}

func decoded(t *testing.T, r io.Reader) map[string]any {
	t.Helper()
	var out map[string]any
	if err := jsonDecode(r, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
