// Package intake keeps what providers bring, as they brought it, before it is
// acknowledged (law 1), and hands it on afterwards: in order for each person,
// side by side for different ones, again after a crash or a failure.
package intake

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Topic is hinted when something new waits.
const Topic = "inbound"

//go:embed queries.sql
var queriesSQL string

var (
	queries  = store.Load("intake", queriesSQL)
	qKeep    = queries.Get("keep")
	qClaim   = queries.Get("claim")
	qFirst   = queries.Get("first")
	qNext    = queries.Get("next-due")
	qSettle  = queries.Get("settle")
	qFree    = queries.Get("free")
	qRelease = queries.Get("release")
	qOwn     = queries.Get("own")
	qOrphan  = queries.Get("orphan")
	qRetry   = queries.Get("retry")
)

// Raw is one thing a provider brought.
type Raw struct {
	Account ids.ID
	// Key is the provider's name for it, unique within the account.
	Key string
	// Lane keeps the order: what has the same one is handled one at a time, in
	// the order in which it was kept.
	Lane string
	// Body is the thing itself; large ones lie in the file BlobKey instead.
	Body    []byte
	BlobKey string

	// Set when it is handed on.
	ID         ids.ID
	Attempt    int
	ReceivedAt time.Time
}

// Handler makes of a Raw what it means. It is called again after a crash, so
// what it does must be harmless when repeated. nil is done; Later and Refuse say
// how else it ended, any other error means another try after a while.
type Handler interface {
	Handle(ctx context.Context, account *channels.Account, raw Raw) error
}

// Later asks for another call after a while; it does not count as an attempt
// that failed.
func Later(after time.Duration, err error) error { return &verdict{after: after, err: err} }

// Refuse says that no other try will help; code tells a person why.
func Refuse(code string, err error) error { return &verdict{code: code, err: err} }

type verdict struct {
	after time.Duration
	code  string
	err   error
}

func (v *verdict) Error() string {
	if v.err == nil {
		return "intake: " + v.code
	}
	return v.err.Error()
}

func (v *verdict) Unwrap() error { return v.err }

// Accounts finds the account behind a row; channels.Accounts is one.
type Accounts interface {
	Get(ctx context.Context, id ids.ID) (*channels.Account, error)
}

// Limits bound the work.
type Limits struct {
	// AtOnce is how many lanes are worked on together.
	AtOnce int
	// Lease is how long a claim holds; it must outlast every handler.
	Lease time.Duration
	// Timeout ends one call of a handler.
	Timeout time.Duration
	// MaxAttempts is after how many failures a row is given up and shown.
	MaxAttempts int
}

// DefaultLimits are those of a production intake.
var DefaultLimits = Limits{AtOnce: 32, Lease: 3 * time.Minute, Timeout: time.Minute, MaxAttempts: 8}

// Intake keeps and hands on. It is safe for concurrent use.
type Intake struct {
	db       *store.DB
	clk      clock.Clock
	machine  clock.Clock
	ids      *ids.Source
	accounts Accounts
	holder   string
	log      *slog.Logger
	limits   Limits
	handlers map[string]Handler
	// stopping: what cannot be stored now is left to whoever comes after.
	stopping atomic.Bool
}

// Options are what an Intake needs. Zero Limits mean DefaultLimits.
type Options struct {
	DB    *store.DB
	Clock clock.Clock
	// Machine tells the time of leases, which the sandbox must not move: another
	// node may not have heard of it yet. nil: Clock.
	Machine  clock.Clock
	IDs      *ids.Source
	Accounts Accounts
	// Holder names this process in leases; it differs for every start.
	Holder string
	Log    *slog.Logger
	Limits Limits
}

// New returns an Intake without handlers.
func New(o Options) *Intake {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = o.Clock
	}
	return &Intake{db: o.DB, clk: o.Clock, machine: o.Machine, ids: o.IDs, accounts: o.Accounts, holder: o.Holder, log: o.Log, limits: o.Limits, handlers: map[string]Handler{}}
}

// Register says who handles a channel. Call it before Run.
func (in *Intake) Register(channel string, h Handler) { in.handlers[channel] = h }

// Keep stores what a provider brought; it is durable when Keep returns. first
// is false for a repeat of the same key, which changes nothing.
func (in *Intake) Keep(ctx context.Context, raw Raw) (first bool, err error) {
	if raw.Key == "" {
		return false, errors.New("intake: a raw without key")
	}
	if raw.Body == nil {
		raw.Body = []byte{}
	}
	err = in.db.Write(ctx, func(tx *store.Tx) error {
		now := clock.Millis(in.clk.Now())
		n, err := tx.Exec(qKeep, in.ids.Next(), raw.Account, raw.Lane, raw.Account.String()+":"+raw.Key, raw.Body, raw.BlobKey, now, now)
		if first = n == 1; first && err == nil {
			tx.Hint(Topic)
		}
		return err
	})
	return first && err == nil, err
}

// Failed is something that was given up.
type Failed struct {
	ID         ids.ID    `json:"id"`
	AccountID  ids.ID    `json:"account_id"`
	Channel    string    `json:"channel"`
	Attempt    int64     `json:"attempt"`
	ErrorCode  string    `json:"error_code"`
	ReceivedAt time.Time `json:"received_at"`
	FailedAt   time.Time `json:"failed_at"`
}

// Failed lists what was given up, newest first.
func (in *Intake) Failed(ctx context.Context, limit int) ([]Failed, error) {
	rows, err := in.db.Reader(ctx).Query(queries.Get("failed"), limit)
	return store.Collect(rows, err, func(r store.Row) (Failed, error) {
		var f Failed
		var received, ended int64
		err := r.Scan(&f.ID, &f.AccountID, &f.Channel, &f.Attempt, &f.ErrorCode, &received, &ended)
		f.ReceivedAt, f.FailedAt = clock.FromMillis(received), clock.FromMillis(ended)
		return f, err
	})
}

// Retry hands something that was given up on again, because a person said so.
func (in *Intake) Retry(ctx context.Context, id ids.ID) error {
	return in.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(qRetry, clock.Millis(in.clk.Now()), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("inbound")
		}
		tx.Hint(Topic)
		return nil
	})
}

// KnowsBlob tells whether any row refers to a file; the sweep of orphaned files
// asks.
func (in *Intake) KnowsBlob(ctx context.Context, key string) (bool, error) {
	var n int64
	err := in.db.Reader(ctx).QueryRow(queries.Get("knows-blob"), key).Scan(&n)
	return n > 0, err
}

// Forget deletes what was handled before an instant, at most limit rows, and
// returns how many. Their files are then known to nobody and swept.
func (in *Intake) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	rows, err := in.db.Reader(ctx).Query(queries.Get("done-before"), clock.Millis(before), limit)
	found, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		var blob string
		return id, r.Scan(&id, &blob)
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	err = in.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range found {
			if _, err := tx.Exec(queries.Get("forget"), id); err != nil {
				return err
			}
		}
		return nil
	})
	return len(found), err
}

// codeOf is what is stored of an error: never its text, which may quote a
// message.
func codeOf(err error) string {
	var v *verdict
	if errors.As(err, &v) && v.code != "" {
		return v.code
	}
	if code := fault.CodeOf(err); code != "" {
		return code
	}
	return "internal"
}

// guarded calls a handler; a panic does not cross the border.
func guarded(ctx context.Context, h Handler, account *channels.Account, raw Raw) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a handler panicked: %v", p)
		}
	}()
	return h.Handle(ctx, account, raw)
}
