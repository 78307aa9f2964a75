package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var qNoted = queries.Get("noted")

// Note implements channels.Sink: it stores what a person did on a channel in
// their timeline and, where the channel wants it, as a line of their
// conversation. It opens none.
func (b *Inbox) Note(ctx context.Context, h channels.Happening) (channels.Received, error) {
	adapter, err := b.registry.Adapter(h.Account.Channel)
	if err != nil {
		return channels.Received{}, err
	}
	var out channels.Received
	err = b.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = b.noteTx(tx, h, adapter.Capabilities())
		return err
	})
	return out, err
}

func (b *Inbox) noteTx(tx *store.Tx, h channels.Happening, caps channels.Capabilities) (channels.Received, error) {
	now := b.clk.Now()
	if h.At.IsZero() {
		h.At = now
	}
	if h.Returns != "" {
		// Whoever is known by a tombstone must not be woken by hearing twice that
		// they have left.
		settled, err := settledTx(tx, h)
		if err != nil || settled {
			return channels.Received{Repeat: true, Stale: true, At: now}, err
		}
	}
	who, err := b.whoTx(tx, h.Identity, "", now)
	if err != nil {
		return channels.Received{}, err
	}
	out := channels.Received{Customer: who.Customer, Identity: who.Identity, At: now}
	n, err := tx.Exec(qNoted, inboundKey(h.Account, h.ExternalID), who.Customer, who.Identity, clock.Millis(now))
	if err != nil {
		return out, err
	}
	if out.Repeat = n == 0; out.Repeat {
		return out, nil
	}
	if h.Returns != "" {
		var later int64
		if err := tx.QueryRow(queries.Get("returned"), who.Customer, h.Returns, clock.Millis(h.At), who.Identity).Scan(&later); err != nil {
			return out, err
		}
		if out.Stale = later > 0; out.Stale {
			return out, settleNotedTx(tx, h.Account, h.ExternalID)
		}
	}
	properties := map[string]any{"account_id": h.Account.ID, "channel": h.Account.Channel}
	for k, v := range h.Properties {
		properties[k] = v
	}
	if err := b.customers.TrackTx(tx, customers.Track{Customer: who.Customer, Identity: who.Identity, Name: h.Event, At: h.At, Properties: properties}, now); err != nil {
		return out, err
	}
	return out, b.tellThreadTx(tx, h, caps, who, now)
}

// settledTx tells whether everything that followed from a happening has been
// done. What brought it once more is then forgotten, too, if the person is.
func settledTx(tx *store.Tx, h channels.Happening) (bool, error) {
	var identity ids.ID
	err := tx.QueryRow(queries.Get("noted-of"), inboundKey(h.Account, h.ExternalID)).Scan(&identity)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	if err != nil || identity != 0 {
		return false, err
	}
	_, alive, err := customers.FindTx(tx, customers.Key{Kind: h.Identity.Kind, Namespace: h.Identity.Namespace, Value: h.Identity.Value})
	if err == nil && !alive {
		_, err = tx.Exec(queries.Get("forget-inbound"), h.Account.ID, h.Identity.Value)
	}
	return true, err
}

// settleNotedTx marks that everything that follows from a happening has been
// done: its row is nobody's from here on.
func settleNotedTx(tx *store.Tx, account *channels.Account, external string) error {
	_, err := tx.Exec(queries.Get("settle-noted"), inboundKey(account, external))
	return err
}

// tellThreadTx shows in the person's conversation, if there is one, what they
// did and what it allows.
func (b *Inbox) tellThreadTx(tx *store.Tx, h channels.Happening, caps channels.Capabilities, who customers.Resolved, now time.Time) error {
	c, err := latestTx(tx, caps, h.Account.ID, who)
	if err != nil {
		return err
	}
	if c == nil {
		return grantTx(tx, nil, who.Identity, h.Grants, h.At, now)
	}
	counted := c.place()
	if err := grantTx(tx, c, who.Identity, h.Grants, h.At, now); err != nil {
		return err
	}
	if h.Activity == "" && len(h.Grants) == 0 {
		return nil
	}
	ch := change{kind: "conversation", c: c, before: counted, existed: true}
	if h.Activity != "" {
		m, err := b.activityTx(tx, c, h.Activity, h.Properties, now)
		if err != nil {
			return err
		}
		ch.kind, ch.message = "message", m
	}
	if err := saveTx(tx, c, &counted); err != nil {
		return err
	}
	return announceTx(tx, ch, now)
}
