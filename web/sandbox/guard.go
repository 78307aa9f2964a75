package sandbox

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// forwardingHeaders betray that a request came through a proxy, so that its
// peer says nothing about where it began.
var forwardingHeaders = []string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via",
}

// refusal says which condition of the sandbox a request fails and what to do.
type refusal struct {
	reason string // value of params.reason: "peer", "host" or "forwarded"
	detail string
}

// Guard passes on only requests that a program on this machine made directly:
// the peer is a loopback address, the Host names a loopback address (which
// also stops DNS rebinding), and no forwarding header is present. Everything
// else is answered 403 with the problem code sandbox_local_only and does not
// reach next.
func Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused := check(r); refused != nil {
			refuse(w, *refused)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Local tells whether a request satisfies Guard's conditions; reason names the
// first that it fails: "peer", "host" or "forwarded". The hub asks it for the
// sandbox's own channel accounts.
func Local(r *http.Request) (reason string, ok bool) {
	if refused := check(r); refused != nil {
		return refused.reason, false
	}
	return "", true
}

func check(r *http.Request) *refusal {
	if !loopbackPeer(r.RemoteAddr) {
		return &refusal{"peer", "The sandbox answers only the machine it runs on. Open it there."}
	}
	if !loopbackHost(r.Host) {
		return &refusal{"host", "The sandbox answers only at localhost, 127.0.0.1 or [::1]. Use one of these addresses."}
	}
	for _, name := range forwardingHeaders {
		if _, present := r.Header[name]; present {
			return &refusal{"forwarded", "The sandbox does not answer through a proxy (" + name + " is present). Open its own address."}
		}
	}
	return nil
}

func loopbackPeer(address string) bool {
	peer, err := netip.ParseAddrPort(address)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// loopbackHost tells whether a Host header names this machine: localhost, an
// address of 127.0.0.0/8 or [::1], each with or without a port.
func loopbackHost(host string) bool {
	name := host
	if n, port, err := net.SplitHostPort(host); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
		name = n
		if strings.Contains(n, ":") {
			name = "[" + n + "]"
		}
	}
	if strings.EqualFold(name, "localhost") || name == "[::1]" {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Is4() && addr.IsLoopback()
}

func refuse(w http.ResponseWriter, refused refusal) {
	writeJSON(w, http.StatusForbidden, "application/problem+json", map[string]any{
		"type":   "about:blank",
		"title":  http.StatusText(http.StatusForbidden),
		"status": http.StatusForbidden,
		"code":   "sandbox_local_only",
		"params": map[string]string{"reason": refused.reason},
		"detail": refused.detail,
	})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The status is out; a client that left cannot be told anything more.
	_ = json.NewEncoder(w).Encode(body)
}
