package journeys

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// pruneChunk is of how many people the steps are forgotten at once.
const pruneChunk = 200

// PruneSteps forgets the steps of enrollments that ended before an instant, the
// oldest first, in short transactions: what came of them is counted on, and that
// somebody was in the journey stays, since entry policies ask for it.
func (s *Service) PruneSteps(ctx context.Context, before time.Time) error {
	for last := ids.ID(0); ; {
		rows, err := s.db.Reader(ctx).Query(queries.Get("oldest-steps"), last, pruneChunk)
		page, err := store.Collect(rows, err, scanID)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1]
		if err := s.db.Write(ctx, func(tx *store.Tx) error { return s.pruneTx(tx, page, clock.Millis(before)) }); err != nil {
			return err
		}
		if last.Time().After(before) {
			return nil // whoever entered later cannot have ended before
		}
	}
}

func (s *Service) pruneTx(tx *store.Tx, page []ids.ID, before int64) error {
	var b store.Builder
	b.Add("SELECT id FROM enrollments WHERE state <> 'active' AND ended_at > 0 AND ended_at < ? AND", before)
	query, args := store.AddIn(&b, "id", page).Query()
	rows, err := tx.Query(query, args...)
	ended, err := store.Collect(rows, err, scanID)
	if err != nil || len(ended) == 0 {
		return err
	}
	type total struct {
		journey       ids.ID
		node, outcome string
		n             int64
	}
	var count store.Builder
	count.Add("SELECT journey_id, node, outcome, count(*) FROM enrollment_steps WHERE")
	store.AddIn(&count, "enrollment_id", ended)
	query, args = count.Add("GROUP BY journey_id, node, outcome ORDER BY journey_id, node, outcome").Query()
	rows, err = tx.Query(query, args...)
	totals, err := store.Collect(rows, err, func(r store.Row) (t total, err error) {
		return t, r.Scan(&t.journey, &t.node, &t.outcome, &t.n)
	})
	if err != nil {
		return err
	}
	for _, t := range totals {
		if _, err := tx.Exec(queries.Get("count-on"), t.journey, t.node, t.outcome, t.n); err != nil {
			return err
		}
	}
	var drop store.Builder
	drop.Add("DELETE FROM enrollment_steps WHERE")
	query, args = store.AddIn(&drop, "enrollment_id", ended).Query()
	_, err = tx.Exec(query, args...)
	return err
}
