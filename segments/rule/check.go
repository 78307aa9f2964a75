package rule

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// Limits of a tree as it is stored.
const (
	MaxDepth  = 10
	MaxNodes  = 100
	MaxValues = 500
	MaxWhere  = 20

	maxEventName = 200
	maxTagName   = 100
)

// CheckOptions say how a tree is checked.
type CheckOptions struct {
	// Prefix is the path of the root, "rule" when empty.
	Prefix string
	// Segment and Stage tell what exists; nil does not ask.
	Segment func(id string) bool
	Stage   func(key string) bool
}

// Check names everything that is wrong with a tree, each at its path:
// "rule.of[1].where[0].value". A tree without faults can be compiled, once its
// segments are expanded.
func (n Node) Check(o CheckOptions) []fault.Field { return n.check(o, false) }

// check with expanded takes a tree with its segments in it.
func (n Node) check(o CheckOptions, expanded bool) []fault.Field {
	if o.Prefix == "" {
		o.Prefix = "rule"
	}
	c := &checker{o: o, expanded: expanded}
	c.node(n, o.Prefix, 1)
	return c.bad
}

// CheckWhere is Check of the conditions on an event's properties at a path.
func CheckWhere(where []Filter, path string) []fault.Field {
	c := &checker{}
	c.where(where, path, false)
	return c.bad
}

// Where tells whether the properties of an event are as demanded at t; the
// conditions have passed CheckWhere.
func Where(where []Filter, facts Facts, t int64) bool {
	for _, f := range where {
		fact, there := facts[f.Property]
		if !Test(f)(fact, there, t) {
			return false
		}
	}
	return true
}

// Test is one comparison, made ready to be asked of many facts. Its Property
// does not matter; the comparison has passed CheckWhere.
func Test(f Filter) func(fact Fact, there bool, t int64) bool {
	c := compare(f.Op, f.Value, f.Values, f.Duration)
	return func(fact Fact, there bool, t int64) bool {
		in, _ := c.holds(fact, there).at(t)
		return in
	}
}

type checker struct {
	o        CheckOptions
	expanded bool
	nodes    int
	bad      []fault.Field
}

func (c *checker) add(f fault.Field) { c.bad = append(c.bad, f) }

// fields are those that a kind has, besides the kind.
var fields = map[Kind]string{
	All: "of", Any: "of", None: "of",
	Attribute: "name op value values duration",
	Tag:       "name",
	Stage:     "values duration",
	Events:    "name where op value measure property window",
	Time:      "name where which op value duration",
	Dormant:   "duration",
	Segment:   "id",
	Reachable: "channel purpose",
}

var kinds = "all, any, none, attribute, tag, stage, event, time, dormant, segment, reachable"

func (c *checker) node(n Node, path string, depth int) {
	c.nodes++
	switch {
	case !c.expanded && depth > MaxDepth:
		c.add(fault.Field{Field: path, Code: "rule_too_deep", Params: fault.Params{"max": MaxDepth}})
		return
	case !c.expanded && c.nodes > MaxNodes:
		if c.nodes == MaxNodes+1 { // said once
			c.add(fault.Field{Field: path, Code: "rule_too_large", Params: fault.Params{"max": MaxNodes}})
		}
		return
	}
	if _, known := fields[n.Kind]; !known {
		c.add(fault.Field{Field: path + ".kind", Code: "not_one_of", Params: fault.Params{"allowed": kinds}})
		return
	}
	c.unneeded(n, path)
	c.leaf(n, path)
	for i, below := range n.Of {
		c.node(below, at(path, "of", i), depth+1)
	}
}

// unneeded refuses fields that mean nothing for the kind.
func (c *checker) unneeded(n Node, path string) {
	allowed := strings.Fields(fields[n.Kind])
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"of", len(n.Of) > 0 && (n.Kind != Segment || !c.expanded)}, {"name", n.Name != ""}, {"op", n.Op != ""}, {"value", n.Value != nil}, {"values", len(n.Values) > 0},
		{"where", len(n.Where) > 0}, {"measure", n.Measure != ""}, {"property", n.Property != ""}, {"window", n.Window != nil}, {"which", n.Which != ""},
		{"duration", n.Duration != ""}, {"id", n.ID != ""}, {"channel", n.Channel != ""}, {"purpose", n.Purpose != ""},
	} {
		if f.given && !slices.Contains(allowed, f.name) {
			c.add(fault.Field{Field: path + "." + f.name, Code: "rule_unneeded", Params: fault.Params{"name": f.name}})
		}
	}
}

func (c *checker) leaf(n Node, path string) {
	switch n.Kind {
	case Attribute:
		c.key(n.Name, path+".name")
		ops := anyOps
		if n.Name == CreatedAttribute || n.Name == SeenAttribute {
			ops = instantOps
		}
		c.comparison(n.Op, n.Value, n.Values, n.Duration, path, ops)
	case Tag:
		c.name(n.Name, path+".name", maxTagName)
	case Stage:
		c.stages(n, path)
	case Events:
		c.name(n.Name, path+".name", maxEventName)
		c.where(n.Where, path+".where", false)
		c.window(n.Window, path+".window")
		c.measure(n, path)
	case Time:
		c.name(n.Name, path+".name", maxEventName)
		c.where(n.Where, path+".where", true)
		c.oneOf(n.Which, path+".which", First, Last)
		c.comparison(n.Op, n.Value, nil, n.Duration, path, timeOps)
	case Dormant:
		c.duration(n.Duration, path+".duration", true)
	case Segment:
		c.segment(n, path)
	case Reachable:
		c.oneOf(n.Channel, path+".channel", append(slices.Clone(Channels), AnyChannel)...)
		if n.Purpose != "" {
			c.oneOf(n.Purpose, path+".purpose", Marketing, Transactional)
		}
	}
}

func (c *checker) segment(n Node, path string) {
	switch {
	case n.ID == "":
		c.add(fault.Field{Field: path + ".id", Code: "required"})
	case c.expanded && len(n.Of) != 1:
		c.add(fault.Field{Field: path, Code: "segment_unknown", Params: fault.Params{"id": text.Preview(n.ID, 30)}})
	case c.o.Segment != nil && !c.o.Segment(n.ID):
		c.add(fault.Field{Field: path + ".id", Code: "segment_unknown", Params: fault.Params{"id": text.Preview(n.ID, 30)}})
	}
}

func (c *checker) stages(n Node, path string) {
	c.count(len(n.Values), path+".values")
	for i, v := range n.Values {
		key, ok := v.(string)
		switch {
		case !ok:
			c.add(fault.Field{Field: at(path, "values", i), Code: "rule_needs_text"})
		case key != "" && (!storable(key) || c.o.Stage != nil && !c.o.Stage(key)):
			c.add(fault.Field{Field: at(path, "values", i), Code: "stage_unknown", Params: fault.Params{"stage": text.Preview(key, 40)}})
		}
	}
	c.duration(n.Duration, path+".duration", false)
}

func (c *checker) measure(n Node, path string) {
	if n.Measure != "" {
		c.oneOf(n.Measure, path+".measure", Count, Sum)
	}
	if n.Measure == Sum {
		c.key(n.Property, path+".property")
	} else if n.Property != "" {
		c.add(fault.Field{Field: path + ".property", Code: "rule_unneeded", Params: fault.Params{"name": "property"}})
	}
	if !slices.Contains(numberOps, n.Op) {
		c.op(n.Op, path, numberOps)
		return
	}
	value, ok := c.number(n.Value, path+".value")
	if ok && n.Measure != Sum && (value < 0 || value%Scale != 0) {
		c.add(fault.Field{Field: path + ".value", Code: "rule_needs_count"})
	}
}

func (c *checker) window(w *Window, path string) {
	if w == nil {
		return
	}
	if w.Last != "" {
		c.duration(w.Last, path+".last", true)
		if w.From != "" || w.To != "" {
			c.add(fault.Field{Field: path + ".last", Code: "not_together", Params: fault.Params{"other": "from, to"}})
		}
	}
	from, hasFrom := c.bound(w.From, path+".from")
	to, hasTo := c.bound(w.To, path+".to")
	if hasFrom && hasTo && from >= to {
		c.add(fault.Field{Field: path + ".to", Code: "rule_window_empty"})
	}
}

func (c *checker) bound(s, path string) (at int64, ok bool) {
	if s == "" {
		return 0, false
	}
	if at, ok = Instant(s); !ok {
		c.add(fault.Field{Field: path, Code: "rule_needs_instant"})
	}
	return at, ok
}

func (c *checker) where(where []Filter, path string, static bool) {
	if len(where) > MaxWhere {
		c.add(fault.Field{Field: path, Code: "too_many", Params: fault.Params{"max": MaxWhere}})
		return
	}
	ops := anyOps
	if static {
		ops = staticOps
	}
	for i, f := range where {
		below := fmt.Sprintf("%s[%d]", path, i)
		c.key(f.Property, below+".property")
		c.comparison(f.Op, f.Value, f.Values, f.Duration, below, ops)
	}
}

// key checks the name of a fact.
func (c *checker) key(name, path string) {
	switch {
	case name == "":
		c.add(fault.Field{Field: path, Code: "required"})
	case !usableKey(name):
		c.add(fault.Field{Field: path, Code: "rule_name_invalid", Params: fault.Params{"max": maxFactKey}})
	}
}

// name checks the name of an event or a tag; what nobody has is no fault.
func (c *checker) name(name, path string, limit int) {
	switch {
	case text.CleanLine(name) == "":
		c.add(fault.Field{Field: path, Code: "required"})
	case text.Length(name) > limit:
		c.add(fault.Field{Field: path, Code: "too_long", Params: fault.Params{"max": limit}})
	case !storable(name):
		c.add(fault.Field{Field: path, Code: "rule_name_invalid", Params: fault.Params{"max": limit}})
	}
}

// storable says whether a database takes a text as a value.
func storable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func (c *checker) oneOf(value, path string, allowed ...string) {
	switch {
	case value == "":
		c.add(fault.Field{Field: path, Code: "required"})
	case !slices.Contains(allowed, value):
		c.add(fault.Field{Field: path, Code: "not_one_of", Params: fault.Params{"allowed": strings.Join(allowed, ", ")}})
	}
}

func (c *checker) count(n int, path string) {
	switch {
	case n == 0:
		c.add(fault.Field{Field: path, Code: "required"})
	case n > MaxValues:
		c.add(fault.Field{Field: path, Code: "too_many", Params: fault.Params{"max": MaxValues}})
	}
}

func (c *checker) duration(s, path string, needed bool) {
	if s == "" && !needed {
		return
	}
	if s == "" {
		c.add(fault.Field{Field: path, Code: "required"})
	} else if _, ok := Duration(s); !ok {
		c.add(fault.Field{Field: path, Code: "duration_invalid"})
	}
}
