package rule_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/fanward/fanward/internal/oracle"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

// populate stores people in a database as the rest of the house would.
func populate(t testing.TB, db *store.DB, people, absorbed []*oracle.Person) {
	t.Helper()
	supplement(t, db)
	err := db.Write(context.Background(), func(tx *store.Tx) error {
		p := &populator{t: t, tx: tx, names: map[string]int64{}, tags: map[string]int64{}}
		survivor := int64(0)
		for _, person := range people {
			survivor = person.ID
			p.person(person, 0)
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
	b.Add(sql, args...)
	q, args := b.Query()
	if _, err := p.tx.Exec(q, args...); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *populator) next() int64 { p.id++; return p.id }

func (p *populator) customer(c *oracle.Person, mergedInto int64) {
	facts := rule.AttributeFacts(object(p.t, string(c.Attributes), true), c.Name, c.Locale, c.Timezone)
	p.run("INSERT INTO customers (id, name, locale, timezone, attributes, last_seen_at, created_at, updated_at, merged_into, facts, stage, stage_since) VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
		c.ID, c.Name, c.Locale, c.Timezone, string(c.Attributes), c.LastSeenAt, c.CreatedAt, mergedInto, facts.JSON(), c.Stage, c.StageSince)
}

func (p *populator) person(c *oracle.Person, mergedInto int64) {
	p.customer(c, mergedInto)
	for _, e := range c.Events {
		if p.names[e.Name] == 0 {
			p.run("INSERT INTO event_names (name) VALUES (?)", e.Name)
			var b store.Builder
			q, args := b.Add("SELECT id FROM event_names WHERE name = ?", e.Name).Query()
			var id int64
			if err := p.tx.QueryRow(q, args...).Scan(&id); err != nil && p.err == nil {
				p.err = err
			}
			p.names[e.Name] = id
		}
		p.run("INSERT INTO events (id, customer_id, name_id, at, received_at, properties, facts) VALUES (?, ?, ?, ?, 0, ?, ?)",
			p.next(), c.ID, p.names[e.Name], e.At, string(e.Properties), rule.FactsOf(object(p.t, string(e.Properties), true)).JSON())
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

// supplement makes what a migration that has not come yet will bring.
func supplement(t testing.TB, db *store.DB) {
	t.Helper()
	var n int64
	var b store.Builder
	q, _ := b.Add("SELECT count(*) FROM consent_now").Query()
	if db.Reader(context.Background()).QueryRow(q).Scan(&n) == nil {
		return
	}
	err := db.Write(context.Background(), func(tx *store.Tx) error {
		p := &populator{t: t, tx: tx}
		p.run("ALTER TABLE identities ADD COLUMN open_until BIGINT NOT NULL DEFAULT 0")
		p.run("CREATE TABLE consent_now (customer_id BIGINT NOT NULL, channel TEXT NOT NULL, purpose TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (customer_id, channel, purpose))")
		return p.err
	})
	if err != nil {
		t.Fatal(err)
	}
}
