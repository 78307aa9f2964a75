package outbox

import (
	"context"
	"errors"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qByRef   = queries.Get("by-ref")
	qReceipt = queries.Get("receipt")
)

// rank orders the states that a receipt can bring: none goes back.
var rank = map[channels.DeliveryState]int{channels.Unknown: 0, channels.SentState: 1, channels.Delivered: 2, channels.Read: 3, channels.Failed: 4}

// Receipt is what a provider tells of a message after it has taken it.
type Receipt struct {
	// State is Delivered, Read or Failed; SentState clears a doubt.
	State channels.DeliveryState
	// Code says why it failed.
	Code string
	// Detail is what the provider said about it, if anything.
	Detail string
	// Suppress says that the address must not be written to any more.
	Suppress bool
}

// Receipt stores what the provider tells later of a message it has taken:
// delivered, read, or failed after all. ref is what Send returned.
// found is false for a message that is not ours. A repeat, and one that comes
// behind a later state, changes nothing. An unknown delivery becomes known.
func (o *Outbox) Receipt(ctx context.Context, account ids.ID, ref string, r Receipt) (found bool, err error) {
	state, code, detail := r.State, r.Code, detailOf(r.Detail)
	err = o.db.Write(ctx, func(tx *store.Tx) error {
		var d channels.Enqueued
		var identity ids.ID
		var updated int64
		err := tx.QueryRow(qByRef, account, ref).Scan(&d.ID, &d.Conversation, &d.Message, &d.Seq, &d.State, &d.Attempt, &d.ErrorCode, &d.ErrorDetail, &updated, &identity)
		if found = err == nil; errors.Is(err, store.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		had, known := rank[d.State]
		if !known || rank[state] <= had {
			return nil
		}
		// The customer first, as everywhere; then whoever changed it meanwhile has
		// committed.
		if err := allowance.LockTx(tx, identity); err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		n, err := tx.Exec(qReceipt, string(state), code, detail, clock.Millis(o.clk.Now()), d.ID, string(d.State))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrRestart
		}
		now := o.clk.Now()
		if r.Suppress {
			if _, err := tx.Exec(qSuppress, code, identity); err != nil {
				return err
			}
		}
		d.State, d.ErrorCode, d.ErrorDetail, d.UpdatedAt = state, code, detail, now
		return o.tellTx(tx, d, now)
	})
	return found, err
}
