package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/filelink"
)

// The page behind a mail's link: looking changes nothing, one click leaves the
// list, another comes back, and nobody guesses the address.
func TestUnsubscribePage(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		h.write(h.visit(), "k", "hello")
		var identity, customer ids.ID
		if err := db.SQL().QueryRowContext(context.Background(), "SELECT id, customer_id FROM identities").Scan(&identity, &customer); err != nil {
			t.Fatal(err)
		}
		keys, err := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
		if err != nil {
			t.Fatal(err)
		}
		page := filelink.New(keys, h.clk.Now).UnsubscribeURL(identity, h.account.ID, "email")
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		holds := func(want customers.ConsentState) {
			t.Helper()
			got, err := customers.ConsentNow(db.Reader(context.Background()), customer, "email", "marketing")
			if err != nil || got != want {
				t.Errorf("%q %v, want %q", got, err, want)
			}
		}
		ask := func(c call, status int, has ...string) {
			t.Helper()
			w := h.do(c)
			if w.Code != status {
				t.Errorf("%s: %d %s", c.path, w.Code, w.Body)
			}
			for _, want := range has {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s %s: no %q in %s", c.method, c.path, want, w.Body)
				}
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v", w.Header())
			}
		}
		ask(call{method: http.MethodGet, path: page}, 200, "Messages from Shop", "Unsubscribe</button>", `lang="zh-CN"`)
		ask(call{method: http.MethodGet, path: page, header: map[string]string{"Accept-Language": "zh"}}, 200, "来自Shop的消息", "退订</button>")
		ask(call{method: http.MethodGet, path: page + "?lang=zh-CN"}, 200, "退订</button>")
		holds("")
		ask(call{method: http.MethodPost, path: page, body: "List-Unsubscribe=One-Click", header: form}, 200, `data-state="withdrawn"`, "Receive them again")
		holds(customers.Withdrawn)
		ask(call{method: http.MethodPost, path: page, body: "List-Unsubscribe=One-Click", header: form}, 200, `data-state="withdrawn"`)
		ask(call{method: http.MethodGet, path: page}, 200, `data-state="withdrawn"`)
		ask(call{method: http.MethodPost, path: page + "?lang=zh-CN", body: "state=granted", header: form}, 200, `data-state="granted"`, "退订</button>")
		holds(customers.Granted)
		said, err := h.customers.Consents(context.Background(), customer)
		if err != nil || len(said.History) != 2 || said.History[0].Source != "unsubscribe link" || said.History[0].IdentityID != identity {
			t.Errorf("%+v %v", said, err)
		}
		for _, bad := range []string{page + "x", filelink.UnsubscribePath + "abc", strings.Replace(page, "unsubscribe/A", "unsubscribe/B", 1)} {
			ask(call{method: http.MethodPost, path: bad, body: "List-Unsubscribe=One-Click", header: form}, 404, `data-state="gone"`)
		}
		holds(customers.Granted)
	})
}
