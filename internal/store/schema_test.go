package store_test

import (
	"context"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func TestSchema(t *testing.T) {
	ctx := context.Background()
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		if have, know, err := db.Schema(ctx); err != nil || have != know || know < 1 {
			t.Errorf("migrated: have %d, know %d, %v", have, know, err)
		}
	})
	empty, err := store.Open(ctx, store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = empty.Close() })
	if have, know, err := empty.Schema(ctx); err != nil || have != 0 || know < 1 {
		t.Errorf("empty: have %d, know %d, %v", have, know, err)
	}
}
