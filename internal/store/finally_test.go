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
// ids, and only when the closure has succeeded.
func TestFinally(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		q := noteLast.Get("note-last")
		run := func(outcome error) error {
			return db.Write(background, func(tx *store.Tx) error {
				for _, id := range []int64{30, 10, 20, 10} {
					tx.Finally(q, id)
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
		if want := "first=0 last-1=10 last-2=20 last-3=30 "; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		// A statement that fails at the end fails the write.
		broken := db.Write(background, func(tx *store.Tx) error {
			tx.Finally(noteLast.Get("note"), 7)
			tx.Finally(noteLast.Get("note"), 7)
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
