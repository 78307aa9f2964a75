package api

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/internal/fault"
)

// addRoutes adds what the document does not describe: sockets, pages and what
// operators ask.
func (s *Server) addRoutes() {
	s.guarded(http.MethodGet, "/api/openapi.json", public, s.serveDocument)
	s.guarded(http.MethodGet, root+"/socket", signedIn, s.teammateSocket)
	s.guarded(http.MethodGet, visitorRoute+"/socket", visitor, s.visitorSocket)
	s.guarded(http.MethodOptions, visitorRoute+"/*call", visitor, func(*gin.Context) {})
	s.addProviders()
	s.addTracking()
	s.addUnsubscribe()
	s.guarded(http.MethodGet, "/widget.js", public, s.static.widget)
	s.guarded(http.MethodGet, "/healthz", public, gin.WrapF(s.o.Health.Live))
	s.guarded(http.MethodGet, "/readyz", public, gin.WrapF(s.o.Health.Ready))
	s.guarded(http.MethodGet, "/metrics", operator, gin.WrapH(s.o.Metrics.Handler()))
	s.engine.NoRoute(s.page)
	s.engine.NoMethod(func(c *gin.Context) {
		s.abort(c, fault.New(fault.Malformed, "method_not_allowed", fault.Params{"allowed": c.Writer.Header().Get("Allow")}))
	})
}

// page gives the console to people and a problem to programs.
func (s *Server) page(c *gin.Context) {
	path := c.Request.URL.Path
	for _, prefix := range []string{"/api", "/channels", "/v1"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			s.abort(c, fault.Missing("page"))
			return
		}
	}
	if c.Request.Method != http.MethodGet {
		s.abort(c, fault.Missing("page"))
		return
	}
	s.static.console(c)
}

func (s *Server) teammateSocket(c *gin.Context) {
	a := actingIn(c.Request.Context())
	switch {
	case s.o.TeammateSocket == nil:
		s.abort(c, fault.Missing("page"))
	case a.token != "" && !s.proxies.sameOrigin(c.Request):
		s.abort(c, fault.New(fault.Forbidden, "origin_refused", nil))
	default:
		s.o.TeammateSocket(c.Writer, c.Request, a.principal, a.session)
	}
}

func (s *Server) visitorSocket(c *gin.Context) {
	if s.o.VisitorSocket == nil {
		s.abort(c, fault.Missing("page"))
		return
	}
	at := siteIn(c.Request.Context())
	s.o.VisitorSocket(c.Writer, c.Request, at.account, at.config)
}
