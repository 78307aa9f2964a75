package customers

import (
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// EntombTx puts a tombstone in the place of an identity's value, which nobody can
// search for any more either, and returns whose the identity is. A union id that
// only this identity has shown goes with it.
func (s *Service) EntombTx(tx *store.Tx, identity ids.ID, tombstone string, now time.Time) (owner ids.ID, err error) {
	if err := tx.QueryRow(qOwnerOf, identity).Scan(&owner); err != nil {
		return 0, err
	}
	c, err := lockTx(tx, owner)
	if err != nil {
		return 0, err
	}
	var again ids.ID
	if err := tx.QueryRow(qOwnerOf, identity).Scan(&again); err != nil || again != owner {
		return 0, errorOr(err, store.ErrRestart)
	}
	if err := entombUnionsTx(tx, owner, identity); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(queries.Get("entomb"), tombstone, identity); err != nil {
		return 0, err
	}
	return owner, s.saveTx(tx, c, now)
}
