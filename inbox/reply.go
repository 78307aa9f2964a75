package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

// Write is what a teammate puts into a thread.
type Write struct {
	// ClientKey is the client's name for the wish; repeating it returns the
	// first message.
	ClientKey string
	// Kind is KindText for a reply, KindNote for a note.
	Kind        string
	Body        string
	Attachments []ids.ID
	// AndResolve resolves the conversation in the same transaction.
	AndResolve bool
}

// Write stores a reply or a note. A reply's delivery is stored with it.
func (b *Inbox) Write(ctx context.Context, p auth.Principal, id ids.ID, w Write) (*Message, error) {
	if err := p.Require(auth.InboxReply); err != nil {
		return nil, err
	}
	if err := checkClientKey(w.ClientKey); err != nil {
		return nil, err
	}
	if w.Kind != KindText && w.Kind != KindNote {
		return nil, fault.AtField("kind", "not_one_of", fault.Params{"allowed": "text, note"})
	}
	var out *Message
	err := b.db.Write(ctx, func(tx *store.Tx) (err error) {
		out, err = b.writeTx(tx, p, id, w)
		return err
	})
	return out, err
}

func (b *Inbox) writeTx(tx *store.Tx, p auth.Principal, id ids.ID, w Write) (*Message, error) {
	now := b.clk.Now()
	c, err := lockVisibleTx(tx, p, id)
	if err != nil {
		return nil, err
	}
	dedup := dedupOf(p, w.ClientKey)
	if first, found, err := firstOf(tx, dedup); err != nil {
		return nil, err
	} else if found {
		if first.Conversation != c.ID {
			return nil, errKeyReused
		}
		return b.message(tx, first.Message)
	}
	adapter, err := b.registry.Adapter(c.Channel)
	if err != nil {
		return nil, err
	}
	limit := 0
	if w.Kind == KindText {
		limit = adapter.Capabilities().MaxBody
	}
	body, err := b.checkBody(w.Body, limit, len(w.Attachments), false)
	if err != nil {
		return nil, err
	}
	e := &entry{
		Message: Message{
			ID: b.ids.Next(), Direction: Internal, Kind: w.Kind, Body: body, ClientKey: &w.ClientKey, Author: authorOf(p),
		},
		dedupKey: dedup, uploads: w.Attachments, owner: OwnerOf(p),
	}
	counted := c.place()
	if w.Kind == KindText {
		if adapter.Capabilities().Allowance {
			if err := c.Allowance.Allows(channels.Messages(body, len(w.Attachments)), now); err != nil {
				return nil, err
			}
		}
		if err := b.sendTx(tx, c, e, adapter.Capabilities(), now); err != nil {
			return nil, err
		}
	}
	if err := b.appendTx(tx, c, e, now); err != nil {
		return nil, err
	}
	changes := []change{{kind: "message", c: c, before: counted, existed: true, message: &e.Message}}
	if w.AndResolve && c.Status != Resolved {
		m, err := b.resolveTx(tx, p, c, now)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change{kind: "message", c: c, before: c.place(), existed: true, message: m})
	}
	if err := saveTx(tx, c, &counted); err != nil {
		return nil, err
	}
	for _, ch := range changes {
		if err := announceTx(tx, ch, now); err != nil {
			return nil, err
		}
	}
	return &e.Message, b.afterWritingTx(tx, p, c, counted.status, now)
}

// sendTx turns the entry into an outbound message with its delivery.
func (b *Inbox) sendTx(tx *store.Tx, c *Conversation, e *entry, caps channels.Capabilities, now time.Time) error {
	e.Direction = Out
	to := c.IdentityID
	if !caps.CommitSends && !caps.PerIdentity {
		// Whoever wrote from another address last is answered there.
		if err := tx.QueryRow(qAnswerTo, c.ID, c.Customer.ID).Scan(&to); err != nil && !isNoRows(err) {
			return err
		}
	}
	d, err := b.outbox.EnqueueTx(tx, channels.Enqueue{
		IdempotencyKey: "message:" + e.ID.String(), Account: c.AccountID, Channel: c.Channel, Conversation: c.ID,
		Message: e.ID, Seq: c.LastSeq + 1, Identity: to, Purpose: channels.Reply, Now: now,
	})
	if err != nil {
		return err
	}
	e.Delivery = deliveryView(d)
	c.WaitingSince = nil
	if c.firstReplyAt == 0 {
		c.firstReplyAt = now.UnixMilli()
	}
	return b.customers.TrackTx(tx, customers.Track{Customer: c.Customer.ID, Identity: c.IdentityID, Name: customers.EventConversationReplied, At: now,
		Properties: map[string]any{"conversation_id": c.ID, "channel": c.Channel}}, now)
}

var qAnswerTo = queries.Get("answer-identity")

// afterWritingTx: who writes has read; their draft is done with.
func (b *Inbox) afterWritingTx(tx *store.Tx, p auth.Principal, c *Conversation, was Status, now time.Time) error {
	if p.Token {
		if c.Status == was {
			return nil
		}
		return visitorStateTx(tx, c, now) // a read mark would have told it
	}
	if err := b.markReadTx(tx, p, c, c.LastSeq, now); err != nil {
		return err
	}
	n, err := tx.Exec(qDeleteDraft, p.ID, c.ID)
	if err != nil || n == 0 {
		return err
	}
	return announceDraftTx(tx, p, c.ID, Draft{Kind: KindText}, now)
}

// Retry queues a failed or unknown delivery again, by hand.
func (b *Inbox) Retry(ctx context.Context, p auth.Principal, delivery ids.ID) (*Delivery, error) {
	if err := p.Require(auth.InboxReply); err != nil {
		return nil, err
	}
	var out *Delivery
	err := b.db.Write(ctx, func(tx *store.Tx) error {
		var conversation, message ids.ID
		err := tx.QueryRow(queries.Get("delivery-conversation"), delivery).Scan(&conversation, &message)
		if isNoRows(err) {
			return fault.Missing("delivery")
		}
		if err != nil {
			return err
		}
		if conversation == 0 {
			out, err = b.retryOutreachTx(tx, p, delivery)
			return err
		}
		if _, err := lockVisibleTx(tx, p, conversation); fault.KindOf(err) == fault.NotFound {
			return fault.Missing("delivery")
		} else if err != nil {
			return err
		}
		d, err := b.outbox.RetryTx(tx, delivery, b.clk.Now())
		if err != nil {
			return err
		}
		out = deliveryView(d)
		return nil
	})
	return out, err
}

// retryOutreachTx queues one again that stands in no conversation.
func (b *Inbox) retryOutreachTx(tx *store.Tx, p auth.Principal, delivery ids.ID) (*Delivery, error) {
	var account, conversation ids.ID
	err := tx.QueryRow(queries.Get("outreach-account"), delivery).Scan(&account, &conversation)
	if isNoRows(err) || err == nil && !seesOutreach(p, account) {
		return nil, fault.Missing("delivery")
	}
	if err != nil {
		return nil, err
	}
	d, err := b.outbox.RetryTx(tx, delivery, b.clk.Now())
	if err != nil {
		return nil, err
	}
	return deliveryView(d), nil
}

// receiptEvents are the states of a delivery that stand in the timeline.
var receiptEvents = map[channels.DeliveryState]string{
	channels.Delivered: customers.EventMessageDelivered, channels.Read: customers.EventMessageRead,
	channels.Failed: customers.EventMessageFailed, channels.Unknown: customers.EventMessageUnknown,
}

// DeliveryChangedTx announces a delivery's new state; the outbox calls it in
// the transaction that changes the state.
func (b *Inbox) DeliveryChangedTx(tx *store.Tx, d channels.Enqueued, now time.Time) error {
	if d.Conversation == 0 {
		return nil
	}
	c, err := scanConversation(tx.QueryRow(qConversation, d.Conversation))
	if err != nil {
		return err
	}
	if name, told := receiptEvents[d.State]; told {
		properties := map[string]any{"conversation_id": c.ID, "channel": c.Channel, "delivery_id": d.ID}
		if d.ErrorCode != "" {
			properties["code"] = d.ErrorCode
		}
		if err := b.customers.TrackTx(tx, customers.Track{Customer: c.Customer.ID, Identity: c.IdentityID, Name: name, At: now, Properties: properties}, now); err != nil {
			return err
		}
	}
	at := feed.Place{Team: c.TeamID, Assignee: c.AssigneeID}
	return feed.Append(tx, feed.Change{
		At: now, Kind: "delivery", Audience: feed.Inbox, Conversation: c.ID, Customer: c.Customer.ID, Identity: c.IdentityID, Account: c.AccountID, Existed: true, Before: at, After: at,
		Payload: mustJSON(map[string]any{"conversation_id": c.ID, "message_id": d.Message, "seq": d.Seq, "delivery": deliveryView(d), "allowance": c.Allowance}),
	})
}

func deliveryView(d channels.Enqueued) *Delivery {
	return &Delivery{ID: d.ID, State: string(d.State), Attempt: d.Attempt, ErrorCode: optionalString(d.ErrorCode), ErrorDetail: optionalString(d.ErrorDetail), UpdatedAt: d.UpdatedAt}
}

func dedupOf(p auth.Principal, clientKey string) string {
	if p.Token {
		return "token:" + p.ID.String() + ":" + clientKey
	}
	return "teammate:" + p.ID.String() + ":" + clientKey
}

func authorOf(p auth.Principal) Author {
	if p.Token {
		return Author{Kind: BySystem, Name: optionalString(p.Name)}
	}
	return Author{Kind: ByTeammate, ID: p.ID, Name: optionalString(p.Name)}
}
