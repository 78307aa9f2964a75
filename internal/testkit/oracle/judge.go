// Package oracle judges conditions on customers in the plainest way there is:
// every question is answered anew from the raw JSON, by going through everything
// a person ever did. Tests hold the real matchers to it. It shares nothing with
// what it judges but the form of the conditions.
package oracle

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/fanward/fanward/segments/rule"
)

// Person is a customer as they are, before anything was made of them.
type Person struct {
	ID                     int64
	Name, Locale, Timezone string
	Attributes             json.RawMessage
	CreatedAt, LastSeenAt  int64
	Tags                   []string
	Stage                  string
	StageSince             int64
	Events                 []Event // in any order
	Identities             []Identity
	Consents               []Consent

	parsed map[string]any
}

// Event is one thing somebody did.
type Event struct {
	Name       string
	At         int64
	Properties json.RawMessage

	parsed map[string]any
}

// Identity is a way to reach somebody.
type Identity struct {
	Kind       string
	Suppressed bool
	OpenUntil  int64
}

// Consent is what holds of a channel and a purpose.
type Consent struct{ Channel, Purpose, State string }

// Match tells whether a condition is true of somebody at an instant.
func Match(n rule.Node, p *Person, t int64) bool {
	switch string(n.Kind) {
	case "all":
		for _, below := range n.Of {
			if !Match(below, p, t) {
				return false
			}
		}
		return true
	case "any":
		for _, below := range n.Of {
			if Match(below, p, t) {
				return true
			}
		}
		return false
	case "none":
		for _, below := range n.Of {
			if Match(below, p, t) {
				return false
			}
		}
		return true
	case "segment":
		return Match(n.Of[0], p, t)
	case "attribute":
		return attribute(n, p, t)
	case "tag":
		for _, tag := range p.Tags {
			if fold(tag) == fold(n.Name) {
				return true
			}
		}
		return false
	case "stage":
		for _, key := range n.Values {
			if key == p.Stage && (n.Duration == "" || p.StageSince+duration(n.Duration) <= t) {
				return true
			}
		}
		return false
	case "event":
		return event(n, p, t)
	case "time":
		return firstOrLast(n, p, t)
	case "dormant":
		seen := p.LastSeenAt
		if seen == 0 {
			seen = p.CreatedAt
		}
		return seen+duration(n.Duration) <= t
	case "reachable":
		return reachable(n, p, t)
	}
	panic("the oracle does not know " + string(n.Kind))
}

func attribute(n rule.Node, p *Person, t int64) bool {
	f := rule.Filter{Property: n.Name, Op: n.Op, Value: n.Value, Values: n.Values, Duration: n.Duration}
	text := func(s string) bool {
		if s == "" {
			return holds(f, nil, t)
		}
		return holds(f, s, t)
	}
	moment := func(at int64) bool {
		if at == 0 {
			return holds(f, nil, t)
		}
		return holds(f, instant(at), t)
	}
	switch n.Name {
	case "$name":
		return text(p.Name)
	case "$locale":
		return text(p.Locale)
	case "$timezone":
		return text(p.Timezone)
	case "$created_at":
		return moment(p.CreatedAt)
	case "$last_seen_at":
		return moment(p.LastSeenAt)
	}
	if p.parsed == nil {
		p.parsed = parse(p.Attributes)
	}
	return holds(f, find(p.parsed, n.Name), t)
}

// counted are the events a leaf counts at t.
func counted(n rule.Node, p *Person, t int64) (out []*Event) {
	for i := range p.Events {
		e := &p.Events[i]
		if e.Name != n.Name || e.At > t {
			continue
		}
		if w := n.Window; w != nil {
			if w.Last != "" && e.At <= t-duration(w.Last) {
				continue
			}
			if from, ok := parseInstant(w.From); ok && e.At < from {
				continue
			}
			if to, ok := parseInstant(w.To); ok && e.At >= to {
				continue
			}
		}
		if e.parsed == nil {
			e.parsed = parse(e.Properties)
		}
		passes := true
		for _, f := range n.Where {
			passes = passes && holds(f, find(e.parsed, f.Property), t)
		}
		if passes {
			out = append(out, e)
		}
	}
	return out
}

func event(n rule.Node, p *Person, t int64) bool {
	sum := new(big.Int)
	for _, e := range counted(n, p, t) {
		if n.Measure != "sum" {
			sum.Add(sum, big.NewInt(1_000_000))
		} else if x, ok := scaled(find(e.parsed, n.Property)); ok {
			sum.Add(sum, x)
		}
	}
	than, ok := scaled(n.Value)
	return ok && compare(sum, n.Op, than)
}

func firstOrLast(n rule.Node, p *Person, t int64) bool {
	var all []int64
	for _, e := range counted(n, p, t) {
		all = append(all, e.At)
	}
	if len(all) == 0 {
		return false
	}
	at := slices.Max(all)
	if n.Which == "first" {
		at = slices.Min(all)
	}
	return holds(rule.Filter{Op: n.Op, Value: n.Value, Duration: n.Duration}, instant(at), t)
}

func reachable(n rule.Node, p *Person, t int64) bool {
	purpose := n.Purpose
	if purpose == "" {
		purpose = "marketing"
	}
	said := func(channel, state string) bool {
		return slices.Contains(p.Consents, Consent{channel, purpose, state})
	}
	has := func(kind string, open bool) bool {
		return slices.ContainsFunc(p.Identities, func(i Identity) bool {
			return i.Kind == kind && !i.Suppressed && (!open || i.OpenUntil > t)
		})
	}
	on := map[string]bool{
		"wechat":  has("openid", true) && !said("wechat", "withdrawn"),
		"email":   has("email", false) && !said("email", "withdrawn") && (purpose != "marketing" || said("email", "granted")),
		"webchat": has("visitor", false) && !said("webchat", "withdrawn"),
	}
	if n.Channel == "any" {
		return on["wechat"] || on["email"] || on["webchat"]
	}
	return on[n.Channel]
}

// instant is a value that is an instant and no text.
type instant int64

// holds compares one raw value, nil for none.
func holds(f rule.Filter, value any, t int64) bool {
	switch string(f.Op) {
	case "equals":
		return same(value, f.Value)
	case "not_equals":
		return !same(value, f.Value)
	case "in":
		return slices.ContainsFunc(f.Values, func(v any) bool { return same(value, v) })
	case "not_in":
		return !slices.ContainsFunc(f.Values, func(v any) bool { return same(value, v) })
	case "contains":
		return contains(value, f.Value)
	case "not_contains":
		return !contains(value, f.Value)
	case "starts_with":
		s, ok := value.(string)
		return ok && strings.HasPrefix(shown(s), fold(f.Value.(string)))
	case "ends_with":
		s, ok := value.(string)
		return ok && strings.HasSuffix(shown(s), fold(f.Value.(string)))
	case "exists":
		return value != nil
	case "not_exists":
		return value == nil
	case "at_least", "more_than", "at_most", "less_than":
		a, ok := scaled(value)
		b, okToo := scaled(f.Value)
		return ok && okToo && compare(a, f.Op, b)
	}
	at, ok := moment(value)
	if !ok {
		return false
	}
	switch string(f.Op) {
	case "before":
		than, ok := parseInstant(f.Value.(string))
		return ok && at < than
	case "after":
		than, ok := parseInstant(f.Value.(string))
		return ok && at > than
	case "within_last":
		return t-duration(f.Duration) < at && at <= t
	case "more_than_ago":
		return at <= t-duration(f.Duration)
	case "within_next":
		return t < at && at <= t+duration(f.Duration)
	}
	panic("the oracle does not know " + string(f.Op))
}

func moment(value any) (int64, bool) {
	switch v := value.(type) {
	case instant:
		return int64(v), true
	case string:
		return parseInstant(v)
	}
	return 0, false
}

func same(value, than any) bool {
	switch v := value.(type) {
	case string:
		s, ok := than.(string)
		return ok && shown(v) == fold(s)
	case bool:
		return than == v
	}
	a, ok := scaled(value)
	b, okToo := scaled(than)
	return ok && okToo && a.Cmp(b) == 0
}

func contains(value, part any) bool {
	s, ok := part.(string)
	if !ok {
		return false
	}
	switch v := value.(type) {
	case string:
		return strings.Contains(shown(v), fold(s))
	case []any:
		return slices.ContainsFunc(v, func(element any) bool {
			switch e := element.(type) {
			case string:
				return shown(e) == fold(s)
			case bool:
				return e && fold(s) == "true" || !e && fold(s) == "false"
			}
			x, ok := scaled(element)
			return ok && plain(x) == fold(s)
		})
	}
	return false
}

func compare(a *big.Int, op rule.Op, b *big.Int) bool {
	order := a.Cmp(b)
	switch string(op) {
	case "equals":
		return order == 0
	case "not_equals":
		return order != 0
	case "at_least":
		return order >= 0
	case "more_than":
		return order > 0
	case "at_most":
		return order <= 0
	case "less_than":
		return order < 0
	}
	panic("the oracle does not know " + string(op))
}
