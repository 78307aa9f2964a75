// Package clock gives time to everything that reads it, so that tests and the
// sandbox can move it. Nothing in the house calls time.Now for a decision.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and wakes sleepers. Implementations are safe for
// concurrent use.
type Clock interface {
	// Now is the current instant, UTC, cut to milliseconds (what the store keeps).
	Now() time.Time
	// After delivers once when d has passed on this clock; stop releases it early.
	After(d time.Duration) (c <-chan time.Time, stop func())
}

// Millis is the store's form of an instant: milliseconds since 1970 UTC.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// FromMillis is the instant of Millis.
func FromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// System is the machine's clock, moved by Offset when the sandbox says so.
type System struct {
	mu     sync.RWMutex
	offset time.Duration
	// stands, when set, is where the clock was stopped.
	stands time.Time
	moved  chan struct{}
}

// NewSystem returns the machine's clock without offset.
func NewSystem() *System { return &System{moved: make(chan struct{})} }

// Now implements Clock.
func (s *System) Now() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now().UTC().Truncate(time.Millisecond)
}

func (s *System) now() time.Time {
	if !s.stands.IsZero() {
		return s.stands
	}
	return time.Now().Add(s.offset)
}

// Stand stops the clock at t and wakes sleepers whose time has come; it goes on
// standing until it is stopped at another instant. For a program that plays
// through what happened, never for one that serves.
func (s *System) Stand(t time.Time) {
	s.mu.Lock()
	s.stands = t
	close(s.moved)
	s.moved = make(chan struct{})
	s.mu.Unlock()
}

// Move adds d to the clock's offset and wakes sleepers whose time has come.
func (s *System) Move(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moveTo(s.offset + d)
}

// MoveTo sets the clock's offset and wakes sleepers whose time has come.
func (s *System) MoveTo(offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset != s.offset {
		s.moveTo(offset)
	}
}

func (s *System) moveTo(offset time.Duration) {
	s.offset = offset
	close(s.moved)
	s.moved = make(chan struct{})
}

// Offset is how far this clock stands from the machine's.
func (s *System) Offset() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.offset
}

// After implements Clock. A move of the clock is noticed at once.
func (s *System) After(d time.Duration) (<-chan time.Time, func()) {
	out := make(chan time.Time, 1)
	done := make(chan struct{})
	var once sync.Once
	s.mu.RLock()
	due, moved := s.now().Add(d), s.moved
	s.mu.RUnlock()
	go func() {
		for {
			s.mu.RLock()
			wait := due.Sub(s.now())
			moved = s.moved
			s.mu.RUnlock()
			if wait <= 0 {
				out <- s.Now()
				return
			}
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-moved:
				t.Stop()
			case <-done:
				t.Stop()
				return
			}
		}
	}()
	return out, func() { once.Do(func() { close(done) }) }
}

// Fake is a clock that moves only when told to. The zero value is not usable.
type Fake struct {
	mu       sync.Mutex
	now      time.Time
	sleepers []sleeper
	waiting  *sync.Cond
}

type sleeper struct {
	at time.Time
	c  chan time.Time
}

// NewFake returns a clock that stands at t.
func NewFake(t time.Time) *Fake {
	f := &Fake{now: t.UTC().Truncate(time.Millisecond)}
	f.waiting = sync.NewCond(&f.mu)
	return f
}

// Now implements Clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// After implements Clock.
func (f *Fake) After(d time.Duration) (<-chan time.Time, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan time.Time, 1)
	at := f.now.Add(d)
	if d <= 0 {
		c <- f.now
		return c, func() {}
	}
	f.sleepers = append(f.sleepers, sleeper{at, c})
	f.waiting.Broadcast()
	return c, func() { f.drop(c) }
}

func (f *Fake) drop(c chan time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, s := range f.sleepers {
		if s.c == c {
			f.sleepers = append(f.sleepers[:i], f.sleepers[i+1:]...)
			return
		}
	}
}

// Advance moves the clock forward (or, for clock-step tests, backward) and
// wakes every sleeper whose time has come.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	rest := f.sleepers[:0]
	for _, s := range f.sleepers {
		if s.at.After(f.now) {
			rest = append(rest, s)
			continue
		}
		s.c <- f.now
	}
	f.sleepers = rest
}

// AwaitSleepers blocks until at least n goroutines sleep on the clock: the
// signal a test waits for before it advances.
func (f *Fake) AwaitSleepers(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.sleepers) < n {
		f.waiting.Wait()
	}
}
