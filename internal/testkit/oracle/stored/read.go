package stored

import (
	"encoding/json"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/oracle"
)

// Read takes somebody from the rows as they were written down, before anything
// was made of them: none of the facts that rules are asked about is looked at.
func Read(t testing.TB, q store.Querier, id int64) *oracle.Person {
	t.Helper()
	p := &oracle.Person{ID: id}
	var attributes []byte
	all(t, q, func(r store.Row) error {
		return r.Scan(&p.Name, &p.Locale, &p.Timezone, &attributes, &p.CreatedAt, &p.LastSeenAt, &p.Stage, &p.StageSince)
	}, "SELECT name, locale, timezone, attributes, created_at, last_seen_at, stage, stage_since FROM customers WHERE id = ?", id)
	p.Attributes = json.RawMessage(attributes)
	all(t, q, func(r store.Row) error {
		var e oracle.Event
		var properties []byte
		err := r.Scan(&e.Name, &e.At, &properties)
		e.Properties = json.RawMessage(properties)
		p.Events = append(p.Events, e)
		return err
	}, "SELECT n.name, e.at, e.properties FROM events e JOIN event_names n ON n.id = e.name_id WHERE e.customer_id = ?", id)
	all(t, q, func(r store.Row) error {
		var tag string
		err := r.Scan(&tag)
		p.Tags = append(p.Tags, tag)
		return err
	}, "SELECT t.name FROM customer_tags c JOIN tags t ON t.id = c.tag_id WHERE c.customer_id = ?", id)
	all(t, q, func(r store.Row) error {
		var i oracle.Identity
		var suppressed string
		err := r.Scan(&i.Kind, &suppressed, &i.OpenUntil)
		i.Suppressed = suppressed != ""
		p.Identities = append(p.Identities, i)
		return err
	}, "SELECT kind, suppressed, open_until FROM identities WHERE customer_id = ?", id)
	all(t, q, func(r store.Row) error {
		var c oracle.Consent
		err := r.Scan(&c.Channel, &c.Purpose, &c.State)
		p.Consents = append(p.Consents, c)
		return err
	}, "SELECT channel, purpose, state FROM consent_now WHERE customer_id = ?", id)
	return p
}

// all hands every row of an answer on.
func all(t testing.TB, q store.Querier, scan func(store.Row) error, sql string, args ...any) {
	t.Helper()
	var b store.Builder
	query, args := b.Add(sql, args...).Query()
	rows, err := q.Query(query, args...)
	if _, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) { return struct{}{}, scan(r) }); err != nil {
		t.Fatal(err)
	}
}
