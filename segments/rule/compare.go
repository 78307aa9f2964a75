package rule

import (
	"math"
	"slices"
	"strings"
)

// Ends of time; an until of never is told to callers as 0.
const (
	always = math.MinInt64
	never  = math.MaxInt64
)

// span is a stretch of time: from ≤ t < to. It is empty when to ≤ from.
type span struct{ from, to int64 }

var (
	forever = span{always, never}
	nowhere = span{never, always}
)

func (s span) and(o span) span { return span{max(s.from, o.from), min(s.to, o.to)} }

func (s span) empty() bool { return s.to <= s.from }

// at tells whether t is within, and when that changes next.
func (s span) at(t int64) (bool, int64) {
	switch {
	case s.empty() || t >= s.to:
		return false, never
	case t < s.from:
		return false, s.from
	}
	return true, s.to
}

func spanIf(holds bool) span {
	if holds {
		return forever
	}
	return nowhere
}

// later adds a duration to an instant and stops at the end of time.
func later(at, d int64) int64 {
	if at > never-d {
		return never
	}
	return at + d
}

func earlier(at, d int64) int64 {
	if at < always+d {
		return always
	}
	return at - d
}

// comparison is a compiled Op with its values.
type comparison struct {
	op       Op // never a negative one
	negative bool
	number   int64 // scaled
	text     string
	instant  int64
	duration int64 // milliseconds
	// Of equals and in.
	texts   []string // sorted
	numbers []int64  // sorted
	bools   []bool
}

// positives are what the negative comparisons are complements of.
var positives = map[Op]Op{NotEquals: Equals, NotIn: In, NotContains: Contains, NotExists: Exists}

// relative are the comparisons that become true or false by time alone.
func relative(op Op) bool { return op == WithinLast || op == MoreThanAgo || op == WithinNext }

// holds is when the comparison is true of a fact.
func (c *comparison) holds(f Fact, there bool) span {
	if c.negative {
		return spanIf(!c.static(f, there))
	}
	switch c.op {
	case Before, After, WithinLast, MoreThanAgo, WithinNext:
		if f.T == nil {
			return nowhere
		}
		return c.instantHolds(*f.T)
	}
	return spanIf(c.static(f, there))
}

func (c *comparison) instantHolds(at int64) span {
	switch c.op {
	case Before:
		return spanIf(at < c.instant)
	case After:
		return spanIf(at > c.instant)
	case WithinLast:
		return span{at, later(at, c.duration)}
	case MoreThanAgo:
		return span{later(at, c.duration), never}
	case WithinNext:
		return span{earlier(at, c.duration), at}
	}
	return nowhere
}

// static answers the comparisons that time does not change.
func (c *comparison) static(f Fact, there bool) bool {
	switch c.op {
	case Exists:
		return there
	case Equals, In:
		return c.oneOf(f)
	case Contains:
		return f.S != nil && strings.Contains(*f.S, c.text) || slices.Contains(f.L, c.text)
	case StartsWith:
		return f.S != nil && strings.HasPrefix(*f.S, c.text)
	case EndsWith:
		return f.S != nil && strings.HasSuffix(*f.S, c.text)
	}
	return f.N != nil && ordered(*f.N, c.op, c.number)
}

func (c *comparison) oneOf(f Fact) bool {
	switch {
	case f.S != nil:
		_, found := slices.BinarySearch(c.texts, *f.S)
		return found
	case f.N != nil:
		_, found := slices.BinarySearch(c.numbers, *f.N)
		return found
	case f.B != nil:
		return slices.Contains(c.bools, *f.B)
	}
	return false
}

func ordered(a int64, op Op, b int64) bool {
	switch op {
	case Equals:
		return a == b
	case NotEquals:
		return a != b
	case AtLeast:
		return a >= b
	case MoreThan:
		return a > b
	case AtMost:
		return a <= b
	case LessThan:
		return a < b
	}
	return false
}
