package rule

import (
	"cmp"
	"encoding/json"
	"math/bits"
	"slices"
	"sort"
)

// happenings are the events that a leaf is about.
type happenings struct {
	name     string
	where    []condition
	last     int64 // milliseconds; 0 when the window does not slide
	from, to int64 // from ≤ at < to
	// drifting says that a condition on a property is true for a time only.
	drifting bool
}

type condition struct {
	property string
	is       *comparison
}

func happeningsOf(n Node) happenings {
	h := happenings{name: n.Name, from: always, to: never}
	for _, f := range n.Where {
		h.where = append(h.where, condition{f.Property, compare(f.Op, f.Value, f.Values, f.Duration)})
		h.drifting = h.drifting || relative(f.Op)
	}
	if w := n.Window; w != nil {
		if w.Last != "" {
			h.last = milliseconds(w.Last)
		}
		if at, ok := Instant(w.From); ok {
			h.from = at
		}
		if at, ok := Instant(w.To); ok {
			h.to = at
		}
	}
	return h
}

// passes tells whether an event counts at all, when nothing drifts.
func (h *happenings) passes(e Event) bool {
	for i := range h.where {
		f, there := e.Facts[h.where[i].property]
		if h.where[i].is.holds(f, there).empty() {
			return false
		}
	}
	return true
}

// counts is when an event counts: from its instant until it leaves the window,
// while its properties are as demanded.
func (h *happenings) counts(e Event) span {
	if e.At < h.from || e.At >= h.to {
		return nowhere
	}
	s := span{e.At, never}
	if h.last > 0 {
		s.to = later(e.At, h.last)
	}
	for i := range h.where {
		f, there := e.Facts[h.where[i].property]
		s = s.and(h.where[i].is.holds(f, there))
	}
	return s
}

// Total is a sum of scaled integers that cannot overflow.
type Total struct {
	high int64
	low  uint64
}

// Add adds a number.
func (s *Total) Add(n int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(n), 0)
	s.high += n>>63 + int64(carry)
}

func (s *Total) subtract(n int64) {
	var borrow uint64
	s.low, borrow = bits.Sub64(s.low, uint64(n), 0)
	s.high -= n>>63 + int64(borrow)
}

// Capped is the sum, or the end of the range of an int64 that it is beyond.
func (s *Total) Capped() int64 {
	low := int64(s.low)
	switch {
	case s.high == low>>63:
		return low
	case s.high < 0:
		return always
	}
	return never
}

// eventLeaf compares how often events happened, or what they sum up to.
type eventLeaf struct {
	happenings
	node     Node
	path     string
	op       Op
	number   int64  // scaled
	property string // what is summed up; "" counts
}

func buildEvents(n Node, path string) (step, error) {
	l := &eventLeaf{happenings: happeningsOf(n), node: n, path: path, op: n.Op}
	l.number, _ = ScaledValue(n.Value)
	if n.Measure == Sum {
		l.property = n.Property
	}
	return l, nil
}

func (l *eventLeaf) cost() int { return 10 }

// weight is what an event adds.
func (l *eventLeaf) weight(e Event) int64 {
	if l.property == "" {
		return Scale
	}
	if f := e.Facts[l.property]; f.N != nil {
		return *f.N
	}
	return 0
}

func (l *eventLeaf) is(s *Total) bool { return ordered(s.Capped(), l.op, l.number) }

func (l *eventLeaf) eval(p Person, t int64) (bool, int64) {
	events := p.Events(l.name)
	if len(events) == 0 {
		return ordered(0, l.op, l.number), never
	}
	if l.drifting {
		return l.drift(events, t)
	}
	return l.slide(events, t)
}

// slide follows the window over the events from t on. They enter and leave it
// in their order.
func (l *eventLeaf) slide(events []Event, t int64) (bool, int64) {
	first := sort.Search(len(events), func(i int) bool { return events[i].At >= l.from })
	end := sort.Search(len(events), func(i int) bool { return events[i].At >= l.to })
	enter := sort.Search(len(events), func(i int) bool { return events[i].At > t })
	leave := first
	if l.last > 0 {
		leave = max(first, sort.Search(len(events), func(i int) bool { return later(events[i].At, l.last) > t }))
	}
	enter = min(max(enter, first), end)
	var sum Total
	for i := leave; i < enter; i++ {
		if l.passes(events[i]) {
			sum.Add(l.weight(events[i]))
		}
	}
	now := l.is(&sum)
	for {
		next := int64(never)
		if enter < end {
			next = events[enter].At
		}
		if l.last > 0 && leave < enter {
			next = min(next, later(events[leave].At, l.last))
		}
		if next == never {
			return now, never
		}
		for l.last > 0 && leave < enter && later(events[leave].At, l.last) == next {
			if l.passes(events[leave]) {
				sum.subtract(l.weight(events[leave]))
			}
			leave++
		}
		for enter < end && events[enter].At == next {
			if l.passes(events[enter]) {
				sum.Add(l.weight(events[enter]))
			}
			enter++
		}
		if l.is(&sum) != now {
			return now, next
		}
	}
}

// edge is an instant at which an event begins or ceases to count.
type edge struct{ at, weight int64 }

// drift is slide for events that begin and cease to count in any order.
func (l *eventLeaf) drift(events []Event, t int64) (bool, int64) {
	var sum Total
	var edges []edge
	for _, e := range events {
		s, w := l.counts(e), l.weight(e)
		if s.empty() || s.to <= t || w == 0 {
			continue
		}
		if s.from <= t {
			sum.Add(w)
		} else {
			edges = append(edges, edge{s.from, w})
		}
		if s.to != never {
			edges = append(edges, edge{s.to, -w})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	now := l.is(&sum)
	for i := 0; i < len(edges); {
		next := edges[i].at
		for ; i < len(edges) && edges[i].at == next; i++ {
			sum.Add(edges[i].weight)
		}
		if l.is(&sum) != now {
			return now, next
		}
	}
	return now, never
}

// measure is what the leaf compares at t, for the reason.
func (l *eventLeaf) measure(events []Event, t int64) any {
	var sum Total
	count := 0
	for _, e := range events {
		if in, _ := l.counts(e).at(t); in {
			count++
			sum.Add(l.weight(e))
		}
	}
	if l.property == "" {
		return count
	}
	return json.Number(Decimal(sum.Capped()))
}

// timeLeaf compares when something happened for the first or the last time.
type timeLeaf struct {
	happenings
	node Node
	path string
	is   *comparison
}

func buildTime(n Node, path string) (step, error) {
	return &timeLeaf{happeningsOf(n), n, path, compare(n.Op, n.Value, nil, n.Duration)}, nil
}

func (l *timeLeaf) cost() int { return 10 }

func (l *timeLeaf) eval(p Person, t int64) (bool, int64) {
	events := p.Events(l.name)
	if l.node.Which == First {
		for _, e := range events {
			if l.passes(e) {
				return l.is.instantHolds(e.At).and(span{e.At, never}).at(t)
			}
		}
		return false, never
	}
	return l.latest(events, t)
}

// latest goes through the stretches of time in which one event is the last one.
func (l *timeLeaf) latest(events []Event, t int64) (bool, int64) {
	start := sort.Search(len(events), func(i int) bool { return events[i].At > t })
	for i := start - 1; i >= 0; i-- {
		if l.passes(events[i]) {
			start = i
			break
		}
	}
	until := int64(never) // the end of the truth at t, when it is true
	now := false
	for i := start; i < len(events); i++ {
		if !l.passes(events[i]) {
			continue
		}
		next := int64(never)
		for j := i + 1; j < len(events); j++ {
			if l.passes(events[j]) {
				next = events[j].At
				break
			}
		}
		s := l.is.instantHolds(events[i].At).and(span{events[i].At, next})
		in, _ := s.at(t)
		switch {
		case s.empty():
			continue
		case in:
			now, until = true, s.to
		case now && s.from == until:
			until = s.to
		case now:
			return true, until
		case s.from > t:
			return false, s.from
		}
		if now && until == never {
			return true, never
		}
	}
	return now, until
}

// instant of the event that the leaf is about at t; ok is false when there is none.
func (l *timeLeaf) instant(events []Event, t int64) (at int64, ok bool) {
	for _, e := range events {
		if e.At > t {
			break
		}
		if l.passes(e) {
			at, ok = e.At, true
			if l.node.Which == First {
				break
			}
		}
	}
	return at, ok
}
