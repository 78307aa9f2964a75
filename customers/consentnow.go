package customers

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// What consents mean now stands in consent_now, a row for each channel and
// purpose of which something was said, so that conditions and the outbox can ask
// it. It is worked out anew whenever somebody says something and whenever people
// are joined or parted.

var (
	qForgetConsents = queries.Get("forget-consent-now")
	qConsentNow     = queries.Get("insert-consent-now")
	qConsentState   = queries.Get("consent-now")
)

// consentsFilled marks that what was said before there was consent_now is in it.
const consentsFilled = "customers/consent_now"

// consentsNowTx works out what people allow; records that represent nobody have
// no rows. The caller holds their locks.
func (s *Service) consentsNowTx(tx *store.Tx, records ...ids.ID) error {
	for _, id := range records {
		if _, err := tx.Exec(qForgetConsents, id); err != nil {
			return err
		}
		rep, err := whose(tx, id)
		if err != nil {
			return err
		}
		if rep != id {
			continue
		}
		current, _, err := consentsOf(tx, id)
		if err != nil {
			return err
		}
		for _, c := range current {
			if _, err := tx.Exec(qConsentNow, id, c.Channel, c.Purpose, string(c.State)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ConsentNow is what holds of a purpose on a channel for the person that a
// record represents; "" where nothing was said.
func ConsentNow(q store.Querier, customer ids.ID, channel, purpose string) (ConsentState, error) {
	var state ConsentState
	err := q.QueryRow(qConsentState, customer, channel, purpose).Scan(&state)
	if isNoRows(err) {
		return "", nil
	}
	return state, err
}

// backfillConsentsTx works out what was said before there was consent_now.
func (s *Service) backfillConsentsTx(tx *store.Tx) error {
	var n int64
	if err := tx.QueryRow(queries.Get("count-setting"), consentsFilled).Scan(&n); err != nil || n > 0 {
		return err
	}
	if _, err := tx.Exec(queries.Get("set-setting"), consentsFilled, ""); err != nil {
		return err
	}
	rows, err := tx.Query(queries.Get("who-said"))
	found, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		return err
	}
	return s.consentsNowTx(tx, found...)
}

// Say writes down what a person said through one of their own identities, behind
// a link that only they were given. Saying what holds already changes nothing.
func (s *Service) Say(ctx context.Context, identity ids.ID, channel, purpose string, state ConsentState, source string) error {
	c := ConsentChange{Identity: identity, Channel: channel, Purpose: purpose, State: state, Source: source}
	if err := c.check(); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *store.Tx) error { return s.SayTx(tx, c, s.clk.Now()) })
}

// SayTx is Say in the caller's transaction; Customer and ClientKey are not
// looked at.
func (s *Service) SayTx(tx *store.Tx, c ConsentChange, now time.Time) error {
	var owner ids.ID
	if err := tx.QueryRow(queries.Get("owner-of"), c.Identity).Scan(&owner); err != nil {
		if isNoRows(err) {
			return fault.Missing("identity")
		}
		return err
	}
	who, err := lockTx(tx, owner)
	if err != nil {
		return err
	}
	has, err := ConsentNow(tx, who.ID, c.Channel, c.Purpose)
	if err != nil || has == c.State {
		return err
	}
	record, err := consentRecord(tx, who.ID, c.Identity)
	if err != nil {
		return err
	}
	_, err = tx.Exec(queries.Get("insert-consent"), s.ids.Next(), record, c.Identity, c.Channel, c.Purpose, string(c.State), c.Source,
		systemActor.Kind, systemActor.ID, "", nil, clock.Millis(now))
	if err != nil {
		return err
	}
	if err := s.consentsNowTx(tx, who.ID); err != nil {
		return err
	}
	TouchTx(tx, who.ID)
	return announce(tx, who, 0, now)
}

// SaidThrough is what holds of a purpose on a channel for whoever has an
// identity; "" where nothing was said.
func (s *Service) SaidThrough(ctx context.Context, identity ids.ID, channel, purpose string) (ConsentState, error) {
	q := s.db.Reader(ctx)
	var owner ids.ID
	if err := q.QueryRow(queries.Get("owner-of"), identity).Scan(&owner); err != nil {
		if isNoRows(err) {
			return "", fault.Missing("identity")
		}
		return "", err
	}
	return ConsentNow(q, owner, channel, purpose)
}
