package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/jobs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

var ctx = context.Background()

var (
	probes = store.Load("jobs_test", `
-- name: row
SELECT state, attempt, run_at, last_error FROM jobs WHERE id = ?
-- name: abandon
UPDATE jobs SET state = 'running', attempt = ?, leased_by = 'dead', lease_until = ? WHERE id = ?
-- name: count
SELECT count(*) FROM jobs WHERE kind = ?
-- name: created
SELECT created_at FROM jobs WHERE kind = ? ORDER BY id
`)
	qRow, qAbandon, qCount, qCreated = probes.Get("row"), probes.Get("abandon"), probes.Get("count"), probes.Get("created")
)

type outcome struct{ kind, what string }

// house is a queue on one engine with everything a test turns by hand.
type house struct {
	*jobs.Queue
	t        *testing.T
	db       *store.DB
	clock    *clock.Fake
	bus      *bus.Memory
	outcomes chan outcome
}

func newHouse(t *testing.T, db *store.DB, c *clock.Fake, source *ids.Source, holder string) *house {
	t.Helper()
	h := &house{t: t, db: db, clock: c, bus: bus.NewMemory(), outcomes: make(chan outcome, 1000)}
	h.Queue = jobs.New(jobs.Config{
		DB: db, Clock: c, IDs: source, Bus: h.bus, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Holder: holder,
		Observe: func(kind, what string, _ time.Duration) { h.outcomes <- outcome{kind, what} },
	})
	return h
}

func each(t *testing.T, fn func(h *house)) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		c := testkit.Clock(t)
		fn(newHouse(t, db, c, testkit.IDs(t, c), "node-1"))
	})
}

func (h *house) start() {
	h.t.Helper()
	if err := h.Start(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		dead, cancel := context.WithCancel(ctx)
		cancel()
		h.Stop(dead)
	})
}

func (h *house) enqueue(kind string, payload any, o jobs.Options) ids.ID {
	h.t.Helper()
	id, err := h.Enqueue(ctx, kind, payload, o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.bus.Publish(jobs.Topic, nil)
	return id
}

func (h *house) await(want ...string) {
	h.t.Helper()
	for _, w := range want {
		select {
		case got := <-h.outcomes:
			if got.what != w {
				h.t.Fatalf("outcome %v, want %s", got, w)
			}
		case <-time.After(20 * time.Second):
			h.t.Fatalf("no outcome, want %s", w)
		}
	}
}

type row struct {
	state   string
	attempt int
	runAt   time.Time
	failure string
}

func (h *house) row(id ids.ID) (r row) {
	h.t.Helper()
	var at int64
	if err := h.db.Reader(ctx).QueryRow(qRow, int64(id)).Scan(&r.state, &r.attempt, &at, &r.failure); err != nil {
		h.t.Fatal(err)
	}
	r.runAt = clock.FromMillis(at)
	return r
}

func (h *house) count(kind string) (n int) {
	h.t.Helper()
	if err := h.db.Reader(ctx).QueryRow(qCount, kind).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// move waits until every loop of the queue sleeps, then moves the clock.
func (h *house) move(sleepers int, d time.Duration) {
	h.clock.AwaitSleepers(sleepers)
	h.clock.Advance(d)
}

type note struct{ N int }

func TestJobRunsAfterItsTransaction(t *testing.T) {
	each(t, func(h *house) {
		got := make(chan jobs.Job, 10)
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{}, func(_ context.Context, j jobs.Job, n note) error {
			if n.N != 7 {
				return fmt.Errorf("payload %+v", n)
			}
			got <- j
			return nil
		})
		h.start()
		undo := errors.New("undo")
		err := h.db.Write(ctx, func(tx *store.Tx) error {
			if _, _, err := h.EnqueueTx(tx, "note", note{7}, jobs.Options{}); err != nil {
				return err
			}
			return undo
		})
		if !errors.Is(err, undo) || h.count("note") != 0 {
			h.t.Fatal("a job outlives its transaction", err)
		}
		id := h.enqueue("note", note{7}, jobs.Options{})
		h.await("done")
		if j := <-got; j.ID != id || j.Attempt != 1 || j.Last() || !j.CreatedAt.Equal(testkit.Start) {
			h.t.Errorf("job %+v", j)
		}
		if r := h.row(id); r.state != "done" {
			h.t.Errorf("row %+v", r)
		}
	})
}

func TestUniqueKey(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{}, func(context.Context, jobs.Job, note) error { return nil })
		first := h.enqueue("note", nil, jobs.Options{UniqueKey: "wake/1"})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if id, err := h.Enqueue(ctx, "note", nil, jobs.Options{UniqueKey: "wake/1"}); err != nil || id != first {
					h.t.Errorf("a repeat gives %v, %v", id, err)
				}
			})
		}
		wg.Wait()
		h.start()
		h.await("done")
		if again := h.enqueue("note", nil, jobs.Options{UniqueKey: "wake/1"}); again != first {
			h.t.Error("the key is free again as soon as the job is done")
		}
		h.enqueue("note", nil, jobs.Options{UniqueKey: "wake/2"})
		h.await("done")
		if n := h.count("note"); n != 2 {
			h.t.Errorf("%d rows", n)
		}
	})
}

func TestFailuresBackOffAndEnd(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{}, func(_ context.Context, j jobs.Job, _ note) error {
			if j.Attempt == 2 {
				panic("at the second")
			}
			return fmt.Errorf("failure %d", j.Attempt)
		})
		h.start()
		id := h.enqueue("note", nil, jobs.Options{MaxAttempts: 3})
		h.await("retry")
		if r := h.row(id); r.state != "available" || r.failure != "failure 1" || !r.runAt.Equal(h.clock.Now().Add(jobs.Backoff(1))) {
			h.t.Errorf("after the first: %+v", r)
		}
		h.move(2, jobs.Backoff(1))
		h.await("retry")
		if r := h.row(id); !strings.Contains(r.failure, "panic: at the second") {
			h.t.Errorf("after the panic: %+v", r)
		}
		h.move(2, jobs.Backoff(2))
		h.await("discarded")
		if r := h.row(id); r.state != "discarded" || r.attempt != 3 || r.failure != "failure 3" {
			h.t.Errorf("at the end: %+v", r)
		}
	})
}

func TestCancelSnoozeAndBadPayload(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "cancel", jobs.WorkerOptions{}, func(context.Context, jobs.Job, note) error {
			return fmt.Errorf("wrapped: %w", jobs.Cancel(errors.New("gone")))
		})
		naps := 0
		jobs.Register(h.Queue, "snooze", jobs.WorkerOptions{}, func(_ context.Context, j jobs.Job, _ note) error {
			if naps++; naps <= 3 {
				return jobs.Snooze(time.Minute)
			}
			if j.Attempt != 1 {
				return fmt.Errorf("snoozing counted as attempts: %d", j.Attempt)
			}
			return nil
		})
		h.start()
		id := h.enqueue("cancel", nil, jobs.Options{})
		h.await("discarded")
		if r := h.row(id); r.attempt != 1 || r.failure != "wrapped: gone" {
			h.t.Errorf("%+v", r)
		}
		h.enqueue("cancel", "not a note", jobs.Options{})
		h.await("discarded")
		h.enqueue("snooze", nil, jobs.Options{MaxAttempts: 1})
		for range 3 {
			h.await("snoozed")
			h.move(2, time.Minute)
		}
		h.await("done")
	})
}

func TestRunAt(t *testing.T) {
	each(t, func(h *house) {
		ran := make(chan int, 10)
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{}, func(_ context.Context, _ jobs.Job, n note) error { ran <- n.N; return nil })
		h.start()
		h.enqueue("note", note{2}, jobs.Options{RunAt: testkit.Start.Add(10 * time.Second)})
		h.enqueue("note", note{1}, jobs.Options{RunAt: testkit.Start.Add(5 * time.Second)})
		h.move(2, 5*time.Second-time.Millisecond)
		h.bus.Publish(jobs.Topic, nil)
		h.clock.AwaitSleepers(2)
		if len(ran) > 0 {
			h.t.Fatal("ran a millisecond early")
		}
		h.move(2, time.Millisecond)
		h.await("done")
		h.move(2, 5*time.Second)
		h.await("done")
		if a, b := <-ran, <-ran; a != 1 || b != 2 {
			h.t.Errorf("order %d %d", a, b)
		}
	})
}

// TestWorkersShare: many jobs, two nodes: each job runs exactly once and no
// kind ever exceeds its room.
func TestWorkersShare(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		c := testkit.Clock(t)
		source := testkit.IDs(t, c)
		const n, room = 60, 3
		var mu sync.Mutex
		ran := map[int]int{}
		entered, gate := make(chan struct{}, n), make(chan struct{})
		var nodes []*house
		for _, name := range []string{"node-1", "node-2"} {
			h := newHouse(t, db, c, source, name)
			jobs.Register(h.Queue, "note", jobs.WorkerOptions{Concurrency: room}, func(_ context.Context, _ jobs.Job, p note) error {
				mu.Lock()
				ran[p.N]++
				mu.Unlock()
				entered <- struct{}{}
				<-gate
				return nil
			})
			h.start()
			nodes = append(nodes, h)
		}
		for i := range n {
			nodes[0].enqueue("note", note{i}, jobs.Options{})
			nodes[1].bus.Publish(jobs.Topic, nil)
		}
		for range 2 * room {
			<-entered // both nodes fill their room
		}
		c.AwaitSleepers(4)
		if len(entered) > 0 {
			t.Errorf("%d jobs more than there is room for", len(entered))
		}
		close(gate)
		for range n {
			select {
			case o := <-nodes[0].outcomes:
				if o.what != "done" {
					t.Error(o)
				}
			case o := <-nodes[1].outcomes:
				if o.what != "done" {
					t.Error(o)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("jobs are left over")
			}
		}
		for i := range n {
			if ran[i] != 1 {
				t.Errorf("job %d ran %d times", i, ran[i])
			}
		}
	})
}

func TestJobsOfADeadProcessAreTakenUp(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{Concurrency: 2}, func(context.Context, jobs.Job, note) error { return nil })
		saved := h.enqueue("note", nil, jobs.Options{MaxAttempts: 2})
		spent := h.enqueue("note", nil, jobs.Options{MaxAttempts: 2})
		err := h.db.Write(ctx, func(tx *store.Tx) error {
			until := clock.Millis(h.clock.Now().Add(time.Second))
			if _, err := tx.Exec(qAbandon, 1, until, int64(saved)); err != nil {
				return err
			}
			_, err := tx.Exec(qAbandon, 2, until, int64(spent))
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
		h.start()
		if h.db.Engine() == store.Postgres {
			// Another node may live: only the end of the lease tells.
			if r := h.row(saved); r.state != "running" {
				h.t.Errorf("taken before its lease ended: %+v", r)
			}
			h.move(2, 20*time.Second)
			h.await("rescued", "rescued")
			h.bus.Publish(jobs.Topic, nil) // the hint of the rescue, which comes through the store
			h.await("done")
		} else {
			h.await("rescued", "rescued", "done")
		}
		if r := h.row(saved); r.state != "done" || r.attempt != 2 {
			h.t.Errorf("%+v", r)
		}
		if r := h.row(spent); r.state != "discarded" {
			h.t.Errorf("%+v", r)
		}
	})
}

func TestLeaseIsKeptWhileAHandlerRuns(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	c := testkit.Clock(t)
	h := newHouse(t, db, c, testkit.IDs(t, c), "node-1")
	release, entered := make(chan struct{}), make(chan struct{})
	jobs.Register(h.Queue, "slow", jobs.WorkerOptions{Timeout: time.Hour}, func(context.Context, jobs.Job, note) error {
		close(entered)
		<-release
		return nil
	})
	h.start()
	id := h.enqueue("slow", nil, jobs.Options{})
	<-entered
	for range 10 { // 200 s, more than three leases
		h.move(2, 20*time.Second)
	}
	h.clock.AwaitSleepers(2)
	if r := h.row(id); r.state != "running" || r.attempt != 1 {
		t.Errorf("the job was taken away: %+v", r)
	}
	close(release)
	h.await("done")
}

func TestCompleteTx(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "effect", jobs.WorkerOptions{}, func(_ context.Context, j jobs.Job, _ note) error {
			return h.db.Write(ctx, func(tx *store.Tx) error {
				if _, _, err := h.EnqueueTx(tx, "trace", nil, jobs.Options{}); err != nil {
					return err
				}
				if j.Attempt == 1 {
					// Somebody else takes the job over before this one ends.
					if _, err := tx.Exec(qAbandon, 2, 0, int64(j.ID)); err != nil {
						return err
					}
				}
				return h.CompleteTx(tx, j)
			})
		})
		h.start()
		id := h.enqueue("effect", nil, jobs.Options{})
		h.await("retry")
		if n := h.count("trace"); n != 0 {
			h.t.Errorf("%d effects without the job being done", n)
		}
		h.move(2, jobs.Backoff(1))
		h.await("done")
		if r := h.row(id); r.state != "done" || h.count("trace") != 1 {
			h.t.Errorf("%+v with %d effects", r, h.count("trace"))
		}
	})
}

func TestStop(t *testing.T) {
	each(t, func(h *house) {
		entered := make(chan struct{}, 2)
		release := make(chan struct{})
		jobs.Register(h.Queue, "polite", jobs.WorkerOptions{}, func(context.Context, jobs.Job, note) error {
			entered <- struct{}{}
			<-release
			return nil
		})
		jobs.Register(h.Queue, "endless", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ note) error {
			entered <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})
		if err := h.Start(ctx); err != nil {
			h.t.Fatal(err)
		}
		polite := h.enqueue("polite", nil, jobs.Options{})
		<-entered
		stopped := make(chan struct{})
		go func() { h.Stop(ctx); close(stopped) }()
		close(release)
		<-stopped
		h.await("done")
		if r := h.row(polite); r.state != "done" {
			h.t.Errorf("a soft stop cut a handler: %+v", r)
		}

		endless := h.enqueue("endless", nil, jobs.Options{MaxAttempts: 1})
		if r := h.row(endless); r.state != "available" {
			h.t.Errorf("a stopped queue works: %+v", r)
		}
		if err := h.Start(ctx); err != nil {
			h.t.Fatal(err)
		}
		<-entered
		now, cancel := context.WithCancel(ctx)
		cancel()
		h.Stop(now)
		h.await("interrupted")
		if r := h.row(endless); r.state != "available" || r.attempt != 0 {
			h.t.Errorf("a hard stop cost an attempt: %+v", r)
		}
		h.Stop(ctx) // a second stop does nothing
	})
}

func TestFinishedJobsAreForgotten(t *testing.T) {
	each(t, func(h *house) {
		jobs.Register(h.Queue, "note", jobs.WorkerOptions{}, func(context.Context, jobs.Job, note) error { return nil })
		h.start()
		h.enqueue("note", nil, jobs.Options{UniqueKey: "k"})
		h.await("done")
		h.move(2, 31*24*time.Hour)
		h.clock.AwaitSleepers(2)
		testkit.Eventually(h.t, 5*time.Second, "pruned", func() bool { return h.count("note") == 0 })
	})
}

func TestBackoff(t *testing.T) {
	for attempt, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 1000: time.Hour} {
		if got := jobs.Backoff(attempt); got != want {
			t.Errorf("Backoff(%d) = %v, want %v", attempt, got, want)
		}
	}
}
