package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// dueChunk is how many rows whose time has come are read at once.
const dueChunk = 100

// alarms are rows whose time comes.
type alarms struct {
	// what names one when it fails.
	what string
	// due lists those whose time has come: instants of now, then a limit.
	due      *store.Query
	instants int
	// next is the next instant, 0 when there is none.
	next *store.Query
	ring func(tx *store.Tx, id ids.ID) error
}

// ringDue handles every row whose time has come, each in a transaction of its
// own, and returns when the next one is due; the zero time when none is. Those
// that fail do not keep the others waiting, and are due again the next time.
func (b *Inbox) ringDue(ctx context.Context, a alarms) (next time.Time, err error) {
	failed := map[ids.ID]error{}
	for {
		args := make([]any, 0, a.instants+1)
		for now := clock.Millis(b.clk.Now()); len(args) < a.instants; {
			args = append(args, now)
		}
		rows, err := b.db.Reader(ctx).Query(a.due, append(args, dueChunk+len(failed))...)
		due, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
			var id ids.ID
			return id, r.Scan(&id)
		})
		if err != nil {
			return time.Time{}, err
		}
		full := len(due) == dueChunk+len(failed)
		for _, id := range due {
			if failed[id] != nil {
				continue
			}
			if err := b.db.Write(ctx, func(tx *store.Tx) error { return a.ring(tx, id) }); err != nil {
				failed[id] = fmt.Errorf("%s %s: %w", a.what, id, err)
			}
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err()
			}
		}
		if !full {
			break
		}
	}
	if len(failed) > 0 {
		return time.Time{}, errors.Join(slices.Collect(maps.Values(failed))...)
	}
	var ms int64
	if err := b.db.Reader(ctx).QueryRow(a.next).Scan(&ms); err != nil || ms == 0 {
		return time.Time{}, err
	}
	return clock.FromMillis(ms), nil
}
