package customers

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Union notes what the platform calls the person behind an identity on all
// accounts of the company: followers with one union id are one customer. Two
// known people are not joined; that is noted as a contradiction. It returns
// whose the identity is.
func (s *Service) Union(ctx context.Context, follower, union Key) (customer ids.ID, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
		customer, err = s.unionTx(tx, follower, union)
		return err
	})
	return customer, err
}

func (s *Service) unionTx(tx *store.Tx, follower, union Key) (ids.ID, error) {
	now := s.clk.Now()
	who, err := s.ResolveTx(tx, follower, true, "", now)
	if err != nil {
		return 0, err
	}
	has, found, err := FindTx(tx, union)
	if err != nil {
		return 0, err
	}
	if !found {
		has.Identity = s.ids.Next()
		n, err := tx.Exec(qInsertIdentity, has.Identity, who.Customer, who.Home, 0, union.Kind, union.Namespace, union.Value, true, clock.Millis(now))
		if err == nil && n == 0 {
			err = store.ErrRestart
		}
		if err != nil {
			return 0, err
		}
		if err := proveUnionTx(tx, has.Identity, who.Identity); err != nil {
			return 0, err
		}
		return who.Customer, s.indexTx(tx, who.Customer, now)
	}
	if err := proveUnionTx(tx, has.Identity, who.Identity); err != nil {
		return 0, err
	}
	if has.Customer == who.Customer {
		return who.Customer, nil
	}
	if err := lockOtherTx(tx, union, has.Customer); err != nil {
		return 0, err
	}
	return s.joinUnionTx(tx, who, has, now)
}

// joinUnionTx joins a follower to whoever has the same union id; the known one
// survives, else the older.
func (s *Service) joinUnionTx(tx *store.Tx, who, has Resolved, now time.Time) (ids.ID, error) {
	survivor, err := suggested(tx, has.Customer, who.Customer)
	if err != nil {
		return 0, err
	}
	j := join{
		kind: ByUnionID, survivor: has.Customer, absorbed: who.Customer, survivorEnd: has.Home, absorbedEnd: who.Home,
		survivorIdentity: has.Identity, absorbedIdentity: who.Identity, by: auth.System,
	}
	parted, err := barred(tx, j.kind, j.absorbedIdentity, j.survivorIdentity)
	if err != nil {
		return 0, err
	}
	one, err := known(tx, who.Customer)
	if err != nil {
		return 0, err
	}
	other, err := known(tx, has.Customer)
	if err != nil {
		return 0, err
	}
	if parted || one && other {
		return who.Customer, s.contradictTx(tx, j.kind, who.Identity, has.Identity, now)
	}
	if survivor == who.Customer {
		// The log's ends keep their evidence; only who stays is the other way round.
		j.survivor, j.absorbed, j.survivorEnd, j.absorbedEnd = j.absorbed, j.survivor, j.absorbedEnd, j.survivorEnd
	}
	done, err := s.joinTx(tx, j, now)
	if err != nil {
		return 0, err
	}
	return survivor, announceAll(tx, done.customer, done.browsers, now)
}

// proveUnionTx notes through which follower a union id is known: it goes with the
// last of them.
func proveUnionTx(tx *store.Tx, union, follower ids.ID) error {
	_, err := tx.Exec(queries.Get("prove-union"), union, follower)
	return err
}

// entombUnionsTx erases the union ids of a person that only one follower has
// shown, who is being erased. Nobody has to be known again by them: whoever comes
// back brings them anew.
func entombUnionsTx(tx *store.Tx, customer, follower ids.ID) error {
	type union struct {
		id          ids.ID
		proofs, own int64
	}
	rows, err := tx.Query(queries.Get("proven-unions"), follower, customer)
	list, err := store.Collect(rows, err, func(r store.Row) (u union, err error) { return u, r.Scan(&u.id, &u.proofs, &u.own) })
	if err != nil {
		return err
	}
	var others int64 // other followers: any of them may have shown one of which that was not noted
	if err := tx.QueryRow(queries.Get("other-followers"), customer, follower).Scan(&others); err != nil {
		return err
	}
	for _, u := range list {
		if u.proofs > u.own || u.proofs == 0 && others > 0 {
			continue
		}
		if _, err := tx.Exec(queries.Get("entomb"), "erased:"+u.id.String(), u.id); err != nil {
			return err
		}
	}
	_, err = tx.Exec(queries.Get("unprove-union"), follower)
	return err
}
