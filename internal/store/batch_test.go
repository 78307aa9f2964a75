package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// together queues the closures in order while the writer is held and returns
// their outcomes once it has run them.
func together(t *testing.T, db *store.DB, fns ...func(*store.Tx) error) []error {
	t.Helper()
	release := store.HoldWriter(db)
	out := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() { out[i] = db.Write(background, fn) })
		awaitQueued(t, db, i+1)
	}
	release()
	wg.Wait()
	return out
}

func TestWaitingWritesShareOneCommit(t *testing.T) {
	var sizes []int
	db := testkit.Open(t, store.SQLite, func(o *store.Options) {
		o.Observe = func(members int, _, _ time.Duration) { sizes = append(sizes, members) }
	})
	fns := make([]func(*store.Tx) error, 100)
	for i := range fns {
		fns[i] = put(fmt.Sprint(i))
	}
	for _, err := range together(t, db, fns...) {
		if err != nil {
			t.Error(err)
		}
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	// One batch, unless the machine is so busy that its time ran out.
	if sum != 100 || len(sizes) > 20 {
		t.Errorf("100 waiting writes were committed as %v", sizes)
	}
	if got := names(t, db.Reader(background)); len(got) != 100 {
		t.Errorf("%d rows", len(got))
	}
}

// More than a batch waits: it is cut, and nobody is forgotten.
func TestBatchesAreCut(t *testing.T) {
	var sizes []int
	db := testkit.Open(t, store.SQLite, func(o *store.Options) {
		o.Observe = func(members int, _, _ time.Duration) { sizes = append(sizes, members) }
	})
	release := store.HoldWriter(db)
	var wg sync.WaitGroup
	const n = store.MaxBatch + 100
	for i := range n {
		wg.Go(func() {
			if err := db.Write(background, put(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	awaitQueued(t, db, n)
	release()
	wg.Wait()
	sum := 0
	for _, s := range sizes {
		sum += s
		if s > store.MaxBatch {
			t.Errorf("a batch of %d", s)
		}
	}
	if sum != n || len(sizes) < 2 {
		t.Errorf("batches %v", sizes)
	}
}

// Whatever one member does, its neighbours' writes are acknowledged and stored
// exactly once.
func TestNeighboursAreUnharmed(t *testing.T) {
	bad := misbehaviour()
	bad["loses the connection"] = misbehaving{} // fn needs the database
	bad["breaks a deferred constraint"] = misbehaving{fn: func(tx *store.Tx) error {
		_, err := tx.Exec(qOrphan, "bad", "nobody")
		return err
	}}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			db := testkit.Open(t, store.SQLite)
			write(t, db, put("taken"))
			makeDeferred(t, db)
			fn := c.fn
			if fn == nil {
				fn = func(tx *store.Tx) error {
					store.LoseWriter(db)
					return put("bad")(tx)
				}
			}
			runs := 0
			out := together(t, db, put("a"), put("b"), fn, func(tx *store.Tx) error {
				runs++
				return put("c")(tx)
			}, put("d"))
			for i, err := range out {
				if (err != nil) != (i == 2) {
					t.Errorf("member %d: %v", i, err)
				}
			}
			got := names(t, db.Reader(background))
			for _, n := range []string{"a", "b", "c", "d", "taken"} {
				if !got[n] {
					t.Errorf("%s was acknowledged and is missing", n)
				}
			}
			if got["bad"] || len(got) != 5 {
				t.Errorf("stored: %v", got)
			}
			if runs == 0 {
				t.Error("the neighbour never ran")
			}
			write(t, db, put("later"))
		})
	}
}

var (
	deferred = store.Load("storetest-deferred", `
-- name: orphan
INSERT INTO child (name, parent) VALUES (?, ?)
`)
	qOrphan = deferred.Get("orphan")
)

// makeDeferred adds a table whose constraint only COMMIT checks.
func makeDeferred(t *testing.T, db *store.DB) {
	t.Helper()
	const ddl = `CREATE TABLE child (name TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES settings (name) DEFERRABLE INITIALLY DEFERRED)`
	if err := onEngine(db, ddl); err != nil {
		t.Fatal(err)
	}
}

// A violation that only COMMIT sees is the violator's alone, on both engines.
func TestDeferredConstraint(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		makeDeferred(t, db)
		err := db.Write(background, func(tx *store.Tx) error {
			if err := put("bad")(tx); err != nil {
				return err
			}
			_, err := tx.Exec(qOrphan, "child", "nobody")
			return err
		})
		if err == nil || present(t, db, "bad") {
			t.Errorf("%v, stored %v", err, present(t, db, "bad"))
		}
		write(t, db, put("after"))
	})
}

// A member that fails because of what it read of a neighbour hears of it only
// when that neighbour is committed: its caller may acknowledge on the strength
// of that failure (a repeat returns the first result).
func TestFailuresWaitForTheCommitToo(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	heard := make(chan struct{})
	var once sync.Once
	repeat := func() error {
		err := db.Write(background, func(tx *store.Tx) error {
			var v string
			if err := tx.QueryRow(qGet, "first").Scan(&v); err != nil {
				return err
			}
			return errOwn
		})
		if !present(t, db, "first") {
			t.Error("the repeat was answered before the first was committed")
		}
		once.Do(func() { close(heard) })
		return err
	}
	release := store.HoldWriter(db)
	var wg sync.WaitGroup
	wg.Go(func() { _ = db.Write(background, put("first")) })
	awaitQueued(t, db, 1)
	wg.Go(func() {
		if err := repeat(); !errors.Is(err, errOwn) {
			t.Error(err)
		}
	})
	awaitQueued(t, db, 2)
	wg.Go(func() {
		_ = db.Write(background, func(*store.Tx) error { // keeps the batch open
			select {
			case <-heard:
			case <-time.After(30 * time.Millisecond):
			}
			return nil
		})
	})
	awaitQueued(t, db, 3)
	release()
	wg.Wait()
}

// When the neighbour's commit fails, what a member said after reading it is
// unsaid: it runs again.
func TestDirtyReadersRunAgain(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	makeDeferred(t, db)
	for try := range 50 { // until both were in one batch, whose time a busy machine may cut
		never, second := fmt.Sprint("never", try), fmt.Sprint("second", try)
		var saw []bool
		out := together(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(qOrphan, "child", "nobody") // found out at COMMIT
			return errors.Join(err, put(never)(tx))
		}, func(tx *store.Tx) error {
			var v string
			err := tx.QueryRow(qGet, never).Scan(&v)
			saw = append(saw, err == nil)
			if err == nil {
				return errOwn
			}
			return put(second)(tx)
		})
		if out[0] == nil || out[1] != nil || saw[len(saw)-1] || !present(t, db, second) {
			t.Fatalf("outcomes %v; the reader ended on a row that never was: %v", out, saw)
		}
		if saw[0] {
			return
		}
	}
	t.Error("the two never met in a batch")
}

// A slow member delays its neighbours' commit once, not for ever: what arrives
// after the batch's time is up goes into the next one.
func TestSlowMemberEndsItsBatch(t *testing.T) {
	var mu sync.Mutex
	var sizes []int
	db := testkit.Open(t, store.SQLite, func(o *store.Options) {
		o.Observe = func(members int, _, _ time.Duration) { mu.Lock(); sizes = append(sizes, members); mu.Unlock() }
	})
	slow := func(tx *store.Tx) error {
		<-time.After(store.MaxBatchWork + 5*time.Millisecond)
		return put("slow")(tx)
	}
	for i, err := range together(t, db, slow, put("a"), put("b")) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(sizes) != 2 || sizes[0] != 1 {
		t.Errorf("batches %v", sizes)
	}
}

// A closure that ends the goroutine it runs on (testing's FailNow does) fails
// its batch; the writer lives on.
func TestGoexitDoesNotStopTheWriter(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	out := together(t, db, put("a"), func(*store.Tx) error { runtime.Goexit(); return nil }, put("b"))
	if out[0] == nil || out[1] == nil {
		t.Errorf("outcomes %v", out)
	}
	write(t, db, put("after"))
	if got := names(t, db.Reader(background)); got["a"] || !got["after"] {
		t.Errorf("stored %v", got)
	}
}

func TestLostConnectionIsOpenedAgain(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	for i := range 3 {
		write(t, db, put(fmt.Sprint("before", i)))
		loseBetween(t, db)
		write(t, db, put(fmt.Sprint("after", i)))
	}
	if got := names(t, db.Reader(background)); len(got) != 6 {
		t.Errorf("stored %v", got)
	}
	if n := store.WriterStatements(db); n != 1 {
		t.Errorf("%d statements are kept for one", n)
	}
}

// Many writers at once, some of which fail, are cancelled or panic: exactly
// what was acknowledged is stored.
func TestExactlyTheAcknowledgedIsStored(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		makeDeferred(t, db)
		write(t, db, put("taken"))
		var mu sync.Mutex
		acknowledged, refused := map[string]bool{"taken": true}, map[string]bool{}
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 40 {
					name := fmt.Sprintf("%d-%d", w, i)
					ctx, cancel := context.WithCancel(background)
					err := db.Write(ctx, func(tx *store.Tx) error {
						err := put(name)(tx)
						switch (w + i) % 8 {
						case 1:
							return errOwn
						case 2:
							_, _ = tx.Exec(qPutOrRollback, "taken", "")
						case 3:
							panic("no")
						case 4:
							_, err = tx.Exec(qOrphan, name, "nobody")
						case 5:
							cancel()
						}
						return err
					})
					cancel()
					mu.Lock()
					if err == nil {
						acknowledged[name] = true
					} else {
						refused[name] = true
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		got := names(t, db.Reader(background))
		for n := range acknowledged {
			if !got[n] {
				t.Errorf("%s was acknowledged and is missing", n)
			}
		}
		if len(got) != len(acknowledged) || len(refused) != 16*40/2 {
			t.Errorf("%d stored, %d acknowledged, %d refused", len(got), len(acknowledged), len(refused))
		}
	})
}
