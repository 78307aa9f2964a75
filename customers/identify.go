package customers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxName           = 120
	maxAttributes     = 50
	maxAttributesSize = 32 << 10
)

// Traits are what a site says of a signed-in person. Only the user id is
// signed, so these never replace what is known and prove nothing.
type Traits struct {
	Name       string
	Email      string
	Locale     string
	Attributes map[string]any
}

// Identified is the outcome of Identify.
type Identified struct {
	Customer ids.ID
	// Taken is true when the device belongs to another known person: nothing
	// was changed, and the caller gives the device a new visitor identity
	// before it tries again. Two known people are never joined.
	Taken bool
}

var (
	qHasKind      = queries.Get("has-kind")
	qMoveIdentity = queries.Get("move-identity")
	qMoveEvents   = queries.Get("move-events")
	qLeft         = queries.Get("identities-left")
	qMergeInto    = queries.Get("merge-into")
	qLock         = queries.Get("lock")
	qUpdate       = queries.Get("update-profile")
	qValues       = queries.Get("values")
)

// Identify joins a visitor's device to the person behind a proven identity.
// What an anonymous visitor did before moves to the known customer.
func (s *Service) Identify(ctx context.Context, device, person Key, t Traits) (Identified, error) {
	var out Identified
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		out = Identified{}
		now := s.clk.Now()
		known, err := s.ResolveTx(tx, person, true, t.Locale, now)
		if err != nil {
			return err
		}
		out.Customer = known.Customer
		joined, taken, err := s.joinTx(tx, device, person, known, now)
		if err != nil || taken {
			out.Taken = taken
			return err
		}
		changed, err := s.applyTraitsTx(tx, known.Customer, t, now)
		if err != nil || !joined && !changed {
			return err
		}
		if joined {
			err := s.TrackTx(tx, Track{Customer: known.Customer, Identity: known.Identity, Name: EventCustomerIdentified, At: now,
				Properties: map[string]any{"user_id": person.Value}}, now)
			if err != nil {
				return err
			}
		}
		c, err := get(tx, queries.Get("get"), known.Customer)
		if err != nil {
			return err
		}
		return announce(tx, c, now)
	})
	return out, err
}

func (s *Service) joinTx(tx *store.Tx, device, person Key, known Resolved, now time.Time) (joined, taken bool, err error) {
	before, found, err := FindTx(tx, device)
	switch {
	case err != nil:
		return false, false, err
	case !found:
		n, err := tx.Exec(qInsertIdentity, s.ids.Next(), known.Customer, device.Kind, device.Namespace, device.Value, false, clock.Millis(now))
		return n == 1, n == 0, err
	case before.Customer == known.Customer:
		return false, false, nil
	}
	var other string
	if err := tx.QueryRow(qHasKind, before.Customer, person.Kind, person.Namespace).Scan(&other); err == nil {
		return false, true, nil
	} else if !isNoRows(err) {
		return false, false, err
	}
	return true, false, s.moveTx(tx, before, known.Customer, now)
}

// moveTx moves one identity and everything that came through it.
func (s *Service) moveTx(tx *store.Tx, before Resolved, to ids.ID, now time.Time) error {
	if _, err := tx.Exec(qMoveIdentity, to, before.Identity); err != nil {
		return err
	}
	if _, err := tx.Exec(qMoveEvents, to, before.Identity, before.Customer); err != nil {
		return err
	}
	for _, moved := range s.moved {
		if err := moved(tx, before.Identity, before.Customer, to); err != nil {
			return err
		}
	}
	var left int64
	if err := tx.QueryRow(qLeft, before.Customer).Scan(&left); err != nil || left > 0 {
		return err
	}
	_, err := tx.Exec(qMergeInto, to, clock.Millis(now), before.Customer)
	return err
}

// applyTraitsTx fills what is empty; it never replaces.
func (s *Service) applyTraitsTx(tx *store.Tx, id ids.ID, t Traits, now time.Time) (changed bool, err error) {
	c, err := get(tx, qLock, id)
	if err != nil {
		return false, err
	}
	if name := text.Preview(t.Name, maxName); c.Name == nil && name != "" {
		c.Name, changed = &name, true
	}
	extra := map[string]any{}
	for k, v := range t.Attributes {
		extra[k] = v
	}
	if email := text.CleanLine(t.Email); email != "" && text.Length(email) <= 254 {
		extra["email"] = email
	}
	for k, v := range extra {
		if _, there := c.Attributes[k]; !there && len(c.Attributes) < maxAttributes {
			c.Attributes[k], changed = v, true
		}
	}
	if !changed {
		return false, nil
	}
	return true, s.saveTx(tx, c, now)
}

// saveTx writes the profile fields of a locked customer.
func (s *Service) saveTx(tx *store.Tx, c *Customer, now time.Time) error {
	attributes, err := json.Marshal(c.Attributes)
	if err != nil {
		return err
	}
	if len(attributes) > maxAttributesSize {
		return tooLong("attributes", maxAttributesSize)
	}
	rows, err := tx.Query(qValues, c.ID)
	values, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var v string
		return v, r.Scan(&v)
	})
	if err != nil {
		return err
	}
	if email, ok := c.Attributes["email"].(string); ok {
		values = append(values, email)
	}
	name := deref(c.Name)
	c.Label = Label(c.ID, name)
	_, err = tx.Exec(qUpdate, name, searchText(name, c.ID, values...), deref(c.Locale), deref(c.Timezone), string(attributes), clock.Millis(now), c.ID)
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
