package auth

import (
	"context"
	"net/netip"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/fault"
)

// Failed sign-ins are bounded twice: per account, whoever tries, and per
// address, whatever it tries. Successes cost nothing.
const (
	accountBurst = 10
	accountEvery = time.Minute
	addressBurst = 30
	addressEvery = 10 * time.Second
)

// throttle counts failures, on all nodes together where they have a Redis.
type throttle struct{ limits bus.Limiter }

// take reserves one try for each key before its outcome is known, so that
// tries at the same moment cannot exceed the bound. giveBack is called after a
// success.
func (t throttle) take(ctx context.Context, email, address string) (giveBack func(), err error) {
	var taken []func()
	giveBack = func() {
		for _, back := range taken {
			back()
		}
	}
	for _, k := range []struct {
		kind, key string
		burst     int
		every     time.Duration
	}{{"sign-in-from", network(address), addressBurst, addressEvery}, {"sign-in-as", email, accountBurst, accountEvery}} {
		if k.key == "" {
			continue
		}
		// What leaves this node names nobody.
		wait, back := t.limits.Take(ctx, k.kind+":"+hashSecret(k.key)[:32], k.burst, k.every)
		if wait > 0 {
			giveBack()
			return nil, fault.New(fault.RateLimited, "rate_limited", nil).RetryIn(wait.Truncate(time.Second) + time.Second)
		}
		taken = append(taken, back)
	}
	return giveBack, nil
}

// network gathers the IPv6 addresses of one line: whoever has one has 2^64.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
