package customers

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
)

const pruneChunk = 1000

// PruneStageChanges forgets moves between stages of before an instant, in short
// transactions. The last move of everybody stays, and so do all moves of people
// who consist of several records: an undo works out from them where each stands.
func (s *Service) PruneStageChanges(ctx context.Context, before time.Time) error {
	for {
		rows, err := s.db.Reader(ctx).Query(queries.Get("old-stage-changes"), clock.Millis(before), pruneChunk)
		old, err := store.Collect(rows, err, scanID)
		if err != nil || len(old) == 0 {
			return err
		}
		if err := s.db.Write(ctx, func(tx *store.Tx) error {
			for _, id := range old {
				if _, err := tx.Exec(queries.Get("prune-stage-change"), id); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
}
