package index

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fanward/fanward/segments/rule"
)

// ask answers for those among the people from lo to hi, which is past the last of
// them. among and out have a bit for each, the first of which stands for lo, a
// multiple of 64; what out says of others means nothing.
type ask func(lo, hi uint32, among, out bits)

// chunk is how many people one worker takes at a time.
const chunk = 1 << 14

// find marks everybody in the columns of whom the tree is true at t.
func (b *base) find(n rule.Node, t int64) (bits, error) {
	q := question{b, t}
	answer, _, err := q.ask(n)
	if err != nil {
		return nil, err
	}
	found := newBits(len(b.ids))
	var next atomic.Uint32
	var workers sync.WaitGroup
	people := uint32(len(b.ids))
	for range min(runtime.GOMAXPROCS(0), 1+len(b.ids)/chunk) {
		workers.Go(func() {
			for {
				hi := next.Add(chunk)
				lo := hi - chunk
				if lo >= people {
					return
				}
				hi = min(hi, people)
				among := newBits(int(hi - lo))
				among.fill(true)
				answer(lo, hi, among, found[lo>>6:(hi+63)>>6])
			}
		})
	}
	workers.Wait()
	if rest := people & 63; rest != 0 {
		found[len(found)-1] &= 1<<rest - 1
	}
	return found, nil
}

type question struct {
	*base
	t int64
}

// ask prepares the answer of a node, with what it costs.
func (q question) ask(n rule.Node) (ask, int, error) {
	switch n.Kind {
	case rule.All, rule.Any, rule.None, rule.Segment:
		return q.group(n)
	case rule.Attribute:
		answer, err := q.attribute(n)
		return answer, 1, err
	case rule.Tag:
		return have(q.tags[rule.TagName(n.Name)]), 1, nil
	case rule.Stage:
		return q.stageIn(n), 2, nil
	case rule.Dormant:
		return q.dormant(n), 2, nil
	case rule.Reachable:
		return q.reachable(n), 2, nil
	}
	answer, cost, err := q.happened(n)
	return answer, 3 + cost, err
}

func (q question) group(n rule.Node) (ask, int, error) {
	type below struct {
		answer ask
		cost   int
	}
	of := make([]below, len(n.Of))
	sum := 0
	for i := range n.Of {
		answer, cost, err := q.ask(n.Of[i])
		if err != nil {
			return nil, 0, err
		}
		of[i] = below{answer, cost}
		sum += cost
	}
	slices.SortStableFunc(of, func(a, b below) int { return a.cost - b.cost })
	answers := make([]ask, len(of))
	for i := range of {
		answers[i] = of[i].answer
	}
	if n.Kind == rule.All || n.Kind == rule.Segment {
		return every(answers), sum, nil
	}
	return some(answers, n.Kind == rule.None), sum, nil
}

// every asks each node only about those who are left.
func every(of []ask) ask {
	return func(lo, hi uint32, among, out bits) {
		copy(out, among)
		one := make(bits, len(out))
		for _, answer := range of {
			if out.empty() {
				return
			}
			answer(lo, hi, out, one)
			for i := range out {
				out[i] &= one[i]
			}
		}
	}
}

// some asks each node only about those who are in none yet; none turns it round.
func some(of []ask, none bool) ask {
	return func(lo, hi uint32, among, out bits) {
		rest, one := slices.Clone(among), make(bits, len(out))
		for _, answer := range of {
			if rest.empty() {
				break
			}
			answer(lo, hi, rest, one)
			rest.without(one)
		}
		copy(out, rest) // those who are in none
		if !none {
			for i := range out {
				out[i] = ^out[i]
			}
		}
	}
}

// within are the places of a column that belong to the people from lo to hi.
func within(who []uint32, lo, hi uint32) (from, to int) {
	from, _ = slices.BinarySearch(who, lo)
	to, _ = slices.BinarySearch(who, hi)
	return from, to
}

func have(who []uint32) ask {
	return func(lo, hi uint32, _, out bits) {
		out.fill(false)
		from, to := within(who, lo, hi)
		for _, i := range who[from:to] {
			out.set(i - lo)
		}
	}
}

// each asks something of one after the other.
func each(is func(i uint32) bool) ask {
	return func(lo, hi uint32, among, out bits) {
		out.fill(false)
		for i := range hi - lo {
			if among.has(i) && is(lo+i) {
				out.set(i)
			}
		}
	}
}

// passing tells of each different value whether a comparison is true of it; the
// first is none.
func (v *values) passing(f rule.Filter, t int64) ([]bool, error) {
	if v.dropped {
		return nil, ErrNotIndexed
	}
	is := rule.Test(f)
	pass := make([]bool, max(1, len(v.facts)))
	pass[0] = is(rule.Fact{}, false, t)
	for i := 1; i < len(pass); i++ {
		pass[i] = is(v.facts[i], true, t)
	}
	return pass, nil
}

func (q question) attribute(n rule.Node) (ask, error) {
	f := rule.Filter{Op: n.Op, Value: n.Value, Values: n.Values, Duration: n.Duration}
	switch n.Name {
	case rule.CreatedAttribute:
		return q.instants(f, q.created), nil
	case rule.SeenAttribute:
		return q.instants(f, q.seen), nil
	}
	a := q.attributes[n.Name]
	if a == nil {
		a = &attribute{}
	}
	pass, err := a.passing(f, q.t)
	if err != nil {
		return nil, err
	}
	return func(lo, hi uint32, _, out bits) {
		out.fill(pass[0])
		from, to := within(a.who, lo, hi)
		for j := from; j < to; j++ {
			out.put(a.who[j]-lo, pass[a.code[j]])
		}
	}, nil
}

func (q question) instants(f rule.Filter, column []int64) ask {
	is := rule.Test(f)
	return each(func(i uint32) bool {
		if column[i] == 0 {
			return is(rule.Fact{}, false, q.t)
		}
		return is(rule.Fact{T: &column[i]}, true, q.t)
	})
}

func (q question) stageIn(n rule.Node) ask {
	in := make([]bool, len(q.stages))
	for i, key := range q.stages {
		in[i] = slices.Contains(n.Values, any(key))
	}
	until := int64(math.MaxInt64)
	if n.Duration != "" {
		until = earlier(q.t, n.Duration)
	}
	return each(func(i uint32) bool { return in[q.stage[i]] && q.since[i] <= until })
}

func (q question) dormant(n rule.Node) ask {
	until := earlier(q.t, n.Duration)
	return each(func(i uint32) bool {
		if q.seen[i] != 0 {
			return q.seen[i] <= until
		}
		return q.created[i] <= until
	})
}

func (q question) reachable(n rule.Node) ask {
	channels, purpose := []string{n.Channel}, n.Purpose
	if n.Channel == rule.AnyChannel {
		channels = rule.Channels
	}
	if purpose == "" {
		purpose = rule.Marketing
	}
	return func(lo, hi uint32, _, out bits) {
		out.fill(false)
		for _, channel := range channels {
			r := q.reach[way{channel, purpose}]
			if r == nil {
				continue
			}
			from, to := within(r.who, lo, hi)
			for j := from; j < to; j++ {
				if r.until[j] == 0 || r.until[j] > q.t {
					out.set(r.who[j] - lo)
				}
			}
		}
	}
}

// earlier is t without a length of time that was checked.
func earlier(t int64, duration string) int64 {
	d, _ := rule.Duration(duration)
	if t < math.MinInt64+d.Milliseconds() {
		return math.MinInt64
	}
	return t - d.Milliseconds()
}
