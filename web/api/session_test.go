package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

const password = "correct horse battery"

// setPassword gives somebody hired a password.
func (h *house) setPassword(name string) {
	h.t.Helper()
	if err := h.auth.SetPassword(context.Background(), h.sessions[name], password, ""); err != nil {
		h.t.Fatal(err)
	}
}

func sessionCookie(t *testing.T, cookies []*http.Cookie) *http.Cookie {
	t.Helper()
	for _, c := range cookies {
		if c.Name == api.SessionCookie {
			return c
		}
	}
	t.Fatal("no session cookie")
	return nil
}

func TestSignIn(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		h.setPassword("agent")
		w := h.do(call{method: "POST", path: "/api/v1/session", body: `{"email":" Agent@shop.example","password":"` + password + `"}`})
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"permissions":["inbox.read"`) || strings.Contains(w.Body.String(), "hash") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		c := sessionCookie(t, w.Result().Cookies())
		if !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != int(h.cfg.Session.Lifetime.Seconds()) {
			t.Errorf("cookie %+v", c)
		}
		h.sessions["again"] = c.Value
		h.run(t, []scenario{
			{name: "me", call: call{method: "GET", path: "/api/v1/me", as: "again"}, status: 200, has: []string{`"email":"agent@shop.example"`, `"has_password":true`, `"csrf_header":"X-Fanward-CSRF"`}},
			{name: "setup knows", call: call{method: "GET", path: "/api/v1/setup", as: "again"}, status: 200, has: []string{`"signed_in":true`, `"sandbox":null`}},
			{name: "setup does not", call: call{method: "GET", path: "/api/v1/setup"}, status: 200, has: []string{`"signed_in":false`}},
			{name: "wrong password", call: call{method: "POST", path: "/api/v1/session", body: `{"email":"agent@shop.example","password":"wrong"}`}, status: 401, has: []string{`"code":"wrong_credentials"`}, headers: map[string]string{"Set-Cookie": ""}},
			{name: "unknown address", call: call{method: "POST", path: "/api/v1/session", body: `{"email":"x@shop.example","password":"wrong"}`}, status: 401, has: []string{`"code":"wrong_credentials"`}},
			{name: "from another site", call: call{method: "POST", path: "/api/v1/session", body: `{"email":"agent@shop.example","password":"` + password + `"}`, header: map[string]string{"Origin": "https://evil.example"}}, status: 403, has: []string{"csrf_refused"}},
			{name: "in words of the reader", call: call{method: "POST", path: "/api/v1/session", body: `{"email":"x@shop.example","password":"wrong"}`, header: map[string]string{"Accept-Language": "zh"}}, status: 401, has: []string{"邮箱"}},
			{name: "a used link", call: call{method: "POST", path: "/api/v1/session/link", body: `{"token":"nonsense"}`}, status: 401, has: []string{`"code":"link_invalid"`}},
			{name: "sign out", call: call{method: "DELETE", path: "/api/v1/session", as: "again"}, status: 204, changes: []string{"signed_out"}},
			{name: "is signed out", call: call{method: "GET", path: "/api/v1/me", as: "again"}, status: 401},
			{name: "the other session stays", call: call{method: "GET", path: "/api/v1/me", as: "agent"}, status: 200},
		})
	})
}

func TestInvitationAndMe(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) { o.BaseURL = func() string { return "http://127.0.0.1:8080/" } })
	invited := h.json(call{method: "POST", path: "/api/v1/teammates", as: "admin", body: `{"email":"wei@shop.example","name":"Wei","role":"agent","locale":"zh-CN"}`})
	base, token, ok := strings.Cut(invited["invite_url"].(string), "#token=")
	if !ok || base != "http://127.0.0.1:8080/sign-in/link" {
		t.Fatalf("invitation %v", invited)
	}
	w := h.do(call{method: "POST", path: "/api/v1/session/link", body: `{"token":"` + token + `"}`})
	h.sessions["wei"] = sessionCookie(t, w.Result().Cookies()).Value
	id := invited["teammate"].(map[string]any)["id"].(string)
	h.run(t, []scenario{
		{name: "only once", call: call{method: "POST", path: "/api/v1/session/link", body: `{"token":"` + token + `"}`}, status: 401},
		{name: "taken", call: call{method: "POST", path: "/api/v1/teammates", as: "admin", body: `{"email":"Wei@shop.example","name":"W","role":"agent"}`}, status: 409, has: []string{`{"field":"email","code":"email_taken"}`}},
		{name: "an admin makes no owner", call: call{method: "POST", path: "/api/v1/teammates", as: "admin", body: `{"email":"o@shop.example","name":"O","role":"owner"}`}, status: 403, has: []string{"owner_only"}},
		{name: "own profile", call: call{method: "PATCH", path: "/api/v1/me", as: "wei", body: `{"name":"Wei Chen","theme":"dark","availability":"away"}`}, status: 200, has: []string{`"theme":"dark"`, `"name":"Wei Chen"`}, changes: []string{"teammate"}},
		{name: "own role is not one's own", call: call{method: "PATCH", path: "/api/v1/me", as: "wei", body: `{"role":"owner"}`}, status: 422, has: []string{`{"field":"role","code":"unknown_field"}`}},
		{name: "first password", call: call{method: "PUT", path: "/api/v1/me/password", as: "wei", body: `{"password":"` + password + `"}`}, status: 204, changes: []string{"teammate"}},
		{name: "short password", call: call{method: "PUT", path: "/api/v1/me/password", as: "wei", body: `{"password":"short"}`}, status: 422, has: []string{"password_too_short"}},
		{name: "rights change", call: call{method: "PATCH", path: "/api/v1/teammates/" + id, as: "admin", body: `{"role":"viewer"}`}, status: 200, has: []string{`"role":"viewer"`}, changes: []string{"teammate"}},
		{name: "and hold at once", call: call{method: "GET", path: "/api/v1/tokens", as: "wei"}, status: 403},
		{name: "reset link", call: call{method: "POST", path: "/api/v1/teammates/" + id + "/link", as: "admin"}, status: 201, has: []string{"/sign-in/link#token="}},
		{name: "switched off", call: call{method: "PATCH", path: "/api/v1/teammates/" + id, as: "admin", body: `{"disabled":true}`}, status: 200, changes: []string{"signed_out", "teammate"}},
		{name: "and out", call: call{method: "GET", path: "/api/v1/me", as: "wei"}, status: 401},
		{name: "the last owner stays", call: call{method: "PATCH", path: "/api/v1/teammates/" + h.mates["owner"].ID.String(), as: "owner", body: `{"role":"admin"}`}, status: 409, has: []string{"last_owner"}},
		{name: "all of them", call: call{method: "GET", path: "/api/v1/teammates", as: "viewer"}, status: 200, has: []string{`"items":[`, "wei@shop.example"}},
	})
}

func TestTeamsAndTokens(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	agent := h.mates["agent"].ID.String()
	team := "/api/v1/teams/" + h.json(call{method: "POST", path: "/api/v1/teams", as: "owner", body: `{"name":"Returns","member_ids":["` + agent + `"]}`})["id"].(string)
	made := h.json(call{method: "POST", path: "/api/v1/tokens", as: "owner", body: `{"name":"Warehouse","role":"viewer"}`})
	secret, token := made["secret"].(string), made["token"].(map[string]any)["id"].(string)
	bearer := map[string]string{"Authorization": "Bearer " + secret}
	h.run(t, []scenario{
		{name: "rename", call: call{method: "PATCH", path: team, as: "owner", body: `{"name":"Refunds"}`}, status: 200, has: []string{`"member_ids":["` + agent + `"]`}, changes: []string{"team"}},
		{name: "taken name", call: call{method: "POST", path: "/api/v1/teams", as: "owner", body: `{"name":"Refunds"}`}, status: 409, has: []string{"name_taken"}},
		{name: "stranger", call: call{method: "PATCH", path: team, as: "owner", body: `{"member_ids":["42"]}`}, status: 422, has: []string{`{"field":"member_ids","code":"teammate_unknown"}`}},
		{name: "not an id", call: call{method: "PATCH", path: team, as: "owner", body: `{"member_ids":["x"]}`}, status: 422, has: []string{`{"field":"member_ids[0]","code":"invalid_id"}`}},
		{name: "list", call: call{method: "GET", path: "/api/v1/teams", as: "marketer"}, status: 200, has: []string{"Refunds"}},
		{name: "delete", call: call{method: "DELETE", path: team, as: "owner"}, status: 204, changes: []string{"teammate", "team"}},
		{name: "gone", call: call{method: "DELETE", path: team, as: "owner"}, status: 404},
		{name: "token reads", call: call{method: "GET", path: "/api/v1/conversations", header: bearer}, status: 200},
		{name: "and needs no CSRF header", call: call{method: "POST", path: "/api/v1/tokens", header: bearer, body: `{"name":"x","role":"viewer"}`}, status: 403, has: []string{`"code":"forbidden"`}},
		{name: "and has no profile", call: call{method: "GET", path: "/api/v1/me", header: bearer}, status: 403, has: []string{"teammates_only"}},
		{name: "and no sign-in", call: call{method: "DELETE", path: "/api/v1/session", header: bearer}, status: 403, has: []string{"teammates_only"}},
		{name: "listed without secret", call: call{method: "GET", path: "/api/v1/tokens", as: "owner"}, status: 200, has: []string{"Warehouse"}, not: []string{secret, "hash"}},
		{name: "revoke", call: call{method: "DELETE", path: "/api/v1/tokens/" + token, as: "owner"}, status: 204, changes: []string{"token_revoked"}},
		{name: "revoked", call: call{method: "GET", path: "/api/v1/conversations", header: bearer}, status: 401},
	})
}

func TestCookieStaysOnTLS(t *testing.T) {
	for _, c := range []struct {
		name, public, proxy, proto string
		secure                     bool
	}{
		{"plain", "", "", "", false},
		{"public address on TLS", "https://hub.example", "", "", true},
		{"trusted proxy on TLS", "", "127.0.0.1", "https", true},
		{"trusted proxy without", "", "127.0.0.1", "http", false},
		{"anybody says so", "", "", "https", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
				o.Config.PublicURL = c.public
				if c.proxy != "" {
					o.Config.TrustedProxies = []string{c.proxy}
				}
			})
			w := h.do(call{method: "GET", path: "/api/v1/me", as: "agent", header: map[string]string{"X-Forwarded-Proto": c.proto}})
			if got := sessionCookie(t, w.Result().Cookies()).Secure; got != c.secure {
				t.Errorf("secure %v", got)
			}
		})
	}
}

func TestSignInsAreThrottled(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Limits = api.DefaultLimits
		o.Limits.SignIn = api.Rate{Burst: 3, Every: time.Minute}
	})
	try := func(from string) int {
		return h.do(call{method: "POST", path: "/api/v1/session/link", body: `{"token":"x"}`, from: from}).Code
	}
	for i, want := range []int{401, 401, 401, 429} {
		if got := try("198.51.100.7:1"); got != want {
			t.Errorf("try %d: %d", i, got)
		}
	}
	w := h.do(call{method: "POST", path: "/api/v1/session/link", body: `{"token":"x"}`, from: "198.51.100.7:2"})
	if w.Header().Get("Retry-After") != "60" || !strings.Contains(w.Body.String(), `"code":"rate_limited"`) {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	if got := try("198.51.100.8:1"); got != 401 {
		t.Errorf("another address: %d", got)
	}
	for i, want := range []int{401, 401, 401, 429} { // one line has 2^64 addresses
		if got := try("[2001:db8::" + string(rune('1'+i)) + "]:1"); got != want {
			t.Errorf("IPv6 %d: %d", i, got)
		}
	}
	h.clk.Advance(time.Minute)
	if got := try("198.51.100.7:1"); got != 401 {
		t.Errorf("a minute later: %d", got)
	}
}
