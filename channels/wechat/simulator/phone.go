package simulator

import (
	"embed"
	"net/http"
	"strings"
)

//go:embed phone
var phoneFiles embed.FS

// phonePolicy lets the page show its own files and the pictures of the chats.
var phonePolicy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "connect-src 'self'",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

// Phone is the page on which a person plays the followers. It is not guarded:
// whoever reaches it may do everything that followers can.
func (s *Simulator) Phone() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, phoneFiles, "phone/index.html")
	})
	for _, name := range []string{"phone.js", "chat.js", "drawer.js", "words.js", "phone.css", "icon.svg"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, phoneFiles, "phone/"+name)
		})
	}
	mux.HandleFunc("GET "+picturePath+"{id}", s.servePicture)
	s.shared(mux, "/phone")
	// Other websites may not act as somebody here.
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", phonePolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		protected.ServeHTTP(w, r)
	})
}

// Handler is everything on one address: the platform's API, the control API
// and the phone page.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	platform, phone := s.Platform(), s.Phone()
	for _, path := range []string{"/cgi-bin/", "/sns/", "/customservice/", "/datacube/", "/wxa/", picturePath} {
		mux.Handle(path, platform)
	}
	mux.Handle("/control/", http.NewCrossOriginProtection().Handler(s.Control()))
	mux.Handle("/", phone)
	return mux
}
