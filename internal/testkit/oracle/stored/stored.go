// Package stored gives the people of the oracle to what is judged: as rows of a
// database, as the rest of the house would write them, and as rules see somebody.
// Only tests import it.
package stored

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

// Object reads JSON with its numbers as they were written.
func Object(t testing.TB, raw json.RawMessage) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Facts of a person.
func Facts(t testing.TB, p *oracle.Person) rule.Facts {
	t.Helper()
	return rule.AttributeFacts(Object(t, p.Attributes), p.Name, p.Locale, p.Timezone)
}

// EventFacts are those of an event.
func EventFacts(t testing.TB, e oracle.Event) rule.Facts {
	t.Helper()
	return rule.FactsOf(Object(t, e.Properties))
}

// Known is a person of the oracle as rules see one.
type Known struct {
	Raw    *oracle.Person
	facts  rule.Facts
	tags   map[string]bool
	events map[string][]rule.Event
}

// Know makes one.
func Know(t testing.TB, p *oracle.Person) *Known {
	t.Helper()
	k := &Known{Raw: p, facts: Facts(t, p), tags: map[string]bool{}, events: map[string][]rule.Event{}}
	for _, tag := range p.Tags {
		k.tags[text.Fold(tag)] = true
	}
	for _, e := range p.Events {
		k.events[e.Name] = append(k.events[e.Name], rule.Event{At: e.At, Facts: EventFacts(t, e)})
	}
	for _, list := range k.events {
		slices.SortStableFunc(list, func(a, b rule.Event) int { return cmp.Compare(a.At, b.At) })
	}
	return k
}

// Attributes implements rule.Person, as do the others.
func (k *Known) Attributes() rule.Facts { return k.facts }

// CreatedAt is the row's.
func (k *Known) CreatedAt() int64 { return k.Raw.CreatedAt }

// LastSeenAt is the row's.
func (k *Known) LastSeenAt() int64 { return k.Raw.LastSeenAt }

// HasTag looks among the folded names.
func (k *Known) HasTag(folded string) bool { return k.tags[folded] }

// Stage is the row's.
func (k *Known) Stage() (string, int64) { return k.Raw.Stage, k.Raw.StageSince }

// Events are in their order.
func (k *Known) Events(name string) []rule.Event { return k.events[name] }

// Reach follows from identities and consents.
func (k *Known) Reach(channel, purpose string) (until int64, ok bool) {
	open := map[string]int64{}
	for _, i := range k.Raw.Identities {
		if !i.Suppressed {
			open[i.Kind] = max(open[i.Kind], i.OpenUntil)
		}
	}
	for _, c := range k.Raw.Consents {
		if c.Channel == channel && c.Purpose == purpose {
			return rule.ReachOf(channel, purpose, open, c.State)
		}
	}
	return rule.ReachOf(channel, purpose, open, "")
}

// Put stores people, and the rows of those who were absorbed by the last of them.
func Put(t testing.TB, db *store.DB, people, absorbed []*oracle.Person) {
	t.Helper()
	err := db.Write(context.Background(), func(tx *store.Tx) error {
		p := &populator{t: t, tx: tx, names: map[string]int64{}, tags: map[string]int64{}}
		survivor := int64(0)
		for _, person := range people {
			survivor = person.ID
			p.person(person)
		}
		for _, person := range absorbed {
			p.customer(person, survivor)
		}
		return p.err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type populator struct {
	t     testing.TB
	tx    *store.Tx
	id    int64
	names map[string]int64
	tags  map[string]int64
	err   error
}

func (p *populator) run(sql string, args ...any) {
	var b store.Builder
	q, args := b.Add(sql, args...).Query()
	if _, err := p.tx.Exec(q, args...); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *populator) next() int64 { p.id++; return p.id }

func (p *populator) customer(c *oracle.Person, mergedInto int64) {
	p.run("INSERT INTO customers (id, name, locale, timezone, attributes, last_seen_at, created_at, updated_at, merged_into, facts, stage, stage_since) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
		c.ID, c.Name, c.Locale, c.Timezone, string(c.Attributes), c.LastSeenAt, c.CreatedAt, mergedInto, Facts(p.t, c).JSON(), c.Stage, c.StageSince)
}

func (p *populator) person(c *oracle.Person) {
	p.customer(c, 0)
	for _, e := range c.Events {
		p.run("INSERT INTO events (id, customer_id, name_id, at, received_at, properties, facts) VALUES (?, ?, ?, ?, 0, ?, ?)",
			p.next(), c.ID, p.name(e.Name), e.At, string(e.Properties), EventFacts(p.t, e).JSON())
	}
	for _, tag := range c.Tags {
		if p.tags[tag] == 0 {
			p.tags[tag] = p.next()
			p.run("INSERT INTO tags (id, name, folded_name, created_at) VALUES (?, ?, ?, 0)", p.tags[tag], tag, text.Fold(tag))
		}
		p.run("INSERT INTO customer_tags (record_id, tag_id, customer_id, at) VALUES (?, ?, ?, 0)", c.ID, p.tags[tag], c.ID)
	}
	for _, i := range c.Identities {
		suppressed := ""
		if i.Suppressed {
			suppressed = "blocked"
		}
		id := p.next()
		p.run("INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, created_at, suppressed, open_until) VALUES (?, ?, ?, ?, '', ?, 0, ?, ?)",
			id, c.ID, c.ID, i.Kind, strconv.FormatInt(id, 10), suppressed, i.OpenUntil)
	}
	for _, k := range c.Consents {
		p.run("INSERT INTO consent_now (customer_id, channel, purpose, state) VALUES (?, ?, ?, ?)", c.ID, k.Channel, k.Purpose, k.State)
	}
}

func (p *populator) name(name string) int64 {
	if id, ok := p.names[name]; ok {
		return id
	}
	p.run("INSERT INTO event_names (name) VALUES (?)", name)
	var b store.Builder
	q, args := b.Add("SELECT id FROM event_names WHERE name = ?", name).Query()
	var id int64
	if err := p.tx.QueryRow(q, args...).Scan(&id); err != nil && p.err == nil {
		p.err = err
	}
	p.names[name] = id
	return id
}
