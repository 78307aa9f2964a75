package store_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A request that outlives the database is told to come back, not that
// something is broken.
func TestReadAfterClose(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(ctx); fault.CodeOf(err) != "shutting_down" {
			t.Errorf("ping: %v", err)
		}
		if err := db.Snapshot(ctx, func(store.Querier) error { return nil }); fault.CodeOf(err) != "shutting_down" {
			t.Errorf("snapshot: %v", err)
		}
	})
}
