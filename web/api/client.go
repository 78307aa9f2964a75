package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/config"
)

// proxies knows whose forwarded headers are believed.
type proxies struct {
	trusted []netip.Prefix
	// public is the origin of the installation's public address, "" without one.
	public string
}

func newProxies(c *config.Config) proxies {
	p := proxies{trusted: c.TrustedPrefixes()}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Host != "" {
		p.public = u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return p
}

func (p proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.trusted, func(n netip.Prefix) bool { return n.Contains(a) })
}

func peer(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	a, _ := netip.ParseAddr(host)
	return a.Unmap().WithZone("")
}

// client is the address that the request comes from: the peer, or what trusted
// proxies say, read from the right up to the first address that is no proxy.
func (p proxies) client(r *http.Request) netip.Addr {
	a := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && p.trusts(a); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return a
		}
		a = next.Unmap().WithZone("")
	}
	return a
}

// secure tells whether the browser speaks TLS, to us or to a trusted proxy.
func (p proxies) secure(r *http.Request) bool {
	if r.TLS != nil || strings.HasPrefix(p.public, "https://") {
		return true
	}
	return p.trusts(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// local tells whether the request was made on this machine and passed no proxy.
func local(r *http.Request) bool {
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return false
		}
	}
	return peer(r).IsLoopback()
}

// origin is the hub's own origin as the request's sender sees it.
func (p proxies) origin(r *http.Request) string {
	if p.public != "" {
		return p.public
	}
	scheme := "http://"
	if p.secure(r) {
		scheme = "https://"
	}
	return scheme + strings.ToLower(r.Host)
}

// sameOrigin tells whether a browser's request comes from our own pages.
// Requests without the browsers' headers come from other programs, which
// cannot be tricked into carrying somebody's cookie.
func (p proxies) sameOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && (strings.EqualFold(u.Host, r.Host) || p.public != "" && strings.EqualFold(origin, p.public))
}

// localHost tells whether a Host header names this machine.
func localHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if strings.EqualFold(name, "localhost") || strings.HasSuffix(strings.ToLower(name), ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.Unmap().IsLoopback()
}
