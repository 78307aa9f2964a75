package inbox

import (
	"context"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const eraseChunk = 200

// EraseIdentity removes what came from a person through one identity: the words
// and files of their messages, their events, what the provider brought. That
// something was written, our own answers and the customer's record stay; the
// identity's value gives way to the tombstone. It works in short transactions
// and can be repeated after a failure; an identity that is unknown or has been
// erased is left alone. Files are swept within a day, the change feed forgets
// after its retention. by is the ExternalID of the happening that demands it, ""
// for none: told of it again, nothing more follows.
func (b *Inbox) EraseIdentity(ctx context.Context, account *channels.Account, i channels.Identity, by string) error {
	who, found, err := customers.FindTx(b.db.Reader(ctx), customers.Key{Kind: i.Kind, Namespace: i.Namespace, Value: i.Value})
	if err != nil || !found {
		return err
	}
	touched := map[ids.ID]bool{}
	for last := ids.ID(0); ; {
		blanked, err := b.blank(ctx, who.Identity, last, touched)
		if err != nil {
			return err
		}
		if len(blanked) == 0 {
			break
		}
		last = blanked[len(blanked)-1]
	}
	for n := int64(eraseChunk); n == eraseChunk; {
		err := b.db.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.Exec(queries.Get("forget-events"), who.Customer, who.Identity, who.Identity, eraseChunk)
			b.customers.TouchTx(tx, who.Customer)
			return err
		})
		if err != nil {
			return err
		}
	}
	for c := range touched {
		if err := b.db.Write(ctx, func(tx *store.Tx) error { return b.tellErasedTx(tx, c) }); err != nil {
			return err
		}
	}
	return b.db.Write(ctx, func(tx *store.Tx) error { return b.entombTx(tx, account, who, i, by) })
}

// blank empties the next messages behind last, in one transaction.
func (b *Inbox) blank(ctx context.Context, identity, last ids.ID, touched map[ids.ID]bool) (out []ids.ID, err error) {
	type heard struct{ message, conversation ids.ID }
	rows, err := b.db.Reader(ctx).Query(queries.Get("heard-from"), identity, last, eraseChunk)
	found, err := store.Collect(rows, err, func(r store.Row) (heard, error) {
		var h heard
		return h, r.Scan(&h.message, &h.conversation)
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = b.db.Write(ctx, func(tx *store.Tx) error {
		for _, h := range found {
			for _, q := range []string{"blank", "drop-html", "drop-files"} {
				if _, err := tx.Exec(queries.Get(q), h.message); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, h := range found {
		out = append(out, h.message)
		touched[h.conversation] = true
	}
	return out, err
}

// tellErasedTx empties what lists show of a conversation and says in it what has
// happened.
func (b *Inbox) tellErasedTx(tx *store.Tx, id ids.ID) error {
	now := b.clk.Now()
	c, err := lockTx(tx, id)
	if err != nil {
		return err
	}
	counted := c.place()
	if c.LastMessage != nil && c.LastMessage.Direction == In {
		c.LastMessage.Preview = ""
	}
	m, err := b.activityTx(tx, c, "erased", nil, now)
	if err != nil {
		return err
	}
	if err := saveTx(tx, c, &counted); err != nil {
		return err
	}
	return announceTx(tx, change{kind: "message", c: c, before: counted, existed: true, message: m}, now)
}

// entombTx puts the tombstone in the identity's place and forgets what still
// holds its value.
func (b *Inbox) entombTx(tx *store.Tx, account *channels.Account, who customers.Resolved, i channels.Identity, by string) error {
	now := b.clk.Now()
	owner, err := b.customers.EntombTx(tx, who.Identity, i.Tombstone, now)
	if err != nil {
		return err
	}
	if by != "" {
		if err := settleNotedTx(tx, account, by); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(queries.Get("forget-noted"), who.Identity); err != nil {
		return err
	}
	if _, err := tx.Exec(queries.Get("forget-inbound"), account.ID, i.Value); err != nil {
		return err
	}
	return b.customers.TrackTx(tx, customers.Track{Customer: owner, Identity: who.Identity, Name: customers.EventIdentityErased, At: now, Properties: map[string]any{"channel": account.Channel, "account_id": account.ID}}, now)
}
