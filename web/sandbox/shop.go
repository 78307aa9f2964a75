// Package sandbox serves the pages on which the channels can be tried without
// any outside account. It speaks only the public protocols, as a stranger's
// website would, and answers only the machine it runs on.
package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

//go:embed shop
var shopFiles embed.FS

var shopPage = template.Must(template.ParseFS(shopFiles, "shop/index.html"))

// ShopOptions says which hub and which web chat account the shop carries.
type ShopOptions struct {
	// HubURL is the address of the hub, with scheme and host and without a
	// path ("http://127.0.0.1:8080").
	HubURL string
	// AccountKey is the public key of the web chat account.
	AccountKey string
	// QRHost is where pictures of WeChat's codes come from ("https://mp.weixin.qq.com",
	// the simulator's address); "" for none.
	QRHost string
	// IdentitySecret is the account's identity secret. Without one nobody can
	// sign in and the control for it is left out.
	IdentitySecret []byte
	// BrowserKey and ServerKey are write keys: with the first the page tells what
	// its visitors do, with the second the shop's own server what its customers
	// do. Without them nothing is told and nothing can be ordered.
	BrowserKey, ServerKey string
}

// shopper is the one person the shop knows.
type shopper struct {
	UserID    string `json:"user_id"`
	Name      string `json:"name"`
	Email     string `json:"email"`
	Hash      string `json:"hash"`
	EmailHash string `json:"email_hash"`
}

// NewShop returns the demo shop: a small tea shop that carries the chat widget
// and, as a real shop's server would, proves to the hub who is signed in. It
// is not guarded by itself; wrap it in Guard. The handler is safe for
// concurrent use.
func NewShop(opts ShopOptions) http.Handler {
	hub := strings.TrimSuffix(opts.HubURL, "/")
	policy := shopPolicy(hub, opts.QRHost)
	var page bytes.Buffer
	// The template is part of the binary and its data are three values: it
	// cannot fail at run time without failing the tests.
	template.Must(shopPage, shopPage.Execute(&page, map[string]any{
		"Hub": hub, "Key": opts.AccountKey, "SignIn": len(opts.IdentitySecret) > 0, "BrowserKey": opts.BrowserKey,
	}))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(page.Bytes()) // Only a client that left makes this fail.
	})
	for _, name := range []string{"shop.js", "behaviour.js", "catalog.js", "shop.css", "icon.svg"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, shopFiles, "shop/"+name)
		})
	}
	office := office{hub: hub, key: opts.ServerKey}
	mux.HandleFunc("POST /api/order", office.order)
	mux.HandleFunc("POST /api/sign-in", func(w http.ResponseWriter, r *http.Request) {
		if len(opts.IdentitySecret) == 0 {
			writeJSON(w, http.StatusNotFound, "application/problem+json", map[string]any{
				"type": "about:blank", "title": http.StatusText(http.StatusNotFound), "status": http.StatusNotFound,
				"code": "not_found", "detail": "This shop has no identity secret. Make one for the account and start the shop with it.",
			})
			return
		}
		who := ming(opts.IdentitySecret)
		office.signedIn(r, who)
		writeJSON(w, http.StatusOK, "application/json", who)
	})

	// Other websites may not sign anybody in here.
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "strict-origin-when-cross-origin")
		protected.ServeHTTP(w, r)
	})
}

// ming signs the shop's customer for the hub, as the widget's README says: hash
// proves the user id, email_hash the address.
func ming(secret []byte) shopper {
	who := shopper{UserID: "ming", Name: "Ming", Email: "ming@example.com"}
	who.Hash = sign(secret, who.UserID)
	who.EmailHash = sign(secret, who.UserID+"\n"+strings.ToLower(who.Email))
	return who
}

func sign(secret []byte, text string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// shopPolicy allows the shop's own files and, from the hub, the widget's
// script, its calls, its socket and the pictures of a conversation; from qr the
// pictures of WeChat's codes.
func shopPolicy(hub, qr string) string {
	origin, socket := "", ""
	if u, err := url.Parse(hub); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		origin = u.Scheme + "://" + u.Host
		socket = "ws" + strings.TrimPrefix(u.Scheme, "http") + "://" + u.Host
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' " + origin,
		"style-src 'self'",
		strings.TrimSpace("img-src 'self' blob: " + origin + " " + qr),
		"connect-src 'self' " + origin + " " + socket,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}
