package rule

import "github.com/fanward/fanward/internal/text"

// value is where a fact stands in a row.
type value struct {
	row, key string
	// instant is a column that is an instant and nothing else.
	instant string
}

// member writes the expression of one typed value of a fact; of the types n, b
// and t it is an integer, of s a text.
func (w *writer) member(v value, kind string) {
	switch {
	case v.instant != "" && kind == "t":
		w.add(v.instant)
	case v.instant != "":
		w.add("NULL")
	case w.d == Postgres && kind == "s":
		w.add("("+v.row+".facts::jsonb #>> ?::text[])", arrayPath(v.key, kind))
	case w.d == Postgres:
		w.add("("+v.row+".facts::jsonb #>> ?::text[])::bigint", arrayPath(v.key, kind))
	default:
		w.add("json_extract("+v.row+".facts, ?)", dollarPath(v.key)+"."+kind)
	}
}

// arrayPath and dollarPath name a member of a fact; keys hold neither quotes nor
// backslashes.
func arrayPath(key string, kind ...string) string {
	p := `{"` + key + `"`
	for _, k := range kind {
		p += "," + k
	}
	return p + "}"
}

func dollarPath(key string) string { return `$."` + key + `"` }

func (w *writer) comparison(c *comparison, v value) {
	if c.negative {
		w.add("NOT ")
	}
	w.add("(")
	switch c.op {
	case Exists:
		w.exists(v)
	case Equals, In:
		w.oneOf(c, v)
	case Contains:
		w.contains(c, v)
	case StartsWith:
		w.total(func() {
			w.add("substr(")
			w.member(v, "s")
			w.add(", 1, ?) = ?", text.Length(c.text), c.text)
		})
	case EndsWith:
		w.total(func() {
			w.add(w.engine("substr(", "right("))
			w.member(v, "s")
			n := text.Length(c.text)
			if w.d != Postgres {
				n = -n
			}
			w.add(", ?) = ?", n, c.text)
		})
	case Before, After, WithinLast, MoreThanAgo, WithinNext:
		w.total(func() { w.instant(c, func() { w.member(v, "t") }) })
	default:
		w.total(func() {
			w.member(v, "n")
			w.add(" "+signs[c.op]+" ?", c.number)
		})
	}
	w.add(")")
}

var signs = map[Op]string{Equals: "=", NotEquals: "<>", AtLeast: ">=", MoreThan: ">", AtMost: "<=", LessThan: "<"}

// instant compares an expression that is an instant or NULL.
func (w *writer) instant(c *comparison, column func()) {
	column()
	switch c.op {
	case Before:
		w.add(" < ?", c.instant)
	case After:
		w.add(" > ?", c.instant)
	case WithinLast:
		w.add(" > ? AND ", earlier(w.t, c.duration))
		column()
		w.add(" <= ?", w.t)
	case MoreThanAgo:
		w.add(" <= ?", earlier(w.t, c.duration))
	case WithinNext:
		w.add(" > ? AND ", w.t)
		column()
		w.add(" <= ?", later(w.t, c.duration))
	}
}

func (w *writer) exists(v value) {
	switch {
	case v.instant != "":
		w.add(v.instant + " IS NOT NULL")
	case w.d == Postgres:
		w.add("("+v.row+".facts::jsonb #> ?::text[]) IS NOT NULL", arrayPath(v.key))
	default:
		w.add("json_type("+v.row+".facts, ?) IS NOT NULL", dollarPath(v.key))
	}
}

func (w *writer) oneOf(c *comparison, v value) {
	texts, numbers, bools := anys(c.texts), anys(c.numbers), []any{}
	for _, b := range c.bools {
		if b {
			bools = append(bools, 1)
		} else {
			bools = append(bools, 0)
		}
	}
	first := true
	for _, list := range []struct {
		kind   string
		values []any
	}{{"s", texts}, {"n", numbers}, {"b", bools}} {
		if len(list.values) == 0 {
			continue
		}
		if !first {
			w.add(" OR ")
		}
		first = false
		w.total(func() {
			w.member(v, list.kind)
			w.in(list.values, list.kind != "s")
		})
	}
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func (w *writer) contains(c *comparison, v value) {
	w.total(func() {
		w.add(w.engine("instr(", "strpos("))
		w.member(v, "s")
		w.add(", ?) > 0", c.text)
	})
	w.add(" OR ")
	switch {
	case v.instant != "":
		w.add("FALSE")
	case w.d == Postgres:
		w.add("COALESCE(("+v.row+".facts::jsonb #> ?::text[]) @> to_jsonb(?::text), FALSE)", arrayPath(v.key, "l"), c.text)
	default:
		w.add("EXISTS (SELECT 1 FROM json_each("+v.row+".facts, ?) WHERE value = ?)", dollarPath(v.key)+".l", c.text)
	}
}
