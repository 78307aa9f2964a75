package inbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qConversation = queries.Get("conversation")
	qLock         = queries.Get("lock")
	qLockCustomer = queries.Get("lock-customer")
	qSave         = queries.Get("save-conversation")
	qCountDelta   = queries.Get("count-delta")
	qAttachments  = queries.Get("attachments")
	qMessage      = queries.Get("message")
)

func scanConversation(r store.Row) (*Conversation, error) {
	var c Conversation
	var customer ids.ID
	var name, address, last, subject, grants, context string
	var snoozed, waiting, inbound, activity, window, created int64
	err := r.Scan(&c.ID, &c.Number, &c.AccountID, &c.Channel, &customer, &name, &address, &c.IdentityID, &c.Status, &c.AssigneeID, &c.TeamID, &snoozed, &waiting,
		&c.firstReplyAt, &inbound, &activity, &window, &c.LastSeq, &c.InboundCount, &c.CustomerReadSeq, &c.agentReadSeq,
		&last, &c.Version, &created, &subject, &grants, &context)
	if err != nil {
		return nil, err
	}
	if c.Allowance, err = allowance.Read(grants); err != nil {
		return nil, err
	}
	c.Subject = optionalString(subject)
	c.Customer = customers.NewRef(customer, name, address)
	c.SnoozedUntil, c.WaitingSince, c.LastInboundAt, c.ReplyWindowUntil = optionalTime(snoozed), optionalTime(waiting), optionalTime(inbound), optionalTime(window)
	c.LastActivityAt, c.CreatedAt = clock.FromMillis(activity), clock.FromMillis(created)
	if context != "" {
		c.Context = new(Context)
		if err := json.Unmarshal([]byte(context), c.Context); err != nil {
			return nil, err
		}
	}
	if last != "" {
		c.LastMessage = new(LastMessage)
		err = json.Unmarshal([]byte(last), c.LastMessage)
	}
	return &c, err
}

// lockTx reads a conversation and keeps others from changing it until commit.
// The customer's lock comes first, everywhere, so that nobody waits in a circle.
func lockTx(tx *store.Tx, id ids.ID) (*Conversation, error) {
	var customer ids.ID
	if tx.Engine() == store.Postgres {
		if err := tx.QueryRow(qLockCustomer, id).Scan(&customer); err != nil && !isNoRows(err) {
			return nil, err
		}
	}
	c, err := scanConversation(tx.QueryRow(qLock, id))
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("conversation")
	}
	if err == nil && customer != 0 && customer != c.Customer.ID {
		return nil, store.ErrRestart // given to another customer while this one waited
	}
	return c, err
}

// saveTx writes what a transaction has changed in a locked conversation. counted
// is where it was counted before; nil for a new one.
func saveTx(tx *store.Tx, c *Conversation, counted *place) error {
	c.Version++
	last := ""
	if c.LastMessage != nil {
		last = string(mustJSON(c.LastMessage))
	}
	_, err := tx.Exec(qSave, string(c.Status), c.AssigneeID, c.TeamID, millisOf(c.SnoozedUntil), millisOf(c.WaitingSince), c.firstReplyAt,
		millisOf(c.LastInboundAt), clock.Millis(c.LastActivityAt), millisOf(c.ReplyWindowUntil), c.LastSeq, c.InboundCount, last, c.Version, c.ID)
	if err != nil || counted != nil && *counted == c.place() {
		return err
	}
	if counted == nil && c.place() == arrival {
		tx.Finally(arrived, int64(c.AccountID), int64(c.ID))
		return nil
	}
	if counted == nil {
		return countTx(tx, c.AccountID, c.place(), 1)
	}
	// Always in the same order, so that two conversations that change places
	// do not wait for each other's counters.
	from, to := *counted, c.place()
	if from.before(to) {
		return errors.Join(countTx(tx, c.AccountID, from, -1), countTx(tx, c.AccountID, to, 1))
	}
	return errors.Join(countTx(tx, c.AccountID, to, 1), countTx(tx, c.AccountID, from, -1))
}

// arrival is where nearly every conversation begins: in one row for each account,
// for which all that are opened at once wait. So it is written last, see arrived.
var arrival = place{status: Open}

var arrived = store.NewEnding("very last: inbox/arrived", func(tx *store.Tx, accounts []store.Left) error {
	for _, a := range accounts {
		if err := countTx(tx, ids.ID(a.ID), arrival, int64(len(a.Notes))); err != nil {
			return err
		}
	}
	return nil
})

func (p place) before(o place) bool {
	return cmp.Or(cmp.Compare(p.status, o.status), cmp.Compare(p.team, o.team), cmp.Compare(p.assignee, o.assignee)) < 0
}

func countTx(tx *store.Tx, account ids.ID, p place, n int64) error {
	_, err := tx.Exec(qCountDelta, account, p.team, p.assignee, string(p.status), n)
	return err
}

type messageRow struct {
	Message
	attachments int64
}

func scanMessage(r store.Row) (messageRow, error) {
	var m messageRow
	var author ids.ID
	var authorName, payload, clientKey, state, code, detail string
	var created, attempt, updated int64
	var delivery ids.ID
	err := r.Scan(&m.ID, &m.ConversationID, &m.Seq, &m.Direction, &m.Kind, &m.Author.Kind, &author, &authorName, &m.Body, &payload, &clientKey, &m.attachments, &created,
		&delivery, &state, &attempt, &code, &detail, &updated)
	if err != nil {
		return m, err
	}
	m.Author.ID, m.Author.Name, m.ClientKey, m.CreatedAt = author, optionalString(authorName), optionalString(clientKey), clock.FromMillis(created)
	m.Attachments = []Attachment{}
	if delivery != 0 {
		m.Delivery = &Delivery{ID: delivery, State: state, Attempt: attempt, ErrorCode: optionalString(code), ErrorDetail: optionalString(detail), UpdatedAt: clock.FromMillis(updated)}
	}
	if payload == "" {
		return m, nil
	}
	if m.Kind == KindActivity {
		m.Activity = new(Activity)
		return m, json.Unmarshal([]byte(payload), m.Activity)
	}
	var x extra
	err = json.Unmarshal([]byte(payload), &x)
	m.Payload, m.Quoted, m.html = x.Payload, optionalString(x.Quoted), x.HTML
	return m, err
}

// extra is what a message's row holds beside its body.
type extra struct {
	Payload json.RawMessage `json:"payload,omitempty"`
	Quoted  string          `json:"quoted,omitempty"`
	// HTML is true when the message has a row in message_html.
	HTML bool `json:"html,omitempty"`
}

// messages reads rows and the attachments of those that have some.
func (b *Inbox) messages(q store.Querier, rows *store.Rows, err error) ([]Message, error) {
	found, err := store.Collect(rows, err, scanMessage)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(found))
	for i, m := range found {
		if m.attachments > 0 {
			if m.Attachments, err = b.attachmentsOf(q, m.ID); err != nil {
				return nil, err
			}
		}
		b.link(&m.Message)
		out[i] = m.Message
	}
	return out, nil
}

func (b *Inbox) message(q store.Querier, id ids.ID) (*Message, error) {
	m, err := scanMessage(q.QueryRow(qMessage, id))
	if errors.Is(err, store.ErrNoRows) {
		return nil, fault.Missing("message")
	}
	if err == nil && m.attachments > 0 {
		m.Attachments, err = b.attachmentsOf(q, m.ID)
	}
	b.link(&m.Message)
	return &m.Message, err
}

// link gives a message's HTML its address.
func (b *Inbox) link(m *Message) {
	if m.html {
		m.HTMLURL = optionalString(b.links.HTMLURL(m.ID))
	}
}

func (b *Inbox) attachmentsOf(q store.Querier, message ids.ID) ([]Attachment, error) {
	rows, err := q.Query(qAttachments, message)
	return store.Collect(rows, err, func(r store.Row) (Attachment, error) {
		var a Attachment
		var w, h int64
		err := r.Scan(&a.ID, &a.Name, &a.ContentType, &a.Size, &w, &h)
		if w > 0 && h > 0 {
			a.Width, a.Height = &w, &h
		}
		a.URL = b.links.FileURL(a.ID)
		return a, err
	})
}

func (c *Conversation) touch(now time.Time) {
	// A clock that was set back must not move a conversation down the list.
	if now.After(c.LastActivityAt) {
		c.LastActivityAt = now
	}
}
