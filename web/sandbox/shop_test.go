package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/fanward/fanward/web/sandbox"
)

func open(t *testing.T, opts sandbox.ShopOptions) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(sandbox.Guard(sandbox.NewShop(opts)))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestShopPage(t *testing.T) {
	t.Parallel()
	server := open(t, sandbox.ShopOptions{HubURL: "http://127.0.0.1:9000", AccountKey: `k"><script>`, IdentitySecret: []byte("s")})
	response, body := get(t, server.URL)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %d", response.StatusCode)
	}
	want := `<script async src="http://127.0.0.1:9000/widget.js" data-account="k&#34;&gt;&lt;script&gt;"></script>`
	if !strings.Contains(body, want) {
		t.Errorf("the page does not carry %s", want)
	}
	for _, id := range []string{"sign-in", "sign-out", "lang"} {
		if !strings.Contains(body, `data-testid="`+id+`"`) {
			t.Errorf("the page has no %s", id)
		}
	}
	if regexp.MustCompile(`(?i)<script>|<style|\son\w+=|\sstyle=|javascript:`).MatchString(body) {
		t.Error("the page holds inline code, which its content policy refuses")
	}

	policy := response.Header.Get("Content-Security-Policy")
	for _, rule := range []string{
		"default-src 'none'",
		"script-src 'self' http://127.0.0.1:9000;",
		"connect-src 'self' http://127.0.0.1:9000 ws://127.0.0.1:9000;",
		"img-src 'self' blob: http://127.0.0.1:9000;",
		"frame-ancestors 'none'",
	} {
		if !strings.Contains(policy, rule) {
			t.Errorf("content policy %q lacks %q", policy, rule)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("content policy %q allows something unsafe", policy)
	}

	for path, kind := range map[string]string{
		"/shop.js": "text/javascript", "/catalog.js": "text/javascript", "/shop.css": "text/css", "/icon.svg": "image/svg+xml",
	} {
		file, _ := get(t, server.URL+path)
		if file.StatusCode != http.StatusOK || !strings.HasPrefix(file.Header.Get("Content-Type"), kind) {
			t.Errorf("%s: status %d, type %s", path, file.StatusCode, file.Header.Get("Content-Type"))
		}
	}
	if other, _ := get(t, server.URL+"/index.html"); other.StatusCode != http.StatusNotFound {
		t.Errorf("the raw template is served with %d", other.StatusCode)
	}
}

func TestShopPolicyOfHub(t *testing.T) {
	t.Parallel()
	tests := []struct{ hub, connect string }{
		{"https://hub.example/", "connect-src 'self' https://hub.example wss://hub.example;"},
		{"http://[::1]:81", "connect-src 'self' http://[::1]:81 ws://[::1]:81;"},
		{"javascript:alert(1)", "connect-src 'self'  ;"},
		{"", "connect-src 'self'  ;"},
	}
	for _, test := range tests {
		response, _ := get(t, open(t, sandbox.ShopOptions{HubURL: test.hub, AccountKey: "k"}).URL)
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, test.connect) {
			t.Errorf("hub %q: content policy %q lacks %q", test.hub, policy, test.connect)
		}
	}
}

// Pictures of WeChat's codes come from where the shop is told, and from nowhere
// when it is told nothing.
func TestShopShowsCodes(t *testing.T) {
	t.Parallel()
	response, _ := get(t, open(t, sandbox.ShopOptions{HubURL: "http://127.0.0.1:9000", AccountKey: "k", QRHost: "http://127.0.0.1:9002"}).URL)
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "img-src 'self' blob: http://127.0.0.1:9000 http://127.0.0.1:9002;") {
		t.Errorf("content policy %q", policy)
	}
}

func TestShopSignIn(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef")
	server := open(t, sandbox.ShopOptions{HubURL: "http://127.0.0.1:9000", AccountKey: "k", IdentitySecret: secret})
	response, err := http.Post(server.URL+"/api/sign-in", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	who := map[string]string{}
	if err := json.NewDecoder(response.Body).Decode(&who); err != nil {
		t.Fatal(err)
	}
	signed := func(text string) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	if who["user_id"] == "" || who["name"] == "" || who["email"] == "" || who["hash"] != signed(who["user_id"]) || who["email_hash"] != signed(who["user_id"]+"\n"+who["email"]) {
		t.Errorf("answer %v", who)
	}
	if got := response.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}

	if response, _ := get(t, server.URL+"/api/sign-in"); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET answered %d", response.StatusCode)
	}
	foreign, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/sign-in", nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign.Header.Set("Origin", "https://elsewhere.example")
	refused, err := http.DefaultClient.Do(foreign)
	if err != nil {
		t.Fatal(err)
	}
	refused.Body.Close()
	if refused.StatusCode != http.StatusForbidden {
		t.Errorf("another website signed in with %d", refused.StatusCode)
	}
}

func TestShopWithoutSecret(t *testing.T) {
	t.Parallel()
	server := open(t, sandbox.ShopOptions{HubURL: "http://127.0.0.1:9000", AccountKey: "k"})
	if _, body := get(t, server.URL); strings.Contains(body, "sign-in") {
		t.Error("the page offers a sign-in that cannot work")
	}
	response, err := http.Post(server.URL+"/api/sign-in", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", response.StatusCode)
	}
}
