package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
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
	who, err := b.whoTx(tx, h.Identity, "", now)
	if err != nil {
		return channels.Received{}, err
	}
	out := channels.Received{Customer: who.Customer, Identity: who.Identity, At: now}
	n, err := tx.Exec(qNoted, inboundKey(h.Account, h.ExternalID), who.Customer, who.Identity, clock.Millis(now))
	if err != nil || n == 0 {
		out.Repeat = true
		return out, err
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
