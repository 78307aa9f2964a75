package inbox

import (
	"context"
	"slices"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qTeammateName   = queries.Get("teammate-name")
	qOutAfter       = queries.Get("out-after")
	qRaiseCustomer  = queries.Get("raise-customer-read")
	qDeliveriesRead = queries.Get("deliveries-read")
	qReadCursor     = queries.Get("read-cursor")
	qMessagesAfter  = queries.Get("messages-after")
	qMessagesBefore = queries.Get("messages-before")
)

// Get returns a conversation that p sees, with p's own read cursor.
func (b *Inbox) Get(ctx context.Context, p auth.Principal, id ids.ID) (*Conversation, error) {
	q := b.db.Reader(ctx)
	c, err := b.visible(q, p, id)
	if err != nil {
		return nil, err
	}
	return c, withCursor(q, p, c)
}

// visible reads a conversation; one that p does not see is not found.
func (b *Inbox) visible(q store.Querier, p auth.Principal, id ids.ID) (*Conversation, error) {
	if err := p.Require(auth.InboxRead); err != nil {
		return nil, err
	}
	c, err := scanConversation(q.QueryRow(qConversation, id))
	if isNoRows(err) {
		return nil, fault.Missing("conversation")
	}
	if err != nil {
		return nil, err
	}
	if !p.Sees(c.AccountID, c.TeamID, c.AssigneeID) {
		return nil, fault.Missing("conversation")
	}
	return c, nil
}

// lockVisibleTx is visible under the conversation's lock, for a principal who
// may act.
func lockVisibleTx(tx *store.Tx, p auth.Principal, id ids.ID) (*Conversation, error) {
	c, err := lockTx(tx, id)
	if err != nil {
		return nil, err
	}
	if !p.Sees(c.AccountID, c.TeamID, c.AssigneeID) {
		return nil, fault.Missing("conversation")
	}
	return c, nil
}

func withCursor(q store.Querier, p auth.Principal, c *Conversation) error {
	var seq, inbound int64
	if !p.Token {
		if err := q.QueryRow(qReadCursor, p.ID, c.ID).Scan(&seq, &inbound); err != nil && !isNoRows(err) {
			return err
		}
	}
	c.ReadSeq, c.ReadInboundCount = &seq, &inbound
	return nil
}

// Page of a thread, ascending by seq.
type Page struct {
	Messages   []Message
	MoreBefore bool
	MoreAfter  bool
}

// Messages reads a page of a thread: the limit messages behind after when it
// is not nil, else those before before, else the newest.
func (b *Inbox) Messages(ctx context.Context, p auth.Principal, id ids.ID, after, before *int64, limit int) (Page, error) {
	var page Page
	err := b.db.Snapshot(ctx, func(q store.Querier) error {
		c, err := b.visible(q, p, id)
		if err != nil {
			return err
		}
		if after != nil {
			rows, err := q.Query(qMessagesAfter, id, *after, limit)
			page.Messages, err = b.messages(q, rows, err)
			page.MoreBefore = *after > 0
			page.MoreAfter = len(page.Messages) > 0 && page.Messages[len(page.Messages)-1].Seq < c.LastSeq
			return err
		}
		upTo := c.LastSeq + 1
		if before != nil {
			upTo = *before
		}
		rows, err := q.Query(qMessagesBefore, id, upTo, limit)
		page.Messages, err = b.messages(q, rows, err)
		slices.Reverse(page.Messages)
		page.MoreBefore = len(page.Messages) > 0 && page.Messages[0].Seq > 1
		page.MoreAfter = upTo <= c.LastSeq
		return err
	})
	return page, err
}

// CountMessages is the exact length of a thread that p sees.
func (b *Inbox) CountMessages(ctx context.Context, p auth.Principal, id ids.ID) (int64, error) {
	q := b.db.Reader(ctx)
	if _, err := b.visible(q, p, id); err != nil {
		return 0, err
	}
	var n int64
	return n, q.QueryRow(queries.Get("count-messages"), id).Scan(&n)
}
