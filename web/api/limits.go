package api

import (
	"container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/fanward/fanward/internal/clock"
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

// maxAddresses bounds the memory of one limiter; the address that called
// longest ago is forgotten first.
const maxAddresses = 20_000

type limiters struct {
	signIn, visitorSession, visitorMessage, bind, upload, tracking *limiter
}

func newLimiters(l Limits, clk clock.Clock) limiters {
	return limiters{newLimiter(l.SignIn, clk), newLimiter(l.VisitorSession, clk), newLimiter(l.VisitorMessage, clk), newLimiter(l.VisitorBind, clk), newLimiter(l.Upload, clk), newLimiter(l.Tracking, clk)}
}

// limiter counts calls by address. It is safe for concurrent use.
type limiter struct {
	rate Rate
	clk  clock.Clock

	mu     sync.Mutex
	known  map[netip.Addr]*list.Element
	recent list.List // of *caller, latest first
}

type caller struct {
	addr   netip.Addr
	bucket *rate.Limiter
}

func newLimiter(r Rate, clk clock.Clock) *limiter {
	return &limiter{rate: r, clk: clk, known: map[netip.Addr]*list.Element{}}
}

// take counts one call; rate_limited when there were too many.
func (l *limiter) take(a netip.Addr) error {
	if !a.Is4() {
		if p, err := a.Prefix(64); err == nil {
			a = p.Addr()
		}
	}
	now := l.clk.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.known[a]
	if at == nil {
		if l.recent.Len() >= maxAddresses {
			oldest := l.recent.Remove(l.recent.Back()).(*caller)
			delete(l.known, oldest.addr)
		}
		at = l.recent.PushFront(&caller{a, rate.NewLimiter(rate.Every(l.rate.Every), l.rate.Burst)})
		l.known[a] = at
	}
	l.recent.MoveToFront(at)
	r := at.Value.(*caller).bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
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
	return l.take(s.proxies.client(r))
}
