package outbox

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Accounts finds the account behind a delivery; channels.Accounts is one.
type Accounts interface {
	Get(ctx context.Context, id ids.ID) (*channels.Account, error)
}

// Loader reads what a delivery carries; the inbox is one.
type Loader interface {
	LoadOutbound(ctx context.Context, message, identity ids.ID) (channels.Content, error)
}

// pollEvery is how often the dispatcher looks without being hinted: hints may
// be lost, rows may not.
const pollEvery = 2 * time.Second

// Run sends until ctx ends, then waits for the sends under way. wake is hinted
// with Topic. recoverAll is true when no other process can hold a lease
// (SQLite): what a dead process left is settled at once instead of by lease.
func (o *Outbox) Run(ctx context.Context, wake <-chan []byte, recoverAll bool) {
	d := &dispatcher{o: o, queues: map[kind]*queue{}, mine: map[ids.ID]struct{}{}, done: make(chan struct{}, 1)}
	if recoverAll {
		if err := d.rescue(ctx, true); err != nil && ctx.Err() == nil {
			o.log.Error("outbox recovery", "error", err)
		}
	}
	for ctx.Err() == nil {
		timer, stop := o.clk.After(d.round(ctx))
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		case <-d.done:
		case <-timer:
		}
		stop()
	}
	o.stopping.Store(true)
	d.running.Wait()
}

// dispatcher holds what is in flight in this process.
type dispatcher struct {
	o       *Outbox
	running sync.WaitGroup
	done    chan struct{}

	mu     sync.Mutex
	queues map[kind]*queue     // claims and sends
	mine   map[ids.ID]struct{} // and by delivery
	// doubt: a write failed of which nobody knows whether it was done, so rows may
	// be ours without our knowing.
	doubt atomic.Bool
}

// kind is what waits for one account: what people have written, or what is sent by
// itself. Neither waits for the other.
type kind struct {
	account   ids.ID
	automated bool
}

// queue is what has been claimed of one kind. turns are held while it is sent.
type queue struct {
	claimed int
	turns   turns
}

// turns lets so many send at once as it holds; nil everybody.
type turns chan struct{}

// take waits for a turn, or until ctx ends; free gives it back.
func (t turns) take(ctx context.Context) (free func()) {
	if t == nil {
		return func() {}
	}
	select {
	case t <- struct{}{}:
		return func() { <-t }
	case <-ctx.Done():
		return func() {}
	}
}

// round claims what is due for every account that has room; it returns how
// long nothing will be due.
func (d *dispatcher) round(ctx context.Context) time.Duration {
	o := d.o
	if err := d.rescue(ctx, false); err != nil && ctx.Err() == nil {
		o.log.Error("outbox rescue", "error", err)
	}
	if d.doubt.Swap(false) {
		if err := d.orphans(ctx); err != nil {
			d.doubt.Store(true)
		}
	}
	now := o.clk.Now()
	due, err := o.due(ctx, now)
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

// due are the accounts that have something to send.
func (o *Outbox) due(ctx context.Context, now time.Time) ([]ids.ID, error) {
	rows, err := o.db.Reader(ctx).Query(qDue, clock.Millis(now))
	return store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
}

// claim takes at most room deliveries of each kind of an account, by whether they
// are automated: the head of each lane.
func (o *Outbox) claim(ctx context.Context, account ids.ID, room map[bool]int) (claimed []job, err error) {
	err = o.db.Write(ctx, func(tx *store.Tx) error {
		claimed = nil
		for _, automated := range []bool{false, true} {
			if room[automated] <= 0 {
				continue
			}
			now := clock.Millis(o.clk.Now())
			rows, err := tx.Query(qClaim, account, automated, now, now, room[automated], o.holder, o.leaseEnd(), now)
			some, err := store.Collect(rows, err, scanJob)
			if err != nil {
				return err
			}
			claimed = append(claimed, some...)
		}
		return nil
	})
	return claimed, err
}

// Flush sends what is due now, one delivery after the other, and returns when
// nothing is: for a program that plays through what happened instead of serving.
// Nobody else may send meanwhile.
func (o *Outbox) Flush(ctx context.Context) error {
	for {
		due, err := o.due(ctx, o.clk.Now())
		if err != nil {
			return err
		}
		did := 0
		for _, account := range due {
			claimed, err := o.claim(ctx, account, map[bool]int{false: o.limits.PerAccount, true: o.limits.PerAccount})
			if err != nil {
				return err
			}
			for _, j := range claimed {
				if err := o.process(ctx, j, nil); err != nil {
					return err
				}
			}
			did += len(claimed)
		}
		if did == 0 {
			return nil
		}
	}
}

func (d *dispatcher) claim(ctx context.Context, account ids.ID) error {
	room := map[bool]int{false: d.room(kind{account, false}), true: d.room(kind{account, true})}
	if room[false] == 0 && room[true] == 0 {
		return nil
	}
	claimed, err := d.o.claim(ctx, account, room)
	if err != nil {
		d.doubt.Store(true)
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range claimed {
		k := kind{j.account, j.automated}
		if d.queues[k] == nil {
			d.queues[k] = &queue{turns: make(turns, d.o.limits.PerAccount)}
		}
		q := d.queues[k]
		q.claimed++
		d.mine[j.id] = struct{}{}
		d.running.Go(func() { d.run(ctx, j, q.turns) })
	}
	return nil
}

// room is how many of a kind may be claimed now: many at a time, unless little
// waits.
func (d *dispatcher) room(k kind) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	claimed := 0
	if q := d.queues[k]; q != nil {
		claimed = q.claimed
	}
	room := d.o.limits.Ahead - claimed
	if room < d.o.limits.PerAccount && claimed > d.o.limits.PerAccount {
		return 0
	}
	return room
}

func (d *dispatcher) run(ctx context.Context, j job, t turns) {
	if err := d.o.process(ctx, j, t); err != nil {
		d.doubt.Store(true)
		d.o.log.Error("delivery", "delivery_id", j.id, "error", err)
	}
	k := kind{j.account, j.automated}
	d.mu.Lock()
	if d.queues[k].claimed--; d.queues[k].claimed == 0 {
		delete(d.queues, k)
	}
	delete(d.mine, j.id)
	d.mu.Unlock()
	if d.room(k) == 0 {
		return
	}
	select {
	case d.done <- struct{}{}:
	default:
	}
}

// leaseEnd is until when a claim made now holds.
func (o *Outbox) leaseEnd() int64 { return clock.Millis(o.machine.Now().Add(o.limits.Lease)) }

// job is a claimed delivery. lease is the claim's name: whoever finds another
// one in the row has lost it.
type job struct {
	id, account, conversation, message, identity, lane ids.ID
	seq, attempt, lease                                int64
	purpose                                            channels.Purpose
	automated                                          bool
	// spent is the note of what this attempt has taken from the allowance.
	spent string
	// content is what an outreach carries, once it has been read.
	content *content
	// exhausted: the provider says that the allowance is used up.
	exhausted bool
	// detail is what the provider said when it did not take this attempt.
	detail string
}

func scanJob(r store.Row) (job, error) {
	var j job
	return j, r.Scan(&j.id, &j.account, &j.conversation, &j.message, &j.identity, &j.seq, &j.attempt, &j.lane, &j.lease, &j.purpose, &j.automated)
}

// enqueued is the job in a state, as others are told of it.
func (j job) enqueued(state channels.DeliveryState, code string, now time.Time) channels.Enqueued {
	return channels.Enqueued{ID: j.id, Conversation: j.conversation, Message: j.message, Seq: j.seq, State: state, Attempt: j.attempt, ErrorCode: code, ErrorDetail: j.detail, UpdatedAt: now}
}

// lost is what a process left behind.
type lost struct {
	job
	state   channels.DeliveryState
	channel string
}

func scanLost(r store.Row) (lost, error) {
	var l lost
	return l, r.Scan(&l.id, &l.account, &l.conversation, &l.message, &l.identity, &l.seq, &l.attempt, &l.lane, &l.lease, &l.state, &l.channel)
}

// rescue settles what processes that died have left: a claim is undone, a send
// that may have happened becomes unknown, unless the provider deduplicates.
// all ignores the leases. A lease that ends further ahead than leases last was
// given before the clock was set back, and counts as over.
func (d *dispatcher) rescue(ctx context.Context, all bool) error {
	o := d.o
	now := o.machine.Now()
	over, beyond := clock.Millis(now), clock.Millis(now.Add(2*o.limits.Lease))
	if all {
		beyond = -1
	}
	var last ids.ID
	for {
		rows, err := o.db.Reader(ctx).Query(qExpired, last, over, beyond)
		found, err := store.Collect(rows, err, scanLost)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, l := range found {
			last = l.id
			d.mu.Lock()
			_, mine := d.mine[l.id]
			d.mu.Unlock()
			if mine {
				continue // still at work, whatever the clock says
			}
			if err := o.rescueOne(ctx, l); err != nil {
				return err
			}
		}
	}
}

// orphans rescues what stands in this process's name and it does not know of.
func (d *dispatcher) orphans(ctx context.Context) error {
	rows, err := d.o.db.Reader(ctx).Query(qOwn, d.o.holder)
	found, err := store.Collect(rows, err, scanLost)
	if err != nil {
		return err
	}
	for _, l := range found {
		d.mu.Lock()
		_, mine := d.mine[l.id]
		d.mu.Unlock()
		if mine {
			continue
		}
		if err := d.o.rescueOne(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseTx ends the leases of a process that has died, so that what it had
// claimed is rescued now. Should it live after all it finds its leases lost.
func (o *Outbox) ReleaseTx(tx *store.Tx, holder string) error {
	n, err := tx.Exec(qRelease, holder)
	if n > 0 {
		tx.Hint(Topic)
	}
	return err
}

func (o *Outbox) rescueOne(ctx context.Context, l lost) error {
	state, code := channels.Queued, ""
	if l.state == channels.Sending {
		adapter, err := o.registry.Adapter(l.channel)
		if err != nil || !adapter.Capabilities().Deduplicates {
			state, code = channels.Unknown, "send_interrupted"
		}
	}
	return o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		at := clock.Millis(now)
		n, err := tx.Exec(qRescue, string(state), code, at, at, l.id, string(l.state), l.lease)
		if err != nil || n == 0 {
			return err
		}
		if l.state == channels.Sending {
			if _, err := tx.Exec(qEnded, at, string(state), "send_interrupted", l.id, l.attempt); err != nil {
				return err
			}
		}
		if l.message == 0 && state == channels.Queued {
			// What was under way certainly has not gone out, or goes out again.
			if err := sentTx(tx, l.id, time.Time{}); err != nil {
				return err
			}
		}
		return o.tellTx(tx, l.enqueued(state, code, now), now)
	})
}
