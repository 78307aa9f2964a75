package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
)

// SessionCookie carries a teammate's sign-in.
const SessionCookie = "fanward_session"

// CSRFHeader must be "1" on every request that changes something and is
// authenticated by the cookie: pages of other origins cannot set it.
const CSRFHeader = "X-Fanward-CSRF"

// access is what a route asks of its caller.
type access string

const (
	// public: anybody.
	public access = "public"
	// signedIn: any teammate or token.
	signedIn access = "signed_in"
	// visitor: a browser on an allowed origin; the handler checks its token.
	visitor access = "visitor"
	// operator: this machine, or an administrator.
	operator access = "operator"
)

// needs is the access of a permission.
func needs(p auth.Permission) access { return access(p) }

// acting is who acts in a request.
type acting struct {
	principal auth.Principal
	// session names the sign-in; token is the cookie's value. Empty for API tokens.
	session, token string
}

type actingKey struct{}

// principal is who acts; routes that are not public always have one.
func principal(ctx context.Context) auth.Principal { return actingIn(ctx).principal }

func actingIn(ctx context.Context) acting {
	a, _ := ctx.Value(actingKey{}).(acting)
	return a
}

// check admits a request to a route or says why not. The returned context
// carries who acts.
func (s *Server) check(r *http.Request, want access) (context.Context, error) {
	switch want {
	case visitor, provider, tracker:
		return r.Context(), nil
	case public:
		if !safe(r.Method) && !s.proxies.sameOrigin(r) {
			return nil, fault.New(fault.Forbidden, "csrf_refused", nil)
		}
		return r.Context(), nil
	case operator:
		if local(r) {
			return r.Context(), nil
		}
	}
	a, err := s.identify(r)
	if err != nil {
		return nil, err
	}
	switch want {
	case signedIn:
	case operator:
		if a.principal.Role != auth.Owner && a.principal.Role != auth.Admin {
			return nil, fault.New(fault.Forbidden, "forbidden", nil)
		}
	default:
		if err := a.principal.Require(auth.Permission(want)); err != nil {
			return nil, err
		}
	}
	return context.WithValue(r.Context(), actingKey{}, a), nil
}

// identify finds out who sent r: a bearer token goes before the cookie, which
// counts for changes only with the proof that our own page sent it.
func (s *Server) identify(r *http.Request) (acting, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, secret, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return acting{}, errNotSignedIn
		}
		p, err := s.o.Auth.ByToken(r.Context(), strings.TrimSpace(secret))
		return acting{principal: p}, err
	}
	cookie, err := r.Cookie(SessionCookie)
	if err != nil || cookie.Value == "" {
		return acting{}, errNotSignedIn
	}
	p, session, err := s.o.Auth.BySession(r.Context(), cookie.Value)
	if err != nil {
		return acting{}, err
	}
	if !safe(r.Method) && (r.Header.Get(CSRFHeader) != "1" || !s.proxies.sameOrigin(r)) {
		return acting{}, fault.New(fault.Forbidden, "csrf_refused", nil)
	}
	return acting{p, session, cookie.Value}, nil
}

var errNotSignedIn = fault.New(fault.Unauthenticated, "not_signed_in", nil)

func safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// authorise is the one place where operations of the document are admitted.
func (s *Server) authorise(ctx huma.Context, next func(huma.Context)) {
	c := humagin.Unwrap(ctx)
	want, _ := ctx.Operation().Metadata[accessKey].(access)
	with, err := s.check(c.Request, want)
	if err == nil {
		err = s.acceptable(ctx)
	}
	if err == nil {
		if limit, ok := ctx.Operation().Metadata[limitKey].(*limiter); ok {
			err = s.throttle(limit, c.Request)
		}
	}
	if err != nil {
		s.abort(c, err)
		return
	}
	c.Request = c.Request.WithContext(with)
	next(ctx)
}

// guarded is authorise for routes outside the document.
func (s *Server) guarded(method, path string, want access, handle gin.HandlerFunc) {
	s.routes[method+" "+path] = want
	s.engine.Handle(method, path, func(c *gin.Context) {
		with, err := s.check(c.Request, want)
		if err != nil {
			s.abort(c, err)
			return
		}
		c.Request = c.Request.WithContext(with)
		handle(c)
	})
}
