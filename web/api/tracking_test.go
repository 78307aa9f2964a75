package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
	"github.com/fanward/fanward/web/tracking"
)

// newKey makes a write key over the API.
func (h *house) newKey(kind string) string {
	h.t.Helper()
	return h.json(call{method: "POST", path: "/api/v1/write-keys", as: "admin", body: `{"name":"Shop","kind":"` + kind + `"}`})["key"].(string)
}

func basic(text string) map[string]string {
	return map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(text))}
}

// stored is how many events there are with a name, written by whatever call.
func (h *house) stored(name string) (n int64) {
	h.t.Helper()
	var b store.Builder
	b.Add("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = ?", name)
	q, args := b.Query()
	if err := h.db.Reader(context.Background()).QueryRow(q, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func packed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func TestTrackingCalls(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	server, browser := h.newKey("server"), h.newKey("browser")
	ok := []string{`{"success":true}`}
	post := func(path, body string, header map[string]string) call {
		return call{method: "POST", path: path, body: body, header: header}
	}
	text := map[string]string{"Content-Type": "text/plain"}
	with := func(a, b map[string]string) map[string]string {
		out := map[string]string{}
		for _, m := range []map[string]string{a, b} {
			for k, v := range m {
				out[k] = v
			}
		}
		return out
	}
	big := `{"batch":[{"type":"track","userId":"u1","event":"` + strings.Repeat("x", tracking.MaxBody) + `"}]}`
	h.run(t, []scenario{
		{name: "basic", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, basic(server+":")), status: 200, has: ok, headers: map[string]string{"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}},
		{name: "without a colon", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, basic(server)), status: 200, has: ok},
		{name: "without padding", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, map[string]string{"Authorization": "Basic " + base64.RawStdEncoding.EncodeToString([]byte(server+":"))}), status: 200, has: ok},
		{name: "the key in the body", call: post("/v1/t", `{"anonymousId":"a1","event":"Plain","writeKey":"`+browser+`"}`, text), status: 200, has: ok},
		{name: "without /v1", call: post("/t", `{"anonymousId":"a1","event":"Plain","writeKey":"`+browser+`"}`, text), status: 200, has: ok},
		{name: "from another page", call: post("/v1/b", `{"writeKey":"`+browser+`","batch":[{"type":"track","anonymousId":"a1","event":"Plain"}]}`, with(text, map[string]string{"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"})), status: 200, has: ok},
		{name: "packed", call: post("/v1/batch", packed(`{"batch":[{"type":"track","userId":"u1","event":"Plain"}]}`), with(basic(server+":"), map[string]string{"Content-Encoding": "gzip"})), status: 200, has: ok},
		{name: "packed, and nobody says so", call: post("/v1/batch", packed(`{"batch":[{"type":"track","userId":"u1","event":"Plain"}]}`), with(basic(server+":"), text)), status: 200, has: ok},
		{name: "identify", call: post("/v1/identify", `{"userId":"u1","traits":{"name":"Ming"}}`, basic(server+":")), status: 200, has: ok, changes: []string{"customer"}},
		{name: "page", call: post("/v1/page", `{"userId":"u1","name":"Home"}`, basic(server+":")), status: 200, has: ok},
		{name: "import", call: post("/v1/import", `{"batch":[{"type":"track","userId":"u1","event":"Old","timestamp":"2020-01-01T00:00:00Z"}]}`, basic(server+":")), status: 200, has: ok},
		{name: "what browsers count of themselves", call: post("/v1/m", `{"series":[]}`, text), status: 200, has: ok},
		{name: "a bad call", call: post("/v1/track", `{"event":"Plain"}`, basic(server+":")), status: 200, has: ok},
		{name: "a bad call, strictly", call: post("/v1/track", `{"event":"Plain","messageId":"m"}`, with(basic(server+":"), map[string]string{"X-Strict-Mode": "1"})), status: 400, has: []string{`"success":false`, `"stored":0`, `"messageId":"m"`, `call_nobody`}},
		{name: "a good call, strictly", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, with(basic(server+":"), map[string]string{"X-Strict-Mode": "1"})), status: 200, has: ok},
		{name: "one bad of two, strictly", call: post("/v1/batch", `{"batch":[{"type":"track","userId":"u1","event":"Plain"},7]}`, with(basic(server+":"), map[string]string{"X-Strict-Mode": "1"})), status: 400, has: []string{`"stored":1`, `"index":1`}},
		{name: "no JSON", call: post("/v1/track", `{`, basic(server+":")), status: 400, has: []string{`body_malformed`}, headers: map[string]string{"Access-Control-Allow-Origin": "*"}},
		{name: "no batch", call: post("/v1/batch", `{}`, basic(server+":")), status: 400, has: []string{`batch_missing`}},
		{name: "no gzip", call: post("/v1/batch", "\x1f\x8bnonsense", basic(server+":")), status: 400, has: []string{`body_malformed`}},
		{name: "half a gzip", call: post("/v1/batch", packed(`{"batch":[]}`)[:20], basic(server+":")), status: 400, has: []string{`body_incomplete`}},
		{name: "too large", call: post("/v1/batch", big, basic(server+":")), status: 400, has: []string{`body_too_large`, `"max":4194304`}},
		{name: "too large when it is unpacked", call: post("/v1/batch", packed(big), basic(server+":")), status: 400, has: []string{`body_too_large`}},
		{name: "larger than other requests may be", call: post("/v1/batch", `{"batch":[`+strings.Repeat(`{"type":"track","userId":"u1","event":"Many","properties":{"x":"`+strings.Repeat("x", 30000)+`"}},`, 100)+`7]}`, basic(server+":")), status: 200, has: ok},
		{name: "an unknown key", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, basic("nonsense:")), status: 401, has: []string{`unknown_write_key`}},
		{name: "no key", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, nil), status: 401, has: []string{`unknown_write_key`}},
		{name: "a key of another scheme", call: post("/v1/track", `{"userId":"u1","event":"Plain"}`, map[string]string{"Authorization": "Bearer " + server}), status: 401, has: []string{`unknown_write_key`}},
		{name: "may I?", call: call{method: "OPTIONS", path: "/v1/t", header: map[string]string{"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}}, status: 204,
			headers: map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Max-Age": "86400"}},
		{name: "where calls go", call: call{method: "GET", path: "/v1/projects/" + browser + "/settings"}, status: 200, has: []string{`"apiHost":"localhost:8080/v1"`, `"protocol":"http"`, `"apiKey":"` + browser + `"`}},
		{name: "a secret is no address", call: call{method: "GET", path: "/v1/projects/" + server + "/settings"}, status: 404},
		{name: "another method", call: call{method: "GET", path: "/v1/track"}, status: 405},
		{name: "what became of them", call: call{method: "GET", path: "/api/v1/tracking/calls?status=refused&limit=1", as: "marketer"}, status: 200, has: []string{`"code":"unknown_write_key"`, `"write_key_id":null`}},
		{name: "agents do not see them", call: call{method: "GET", path: "/api/v1/tracking/calls", as: "agent"}, status: 403},
		{name: "the keys", call: call{method: "GET", path: "/api/v1/write-keys", as: "marketer"}, status: 200, has: []string{browser, `"key":null`}, not: []string{server}},
	})
	h.t = t
	for name, want := range map[string]int64{"Plain": 10, "Page Viewed": 1, "Old": 1, "Many": 100} {
		if got := h.stored(name); got != want {
			t.Errorf("%d of %s, want %d", got, name, want)
		}
	}
}

// TestEveryTrackingPathAnswers: a program that knows only one of the forms gets
// through.
func TestEveryTrackingPathAnswers(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	key := h.newKey("server")
	for _, path := range tracking.Paths() {
		body := `{"userId":"u","anonymousId":"a","previousId":"a","groupId":"g","event":"A","batch":[],"writeKey":"` + key + `"}`
		if w := h.do(call{method: "POST", path: path, body: body, header: map[string]string{"Content-Type": "text/plain", "X-Strict-Mode": "1"}}); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := h.do(call{method: "OPTIONS", path: path}); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/v1/identify", "/v1/import", "/v1/batch", "/i", "/v1/m", "/b"} {
		if !slices.Contains(tracking.Paths(), path) {
			t.Errorf("no %s", path)
		}
	}
}

// TestTrackingIsThrottled: whoever is told to wait is told for how long, in both
// families' headers; programs on this machine are not held back.
func TestTrackingIsThrottled(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Config.PublicURL = "https://hub.example"
		o.Limits = api.DefaultLimits
		o.Limits.Tracking = api.Rate{Burst: 2, Every: 10 * time.Second}
	})
	key := h.newKey("server")
	var last *httptest.ResponseRecorder
	for range 3 {
		last = h.do(call{method: "POST", path: "/v1/track", body: `{"userId":"u","event":"A"}`, header: basic(key), from: "192.0.2.1:5000"})
	}
	want := fmt.Sprint(h.clk.Now().Add(10 * time.Second).UnixMilli())
	if last.Code != 429 || last.Header().Get("Retry-After") != "10" || last.Header().Get("X-RateLimit-Reset") != want {
		t.Errorf("%d %v", last.Code, last.Header())
	}
	for range 5 {
		if w := h.do(call{method: "POST", path: "/v1/track", body: `{"userId":"u","event":"A"}`, header: basic(key)}); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// unread counts how much is read of a body.
type unread struct{ n int }

func (u *unread) Read(p []byte) (int, error) { u.n += len(p); return len(p), nil }

// TestTrackingRefusesBeforeItReads: when more comes in than can be stored, calls
// are sent away for a while and cost no reading.
func TestTrackingRefusesBeforeItReads(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	key := h.newKey("server")
	h.db.Behind(func() time.Duration { return time.Minute })
	body := &unread{}
	r := httptest.NewRequest("POST", "http://localhost/v1/batch", body)
	r.Header = http.Header{"Authorization": {basic(key)["Authorization"]}}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"overloaded"`) || w.Header().Get("Retry-After") != "5" || body.n != 0 {
		t.Errorf("%d %s %v, %d bytes read", w.Code, w.Body, w.Header(), body.n)
	}
}

// TestSandboxKeysStayAtHome: the sandbox's own keys work for this machine only,
// and only while there is a sandbox.
func TestSandboxKeysStayAtHome(t *testing.T) {
	var pages *api.SandboxPages
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Sandbox = func() *api.SandboxPages { return pages }
		if err := o.Customers.EnsureSandboxKeys(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	c := call{method: "POST", path: "/v1/track", body: `{"userId":"u","event":"A"}`, header: basic("sandbox:")}
	h.refused(c, 403, "sandbox_local_only")
	pages = &api.SandboxPages{}
	if w := h.do(c); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c.from = "192.0.2.1:5000"
	h.refused(c, 403, "sandbox_local_only")
	c.from, c.header = "", basic("sandbox:")
	c.header["X-Forwarded-For"] = "192.0.2.1"
	h.refused(c, 403, "sandbox_local_only")
}
