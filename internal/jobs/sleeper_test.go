package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/jobs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A node that was stopped in the middle of a job, for longer than its lease, finds
// on waking that another one has done it: neither its effects nor its failure count.
func TestSleeperLosesItsJob(t *testing.T) {
	db := testkit.Open(t, store.Postgres) // where there is another node
	c, still := testkit.Clock(t), testkit.Clock(t)
	source := testkit.IDs(t, c)
	sleeper, other := newHouse(t, db, still, source, "sleeper"), newHouse(t, db, c, source, "other")
	asleep, wake := make(chan struct{}), make(chan struct{})
	for _, h := range []*house{sleeper, other} {
		effect := func(_ context.Context, j jobs.Job, _ note) error {
			if h == sleeper {
				close(asleep) // a second time would panic, which is told
				<-wake
			}
			return db.Write(ctx, func(tx *store.Tx) error {
				if _, _, err := h.EnqueueTx(tx, "trace", nil, jobs.Options{}); err != nil {
					return err
				}
				return h.CompleteTx(tx, j)
			})
		}
		jobs.Register(h.Queue, "effect", jobs.WorkerOptions{Timeout: time.Hour}, effect)
	}
	sleeper.start()
	id := sleeper.enqueue("effect", note{1}, jobs.Options{})
	<-asleep
	other.start()
	for range 3 {
		other.move(2, 20*time.Second)
	}
	other.clock.AwaitSleepers(2)
	if r := other.row(id); r.state != "running" || r.attempt != 1 {
		t.Errorf("while the lease lasts: %+v", r)
	}
	other.move(2, 20*time.Second)
	other.await("rescued")
	other.bus.Publish(jobs.Topic, nil) // the hint of the rescue, which comes through the store
	other.await("done")
	close(wake)
	sleeper.await("retry") // what it makes of the lost lease
	for range 5 {
		sleeper.move(2, 20*time.Second)
	}
	sleeper.clock.AwaitSleepers(2)
	if r := other.row(id); r.state != "done" || r.attempt != 2 || r.failure != "" || other.count("trace") != 1 {
		t.Errorf("afterwards %+v, and %d effects", r, other.count("trace"))
	}
}

// What a sleeper says of a job that another one has taken over and still works on is
// not heard, and its renewals do not keep it.
func TestSleeperDoesNotEndTheJobOfAnother(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	c, still := testkit.Clock(t), testkit.Clock(t)
	source := testkit.IDs(t, c)
	sleeper, other := newHouse(t, db, still, source, "sleeper"), newHouse(t, db, c, source, "other")
	gates := map[*house]chan error{sleeper: make(chan error), other: make(chan error)}
	entered := make(chan *house, 10)
	for h, gate := range gates {
		jobs.Register(h.Queue, "effect", jobs.WorkerOptions{Timeout: time.Hour}, func(context.Context, jobs.Job, note) error {
			entered <- h
			return <-gate
		})
	}
	sleeper.start()
	id := sleeper.enqueue("effect", note{1}, jobs.Options{})
	<-entered
	if err := db.Write(ctx, func(tx *store.Tx) error { return other.ReleaseTx(tx, "sleeper") }); err != nil {
		t.Fatal(err)
	}
	other.start()
	other.move(2, 20*time.Second)
	other.await("rescued")
	other.bus.Publish(jobs.Topic, nil)
	if h := <-entered; h != other {
		t.Fatal("the sleeper has it again")
	}
	gates[sleeper] <- jobs.Cancel(errors.New("given up by a sleeper"))
	sleeper.await("discarded")
	sleeper.move(2, 20*time.Second)
	sleeper.clock.AwaitSleepers(2)
	if r := other.row(id); r.state != "running" || r.attempt != 2 || r.failure != "the process that ran it went away" {
		t.Errorf("while the other works: %+v", r)
	}
	gates[other] <- nil
	other.await("done")
	if r := other.row(id); r.state != "done" || r.attempt != 2 {
		t.Errorf("afterwards: %+v", r)
	}
}

// A schedule whose instants another node has fired while this one was stopped fires
// none of them again.
func TestSleeperFiresNothingAgain(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		c, still := testkit.Clock(t), testkit.Clock(t)
		source := testkit.IDs(t, c)
		sleeper, other := newHouse(t, db, still, source, "sleeper"), newHouse(t, db, c, source, "other")
		for _, h := range []*house{sleeper, other} {
			if err := h.Queue.Schedule(jobs.Schedule{Name: "hourly", Spec: "0 * * * *", Kind: "tick"}); err != nil {
				t.Fatal(err)
			}
			h.start()
		}
		step := func(c *clock.Fake, d time.Duration) {
			c.AwaitSleepers(3)
			c.Advance(d)
			c.AwaitSleepers(3)
		}
		for range 3 {
			step(c, time.Hour)
		}
		if n := other.count("tick"); n != 3 {
			t.Fatalf("%d jobs for three hours", n)
		}
		step(still, 3*time.Hour)
		if n := other.count("tick"); n != 3 {
			t.Errorf("the sleeper has fired %d again", n-3)
		}
		step(still, time.Hour)
		step(c, time.Hour)
		if n := other.count("tick"); n != 4 {
			t.Errorf("%d jobs for the next hour", n-3)
		}
	})
}
