package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
)

// orphans gives back what stands in this process's name and it does not know of.
func (q *Queue) orphans(r *running) error {
	rows, err := q.DB.Reader(r.hard).Query(qOwn, q.Holder)
	found, err := store.Collect(rows, err, func(row store.Row) (j Job, err error) { return j, row.Scan(&j.ID, &j.Attempt) })
	if err != nil {
		return err
	}
	for _, j := range found {
		r.mu.Lock()
		_, live := r.live[j.ID]
		r.mu.Unlock()
		if live {
			continue
		}
		err := q.DB.Write(r.hard, func(tx *store.Tx) error {
			_, err := tx.Exec(qFinish, available, clock.Millis(q.Clock.Now()), 1, "", 0, int64(j.ID), q.Holder, j.Attempt)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// upkeepLoop renews leases, takes over jobs of dead nodes and forgets old ones.
func (q *Queue) upkeepLoop() {
	r := q.run
	prune := q.Clock.Now()
	for {
		alarm, stop := q.Machine.After(leaseFor / 3)
		select {
		case <-r.quit:
			stop()
			return
		case <-alarm:
		}
		now := q.Clock.Now()
		if err := q.upkeep(r, now, !now.Before(prune)); err != nil {
			q.trouble("look after jobs", err)
			continue
		}
		if !now.Before(prune) {
			prune = now.Add(time.Hour)
		}
	}
}

func (q *Queue) upkeep(r *running, now time.Time, prune bool) error {
	r.mu.Lock()
	live := len(r.live)
	r.mu.Unlock()
	if q.DB.Engine() == store.Postgres {
		if live > 0 {
			if err := q.renew(r.hard); err != nil {
				return err
			}
		}
		if err := q.rescue(r.hard, clock.Millis(q.Machine.Now())); err != nil {
			return err
		}
	}
	for prune {
		var n int64
		err := q.DB.Write(r.hard, func(tx *store.Tx) (err error) {
			n, err = tx.Exec(qPrune, clock.Millis(now.Add(-keepDone)), pruneBatch)
			return err
		})
		if err != nil {
			return err
		}
		prune = n == pruneBatch
	}
	return nil
}

func (q *Queue) renew(ctx context.Context) error {
	return q.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(qRenew, clock.Millis(q.Machine.Now().Add(leaseFor)), q.Holder)
		return err
	})
}

// ReleaseTx ends the leases of a process that has died, so that its jobs are
// taken up by the next look after them.
func (q *Queue) ReleaseTx(tx *store.Tx, holder string) error {
	_, err := tx.Exec(qRelease, holder)
	return err
}

// rescue puts jobs whose lease ended before until back, or gives them up when
// their attempts are spent: one that kills its process must not do so for ever.
func (q *Queue) rescue(ctx context.Context, until int64) error {
	type saved struct{ kind, state string }
	var all []saved
	now := clock.Millis(q.Clock.Now())
	err := q.DB.Write(ctx, func(tx *store.Tx) (err error) {
		rows, err := tx.Query(qRescue, now, now, until)
		all, err = store.Collect(rows, err, func(row store.Row) (s saved, err error) {
			return s, row.Scan(&s.kind, &s.state)
		})
		tx.Hint(Topic)
		return err
	})
	for _, s := range all {
		q.Observe(s.kind, "rescued", 0)
		q.Log.Warn("a job was left running by a process that went away", slog.String("kind", s.kind), slog.String("state", s.state))
	}
	return err
}
