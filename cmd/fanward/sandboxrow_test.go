package main

import (
	"context"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// row is the sandbox's row as a node with this number sees it, which says that
// the sandbox may run beside it, or must not.
func rowOf(t *testing.T, db *store.DB, machine clock.Clock, number int, fits bool) sandboxRow {
	t.Helper()
	ctx := context.Background()
	r := sandboxRow{db: db, machine: machine, node: nodeName()}
	if err := r.exec(ctx, qLeaseNode, number, r.node, clock.Millis(machine.Now().Add(nodeLease)), clock.Millis(machine.Now())); err != nil {
		t.Fatal(err)
	}
	if err := r.note(ctx, fits, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

func says(t *testing.T, what string, want bool, do func(context.Context) (bool, error)) {
	t.Helper()
	if got, err := do(context.Background()); err != nil || got != want {
		t.Errorf("%s: %v %v, want %v", what, got, err, want)
	}
}

// One node at a time runs the sandbox; another one may when it has given it up or
// was not heard of for the length of the lease.
func TestSandboxIsRunByOne(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx, machine := context.Background(), clock.NewFake(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
		a, b := rowOf(t, db, machine, 0, true), rowOf(t, db, machine, 1, true)
		says(t, "the first takes it", true, a.take)
		says(t, "the second does not", false, b.take)
		keep := func(r sandboxRow) func(context.Context) (bool, error) {
			return func(ctx context.Context) (bool, error) {
				return r.keep(ctx, &api.SandboxPages{Shop: "http://127.0.0.1:8081"})
			}
		}
		machine.Advance(sandboxLease - time.Millisecond)
		says(t, "within the lease", false, b.take)
		says(t, "the holder renews", true, keep(a))
		machine.Advance(sandboxLease)
		says(t, "the lease is over", true, b.take)
		says(t, "who has lost it keeps nothing", false, keep(a))
		if err := a.Save([]byte("old")); err != nil {
			t.Fatal(err)
		}
		if err := b.Save([]byte("new")); err != nil {
			t.Fatal(err)
		}
		if phones, err := a.Load(); err != nil || string(phones) != "new" {
			t.Errorf("%q %v", phones, err)
		}
		if err := b.leave(ctx, machine.Now()); err != nil {
			t.Fatal(err)
		}
		says(t, "given up", true, a.take)
	})
}

// A node that can be reached from elsewhere, or has the sandbox off, forbids it
// for all, as long as it lives.
func TestSandboxIsForbiddenByOne(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx, machine := context.Background(), clock.NewFake(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
		a := rowOf(t, db, machine, 0, true)
		says(t, "alone", true, a.take)
		public := rowOf(t, db, machine, 1, false)
		says(t, "beside it", false, func(ctx context.Context) (bool, error) { return a.keep(ctx, &api.SandboxPages{}) })
		if name, err := a.forbidder(ctx); err != nil || name != public.node {
			t.Errorf("%q %v", name, err)
		}
		if err := a.end(ctx); err != nil {
			t.Fatal(err)
		}
		s, err := a.state(ctx)
		if err != nil || s.on(machine.Now()) {
			t.Errorf("%+v is on: %v", s, err)
		}
		says(t, "still beside it", false, a.take)
		machine.Advance(nodeLease + time.Millisecond)
		says(t, "it has gone", true, a.take)
	})
}

// The clock's offset is the installation's: it holds for whoever runs the sandbox
// next, and whose node stands elsewhere is known.
func TestSandboxClockOfAllNodes(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx, machine := context.Background(), clock.NewFake(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
		a, b := rowOf(t, db, machine, 0, true), rowOf(t, db, machine, 1, true)
		rowOf(t, db, machine, 2, false)
		if _, err := a.move(ctx, time.Hour); err == nil {
			t.Error("who does not run the sandbox moves its clock")
		}
		if err := a.own(ctx); err != nil {
			t.Fatal(err)
		}
		for _, step := range []time.Duration{time.Hour, 1500 * time.Millisecond} {
			if _, err := a.move(ctx, step); err != nil {
				t.Fatal(err)
			}
		}
		want := time.Hour + 1500*time.Millisecond
		if s, err := b.state(ctx); err != nil || s.offset != want {
			t.Errorf("%v %v", s.offset, err)
		}
		for i, r := range []sandboxRow{a, b} {
			if n, err := a.behind(ctx, want); err != nil || n != int64(2-i) {
				t.Errorf("%d behind, %v", n, err)
			}
			if err := r.note(ctx, true, want); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := a.behind(ctx, want); err != nil || n != 0 {
			t.Errorf("%d behind, %v", n, err)
		}
	})
}
