// Package ids makes the house's identifiers: 63 bits of milliseconds, node and
// counter. They grow with time, are unique across nodes, and can be guessed:
// nothing public may rely on them being secret.
package ids

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
)

const (
	counterBits = 12
	nodeBits    = 9
	// MaxNode is the largest node number.
	MaxNode = 1<<nodeBits - 1
	// MaxLease is the largest that can be leased; those above it are nobody's own.
	MaxLease = 1<<(nodeBits-1) - 1
	epochMs  = 1735689600000 // 2025-01-01T00:00:00Z
)

// ID identifies a row. Its JSON form is a decimal string, since JavaScript's
// numbers end at 53 bits. The zero ID means "none" and is null in JSON.
type ID int64

// String is the decimal form.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// Time is when the id was made, by the clock of its node; a source that counts
// on past its clock lies a little ahead.
func (id ID) Time() time.Time {
	return clock.FromMillis(int64(id)>>(nodeBits+counterBits) + epochMs)
}

// MarshalJSON writes a decimal string, or null for zero.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + id.String() + `"`), nil
}

// MarshalText writes the decimal form, so that an ID can be a key of a JSON
// object and a schema sees a string.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the decimal form.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	*id = v
	return err
}

// Value gives the database a plain number.
func (id ID) Value() (driver.Value, error) { return int64(id), nil }

// UnmarshalJSON reads a decimal string or null.
func (id *ID) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*id = 0
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("an id is a decimal string: %w", err)
	}
	v, err := Parse(s)
	if err != nil {
		return err
	}
	*id = v
	return nil
}

// Parse reads the decimal form; it refuses anything but a positive number in
// canonical form.
func Parse(s string) (ID, error) {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v <= 0 || strconv.FormatInt(v, 10) != s {
		return 0, fmt.Errorf("%.40q is not an id", s)
	}
	return ID(v), nil
}

// Source makes ids. It is safe for concurrent use.
type Source struct {
	clock clock.Clock
	node  int64

	mu      sync.Mutex
	ms      int64
	counter int64
	until   time.Time // end of the lease by the clock of lease
	lease   clock.Clock
}

// NewSource makes ids for a leased node number (0..MaxNode), all above
// highWater, the largest id stored so far: a clock that was set back never
// makes an id a second time.
func NewSource(c clock.Clock, node int, highWater ID) (*Source, error) {
	if node < 0 || node > MaxNode {
		return nil, fmt.Errorf("node %d is outside 0..%d", node, MaxNode)
	}
	s := &Source{clock: c, node: int64(node)}
	if highWater > 0 {
		s.ms = int64(highWater)>>(nodeBits+counterBits) + 1
	}
	return s, nil
}

// Next returns a new id, larger than every earlier one of this source. When
// the clock stands still or goes back, the last millisecond is counted on.
func (s *Source) Next() ID {
	now := clock.Millis(s.clock.Now()) - epochMs
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lapsed() {
		s.ms = max(now, s.ms+1)
		s.counter = 1<<counterBits - 1 // the next one begins a millisecond
		return ID(s.ms<<(nodeBits+counterBits) | (MaxLease+1+rand.Int64N(MaxLease+1))<<counterBits | rand.Int64N(1<<counterBits))
	}
	switch {
	case now > s.ms:
		s.ms, s.counter = now, 0
	case s.counter == 1<<counterBits-1:
		s.ms, s.counter = s.ms+1, 0
	default:
		s.counter++
	}
	return ID(s.ms<<(nodeBits+counterBits) | s.node<<counterBits | s.counter)
}

// Lease says that the node number is this process's until an instant of the
// clock by, before which nobody else may be given it. A process that was
// stopped, or could not renew, may hold a number that is another's by now: from
// that instant on, until Lease is called anew, ids carry a random number above
// MaxLease and a random counter instead.
func (s *Source) Lease(node int, until time.Time, by clock.Clock) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.node, s.until, s.lease = int64(node), until, by
}

// Lapsed tells whether the lease has ended.
func (s *Source) Lapsed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lapsed()
}

func (s *Source) lapsed() bool { return s.lease != nil && !s.lease.Now().Before(s.until) }

// Node is the node number this source stamps while its lease lasts.
func (s *Source) Node() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.node)
}
