package inbox

import (
	"errors"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

// When a customer turns out to be two people, conversations go with the identity
// that opened them. Where both had written into one, what is not its owner's
// moves into a conversation of its own: what somebody wrote, and what was
// answered or noted before the other wrote again. A mark stays in its place.

// KindThread tells that messages have left a conversation or come into it: what
// is held of it has to be read anew.
const KindThread = "thread"

// partTx sorts out the conversations of a customer that has become two.
func (b *Inbox) partTx(tx *store.Tx, one, other ids.ID) error {
	rows, err := tx.Query(queries.Get("mixed"), one, other)
	mixed, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		return err
	}
	for _, id := range mixed {
		if err := b.splitTx(tx, id, b.clk.Now()); err != nil {
			return err
		}
	}
	return nil
}

// line is a message as splitting sees it.
type line struct {
	id, identity ids.ID
	// by is whose it is when it is inbound.
	by              ids.ID
	seq             int64
	direction, kind string
	at              int64
}

// foreign are the messages of c that are not its customer's, with whose they are.
func foreign(tx *store.Tx, c *Conversation) (moving []line, to ids.ID, err error) {
	rows, err := tx.Query(queries.Get("lines"), c.ID)
	all, err := store.Collect(rows, err, func(r store.Row) (line, error) {
		var l line
		return l, r.Scan(&l.id, &l.identity, &l.by, &l.seq, &l.direction, &l.kind, &l.at)
	})
	owner := c.Customer.ID
	for _, l := range all {
		if l.direction == In && l.by != 0 {
			owner = l.by
		}
		if owner != c.Customer.ID && l.kind != KindActivity {
			moving, to = append(moving, l), owner
		}
	}
	return moving, to, err
}

// splitTx moves what is not the owner's out of a conversation.
func (b *Inbox) splitTx(tx *store.Tx, id ids.ID, now time.Time) error {
	c, err := lockTx(tx, id)
	if err != nil {
		return err
	}
	moving, to, err := foreign(tx, c)
	if err != nil || len(moving) == 0 {
		return err
	}
	n, err := b.openBesideTx(tx, c, moving[0].identity, to, now)
	if err != nil {
		return err
	}
	if _, err := b.activityTx(tx, n, "split_off", map[string]any{"number": c.Number}, now); err != nil {
		return err
	}
	var inbound int64
	for _, l := range moving {
		n.LastSeq++
		if err := b.moveLineTx(tx, c, n, l); err != nil {
			return err
		}
		if l.direction == In {
			inbound++
		}
	}
	n.InboundCount, c.InboundCount = inbound, c.InboundCount-inbound
	if err := b.settleTx(tx, n, nil, now); err != nil {
		return err
	}
	counted := c.place()
	if err := b.settleTx(tx, c, &counted, now); err != nil {
		return err
	}
	if err := carryReadTx(tx, c, n, moving[len(moving)-1].seq); err != nil {
		return err
	}
	if err := announceTx(tx, change{kind: "conversation", c: n, before: n.place()}, now); err != nil {
		return err
	}
	return errors.Join(movedTx(tx, c, now), movedTx(tx, n, now))
}

// openBesideTx opens a conversation for a customer where c stands.
func (b *Inbox) openBesideTx(tx *store.Tx, c *Conversation, identity, customer ids.ID, now time.Time) (*Conversation, error) {
	n := &Conversation{ID: b.ids.Next()}
	number, err := b.numbers.nextTx(tx)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(queries.Get("open-beside"), n.ID, number, customer, identity, clock.Millis(c.LastActivityAt), clock.Millis(now), c.ID)
	if err != nil {
		return nil, err
	}
	return scanConversation(tx.QueryRow(qConversation, n.ID))
}

// moveLineTx moves one message to the end of n and marks its place in c.
func (b *Inbox) moveLineTx(tx *store.Tx, c, n *Conversation, l line) error {
	if _, err := tx.Exec(queries.Get("move-message"), n.ID, n.LastSeq, l.id); err != nil {
		return err
	}
	if _, err := tx.Exec(queries.Get("move-delivery"), n.ID, n.LastSeq, c.ID, n.ID, l.id); err != nil {
		return err
	}
	mark := mustJSON(Activity{Code: "message_moved", Params: map[string]any{"number": n.Number}})
	_, err := tx.Exec(queries.Get("insert-mark"), b.ids.Next(), c.ID, l.seq, c.AccountID, string(mark), l.at)
	return err
}

// settleTx derives from the messages what a conversation shows of them.
func (b *Inbox) settleTx(tx *store.Tx, c *Conversation, counted *place, now time.Time) error {
	c.LastMessage, c.LastInboundAt, c.WaitingSince = nil, nil, nil
	var last ids.ID
	var inbound int64
	if err := tx.QueryRow(queries.Get("newest-of"), c.ID).Scan(&last, &inbound); err != nil {
		return err
	}
	c.LastInboundAt = optionalTime(inbound)
	if last != 0 {
		m, err := b.message(tx, last)
		if err != nil {
			return err
		}
		c.LastMessage = lastOf(m, m.CreatedAt)
	}
	if c.Status != Resolved {
		var since int64
		if err := tx.QueryRow(queries.Get("unanswered"), c.ID, c.ID).Scan(&since); err != nil {
			return err
		}
		c.WaitingSince = optionalTime(since)
	}
	return saveTx(tx, c, counted)
}

// carryReadTx keeps read marks true after messages up to seq of c went to n.
func carryReadTx(tx *store.Tx, c, n *Conversation, seq int64) error {
	if _, err := tx.Exec(queries.Get("recount-read"), c.ID, c.ID); err != nil {
		return err
	}
	if c.agentReadSeq >= seq {
		if _, err := tx.Exec(queries.Get("raise-agent-read"), n.LastSeq, n.ID, n.LastSeq); err != nil {
			return err
		}
	}
	if c.CustomerReadSeq < seq {
		return nil
	}
	n.CustomerReadSeq = n.LastSeq
	_, err := tx.Exec(qRaiseCustomer, n.LastSeq, n.ID, n.LastSeq)
	return err
}

// movedTx announces that messages have left c or come into it.
func movedTx(tx *store.Tx, c *Conversation, now time.Time) error {
	at := feed.Place{Team: c.TeamID, Assignee: c.AssigneeID}
	return feed.Append(tx, feed.Change{
		At: now, Kind: KindThread, Audience: feed.Inbox, Conversation: c.ID, Customer: c.Customer.ID, Identity: c.IdentityID, Account: c.AccountID, Existed: true, Before: at, After: at,
		Payload: mustJSON(map[string]any{"conversation": c}),
	})
}
