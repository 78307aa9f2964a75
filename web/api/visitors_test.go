package api_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

func from(origin string) map[string]string { return map[string]string{"Origin": origin} }

func TestOrigins(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	session := func(header map[string]string) call {
		return call{method: "POST", path: h.site("/session"), body: `{}`, header: header}
	}
	granted := map[string]string{"Access-Control-Allow-Origin": shop, "Access-Control-Allow-Credentials": ""}
	closed := map[string]string{"Access-Control-Allow-Origin": ""}
	h.run(t, []scenario{
		{name: "listed", call: session(from(shop)), status: 200, headers: granted},
		{name: "the scheme's own port", call: session(from("https://shop.example:443")), status: 200},
		{name: "the hub itself", call: session(from("http://localhost:8080")), status: 200},
		{name: "another site", call: session(from("https://evil.example")), status: 403, has: []string{"origin_refused"}, headers: closed},
		{name: "a longer name", call: session(from("https://shop.example.evil.example")), status: 403, headers: closed},
		{name: "a subdomain", call: session(from("https://a.shop.example")), status: 403, headers: closed},
		{name: "another scheme", call: session(from("http://shop.example")), status: 403, headers: closed},
		{name: "null", call: session(from("null")), status: 403, headers: closed},
		{name: "none", call: session(nil), status: 403, has: []string{"origin_refused"}},
		{name: "preflight", call: call{method: "OPTIONS", path: h.site("/messages"), header: from(shop)}, status: 204,
			headers: map[string]string{"Access-Control-Allow-Origin": shop, "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization, Content-Type", "Access-Control-Max-Age": "7200", "Vary": "Accept-Encoding, Origin"}},
		{name: "preflight of another site", call: call{method: "OPTIONS", path: h.site("/messages"), header: from("https://evil.example")}, status: 403, headers: closed},
		{name: "no such account", call: call{method: "POST", path: "/channels/webchat/nonsense/session", body: `{}`, header: from(shop)}, status: 404, headers: closed},
		{name: "the errors of the listed can be read", call: call{method: "GET", path: h.site("/messages"), header: from(shop)}, status: 401, has: []string{"visitor_refused"}, headers: granted},
		{name: "no socket here", call: call{method: "GET", path: h.site("/socket"), header: from("https://evil.example")}, status: 403, headers: closed},
	})
	h.json(call{method: "PATCH", path: "/api/v1/accounts/" + h.account.ID.String(), as: "owner", body: `{"config":{"origins":["*"]}}`})
	h.run(t, []scenario{
		{name: "any site", call: session(from("https://blog.example")), status: 200, headers: map[string]string{"Access-Control-Allow-Origin": "https://blog.example"}},
		{name: "any site is not no site", call: session(from("null")), status: 403},
	})
	h.do(call{method: "DELETE", path: "/api/v1/accounts/" + h.account.ID.String(), as: "owner"})
	h.run(t, []scenario{
		{name: "switched off, and the widget can read it", call: session(from(shop)), status: 403, has: []string{"account_disabled"}, headers: granted},
		{name: "whose browser asks first", call: call{method: "OPTIONS", path: h.site("/session"), header: from(shop)}, status: 204, headers: granted},
	})
}

func TestVisitorTokens(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	v := h.visit()
	h.write(v, "k", "mine")
	other, err := h.accounts.Create(context.Background(), channels.New{Channel: webchat.Channel, Name: "Other", Config: json.RawMessage(`{"origins":["` + shop + `"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimPrefix(v["Authorization"], "Visitor ")
	with := func(authorization string) map[string]string {
		return map[string]string{"Origin": shop, "Authorization": authorization}
	}
	read := func(path string, header map[string]string) call {
		return call{method: "GET", path: path, header: header}
	}
	h.run(t, []scenario{
		{name: "own", call: read(h.site("/messages"), v), status: 200, has: []string{"mine"}},
		{name: "altered", call: read(h.site("/messages"), with("Visitor "+flip(token))), status: 401, has: []string{"visitor_refused"}},
		{name: "as bearer", call: read(h.site("/messages"), with("Bearer "+token)), status: 401},
		{name: "empty", call: read(h.site("/messages"), with("Visitor ")), status: 401},
		{name: "another account's", call: read("/channels/webchat/"+other.Key+"/messages", v), status: 401},
		{name: "a sign-in", call: call{method: "GET", path: h.site("/messages"), as: "owner", header: from(shop)}, status: 401},
		{name: "no key to the API", call: call{method: "GET", path: "/api/v1/conversations", header: v}, status: 401, has: []string{"not_signed_in"}},
	})
	again := h.json(call{method: "POST", path: h.site("/session"), body: `{"visitor":"` + token + `"}`, header: from(shop)})
	if again["conversation"] == nil || again["replaced"] != false {
		t.Errorf("the browser is not known again: %v", again)
	}
	stranger := h.json(call{method: "POST", path: h.site("/session"), body: `{"visitor":"` + flip(token) + `"}`, header: from(shop)})
	if stranger["conversation"] != nil {
		t.Errorf("a forged token shows %v", stranger)
	}
	h.clk.Advance(401 * 24 * time.Hour)
	h.run(t, []scenario{{name: "too old", call: read(h.site("/messages"), v), status: 401}})
}

func flip(token string) string {
	last := token[len(token)/2]
	other := byte('A')
	if last == other {
		other = 'B'
	}
	return token[:len(token)/2] + string(other) + token[len(token)/2+1:]
}

func TestVisitorThread(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		var viewed []string
		h := build(t, db, func(o *api.Options) {
			o.PageViewed = func(_ context.Context, _, _ ids.ID, url, title string) { viewed = append(viewed, url+" "+title) }
		})
		v := h.visit()
		id := h.write(v, "k1", "one")
		for _, k := range []string{"k2", "k3"} {
			h.write(v, k, k)
		}
		h.json(call{method: "POST", path: "/api/v1/conversations/" + id + "/messages", as: "agent", body: `{"client_key":"a","body":"answer"}`})
		token := strings.TrimPrefix(v["Authorization"], "Visitor ")
		send := func(body string) call { return call{method: "POST", path: h.site("/messages"), body: body, header: v} }
		h.run(t, []scenario{
			{name: "newest page", call: call{method: "GET", path: h.site("/messages?limit=2"), header: v}, status: 200, has: []string{`"has_more":true`, "k3", "answer"}, not: []string{"one", "k2"}},
			{name: "page before", call: call{method: "GET", path: h.site("/messages?before=" + id + ":4"), header: v}, status: 200, has: []string{`"has_more":false`, "one", "k2"}, not: []string{"k3"}},
			{name: "before nonsense", call: call{method: "GET", path: h.site("/messages?before=1"), header: v}, status: 422, has: []string{`{"field":"before","code":"cursor_invalid"}`}},
			{name: "the same key", call: send(`{"client_key":"k1","body":"changed"}`), status: 201, has: []string{`"body":"one"`}},
			{name: "no key", call: send(`{"body":"x"}`), status: 422, has: []string{`{"field":"client_key","code":"required"}`}},
			{name: "nothing", call: send(`{"client_key":"k9","body":" \n "}`), status: 422, has: []string{`"code":"body_empty"`}},
			{name: "too much", call: send(`{"client_key":"k9","body":"` + strings.Repeat("长", 10_001) + `"}`), status: 422, has: []string{`"code":"body_too_long"`, `"max":10000`}},
			{name: "just enough", call: send(`{"client_key":"k9","body":"` + strings.Repeat("长", 10_000) + `"}`), status: 201, changes: []string{"message"}},
			{name: "a key of another visitor", call: call{method: "POST", path: h.site("/messages"), body: `{"client_key":"k1","body":"other"}`, header: h.visit()}, status: 201, has: []string{`"body":"other"`}, changes: []string{"message", "message", "conversation"}},
			{name: "session", call: call{method: "POST", path: h.site("/session"), body: `{"visitor":"` + token + `","page":{"url":"https://shop.example/tea","title":"Tea"}}`, header: from(shop)}, status: 200,
				has: []string{`"unread":1`, `"id":"` + id + `"`, `"body":10000`, `"files":10`}},
		})
		if len(viewed) != 1 || viewed[0] != "https://shop.example/tea Tea" {
			t.Errorf("pages viewed: %v", viewed)
		}
	})
}

// TestVisitorRepeats sends the same message many times at once: one row.
func TestVisitorRepeats(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		v := h.visit()
		var wg sync.WaitGroup
		answers := make([]string, 8)
		for i := range answers {
			wg.Go(func() {
				answers[i] = h.do(call{method: "POST", path: h.site("/messages"), body: `{"client_key":"once","body":"hello"}`, header: v}).Body.String()
			})
		}
		wg.Wait()
		for _, a := range answers[1:] {
			if a != answers[0] {
				t.Errorf("%s and %s", answers[0], a)
			}
		}
		if n := h.json(call{method: "GET", path: "/api/v1/conversations?total=true", as: "owner"})["total"]; n != 1.0 {
			t.Errorf("%v conversations", n)
		}
	})
}

func TestIdentify(t *testing.T) {
	var joined int
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Identified = func(context.Context, webchat.Visitor) { joined++ }
	})
	secret := h.json(call{method: "POST", path: "/api/v1/accounts/" + h.account.ID.String() + "/identity-secret", as: "owner"})["secret"].(string)
	proof := func(user string) string { return hex.EncodeToString(webchat.IdentityHash([]byte(secret), user)) }
	v := h.visit()
	h.write(v, "k", "from my phone")
	token := strings.TrimPrefix(v["Authorization"], "Visitor ")
	session := func(visitor, user, hash string) call {
		return call{method: "POST", path: h.site("/session"), header: from(shop),
			body: `{"visitor":"` + visitor + `","identity":{"user_id":"` + user + `","hash":"` + hash + `","name":"Mei","email":"mei@x.example","attributes":{"plan":"gold"}}}`}
	}
	h.run(t, []scenario{
		{name: "forged", call: session(token, "u1", proof("u2")), status: 403, has: []string{"identity_refused"}},
		{name: "not even hex", call: session(token, "u1", "zz"), status: 403, has: []string{"identity_refused"}},
		{name: "proven", call: session(token, "u1", proof("u1")), status: 200, has: []string{`"identified":true`, `"replaced":false`}, changes: []string{"conversation", "customer_merged", "customer"}},
		{name: "another device of the same person sees the thread", call: session("", "u1", proof("u1")), status: 200, has: []string{`"identified":true`, `"status":"open"`}, changes: []string{"customer"}},
		{name: "another person on the same device", call: session(token, "u2", proof("u2")), status: 200, has: []string{`"replaced":true`, `"conversation":null`}, not: []string{token}, changes: []string{"customer"}},
		{name: "the customer has a name now", call: call{method: "GET", path: "/api/v1/customers?q=mei", as: "agent"}, status: 200, has: []string{`"name":"Mei"`, `"plan":"gold"`}},
	})
	if joined != 3 {
		t.Errorf("told of %d identified devices", joined)
	}
	h.json(call{method: "PATCH", path: "/api/v1/accounts/" + h.account.ID.String(), as: "owner", body: `{"config":{"origins":["` + shop + `"],"require_identity":true}}`})
	h.run(t, []scenario{
		{name: "strangers may not write", call: call{method: "POST", path: h.site("/messages"), body: `{"client_key":"x","body":"x"}`, header: h.visit()}, status: 403, has: []string{"identity_required"}},
		{name: "the proven may", call: call{method: "POST", path: h.site("/messages"), body: `{"client_key":"x","body":"x"}`, header: v}, status: 201, changes: []string{"message"}},
	})
}

func TestVisitorsAreThrottled(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite), func(o *api.Options) {
		o.Limits = api.Limits{SignIn: api.DefaultLimits.SignIn, VisitorSession: api.Rate{Burst: 2, Every: time.Minute}, VisitorMessage: api.Rate{Burst: 1, Every: time.Minute}, Upload: api.Rate{Burst: 1, Every: time.Minute}}
	})
	session := call{method: "POST", path: h.site("/session"), body: `{}`, header: from(shop), from: "203.0.113.9:1"}
	for i, want := range []int{200, 200, 429} {
		if w := h.do(session); w.Code != want || want == 429 && w.Header().Get("Access-Control-Allow-Origin") != shop {
			t.Errorf("session %d: %d %v", i, w.Code, w.Header())
		}
	}
	v := h.visit() // a program on this machine is not held back
	for i := range 5 {
		h.write(v, "k"+string(rune('a'+i)), "hello")
	}
	one := call{method: "POST", path: h.site("/messages"), body: `{"client_key":"z","body":"hello"}`, header: v, from: "203.0.113.9:1"}
	if a, b := h.do(one).Code, h.do(one).Code; a != http.StatusCreated || b != http.StatusTooManyRequests {
		t.Errorf("messages: %d then %d", a, b)
	}
	// Through a proxy that nobody vouches for, loopback is not local.
	v["X-Forwarded-For"] = "203.0.113.10"
	one.from, one.header = "127.0.0.1:1", v
	if a, b := h.do(one).Code, h.do(one).Code; a != http.StatusCreated || b != http.StatusTooManyRequests {
		t.Errorf("behind a proxy: %d then %d", a, b)
	}
}
