package index_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/oracle"
	"github.com/fanward/fanward/internal/testkit/oracle/stored"
	"github.com/fanward/fanward/segments/index"
)

// TestRead: an index of rows says what the oracle does, also after rows were
// changed and those people read anew.
func TestRead(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		w := oracle.NewWorld(77)
		people, absorbed := w.People(150)
		stored.Put(t, db, people, absorbed)
		var x *index.Index
		look := func(fn func(q store.Querier) error) {
			t.Helper()
			if err := db.Snapshot(context.Background(), fn); err != nil {
				t.Fatal(err)
			}
		}
		look(func(q store.Querier) (err error) { x, err = index.Read(q, index.Options{}); return err })
		if s := x.Stats(); s.People != len(people) || len(absorbed) == 0 {
			t.Errorf("%d people, not %d, %d were absorbed", s.People, len(people), len(absorbed))
		}
		for range 20 {
			hold(t, w, x, people)
		}
		run := func(sql string, args ...any) {
			t.Helper()
			var b store.Builder
			q, args := b.Add(sql, args...).Query()
			if err := db.Write(context.Background(), func(tx *store.Tx) error { _, err := tx.Exec(q, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		// The first loses all they did, the second becomes part of the third.
		first, second, third := people[0], people[1], people[2]
		run("DELETE FROM events WHERE customer_id = ?", first.ID)
		run("DELETE FROM customer_tags WHERE customer_id = ?", first.ID)
		first.Events, first.Tags = nil, nil
		run("UPDATE customers SET merged_into = ? WHERE id = ?", third.ID, second.ID)
		for _, table := range []string{"events", "identities"} {
			run("UPDATE "+table+" SET customer_id = ? WHERE customer_id = ?", third.ID, second.ID)
		}
		third.Events, third.Identities = append(third.Events, second.Events...), append(third.Identities, second.Identities...)
		changed := []int64{first.ID, second.ID, third.ID, 999_999}
		people = append(people[:1], people[2:]...)
		look(func(q store.Querier) error { return x.Refresh(q, changed) })
		for range 20 {
			hold(t, w, x, people)
		}
	})
}
