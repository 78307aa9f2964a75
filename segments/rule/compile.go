package rule

import (
	"fmt"
	"slices"

	"github.com/fanward/fanward/internal/fault"
)

// Program is a tree made ready for matching. It is immutable and may be used by
// any number of goroutines.
type Program struct {
	tree  Node
	root  step
	needs Needs
}

// step is one node of a program.
type step interface {
	// eval tells whether it is true at t, and the earliest instant after t at
	// which that may change by time alone.
	eval(p Person, t int64) (match bool, until int64)
	// explain is eval with the reason.
	explain(p Person, t int64) Why
	// cost orders the steps of a group: the cheap ones first.
	cost() int
}

// Compile makes a program of a tree. It refuses, with the same codes, what Check
// refuses, and segments that were not expanded.
func Compile(n Node) (*Program, error) {
	if err := fault.AtFields(n.check(CheckOptions{}, true)...); err != nil {
		return nil, err
	}
	root, err := build(n, "rule")
	if err != nil {
		return nil, err
	}
	return &Program{n, root, n.Needs()}, nil
}

// Tree is what the program was made of; it is not to be changed.
func (p *Program) Tree() Node { return p.tree }

// Needs is what the program reads of a person.
func (p *Program) Needs() Needs { return p.needs }

// Eval tells whether the tree is true of a person at t, and the earliest instant
// after t at which that may change by time alone; 0 is never.
func (p *Program) Eval(who Person, t int64) (match bool, until int64) {
	match, until = p.root.eval(who, t)
	return match, told(until)
}

// Explain is Eval with the reasons.
func (p *Program) Explain(who Person, t int64) Result {
	match, until := p.Eval(who, t)
	return Result{Match: match, Until: until, Why: p.root.explain(who, t)}
}

func told(until int64) int64 {
	if until == never {
		return 0
	}
	return until
}

// Match is Explain of a tree that is used once. A tree that Compile refuses
// matches nobody.
func Match(n Node, p Person, t int64) Result {
	program, err := Compile(n)
	if err != nil {
		return Result{}
	}
	return program.Explain(p, t)
}

// MatchFast is Match without the reasons; who matches many people compiles once.
func MatchFast(n Node, p Person, t int64) (match bool, until int64) {
	program, err := Compile(n)
	if err != nil {
		return false, 0
	}
	return program.Eval(p, t)
}

// group is All, Any, None, or a segment, which is All of its tree.
type group struct {
	kind Kind
	id   string // of a segment
	path string
	// of is in the order of the tree, quick in the order of their costs.
	of, quick []step
	// decides is the answer of one step that decides the group's, which is then
	// decided.
	decides, decided bool
}

func (g *group) eval(p Person, t int64) (bool, int64) {
	// While one step decides, the others do not matter: the group stays as it
	// is as long as any of those that decide it does.
	deciding, undecided, found := int64(always), int64(never), false
	for _, s := range g.quick {
		match, until := s.eval(p, t)
		switch {
		case match != g.decides:
			undecided = min(undecided, until)
		case until == never:
			return g.decided, never
		default:
			found, deciding = true, max(deciding, until)
		}
	}
	if found {
		return g.decided, deciding
	}
	return !g.decided, undecided
}

func (g *group) cost() int {
	sum := 0
	for _, s := range g.of {
		sum += s.cost()
	}
	return sum
}

// leaf is a step whose truth is one stretch of time for each person.
type leaf struct {
	node  Node
	path  string
	price int
	holds func(p Person) span
	shows func(p Person, t int64) any
}

func (l *leaf) eval(p Person, t int64) (bool, int64) { return l.holds(p).at(t) }
func (l *leaf) cost() int                            { return l.price }

func build(n Node, path string) (step, error) {
	switch n.Kind {
	case All, Any, None, Segment:
		return buildGroup(n, path)
	case Events:
		return buildEvents(n, path)
	case Time:
		return buildTime(n, path)
	case Attribute:
		return buildAttribute(n, path)
	case Tag:
		folded := TagName(n.Name)
		return &leaf{n, path, 1, func(p Person) span { return spanIf(p.HasTag(folded)) }, nil}, nil
	case Stage:
		return buildStage(n, path), nil
	case Dormant:
		d := milliseconds(n.Duration)
		return &leaf{n, path, 1, func(p Person) span { return span{later(seen(p), d), never} }, func(p Person, _ int64) any { return instantOf(seen(p)) }}, nil
	case Reachable:
		return buildReach(n, path), nil
	}
	return nil, fmt.Errorf("rule: no step for %q", n.Kind)
}

func buildGroup(n Node, path string) (step, error) {
	g := &group{kind: n.Kind, id: n.ID, path: path, decides: n.Kind == Any || n.Kind == None, decided: n.Kind == Any}
	for i, below := range n.Of {
		s, err := build(below, at(path, "of", i))
		if err != nil {
			return nil, err
		}
		g.of = append(g.of, s)
	}
	g.quick = slices.Clone(g.of)
	slices.SortStableFunc(g.quick, func(a, b step) int { return a.cost() - b.cost() })
	return g, nil
}

func buildAttribute(n Node, path string) (step, error) {
	c := compare(n.Op, n.Value, n.Values, n.Duration)
	switch n.Name {
	case CreatedAttribute:
		return instantLeaf(n, path, c, Person.CreatedAt), nil
	case SeenAttribute:
		return instantLeaf(n, path, c, Person.LastSeenAt), nil
	}
	return &leaf{n, path, 1, func(p Person) span {
		f, there := p.Attributes()[n.Name]
		return c.holds(f, there)
	}, func(p Person, _ int64) any { return p.Attributes()[n.Name].plain() }}, nil
}

func instantLeaf(n Node, path string, c *comparison, get func(Person) int64) step {
	return &leaf{n, path, 1, func(p Person) span {
		at := get(p)
		if at == 0 {
			return c.holds(Fact{}, false)
		}
		return c.holds(Fact{T: &at}, true)
	}, func(p Person, _ int64) any { return instantOf(get(p)) }}
}

func buildStage(n Node, path string) step {
	keys := make([]string, len(n.Values))
	for i, v := range n.Values {
		keys[i], _ = v.(string)
	}
	d := milliseconds(n.Duration)
	return &leaf{n, path, 1, func(p Person) span {
		key, since := p.Stage()
		if !slices.Contains(keys, key) {
			return nowhere
		}
		if n.Duration == "" {
			return forever
		}
		return span{later(since, d), never}
	}, func(p Person, _ int64) any { return stageOf(p) }}
}

func buildReach(n Node, path string) step {
	channels, purpose := reachOf(n)
	return &leaf{n, path, 2, func(p Person) span {
		all := nowhere
		for _, c := range channels {
			until, ok := p.Reach(c, purpose)
			switch {
			case ok && until == 0:
				return forever
			case ok:
				all = span{always, max(all.to, until)}
			}
		}
		return all
	}, nil}
}

// reachOf gives the channels and the purpose a reachable leaf means.
func reachOf(n Node) (channels []string, purpose string) {
	if purpose = n.Purpose; purpose == "" {
		purpose = Marketing
	}
	if n.Channel == AnyChannel {
		return Channels, purpose
	}
	return []string{n.Channel}, purpose
}

func seen(p Person) int64 {
	if at := p.LastSeenAt(); at != 0 {
		return at
	}
	return p.CreatedAt()
}

// milliseconds of a duration that was checked.
func milliseconds(s string) int64 {
	d, _ := Duration(s)
	return d.Milliseconds()
}

// compare compiles a comparison that was checked.
func compare(op Op, value any, values []any, duration string) *comparison {
	c := &comparison{op: op, duration: milliseconds(duration)}
	if positive, ok := positives[op]; ok {
		c.op, c.negative = positive, true
	}
	switch c.op {
	case Equals:
		c.add(value)
	case In:
		for _, v := range values {
			c.add(v)
		}
	case Before, After:
		s, _ := value.(string)
		c.instant, _ = Instant(s)
	case Contains, StartsWith, EndsWith:
		s, _ := value.(string)
		c.text = foldText(s)
	default:
		c.number, _ = ScaledValue(value)
	}
	slices.Sort(c.texts)
	slices.Sort(c.numbers)
	return c
}

func (c *comparison) add(value any) {
	switch v := value.(type) {
	case string:
		c.texts = append(c.texts, foldText(v))
	case bool:
		c.bools = append(c.bools, v)
	default:
		if n, ok := ScaledValue(value); ok {
			c.numbers = append(c.numbers, n)
		}
	}
}
