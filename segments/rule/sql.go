package rule

import (
	"fmt"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

// Dialect is a database's.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// SQL makes a tree into a condition on the row c of customers at the instant t,
// with a placeholder ? for each of args. It is never NULL. Segments must have
// been expanded; who asks leaves out merged records himself.
func SQL(n Node, d Dialect, t int64) (condition string, args []any, err error) {
	if err := fault.AtFields(n.check(CheckOptions{}, true)...); err != nil {
		return "", nil, err
	}
	w := &writer{t: t, d: d}
	w.node(n)
	return w.text.String(), w.args, nil
}

// writer composes a condition; all values go through placeholders.
type writer struct {
	text strings.Builder
	args []any
	t    int64
	d    Dialect
}

// add appends SQL and its values.
func (w *writer) add(sql string, args ...any) {
	w.text.WriteString(sql)
	w.args = append(w.args, args...)
}

// engine picks the text for the dialect.
func (w *writer) engine(sqlite, postgres string) string {
	if w.d == Postgres {
		return postgres
	}
	return sqlite
}

// total makes a condition that may be NULL false instead.
func (w *writer) total(inner func()) {
	w.add("COALESCE(")
	inner()
	w.add(", FALSE)")
}

func (w *writer) node(n Node) {
	switch n.Kind {
	case All, Segment:
		w.group(n.Of, " AND ", "TRUE")
	case Any:
		w.group(n.Of, " OR ", "FALSE")
	case None:
		w.add("NOT ")
		w.group(n.Of, " OR ", "FALSE")
	case Attribute:
		w.attribute(n)
	case Tag:
		w.add("EXISTS (SELECT 1 FROM customer_tags ct JOIN tags tg ON tg.id = ct.tag_id WHERE ct.customer_id = c.id AND tg.folded_name = ?)", text.Fold(text.CleanLine(n.Name)))
	case Stage:
		w.add("(c.stage")
		w.in(n.Values)
		if n.Duration != "" {
			w.add(" AND c.stage_since <= ?", earlier(w.t, milliseconds(n.Duration)))
		}
		w.add(")")
	case Events:
		w.event(n)
	case Time:
		w.firstOrLast(n)
	case Dormant:
		w.add("COALESCE(NULLIF(c.last_seen_at, 0), c.created_at) <= ?", earlier(w.t, milliseconds(n.Duration)))
	case Reachable:
		w.reachable(n)
	}
}

func (w *writer) group(of []Node, between, empty string) {
	if len(of) == 0 {
		w.add("(" + empty + ")")
		return
	}
	w.add("(")
	for i, n := range of {
		if i > 0 {
			w.add(between)
		}
		w.node(n)
	}
	w.add(")")
}

// in compares with a list, which is filled up to a power of two so that lists of
// every length share a few statements.
func (w *writer) in(values []any) {
	size := 1
	for size < len(values) {
		size *= 2
	}
	w.add(" IN (?" + strings.Repeat(", ?", size-1) + ")")
	for i := range size {
		w.args = append(w.args, values[min(i, len(values)-1)])
	}
}

func (w *writer) attribute(n Node) {
	c := compare(n.Op, n.Value, n.Values, n.Duration)
	switch n.Name {
	case CreatedAttribute:
		w.comparison(c, value{instant: "NULLIF(c.created_at, 0)"})
	case SeenAttribute:
		w.comparison(c, value{instant: "NULLIF(c.last_seen_at, 0)"})
	default:
		w.comparison(c, value{row: "c", key: n.Name})
	}
}

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
			w.in(list.values)
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

// events writes FROM and WHERE of the events that a leaf is about.
func (w *writer) events(n Node) {
	w.add(" FROM events e WHERE e.customer_id = c.id AND e.name_id = (SELECT id FROM event_names WHERE name = ?) AND e.at <= ?", n.Name, w.t)
	h := happeningsOf(n)
	if h.last > 0 {
		w.add(" AND e.at > ?", earlier(w.t, h.last))
	}
	if h.from != always {
		w.add(" AND e.at >= ?", h.from)
	}
	if h.to != never {
		w.add(" AND e.at < ?", h.to)
	}
	for _, f := range h.where {
		w.add(" AND ")
		w.comparison(f.is, value{row: "e", key: f.property})
	}
}

func (w *writer) event(n Node) {
	number, _ := scaledOf(n.Value)
	if n.Measure == Sum {
		w.sum(n, number)
		return
	}
	count := number / Scale
	switch {
	case n.Op == AtLeast && count == 1, n.Op == MoreThan && count == 0, n.Op == NotEquals && count == 0:
		w.add("EXISTS (SELECT 1")
	case n.Op == LessThan && count == 1, n.Op == AtMost && count == 0, n.Op == Equals && count == 0:
		w.add("NOT EXISTS (SELECT 1")
	default:
		w.add("(SELECT count(*)")
		w.events(n)
		w.add(") "+signs[n.Op]+" ?", count)
		return
	}
	w.events(n)
	w.add(")")
}

// half splits scaled integers for SQLite, whose sums fail when they leave 64
// bits: the sums of both halves do not. What is far from the number is as good
// as a little nearer.
const half, far = 1_000_000_000, 8_000_000_000

func (w *writer) sum(n Node, number int64) {
	property := value{row: "e", key: n.Property}
	if w.d == Postgres {
		w.add("(SELECT COALESCE(sum(")
		w.member(property, "n")
		w.add("), 0)")
		w.events(n)
		w.add(") "+signs[n.Op]+" ?", number)
		return
	}
	w.add("(SELECT max(min(COALESCE(sum(")
	w.member(property, "n")
	w.add(fmt.Sprintf(" / %d), 0) - ?, %d), %d) * %d + COALESCE(sum(", half, far, -far, half), number/half)
	w.member(property, "n")
	w.add(fmt.Sprintf(" %% %d), 0) - ?", half), number%half)
	w.events(n)
	w.add(") " + signs[n.Op] + " 0")
}

func (w *writer) firstOrLast(n Node) {
	c := compare(n.Op, n.Value, nil, n.Duration)
	column := "max(e.at)"
	if n.Which == First {
		column = "min(e.at)"
	}
	if c.op == WithinLast {
		// It is not later than now in any case.
		c = &comparison{op: After, instant: earlier(w.t, c.duration)}
	}
	w.total(func() {
		w.instant(c, func() {
			w.add("(SELECT " + column)
			w.events(n)
			w.add(")")
		})
	})
}

// IdentityKinds are the kinds of identities that channels reach.
var IdentityKinds = map[string]string{"wechat": "openid", "email": "email", "webchat": "visitor"}

func (w *writer) reachable(n Node) {
	channels, purpose := reachOf(n)
	w.add("(")
	for i, channel := range channels {
		if i > 0 {
			w.add(" OR ")
		}
		w.reach(channel, purpose)
	}
	w.add(")")
}

func (w *writer) reach(channel, purpose string) {
	w.add("(EXISTS (SELECT 1 FROM identities i WHERE i.customer_id = c.id AND i.kind = ? AND i.suppressed = ''", IdentityKinds[channel])
	if channel == "wechat" {
		w.add(" AND i.open_until > ?", w.t)
	}
	w.add(")")
	consent := " EXISTS (SELECT 1 FROM consent_now k WHERE k.customer_id = c.id AND k.channel = ? AND k.purpose = ? AND k.state = ?)"
	w.add(" AND NOT"+consent, channel, purpose, "withdrawn")
	if NeedsGrant(channel, purpose) {
		w.add(" AND"+consent, channel, purpose, "granted")
	}
	w.add(")")
}

// NeedsGrant tells whether silence is no consent: marketing by mail.
func NeedsGrant(channel, purpose string) bool { return channel == "email" && purpose == Marketing }
