package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// FuzzBody sends anything as a message: it is stored or refused by a problem
// document, and never fails the server.
func FuzzBody(f *testing.F) {
	for _, s := range []string{`{"client_key":"a","body":"hi"}`, `{"client_key":"a","attachment_ids":["1"]}`, `{"kind":"note"}`, `[]`, `{`, `{"client_key":"\u0000","body":"\ud800"}`, `{"body":{"a":[1e400]}}`} {
		f.Add(s)
	}
	h := build(f, testkit.Open(f, store.SQLite))
	path := "/api/v1/conversations/" + h.write(h.visit(), "k", "hello") + "/messages"
	f.Fuzz(func(t *testing.T, body string) {
		h.t = t
		if body == "" {
			return
		}
		w := h.do(call{method: "POST", path: path, as: "agent", body: body})
		var answer struct{ Code string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code >= 500 || w.Code >= 400 && answer.Code == "" || strings.Contains(h.log.String(), "level=ERROR") {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
