package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/fault"
)

// Rate is how often one address may call: Burst at once, then one every Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Limits bound how often one address (IPv6: one /64) may call.
type Limits struct {
	SignIn, VisitorSession, VisitorMessage, VisitorBind, Upload, Tracking Rate
}

// DefaultLimits suit people, also many behind one address.
var DefaultLimits = Limits{
	SignIn:         Rate{60, time.Second},
	VisitorSession: Rate{60, 500 * time.Millisecond},
	VisitorMessage: Rate{60, 200 * time.Millisecond},
	VisitorBind:    Rate{20, 3 * time.Second},
	Upload:         Rate{40, time.Second},
	Tracking:       Rate{2000, 4 * time.Millisecond},
}

type limiters struct {
	signIn, visitorSession, visitorMessage, bind, upload, tracking *limiter
}

func newLimiters(l Limits, counts bus.Limiter) limiters {
	one := func(kind string, r Rate) *limiter { return &limiter{kind, r, counts} }
	return limiters{one("call-sign-in", l.SignIn), one("call-session", l.VisitorSession), one("call-message", l.VisitorMessage), one("call-bind", l.VisitorBind), one("call-upload", l.Upload), one("call-tracking", l.Tracking)}
}

// limiter counts calls by address. It is safe for concurrent use.
type limiter struct {
	kind   string
	rate   Rate
	counts bus.Limiter
}

// take counts one call; rate_limited when there were too many.
func (l *limiter) take(ctx context.Context, a netip.Addr) error {
	if !a.Is4() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	if wait, _ := l.counts.Take(ctx, l.kind+":"+a.String(), l.rate.Burst, l.rate.Every); wait > 0 {
		return fault.New(fault.RateLimited, "rate_limited", nil).RetryIn(wait)
	}
	return nil
}

// throttle counts a call of r. Programs on this machine are not held back: they
// already can do whatever the limit would prevent.
func (s *Server) throttle(l *limiter, r *http.Request) error {
	if local(r) && l != s.limits.signIn {
		return nil
	}
	return l.take(r.Context(), s.proxies.client(r))
}
