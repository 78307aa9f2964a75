package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

var (
	qThread     = queries.Get("lock-latest-of-customer")
	qInsertConv = queries.Get("insert-conversation")
	qOfIdentity = queries.Get("lock-latest-of-identity")
	qThreadOf   = queries.Get("thread-of")
	qUnsuppress = queries.Get("unsuppress")
	qRevive     = queries.Get("revive")
)

const maxSubject = 250

// Receive implements channels.Sink: it stores a customer's message. A repeat
// of the same external id returns what the first one led to.
func (b *Inbox) Receive(ctx context.Context, in channels.Inbound) (channels.Received, error) {
	adapter, err := b.registry.Adapter(in.Account.Channel)
	if err != nil {
		return channels.Received{}, err
	}
	caps := adapter.Capabilities()
	if in.Body, err = b.checkBody(in.Body, caps.MaxBody, len(in.Attachments), in.Payload != nil); err != nil {
		return channels.Received{}, err
	}
	if in.ExternalID == "" {
		return channels.Received{}, fault.AtField("client_key", "required", nil)
	}
	in.Subject = text.Preview(in.Subject, maxSubject)
	in.Quoted, in.Name = text.Clean(in.Quoted), text.CleanLine(in.Name)
	var out channels.Received
	err = b.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = b.receiveTx(tx, in, caps)
		return err
	})
	return out, err
}

func (b *Inbox) receiveTx(tx *store.Tx, in channels.Inbound, caps channels.Capabilities) (channels.Received, error) {
	now := b.clk.Now()
	dedup := inboundKey(in.Account, in.ExternalID)
	who, err := b.whoTx(tx, in.Identity, in.Locale, now)
	if err != nil {
		return channels.Received{}, err
	}
	// Under the customer's lock now: whoever repeated the message meanwhile has committed.
	if first, found, err := firstOf(tx, dedup); err != nil || found {
		return first, err
	}
	if !caps.CommitSends && !in.Automatic {
		// Who writes can be written to.
		if _, err := tx.Exec(qUnsuppress, who.Identity); err != nil {
			return channels.Received{}, err
		}
	}
	if err := b.customers.NameTx(tx, &who, in.Name, now); err != nil {
		return channels.Received{}, err
	}
	c, counted, err := b.threadTx(tx, in, caps, who, now)
	if err != nil {
		return channels.Received{}, err
	}
	if err := grantTx(tx, c, who.Identity, in.Grants, now, now); err != nil {
		return channels.Received{}, err
	}
	var answers *outreach
	if !in.Automatic {
		if answers, err = answersTx(tx, in.Account.ID, who.Customer, now); err != nil {
			return channels.Received{}, err
		}
	}
	if !in.Automatic || counted == nil {
		anew := c.Status != Open
		if err := b.wakeTx(tx, c, counted != nil, now); err != nil {
			return channels.Received{}, err
		}
		if err := b.contextTx(tx, c, answers, anew, now); err != nil {
			return channels.Received{}, err
		}
	}
	e := &entry{
		Message: Message{
			Direction: In, Kind: KindText, Body: in.Body, ClientKey: optionalString(in.ClientKey),
			Author:  Author{Kind: ByCustomer, ID: who.Customer, Name: optionalString(who.Name)},
			Payload: in.Payload, Quoted: optionalString(in.Quoted),
		},
		htmlBody: in.HTML,
		identity: who.Identity, externalID: in.ExternalID, dedupKey: dedup, providerAt: in.ProviderAt,
		uploads: in.Attachments, owner: Owner{Kind: OwnerVisitor, Key: in.AttachmentOwner},
	}
	if err := b.appendTx(tx, c, e, now); err != nil {
		return channels.Received{}, err
	}
	c.InboundCount++
	c.LastInboundAt = &now
	switch {
	case in.Automatic && counted == nil:
		c.Status = Resolved // nobody waits for an answer
	case !in.Automatic && c.WaitingSince == nil:
		c.WaitingSince = &now
	}
	if err := saveTx(tx, c, counted); err != nil {
		return channels.Received{}, err
	}
	event := customers.EventMessageReceived
	if in.Automatic || in.Silent {
		event = customers.EventAutomaticReceived // nobody waits for an answer of a machine
	}
	err = b.customers.TrackTx(tx, customers.Track{
		Customer: who.Customer, Identity: who.Identity, Name: event, At: now,
		Properties: map[string]any{"conversation_id": c.ID, "channel": c.Channel},
	}, now)
	if err != nil {
		return channels.Received{}, err
	}
	if err := announceTx(tx, change{kind: "message", c: c, before: c.place(), existed: true, message: &e.Message}, now); err != nil {
		return channels.Received{}, err
	}
	if counted == nil || counted.status != Open {
		if err := visitorStateTx(tx, c, now); err != nil { // the customer's other tabs see it open
			return channels.Received{}, err
		}
	}
	out := channels.Received{Customer: who.Customer, Identity: who.Identity, Conversation: c.ID, Message: e.ID, Seq: e.Seq, Body: e.Body, At: now}
	if in.Automatic {
		return out, nil
	}
	return out, b.heardTx(tx, c, out, answers)
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

// whoTx finds or creates the customer behind an identity, also behind one
// that was erased, and leaves the customer locked.
func (b *Inbox) whoTx(tx *store.Tx, i channels.Identity, locale string, now time.Time) (customers.Resolved, error) {
	if i.Tombstone != "" {
		if _, err := tx.Exec(qRevive, i.Value, i.Kind, i.Namespace, i.Tombstone, i.Kind, i.Namespace, i.Value); err != nil {
			return customers.Resolved{}, err
		}
	}
	return b.customers.ResolveTx(tx, customers.Key{Kind: i.Kind, Namespace: i.Namespace, Value: i.Value}, i.Verified, locale, now)
}

// inboundKey names what a provider brought, within the installation.
func inboundKey(account *channels.Account, externalID string) string {
	return "in:" + account.ID.String() + ":" + externalID
}

// latestTx locks the conversation in which a person goes on, on an account; nil
// before the first. Where devices share a thread, those do on which the customer
// has signed in: nobody writes into a conversation that their device does not
// show.
func latestTx(tx *store.Tx, caps channels.Capabilities, account ids.ID, who customers.Resolved) (*Conversation, error) {
	find := func() store.Row { return tx.QueryRow(qThread, who.Customer, account, who.Identity, who.Identity) }
	if caps.PerIdentity {
		find = func() store.Row { return tx.QueryRow(qOfIdentity, who.Identity, account) }
	}
	c, err := scanConversation(find())
	if isNoRows(err) {
		return nil, nil
	}
	return c, err
}

// threadTx locks the conversation that a message belongs to, or opens one.
// counted is nil for a new conversation. The customer's lock, which the caller
// holds, keeps two quick messages from opening two.
func (b *Inbox) threadTx(tx *store.Tx, in channels.Inbound, caps channels.Capabilities, who customers.Resolved, now time.Time) (*Conversation, *place, error) {
	found, err := b.answeredTx(tx, in, who)
	if err == nil && found == nil && !in.NewThread {
		found, err = latestTx(tx, caps, in.Account.ID, who)
	}
	if err != nil {
		return nil, nil, err
	}
	if found != nil {
		at := found.place()
		return found, &at, nil
	}
	c, err := b.openTx(tx, in.Account.Channel, in.Account.ID, who, Open, in.Subject, now)
	return c, nil, err
}

// openTx opens a conversation.
func (b *Inbox) openTx(tx *store.Tx, channel string, account ids.ID, who customers.Resolved, status Status, subject string, now time.Time) (*Conversation, error) {
	ref, err := customers.RefTx(tx, who.Customer, who.Name)
	if err != nil {
		return nil, err
	}
	c := &Conversation{
		ID: b.ids.Next(), Channel: channel, AccountID: account, Customer: ref,
		IdentityID: who.Identity, Status: status, Subject: optionalString(subject), LastActivityAt: now, CreatedAt: now,
	}
	if c.Number, err = b.numbers.nextTx(tx); err != nil {
		return nil, err
	}
	ms := now.UnixMilli()
	_, err = tx.Exec(qInsertConv, c.ID, c.Number, c.AccountID, c.Channel, who.Customer, c.IdentityID, string(status), subject, ms, ms)
	return c, err
}

// answeredTx locks the conversation that the message says it answers; nil when
// it names none of the sender's own on this account.
func (b *Inbox) answeredTx(tx *store.Tx, in channels.Inbound, who customers.Resolved) (*Conversation, error) {
	id := in.Conversation
	for _, ref := range in.Thread {
		if id != 0 {
			break
		}
		// The key itself, or what stands before a space of it: space is followed by "!".
		key := inboundKey(in.Account, ref)
		if err := tx.QueryRow(qThreadOf, key, key+" ", key+"!", who.Customer).Scan(&id); err != nil && !isNoRows(err) {
			return nil, err
		}
	}
	if id == 0 {
		return nil, nil
	}
	c, err := scanConversation(tx.QueryRow(qLock, id))
	if isNoRows(err) || err == nil && (c.Customer.ID != who.Customer || c.AccountID != in.Account.ID) {
		return nil, nil
	}
	return c, err
}

// grantTx counts what the customer's act allows, and shows it in c, which may be
// nil.
func grantTx(tx *store.Tx, c *Conversation, identity ids.ID, grants []channels.Grant, at, now time.Time) error {
	if len(grants) == 0 {
		return nil
	}
	state, err := allowance.GrantTx(tx, identity, grants, at, now)
	if err != nil || c == nil || c.IdentityID != identity {
		return err
	}
	c.Allowance, c.ReplyWindowUntil = state, state.Until(now)
	return nil
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
