package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/obs"
)

func (s *Server) addSession() {
	add(s, operation{
		id: "getSetup", method: http.MethodGet, path: root + "/setup", tag: "session", access: public,
		summary: "What the console needs before anybody has signed in",
	}, s.setup)
	add(s, operation{
		id: "signIn", method: http.MethodPost, path: root + "/session", tag: "session", access: public, limit: s.limits.signIn,
		errors: []int{http.StatusUnauthorized, http.StatusForbidden}, summary: "Sign in with e-mail address and password",
	}, func(ctx context.Context, in *struct {
		Request
		Body struct {
			Email    string `json:"email" example:"lin@shop.example"`
			Password string `json:"password"`
		} `nameHint:"SignIn"`
	}) (*signedInAnswer, error) {
		return s.enter(in.Request)(s.o.Auth.SignIn(ctx, in.Body.Email, in.Body.Password, s.clientOf(in.Request)))
	})
	add(s, operation{
		id: "signInByLink", method: http.MethodPost, path: root + "/session/link", tag: "session", access: public, limit: s.limits.signIn,
		errors: []int{http.StatusUnauthorized, http.StatusForbidden}, summary: "Sign in with a one-time link: the owner's first, an invitation, a reset",
	}, func(ctx context.Context, in *struct {
		Request
		Body struct {
			Token string `json:"token"`
		} `nameHint:"SignInByLink"`
	}) (*signedInAnswer, error) {
		return s.enter(in.Request)(s.o.Auth.SignInByLink(ctx, in.Body.Token, s.clientOf(in.Request)))
	})
	add(s, operation{
		id: "signOut", method: http.MethodDelete, path: root + "/session", tag: "session", access: signedIn,
		summary: "Sign out; the session's sockets close",
	}, func(ctx context.Context, in *Request) (*signedOutAnswer, error) {
		a := actingIn(ctx)
		if a.token == "" {
			return nil, errTeammatesOnly
		}
		if err := s.o.Auth.SignOut(ctx, a.token); err != nil {
			return nil, err
		}
		gone := s.cookie(in.request, "")
		gone.MaxAge = -1
		return &signedOutAnswer{gone}, nil
	})
}

var errTeammatesOnly = fault.New(fault.Forbidden, "teammates_only", nil)

// Request gives a handler the request itself.
type Request struct{ request *http.Request }

// Resolve implements huma.Resolver.
func (r *Request) Resolve(ctx huma.Context) []error {
	r.request = humagin.Unwrap(ctx).Request
	return nil
}

type setup struct {
	SignedIn bool          `json:"signed_in"`
	Sandbox  *SandboxPages `json:"sandbox" doc:"Where the sandbox's pages are; null without sandbox"`
	Version  string        `json:"version"`
	Limits   limits        `json:"limits" doc:"What one message may carry, so that clients can say so before they send"`
}

// SandboxPages are the addresses of the sandbox's pages.
type SandboxPages struct {
	Shop    string `json:"shop_url" doc:"The demo shop, which carries the chat widget"`
	Phones  string `json:"phones_url" doc:"The phones of WeChat's followers"`
	Mailbox string `json:"mailbox_url" doc:"The customers' mailbox"`
}

func (s *Server) setup(_ context.Context, in *Request) (*answer[setup], error) {
	_, err := s.identify(in.request)
	if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		return nil, err
	}
	out := setup{SignedIn: err == nil, Sandbox: s.o.Sandbox(), Version: obs.Version(), Limits: limits{s.o.Config.Limits.BodyChars, s.o.Config.Limits.FileBytes, maxFiles}}
	return &answer[setup]{out}, nil
}

// signedInAnswer is who signed in, with the cookie.
type signedInAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      me
}

type signedOutAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

// enter hands out the cookie of a new session.
func (s *Server) enter(r Request) func(auth.SignedIn, error) (*signedInAnswer, error) {
	return func(in auth.SignedIn, err error) (*signedInAnswer, error) {
		if err != nil {
			return nil, err
		}
		return &signedInAnswer{s.cookie(r.request, in.Token), meOf(in.Teammate)}, nil
	}
}

// cookie carries a session. Scripts cannot read it, other sites' requests do
// not carry it, and it stays on TLS wherever there is TLS.
func (s *Server) cookie(r *http.Request, token string) http.Cookie {
	return http.Cookie{
		Name: SessionCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.proxies.secure(r),
		MaxAge: int(s.o.Config.Session.Lifetime.Seconds()),
	}
}

func (s *Server) clientOf(r Request) auth.Client {
	return auth.Client{IP: s.proxies.client(r.request).String(), UserAgent: r.request.UserAgent()}
}

// SignInLink is the address under which a one-time secret is used. It stands
// in the fragment, which browsers send to nobody.
func SignInLink(base, secret string) string {
	return strings.TrimSuffix(base, "/") + "/sign-in/link#token=" + secret
}
