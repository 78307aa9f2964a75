package bus

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
)

// Limiter bounds how often something is done. Implementations are safe for
// concurrent use.
type Limiter interface {
	// Take counts one act under key: burst at once, then one every "every". It
	// returns 0, or how long until the next would be allowed; what was refused
	// does not count. giveBack, which is never nil and is called at most once,
	// takes an act back that turned out to cost nothing.
	Take(ctx context.Context, key string, burst int, every time.Duration) (wait time.Duration, giveBack func())
}

// maxKeys bounds the memory of a MemoryLimiter; what was asked for longest ago is
// forgotten first.
const maxKeys = 50_000

// MemoryLimiter is the Limiter of one node.
type MemoryLimiter struct {
	clk clock.Clock

	mu     sync.Mutex
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
	return &MemoryLimiter{clk: clk, known: map[string]*list.Element{}}
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
	at := m.known[key]
	if at == nil {
		if m.recent.Len() >= maxKeys {
			delete(m.known, m.recent.Remove(m.recent.Back()).(*level).key)
		}
		at = m.recent.PushFront(&level{key: key})
		m.known[key] = at
	}
	m.recent.MoveToFront(at)
	return at.Value.(*level)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
