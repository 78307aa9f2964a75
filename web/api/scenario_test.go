package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store/feed"
)

// scenario is one request and everything that must be true of its answer.
type scenario struct {
	name string
	call
	status int
	// has and not are texts that the answer's body must and must not contain.
	has, not []string
	// headers that the answer must have; "" means absent.
	headers map[string]string
	// changes are the kinds of change that the request appends to the feed.
	changes []string
}

func (h *house) run(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			h.t = t
			before := h.head()
			w := h.do(sc.call)
			if w.Code != sc.status {
				t.Fatalf("%s %s: status %d, want %d: %s", sc.method, sc.path, w.Code, sc.status, w.Body)
			}
			body := w.Body.String()
			for _, s := range sc.has {
				if !strings.Contains(body, s) {
					t.Errorf("%s is not in %s", s, body)
				}
			}
			for _, s := range sc.not {
				if strings.Contains(body, s) {
					t.Errorf("%s is in %s", s, body)
				}
			}
			for k, want := range sc.headers {
				if got := strings.Join(w.Header().Values(k), ", "); got != want {
					t.Errorf("%s: %q, want %q", k, got, want)
				}
			}
			if got := h.since(before); !slices.Equal(got, sc.changes) {
				t.Errorf("changes %v, want %v", got, sc.changes)
			}
		})
	}
}

func (h *house) head() feed.Position {
	p, err := feed.Head(h.db.Reader(context.Background()))
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// since lists the kinds of the changes behind a position.
func (h *house) since(p feed.Position) []string {
	changes, err := feed.After(h.db.Reader(context.Background()), p, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	var kinds []string
	for _, c := range changes {
		kinds = append(kinds, c.Kind)
	}
	return kinds
}

// visit opens a session and returns the headers of the visitor's later calls.
func (h *house) visit() map[string]string {
	h.t.Helper()
	got := h.json(call{method: "POST", path: h.site("/session"), body: `{}`, header: map[string]string{"Origin": shop}})
	return map[string]string{"Origin": shop, "Authorization": "Visitor " + got["visitor"].(string)}
}

func (h *house) site(path string) string { return "/channels/webchat/" + h.account.Key + path }

// write sends a visitor's message and returns its conversation's id.
func (h *house) write(visitor map[string]string, key, body string) string {
	h.t.Helper()
	got := h.json(call{method: "POST", path: h.site("/messages"), body: `{"client_key":"` + key + `","body":"` + body + `"}`, header: visitor})
	return got["conversation_id"].(string)
}
