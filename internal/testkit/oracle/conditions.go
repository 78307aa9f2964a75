package oracle

import (
	"encoding/json"
	"math/big"
	"slices"

	"github.com/fanward/fanward/segments/rule"
)

// Instants are those at which something happens to a person, without the lengths
// of conditions.
func (p *Person) Instants() []int64 {
	all := []int64{p.CreatedAt, p.LastSeenAt, p.StageSince}
	moments := func(object map[string]any) {
		for _, v := range object {
			if at, ok := moment(v); ok {
				all = append(all, at)
			}
		}
	}
	moments(parse(p.Attributes))
	for _, e := range p.Events {
		all = append(all, e.At)
		moments(parse(e.Properties))
	}
	for _, i := range p.Identities {
		all = append(all, i.OpenUntil)
	}
	slices.Sort(all)
	return all
}

// Edges are all instants after t at which a condition on the person can change,
// ascending: what happens to them, by the lengths that the condition names.
func (p *Person) Edges(n rule.Node, t int64) []int64 {
	shifts := map[int64]bool{0: true}
	add := func(s string) {
		if s != "" {
			shifts[duration(s)], shifts[-duration(s)] = true, true
		}
	}
	var walk func(n rule.Node)
	walk = func(n rule.Node) {
		add(n.Duration)
		if n.Window != nil {
			add(n.Window.Last)
		}
		for _, f := range n.Where {
			add(f.Duration)
		}
		for _, below := range n.Of {
			walk(below)
		}
	}
	walk(n)
	var edges []int64
	for _, at := range p.Instants() {
		for d := range shifts {
			if at+d > t {
				edges = append(edges, at+d)
			}
		}
	}
	slices.Sort(edges)
	return slices.Compact(edges)
}

// Instant is one at which a window may just end or begin for somebody, or a
// millisecond beside it.
func (w *World) Instant(people []*Person) int64 {
	for {
		at := pick(w, pick(w, people).Instants())
		w.hint = pick(w, durations)
		at += duration(w.hint) * int64(w.IntN(3)-1)
		at += int64(w.IntN(3) - 1)
		if at > w.Now-20*24*hour && at < w.Now+4*24*hour {
			return at
		}
	}
}

// EdgeOf is an instant at which a condition may change for somebody, or a
// millisecond beside it; t when there is none near now.
func (w *World) EdgeOf(n rule.Node, people []*Person, t int64) int64 {
	edges := pick(w, people).Edges(n, w.Now-20*24*hour)
	end, _ := slices.BinarySearch(edges, w.Now+4*24*hour)
	if end == 0 {
		return t
	}
	return edges[w.IntN(end)] + []int64{-1, 0, 0, 1}[w.IntN(4)]
}

func (w *World) duration() string {
	if w.hint != "" && w.chance(70) {
		return w.hint
	}
	return pick(w, durations)
}

// Share is of how many hundredths of the people a condition is true.
func Share(n rule.Node, people []*Person, t int64) int {
	members := 0
	for _, p := range people {
		if Match(n, p, t) {
			members++
		}
	}
	return 100 * members / len(people)
}

// Leaf is a condition that is true of 20 to 80 of a hundred people at t.
func (w *World) Leaf(people []*Person, t int64) rule.Node {
	for {
		form := pick(w, []func([]*Person, int64) rule.Node{w.attribute, w.attribute, w.attribute, w.tag, w.stage, w.count, w.count, w.sum, w.firstOrLast, w.dormant, w.reachable})
		w.wanted = w.op()
		for range 20 {
			n := form(people, t)
			if share := Share(n, people, t); share >= 20 && share <= 80 {
				return n
			}
		}
	}
}

// Drifting is a condition on events that begin and cease to count by what a
// property of theirs says, however few it is true of.
func (w *World) Drifting(people []*Person, t int64) rule.Node {
	for {
		w.wanted = pick(w, []rule.Op{rule.WithinLast, rule.MoreThanAgo, rule.WithinNext})
		n := pick(w, []func([]*Person, int64) rule.Node{w.count, w.sum})(people, t)
		for _, f := range n.Where {
			if f.Property == "until" && f.Duration != "" {
				return n
			}
		}
	}
}

var groups = []rule.Kind{rule.All, rule.Any, rule.None}

// Tree combines leaves into groups within groups; sometimes through a segment.
func (w *World) Tree(leaves []rule.Node) rule.Node {
	if len(leaves) == 1 {
		switch w.IntN(8) {
		case 0:
			return rule.Node{Kind: rule.Segment, ID: "1", Of: leaves}
		case 1:
			return rule.Node{Kind: pick(w, groups), Of: leaves}
		}
		return leaves[0]
	}
	n := rule.Node{Kind: pick(w, groups)}
	for len(leaves) > 0 {
		most := len(leaves)
		if len(n.Of) == 0 {
			most-- // a group of one group would nest without end
		}
		k := 1 + w.IntN(most)
		n.Of = append(n.Of, w.Tree(leaves[:k]))
		leaves = leaves[k:]
	}
	return n
}

var ops = []rule.Op{rule.Equals, rule.NotEquals, rule.In, rule.NotIn, rule.Contains, rule.NotContains, rule.StartsWith, rule.EndsWith, rule.Exists, rule.NotExists,
	rule.AtLeast, rule.MoreThan, rule.AtMost, rule.LessThan, rule.Before, rule.After, rule.WithinLast, rule.MoreThanAgo, rule.WithinNext}

// op is a comparison, those with time more often than others.
func (w *World) op() rule.Op {
	if w.chance(40) {
		return pick(w, ops[len(ops)-5:])
	}
	return pick(w, ops)
}

// named picks the name of something that a comparison makes sense of, mostly.
func (w *World) named(op rule.Op, texts, numbers, instants, others []string) string {
	of := append(slices.Concat(texts, numbers, instants), others...)
	if w.chance(20) {
		return pick(w, of)
	}
	switch op {
	case rule.StartsWith, rule.EndsWith:
		of = texts
	case rule.AtLeast, rule.MoreThan, rule.AtMost, rule.LessThan:
		of = numbers
	case rule.Before, rule.After, rule.WithinLast, rule.MoreThanAgo, rule.WithinNext:
		of = instants
	}
	return pick(w, of)
}

// filter compares something of that name with what somebody has under it.
func (w *World) filter(name string, op rule.Op, values func() any) rule.Filter {
	f := rule.Filter{Property: name, Op: op}
	text := func() string {
		for range 20 {
			if s, ok := values().(string); ok && fold(s) != "" {
				return s
			}
		}
		return pick(w, cities)
	}
	switch op {
	case rule.Equals, rule.NotEquals:
		f.Value = w.scalar(values)
	case rule.In, rule.NotIn:
		for range 1 + w.IntN(4) {
			f.Values = append(f.Values, w.scalar(values))
		}
	case rule.Contains, rule.NotContains:
		f.Value = w.part(text())
		if w.chance(30) {
			f.Value = pick(w, []string{"WINE", "上海", "2.5", "true", "5"})
		}
	case rule.StartsWith:
		r := []rune(text())
		f.Value = string(r[:1+w.IntN(len(r))])
	case rule.EndsWith:
		r := []rune(text())
		f.Value = string(r[w.IntN(len(r)):])
	case rule.AtLeast, rule.MoreThan, rule.AtMost, rule.LessThan:
		f.Value = w.number()
		if _, ok := scaled(f.Value); !ok {
			f.Value = 20.0
		}
	case rule.Before, rule.After:
		f.Value = w.written(w.Now)
		if at, ok := moment(values()); ok {
			f.Value = w.written(at + int64(w.IntN(3)-1))
		}
	case rule.WithinLast, rule.MoreThanAgo, rule.WithinNext:
		f.Duration = w.duration()
	}
	if s, ok := f.Value.(string); ok && fold(s) == "" {
		f.Value = "x"
	}
	return f
}

func (w *World) part(s string) string {
	r := []rune(s)
	from := w.IntN(len(r))
	return string(r[from : from+1+w.IntN(len(r)-from)])
}

// scalar is a value somebody has, in the types that a condition may have.
func (w *World) scalar(values func() any) any {
	for range 10 {
		switch v := values().(type) {
		case string, bool:
			return v
		case json.Number:
			if _, ok := scaled(v); !ok {
				continue
			}
			if f, err := v.Float64(); err == nil && f > -1e12 && f < 1e12 && w.chance(50) {
				return f
			}
			return v
		}
	}
	return pick(w, cities)
}

func (w *World) attribute(people []*Person, _ int64) rule.Node {
	op := w.wanted
	name := w.named(op, []string{"city", "address.city", "$name", "$locale", "$timezone"}, []string{"age", "address.floor", "a.b"}, []string{"birthday", "$created_at", "$last_seen_at"},
		[]string{"vip", "likes", `odd 'key' ?$1 {x} %`, "客户等级", "missing"})
	if on := []rule.Op{rule.Exists, rule.NotExists, rule.Before, rule.After, rule.WithinLast, rule.MoreThanAgo, rule.WithinNext}; (name == "$created_at" || name == "$last_seen_at") && !slices.Contains(on, op) {
		op = pick(w, on)
	}
	f := w.filter(name, op, func() any {
		p := pick(w, people)
		switch name {
		case "$name":
			return p.Name
		case "$locale":
			return p.Locale
		case "$timezone":
			return p.Timezone
		case "$created_at":
			return instant(p.CreatedAt)
		case "$last_seen_at":
			return instant(p.LastSeenAt)
		}
		return find(parse(p.Attributes), name)
	})
	return rule.Node{Kind: rule.Attribute, Name: name, Op: f.Op, Value: f.Value, Values: f.Values, Duration: f.Duration}
}

func (w *World) tag([]*Person, int64) rule.Node {
	return rule.Node{Kind: rule.Tag, Name: pick(w, []string{"vip", "ＶＩＰ", " wine ", "新客"})}
}

func (w *World) stage([]*Person, int64) rule.Node {
	n := rule.Node{Kind: rule.Stage}
	for range 1 + w.IntN(3) {
		n.Values = append(n.Values, pick(w, stages))
	}
	if w.chance(60) {
		n.Duration = w.duration()
	}
	return n
}

// events is a leaf on one kind of event, not yet compared.
func (w *World) events(kind rule.Kind, people []*Person, t int64) rule.Node {
	n := rule.Node{Kind: kind, Name: pick(w, EventNames)}
	for w.chance(60) && len(n.Where) < 2 {
		op := w.op()
		if len(n.Where) == 0 {
			op = w.wanted
		}
		if kind == rule.Time && (op == rule.WithinLast || op == rule.WithinNext || op == rule.MoreThanAgo) {
			op = rule.NotEquals
		}
		name := w.named(op, []string{"city"}, []string{"total", "shop.id"}, []string{"until"}, []string{"paid", "likes", `odd 'key' ?$1 {x} %`})
		n.Where = append(n.Where, w.filter(name, op, func() any {
			p := pick(w, people)
			if len(p.Events) == 0 {
				return nil
			}
			return find(parse(pick(w, p.Events).Properties), name)
		}))
	}
	if kind == rule.Time {
		return n
	}
	switch w.IntN(4) {
	case 0, 1:
		n.Window = &rule.Window{Last: w.duration()}
	case 2:
		from, to := w.eventInstant(people, t), w.eventInstant(people, t)
		n.Window = &rule.Window{From: w.written(min(from, to)), To: w.written(max(from, to) + 1)}
		switch w.IntN(3) {
		case 0:
			n.Window.From = ""
		case 1:
			n.Window.To = ""
		}
	}
	return n
}

func (w *World) eventInstant(people []*Person, t int64) int64 {
	if p := pick(w, people); len(p.Events) > 0 {
		return pick(w, p.Events).At + int64(w.IntN(3)-1)
	}
	return t
}

var numberOps = []rule.Op{rule.Equals, rule.NotEquals, rule.AtLeast, rule.MoreThan, rule.AtMost, rule.LessThan}

// count compares with how often it happened to somebody.
func (w *World) count(people []*Person, t int64) rule.Node {
	n := w.events(rule.Events, people, t)
	n.Op, n.Value = pick(w, numberOps), float64(max(len(counted(n, pick(w, people), t)), w.IntN(3)))
	if w.chance(30) {
		n.Measure = rule.Count
	}
	return n
}

// sum compares with what somebody's events sum up to.
func (w *World) sum(people []*Person, t int64) rule.Node {
	n := w.events(rule.Events, people, t)
	n.Op, n.Measure, n.Property = pick(w, numberOps), rule.Sum, pick(w, []string{"total", "total", "shop.id"})
	sum := new(big.Int)
	for _, e := range counted(n, pick(w, people), t) {
		if x, ok := scaled(find(e.parsed, n.Property)); ok {
			sum.Add(sum, x)
		}
	}
	n.Value = json.Number(plain(sum))
	if _, ok := scaled(n.Value); !ok {
		n.Value = 0.0
	}
	return n
}

func (w *World) firstOrLast(people []*Person, t int64) rule.Node {
	n := w.events(rule.Time, people, t)
	n.Which = pick(w, []string{rule.First, rule.Last})
	f := w.filter("", pick(w, []rule.Op{rule.Before, rule.After, rule.WithinLast, rule.MoreThanAgo}), func() any { return instant(w.eventInstant(people, t)) })
	n.Op, n.Value, n.Duration = f.Op, f.Value, f.Duration
	return n
}

func (w *World) dormant([]*Person, int64) rule.Node {
	return rule.Node{Kind: rule.Dormant, Duration: w.duration()}
}

func (w *World) reachable([]*Person, int64) rule.Node {
	return rule.Node{Kind: rule.Reachable, Channel: pick(w, []string{"wechat", "wechat", "email", "webchat", "any"}), Purpose: pick(w, []string{"", "marketing", "transactional"})}
}
