package main

import (
	"context"
	"fmt"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// How many conversations the messages are spread over.
const conversations = 2000

const queriesSQL = `
-- name: account
INSERT INTO accounts (id, channel, name, public_key, status, config, created_at, updated_at) VALUES (?, 'webchat', 'Shop', 'shop', 'active', '{}', 0, 0)

-- name: customer
INSERT INTO customers (id, created_at, updated_at) VALUES (?, 0, 0)

-- name: identity
INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, created_at) VALUES (?, ?, ?, 'visitor', 'shop', ?, 0)

-- name: conversation
INSERT INTO conversations (id, number, account_id, channel, customer_id, identity_id, status, last_activity_at, created_at) VALUES (?, ?, ?, 'webchat', ?, ?, 'open', 0, 0)

-- name: event-name
INSERT INTO event_names (id, name) VALUES (1, 'Message Received')

-- name: advance
UPDATE conversations SET last_seq = last_seq + 1, inbound_count = inbound_count + 1, last_activity_at = ?, last_inbound_at = ?, version = version + 1, last_message = ? WHERE id = ? RETURNING last_seq

-- name: message
INSERT INTO messages (id, conversation_id, seq, account_id, identity_id, direction, kind, author_kind, author_id, body, client_key, dedup_key, created_at)
VALUES (?, ?, (SELECT last_seq FROM conversations WHERE id = ?), ?, ?, 'in', 'text', 'customer', ?, ?, ?, ?, ?)

-- name: event
INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at) VALUES (?, ?, ?, 1, ?, ?)

-- name: change
INSERT INTO changes (at, kind, audience, conversation_id, customer_id, account_id, existed, payload, visitor_payload) VALUES (?, 'message', 'inbox', ?, ?, ?, ?, ?, ?)

-- name: job
INSERT INTO jobs (id, kind, payload, state, max_attempts, run_at, created_at) VALUES (?, 'index', ?, 'available', 5, ?, ?)
`

var (
	queries       = store.Load("bench", queriesSQL)
	qAccount      = queries.Get("account")
	qCustomer     = queries.Get("customer")
	qIdentity     = queries.Get("identity")
	qConversation = queries.Get("conversation")
	qEventName    = queries.Get("event-name")
	perMessage    = []*store.Query{queries.Get("advance"), queries.Get("message"), queries.Get("event"), queries.Get("change"), queries.Get("job")}
)

// workload is a database with conversations and the transaction of a message
// into one of them.
type workload struct {
	db      *store.DB
	clock   clock.Clock
	ids     *ids.Source
	account ids.ID
	threads []thread
}

type thread struct{ customer, identity, conversation int64 }

func newWorkload(db *store.DB) (*workload, error) {
	c := clock.NewSystem()
	source, err := ids.NewSource(c, 1, 0)
	if err != nil {
		return nil, err
	}
	w := &workload{db: db, clock: c, ids: source, account: source.Next()}
	for range conversations {
		w.threads = append(w.threads, thread{int64(source.Next()), int64(source.Next()), int64(source.Next())})
	}
	if err := db.Migrate(context.Background()); err != nil {
		return nil, err
	}
	return w, db.Write(context.Background(), w.fill)
}

func (w *workload) fill(tx *store.Tx) error {
	if _, err := tx.Exec(qAccount, int64(w.account)); err != nil {
		return err
	}
	if _, err := tx.Exec(qEventName); err != nil {
		return err
	}
	for i, t := range w.threads {
		if _, err := tx.Exec(qCustomer, t.customer); err != nil {
			return err
		}
		if _, err := tx.Exec(qIdentity, t.identity, t.customer, t.customer, fmt.Sprint("visitor-", i)); err != nil {
			return err
		}
		if _, err := tx.Exec(qConversation, t.conversation, int64(i+1), int64(w.account), t.customer, t.identity); err != nil {
			return err
		}
	}
	return nil
}

// bound is a statement with its arguments.
type bound struct {
	text string
	args []any
}

const body = "Hello, I ordered the blue jacket last Tuesday and the parcel still says “in transit”. Could you look?"

// values are the arguments of perMessage for the n-th message.
func (w *workload) values(n int) [][]any {
	t := w.threads[n%len(w.threads)]
	now, id := clock.Millis(w.clock.Now()), int64(w.ids.Next())
	key := fmt.Sprintf("key-%d", id)
	payload := fmt.Sprintf(`{"conversation":{"id":"%d","status":"open","last_seq":%d},"message":{"id":"%d","body":%q,"client_key":%q}}`, t.conversation, n, id, body, key)
	visitor := fmt.Sprintf(`{"conversation_id":"%d","body":%q,"client_key":%q}`, t.conversation, body, key)
	return [][]any{
		{now, now, body, t.conversation},
		{id, t.conversation, t.conversation, int64(w.account), t.identity, t.customer, body, key, "webchat/" + key, now},
		{int64(w.ids.Next()), t.customer, t.identity, now, now},
		{now, t.conversation, t.customer, int64(w.account), true, payload, visitor},
		{int64(w.ids.Next()), "{}", now, now},
	}
}

// message stores the n-th message through the writer.
func (w *workload) message(n int) error {
	values := w.values(n)
	return w.db.Write(context.Background(), func(tx *store.Tx) error {
		var seq int64
		if err := tx.QueryRow(perMessage[0], values[0]...).Scan(&seq); err != nil {
			return err
		}
		for i, q := range perMessage[1:] {
			if _, err := tx.Exec(q, values[i+1]...); err != nil {
				return err
			}
		}
		tx.Hint("changes")
		return nil
	})
}

// statements are the n-th message's statements for the naive writer.
func (w *workload) statements(n int) []bound {
	out := make([]bound, len(perMessage))
	for i, v := range w.values(n) {
		out[i] = bound{perMessage[i].Text(store.SQLite), v}
	}
	return out
}
