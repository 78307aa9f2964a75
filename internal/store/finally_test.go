package store_test

import (
	"errors"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

var noteLast = store.Load("finally", `
-- name: note-last
INSERT INTO counters (name, n) SELECT 'last-' || count(*), ? FROM counters
-- name: note
INSERT INTO counters (name, n) VALUES (?, 0)
`)

// What is left for the end runs once, after everything else, in the order of the
// ids with each note once, and only when the closure has succeeded.
func TestFinally(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		last := store.NewEnding("last", func(tx *store.Tx, list []store.Left) error {
			for _, l := range list {
				if _, err := tx.Exec(noteLast.Get("note-last"), l.ID*10+int64(len(l.Notes))); err != nil {
					return err
				}
			}
			return nil
		})
		run := func(outcome error) error {
			return db.Write(background, func(tx *store.Tx) error {
				for n, id := range []int64{30, 10, 20, 10, 30} {
					tx.Finally(last, id, int64(n%4))
				}
				if _, err := tx.Exec(noteLast.Get("note"), "first"); err != nil {
					return err
				}
				return outcome
			})
		}
		refused := errors.New("refused")
		if err := run(refused); !errors.Is(err, refused) {
			t.Fatal(err)
		}
		if err := run(nil); err != nil {
			t.Fatal(err)
		}
		got := ""
		each(t, db, "SELECT name || '=' || n FROM counters ORDER BY n", func(r store.Row) error {
			var s string
			err := r.Scan(&s)
			got += s + " "
			return err
		})
		if want := "first=0 last-1=102 last-2=201 last-3=301 "; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// A statement that fails at the end fails the write.
		broken := db.Write(background, func(tx *store.Tx) error {
			tx.Finally(store.NewEnding("broken", func(tx *store.Tx, _ []store.Left) error {
				_, err := tx.Exec(noteLast.Get("note"), "7")
				return err
			}), 7, 0)
			if _, err := tx.Exec(noteLast.Get("note"), "7"); err != nil {
				return err
			}
			return nil
		})
		if broken == nil {
			t.Error("a write succeeded whose last statement failed")
		}
	})
}
