package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// The sandbox's own account answers this machine alone, and only while the
// sandbox is on.
func TestSandboxAccount(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	pages := &api.SandboxPages{}
	h := build(t, db, func(o *api.Options) { o.Sandbox = func() *api.SandboxPages { return pages } })
	account, err := h.accounts.Create(context.Background(), channels.New{
		Channel: webchat.Channel, Name: "Demo", Config: json.RawMessage(`{"origins":["` + shop + `"]}`), Sandbox: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	session := func(from string, header map[string]string) call {
		all := map[string]string{"Origin": shop}
		for k, v := range header {
			all[k] = v
		}
		return call{method: "POST", path: "/channels/webchat/" + account.Key + "/session", body: `{}`, from: from, header: all}
	}
	refused := []string{"sandbox_local_only"}
	h.run(t, []scenario{
		{name: "this machine", call: session("", nil), status: 200},
		{name: "another machine", call: session("192.0.2.7:4000", nil), status: 403, has: append(refused, `"peer"`)},
		{name: "through a proxy", call: session("", map[string]string{"X-Forwarded-For": "192.0.2.7"}), status: 403, has: append(refused, `"forwarded"`)},
		{name: "through a proxy that says so itself", call: session("", map[string]string{"Via": "1.1 cache"}), status: 403, has: append(refused, `"forwarded"`)},
	})

	hub := httptest.NewServer(h.server)
	defer hub.Close()
	to, err := url.Parse(hub.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(httputil.NewSingleHostReverseProxy(to))
	defer proxy.Close()
	for _, way := range []struct {
		base string
		want int
	}{{hub.URL, http.StatusOK}, {proxy.URL, http.StatusForbidden}} {
		req, err := http.NewRequest("POST", way.base+"/channels/webchat/"+account.Key+"/session", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", shop)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != way.want {
			t.Errorf("by %s: %d, want %d", way.base, res.StatusCode, way.want)
		}
	}

	pages = nil // the sandbox is off
	h.run(t, []scenario{{name: "the sandbox is off", call: session("", nil), status: 403, has: append(refused, `"off"`)}})
}
