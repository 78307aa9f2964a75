package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanward/fanward/web/sandbox"
)

// What the shop's own server tells the hub of its customers: with the secret key,
// under their user id.
func TestShopTellsWhatItsCustomersDo(t *testing.T) {
	t.Parallel()
	var heard []string
	status := http.StatusOK
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call map[string]any
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			t.Error(err)
		}
		key, _, _ := r.BasicAuth()
		body, _ := json.Marshal(call)
		heard = append(heard, r.URL.Path+" "+key+" "+string(body))
		w.WriteHeader(status)
	}))
	t.Cleanup(hub.Close)
	shop := open(t, sandbox.ShopOptions{HubURL: hub.URL, AccountKey: "k", IdentitySecret: []byte("s"), BrowserKey: "public", ServerKey: "secret"})
	_, page := get(t, shop.URL)
	if !strings.Contains(page, `data-write-key="public"`) || strings.Contains(page, "secret") {
		t.Error("the page must carry the public key and no other")
	}
	post := func(path, body string, want int) {
		t.Helper()
		response, err := http.Post(shop.URL+path, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil || response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	post("/api/sign-in", `{"anonymous_id":"a1"}`, 200)
	post("/api/sign-in", ``, 200)
	post("/api/order", `{"order_id":"o1","total":168}`, 200)
	post("/api/order", `[`, 400)
	status = http.StatusUnauthorized
	post("/api/order", `{}`, 502)
	post("/api/sign-in", `{"anonymous_id":"a1"}`, 200) // goes on without the hub
	want := []string{
		`/v1/identify secret {"anonymousId":"a1","traits":{"email":"ming@example.com","name":"Ming"},"userId":"ming"}`,
		`/v1/track secret {"event":"Order Completed","properties":{"order_id":"o1","total":168},"userId":"ming"}`,
	}
	if got := strings.Join(heard[:2], "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the hub heard\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	without := open(t, sandbox.ShopOptions{HubURL: hub.URL, AccountKey: "k", IdentitySecret: []byte("s")})
	if _, page := get(t, without.URL); strings.Contains(page, "data-write-key") {
		t.Error("a shop without a key tells of its visitors")
	}
}
