package store_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// TestSnapshotsShareFewConnections: as many snapshots as there are connections
// all meet a statement that nobody has prepared yet. None may wait for another
// connection while it holds its own.
func TestSnapshotsShareFewConnections(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		const n = 2
		db.SQL().SetMaxOpenConns(n)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		var begun, done sync.WaitGroup
		begun.Add(n)
		for i := range n {
			done.Go(func() {
				err := db.Snapshot(ctx, func(q store.Querier) error {
					begun.Done()
					begun.Wait() // every connection is taken now
					for round := range 2 {
						var b store.Builder
						b.Add(fmt.Sprintf("SELECT %d + ?", i), round)
						query, args := b.Query()
						var got int
						if err := q.QueryRow(query, args...).Scan(&got); err != nil || got != i+round {
							return fmt.Errorf("round %d gives %d: %w", round, got, err)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
	})
}
