package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// Whoever has patience waits no longer than it lasts and is then refused without
// having run; whoever has none waits for their turn. Once the queue is as old as
// that, nobody with patience joins it.
func TestPatience(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			var refused atomic.Int64
			db := testkit.Open(t, engine, func(o *store.Options) { o.Refused = func() { refused.Add(1) } })
			ctx := context.Background()
			overloaded := func(err error) {
				t.Helper()
				if e, ok := fault.As(err); !ok || e.Code != "overloaded" || e.Kind != fault.Unavailable || e.RetryAfter <= 0 {
					t.Errorf("%v", err)
				}
			}
			hold, held := make(chan struct{}), make(chan struct{}, 64)
			var writing sync.WaitGroup
			writers := map[store.Engine]int{store.SQLite: 1, store.Postgres: store.PostgresConns}[engine]
			for range 64 { // more than may write at once
				writing.Go(func() {
					if err := db.Write(ctx, func(*store.Tx) error { held <- struct{}{}; <-hold; return nil }); err != nil {
						t.Error(err)
					}
				})
			}
			for range writers {
				<-held
			}
			testkit.Eventually(t, 10*time.Second, "others wait", func() bool { return db.Waiting() > time.Millisecond })
			ran := func(*store.Tx) error { t.Error("it has run"); return nil }
			overloaded(db.Write(store.Patience(ctx, 50*time.Millisecond), ran))
			testkit.Eventually(t, 10*time.Second, "others wait for longer", func() bool { return db.Waiting() > 60*time.Millisecond })
			overloaded(db.Write(store.Patience(ctx, 50*time.Millisecond), ran)) // at once
			if n := refused.Load(); n != 2 {
				t.Errorf("%d were counted", n)
			}
			ending, cancel := context.WithCancel(store.Patience(ctx, time.Hour))
			cancel()
			if err := db.Write(ending, ran); !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			close(hold)
			writing.Wait()
			if w := db.Waiting(); w != 0 {
				t.Errorf("nobody waits, for %v", w)
			}
			done := false
			if err := db.Write(store.Patience(ctx, time.Second), func(*store.Tx) error { done = true; return nil }); err != nil || !done {
				t.Errorf("%v", err)
			}
			var lag atomic.Int64
			db.Behind(func() time.Duration { return time.Duration(lag.Load()) })
			lag.Store(int64(2 * time.Second))
			overloaded(db.Write(store.Patience(ctx, time.Second), ran))
			if err := db.Write(store.Patience(ctx, 3*time.Second), func(*store.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
			if err := db.Write(ctx, func(*store.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
}
