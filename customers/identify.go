package customers

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxName           = 120
	maxEmail          = 254
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
	qLockPerson   = queries.Get("lock-person")
	qUpdate       = queries.Get("update-profile")
	qValues       = queries.Get("values")
)

// Identify joins a visitor's device to the person behind a proven identity.
// What an anonymous visitor did before moves to the known customer.
func (s *Service) Identify(ctx context.Context, device, person Key, t Traits) (Identified, error) {
	if err := t.check(); err != nil {
		return Identified{}, err
	}
	var out Identified
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		out = Identified{}
		now := s.clk.Now()
		owner, err := lockBothTx(tx, device, person)
		if err != nil {
			return err
		}
		known, err := s.ResolveTx(tx, person, true, t.Locale, now)
		if err != nil {
			return err
		}
		out.Customer = known.Customer
		through, joined, taken, err := s.joinTx(tx, device, person, owner, known, now)
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
		return announce(tx, c, through, now)
	})
	return out, err
}

// lockBothTx takes the locks of the device's customer, which it returns (0 for
// a new device), and of the person, so that neither changes hands meanwhile;
// SQLite's writer needs none. On PostgreSQL a transaction's number is fixed by
// its first row lock, and waiting for a second one would make the number too
// old (see lockOrderTx): those who identify the same person wait for each other
// by an advisory lock, which has no number, and whoever still finds the person
// locked starts anew.
func lockBothTx(tx *store.Tx, device, person Key) (owner ids.ID, err error) {
	if tx.Engine() == store.Postgres {
		var locked int64
		if err := tx.QueryRow(qLockPerson, person.Kind+"\n"+person.Namespace+"\n"+person.Value).Scan(&locked); err != nil {
			return 0, err
		}
	}
	before, found, err := lockOwnerTx(tx, device)
	if err != nil || tx.Engine() != store.Postgres {
		return before.Customer, err
	}
	known, exists, err := FindTx(tx, person)
	if err != nil || !found || !exists || known.Customer == before.Customer {
		return before.Customer, err // one lock at most, which ResolveTx takes
	}
	var locked ids.ID
	err = tx.QueryRow(qLockAtOnce, known.Customer).Scan(&locked)
	if isNoRows(err) {
		err = store.ErrRestart
	}
	return before.Customer, err
}

// joinTx gives the device, which is owner's, to the known person; through is
// its identity.
func (s *Service) joinTx(tx *store.Tx, device, person Key, owner ids.ID, known Resolved, now time.Time) (through ids.ID, joined, taken bool, err error) {
	before, found, err := FindTx(tx, device)
	switch {
	case err != nil:
		return 0, false, false, err
	case !found:
		through = s.ids.Next()
		n, err := tx.Exec(qInsertIdentity, through, known.Customer, device.Kind, device.Namespace, device.Value, false, clock.Millis(now))
		if err == nil && n == 0 {
			err = store.ErrRestart // its first message has just been committed
		}
		return through, true, false, err
	case before.Customer == known.Customer:
		return before.Identity, false, false, nil
	case before.Customer != owner:
		return 0, false, false, store.ErrRestart // it was new and has just written
	}
	var other string
	if err := tx.QueryRow(qHasKind, before.Customer, person.Kind, person.Namespace).Scan(&other); err == nil {
		return 0, false, true, nil
	} else if !isNoRows(err) {
		return 0, false, false, err
	}
	return before.Identity, true, false, s.moveTx(tx, before, known.Customer, now)
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
	filled, err := t.fill(c.Attributes)
	if err != nil || !changed && !filled {
		return false, err
	}
	return true, s.saveTx(tx, c, now)
}

// fill adds the attributes that are missing, by name, as far as there is room.
func (t Traits) fill(to map[string]any) (changed bool, err error) {
	extra := maps.Clone(t.Attributes)
	if extra == nil {
		extra = map[string]any{}
	}
	if email := text.CleanLine(t.Email); email != "" && text.Length(email) <= maxEmail {
		extra["email"] = email
	}
	had, err := json.Marshal(to)
	if err != nil {
		return false, err
	}
	size := len(had)
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		v := extra[k]
		if s, ok := v.(string); ok {
			v = text.Clean(s)
		}
		entry, err := json.Marshal(map[string]any{k: v})
		if err != nil {
			return changed, err
		}
		if _, there := to[k]; there || v == nil || len(to) >= maxAttributes || size+len(entry) > maxAttributesSize {
			continue
		}
		to[k], changed = v, true
		size += len(entry)
	}
	return changed, nil
}

// check holds traits to the rules of a profile; fields are named as the
// visitors' session call names them.
func (t Traits) check() error {
	return fault.AtFields(checkAttributes("identity.attributes", t.Attributes)...)
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
