package index

import (
	"math"
	"sort"

	"github.com/fanward/fanward/segments/rule"
)

// stretch is when events count: from ≤ at ≤ to.
func (q question) stretch(w *rule.Window) (from, to int64) {
	from, to = math.MinInt64, q.t
	if w == nil {
		return from, to
	}
	if w.Last != "" {
		if e := earlier(q.t, w.Last); e < math.MaxInt64 {
			from = e + 1
		}
	}
	if at, ok := rule.Instant(w.From); ok {
		from = max(from, at)
	}
	if at, ok := rule.Instant(w.To); ok {
		to = min(to, at-1)
	}
	return from, to
}

// condition tells which values of a property pass.
type condition struct {
	code []uint32
	pass []bool
}

func (c condition) holds(event int) bool {
	if len(c.code) == 0 {
		return c.pass[0]
	}
	return c.pass[c.code[event]]
}

func (q question) conditions(h *happened, where []rule.Filter) (list []condition, err error) {
	for _, f := range where {
		p := h.properties[f.Property]
		if p == nil {
			p = &property{}
		}
		c := condition{code: p.code}
		if c.pass, err = p.passing(f, q.t); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// happened answers leaves on events.
func (q question) happened(n rule.Node) (ask, int, error) {
	h := q.events[n.Name]
	if h == nil {
		h = &happened{first: []uint32{0}}
	}
	where, err := q.conditions(h, n.Where)
	if err != nil {
		return nil, 0, err
	}
	look := looking{happened: h, where: where}
	look.from, look.to = q.stretch(n.Window)
	cost := len(h.at) / 1000 * (1 + len(where))
	switch {
	case n.Kind == rule.Time:
		return look.firstOrLast(n, q.t), cost, nil
	case n.Measure == rule.Sum:
		answer, err := look.sum(n)
		return answer, cost * 2, err
	}
	return look.count(n), cost, nil
}

type looking struct {
	*happened
	where    []condition
	from, to int64
}

func (l *looking) counts(event int) bool {
	if at := l.at[event]; at < l.from || at > l.to {
		return false
	}
	for _, c := range l.where {
		if !c.holds(event) {
			return false
		}
	}
	return true
}

// people asks of those who have such events; nothing is the answer of the rest.
func (l *looking) people(nothing bool, is func(first, end int) bool) ask {
	return func(lo, hi uint32, among, out bits) {
		out.fill(nothing)
		from, to := within(l.who, lo, hi)
		for j := from; j < to; j++ {
			if i := l.who[j] - lo; among.has(i) {
				out.put(i, is(int(l.first[j]), int(l.first[j+1])))
			}
		}
	}
}

func (l *looking) count(n rule.Node) ask {
	number, _ := rule.ScaledValue(n.Value)
	is := thresholds(n.Op, number/rule.Scale)
	if len(l.where) > 0 {
		return l.people(is(0), func(first, end int) bool {
			count := int64(0)
			for event := first; event < end; event++ {
				if l.counts(event) {
					count++
				}
			}
			return is(count)
		})
	}
	return l.people(is(0), func(first, end int) bool {
		at := l.at[first:end]
		if at[0] >= l.from && at[len(at)-1] <= l.to {
			return is(int64(len(at)))
		}
		count := int64(0)
		for _, at := range at {
			if at >= l.from && at <= l.to {
				count++
			}
		}
		return is(count)
	})
}

// thresholds makes a number comparison.
func thresholds(op rule.Op, than int64) func(int64) bool {
	switch op {
	case rule.Equals:
		return func(n int64) bool { return n == than }
	case rule.NotEquals:
		return func(n int64) bool { return n != than }
	case rule.AtLeast:
		return func(n int64) bool { return n >= than }
	case rule.MoreThan:
		return func(n int64) bool { return n > than }
	case rule.AtMost:
		return func(n int64) bool { return n <= than }
	}
	return func(n int64) bool { return n < than }
}

func (l *looking) sum(n rule.Node) (ask, error) {
	p := l.properties[n.Property]
	if p == nil {
		p = &property{}
	}
	if p.dropped {
		return nil, ErrNotIndexed
	}
	numbers := make([]int64, max(1, len(p.facts)))
	for i, f := range p.facts {
		if f.N != nil {
			numbers[i] = *f.N
		}
	}
	number, _ := rule.ScaledValue(n.Value)
	is := thresholds(n.Op, number)
	return l.people(is(0), func(first, end int) bool {
		var sum rule.Total
		for event := first; event < end; event++ {
			if len(p.code) > 0 && l.counts(event) {
				sum.Add(numbers[p.code[event]])
			}
		}
		return is(sum.Capped())
	}), nil
}

func (l *looking) firstOrLast(n rule.Node, t int64) ask {
	is := rule.Test(rule.Filter{Op: n.Op, Value: n.Value, Duration: n.Duration})
	holds := func(event int) bool { return is(rule.Fact{T: &l.at[event]}, true, t) }
	if n.Which == rule.First {
		return l.people(false, func(first, end int) bool {
			for event := first; event < end && l.at[event] <= t; event++ {
				if l.counts(event) {
					return holds(event)
				}
			}
			return false
		})
	}
	return l.people(false, func(first, end int) bool {
		end = first + sort.Search(end-first, func(i int) bool { return l.at[first+i] > t })
		for event := end - 1; event >= first; event-- {
			if l.counts(event) {
				return holds(event)
			}
		}
		return false
	})
}
