package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/fanward/fanward/web/sandbox"
)

func guarded() http.Handler {
	return sandbox.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const local, name = "127.0.0.1:50000", "localhost:8080"
	tests := []struct {
		title  string
		peer   string
		host   string
		header string
		reason string // "" means let through
	}{
		{"plain", local, name, "", ""},
		{"IPv4 host", local, "127.0.0.1:8080", "", ""},
		{"IPv4 host without port", local, "127.0.0.1", "", ""},
		{"other loopback address", local, "127.8.9.10:1", "", ""},
		{"IPv6 host", "[::1]:50000", "[::1]:8080", "", ""},
		{"IPv6 host without port", "[::1]:50000", "[::1]", "", ""},
		{"localhost without port", local, "localhost", "", ""},
		{"localhost in capitals", local, "LOCALHOST:8080", "", ""},
		{"peer mapped into IPv6", "[::ffff:127.0.0.1]:50000", name, "", ""},

		{"peer on the local network", "192.168.1.7:50000", name, "", "peer"},
		{"peer on the internet", "203.0.113.9:50000", name, "", "peer"},
		{"IPv6 peer", "[2001:db8::1]:50000", name, "", "peer"},
		{"unspecified peer", "0.0.0.0:50000", name, "", "peer"},
		{"peer is a name", "localhost:50000", name, "", "peer"},
		{"unknown peer", "", name, "", "peer"},
		{"unix socket peer", "@", name, "", "peer"},

		{"public host", local, "shop.example", "", "host"},
		{"rebound host", local, "rebind.example:8080", "", "host"},
		{"host that starts like loopback", local, "127.0.0.1.example:8080", "", "host"},
		{"host that ends like localhost", local, "notlocalhost:8080", "", "host"},
		{"subdomain of localhost", local, "shop.localhost:8080", "", "host"},
		{"network host", local, "192.168.1.7:8080", "", "host"},
		{"all addresses", local, "0.0.0.0:8080", "", "host"},
		{"short form of an address", local, "127.1:8080", "", "host"},
		{"number for an address", local, "2130706433", "", "host"},
		{"mapped address", local, "[::ffff:127.0.0.1]:8080", "", "host"},
		{"IPv6 host without brackets", local, "::1", "", "host"},
		{"IPv6 zone", local, "[::1%25lo]:8080", "", "host"},
		{"other IPv6 host", local, "[2001:db8::1]:8080", "", "host"},
		{"port that is no number", local, "localhost:http", "", "host"},
		{"port too large", local, "localhost:65536", "", "host"},
		{"empty host", local, "", "", "host"},

		{"Forwarded", local, name, "Forwarded", "forwarded"},
		{"X-Forwarded-For", local, name, "X-Forwarded-For", "forwarded"},
		{"X-Forwarded-Host", local, name, "X-Forwarded-Host", "forwarded"},
		{"X-Forwarded-Proto", local, name, "X-Forwarded-Proto", "forwarded"},
		{"X-Real-IP", local, name, "X-Real-IP", "forwarded"},
		{"Via", local, name, "Via", "forwarded"},
	}
	for _, test := range tests {
		t.Run(test.title, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
			r.RemoteAddr, r.Host = test.peer, test.host
			if test.header != "" {
				r.Header.Set(test.header, "") // Its presence counts, whatever it says.
			}
			w := httptest.NewRecorder()
			guarded().ServeHTTP(w, r)
			expect(t, w.Result(), test.reason)
		})
	}
}

func TestGuardThroughProxy(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(guarded())
	t.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		title  string
		proxy  http.Handler
		host   string
		reason string
	}{
		{"single host proxy", httputil.NewSingleHostReverseProxy(target), "localhost", "forwarded"},
		{"single host proxy, public name", httputil.NewSingleHostReverseProxy(target), "shop.example", "host"},
		{"rewriting proxy that says so", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
		}}, "shop.example", "forwarded"},
		{"silent proxy that keeps the name", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		}}, "shop.example", "host"},
	}
	for _, test := range tests {
		t.Run(test.title, func(t *testing.T) {
			t.Parallel()
			front := httptest.NewServer(test.proxy)
			t.Cleanup(front.Close)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = test.host
			response, err := front.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, response, test.reason)
		})
	}

	response, err := backend.Client().Get(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, response, "")
}

func expect(t *testing.T, response *http.Response, reason string) {
	t.Helper()
	defer response.Body.Close()
	if reason == "" {
		if response.StatusCode != http.StatusNoContent {
			t.Fatalf("status %d, want the request let through", response.StatusCode)
		}
		return
	}
	if response.StatusCode != http.StatusForbidden {
		t.Fatalf("status %d, want 403", response.StatusCode)
	}
	if got := response.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	var problem struct {
		Code   string
		Params map[string]string
		Detail string
	}
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	if problem.Code != "sandbox_local_only" || problem.Params["reason"] != reason || problem.Detail == "" {
		t.Errorf("problem %+v, want sandbox_local_only for %s", problem, reason)
	}
}
