package segments

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// dueBatch is how many people whose time has come are marked at once.
const dueBatch = 512

var (
	qDue      = queries.Get("due")
	qNextEdge = queries.Get("next-edge")
)

// edges marks the people whose answers may have changed by time alone, so that
// they are evaluated like everybody who is marked. What says so stays until then.
// A mark that says what happened is made one that says nothing: it would have only
// the rules asked that this concerns.
func (s *Service) edges(ctx context.Context) (more bool, err error) {
	now := clock.Millis(s.clk.Now())
	rows, err := s.db.Reader(ctx).Query(qDue, now, now, dueBatch)
	due, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		return false, fmt.Errorf("find those whose time has come: %w", err)
	}
	if len(due) == 0 {
		return false, nil
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range due {
			customers.TouchTx(tx, id)
		}
		return nil
	})
	return true, err
}

// untilEdge is how long nobody's answer changes by time alone; limit at most.
func (s *Service) untilEdge(ctx context.Context, limit time.Duration) time.Duration {
	var next int64
	if err := s.db.Reader(ctx).QueryRow(qNextEdge).Scan(&next); err != nil || next == 0 {
		return limit
	}
	return min(limit, max(0, clock.FromMillis(next).Sub(s.clk.Now())))
}
