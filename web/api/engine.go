package api

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// serverKey leads from a gin context back to its Server.
const serverKey = "fanward/server"

// NodeHeader names the node in every answer, as the hello of its sockets does.
const NodeHeader = "X-Fanward-Node"

func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	// Forwarded headers are judged by proxies alone.
	e.ForwardedByClientIP = false
	return e
}

// compression packs JSON; what is packed or packs badly passes as it is.
func compression() (func(http.Handler) http.HandlerFunc, error) {
	return gzhttp.NewWrapper(
		gzhttp.MinSize(1024), gzhttp.CompressionLevel(5), gzhttp.EnableZstd(false),
		gzhttp.ContentTypes([]string{"application/json", "application/problem+json", "application/openapi+json"}),
	)
}

// outermost is what the listener calls. Sockets go past the compression, whose
// writer would hold memory for as long as they live. HEAD is answered as GET;
// net/http leaves the body out.
func (s *Server) outermost(compress func(http.Handler) http.HandlerFunc) http.Handler {
	packed := compress(s.engine)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(obs.WithRequestID(r.Context(), obs.NewRequestID()))
		if r.Method == http.MethodHead {
			r.Method = http.MethodGet // r is our own copy
		}
		if s.o.Node != "" {
			w.Header().Set(NodeHeader, s.o.Node)
		}
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		if r.Header.Get("Upgrade") != "" {
			s.engine.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	})
}

// observe names the request, counts it and logs it at debug level. Neither
// log nor metric holds a query string or a path's values.
func (s *Server) observe(c *gin.Context) {
	c.Set(serverKey, s)
	c.Header("X-Request-Id", obs.RequestID(c.Request.Context()))
	route := c.FullPath()
	if route == "" {
		route = "other"
	}
	c.Request.Pattern = route
	begun := time.Now()
	c.Next()
	status, took := c.Writer.Status(), time.Since(begun)
	s.o.Metrics.Request(c.Request.Method, route, status, took)
	s.o.Log.DebugContext(c.Request.Context(), "request", slog.String("method", c.Request.Method), slog.String("route", route),
		slog.Int("status", status), slog.Duration("took", took), slog.Int("bytes", max(0, c.Writer.Size())))
}

// recovered turns a panic into a problem that tells nothing of it.
func (s *Server) recovered(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		failed := s.problems.Of(c.Request, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		c.Abort()
		if !c.Writer.Written() {
			failed.Write(c.Writer)
		}
	}()
	c.Next()
}

// hosted refuses foreign host names while the program is being tried on its
// own machine: a page elsewhere could otherwise point its name at loopback and
// talk to it.
func (s *Server) hosted(c *gin.Context) {
	cfg := s.o.Config
	if cfg.PublicURL == "" && len(cfg.TrustedProxies) == 0 && config.Loopback(cfg.HTTP.Addr) && !localHost(c.Request.Host) {
		s.abort(c, fault.New(fault.Forbidden, "host_unknown", nil))
	}
}

// secured sets the headers that every answer has; pages widen the policy.
func (s *Server) secured(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.HasPrefix(s.o.Config.PublicURL, "https://") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if p := c.Request.URL.Path; strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/channels/") {
		h.Set("Cache-Control", "no-store")
	}
}

// legible refuses addresses that no text can hold, once for all that is made of
// them: a path with NUL or with bytes that are no UTF-8 leads nowhere, and such a
// query parameter is named.
func (s *Server) legible(c *gin.Context) {
	if !storable(c.Request.URL.Path) {
		s.abort(c, fault.Missing("page"))
		return
	}
	var bad []fault.Field
	for name, values := range c.Request.URL.Query() {
		if !storable(name) || slices.ContainsFunc(values, func(v string) bool { return !storable(v) }) {
			bad = append(bad, fault.Field{Field: text.CleanLine(name), Code: "text_illegible"})
		}
	}
	if len(bad) > 0 {
		slices.SortFunc(bad, func(a, b fault.Field) int { return cmp.Compare(a.Field, b.Field) })
		s.abort(c, fault.AtFields(bad...))
	}
}

func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// capped bounds request bodies; uploads and tracking calls set their own bound.
func (s *Server) capped(c *gin.Context) {
	if c.Request.Body != nil && !uploads[c.FullPath()] && !tracked[c.FullPath()] {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, s.o.Config.Limits.RequestBytes)
	}
}

// How long a request waits at most for its turn to write. Programs and browsers
// that send again by themselves are sent away sooner than people who wait.
const (
	machinePatience = 2 * time.Second
	personPatience  = 5 * time.Second
)

// patient lets a request be refused when there is more to write than can be made
// durable in time: 503 overloaded.
func (s *Server) patient(c *gin.Context) {
	d := personPatience
	if path := c.FullPath(); strings.HasPrefix(path, "/channels/") || tracked[path] {
		d = machinePatience
	}
	c.Request = c.Request.WithContext(store.Patience(c.Request.Context(), d))
}

// abort ends the request with a problem.
func (s *Server) abort(c *gin.Context, err error) {
	c.Abort()
	s.problems.Write(c.Writer, c.Request, err)
}
