package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// WorkerOptions say how one kind of job is worked off on a node.
type WorkerOptions struct {
	// Concurrency is how many run at once; 0 means 1.
	Concurrency int
	// Timeout of one attempt; 0 means a minute.
	Timeout time.Duration
}

type worker struct {
	kind   string
	handle func(ctx context.Context, j Job) error
	slots  int
	limit  time.Duration
	busy   int // guarded by running.mu
}

// Register gives a kind its handler; payloads are decoded into T, and one that
// cannot be is given up. The handler's ctx ends with the attempt's timeout or
// when the queue is stopped hard.
func Register[T any](q *Queue, kind string, o WorkerOptions, handle func(ctx context.Context, j Job, payload T) error) {
	if q.workers[kind] != nil {
		panic("jobs: two handlers for " + kind)
	}
	w := &worker{kind: kind, slots: max(1, o.Concurrency), limit: o.Timeout}
	if w.limit == 0 {
		w.limit = time.Minute
	}
	w.handle = func(ctx context.Context, j Job) error {
		var payload T
		if err := json.Unmarshal(j.Payload, &payload); err != nil {
			return Cancel(fmt.Errorf("payload: %w", err))
		}
		return handle(ctx, j, payload)
	}
	q.workers[kind] = w
}

// running is the state between Start and Stop.
type running struct {
	quit  chan struct{}   // no more claims
	hard  context.Context // handlers end
	kill  context.CancelFunc
	loops sync.WaitGroup
	jobs  sync.WaitGroup
	freed chan struct{} // a slot became free

	mu   sync.Mutex
	live map[ids.ID]struct{}
	// doubt: a write failed of which nobody knows whether it was done, so rows may
	// be ours without our knowing.
	doubt atomic.Bool
}

// Start begins to work. On SQLite, where this process is the only one, jobs
// that an earlier process left running are taken up at once.
func (q *Queue) Start(ctx context.Context) error {
	if q.DB.Engine() == store.SQLite {
		if err := q.rescue(ctx, math.MaxInt64); err != nil {
			return fmt.Errorf("take up the jobs of the last run: %w", err)
		}
	}
	for _, s := range q.schedules {
		if err := q.openSchedule(ctx, s); err != nil {
			return fmt.Errorf("schedule %s: %w", s.Name, err)
		}
	}
	r := &running{live: map[ids.ID]struct{}{}, quit: make(chan struct{}), freed: make(chan struct{}, 1)}
	r.hard, r.kill = context.WithCancel(context.Background())
	q.run = r
	r.loops.Go(q.claimLoop)
	r.loops.Go(q.upkeepLoop)
	for _, s := range q.schedules {
		r.loops.Go(func() { q.scheduleLoop(s) })
	}
	return nil
}

// Stop claims nothing more and waits for the handlers under way; when ctx ends
// first, their contexts are cancelled and their jobs go back unharmed. It
// returns when nothing of the queue runs any more.
func (q *Queue) Stop(ctx context.Context) {
	r := q.run
	if r == nil {
		return
	}
	close(r.quit)
	r.loops.Wait() // from here on no job begins
	finished := make(chan struct{})
	go func() { r.jobs.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-ctx.Done():
		r.kill()
		<-finished
	}
	r.kill()
	q.run = nil
}

// claimLoop starts due jobs while there is room and sleeps until something
// may have changed.
func (q *Queue) claimLoop() {
	r := q.run
	hints, cancel := q.Bus.Subscribe(Topic, 1)
	defer cancel()
	for {
		wait := q.claimDue(r)
		alarm, stop := q.Clock.After(wait)
		select {
		case <-r.quit:
			stop()
			return
		case <-hints:
		case <-r.freed:
		case <-alarm:
		}
		stop()
	}
}

// claimDue claims for every kind that has room and returns when to look again.
func (q *Queue) claimDue(r *running) time.Duration {
	wait := idlePoll
	if q.DB.Engine() == store.SQLite {
		wait = alonePoll
	}
	if r.doubt.Swap(false) {
		if err := q.orphans(r); err != nil {
			r.doubt.Store(true)
			return time.Second
		}
	}
	for _, kind := range q.kinds() {
		w := q.workers[kind]
		for {
			free := r.free(w)
			if free == 0 {
				break // its slot wakes us
			}
			due, err := q.nextDue(r, kind)
			if err != nil {
				q.trouble("look for due jobs", err)
				return time.Second
			}
			if due < 0 {
				break
			}
			if ahead := time.Duration(due-clock.Millis(q.Clock.Now())) * time.Millisecond; ahead > 0 {
				wait = min(wait, ahead)
				break
			}
			n, err := q.claim(r, w, free)
			if err != nil {
				r.doubt.Store(true)
				q.trouble("claim jobs", err)
				return time.Second
			}
			if n == 0 {
				wait = min(wait, time.Second) // another node was quicker, or still is
				break
			}
		}
	}
	return wait
}

func (q *Queue) trouble(doing string, err error) {
	q.Log.Error(doing, slog.Any("error", err))
}

func (q *Queue) kinds() []string {
	out := make([]string, 0, len(q.workers))
	for k := range q.workers {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (r *running) free(w *worker) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return w.slots - w.busy
}

func (q *Queue) nextDue(r *running, kind string) (due int64, err error) {
	err = q.DB.Reader(r.hard).QueryRow(qNextDue, kind).Scan(&due)
	return due, err
}

func (q *Queue) claim(r *running, w *worker, limit int) (int, error) {
	var claimed []Job
	now := clock.Millis(q.Clock.Now())
	err := q.DB.Write(r.hard, func(tx *store.Tx) (err error) {
		rows, err := tx.Query(qClaim, q.Holder, clock.Millis(q.Machine.Now().Add(leaseFor)), w.kind, now, limit)
		claimed, err = store.Collect(rows, err, func(row store.Row) (Job, error) {
			j := Job{Kind: w.kind}
			var runAt, created int64
			var payload []byte
			err := row.Scan(&j.ID, &payload, &j.Attempt, &j.MaxAttempts, &runAt, &created)
			j.Payload, j.RunAt, j.CreatedAt = payload, clock.FromMillis(runAt), clock.FromMillis(created)
			return j, err
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	// RETURNING promises no order.
	sort.Slice(claimed, func(a, b int) bool {
		if !claimed[a].RunAt.Equal(claimed[b].RunAt) {
			return claimed[a].RunAt.Before(claimed[b].RunAt)
		}
		return claimed[a].ID < claimed[b].ID
	})
	r.mu.Lock()
	w.busy += len(claimed)
	for _, j := range claimed {
		r.live[j.ID] = struct{}{}
	}
	r.mu.Unlock()
	for _, j := range claimed {
		r.jobs.Go(func() { q.attempt(r, w, j) })
	}
	return len(claimed), nil
}

// attempt runs one handler and writes down how it ended.
func (q *Queue) attempt(r *running, w *worker, j Job) {
	start := time.Now()
	ctx, end := context.WithTimeout(r.hard, w.limit)
	err := protect(ctx, w, j)
	end()
	outcome := q.finish(r, j, err)
	q.Observe(j.Kind, outcome, time.Since(start))
	r.mu.Lock()
	w.busy--
	delete(r.live, j.ID)
	r.mu.Unlock()
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

func protect(ctx context.Context, w *worker, j Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return w.handle(ctx, j)
}

// finish stores the outcome. Losing the lease meanwhile is no error: whoever
// has it now finishes the job.
func (q *Queue) finish(r *running, j Job, failure error) (outcome string) {
	now := q.Clock.Now()
	state, runAt, giveBack, finishedAt := available, now, 0, time.Time{}
	var nap snooze
	var end cancel
	log := q.Log.With(slog.String("kind", j.Kind), slog.String("job", j.ID.String()), slog.Int("attempt", j.Attempt))
	switch {
	case failure == nil:
		state, outcome, finishedAt = done, "done", now
	case errors.As(failure, &nap):
		outcome, giveBack, runAt = "snoozed", 1, now.Add(time.Duration(nap))
	case r.hard.Err() != nil && errors.Is(failure, context.Canceled):
		outcome, giveBack = "interrupted", 1
	case errors.As(failure, &end), j.Last():
		state, outcome, finishedAt = discarded, "discarded", now
		log.Error("a job was given up", slog.Any("error", failure))
	default:
		outcome, runAt = "retry", now.Add(Backoff(j.Attempt))
		log.Warn("a job failed and will be repeated", slog.Time("at", runAt), slog.Any("error", failure))
	}
	var finished int64
	if !finishedAt.IsZero() {
		finished = clock.Millis(finishedAt)
	}
	// Its own context: an interrupted job must be given back.
	err := q.untilStored(r, func(tx *store.Tx) error {
		_, err := tx.Exec(qFinish, state, clock.Millis(runAt), giveBack, cut(failure), finished, int64(j.ID), q.Holder, j.Attempt)
		return err
	})
	if err != nil {
		r.doubt.Store(true)
		log.Error("the end of a job could not be stored; its lease will run out", slog.Any("error", err))
	}
	return outcome
}

// untilStored repeats a write while the database is away, for as long as a lease
// lasts and the queue goes on.
func (q *Queue) untilStored(r *running, fn func(tx *store.Tx) error) error {
	limit := time.Now().Add(leaseFor)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := q.DB.Write(context.WithoutCancel(r.hard), fn)
		if fault.CodeOf(err) != "storage_unavailable" || time.Now().After(limit) {
			return err
		}
		pause := time.NewTimer(wait)
		select {
		case <-r.quit:
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

// cut keeps an error short enough for a row.
func cut(err error) string {
	if err == nil {
		return ""
	}
	s := err.Error()
	if len(s) <= 1000 {
		return s
	}
	s = s[:1000]
	for !utf8.ValidString(s) && len(s) > 0 {
		s = s[:len(s)-1]
	}
	return s
}
