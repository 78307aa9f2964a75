package feed

import (
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
)

var (
	qRenumber = queries.Get("renumber")
	qUnnumber = queries.Get("unnumber")
)

// Restart begins the feed of a restored database, whose changes were not
// brought back: no position that a client may have kept from before is held,
// so whoever comes back loads everything anew. Positions count on from now in
// milliseconds, which no counting from one has reached.
func Restart(tx *store.Tx, now time.Time) error {
	if tx.Engine() == store.SQLite {
		if _, err := tx.Exec(qUnnumber); err != nil {
			return err
		}
		if _, err := tx.Exec(qRenumber, clock.Millis(now)); err != nil {
			return err
		}
	}
	head, err := Head(tx)
	if err != nil {
		return err
	}
	return SaveCursor(tx, prunedCursor, head)
}
