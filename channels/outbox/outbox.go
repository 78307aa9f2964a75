// Package outbox is the only way out. A delivery is a row, stored in the
// transaction that causes it, and moves queued → claimed → sending → sent,
// failed or unknown (law 5): "sending" is durable immediately before the
// provider is called, so a crash can leave a doubt but never a silent repeat.
package outbox

import (
	_ "embed"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Topic is hinted when a delivery waits to be sent.
const Topic = "deliveries"

//go:embed queries.sql
var queriesSQL string

var (
	queries  = store.Load("outbox", queriesSQL)
	qInsert  = queries.Get("insert")
	qByKey   = queries.Get("by-key")
	qByID    = queries.Get("by-id")
	qRetry   = queries.Get("retry")
	qClaim   = queries.Get("claim")
	qLane    = queries.Get("lock-lane")
	qSending = queries.Get("sending")
	qSpent   = queries.Get("spent")
	qAttempt = queries.Get("insert-attempt")
	qEnded   = queries.Get("end-attempt")
	qSettle  = queries.Get("settle")
	qExpired = queries.Get("expired")
	qRescue  = queries.Get("rescue")
	qRelease = queries.Get("release")
	qOwn     = queries.Get("own")
	qStill   = queries.Get("still")
	qDue     = queries.Get("due-accounts")
	qNext    = queries.Get("next-due")
)

// Changed is told, in the same transaction, that a delivery's state changed.
type Changed func(tx *store.Tx, d channels.Enqueued, now time.Time) error

// Outbox stores deliveries and sends them. It is safe for concurrent use.
type Outbox struct {
	db       *store.DB
	clk      clock.Clock
	ids      *ids.Source
	registry *channels.Registry
	accounts Accounts
	loader   Loader
	holder   string
	machine  clock.Clock
	log      *slog.Logger
	changed  Changed
	limits   Limits
	poster   Poster
	zone     *time.Location
	auditor  auth.Auditor
	outreach []OutreachTold
	vouch    Vouch
	// stopping: what cannot be stored now is left to whoever comes after.
	stopping atomic.Bool
	// unsubscribe is the address at which an identity takes consent back.
	unsubscribe func(identity, account ids.ID, channel string) string
}

// Options are what an Outbox needs. Zero Limits mean DefaultLimits.
type Options struct {
	DB    *store.DB
	Clock clock.Clock
	// Machine tells the time of leases, which the sandbox must not move: another
	// node may not have heard of it yet. nil: Clock.
	Machine  clock.Clock
	IDs      *ids.Source
	Registry *channels.Registry
	Accounts Accounts
	Loader   Loader
	// Holder names this process in leases; it differs for every start.
	Holder string
	Log    *slog.Logger
	Limits Limits
	// Poster shows outreach in threads.
	Poster Poster
	// Zone is that of people of whom none is known; nil means UTC.
	Zone *time.Location
	// Unsubscribe makes the signed address at which an identity takes its consent
	// to marketing on a channel back; nil: mails carry none.
	Unsubscribe func(identity, account ids.ID, channel string) string
	// Auditor keeps changes of the sending rules; may be nil.
	Auditor auth.Auditor
}

// Limits bound the dispatcher.
type Limits struct {
	// PerAccount is how many sends of one account run at once: so many of what
	// people write, and as many of what is sent by itself.
	PerAccount int
	// Ahead is how many of each may be claimed and wait for their turn; at least
	// PerAccount.
	Ahead int
	// SendTimeout ends one provider call: its context is cancelled, and a
	// little later the outcome counts as unknown, whatever the adapter does.
	SendTimeout time.Duration
	// Lease is how long a claim holds; it must outlast SendTimeout by far.
	Lease time.Duration
	// MaxAttempts is after how many temporary failures a delivery is given up.
	MaxAttempts int64
}

// DefaultLimits are the limits of a production outbox.
var DefaultLimits = Limits{PerAccount: 16, Ahead: 64, SendTimeout: 30 * time.Second, Lease: 2 * time.Minute, MaxAttempts: 8}

// New returns an Outbox; call OnChange before anything is enqueued.
func New(o Options) *Outbox {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limits.Ahead = max(o.Limits.Ahead, o.Limits.PerAccount)
	if o.Machine == nil {
		o.Machine = o.Clock
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Outbox{
		poster: o.Poster, zone: o.Zone, unsubscribe: o.Unsubscribe, auditor: o.Auditor,
		db: o.DB, clk: o.Clock, machine: o.Machine, ids: o.IDs, registry: o.Registry, accounts: o.Accounts, loader: o.Loader, holder: o.Holder, log: o.Log, limits: o.Limits,
		changed: func(*store.Tx, channels.Enqueued, time.Time) error { return nil },
	}
}

// OnChange registers who is told of changed states.
func (o *Outbox) OnChange(c Changed) { o.changed = c }

// EnqueueTx stores a delivery; asking again with the same idempotency key
// returns the first one. On a channel whose customers read our own rows the
// commit is the send, and the delivery is born sent.
func (o *Outbox) EnqueueTx(tx *store.Tx, e channels.Enqueue) (channels.Enqueued, error) {
	adapter, err := o.registry.Adapter(e.Channel)
	if err != nil {
		return channels.Enqueued{}, err
	}
	state := channels.Queued
	if adapter.Capabilities().CommitSends {
		state = channels.SentState
	}
	lane := e.Conversation
	if lane == 0 {
		lane = e.Identity
	}
	id, now := o.ids.Next(), clock.Millis(e.Now)
	n, err := tx.Exec(qInsert, id, e.IdempotencyKey, e.Account, e.Conversation, e.Message, e.Seq, e.Identity, lane, string(e.Purpose), e.Automated, string(state), now, now, now)
	if err != nil {
		return channels.Enqueued{}, err
	}
	if n == 0 {
		return scanEnqueued(tx.QueryRow(qByKey, e.IdempotencyKey))
	}
	if state == channels.Queued {
		tx.Hint(Topic)
	}
	return channels.Enqueued{ID: id, Conversation: e.Conversation, Message: e.Message, Seq: e.Seq, State: state, UpdatedAt: e.Now}, nil
}

// RetryTx queues a failed or unknown delivery again because a person said so.
func (o *Outbox) RetryTx(tx *store.Tx, id ids.ID, now time.Time) (channels.Enqueued, error) {
	n, err := tx.Exec(qRetry, clock.Millis(now), clock.Millis(now), id)
	if err != nil {
		return channels.Enqueued{}, err
	}
	d, err := scanEnqueued(tx.QueryRow(qByID, id))
	if errors.Is(err, store.ErrNoRows) {
		return d, fault.Missing("delivery")
	}
	if err != nil {
		return d, err
	}
	if n == 0 {
		return d, fault.New(fault.Conflict, "delivery_not_retryable", fault.Params{"state": string(d.State)})
	}
	tx.Hint(Topic)
	return d, o.tellTx(tx, d, now)
}

func scanEnqueued(r store.Row) (channels.Enqueued, error) {
	var d channels.Enqueued
	var updated int64
	err := r.Scan(&d.ID, &d.Conversation, &d.Message, &d.Seq, &d.State, &d.Attempt, &d.ErrorCode, &d.ErrorDetail, &updated)
	d.UpdatedAt = clock.FromMillis(updated)
	return d, err
}
