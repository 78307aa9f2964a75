package rule

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/fault"
)

// Dialect is a database's.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// maxPlaceholders is what both databases take, with some left for whoever asks.
const maxPlaceholders = 32_000

// SQL makes a tree into a condition on the row c of customers at the instant t,
// with a placeholder ? for each of args. It is never NULL. Segments must have
// been expanded; who asks leaves out merged records himself.
func SQL(n Node, d Dialect, t int64) (condition string, args []any, err error) {
	if err := fault.AtFields(n.check(CheckOptions{}, true)...); err != nil {
		return "", nil, err
	}
	w := &writer{t: t, d: d}
	w.node(n)
	if len(w.args) > maxPlaceholders {
		return "", nil, fault.AtField("rule", "rule_too_large", fault.Params{"max": maxExpanded})
	}
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
		w.add("EXISTS (SELECT 1 FROM customer_tags ct JOIN tags tg ON tg.id = ct.tag_id WHERE ct.customer_id = c.id AND tg.folded_name = ?)", TagName(n.Name))
	case Stage:
		w.add("(c.stage")
		w.in(n.Values, false)
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
	// Databases ask one after the other until it is decided: what is cheap first.
	of = slices.Clone(of)
	slices.SortStableFunc(of, func(a, b Node) int { return dearness(a) - dearness(b) })
	w.add("(")
	for i, n := range of {
		if i > 0 {
			w.add(between)
		}
		w.node(n)
	}
	w.add(")")
}

// dearness is about what it costs a database to ask a node.
func dearness(n Node) (sum int) {
	n.walk(func(n Node) {
		switch n.Kind {
		case Stage, Dormant:
			sum++
		case Attribute:
			sum += 2
		case Tag, Reachable:
			sum += 10
		case Events, Time:
			sum += 20 + 5*len(n.Where)
		}
	})
	return sum
}

// in compares with a list. One placeholder stands for all of it: databases take
// only so many, and lists of every length share one statement.
func (w *writer) in(values []any, number bool) {
	if len(values) == 1 {
		w.add(" = ?", values[0])
		return
	}
	list, err := json.Marshal(values)
	if err != nil { // texts and whole numbers always can
		panic(err)
	}
	switch {
	case w.d != Postgres:
		w.add(" IN (SELECT value FROM json_each(?))", string(list))
	case number:
		w.add(" IN (SELECT jsonb_array_elements_text(?::jsonb)::bigint)", string(list))
	default:
		w.add(" IN (SELECT jsonb_array_elements_text(?::jsonb))", string(list))
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
	number, _ := ScaledValue(n.Value)
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
	w.add(" AND NOT"+consent, channel, purpose, withdrawn)
	if NeedsGrant(channel, purpose) {
		w.add(" AND"+consent, channel, purpose, granted)
	}
	w.add(")")
}
