package customers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Merge is one entry of the merge log.
type Merge struct {
	ID       ids.ID `json:"id"`
	Kind     string `json:"kind" enum:"manual,identify,bind,unionid,email" doc:"What joined them"`
	Survivor Ref    `json:"survivor" doc:"The record that stayed"`
	Absorbed Ref    `json:"absorbed" doc:"The record that became part of it; its id still answers"`
	Actor    Actor  `json:"actor"`
	// Identities that moved.
	Identities []Identity     `json:"identities" doc:"Those that moved"`
	Filled     map[string]any `json:"filled" doc:"Fields that were blank and came from the absorbed record; attributes as attributes.<name>"`
	At         time.Time      `json:"at"`
	Undone     *Undone        `json:"undone" doc:"null while it holds"`
}

// Undone is who took a merge back, and when.
type Undone struct {
	Actor Actor     `json:"actor"`
	At    time.Time `json:"at"`
}

var mergeColumns = `SELECT m.id, m.kind, m.survivor_id, s.name, ` + Address("s") + `, m.absorbed_id, a.name, m.actor_kind, m.actor_id, m.actor_name, m.identities, m.fields, m.at,
  m.undone_at, m.undone_by_kind, m.undone_by_id, m.undone_by_name
FROM merges m JOIN customers s ON s.id = m.survivor_id JOIN customers a ON a.id = m.absorbed_id`

// mergeRow is a merge before its identities are read.
type mergeRow struct {
	Merge
	moved []ids.ID
}

func scanMerge(r store.Row) (mergeRow, error) {
	var m mergeRow
	var survivor, absorbed, by, undoneBy ids.ID
	var survivorName, address, absorbedName, byName, undoneKind, undoneName string
	var identities, filled []byte
	var at, undone int64
	err := r.Scan(&m.ID, &m.Kind, &survivor, &survivorName, &address, &absorbed, &absorbedName, &m.Actor.Kind, &by, &byName, &identities, &filled, &at,
		&undone, &undoneKind, &undoneBy, &undoneName)
	if err != nil {
		return m, err
	}
	m.Survivor, m.Absorbed, m.At = NewRef(survivor, survivorName, address), NewRef(absorbed, absorbedName, ""), clock.FromMillis(at)
	m.Actor.ID, m.Actor.Name = by, optional(byName)
	if undone > 0 {
		m.Undone = &Undone{Actor{undoneKind, undoneBy, optional(undoneName)}, clock.FromMillis(undone)}
	}
	var f fields
	if err := json.Unmarshal(filled, &f); err != nil {
		return m, err
	}
	m.Filled = f.flat()
	m.Identities = []Identity{}
	return m, json.Unmarshal(identities, &m.moved)
}

// flat names fields as people and problems do.
func (f fields) flat() map[string]any {
	out := map[string]any{}
	for name, v := range map[string]*string{"name": f.Name, "locale": f.Locale, "timezone": f.Timezone} {
		if v != nil {
			out[name] = *v
		}
	}
	for k, v := range f.Attributes {
		out["attributes."+k] = v
	}
	return out
}

func noMerge(err error) error {
	if isNoRows(err) {
		return fault.Missing("merge")
	}
	return err
}

func missing(err error) error {
	if isNoRows(err) {
		return fault.Missing("customer")
	}
	return err
}

// MergeByID reads one entry of the log.
func (s *Service) MergeByID(ctx context.Context, id ids.ID) (*Merge, error) {
	return mergeByID(s.db.Reader(ctx), id)
}

func mergeByID(q store.Querier, id ids.ID) (*Merge, error) {
	var b store.Builder
	b.Add(mergeColumns).Add("WHERE m.id = ?", id)
	query, args := b.Query()
	list, err := mergesOf(q, query, args)
	if err == nil && len(list) == 0 {
		err = fault.Missing("merge")
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// MergeFilter is a page of one customer's log.
type MergeFilter struct {
	Customer ids.ID
	// Before is the last id of the page before; 0 = from the newest.
	Before ids.ID
	Limit  int
}

// Merges lists what joined the records of a customer, undone merges included,
// newest first.
func (s *Service) Merges(ctx context.Context, f MergeFilter) ([]Merge, error) {
	var b store.Builder
	b.Add(mergeColumns)
	f.where(&b)
	if f.Before != 0 {
		b.Add("AND m.id < ?", f.Before)
	}
	b.Add("ORDER BY m.id DESC LIMIT ?", f.Limit)
	query, args := b.Query()
	return mergesOf(s.db.Reader(ctx), query, args)
}

// CountMerges is the exact length of the log.
func (s *Service) CountMerges(ctx context.Context, f MergeFilter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*) FROM merges m")
	f.where(&b)
	query, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

// records is a sub-select of the records of a customer.
const records = `(SELECT id FROM customers WHERE id = ? UNION ALL SELECT id FROM customers WHERE merged_into = ? AND merged_into > 0)`

func (f MergeFilter) where(b *store.Builder) {
	b.Add("WHERE (m.survivor_end IN "+records, f.Customer, f.Customer)
	b.Add("OR m.absorbed_end IN "+records+")", f.Customer, f.Customer)
}

func mergesOf(q store.Querier, query *store.Query, args []any) ([]Merge, error) {
	rows, err := q.Query(query, args...)
	found, err := store.Collect(rows, err, scanMerge)
	if err != nil {
		return nil, err
	}
	out := make([]Merge, len(found))
	for i, m := range found {
		if m.Identities, err = identitiesByID(q, m.moved); err != nil {
			return nil, err
		}
		out[i] = m.Merge
	}
	return out, nil
}

func identitiesByID(q store.Querier, list []ids.ID) ([]Identity, error) {
	out := []Identity{}
	if len(list) == 0 {
		return out, nil
	}
	var b store.Builder
	b.Add("SELECT id, customer_id, kind, namespace, value, verified, suppressed, created_at FROM identities WHERE")
	store.AddIn(&b, "id", list)
	b.Add("ORDER BY id")
	query, args := b.Query()
	rows, err := q.Query(query, args...)
	found, err := store.Collect(rows, err, scanIdentity)
	return append(out, found...), err
}
