package customers

import (
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// EmailKey is the identity of an address, whatever its spelling. ok is false for
// what is no address.
func EmailKey(address string) (k Key, ok bool) {
	s, ok := text.Email(address)
	if !ok {
		return Key{}, false
	}
	return Key{KindEmail, Installation, s}, true
}

// proveEmailTx makes a proven address an identity of the person; the caller
// holds the person's lock. Somebody nobody knows but by this address is joined.
// An address of another known person joins nobody and is noted.
func (s *Service) proveEmailTx(tx *store.Tx, who Resolved, t Traits, now time.Time) (a arrival, err error) {
	k, ok := EmailKey(t.Email)
	if !t.EmailProven || !ok {
		return a, nil
	}
	has, found, err := FindTx(tx, k)
	switch {
	case err != nil:
		return a, err
	case !found:
		id := s.ids.Next()
		n, err := tx.Exec(qInsertIdentity, id, who.Customer, who.Home, who.Identity, k.Kind, k.Namespace, k.Value, true, clock.Millis(now))
		if err == nil && n == 0 {
			err = store.ErrRestart // its first mail has just been committed
		}
		if err != nil {
			return a, err
		}
		return arrival{changed: true}, s.indexTx(tx, who.Customer, now)
	case has.Customer == who.Customer:
		n, err := tx.Exec(qVerify, has.Identity)
		return arrival{changed: n > 0}, err
	}
	if err := lockOtherTx(tx, k, has.Customer); err != nil {
		return a, err
	}
	return s.joinProvenTx(tx, join{
		kind: ByEmail, survivor: who.Customer, absorbed: has.Customer, survivorEnd: who.Home, absorbedEnd: has.Home,
		survivorIdentity: who.Identity, absorbedIdentity: has.Identity, by: auth.System,
	}, now)
}

// joinProvenTx joins what evidence says is one person, unless both are known or
// a teammate has taken them apart: then it notes a contradiction. survivor is a
// known person.
func (s *Service) joinProvenTx(tx *store.Tx, j join, now time.Time) (a arrival, err error) {
	other, err := known(tx, j.absorbed)
	if err != nil {
		return a, err
	}
	parted, err := barred(tx, j.kind, j.absorbedIdentity, j.survivorIdentity)
	if err != nil {
		return a, err
	}
	if other || parted {
		return a, s.contradictTx(tx, j.kind, j.survivorIdentity, j.absorbedIdentity, now)
	}
	done, err := s.joinTx(tx, j, now)
	if err != nil {
		return a, err
	}
	_, err = tx.Exec(qVerify, j.absorbedIdentity)
	return arrival{changed: true, browsers: done.browsers}, err
}

// lockOtherTx locks the owner of an identity beside a person that is locked.
func lockOtherTx(tx *store.Tx, k Key, owner ids.ID) error {
	if err := lockAtOnceTx(tx, owner); err != nil {
		return err
	}
	now, _, err := FindTx(tx, k)
	if err == nil && now.Customer != owner {
		err = store.ErrRestart // given to somebody else while its lock was taken
	}
	return err
}

// indexTx makes a person's identities searchable after one has come.
func (s *Service) indexTx(tx *store.Tx, id ids.ID, now time.Time) error {
	c, err := lockTx(tx, id)
	if err != nil {
		return err
	}
	return s.saveTx(tx, c, now)
}
