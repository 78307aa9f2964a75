package channels

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Health is whether an account works, as its adapter last found.
type Health struct {
	OK     bool         `json:"ok"`
	Code   string       `json:"code" doc:"What is wrong, a code of the error catalogue; empty when nothing is"`
	Params fault.Params `json:"params,omitempty"`
	// Since is when it became so; nil for an account that never had trouble.
	Since *time.Time `json:"since"`
}

// Report stores an account's health when it differs from the last report.
func (a *Accounts) Report(ctx context.Context, id ids.ID, h Health) error {
	if acc, err := a.Get(ctx, id); err != nil || acc.Health.OK == h.OK && acc.Health.Code == h.Code {
		return err
	}
	var acc *Account
	err := a.db.Write(ctx, func(tx *store.Tx) (err error) {
		if acc, err = scanAccount(tx.QueryRow(qLock, id)); err != nil {
			return missing(err)
		}
		if acc.Health.OK == h.OK && acc.Health.Code == h.Code {
			return nil
		}
		now := a.clk.Now()
		h.Since = &now
		acc.Health = h
		stored, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(qHealth, string(stored), id); err != nil {
			return err
		}
		return announce(tx, acc, now)
	})
	if acc != nil {
		a.Forget(acc.Key)
	}
	return err
}
