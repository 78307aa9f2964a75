package auth

import (
	"net/netip"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
)

// Failed sign-ins are bounded twice: per account, whoever tries, and per
// address, whatever it tries. Successes cost nothing.
const (
	accountBurst = 10
	accountEvery = time.Minute
	addressBurst = 30
	addressEvery = 10 * time.Second
	maxBuckets   = 20_000
)

// throttle counts failures in buckets that refill with time. It holds for this
// node; across nodes an attacker gains a factor of their number.
type throttle struct {
	clock clock.Clock
	mu    sync.Mutex
	items map[string]*bucket
}

type bucket struct {
	used  float64
	at    time.Time
	every time.Duration
}

func newThrottle(c clock.Clock) *throttle { return &throttle{clock: c, items: map[string]*bucket{}} }

// drain lets the bucket recover up to now.
func (b *bucket) drain(now time.Time) {
	if d := now.Sub(b.at); d > 0 {
		b.used = max(0, b.used-float64(d)/float64(b.every))
	}
	b.at = now
}

// take reserves one try for each key before its outcome is known, so that
// tries at the same moment cannot exceed the bound. giveBack is called after a
// success.
func (t *throttle) take(email, address string) (giveBack func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	t.shrink(now)
	var taken []*bucket
	for _, k := range []struct {
		key   string
		burst float64
		every time.Duration
	}{{"a:" + network(address), addressBurst, addressEvery}, {"e:" + email, accountBurst, accountEvery}} {
		if len(k.key) == 2 {
			continue
		}
		b := t.items[k.key]
		if b == nil {
			b = &bucket{at: now, every: k.every}
			t.items[k.key] = b
		}
		b.drain(now)
		if b.used+1 > k.burst {
			wait := time.Duration((b.used + 1 - k.burst) * float64(k.every))
			for _, other := range taken {
				other.used--
			}
			return nil, fault.New(fault.RateLimited, "rate_limited", nil).RetryIn(wait.Truncate(time.Second) + time.Second)
		}
		b.used++
		taken = append(taken, b)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, b := range taken {
			b.used = max(0, b.used-1)
		}
	}, nil
}

// shrink forgets buckets that have recovered, and when there are still too
// many, some that have not: memory is bounded even against a botnet.
func (t *throttle) shrink(now time.Time) {
	if len(t.items) < maxBuckets {
		return
	}
	for k, b := range t.items {
		if b.drain(now); b.used == 0 {
			delete(t.items, k)
		}
	}
	for k := range t.items {
		if len(t.items) < maxBuckets/2 {
			return
		}
		delete(t.items, k)
	}
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
