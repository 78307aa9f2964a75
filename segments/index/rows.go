package index

import (
	"cmp"
	"iter"
	"slices"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// page is how many people are read together.
const page = 2000

// Read loads an index from rows: merged records are nobody. It reads them in many
// small pages. When q is no snapshot, whoever changes meanwhile has to be
// Refreshed afterwards.
func Read(q store.Querier, o Options) (*Index, error) {
	return Load(o, everybody(q), everything(q))
}

// Refresh reads people anew from a snapshot and replaces them, whatever has
// become of them.
func (x *Index) Refresh(q store.Querier, ids []int64) error {
	for part := range slices.Chunk(ids, page) {
		people, err := peopleOf(q, func(b *store.Builder, column string) { store.AddIn(b, column, part) })
		if err != nil {
			return err
		}
		names, err := eventNames(q)
		if err != nil {
			return err
		}
		var b store.Builder
		b.Add("SELECT customer_id, name_id, at, facts FROM events WHERE")
		store.AddIn(&b, "customer_id", part)
		query, args := b.Query()
		rows, err := q.Query(query, args...)
		events, err := store.Collect(rows, err, func(r store.Row) (Event, error) { return scanEvent(r, names) })
		if err != nil {
			return err
		}
		if err := x.Replace(part, people, events); err != nil {
			return err
		}
	}
	return nil
}

// everybody reads the people page by page, ascending.
func everybody(q store.Querier) iter.Seq2[Person, error] {
	return func(yield func(Person, error) bool) {
		for last := int64(0); ; {
			end, err := pageEnd(q, last)
			if err == nil && end == 0 {
				return
			}
			var people []Person
			if err == nil {
				people, err = peopleOf(q, func(b *store.Builder, column string) { b.Add(column+" > ? AND "+column+" <= ?", last, end) })
			}
			for _, p := range people {
				if err == nil && !yield(p, nil) {
					return
				}
			}
			if err != nil {
				yield(Person{}, err)
				return
			}
			last = end
		}
	}
}

// peopleOf reads those whom a condition on a column picks, ascending.
func peopleOf(q store.Querier, pick func(b *store.Builder, column string)) ([]Person, error) {
	read := func(sql string, scan func(r store.Row) error, column, order string) error {
		var b store.Builder
		b.Add(sql)
		pick(&b, column)
		b.Add(order)
		query, args := b.Query()
		rows, err := q.Query(query, args...)
		_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) { return struct{}{}, scan(r) })
		return err
	}
	var people []Person
	err := read("SELECT id, facts, created_at, last_seen_at, stage, stage_since FROM customers WHERE merged_into = 0 AND", func(r store.Row) error {
		var p Person
		err := r.Scan(&p.ID, &p.Facts, &p.CreatedAt, &p.LastSeenAt, &p.Stage, &p.StageSince)
		people = append(people, p)
		return err
	}, "id", "ORDER BY id")
	if err != nil {
		return nil, err
	}
	at := func(id int64) *Person {
		i, found := slices.BinarySearchFunc(people, id, func(p Person, id int64) int { return cmp.Compare(p.ID, id) })
		if !found {
			return nil
		}
		return &people[i]
	}
	err = read("SELECT ct.customer_id, t.folded_name FROM customer_tags ct JOIN tags t ON t.id = ct.tag_id WHERE", func(r store.Row) error {
		var id int64
		var tag string
		err := r.Scan(&id, &tag)
		if p := at(id); p != nil {
			p.Tags = append(p.Tags, tag)
		}
		return err
	}, "ct.customer_id", "")
	if err != nil {
		return nil, err
	}
	ways, err := waysOf(read)
	for id, w := range ways {
		if p := at(id); p != nil {
			p.Reach = w.reach()
		}
	}
	return people, err
}

// ways are what decides whether somebody can be reached.
type ways struct {
	open map[string]int64
	said map[way]string
}

func waysOf(read func(sql string, scan func(r store.Row) error, column, order string) error) (map[int64]*ways, error) {
	of := map[int64]*ways{}
	get := func(id int64) *ways {
		if of[id] == nil {
			of[id] = &ways{open: map[string]int64{}, said: map[way]string{}}
		}
		return of[id]
	}
	err := read("SELECT customer_id, kind, open_until FROM identities WHERE suppressed = '' AND", func(r store.Row) error {
		var id, until int64
		var kind string
		err := r.Scan(&id, &kind, &until)
		w := get(id)
		w.open[kind] = max(w.open[kind], until)
		return err
	}, "customer_id", "")
	if err != nil {
		return nil, err
	}
	err = read("SELECT customer_id, channel, purpose, state FROM consent_now WHERE", func(r store.Row) error {
		var id int64
		var w way
		var state string
		err := r.Scan(&id, &w.channel, &w.purpose, &state)
		get(id).said[w] = state
		return err
	}, "customer_id", "")
	return of, err
}

func (w *ways) reach() (out []Reach) {
	for _, channel := range rule.Channels {
		for _, purpose := range []string{rule.Marketing, rule.Transactional} {
			if until, ok := rule.ReachOf(channel, purpose, w.open, w.said[way{channel, purpose}]); ok {
				out = append(out, Reach{channel, purpose, until})
			}
		}
	}
	return out
}

func eventNames(q store.Querier) (map[int64]string, error) {
	var b store.Builder
	query, args := b.Add("SELECT id, name FROM event_names").Query()
	rows, err := q.Query(query, args...)
	names := map[int64]string{}
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		names[id] = name
		return struct{}{}, err
	})
	return names, err
}

func scanEvent(r store.Row, names map[int64]string) (Event, error) {
	var e Event
	var name int64
	err := r.Scan(&e.Customer, &name, &e.At, &e.Facts)
	e.Name = names[name]
	return e, err
}

// everything reads the events of a page of customers after the other, in the
// order of their index.
func everything(q store.Querier) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		names, err := eventNames(q)
		for last, ok := int64(0), true; ok && err == nil; {
			var end int64
			if end, err = pageEnd(q, last); err != nil || end == 0 {
				break
			}
			ok, err = eventsBetween(q, last, end, names, yield)
			last = end
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

// pageEnd is the last customer of the page behind one; 0 after the last page.
func pageEnd(q store.Querier, after int64) (end int64, err error) {
	var b store.Builder
	query, args := b.Add("SELECT COALESCE(max(id), 0) FROM (SELECT id FROM customers WHERE id > ? ORDER BY id LIMIT ?) page", after, page).Query()
	return end, q.QueryRow(query, args...).Scan(&end)
}

func eventsBetween(q store.Querier, after, to int64, names map[int64]string, yield func(Event, error) bool) (more bool, err error) {
	var b store.Builder
	b.Add("SELECT customer_id, name_id, at, facts FROM events WHERE customer_id > ? AND customer_id <= ? ORDER BY customer_id, name_id, at", after, to)
	query, args := b.Query()
	rows, err := q.Query(query, args...)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		e, err := scanEvent(rows, names)
		if err != nil || !yield(e, nil) {
			return false, err
		}
	}
	return true, rows.Err()
}
