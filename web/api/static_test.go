package api_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

func TestConsole(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	policy := "default-src 'self'; script-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; " +
		"connect-src 'self' ws://localhost:8080 wss://localhost:8080; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	page := map[string]string{"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin"}
	h.run(t, []scenario{
		{name: "root", call: call{method: "GET", path: "/"}, status: 200, has: []string{"<title>Console"}, headers: page},
		{name: "a route of the console", call: call{method: "GET", path: "/inbox/mine/42"}, status: 200, has: []string{"<title>Console"}, headers: page},
		{name: "the page by its name", call: call{method: "GET", path: "/index.html"}, status: 200, headers: page},
		{name: "a hashed file", call: call{method: "GET", path: "/assets/app-1a2b.js"}, status: 200, has: []string{"console.log"}, headers: map[string]string{
			"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=31536000, immutable"}},
		{name: "a file that is not there", call: call{method: "GET", path: "/assets/old-9z.js"}, status: 404, not: []string{"<title>"}},
		{name: "outside the folder", call: call{method: "GET", path: "/assets/../../go.mod"}, status: 404},
		{name: "hidden", call: call{method: "GET", path: "/.env"}, status: 404},
		{name: "no form ends here", call: call{method: "POST", path: "/inbox", body: `{}`}, status: 404},
		{name: "the API is no page", call: call{method: "GET", path: "/api"}, status: 404, has: []string{`"code":"not_found"`}},
	})
	w := h.do(call{method: "GET", path: "/", header: map[string]string{"Host": "localhost"}})
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "ws://localhost wss://localhost;") {
		t.Error(csp)
	}
}

func TestConsoleNotBuilt(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Console = fstest.MapFS{"placeholder.html": {Data: []byte("build it first")}}
		o.Widget = func() ([]byte, bool) { return nil, false }
	})
	h.run(t, []scenario{
		{name: "placeholder", call: call{method: "GET", path: "/inbox"}, status: 200, has: []string{"build it first"}},
		{name: "no widget", call: call{method: "GET", path: "/widget.js"}, status: 404},
	})
}

func TestWidget(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	get := func(header map[string]string) call { return call{method: "GET", path: "/widget.js", header: header} }
	plain, packed := h.do(get(nil)), h.do(get(map[string]string{"Accept-Encoding": "br, gzip"}))
	h.run(t, []scenario{
		{name: "any page may load it", call: get(nil), status: 200, has: []string{"/* widget */"}, headers: map[string]string{
			"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*", "Content-Encoding": ""}},
		{name: "unchanged", call: get(map[string]string{"If-None-Match": plain.Header().Get("ETag")}), status: 304},
		{name: "unchanged, packed", call: get(map[string]string{"Accept-Encoding": "gzip", "If-None-Match": packed.Header().Get("ETag")}), status: 304},
		{name: "not packed for those who refuse", call: get(map[string]string{"Accept-Encoding": "gzip;q=0"}), status: 200, headers: map[string]string{"Content-Encoding": ""}},
	})
	if plain.Header().Get("ETag") == packed.Header().Get("ETag") || packed.Body.Len() >= plain.Body.Len() {
		t.Errorf("%v and %v", plain.Header(), packed.Header())
	}
	r, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if whole, err := io.ReadAll(r); err != nil || string(whole) != plain.Body.String() {
		t.Errorf("unpacks to %d bytes, %v", len(whole), err)
	}
}
