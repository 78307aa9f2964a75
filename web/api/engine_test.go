package api_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

func TestEveryAnswer(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) { o.Config.PublicURL = "https://hub.example" })
	h.run(t, []scenario{
		{name: "headers", call: call{method: "GET", path: "/api/v1/conversations", as: "agent"}, status: 200, headers: map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
			"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin", "Access-Control-Allow-Origin": ""}},
		{name: "unknown route", call: call{method: "GET", path: "/api/v1/nonsense", as: "agent"}, status: 404, has: []string{`"code":"not_found"`}, headers: map[string]string{"Content-Type": "application/problem+json"}},
		{name: "unknown version", call: call{method: "GET", path: "/api/v9"}, status: 404, has: []string{`"status":404`}},
		{name: "behaviour is no page", call: call{method: "GET", path: "/v1/track"}, status: 405, has: []string{`"code":"method_not_allowed"`}},
		{name: "unknown channel", call: call{method: "GET", path: "/channels/nonsense"}, status: 404, has: []string{`"code":"not_found"`}},
		{name: "wrong method", call: call{method: "DELETE", path: "/api/v1/conversations", as: "agent"}, status: 405, has: []string{`"code":"method_not_allowed"`, `"allowed":"GET"`}, headers: map[string]string{"Allow": "GET"}},
		{name: "no session, German", call: call{method: "GET", path: "/api/v1/me", header: map[string]string{"Accept-Language": "de"}}, status: 401, has: []string{"You are not signed in"}, headers: map[string]string{"WWW-Authenticate": `Bearer realm="fanward"`}},
		{name: "no session, Chinese", call: call{method: "GET", path: "/api/v1/me", header: map[string]string{"Accept-Language": "zh-TW,en;q=0.5"}}, status: 401, has: []string{"登录"}},
		{name: "alive", call: call{method: "GET", path: "/healthz"}, status: 200, has: []string{`"status":"ok"`}},
		{name: "ready", call: call{method: "GET", path: "/readyz"}, status: 200, has: []string{`"ready":true`}},
		{name: "document", call: call{method: "GET", path: "/api/openapi.json"}, status: 200, has: []string{`"openapi": "3.1.0"`, `"operationId": "listConversations"`}},
		{name: "numbers, here", call: call{method: "GET", path: "/metrics"}, status: 200, has: []string{"fanward_http_requests_total", `route="/api/v1/conversations"`}},
		{name: "numbers, elsewhere", call: call{method: "GET", path: "/metrics", from: "203.0.113.1:1"}, status: 401},
		{name: "numbers, through a proxy", call: call{method: "GET", path: "/metrics", header: map[string]string{"X-Forwarded-For": "127.0.0.1"}}, status: 401},
		{name: "numbers for an agent", call: call{method: "GET", path: "/metrics", from: "203.0.113.1:1", as: "agent"}, status: 403},
		{name: "numbers for an admin", call: call{method: "GET", path: "/metrics", from: "203.0.113.1:1", as: "admin"}, status: 200},
		{name: "no socket was joined", call: call{method: "GET", path: "/api/v1/socket", as: "agent"}, status: 404},
	})
	one, two := h.do(call{method: "GET", path: "/healthz"}), h.do(call{method: "GET", path: "/healthz"})
	if a, b := one.Header().Get("X-Request-Id"), two.Header().Get("X-Request-Id"); a == "" || a == b {
		t.Errorf("request ids %q and %q", a, b)
	}
	h.server.Drain()
	h.run(t, []scenario{
		{name: "not ready any more", call: call{method: "GET", path: "/readyz"}, status: 503, has: []string{"shutting_down"}, headers: map[string]string{"Connection": "close"}},
		{name: "what comes is still answered", call: call{method: "GET", path: "/api/v1/conversations", as: "agent"}, status: 200},
	})
}

func TestHosts(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "shop.localhost": 200, "LOCALHOST": 200,
		"evil.example": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example:8080": 421, "192.0.2.1": 421, "": 421,
	} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host, r.RemoteAddr = host, "127.0.0.1:1"
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		if w.Code != want || want == 421 && !strings.Contains(w.Body.String(), "host_unknown") {
			t.Errorf("%q: %d %s", host, w.Code, w.Body)
		}
	}
	h.cfg.HTTP.Addr = ":8080" // open to others: names are theirs to choose
	if w := h.do(call{method: "GET", path: "/healthz", header: map[string]string{"Host": "hub.internal"}}); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
}

// TestPanic: nobody is told what happened but the log, once.
func TestPanic(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.TeammateSocket = func(http.ResponseWriter, *http.Request, auth.Principal, string) { panic("secret of the house") }
	})
	h.run(t, []scenario{{name: "panic", call: call{method: "GET", path: "/api/v1/socket?after=hidden", as: "agent"}, status: 500, has: []string{`"code":"internal"`, `"request_id":"`}, not: []string{"secret", "goroutine"}}})
	if log := h.log.String(); strings.Count(log, "secret of the house") != 1 || !strings.Contains(log, "engine_test.go") || !strings.Contains(log, "request_id=") || strings.Contains(log, "hidden") {
		t.Errorf("log: %s", log)
	}
}

// TestStorageFails: a failure of the storage is named, logged once, and tells
// nothing of the storage.
func TestStorageFails(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	var drop store.Builder
	query, _ := drop.Add("DROP TABLE sessions").Query()
	err := h.db.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(query)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w := h.do(call{method: "GET", path: "/api/v1/me", as: "agent"})
	if w.Code != 500 || strings.Contains(w.Body.String(), "sessions") || strings.Count(h.log.String(), "level=ERROR") != 1 {
		t.Errorf("%d %s\n%s", w.Code, w.Body, h.log)
	}
}

// TestStorageCloses: who asks while the program stops is told to come back.
func TestStorageCloses(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	if err := h.db.Close(); err != nil {
		t.Fatal(err)
	}
	w := h.do(call{method: "GET", path: "/api/v1/me", as: "agent"})
	if w.Code != 503 || !strings.Contains(w.Body.String(), `"shutting_down"`) || strings.Contains(w.Body.String(), "sql") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestSockets(t *testing.T) {
	var who auth.Principal
	var name string
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.TeammateSocket = func(w http.ResponseWriter, _ *http.Request, p auth.Principal, session string) {
			who, name = p, session
			w.WriteHeader(http.StatusSwitchingProtocols)
		}
	})
	socket := call{method: "GET", path: "/api/v1/socket", as: "agent", header: map[string]string{"Upgrade": "websocket", "Origin": "http://localhost:8080"}}
	if w := h.do(socket); w.Code != 101 || who.ID != h.mates["agent"].ID || name == "" || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("%d %+v %q", w.Code, who, name)
	}
	socket.header["Origin"] = "https://evil.example"
	h.refused(socket, 403, "origin_refused")
	socket.as = ""
	h.refused(socket, 401, "not_signed_in")
}

func TestPacking(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	w := h.do(call{method: "GET", path: "/api/openapi.json", header: map[string]string{"Accept-Encoding": "gzip"}})
	if w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v", w.Header())
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(r)
	if err != nil || !json.Valid(whole) {
		t.Errorf("%v, %d bytes", err, len(whole))
	}
}

// TestHead answers like GET without a body, over a real connection.
func TestHead(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	server := httptest.NewServer(h.server)
	defer server.Close()
	for _, path := range []string{"/widget.js", "/healthz", "/", "/api/openapi.json"} {
		resp, err := http.Head(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
		_ = resp.Body.Close()
	}
}
