package inbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

// VisitorMessage is a message as the customer sees it.
type VisitorMessage struct {
	ConversationID ids.ID       `json:"conversation_id"`
	Seq            int64        `json:"seq"`
	Direction      string       `json:"direction" enum:"in,out"`
	AuthorName     *string      `json:"author_name" doc:"Who answers; null for the visitor"`
	Body           string       `json:"body"`
	Attachments    []Attachment `json:"attachments"`
	ClientKey      *string      `json:"client_key"`
	CreatedAt      time.Time    `json:"created_at"`
}

// VisitorConversation is a conversation as the customer sees it.
type VisitorConversation struct {
	ID              ids.ID  `json:"id"`
	Status          Status  `json:"status" enum:"open,resolved"`
	LastSeq         int64   `json:"last_seq"`
	AgentReadSeq    int64   `json:"agent_read_seq"`
	CustomerReadSeq int64   `json:"customer_read_seq"`
	AssigneeName    *string `json:"assignee_name"`
}

// VisitorView is m as the customer sees it; ok is false for what customers
// never see: notes and activities.
func VisitorView(m *Message) (v VisitorMessage, ok bool) {
	if m.Direction == Internal || m.Kind != KindText {
		return v, false
	}
	v = VisitorMessage{ConversationID: m.ConversationID, Seq: m.Seq, Direction: m.Direction, Body: m.Body, Attachments: m.Attachments, CreatedAt: m.CreatedAt}
	if m.Direction == In {
		v.ClientKey = m.ClientKey
	} else if m.Author.Kind == ByTeammate {
		v.AuthorName = m.Author.Name // a program's name is nothing to a customer
	}
	return v, true
}

// Place is a position in a customer's thread; the thread is ordered by
// conversation id, then seq. The zero Place is before everything.
type Place struct {
	Conversation ids.ID
	Seq          int64
}

// Thread is one page of a customer's thread on one account.
type Thread struct {
	// Current is the conversation that the next message will join; nil before the first.
	Current  *VisitorConversation
	Messages []VisitorMessage // ascending
	// More is true when the page was cut: later ones remain for ThreadAfter,
	// earlier ones for ThreadBefore.
	More bool
	// Earlier is true when a message newer than the place asked for may stand
	// before it, in an earlier conversation of the same customer, or when there is
	// no such place: ThreadAfter cannot tell of it, the newest page can.
	Earlier bool
	// Unread counts the answers behind the customer's read mark.
	Unread int64
}

// Visitor says whose thread is asked for: everything of the customer on the
// account, or, without signed identity, only what came through this device.
type Visitor struct {
	Account  ids.ID
	Customer ids.ID
	Identity ids.ID
	// Known is true after a signed identify: threads of other devices on which the
	// same customer has signed in show, too.
	Known bool
}

func (v Visitor) where(b *store.Builder) {
	b.Add("FROM messages m JOIN conversations c ON c.id = m.conversation_id")
	v.whereConversation(b)
	b.Add("AND m.direction <> 'internal' AND m.kind = 'text'")
}

// signedIn are the devices on which a customer has signed in: one that a
// teammate has merged with the customer shows no thread of theirs, nor do they
// show its.
const signedIn = "(SELECT d.id FROM identities d JOIN identities e ON e.id = d.proof_id AND e.customer_id = d.customer_id WHERE d.customer_id = ?)"

// whereConversation finds the visitor's conversations, as c.
func (v Visitor) whereConversation(b *store.Builder) {
	b.Add("WHERE c.customer_id = ? AND c.account_id = ? AND (c.identity_id = ?", v.Customer, v.Account, v.Identity)
	if v.Known {
		b.Add("OR c.identity_id IN "+signedIn, v.Customer)
	}
	b.Add(")")
}

// shares tells whether a conversation of the customer is the visitor's, too.
func (v Visitor) shares(q store.Querier, c *Conversation) (bool, error) {
	if c.IdentityID == v.Identity || !v.Known {
		return c.IdentityID == v.Identity, nil
	}
	var n int64
	err := q.QueryRow(queries.Get("signed-in-device"), c.IdentityID, v.Customer).Scan(&n)
	return n > 0, err
}

// latest finds the conversation that the visitor's next message will join.
func (v Visitor) latest(q store.Querier) (w Whereabouts, ok bool, err error) {
	var b store.Builder
	b.Add("SELECT c.id, c.team_id, c.assignee_id FROM conversations c")
	v.whereConversation(&b)
	b.Add("ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1")
	query, args := b.Query()
	err = q.QueryRow(query, args...).Scan(&w.Conversation, &w.Team, &w.Assignee)
	if isNoRows(err) {
		return w, false, nil
	}
	return w, err == nil, err
}

const visitorColumns = `SELECT m.id, m.conversation_id, m.seq, m.direction, m.kind, m.author_kind, m.author_id, m.author_name, m.body, m.payload, m.client_key, m.attachments, m.created_at,
  0, '', 0, '', '', 0`

// ThreadAfter reads at most limit messages behind after, oldest first.
func (b *Inbox) ThreadAfter(ctx context.Context, v Visitor, after Place, limit int) (Thread, error) {
	t, err := b.thread(ctx, v, limit, false, func(q *store.Builder) {
		q.Add("AND (m.conversation_id, m.seq) > (?, ?) ORDER BY m.conversation_id, m.seq LIMIT ?", after.Conversation, after.Seq, limit+1)
	})
	if err != nil || after.Conversation == 0 {
		return t, err
	}
	t.Earlier, err = b.earlier(b.db.Reader(ctx), v, after)
	return t, err
}

// idSlack is by how much ids of different nodes may be out of order: a minute.
const idSlack = 60_000 << 21

// earlier tells whether something may have been written into a conversation
// that stands before after since the message there. Of a place at which there is
// none, as after an older backup was restored, nothing can be told.
func (b *Inbox) earlier(q store.Querier, v Visitor, after Place) (bool, error) {
	var at ids.ID
	err := q.QueryRow(queries.Get("message-at"), after.Conversation, after.Seq).Scan(&at)
	if errors.Is(err, store.ErrNoRows) {
		return after.Seq > 0, nil
	}
	if err != nil {
		return false, err
	}
	var s store.Builder
	s.Add("SELECT m.id")
	v.where(&s)
	s.Add("AND m.conversation_id < ? AND m.id > ? LIMIT 1", after.Conversation, max(0, at-idSlack))
	query, args := s.Query()
	err = q.QueryRow(query, args...).Scan(&at)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// ThreadBefore reads the limit messages that come right before a place; with
// the zero Place, the newest ones.
func (b *Inbox) ThreadBefore(ctx context.Context, v Visitor, before Place, limit int) (Thread, error) {
	return b.thread(ctx, v, limit, true, func(q *store.Builder) {
		if before.Conversation != 0 {
			q.Add("AND (m.conversation_id, m.seq) < (?, ?)", before.Conversation, before.Seq)
		}
		q.Add("ORDER BY m.conversation_id DESC, m.seq DESC LIMIT ?", limit+1)
	})
}

func (b *Inbox) thread(ctx context.Context, v Visitor, limit int, backward bool, page func(*store.Builder)) (Thread, error) {
	var t Thread
	err := b.db.Snapshot(ctx, func(q store.Querier) (err error) {
		var sql store.Builder
		sql.Add(visitorColumns)
		v.where(&sql)
		page(&sql)
		query, args := sql.Query()
		rows, err := q.Query(query, args...)
		found, err := b.messages(q, rows, err)
		if err != nil {
			return err
		}
		if t.More = len(found) > limit; t.More {
			found = found[:limit]
		}
		if backward {
			slices.Reverse(found)
		}
		t.Messages = make([]VisitorMessage, 0, len(found))
		for i := range found {
			if view, ok := VisitorView(&found[i]); ok {
				t.Messages = append(t.Messages, view)
			}
		}
		t.Current, t.Unread, err = b.current(q, v)
		return err
	})
	return t, err
}

// Current reads the conversation that the visitor's next message will join and
// how many answers are unread in it; nil when there is none.
func (b *Inbox) Current(ctx context.Context, v Visitor) (*VisitorConversation, int64, error) {
	return b.current(b.db.Reader(ctx), v)
}

func (b *Inbox) current(q store.Querier, v Visitor) (*VisitorConversation, int64, error) {
	at, ok, err := v.latest(q)
	if err != nil || !ok {
		return nil, 0, err
	}
	c, err := scanConversation(q.QueryRow(qConversation, at.Conversation))
	if err != nil {
		return nil, 0, err
	}
	view, err := visitorConversation(q, c)
	if err != nil {
		return nil, 0, err
	}
	var unread int64
	err = q.QueryRow(qOutAfter, c.ID, c.CustomerReadSeq).Scan(&unread)
	return &view, unread, err
}

func visitorConversation(q store.Querier, c *Conversation) (VisitorConversation, error) {
	v := VisitorConversation{ID: c.ID, Status: Open, LastSeq: c.LastSeq, AgentReadSeq: c.agentReadSeq, CustomerReadSeq: c.CustomerReadSeq}
	if c.Status == Resolved {
		v.Status = Resolved
	}
	if c.AssigneeID != 0 {
		var name string
		err := q.QueryRow(qTeammateName, c.AssigneeID).Scan(&name)
		if err != nil && !errors.Is(err, store.ErrNoRows) {
			return v, err
		}
		v.AssigneeName = optionalString(name)
	}
	return v, nil
}

// visitorStateTx tells the customer's sockets the conversation's state.
func visitorStateTx(tx *store.Tx, c *Conversation, now time.Time) error {
	v, err := visitorConversation(tx, c)
	if err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{
		At: now, Kind: "conversation", Audience: feed.Visitor, Conversation: c.ID, Customer: c.Customer.ID, Identity: c.IdentityID, Account: c.AccountID, Existed: true,
		Payload: []byte("{}"), VisitorPayload: mustJSON(map[string]any{"t": "conversation", "conversation": v}),
	})
}

// CustomerRead raises the customer's read mark; it never goes back.
func (b *Inbox) CustomerRead(ctx context.Context, v Visitor, conversation ids.ID, seq int64) error {
	return b.db.Write(ctx, func(tx *store.Tx) error {
		c, err := lockTx(tx, conversation)
		if err != nil {
			return err
		}
		if c.Customer.ID != v.Customer || c.AccountID != v.Account {
			return fault.Missing("conversation")
		}
		mine, err := v.shares(tx, c)
		if err != nil {
			return err
		}
		if !mine {
			return fault.Missing("conversation")
		}
		seq := min(seq, c.LastSeq)
		if seq <= c.CustomerReadSeq {
			return nil
		}
		now := b.clk.Now()
		if _, err := tx.Exec(qRaiseCustomer, seq, c.ID, seq); err != nil {
			return err
		}
		if err := b.outreachReadTx(tx, c, seq, now); err != nil {
			return err
		}
		if _, err := tx.Exec(qDeliveriesRead, now.UnixMilli(), c.ID, seq); err != nil {
			return err
		}
		c.CustomerReadSeq = seq
		at := feed.Place{Team: c.TeamID, Assignee: c.AssigneeID}
		if err := feed.Append(tx, feed.Change{
			At: now, Kind: "customer_read", Audience: feed.Inbox, Conversation: c.ID, Customer: c.Customer.ID, Identity: c.IdentityID, Account: c.AccountID, Existed: true, Before: at, After: at,
			Payload: mustJSON(map[string]any{"conversation_id": c.ID, "seq": seq}),
		}); err != nil {
			return err
		}
		return visitorStateTx(tx, c, now)
	})
}

// moveTx follows an identity to another customer.
func (b *Inbox) moveTx(tx *store.Tx, identity, from, to ids.ID) error {
	rows, err := tx.Query(queries.Get("of-identity"), identity, from)
	moved, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		return err
	}
	now := b.clk.Now()
	for _, id := range moved {
		if _, err := tx.Exec(queries.Get("set-customer"), to, id); err != nil {
			return err
		}
		c, err := lockTx(tx, id)
		if err != nil {
			return err
		}
		if err := announceTx(tx, change{kind: "conversation", c: c, before: c.place(), existed: true}, now); err != nil {
			return err
		}
	}
	return nil
}

var _ customers.Moved = (*Inbox)(nil).moveTx

// Whereabouts of the conversation that a visitor's next message will join:
// what decides which teammates may hear hints about it.
type Whereabouts struct {
	Conversation, Team, Assignee ids.ID
}

// Whereabouts finds them; false when there is no conversation yet.
func (b *Inbox) Whereabouts(ctx context.Context, v Visitor) (Whereabouts, bool, error) {
	return v.latest(b.db.Reader(ctx))
}

// Standing is where a customer's conversation stands.
type Standing struct {
	Customer, Account ids.ID
	Whereabouts
}

// StandingOf lists where the conversations of customers stand, newest first.
func (b *Inbox) StandingOf(ctx context.Context, list []ids.ID) ([]Standing, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var q store.Builder
	q.Add("SELECT customer_id, account_id, id, team_id, assignee_id FROM conversations WHERE")
	store.AddIn(&q, "customer_id", list)
	q.Add("ORDER BY last_activity_at DESC, id DESC")
	query, args := q.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (s Standing, err error) {
		return s, r.Scan(&s.Customer, &s.Account, &s.Conversation, &s.Team, &s.Assignee)
	})
}

// Acknowledged is a message that Receive has just stored, as its customer sees
// it. Only one with attachments, or a repeat, has to be read.
func (b *Inbox) Acknowledged(ctx context.Context, r channels.Received, clientKey string, attachments int) (VisitorMessage, error) {
	if r.Repeat || attachments > 0 {
		return b.VisitorMessage(ctx, r.Message)
	}
	return VisitorMessage{
		ConversationID: r.Conversation, Seq: r.Seq, Direction: In, Body: r.Body, Attachments: []Attachment{}, ClientKey: optionalString(clientKey), CreatedAt: r.At,
	}, nil
}

// VisitorMessage reads one message as its customer sees it.
func (b *Inbox) VisitorMessage(ctx context.Context, id ids.ID) (VisitorMessage, error) {
	m, err := b.message(b.db.Reader(ctx), id)
	if err != nil {
		return VisitorMessage{}, err
	}
	v, ok := VisitorView(m)
	if !ok {
		return v, fault.Missing("message")
	}
	return v, nil
}
