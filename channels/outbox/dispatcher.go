package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Accounts finds the account behind a delivery; channels.Accounts is one.
type Accounts interface {
	Get(ctx context.Context, id ids.ID) (*channels.Account, error)
}

// Loader reads what a delivery carries; the inbox is one.
type Loader interface {
	LoadOutbound(ctx context.Context, message, identity ids.ID) (channels.Identity, string, []ids.ID, error)
}

// pollEvery is how often the dispatcher looks without being hinted: hints may
// be lost, rows may not.
const pollEvery = 2 * time.Second

// Run sends until ctx ends, then waits for the sends under way. wake is hinted
// with Topic. recoverAll is true when no other process can hold a lease
// (SQLite): what a dead process left is settled at once instead of by lease.
func (o *Outbox) Run(ctx context.Context, wake <-chan []byte, recoverAll bool) {
	d := &dispatcher{o: o, lanes: map[ids.ID]int{}, done: make(chan struct{}, 1)}
	if recoverAll {
		if err := o.rescue(ctx, o.clk.Now().Add(o.limits.Lease)); err != nil {
			o.log.Error("outbox recovery", "error", err)
		}
	}
	for ctx.Err() == nil {
		wait := d.round(ctx)
		timer, stop := o.clk.After(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-d.done:
		case <-timer:
		}
		stop()
	}
	d.running.Wait()
}

// dispatcher holds what is in flight in this process.
type dispatcher struct {
	o       *Outbox
	running sync.WaitGroup
	done    chan struct{}

	mu    sync.Mutex
	lanes map[ids.ID]int // sends in flight by account
}

// round claims what is due for every account that has room; it returns how
// long nothing will be due.
func (d *dispatcher) round(ctx context.Context) time.Duration {
	o := d.o
	if err := o.rescue(ctx, o.clk.Now()); err != nil && ctx.Err() == nil {
		o.log.Error("outbox rescue", "error", err)
	}
	now := o.clk.Now()
	rows, err := o.db.Reader(ctx).Query(qDue, clock.Millis(now))
	due, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		if ctx.Err() == nil {
			o.log.Error("outbox scan", "error", err)
		}
		return pollEvery
	}
	for _, account := range due {
		if err := d.claim(ctx, account); err != nil && ctx.Err() == nil {
			o.log.Error("outbox claim", "account_id", account, "error", err)
		}
	}
	var next int64
	if err := o.db.Reader(ctx).QueryRow(qNext, clock.Millis(now)).Scan(&next); err != nil || next == 0 {
		return pollEvery
	}
	return min(pollEvery, max(time.Millisecond, clock.FromMillis(next).Sub(now)))
}

func (d *dispatcher) claim(ctx context.Context, account ids.ID) error {
	d.mu.Lock()
	room := d.o.limits.PerAccount - d.lanes[account]
	d.mu.Unlock()
	if room <= 0 {
		return nil
	}
	var claimed []job
	err := d.o.db.Write(ctx, func(tx *store.Tx) error {
		now := d.o.clk.Now()
		rows, err := tx.Query(qClaim, d.o.holder, clock.Millis(now.Add(d.o.limits.Lease)), clock.Millis(now), account, clock.Millis(now), room)
		claimed, err = store.Collect(rows, err, scanJob)
		return err
	})
	if err != nil {
		return err
	}
	for _, j := range claimed {
		d.mu.Lock()
		d.lanes[account]++
		d.mu.Unlock()
		d.running.Add(1)
		go d.run(ctx, j)
	}
	return nil
}

func (d *dispatcher) run(ctx context.Context, j job) {
	defer d.running.Done()
	// A send that has begun is finished even when the program stops.
	if err := d.o.send(context.WithoutCancel(ctx), j); err != nil {
		d.o.log.Error("delivery", "delivery_id", j.id, "error", err)
	}
	d.mu.Lock()
	d.lanes[j.account]--
	d.mu.Unlock()
	select {
	case d.done <- struct{}{}:
	default:
	}
}

// job is a claimed delivery.
type job struct {
	id, account, conversation, message, identity ids.ID
	seq, attempt                                 int64
}

func scanJob(r store.Row) (job, error) {
	var j job
	return j, r.Scan(&j.id, &j.account, &j.conversation, &j.message, &j.identity, &j.seq, &j.attempt)
}

func (o *Outbox) send(ctx context.Context, j job) error {
	account, err := o.accounts.Get(ctx, j.account)
	if err != nil {
		return err
	}
	if account.Status != channels.Active {
		return o.settle(ctx, j, channels.Failed, "account_disabled", "", time.Time{})
	}
	adapter, err := o.registry.Adapter(account.Channel)
	if err != nil {
		return o.settle(ctx, j, channels.Failed, fault.CodeOf(err), "", time.Time{})
	}
	out := channels.Outbound{Account: account, Delivery: j.id, Attempt: int(j.attempt + 1)}
	if out.Identity, out.Body, out.Attachments, err = o.loader.LoadOutbound(ctx, j.message, j.identity); err != nil {
		return err
	}
	mine, err := o.begin(ctx, &j)
	if err != nil || !mine {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, o.limits.SendTimeout)
	sent, err := call(limited, adapter, out)
	cancel()
	if err == nil {
		return o.settle(ctx, j, channels.SentState, "", sent.ProviderRef, time.Time{})
	}
	return o.failed(ctx, j, adapter.Capabilities(), err)
}

// call keeps an adapter's panic from crossing the border; what happened to the
// message is then unknown.
func call(ctx context.Context, a channels.Adapter, out channels.Outbound) (sent channels.Sent, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown"}
		}
	}()
	return a.Send(ctx, out)
}

// begin makes "sending" durable; false when the claim has been lost.
func (o *Outbox) begin(ctx context.Context, j *job) (mine bool, err error) {
	err = o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		n, err := tx.Exec(qSending, clock.Millis(now.Add(o.limits.Lease)), clock.Millis(now), j.id, o.holder)
		mine = n == 1
		if err != nil || !mine {
			return err
		}
		if _, err := tx.Exec(qAttempt, j.id, j.attempt+1, clock.Millis(now)); err != nil {
			return err
		}
		return o.changed(tx, channels.Enqueued{ID: j.id, Conversation: j.conversation, Message: j.message, Seq: j.seq, State: channels.Sending, Attempt: j.attempt + 1, UpdatedAt: now}, now)
	})
	j.attempt++
	return mine, err
}

func (o *Outbox) failed(ctx context.Context, j job, caps channels.Capabilities, err error) error {
	var se *channels.SendError
	if !errors.As(err, &se) {
		se = &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown", Err: err}
	}
	again := se.Outcome == channels.Temporary || se.Outcome == channels.Ambiguous && caps.Deduplicates
	switch {
	case again && j.attempt < o.limits.MaxAttempts:
		wait := se.RetryAfter
		if wait <= 0 {
			wait = backoff(j.attempt)
		}
		return o.settle(ctx, j, channels.Queued, se.Code, "", o.clk.Now().Add(wait))
	case se.Outcome == channels.Ambiguous:
		return o.settle(ctx, j, channels.Unknown, se.Code, "", time.Time{})
	default:
		return o.settle(ctx, j, channels.Failed, se.Code, "", time.Time{})
	}
}

// backoff grows from 5 s to 1 h, with a quarter of jitter.
func backoff(attempt int64) time.Duration {
	d := min(time.Hour, 5*time.Second<<min(2*(attempt-1), 12))
	return d + rand.N(d/4)
}

// settle stores the outcome of an attempt. next is when a queued one is due.
func (o *Outbox) settle(ctx context.Context, j job, state channels.DeliveryState, code, ref string, next time.Time) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		due := now
		if !next.IsZero() {
			due = next
		}
		n, err := tx.Exec(qSettle, string(state), clock.Millis(due), code, ref, clock.Millis(now), j.id, o.holder)
		if err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(qEnded, clock.Millis(now), string(state), code, j.id, j.attempt); err != nil {
			return err
		}
		return o.changed(tx, channels.Enqueued{ID: j.id, Conversation: j.conversation, Message: j.message, Seq: j.seq, State: state, Attempt: j.attempt, ErrorCode: code, UpdatedAt: now}, now)
	})
}

// rescue settles what processes that died have left: a claim is undone, a send
// that may have happened becomes unknown, unless the provider deduplicates.
func (o *Outbox) rescue(ctx context.Context, leaseBefore time.Time) error {
	rows, err := o.db.Reader(ctx).Query(queries.Get("expired"), clock.Millis(leaseBefore))
	type lost struct {
		job
		state   channels.DeliveryState
		channel string
	}
	found, err := store.Collect(rows, err, func(r store.Row) (lost, error) {
		var l lost
		return l, r.Scan(&l.id, &l.account, &l.conversation, &l.message, &l.identity, &l.seq, &l.attempt, &l.state, &l.channel)
	})
	if err != nil {
		return err
	}
	for _, l := range found {
		state, code := channels.Queued, ""
		if l.state == channels.Sending {
			adapter, err := o.registry.Adapter(l.channel)
			if err != nil || !adapter.Capabilities().Deduplicates {
				state, code = channels.Unknown, "send_interrupted"
			}
		}
		err := o.db.Write(ctx, func(tx *store.Tx) error {
			now := o.clk.Now()
			n, err := tx.Exec(qRescue, string(state), code, clock.Millis(now), clock.Millis(now), l.id, string(l.state), clock.Millis(leaseBefore))
			if err != nil || n == 0 {
				return err
			}
			return o.changed(tx, channels.Enqueued{ID: l.id, Conversation: l.conversation, Message: l.message, Seq: l.seq, State: state, Attempt: l.attempt, ErrorCode: code, UpdatedAt: now}, now)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
