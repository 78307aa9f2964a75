package segments

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const pruneChunk = 1000

// PruneChanges forgets who entered and left before an instant, the oldest first,
// in short transactions. Memberships stay as they are.
func (s *Service) PruneChanges(ctx context.Context, before time.Time) error {
	type change struct {
		id ids.ID
		at int64
	}
	for last := ids.ID(0); ; {
		rows, err := s.db.Reader(ctx).Query(queries.Get("oldest-changes"), last, pruneChunk)
		page, err := store.Collect(rows, err, func(r store.Row) (c change, err error) { return c, r.Scan(&c.id, &c.at) })
		if err != nil || len(page) == 0 {
			return err
		}
		var old []ids.ID
		for _, c := range page {
			if c.at < clock.Millis(before) {
				old = append(old, c.id)
			}
			last = c.id
		}
		if len(old) == 0 {
			return nil // ids follow the time: all others are younger
		}
		if err := s.db.Write(ctx, func(tx *store.Tx) error {
			var b store.Builder
			b.Add("DELETE FROM membership_changes WHERE")
			query, args := store.AddIn(&b, "id", old).Query()
			_, err := tx.Exec(query, args...)
			return err
		}); err != nil {
			return err
		}
	}
}
