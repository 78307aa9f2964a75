package clustertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// TestChangesElsewhere: what one node does is true on the other, by Redis at once
// and without by the rows.
func TestChangesElsewhere(t *testing.T) {
	for _, with := range []string{"with Redis", "without Redis"} {
		t.Run(with, func(t *testing.T) {
			redis := ""
			if with == "with Redis" {
				redis = testkit.Redis(t).URL()
			}
			c := open(t, redis, 2)
			t.Run("a teammate is disabled", c.disabled)
			t.Run("a token is revoked", c.revoked)
			t.Run("a write key is revoked", c.keyRevoked)
			t.Run("an account's secret is changed", c.secretChanged)
			t.Run("an account is disabled", c.accountDisabled)
			t.Run("a segment is changed", c.segmentChanged)
			t.Run("a journey is paused", c.journeyPaused)
			for i, p := range c.nodes {
				if got := nodeOf(t, p); got == "" || got == nodeOf(t, c.nodes[1-i]) {
					t.Errorf("a node calls itself %q", got)
				}
			}
		})
	}
}

func nodeOf(t *testing.T, p *testkit.Process) string {
	res, err := http.Get(p.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("X-Fanward-Node")
}

// elsewhere waits until the other node knows, and says how long that took.
func elsewhere(t *testing.T, what string, knows func() bool) {
	t.Helper()
	begun := time.Now()
	testkit.Eventually(t, soon, what, knows)
	t.Logf("known after %v", time.Since(begun).Round(time.Millisecond))
}

func (c *cluster) disabled(t *testing.T) {
	m := c.hire(1, "mei", "agent")
	if got := m.me(c.nodes[1]); got != 200 {
		t.Fatalf("a session is answered with %d", got)
	}
	s, hello := c.socket(c.nodes[1], m)
	if hello.Node != nodeOf(t, c.nodes[1]) {
		t.Errorf("the socket is at %q", hello.Node)
	}
	c.do(0, "PATCH", "/api/v1/teammates/"+m.id, map[string]any{"disabled": true}, nil)
	elsewhere(t, "the session has ended", func() bool { return m.me(c.nodes[1]) == 401 })
	s.closed(4003)
}

func (c *cluster) revoked(t *testing.T) {
	var made struct {
		Token  struct{ ID string }
		Secret string
	}
	c.do(0, "POST", "/api/v1/tokens", map[string]any{"name": "gone soon", "role": "viewer"}, &made)
	header := http.Header{"Authorization": {"Bearer " + made.Secret}}
	status := func() int {
		n, _ := ask(plain, "GET", c.nodes[1].URL+"/api/v1/customers", header, nil, nil)
		return n
	}
	elsewhere(t, "the token works", func() bool { return status() == 200 })
	c.do(0, "DELETE", "/api/v1/tokens/"+made.Token.ID, nil, nil)
	elsewhere(t, "the token works no more", func() bool { return status() == 401 })
}

// track makes a call by a server key.
func (c *cluster) track(node int, key string, call map[string]any) int {
	header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))}}
	status, _ := ask(plain, "POST", c.nodes[node].URL+"/v1/track", header, call, nil)
	return status
}

func (c *cluster) writeKey(name string) (id, key string) {
	var made struct{ ID, Key string }
	c.do(0, "POST", "/api/v1/write-keys", map[string]any{"name": name, "kind": "server"}, &made)
	return made.ID, made.Key
}

func (c *cluster) keyRevoked(t *testing.T) {
	id, key := c.writeKey("gone soon")
	call := map[string]any{"userId": "k", "event": "Looked"}
	elsewhere(t, "the key works", func() bool { return c.track(1, key, call) == 200 })
	c.do(0, "DELETE", "/api/v1/write-keys/"+id, nil, nil)
	elsewhere(t, "the key works no more", func() bool { return c.track(1, key, call) == 401 })
}

func (c *cluster) secretChanged(t *testing.T) {
	identify := func(node int, secret string) int {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("lin"))
		status, _ := ask(plain, "POST", c.nodes[node].URL+"/channels/webchat/"+c.account.Key+"/session", http.Header{"Origin": {shopOrigin}},
			map[string]any{"identity": map[string]any{"user_id": "lin", "hash": hex.EncodeToString(mac.Sum(nil))}}, nil)
		return status
	}
	var first, second struct{ Secret string }
	c.do(0, "POST", "/api/v1/accounts/"+c.account.ID+"/identity-secret", nil, &first)
	elsewhere(t, "the first secret holds", func() bool { return identify(1, first.Secret) == 200 })
	c.do(0, "POST", "/api/v1/accounts/"+c.account.ID+"/identity-secret", nil, &second)
	elsewhere(t, "the second secret holds", func() bool { return identify(1, second.Secret) == 200 })
	if got := identify(1, first.Secret); got != 403 {
		t.Errorf("the first secret is answered with %d", got)
	}
}

func (c *cluster) accountDisabled(t *testing.T) {
	s, _ := c.visitor(c.nodes[1], c.token(c.nodes[1]))
	c.do(0, "PATCH", "/api/v1/accounts/"+c.account.ID, map[string]any{"status": "disabled"}, nil)
	s.closed(4006)
	session := func() int {
		n, _ := ask(plain, "POST", c.nodes[1].URL+"/channels/webchat/"+c.account.Key+"/session", http.Header{"Origin": {shopOrigin}}, map[string]any{}, nil)
		return n
	}
	elsewhere(t, "nobody can chat", func() bool { return session() != 200 })
	c.do(0, "PATCH", "/api/v1/accounts/"+c.account.ID, map[string]any{"status": "active"}, nil)
	elsewhere(t, "everybody can chat again", func() bool { return session() == 200 })
}

func (c *cluster) segmentChanged(t *testing.T) {
	_, key := c.writeKey("segments")
	orders := func(least int) map[string]any {
		return map[string]any{"kind": "event", "name": "Ordered", "op": "at_least", "value": least}
	}
	var s struct {
		ID      string
		Version int64
		Size    int64
		State   string
	}
	at := func(node int, size int64) func() bool {
		return func() bool {
			_, err := ask(plain, "GET", c.nodes[node].URL+"/api/v1/segments/"+s.ID, c.owner, nil, &s)
			return err == nil && s.State == "ready" && s.Size == size
		}
	}
	c.do(0, "POST", "/api/v1/segments", map[string]any{"name": "Buyers", "rule": orders(2)}, &s)
	elsewhere(t, "it is built", at(1, 0))
	for i, user := range []string{"a", "a", "b"} {
		if got := c.track(i%2, key, map[string]any{"userId": user, "event": "Ordered", "messageId": fmt.Sprint("o", i)}); got != 200 {
			t.Fatalf("a call is answered with %d", got)
		}
	}
	elsewhere(t, "one has ordered twice", at(1, 1))
	c.do(0, "PUT", "/api/v1/segments/"+s.ID, map[string]any{"name": "Buyers", "rule": orders(1), "version": s.Version}, nil)
	elsewhere(t, "two have ordered", at(1, 2))
	if got := c.track(1, key, map[string]any{"userId": "c", "event": "Ordered"}); got != 200 {
		t.Fatalf("a call is answered with %d", got)
	}
	elsewhere(t, "three have ordered", at(0, 3))
	elsewhere(t, "three have ordered, says the other", at(1, 3))
}

// Two journeys start by one event. The one that is paused lets nobody in, on
// whichever node the event comes.
func (c *cluster) journeyPaused(t *testing.T) {
	_, key := c.writeKey("journeys")
	publish := func(name string) string {
		var j struct{ ID string }
		graph := map[string]any{"trigger": map[string]any{"kind": "event", "event": "Signed In"}, "entry": map[string]any{"policy": "once"}, "start": "a",
			"nodes": []any{map[string]any{"id": "a", "kind": "tag", "next": "b", "tag": map[string]any{"add": []string{name}}}, map[string]any{"id": "b", "kind": "exit"}}}
		c.do(0, "POST", "/api/v1/journeys", map[string]any{"name": name, "graph": graph}, &j)
		c.do(0, "POST", "/api/v1/journeys/"+j.ID+"/publish", map[string]any{"people": "follow"}, nil)
		return j.ID
	}
	entered := func(node int, id string) (n int) {
		var page struct{ Total int }
		if _, err := ask(plain, "GET", c.nodes[node].URL+"/api/v1/journeys/"+id+"/enrollments?total=true", c.owner, nil, &page); err != nil {
			t.Fatal(err)
		}
		return page.Total
	}
	goes, stands := publish("goes"), publish("stands")
	come := func(user string) {
		t.Helper()
		if got := c.track(1, key, map[string]any{"userId": user, "event": "Signed In"}); got != 200 {
			t.Fatalf("a call is answered with %d", got)
		}
	}
	come("x")
	elsewhere(t, "both have let one in", func() bool { return entered(1, goes) == 1 && entered(1, stands) == 1 })
	c.do(0, "POST", "/api/v1/journeys/"+stands+"/pause", nil, nil)
	come("y")
	elsewhere(t, "one has let another in", func() bool { return entered(1, goes) == 2 })
	if n := entered(1, stands); n != 1 {
		t.Errorf("a paused journey has let %d in", n)
	}
	c.do(0, "POST", "/api/v1/journeys/"+stands+"/resume", nil, nil)
	elsewhere(t, "what was kept is acted upon", func() bool { return entered(1, stands) == 2 })
}
