package channels

import (
	"encoding/json"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
)

// Claimer is an Adapter whose accounts each stand for something that exists
// once: a mailbox, an official account. Two accounts of one would share its
// inbound, and nobody could tell whose a message is.
type Claimer interface {
	// Claim is what a canonical configuration stands for, and the field that
	// says so, "config.x".
	Claim(config json.RawMessage) (field, value string, err error)
}

// lockClaimsTx lets changes of what accounts stand for take turns.
func lockClaimsTx(tx *store.Tx) error {
	var one int64
	return tx.QueryRow(qClaims).Scan(&one)
}

// claimTx refuses an account that stands for what another one stands for, a
// disabled one included: its conversations are there, it only has to be enabled.
func claimTx(tx *store.Tx, adapter Adapter, acc *Account) error {
	c, ok := adapter.(Claimer)
	if !ok {
		return nil
	}
	field, value, err := c.Claim(acc.Config)
	if err != nil || value == "" {
		return err
	}
	if err := lockClaimsTx(tx); err != nil {
		return err
	}
	rows, err := tx.Query(qList)
	others, err := store.Collect(rows, err, scanAccount)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID == acc.ID || o.Channel != acc.Channel {
			continue
		}
		if _, theirs, err := c.Claim(o.Config); err == nil && theirs == value {
			return fault.AtField(field, "account_taken", fault.Params{"name": o.Name})
		}
	}
	return nil
}

// keepClaimTx is claimTx for an account that exists. One that keeps what it
// stands for is let alone: installations from before this rule may have two.
func (a *Accounts) keepClaimTx(tx *store.Tx, before, acc *Account) error {
	adapter, err := a.registry.Adapter(acc.Channel)
	if err != nil {
		return err
	}
	c, ok := adapter.(Claimer)
	if !ok {
		return nil
	}
	_, was, err := c.Claim(before.Config)
	if err != nil {
		return err
	}
	if _, is, err := c.Claim(acc.Config); err != nil || is == was {
		return err
	}
	return claimTx(tx, adapter, acc)
}
