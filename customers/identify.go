package customers

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
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
// signed, so these never replace what is known and prove nothing, but for an
// address whose proof the caller has checked.
type Traits struct {
	Name       string
	Email      string
	Locale     string
	Timezone   string
	Attributes map[string]any
	// EmailProven says that the site has signed Email as this person's.
	EmailProven bool
}

// Identified is the outcome of Identify.
type Identified struct {
	Customer ids.ID
	// Taken is true when the device belongs to another known person, or when a
	// teammate has taken the two apart: nothing was changed, and the caller gives
	// the device a new visitor identity before it tries again. Two known people
	// are never joined.
	Taken bool
}

var (
	qHasKind      = queries.Get("has-kind")
	qMoveIdentity = queries.Get("move-identity")
	qMoveEvents   = queries.Get("move-events")
	qLock         = queries.Get("lock")
	qLockPerson   = queries.Get("lock-person")
	qUpdate       = queries.Get("update-profile")
	qValues       = queries.Get("values")
	qProve        = queries.Get("prove-identity")
)

// Identify joins a visitor's device to the person behind a proven identity.
// What an anonymous visitor did before moves to the known customer; so does
// what came from an address that the site proves to be theirs.
func (s *Service) Identify(ctx context.Context, device, person Key, t Traits) (Identified, error) {
	if err := t.check(); err != nil {
		return Identified{}, err
	}
	var out Identified
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = s.identifyTx(tx, device, person, t)
		return err
	})
	return out, err
}

func (s *Service) identifyTx(tx *store.Tx, device, person Key, t Traits) (out Identified, err error) {
	now := s.clk.Now()
	owner, err := lockBothTx(tx, device, person)
	if err != nil {
		return out, err
	}
	who, err := s.ResolveTx(tx, person, true, t.Locale, now)
	if err != nil {
		return out, err
	}
	out.Customer = who.Customer
	arrived, taken, err := s.deviceTx(tx, device, person, owner, who, now)
	if err != nil || taken {
		out.Taken = taken
		return out, err
	}
	proven, err := s.proveEmailTx(tx, who, t, now)
	if err != nil {
		return out, err
	}
	changed, err := s.fillTx(tx, who.Customer, who.Home, t, now)
	if err != nil || !arrived.new && !changed && !proven.changed {
		return out, err
	}
	if arrived.new {
		err := s.TrackTx(tx, Track{Customer: who.Customer, Identity: who.Identity, Name: EventCustomerIdentified, At: now,
			Properties: map[string]any{"user_id": person.Value}}, now)
		if err != nil {
			return out, err
		}
	}
	c, err := get(tx, qGet, who.Customer)
	if err != nil {
		return out, err
	}
	return out, announceAll(tx, c, append(arrived.browsers, proven.browsers...), now)
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
	if err := lockAtOnceTx(tx, known.Customer); err != nil {
		return 0, err
	}
	again, _, err := FindTx(tx, person)
	if err == nil && again.Customer != known.Customer {
		err = store.ErrRestart // merged while its lock was taken
	}
	return before.Customer, err
}

// arrival is what has come to a person.
type arrival struct {
	// new is true when a browser has been joined to the person, changed when
	// anything about the person has changed.
	new, changed bool
	browsers     []ids.ID
}

// deviceTx gives the device, whose customer is owner, to the known person.
func (s *Service) deviceTx(tx *store.Tx, device, person Key, owner ids.ID, who Resolved, now time.Time) (a arrival, taken bool, err error) {
	before, found, err := FindTx(tx, device)
	switch {
	case err != nil:
		return a, false, err
	case !found:
		through := s.ids.Next()
		n, err := tx.Exec(qInsertIdentity, through, who.Customer, who.Home, who.Identity, device.Kind, device.Namespace, device.Value, false, clock.Millis(now))
		if err == nil && n == 0 {
			err = store.ErrRestart // its first message has just been committed
		}
		return arrival{new: true, browsers: []ids.ID{through}}, false, err
	case before.Customer == who.Customer:
		n, err := tx.Exec(qProve, who.Identity, before.Identity, who.Identity)
		if n > 0 {
			a = arrival{changed: true, browsers: []ids.ID{before.Identity}}
		}
		return a, false, err
	case before.Customer != owner:
		return a, false, store.ErrRestart // it was new and has just written
	}
	if taken, err := s.takenTx(tx, before, person, who); err != nil || taken {
		return a, taken, err
	}
	if _, err := tx.Exec(qProve, who.Identity, before.Identity, who.Identity); err != nil {
		return a, false, err
	}
	done, err := s.joinTx(tx, join{
		kind: ByIdentify, survivor: who.Customer, absorbed: before.Customer, survivorEnd: who.Home, absorbedEnd: before.Home,
		survivorIdentity: who.Identity, absorbedIdentity: before.Identity, by: auth.System,
	}, now)
	return arrival{new: true, browsers: done.browsers}, false, err
}

// takenTx tells whether a device must not be joined to a person: it is another
// known person's, or a teammate has taken these two apart.
func (s *Service) takenTx(tx *store.Tx, before Resolved, person Key, who Resolved) (bool, error) {
	var other string
	err := tx.QueryRow(qHasKind, before.Customer, person.Kind, person.Namespace).Scan(&other)
	if err == nil {
		return true, nil
	}
	if !isNoRows(err) {
		return false, err
	}
	return barred(tx, ByIdentify, before.Identity, who.Identity)
}

// moveTx moves one identity and everything that came through it; its events
// follow in their own time where the person has many.
func (s *Service) moveTx(tx *store.Tx, identity, from, to ids.ID, many bool) error {
	if _, err := tx.Exec(qMoveIdentity, to, identity); err != nil {
		return err
	}
	if err := moveEventsTx(tx, identity, from, to, many); err != nil {
		return err
	}
	for _, moved := range s.moved {
		if err := moved(tx, identity, from, to); err != nil {
			return err
		}
	}
	return nil
}

// fillTx fills what is empty; it never replaces. What is said of one record of
// a merged person (home) stays with that record when the merge is undone.
func (s *Service) fillTx(tx *store.Tx, id, home ids.ID, t Traits, now time.Time) (changed bool, err error) {
	c, err := lockTx(tx, id)
	if err != nil {
		return false, err
	}
	had := maps.Clone(c.Attributes)
	name := text.Preview(t.Name, maxName)
	var told fields
	for _, blank := range []struct {
		shown, told **string
		value       string
	}{{&c.Name, &told.Name, name}, {&c.Locale, &told.Locale, canonicalLocale(t.Locale)}, {&c.Timezone, &told.Timezone, t.Timezone}} {
		if *blank.shown == nil && blank.value != "" {
			*blank.shown, *blank.told, changed = &blank.value, &blank.value, true
		}
	}
	filled, err := t.fill(c.Attributes)
	if err != nil || !changed && !filled {
		return false, err
	}
	own, merged, err := ownTx(tx, id, home)
	if err != nil {
		return false, err
	}
	if !merged {
		return true, s.saveTx(tx, c, now)
	}
	told.fill(own)
	own.Name, own.Locale, own.Timezone = told.Name, told.Locale, told.Timezone
	own.Attributes = maps.Clone(own.Attributes)
	if own.Attributes == nil {
		own.Attributes = map[string]any{}
	}
	for k, v := range c.Attributes {
		if _, there := had[k]; !there {
			own.Attributes[k] = v
		}
	}
	_, err = s.setOwnTx(tx, id, home, own, now)
	return true, err
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
		v := cleanValue(extra[k])
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
	bad := checkAttributes("identity.attributes", t.Attributes)
	if t.EmailProven {
		if _, ok := EmailKey(t.Email); !ok {
			bad = append(bad, fault.Field{Field: "identity.email", Code: "invalid_email"})
		}
	}
	return fault.AtFields(bad...)
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
	rows, err := tx.Query(qValues, c.ID, c.ID)
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
	shown, err := RefTx(tx, c.ID, name)
	if err != nil {
		return err
	}
	c.Label = shown.Label
	TouchTx(tx, c.ID)
	_, err = tx.Exec(qUpdate, name, searchText(name, c.ID, values...), deref(c.Locale), deref(c.Timezone), string(attributes), c.facts(), clock.Millis(now), c.ID)
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
