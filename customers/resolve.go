package customers

import (
	"errors"
	"time"

	"golang.org/x/text/language"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

// Key names an identity.
type Key struct{ Kind, Namespace, Value string }

// Resolved is what a Key led to.
type Resolved struct {
	Customer ids.ID
	Identity ids.ID
	Name     string
	// Home is the record that the identity came with; Verified, whether its
	// owner has proven it.
	Home     ids.ID
	Verified bool
	// Created is true when the person was unknown until now.
	Created bool

	locale, zone string
}

var (
	qGet            = queries.Get("get")
	qByIdentity     = queries.Get("by-identity")
	qInsertCustomer = queries.Get("insert")
	qInsertIdentity = queries.Get("insert-identity")
	qLockOrder      = queries.Get("lock-order")
	qLockAtOnce     = queries.Get("lock-at-once")
	qSeen           = queries.Get("seen")
	qVerify         = queries.Get("verify-identity")
)

// FindTx looks an identity up; ok is false when nobody has it.
func FindTx(q store.Querier, k Key) (Resolved, bool, error) {
	var r Resolved
	err := q.QueryRow(qByIdentity, k.Kind, k.Namespace, k.Value).Scan(&r.Customer, &r.Identity, &r.Home, &r.Verified, &r.Name, &r.locale, &r.zone)
	if errors.Is(err, store.ErrNoRows) {
		return Resolved{}, false, nil
	}
	return r, err == nil, err
}

// ResolveTx finds the customer with an identity or creates both, marks the
// customer as seen and leaves the customer's row locked. Two transactions that
// meet a new identity at once agree on one customer.
func (s *Service) ResolveTx(tx *store.Tx, k Key, verified bool, locale string, now time.Time) (Resolved, error) {
	return s.resolveTx(tx, k, verified, locale, now, now)
}

// resolveTx is ResolveTx for what was done at an instant that may have passed.
func (s *Service) resolveTx(tx *store.Tx, k Key, verified bool, locale string, seen, now time.Time) (Resolved, error) {
	locale = canonicalLocale(locale)
	r, found, err := lockOwnerTx(tx, k)
	switch {
	case err == nil && !found:
		r, err = s.createTx(tx, k, verified, locale, clock.Millis(seen), now)
	case err == nil && verified && !r.Verified:
		_, err = tx.Exec(qVerify, r.Identity)
		r.Verified = true
	}
	if err != nil {
		return r, err
	}
	at := clock.Millis(seen)
	if _, err := tx.Exec(qSeen, at, at, locale, r.Customer); err != nil {
		return r, err
	}
	TouchTx(tx, r.Customer)
	if found && r.locale == "" && locale != "" {
		r.locale = locale
		return r, s.indexTx(tx, r.Customer, now)
	}
	return r, nil
}

// NameTx gives a person without a name the one that a channel tells; the caller
// holds the customer's lock. What somebody has written down is never replaced.
func (s *Service) NameTx(tx *store.Tx, r *Resolved, name string, now time.Time) error {
	if r.Name != "" || name == "" {
		return nil
	}
	changed, err := s.fillTx(tx, r.Customer, r.Home, Traits{Name: name}, now)
	if err != nil || !changed {
		return err
	}
	c, err := get(tx, qGet, r.Customer)
	if err != nil {
		return err
	}
	r.Name = deref(c.Name)
	return announce(tx, c, 0, now)
}

// lockOwnerTx finds the customer with an identity and takes its lock. While it
// waits the identity may move to somebody else, whose lock it does not have:
// then the transaction starts anew.
func lockOwnerTx(tx *store.Tx, k Key) (Resolved, bool, error) {
	r, found, err := FindTx(tx, k)
	if err != nil || !found || tx.Engine() != store.Postgres {
		return r, found, err
	}
	if err := lockOrderTx(tx, r.Customer); err != nil {
		return r, false, err
	}
	now, found, err := FindTx(tx, k)
	if err == nil && now.Customer != r.Customer {
		err = store.ErrRestart
	}
	return now, found, err
}

// canonicalLocale is a language tag as browsers should send it; what is none
// counts as unknown.
func canonicalLocale(s string) string {
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und {
		return ""
	}
	return tag.String()
}

func (s *Service) createTx(tx *store.Tx, k Key, verified bool, locale string, seen int64, now time.Time) (Resolved, error) {
	r := Resolved{Customer: s.ids.Next(), Identity: s.ids.Next(), Verified: verified, Created: true, locale: locale}
	r.Home = r.Customer
	at := clock.Millis(now)
	found := searchText("", r.Customer)
	if k.Kind != KindVisitor && k.Kind != KindAnonymous {
		found = searchText("", r.Customer, k.Value)
	}
	facts := rule.AttributeFacts(nil, "", locale, "").JSON()
	if _, err := tx.Exec(qInsertCustomer, r.Customer, found, locale, facts, seen, at, at); err != nil {
		return r, err
	}
	n, err := tx.Exec(qInsertIdentity, r.Identity, r.Customer, r.Home, 0, k.Kind, k.Namespace, k.Value, verified, at)
	if err != nil || n == 1 {
		return r, err
	}
	// Somebody else has just created the identity and committed: start anew
	// and find it.
	return r, store.ErrRestart
}

// lockOrderTx takes a customer's lock before anything else of theirs is
// written: everybody locks customer, then conversation, then the rest, so
// nobody waits in a circle. SQLite's single writer needs no locks.
func lockOrderTx(tx *store.Tx, id ids.ID) error {
	if tx.Engine() != store.Postgres {
		return nil
	}
	var locked ids.ID
	return tx.QueryRow(qLockOrder, id).Scan(&locked)
}

// searchText is the folded text in which the customer list searches.
func searchText(name string, id ids.ID, values ...string) string {
	s := text.Fold(name) + "\n" + text.Fold(Label(id, "", ""))
	for _, v := range values {
		s += "\n" + text.Fold(v)
	}
	return s
}
