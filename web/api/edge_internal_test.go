package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/config"
)

// TestClientAddress: forwarded headers count only from trusted proxies, and
// only up to the first address that is none.
func TestClientAddress(t *testing.T) {
	cfg := config.Default()
	cfg.TrustedProxies = []string{"10.0.0.0/8", "2001:db8::1"}
	p := newProxies(cfg)
	for _, c := range []struct{ peer, forwarded, want string }{
		{"198.51.100.1:5", "", "198.51.100.1"},
		{"198.51.100.1:5", "203.0.113.9", "198.51.100.1"},
		{"10.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "203.0.113.9, 10.1.1.1", "203.0.113.9"},
		{"10.0.0.1:5", "10.1.1.1, 10.2.2.2", "10.1.1.1"},
		{"10.0.0.1:5", "203.0.113.9, nonsense", "10.0.0.1"},
		{"10.0.0.1:5", "nonsense, 203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:5", "", "10.0.0.1"},
		{"[2001:db8::1]:5", "2001:db8:2::7", "2001:db8:2::7"},
		{"[::ffff:10.0.0.1]:5", "::ffff:203.0.113.9", "203.0.113.9"},
		{"[fe80::1%eth0]:5", "", "fe80::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := p.client(r).String(); got != c.want {
			t.Errorf("%s forwarding %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	cfg := config.Default()
	cfg.PublicURL = "https://hub.example"
	p := newProxies(cfg)
	for _, c := range []struct {
		host, origin, site string
		want               bool
	}{
		{"hub.example", "https://hub.example", "same-origin", true},
		{"hub.example", "https://hub.example", "", true},
		{"upstream:8080", "https://hub.example", "", true},
		{"localhost:5173", "http://localhost:5173", "", true},
		{"hub.example", "", "", true}, // no browser
		{"hub.example", "", "none", true},
		{"hub.example", "https://hub.example", "cross-site", false},
		{"hub.example", "https://shop.hub.example", "same-site", false},
		{"hub.example", "https://evil.example", "", false},
		{"hub.example", "https://hub.example.evil.example", "", false},
		{"hub.example", "null", "", false},
		{"hub.example", "://", "", false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Host = c.host
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Sec-Fetch-Site", c.site)
		if got := p.sameOrigin(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// FuzzCursor: nothing that comes back as a cursor does harm, and what is
// accepted is what was handed out.
func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor("conversations", instantPlace{1_700_000_000_000, 42}))
	f.Add("e30")
	f.Add("eyJrIjoiY29udmVyc2F0aW9ucyIsInAiOnsidCI6MSwiaSI6IjEifX0")
	f.Fuzz(func(t *testing.T, s string) {
		place, err := decodeCursor[instantPlace]("conversations", s)
		if err == nil && s != "" && encodeCursor("conversations", place) != s {
			t.Errorf("%q reads as %+v", s, place)
		}
	})
}

// FuzzPatch: the bodies of changes are read or refused, and what is absent
// stays absent.
func FuzzPatch(f *testing.F) {
	f.Add(`{"status":"open","assignee_id":null,"team_id":"5","if_version":3}`)
	f.Add(`{"snoozed_until":"2026-01-01T00:00:00Z"}`)
	f.Add(`{"status":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		var p conversationPatch
		if json.Unmarshal([]byte(body), &p) != nil {
			return
		}
		if !strings.Contains(strings.ToLower(body), "sta") && !strings.Contains(body, `\`) && p.Status.Set && !strings.ContainsRune(body, 'ſ') {
			t.Errorf("%q sets a status", body)
		}
		if p.Status.Null && p.Status.Value != "" || p.AssigneeID.Value < 0 {
			t.Errorf("%q gives %+v", body, p)
		}
	})
}
