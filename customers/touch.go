package customers

import (
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// TopicTouched is hinted when there are people whose membership may have changed.
const TopicTouched = "touched"

var (
	qTouch   = queries.Get("touch")
	qOwnerOf = queries.Get("owner-of")
)

// TouchTx notes, as the transaction's last step, that a customer's membership
// may have changed. Whoever changes something that a rule can ask for calls it
// in the transaction of the change.
func TouchTx(tx *store.Tx, customer ids.ID) {
	tx.Finally(qTouch, int64(customer))
	tx.Hint(TopicTouched)
}

// TouchOwnerTx is TouchTx for the owner of an identity. The caller holds the
// lock of the identity or of its owner.
func TouchOwnerTx(tx *store.Tx, identity ids.ID) error {
	var owner ids.ID
	if err := tx.QueryRow(qOwnerOf, identity).Scan(&owner); err != nil {
		return err
	}
	TouchTx(tx, owner)
	return nil
}

// TouchTx is the function of the same name, for those who declare what they need
// of the service.
func (s *Service) TouchTx(tx *store.Tx, customer ids.ID) { TouchTx(tx, customer) }
