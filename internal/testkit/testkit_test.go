package testkit_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

var insert = store.Load("testkit", "-- name: insert\nINSERT INTO settings (name, value) VALUES (?, ?)").Get("insert")

// Two tests of the same engine get databases of their own.
func TestDatabasesAreFresh(t *testing.T) {
	for range 2 {
		testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
			err := db.Write(context.Background(), func(tx *store.Tx) error {
				_, err := tx.Exec(insert, "only", "once")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRedisStopsAndStarts(t *testing.T) {
	r := testkit.Redis(t)
	r.Stop(t)
	r.Start(t)
}
