package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// pollEvery is how often is looked without a hint: hints may be lost, rows may
// not.
const pollEvery = 2 * time.Second

// Run hands on until ctx ends, then waits for what has begun. wake is hinted
// with Topic. alone is true when no other process can hold a claim (SQLite):
// what a dead process had claimed is free at once.
func (in *Intake) Run(ctx context.Context, wake <-chan []byte, alone bool) {
	if alone {
		err := in.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(qFree)
			return err
		})
		if err != nil && ctx.Err() == nil {
			in.log.Error("intake recovery", "error", err)
		}
	}
	r := &runner{in: in, mine: map[ids.ID]struct{}{}, done: make(chan struct{}, 1)}
	for ctx.Err() == nil {
		timer, stop := in.clk.After(r.round(ctx))
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		case <-r.done:
		case <-timer:
		}
		stop()
	}
	in.stopping.Store(true)
	r.running.Wait()
}

// ReleaseTx ends the leases of a process that has died, so that what it had
// claimed is claimed anew.
func (in *Intake) ReleaseTx(tx *store.Tx, holder string) error {
	n, err := tx.Exec(qRelease, holder)
	if n > 0 {
		tx.Hint(Topic)
	}
	return err
}

type runner struct {
	in      *Intake
	running sync.WaitGroup
	done    chan struct{}

	mu   sync.Mutex
	busy int
	mine map[ids.ID]struct{}
	// doubt: a write failed of which nobody knows whether it was done, so rows may
	// be ours without our knowing.
	doubt atomic.Bool
}

// claimed is a row in this process's hands. lease is the claim's name: whoever
// finds another one in the row has lost it.
type claimed struct {
	Raw
	key   string
	lease int64
}

func scanClaimed(r store.Row) (claimed, error) {
	var c claimed
	var attempt, received int64
	err := r.Scan(&c.ID, &c.Account, &c.Lane, &c.key, &c.Body, &c.BlobKey, &attempt, &received, &c.lease)
	c.Attempt, c.ReceivedAt = int(attempt), clock.FromMillis(received)
	if prefix := c.Account.String() + ":"; err == nil && len(c.key) > len(prefix) {
		c.Key = c.key[len(prefix):]
	}
	return c, err
}

// round claims what is due as far as there is room; it returns how long nothing
// will be.
func (r *runner) round(ctx context.Context) time.Duration {
	in := r.in
	if r.doubt.Swap(false) {
		if err := r.orphans(ctx); err != nil {
			r.doubt.Store(true)
		}
	}
	r.mu.Lock()
	room := in.limits.AtOnce - r.busy
	r.mu.Unlock()
	if room <= 0 {
		return pollEvery
	}
	now, leased := in.clk.Now(), in.machine.Now()
	var first int64 // an idle intake writes nothing
	if err := in.db.Reader(ctx).QueryRow(qFirst, clock.Millis(leased), clock.Millis(leased.Add(2*in.limits.Lease))).Scan(&first); err != nil || first == 0 {
		if err != nil && ctx.Err() == nil {
			in.log.Error("intake scan", "error", err)
		}
		return pollEvery
	}
	if wait := clock.FromMillis(first).Sub(now); wait > 0 {
		return min(pollEvery, wait)
	}
	var found []claimed
	err := in.db.Write(ctx, func(tx *store.Tx) error {
		now, leased = in.clk.Now(), in.machine.Now()
		// A lease that ends further ahead than leases last was given before the
		// clock was set back, and counts as over.
		rows, err := tx.Query(qClaim, clock.Millis(now), clock.Millis(leased), clock.Millis(leased.Add(2*in.limits.Lease)), room, in.holder, clock.Millis(leased.Add(in.limits.Lease)))
		found, err = store.Collect(rows, err, scanClaimed)
		return err
	})
	if err != nil {
		r.doubt.Store(true)
		if ctx.Err() == nil {
			in.log.Error("intake claim", "error", err)
		}
		return pollEvery
	}
	r.mu.Lock()
	r.busy += len(found)
	for _, c := range found {
		r.mine[c.ID] = struct{}{}
	}
	r.mu.Unlock()
	for _, c := range found {
		r.running.Go(func() { r.one(ctx, c) })
	}
	var next int64
	if err := in.db.Reader(ctx).QueryRow(qNext, clock.Millis(now)).Scan(&next); err != nil || next == 0 {
		return pollEvery
	}
	return min(pollEvery, max(time.Millisecond, clock.FromMillis(next).Sub(now)))
}

func (r *runner) one(ctx context.Context, c claimed) {
	// What has begun is finished even when the program stops.
	if err := r.in.handle(context.WithoutCancel(ctx), c); err != nil {
		r.doubt.Store(true)
		r.in.log.Error("intake", "inbound_id", c.ID, "error", err)
	}
	r.mu.Lock()
	r.busy--
	delete(r.mine, c.ID)
	r.mu.Unlock()
	select {
	case r.done <- struct{}{}:
	default:
	}
}

// orphans frees what stands in this process's name and it does not know of.
func (r *runner) orphans(ctx context.Context) error {
	type own struct {
		id    ids.ID
		lease int64
	}
	rows, err := r.in.db.Reader(ctx).Query(qOwn, r.in.holder)
	found, err := store.Collect(rows, err, func(row store.Row) (o own, err error) { return o, row.Scan(&o.id, &o.lease) })
	if err != nil {
		return err
	}
	for _, o := range found {
		r.mu.Lock()
		_, mine := r.mine[o.id]
		r.mu.Unlock()
		if mine {
			continue
		}
		err := r.in.db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(qOrphan, o.id, r.in.holder, o.lease)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// handle takes one row to the end of an attempt; the error is for the log.
func (in *Intake) handle(ctx context.Context, c claimed) error {
	err := in.call(ctx, c)
	now := in.clk.Now()
	if err == nil {
		return in.settle(ctx, c, "done", "", time.Time{}, now)
	}
	var v *verdict
	switch {
	case errors.As(err, &v) && v.code != "" || c.Attempt >= in.limits.MaxAttempts && (v == nil || v.after == 0):
		return errors.Join(err, in.settle(ctx, c, "failed", codeOf(err), time.Time{}, now))
	case v != nil:
		c.Attempt-- // it did not fail
		return in.settle(ctx, c, "new", codeOf(err), now.Add(v.after), time.Time{})
	default:
		return errors.Join(err, in.settle(ctx, c, "new", codeOf(err), now.Add(backoff(c.Attempt)), time.Time{}))
	}
}

func (in *Intake) call(ctx context.Context, c claimed) error {
	account, err := in.accounts.Get(ctx, c.Account)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return Refuse("account_unknown", err)
		}
		return err
	}
	h, ok := in.handlers[account.Channel]
	if !ok {
		return Refuse("unknown_channel", fmt.Errorf("no adapter understands %q", account.Channel))
	}
	ctx, cancel := context.WithTimeout(ctx, in.limits.Timeout)
	defer cancel()
	return guarded(ctx, h, account, c.Raw)
}

// settle stores how a row ended, as soon as the database takes it.
func (in *Intake) settle(ctx context.Context, c claimed, state, code string, due, ended time.Time) error {
	limit := time.Now().Add(in.limits.Lease)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := in.settleOnce(ctx, c, state, code, due, ended)
		if fault.CodeOf(err) != "storage_unavailable" || in.stopping.Load() || time.Now().After(limit) {
			return err
		}
		time.Sleep(wait)
	}
}

func (in *Intake) settleOnce(ctx context.Context, c claimed, state, code string, due, ended time.Time) error {
	return in.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(qSettle, state, c.Attempt, millis(due), code, millis(ended), c.ID, in.holder, c.lease)
		return err
	})
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return clock.Millis(t)
}

// backoff grows from 1 s to 5 min.
func backoff(attempt int) time.Duration {
	return min(5*time.Minute, time.Second<<min(attempt-1, 10))
}
