// Package jobs does work later, or again, durably: a job is a row, written in
// the transaction that causes it, and is worked off after commit by whichever
// node has room.
//
// A job runs at least once. A handler that must take effect exactly once calls
// CompleteTx in the transaction of its effects.
package jobs

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Topic is what a transaction with new jobs hints after commit.
const Topic = "jobs"

//go:embed queries.sql
var queriesSQL string

var (
	queries         = store.Load("jobs", queriesSQL)
	qInsert         = queries.Get("insert")
	qByKey          = queries.Get("by-key")
	qNextDue        = queries.Get("next-due")
	qClaim          = queries.Get("claim")
	qRenew          = queries.Get("renew")
	qFinish         = queries.Get("finish")
	qRescue         = queries.Get("rescue")
	qRelease        = queries.Get("release")
	qOwn            = queries.Get("own")
	qPrune          = queries.Get("prune")
	qSchedule       = queries.Get("schedule")
	qScheduleInsert = queries.Get("schedule-insert")
	qScheduleUpdate = queries.Get("schedule-update")
)

// The states of a job. done and discarded are final; discarded means that it
// was given up.
const (
	available = "available"
	done      = "done"
	discarded = "discarded"
)

const (
	// DefaultMaxAttempts, with Backoff, spans about half a day.
	DefaultMaxAttempts = 20
	leaseFor           = time.Minute
	// idlePoll finds jobs whose hint was lost: that can happen between nodes.
	idlePoll  = 2 * time.Second
	alonePoll = 30 * time.Second
	// Finished jobs are kept for questions, and so long their unique keys hold.
	keepDone   = 30 * 24 * time.Hour
	pruneBatch = 500
)

// Job is one attempt as its handler sees it.
type Job struct {
	ID          ids.ID
	Kind        string
	Payload     json.RawMessage
	Attempt     int // 1 for the first
	MaxAttempts int
	RunAt       time.Time
	CreatedAt   time.Time
}

// Last tells whether a failure of this attempt gives the job up.
func (j Job) Last() bool { return j.Attempt >= j.MaxAttempts }

// Options of one job.
type Options struct {
	// UniqueKey makes the job the only one with this key, for as long as its row
	// is kept (30 days after it finished). Name what is to be done once:
	// "wake/42/1767323045678".
	UniqueKey string
	// RunAt is the earliest instant; the zero time means now.
	RunAt time.Time
	// MaxAttempts before the job is given up; 0 means DefaultMaxAttempts.
	MaxAttempts int
}

// Snooze, returned by a handler, runs the job again after d without counting
// the attempt.
func Snooze(d time.Duration) error { return snooze(d) }

type snooze time.Duration

func (s snooze) Error() string { return "snoozed for " + time.Duration(s).String() }

// Cancel, returned by a handler, gives the job up at once: repeating it cannot
// help.
func Cancel(cause error) error { return cancel{cause} }

type cancel struct{ error }

func (c cancel) Unwrap() error { return c.error }

// ErrLeaseLost is returned by CompleteTx when another worker has taken the job
// over; the transaction must not commit.
var ErrLeaseLost = errors.New("the job has been taken over by another worker")

// Config is what a Queue works with. All but Machine and Observe is required.
type Config struct {
	DB    *store.DB
	Clock clock.Clock
	// Machine tells the time of leases, which the sandbox must not move: another
	// node may not have heard of it yet. nil: Clock.
	Machine clock.Clock
	IDs     *ids.Source
	Bus     bus.Bus
	Log     *slog.Logger
	// Holder names this process in leases; unique per start.
	Holder string
	// Observe is told of each attempt: outcome is done, retry, snoozed,
	// discarded, interrupted or rescued. May be nil.
	Observe func(kind, outcome string, took time.Duration)
}

// Queue enqueues jobs, and, once started, works them off. Register handlers
// and schedules before Start. Its other methods are safe for concurrent use.
type Queue struct {
	Config
	workers   map[string]*worker
	schedules []*schedule
	run       *running
}

// New returns a queue that is not started.
func New(c Config) *Queue {
	if c.Observe == nil {
		c.Observe = func(string, string, time.Duration) {}
	}
	if c.Machine == nil {
		c.Machine = c.Clock
	}
	return &Queue{Config: c, workers: map[string]*worker{}}
}

// EnqueueTx writes a job into tx. payload is kept as JSON: ids and small
// values, never secrets. inserted is false when the unique key is held by an
// earlier job, whose id is returned.
func (q *Queue) EnqueueTx(tx *store.Tx, kind string, payload any, o Options) (id ids.ID, inserted bool, err error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return 0, false, fmt.Errorf("job %s: %w", kind, err)
	}
	now := q.Clock.Now()
	if o.RunAt.IsZero() {
		o.RunAt = now
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = DefaultMaxAttempts
	}
	var key any
	if o.UniqueKey != "" {
		key = o.UniqueKey
	}
	id = q.IDs.Next()
	n, err := tx.Exec(qInsert, int64(id), kind, key, string(body), o.MaxAttempts, clock.Millis(o.RunAt), clock.Millis(now))
	if err != nil {
		return 0, false, fmt.Errorf("enqueue %s: %w", kind, err)
	}
	if n == 0 {
		err := tx.QueryRow(qByKey, o.UniqueKey).Scan(&id)
		return id, false, err
	}
	tx.Hint(Topic)
	return id, true, nil
}

// Enqueue is EnqueueTx in a transaction of its own.
func (q *Queue) Enqueue(ctx context.Context, kind string, payload any, o Options) (id ids.ID, err error) {
	err = q.DB.Write(ctx, func(tx *store.Tx) error {
		id, _, err = q.EnqueueTx(tx, kind, payload, o)
		return err
	})
	return id, err
}

// CompleteTx marks the job done in the transaction of its effects, so that
// both happen or neither; ErrLeaseLost undoes them. The handler then returns
// nil.
func (q *Queue) CompleteTx(tx *store.Tx, j Job) error {
	n, err := tx.Exec(qFinish, done, clock.Millis(j.RunAt), 0, "", clock.Millis(q.Clock.Now()), int64(j.ID), q.Holder, j.Attempt)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrLeaseLost
	}
	return nil
}

// Backoff is how long a job waits after its nth failed attempt: doubling from
// a second to an hour.
func Backoff(attempt int) time.Duration {
	if attempt > 12 {
		return time.Hour
	}
	return min(time.Second<<max(0, attempt-1), time.Hour)
}
