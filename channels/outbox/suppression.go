package outbox

import (
	"context"
	"errors"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Suppressed is the code with which a delivery to a suppressed identity fails.
const Suppressed = "recipient_suppressed"

var (
	qSuppressed = queries.Get("suppressed")
	qSuppress   = queries.Get("suppress")
)

// passSuppressionTx refuses what goes to an identity that must not be written
// to, whatever its purpose.
func passSuppressionTx(tx *store.Tx, identity ids.ID) error {
	var code string
	err := tx.QueryRow(qSuppressed, identity).Scan(&code)
	if errors.Is(err, store.ErrNoRows) || err == nil && code == "" {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, Suppressed, nil)
}

func (o *Outbox) suppress(ctx context.Context, identity ids.ID, code string) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(qSuppress, code, identity); err != nil {
			return err
		}
		return customers.TouchOwnerTx(tx, identity)
	})
}

// Unsuppress lets an identity be written to again, because a person says so.
func (o *Outbox) Unsuppress(ctx context.Context, identity ids.ID) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(qSuppress, "", identity)
		if err == nil && n == 0 {
			return fault.Missing("identity")
		}
		if err != nil {
			return err
		}
		return customers.TouchOwnerTx(tx, identity)
	})
}
