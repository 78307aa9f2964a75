package bus

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
)

// Limiter bounds how often something is done. Implementations are safe for
// concurrent use.
type Limiter interface {
	// Take counts one act under key ("sign-in:203.0.113.7"): burst at once, then one
	// every "every". It returns 0, or how long until the next would be allowed; what was refused
	// does not count. giveBack, which is never nil and is called at most once,
	// takes an act back that turned out to cost nothing.
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, giveBack func())
}

// maxKeys bounds the memory of a MemoryLimiter for each kind, which is the part of
// a key before its colon; what was asked for longest ago is forgotten first. So
// whoever calls from everywhere makes nobody forget who guesses passwords.
const maxKeys = 20_000

// MemoryLimiter is the Limiter of one node.
type MemoryLimiter struct {
	clk clock.Clock

	mu    sync.Mutex
	kinds map[string]*levels
}

// levels are those of one kind.
type levels struct {
	known  map[string]*list.Element
	recent list.List // of *level, latest first
}

// level is how full a key's bucket is, as the instant at which it will be empty.
type level struct {
	key   string
	empty time.Time
}

// NewMemoryLimiter returns an empty limiter.
func NewMemoryLimiter(clk clock.Clock) *MemoryLimiter {
	return &MemoryLimiter{clk: clk, kinds: map[string]*levels{}}
}

// Take implements Limiter.
func (m *MemoryLimiter) Take(_ context.Context, key string, burst int, every time.Duration) (time.Duration, func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.clk.Now()
	l := m.level(key)
	full := time.Duration(burst) * every
	l.empty = later(l.empty, now)
	if l.empty.Sub(now) > full {
		l.empty = now.Add(full) // the clock was set back
	}
	next := l.empty.Add(every)
	if wait := next.Sub(now) - full; wait > 0 {
		return wait, func() {}
	}
	l.empty = next
	return 0, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		l.empty = l.empty.Add(-every)
	}
}

func (m *MemoryLimiter) level(key string) *level {
	kind, _, _ := strings.Cut(key, ":")
	all := m.kinds[kind]
	if all == nil {
		all = &levels{known: map[string]*list.Element{}}
		m.kinds[kind] = all
	}
	at := all.known[key]
	if at == nil {
		if all.recent.Len() >= maxKeys {
			delete(all.known, all.recent.Remove(all.recent.Back()).(*level).key)
		}
		at = all.recent.PushFront(&level{key: key})
		all.known[key] = at
	}
	all.recent.MoveToFront(at)
	return at.Value.(*level)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
