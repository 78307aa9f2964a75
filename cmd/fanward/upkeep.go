package main

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/jobs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

const (
	pruneChunk = 1000
	// uploadLife is how long a file may wait to be put into a message.
	uploadLife = 24 * time.Hour
	// inboundLife is how long raw inbound is kept after it was handled; it outlasts
	// every provider's re-deliveries, which it recognises.
	inboundLife = 7 * 24 * time.Hour
	// watermarkAlarm is from when an open transaction that holds back the
	// change feed is worth a warning.
	watermarkAlarm = 10 * time.Second
	watermarkEvery = 5 * time.Second
	// snoozeCheck bounds how late a conversation wakes that another node put to sleep.
	snoozeCheck = 5 * time.Second
)

// clearTeam is the job that takes a deleted team off its conversations.
const clearTeam = "inbox/clear-team"

// teamDeleted leaves the job in the transaction that deletes the team.
func (a *app) teamDeleted(tx *store.Tx, team ids.ID) error {
	_, _, err := a.jobs.EnqueueTx(tx, clearTeam, team, jobs.Options{})
	return err
}

// upkeep registers the housekeeping jobs and when they run.
func (a *app) upkeep() error {
	type none struct{}
	jobs.Register(a.jobs, "upkeep/changes", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.pruneChanges(ctx) })
	jobs.Register(a.jobs, "upkeep/uploads", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.sweepUploads(ctx) })
	jobs.Register(a.jobs, "upkeep/inbound", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.forgetInbound(ctx) })
	jobs.Register(a.jobs, "upkeep/sign-ins", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.auth.Sweep(ctx) })
	jobs.Register(a.jobs, "upkeep/tracking", jobs.WorkerOptions{}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.customers.SweepMessages(ctx) })
	jobs.Register(a.jobs, "upkeep/history", jobs.WorkerOptions{Timeout: time.Hour}, func(ctx context.Context, _ jobs.Job, _ none) error { return a.pruneHistory(ctx) })
	jobs.Register(a.jobs, clearTeam, jobs.WorkerOptions{Timeout: 10 * time.Minute}, func(ctx context.Context, _ jobs.Job, team ids.ID) error { return a.inbox.ClearTeam(ctx, team) })
	return errors.Join(
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/changes", Kind: "upkeep/changes", Spec: "*/10 * * * *", Zone: "UTC"}),
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/uploads", Kind: "upkeep/uploads", Spec: "25 * * * *", Zone: "UTC"}),
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/inbound", Kind: "upkeep/inbound", Spec: "10 * * * *", Zone: "UTC"}),
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/tracking", Kind: "upkeep/tracking", Spec: "50 * * * *", Zone: "UTC"}),
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/history", Kind: "upkeep/history", Spec: "15 3 * * *", Zone: a.config.Installation.Timezone}),
		a.jobs.Schedule(jobs.Schedule{Name: "upkeep/sign-ins", Kind: "upkeep/sign-ins", Spec: "40 * * * *", Zone: "UTC"}),
	)
}

// moveEvents lets events follow their identities after merges until ctx ends.
func (a *app) moveEvents(ctx context.Context) {
	wake, unsubscribe := a.db.bus.Subscribe(customers.TopicMoves, 1)
	defer unsubscribe()
	a.customers.RunMoves(ctx, wake, func(err error) { a.log.Error("let events follow their identities", "error", err) })
}

// pruneChanges forgets changes that no client may resume from any more.
func (a *app) pruneChanges(ctx context.Context) error {
	before := a.db.clk.Now().Add(-a.config.Retention.Changes)
	for {
		var n int64
		err := a.db.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = feed.Prune(tx, before, pruneChunk)
			return err
		})
		if err != nil || n < pruneChunk {
			return err
		}
	}
}

// pruneHistory forgets what happened longer ago than the settings keep it.
func (a *app) pruneHistory(ctx context.Context) error {
	now, keep := a.db.clk.Now(), a.config.Retention
	return errors.Join(
		a.segments.PruneChanges(ctx, now.Add(-keep.MembershipChanges)),
		a.journeys.PruneSteps(ctx, now.Add(-keep.JourneySteps)),
		a.customers.PruneStageChanges(ctx, now.Add(-keep.StageChanges)),
	)
}

// forgetInbound deletes raw inbound that was handled long enough ago; until then
// it can be looked at when something about a message is in doubt.
func (a *app) forgetInbound(ctx context.Context) error {
	for {
		n, err := a.intake.Forget(ctx, a.db.clk.Now().Add(-inboundLife), pruneChunk)
		if err != nil || n < pruneChunk {
			return err
		}
	}
}

// sweepUploads deletes uploads that no message took, then files that no row
// knows: what a crash between the two leaves.
func (a *app) sweepUploads(ctx context.Context) error {
	before := a.db.clk.Now().Add(-uploadLife)
	for {
		n, err := a.inbox.SweepUploads(ctx, a.files, before)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	written := time.Now().Add(-uploadLife) // files carry the machine's time
	return a.files.Each(ctx, func(e files.Entry) error {
		if e.ModTime.After(written) {
			return nil
		}
		for _, knows := range []func(context.Context, string) (bool, error){a.inbox.KnowsBlob, a.intake.KnowsBlob} {
			if known, err := knows(ctx, e.Key); err != nil || known {
				return err
			}
		}
		return a.files.Delete(ctx, e.Key)
	})
}

// wakeSnoozed opens snoozed conversations when their time has come, and warns
// when something holds back the change feed.
func (a *app) wakeSnoozed(ctx context.Context) {
	for ctx.Err() == nil {
		wait := snoozeCheck
		next, err := a.inbox.WakeDue(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			a.log.Error("wake snoozed conversations", "error", err)
		case !next.IsZero():
			wait = min(wait, max(0, next.Sub(a.db.clk.Now())))
		}
		due, stop := a.db.clk.After(wait)
		select {
		case <-ctx.Done():
		case <-due:
		}
		stop()
	}
}

// tasksDue reminds of tasks and brings overdue ones before the managers when
// their time has come.
func (a *app) tasksDue(ctx context.Context, wake <-chan []byte) {
	for ctx.Err() == nil {
		wait := snoozeCheck
		next, err := a.inbox.TasksDue(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			a.log.Error("remind of tasks", "error", err)
		case !next.IsZero():
			wait = min(wait, max(0, next.Sub(a.db.clk.Now())))
		}
		due, stop := a.db.clk.After(wait)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-due:
		}
		stop()
	}
}

// watchWatermark keeps the age of the feed's watermark for /metrics and warns
// when a transaction that was left open holds everybody up.
func (a *app) watchWatermark(ctx context.Context) {
	if a.db.Engine() == store.SQLite {
		return
	}
	tick := time.NewTicker(watermarkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		age, err := feed.WatermarkAge(a.db.Reader(ctx))
		if err != nil {
			continue
		}
		a.watermark.Store(int64(age))
		if age > watermarkAlarm {
			a.log.Warn("an open transaction holds back the change feed", "age", age)
		}
	}
}
