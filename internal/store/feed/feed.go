// Package feed is the change feed: one row per change, written in the
// transaction that makes the change, read by everything that follows (sockets
// first). No follower can miss a row and none sees one twice.
//
// SQLite has one writer, so ids grow in commit order. On PostgreSQL concurrent
// transactions commit out of order; rows carry a number that is at least their
// transaction's id and at least that of every transaction that had ended before
// the row was written. Readers take only rows below the snapshot's xmin, ordered
// by (number, id): nothing that commits later can appear behind a cursor, and of
// two transactions one of which waited for the other's lock, the one that waited
// comes second.
package feed

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Topic is what a transaction with changes hints after commit.
const Topic = "changes"

//go:embed queries.sql
var queriesSQL string

var (
	queries    = store.Load("feed", queriesSQL)
	qAppend    = queries.Get("append")
	qAfter     = queries.Get("after")
	qHead      = queries.Get("head")
	qOldest    = queries.Get("oldest")
	qWatermark = queries.Get("watermark-age")
	qPrune     = queries.Get("prune")
	qCursor    = queries.Get("cursor")
	qSave      = queries.Get("save-cursor")
	qDrop      = queries.Get("drop-cursor")
	qRaise     = queries.Get("raise-cursor")
)

// Audience says who may receive a change at all; rights are checked again when
// it is delivered (law 9).
type Audience string

// The audiences.
const (
	// Inbox: teammates who see the conversation before or after the change,
	// and, when VisitorPayload is set, the conversation's customer.
	Inbox Audience = "inbox"
	// Own: the teammate Teammate alone (read cursors, drafts).
	Own Audience = "own"
	// Staff: every teammate.
	Staff Audience = "staff"
	// Customers: teammates who may read customers.
	Customers Audience = "customers"
	// Tasks: teammates who see the task before or after the change.
	Tasks Audience = "tasks"
	// Visitor: only the customer; teammates hear of it in another change.
	Visitor Audience = "visitor"
)

// Position is a place in the feed. The zero Position is before everything.
type Position struct{ Xact, ID int64 }

// String is the opaque form clients keep.
func (p Position) String() string {
	return strconv.FormatInt(p.Xact, 36) + "." + strconv.FormatInt(p.ID, 36)
}

// ParsePosition reads String's form and nothing else.
func ParsePosition(s string) (Position, error) {
	x, i, ok := strings.Cut(s, ".")
	xact, err1 := strconv.ParseInt(x, 36, 64)
	id, err2 := strconv.ParseInt(i, 36, 64)
	p := Position{xact, id}
	if !ok || err1 != nil || err2 != nil || xact < 0 || id < 0 || p.String() != s {
		return Position{}, fmt.Errorf("%.40q is not a feed position", s)
	}
	return p, nil
}

// Before tells whether p comes before o.
func (p Position) Before(o Position) bool {
	return p.Xact < o.Xact || p.Xact == o.Xact && p.ID < o.ID
}

// Place is where a conversation stands: what decides who sees it.
type Place struct{ Team, Assignee ids.ID }

// Change is one row of the feed.
type Change struct {
	Position Position // set when read
	At       time.Time
	// Kind is the frame's kind: message, conversation, delivery, …
	Kind         string
	Audience     Audience
	Conversation ids.ID
	Customer     ids.ID
	// Identity the conversation runs through: a customer without proven
	// identity sees only their own device's.
	Identity ids.ID
	Teammate ids.ID
	Account  ids.ID
	// Existed is false for a conversation that this change creates.
	Existed       bool
	Before, After Place
	// Payload is the JSON that teammates receive, built once.
	Payload json.RawMessage
	// VisitorPayload is what the customer's own sockets receive; empty means nothing.
	VisitorPayload json.RawMessage
}

// Append writes a change into tx and hints Topic.
func Append(tx *store.Tx, c Change) error {
	_, err := tx.Exec(qAppend, clock.Millis(c.At), c.Kind, string(c.Audience), int64(c.Conversation), int64(c.Customer), int64(c.Identity), int64(c.Teammate),
		int64(c.Account), int64(c.Before.Team), int64(c.Before.Assignee), int64(c.After.Team), int64(c.After.Assignee),
		c.Existed, string(c.Payload), string(c.VisitorPayload))
	tx.Hint(Topic)
	return err
}

// After reads at most limit changes that come after p, in order, and never one
// that an uncommitted transaction could still precede.
func After(q store.Querier, p Position, limit int) ([]Change, error) {
	args := []any{p.ID, limit}
	if q.Engine() == store.Postgres {
		args = []any{p.Xact, p.ID, limit}
	}
	rows, err := q.Query(qAfter, args...)
	return store.Collect(rows, err, func(r store.Row) (Change, error) {
		var c Change
		var at int64
		var payload, visitor []byte
		err := r.Scan(&c.Position.Xact, &c.Position.ID, &at, &c.Kind, &c.Audience, &c.Conversation, &c.Customer, &c.Identity, &c.Teammate, &c.Account,
			&c.Before.Team, &c.Before.Assignee, &c.After.Team, &c.After.Assignee, &c.Existed, &payload, &visitor)
		c.At, c.Payload, c.VisitorPayload = clock.FromMillis(at), payload, visitor
		return c, err
	})
}

// Head is the position behind which everything that follows will appear: a
// follower that starts there misses nothing from now on.
func Head(q store.Querier) (Position, error) {
	var p Position
	err := q.QueryRow(qHead).Scan(&p.Xact, &p.ID)
	return p, err
}

// Held tells whether a client at p can still be given every change since:
// pruning has not gone past it and p is not from another database's future.
func Held(q store.Querier, p Position) (bool, error) {
	head, err := Head(q)
	if err != nil {
		return false, err
	}
	if head.Before(p) {
		return false, nil
	}
	var oldest Position
	if err := q.QueryRow(qOldest).Scan(&oldest.Xact, &oldest.ID); err != nil {
		return false, err
	}
	return !p.Before(oldest), nil
}

// WatermarkAge is how long the oldest open transaction of the server has been
// holding back the feed; 0 on SQLite, and a few milliseconds where writes are
// under way. What it holds back is late, never lost: an age of many seconds
// deserves an alarm.
func WatermarkAge(q store.Querier) (time.Duration, error) {
	var ms int64
	err := q.QueryRow(qWatermark).Scan(&ms)
	return time.Duration(ms) * time.Millisecond, err
}

// Prune looks at the limit oldest changes, deletes those made earlier than
// before that every durable follower (SaveCursor) has read, and returns how
// many went. It remembers the newest deleted position for Held.
func Prune(tx *store.Tx, before time.Time, limit int) (int64, error) {
	rows, err := tx.Query(qPrune, limit, clock.Millis(before))
	gone, err := store.Collect(rows, err, func(r store.Row) (Position, error) {
		var p Position
		return p, r.Scan(&p.Xact, &p.ID)
	})
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	var last Position
	for _, p := range gone {
		if last.Before(p) {
			last = p
		}
	}
	_, err = tx.Exec(qRaise, prunedCursor, last.Xact, last.ID)
	return int64(len(gone)), err
}

const prunedCursor = "feed/pruned"

// Cursor reads a durable follower's position; the zero Position when it has
// none yet.
func Cursor(q store.Querier, name string) (Position, error) {
	var p Position
	err := q.QueryRow(qCursor, name).Scan(&p.Xact, &p.ID)
	if errors.Is(err, store.ErrNoRows) {
		return Position{}, nil
	}
	return p, err
}

// SaveCursor stores a follower's position in the transaction of its work. From
// then on Prune keeps what the follower has yet to read, so a follower that is
// given up needs its cursor removed: see DropCursor.
func SaveCursor(tx *store.Tx, name string, p Position) error {
	_, err := tx.Exec(qSave, name, p.Xact, p.ID)
	return err
}

// DropCursor forgets a follower.
func DropCursor(tx *store.Tx, name string) error {
	_, err := tx.Exec(qDrop, name)
	return err
}
