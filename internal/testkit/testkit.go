// Package testkit gives tests the real parts: both databases, Redis, the built
// program. Only tests import it.
//
// Servers start when the first test asks for one, serve the whole test process
// and disappear with it, however it ends. A part that is not installed skips
// the test and says what to install; with FANWARD_TEST_STRICT=1 it fails it.
package testkit

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Engines are the engines every store suite runs on.
var Engines = []store.Engine{store.SQLite, store.Postgres}

// Start is the instant at which Clock stands.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

// EachEngine runs fn as one subtest per engine, each on a fresh migrated
// database that is closed when the subtest ends.
func EachEngine(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	for _, engine := range Engines {
		t.Run(string(engine), func(t *testing.T) { fn(t, Open(t, engine)) })
	}
}

// Open gives a fresh migrated database of one engine, closed when the test
// ends. change may set Notify, Observe or Log; where the rows live is set here.
func Open(t testing.TB, engine store.Engine, change ...func(*store.Options)) *store.DB {
	t.Helper()
	o := store.Options{}
	for _, c := range change {
		c(&o)
	}
	if engine == store.Postgres {
		o.URL = PostgresURL(t)
	} else {
		o.Dir = t.TempDir()
	}
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("open %s: %v", engine, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatalf("migrate %s: %v", engine, err)
	}
	return db
}

// Clock gives a clock that stands at Start until the test moves it.
func Clock(testing.TB) *clock.Fake { return clock.NewFake(Start) }

// IDs gives a source of ids on c, for node 1.
func IDs(t testing.TB, c clock.Clock) *ids.Source {
	t.Helper()
	s, err := ids.NewSource(c, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Missing skips the test because a part of the machine is not there, or fails
// it where the whole suite must run (FANWARD_TEST_STRICT=1).
func Missing(t testing.TB, cure string) {
	t.Helper()
	if os.Getenv("FANWARD_TEST_STRICT") == "1" {
		t.Fatal(cure)
	}
	t.Skip(cure)
}

// Eventually fails the test when ok stays false for the whole of limit. It is
// for what happens in other processes; inside one, wait for a signal instead.
func Eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("after %v still not: %s", limit, what)
		case <-tick.C:
		}
	}
}
