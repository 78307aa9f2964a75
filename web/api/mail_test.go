package api_test

import (
	"context"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A designed mail is shown where it can do nothing; its own pictures have
// signed addresses, others wait until somebody asks for them.
func TestMailAsDesigned(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		r, err := h.inbox.Receive(context.Background(), channels.Inbound{
			Account: h.account, Identity: channels.Identity{Kind: "email", Namespace: "installation", Value: "ming@example.com"}, ExternalID: "m", Body: "see",
			HTML: `<p>see <img alt="leaf" data-file="77"/><img data-src="https://far.example/p.png?a=1&amp;b=2"/><img data-src="http://plain.example/p.png"/></p>`,
		})
		if err != nil {
			t.Fatal(err)
		}
		page := h.json(call{method: "GET", path: "/api/v1/conversations/" + r.Conversation.String() + "/messages", as: "agent"})
		var address string
		for _, m := range page["items"].([]any) {
			if u, ok := m.(map[string]any)["html_url"].(string); ok {
				address = u
			}
		}
		get := func(path string) (string, map[string]string) {
			w := h.do(call{method: "GET", path: path})
			if w.Code != 200 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			return w.Body.String(), map[string]string{"policy": w.Header().Get("Content-Security-Policy"), "frame": w.Header().Get("X-Frame-Options"), "type": w.Header().Get("Content-Type")}
		}
		body, head := get(address)
		if !strings.Contains(body, `<img alt="leaf" src="/api/v1/files/`) || strings.Contains(body, ` src="http`) {
			t.Errorf("%s", body)
		}
		if !strings.HasPrefix(head["policy"], "sandbox ") || strings.Contains(head["policy"], "allow-scripts") || strings.Contains(head["policy"], "https:") || !strings.Contains(head["policy"], "frame-ancestors 'self'") || head["frame"] != "SAMEORIGIN" || head["type"] != "text/html; charset=utf-8" {
			t.Errorf("%v", head)
		}
		body, head = get(address + "?pictures=1")
		if !strings.Contains(body, ` src="https://far.example/p.png?a=1&amp;b=2"`) || !strings.Contains(body, ` src="https://plain.example/p.png"`) || strings.Contains(body, ` src="http:`) || !strings.Contains(head["policy"], "https:") {
			t.Errorf("%s %v", body, head)
		}
		if w := h.do(call{method: "GET", path: address[:len(address)-2] + "xx"}); w.Code != 404 {
			t.Errorf("an altered address: %d", w.Code)
		}
	})
}
