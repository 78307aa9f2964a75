package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
)

var (
	qLatest     = queries.Get("latest-of-customer")
	qThread     = queries.Get("lock-latest-of-customer")
	qNextNumber = queries.Get("next-number")
	qInsertConv = queries.Get("insert-conversation")
)

// Receive implements channels.Sink: it stores a customer's message. A repeat
// of the same external id returns what the first one led to.
func (b *Inbox) Receive(ctx context.Context, in channels.Inbound) (channels.Received, error) {
	adapter, err := b.registry.Adapter(in.Account.Channel)
	if err != nil {
		return channels.Received{}, err
	}
	caps := adapter.Capabilities()
	if in.Body, err = b.checkBody(in.Body, caps.MaxBody, len(in.Attachments)); err != nil {
		return channels.Received{}, err
	}
	if in.ExternalID == "" {
		return channels.Received{}, fault.AtField("client_key", "required", nil)
	}
	var out channels.Received
	err = b.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = b.receiveTx(tx, in, caps)
		return err
	})
	return out, err
}

func (b *Inbox) receiveTx(tx *store.Tx, in channels.Inbound, caps channels.Capabilities) (channels.Received, error) {
	now := b.clk.Now()
	dedup := "in:" + in.Account.ID.String() + ":" + in.ExternalID
	who, err := b.customers.ResolveTx(tx, customers.Key{Kind: in.Identity.Kind, Namespace: in.Identity.Namespace, Value: in.Identity.Value}, in.Identity.Verified, in.Locale, now)
	if err != nil {
		return channels.Received{}, err
	}
	// Under the customer's lock now: whoever repeated the message meanwhile has committed.
	if first, found, err := firstOf(tx, dedup); err != nil || found {
		return first, err
	}
	c, counted, err := b.threadTx(tx, in.Account, who, now)
	if err != nil {
		return channels.Received{}, err
	}
	if err := b.wakeTx(tx, c, counted != nil, now); err != nil {
		return channels.Received{}, err
	}
	e := &entry{
		Message: Message{
			Direction: In, Kind: KindText, Body: in.Body, ClientKey: optionalString(in.ClientKey),
			Author: Author{Kind: ByCustomer, ID: who.Customer, Name: optionalString(who.Name)},
		},
		identity: who.Identity, externalID: in.ExternalID, dedupKey: dedup, providerAt: in.ProviderAt,
		uploads: in.Attachments, owner: Owner{Kind: OwnerVisitor, Key: in.AttachmentOwner},
	}
	if err := b.appendTx(tx, c, e, now); err != nil {
		return channels.Received{}, err
	}
	c.InboundCount++
	c.LastInboundAt = &now
	if c.WaitingSince == nil {
		c.WaitingSince = &now
	}
	if caps.ReplyWindow > 0 {
		until := now.Add(caps.ReplyWindow)
		c.ReplyWindowUntil = &until
	}
	if err := saveTx(tx, c, counted); err != nil {
		return channels.Received{}, err
	}
	err = b.customers.TrackTx(tx, customers.Track{
		Customer: who.Customer, Identity: who.Identity, Name: customers.EventMessageReceived, At: now,
		Properties: map[string]any{"conversation_id": c.ID, "channel": c.Channel},
	}, now)
	if err != nil {
		return channels.Received{}, err
	}
	if err := announceTx(tx, change{kind: "message", c: c, before: c.place(), existed: true, message: &e.Message}, now); err != nil {
		return channels.Received{}, err
	}
	if counted == nil || counted.status != Open {
		err = visitorStateTx(tx, c, now) // the customer's other tabs see it open
	}
	return channels.Received{Customer: who.Customer, Identity: who.Identity, Conversation: c.ID, Message: e.ID, Seq: e.Seq, Body: e.Body, At: now}, err
}

// firstOf finds what an earlier message with the same key led to.
func firstOf(q store.Querier, dedup string) (channels.Received, bool, error) {
	r := channels.Received{Repeat: true}
	err := q.QueryRow(qByDedupKey, dedup).Scan(&r.Message, &r.Conversation, &r.Seq, &r.Customer, &r.Identity)
	if errors.Is(err, store.ErrNoRows) {
		return channels.Received{}, false, nil
	}
	return r, err == nil, err
}

// threadTx locks the customer's conversation on the account or opens the first
// one. counted is nil for a new conversation. The customer's lock, which the
// caller holds, keeps two quick messages from opening two.
func (b *Inbox) threadTx(tx *store.Tx, account *channels.Account, who customers.Resolved, now time.Time) (*Conversation, *place, error) {
	found, err := scanConversation(tx.QueryRow(qThread, who.Customer, account.ID))
	if err == nil {
		at := found.place()
		return found, &at, nil
	}
	if !errors.Is(err, store.ErrNoRows) {
		return nil, nil, err
	}
	c := &Conversation{
		ID: b.ids.Next(), Channel: account.Channel, AccountID: account.ID, Customer: customers.NewRef(who.Customer, who.Name),
		IdentityID: who.Identity, Status: Open, LastActivityAt: now, CreatedAt: now,
	}
	if err := tx.QueryRow(qNextNumber).Scan(&c.Number); err != nil {
		return nil, nil, err
	}
	ms := now.UnixMilli()
	_, err = tx.Exec(qInsertConv, c.ID, c.Number, c.AccountID, c.Channel, who.Customer, c.IdentityID, string(Open), ms, ms)
	return c, nil, err
}

// wakeTx opens the conversation again when the customer writes into a closed
// one, and notes how it came to be open.
func (b *Inbox) wakeTx(tx *store.Tx, c *Conversation, existed bool, now time.Time) error {
	code, params := "", map[string]any{}
	switch {
	case !existed:
		code = "conversation_opened"
	case c.Status != Open:
		code, params["by_name"] = "reopened", nil
		c.Status, c.SnoozedUntil = Open, nil
	default:
		return nil
	}
	m, err := b.activityTx(tx, c, code, params, now)
	if err != nil {
		return err
	}
	if !existed {
		if err := b.customers.TrackTx(tx, customers.Track{Customer: c.Customer.ID, Identity: c.IdentityID, Name: customers.EventConversationOpened, At: now,
			Properties: map[string]any{"conversation_id": c.ID, "channel": c.Channel}}, now); err != nil {
			return err
		}
	}
	return announceTx(tx, change{kind: "message", c: c, before: c.place(), existed: existed, message: m}, now)
}
