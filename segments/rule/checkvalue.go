package rule

import (
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// Which comparisons are possible where.
var (
	numberOps  = []Op{Equals, NotEquals, AtLeast, MoreThan, AtMost, LessThan}
	timeOps    = []Op{Before, After, WithinLast, MoreThanAgo}
	instantOps = []Op{Exists, NotExists, Before, After, WithinLast, MoreThanAgo, WithinNext}
	staticOps  = []Op{Equals, NotEquals, In, NotIn, Contains, NotContains, StartsWith, EndsWith, Exists, NotExists, AtLeast, MoreThan, AtMost, LessThan, Before, After}
	anyOps     = append(slices.Clone(staticOps), WithinLast, MoreThanAgo, WithinNext)
)

func (c *checker) op(op Op, path string, allowed []Op) {
	if op == "" {
		c.add(fault.Field{Field: path + ".op", Code: "required"})
		return
	}
	names := make([]string, len(allowed))
	for i := range allowed {
		names[i] = string(allowed[i])
	}
	c.add(fault.Field{Field: path + ".op", Code: "not_one_of", Params: fault.Params{"allowed": strings.Join(names, ", ")}})
}

// comparison checks an op with what it compares to.
func (c *checker) comparison(op Op, value any, values []any, duration, path string, allowed []Op) {
	if !slices.Contains(allowed, op) {
		c.op(op, path, allowed)
		return
	}
	takes := "value"
	switch op {
	case Equals, NotEquals:
		c.scalar(value, path+".value")
	case In, NotIn:
		takes = "values"
		c.count(len(values), path+".values")
		if len(values) <= MaxValues {
			for i, v := range values {
				c.scalar(v, at(path, "values", i))
			}
		}
	case Contains, NotContains, StartsWith, EndsWith:
		c.text(value, path+".value")
	case Exists, NotExists:
		takes = ""
	case AtLeast, MoreThan, AtMost, LessThan:
		c.number(value, path+".value")
	case Before, After:
		c.instant(value, path+".value")
	case WithinLast, MoreThanAgo, WithinNext:
		takes = "duration"
		c.duration(duration, path+".duration", true)
	}
	for _, f := range []struct {
		name  string
		given bool
	}{{"value", value != nil}, {"values", len(values) > 0}, {"duration", duration != ""}} {
		if f.given && f.name != takes {
			c.add(fault.Field{Field: path + "." + f.name, Code: "rule_unneeded", Params: fault.Params{"name": f.name}})
		}
	}
}

// scalar is a text, a number or a boolean.
func (c *checker) scalar(value any, path string) {
	switch v := value.(type) {
	case nil:
		c.add(fault.Field{Field: path, Code: "required"})
	case bool:
	case string:
		c.length(v, path)
	default:
		if _, ok := decimalOf(value); !ok {
			c.add(fault.Field{Field: path, Code: "rule_needs_scalar"})
			return
		}
		c.number(value, path)
	}
}

func (c *checker) text(value any, path string) {
	s, ok := value.(string)
	switch {
	case value == nil || ok && foldText(s) == "":
		c.add(fault.Field{Field: path, Code: "required"})
	case !ok:
		c.add(fault.Field{Field: path, Code: "rule_needs_text"})
	default:
		c.length(s, path)
	}
}

func (c *checker) length(s, path string) {
	if text.Length(text.Fold(text.CleanLine(s))) > maxFactText {
		c.add(fault.Field{Field: path, Code: "too_long", Params: fault.Params{"max": maxFactText}})
	}
}

func (c *checker) number(value any, path string) (n int64, ok bool) {
	if value == nil {
		c.add(fault.Field{Field: path, Code: "required"})
		return 0, false
	}
	if _, isNumber := decimalOf(value); !isNumber {
		c.add(fault.Field{Field: path, Code: "rule_needs_number"})
		return 0, false
	}
	if n, ok = ScaledValue(value); !ok {
		c.add(fault.Field{Field: path, Code: "rule_number_range", Params: fault.Params{"max": maxNumber}})
	}
	return n, ok
}

func (c *checker) instant(value any, path string) {
	s, ok := value.(string)
	if value == nil || ok && s == "" {
		c.add(fault.Field{Field: path, Code: "required"})
	} else if _, valid := Instant(s); !valid {
		c.add(fault.Field{Field: path, Code: "rule_needs_instant"})
	}
}
