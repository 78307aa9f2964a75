package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

var (
	queries = store.Load("storetest", `
-- name: put
INSERT INTO settings (name, value) VALUES (?, ?)

-- name: put-or-rollback (sqlite)
INSERT OR ROLLBACK INTO settings (name, value) VALUES (?, ?)

-- name: put-or-rollback (postgres)
INSERT INTO settings (name, value) VALUES (?, ?)

-- name: put-returning
INSERT INTO settings (name, value) VALUES (?, ?) RETURNING value

-- name: change
UPDATE settings SET value = ? WHERE name = ?

-- name: get
SELECT value FROM settings WHERE name = ?

-- name: get-locked
SELECT value FROM settings WHERE name = ? {lock}

-- name: names
SELECT name FROM settings ORDER BY name

-- name: commit
COMMIT
`)
	qPut           = queries.Get("put")
	qPutOrRollback = queries.Get("put-or-rollback")
	qPutReturning  = queries.Get("put-returning")
	qChange        = queries.Get("change")
	qGet           = queries.Get("get")
	qGetLocked     = queries.Get("get-locked")
	qNames         = queries.Get("names")
	qCommit        = queries.Get("commit")
)

var background = context.Background()

func put(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.Exec(qPut, name, name)
		return err
	}
}

func write(t testing.TB, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(background, fn); err != nil {
		t.Fatal(err)
	}
}

func names(t testing.TB, q store.Querier) map[string]bool {
	t.Helper()
	rows, err := q.Query(qNames)
	list, err := store.Collect(rows, err, func(r store.Row) (s string, err error) { return s, r.Scan(&s) })
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, n := range list {
		out[n] = true
	}
	return out
}

func present(t testing.TB, db *store.DB, name string) bool {
	t.Helper()
	return names(t, db.Reader(background))[name]
}

// A row is on every other connection the moment Write returns, and the moment
// a hint is heard.
func TestCommitIsVisibleWhenWriteReturns(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			var db *store.DB
			heard := make(chan string, 1000)
			db = testkit.Open(t, engine, func(o *store.Options) { o.Notify = func(topic string) { heard <- topic } })
			var wg sync.WaitGroup
			for w := range 16 {
				wg.Go(func() {
					for i := range 20 {
						name := fmt.Sprintf("%d-%d", w, i)
						if err := db.Write(background, put(name)); err != nil {
							t.Error(err)
						}
						var got string
						if err := db.Reader(background).QueryRow(qGet, name).Scan(&got); err != nil || got != name {
							t.Errorf("%s right after its Write: %q, %v", name, got, err)
						}
					}
				})
			}
			wg.Wait()
			write(t, db, func(tx *store.Tx) error {
				tx.Hint("a")
				tx.Hint("a")
				_, err := tx.Exec(qPut, "hinted", "")
				return err
			})
			if n := len(heard); n != 1 || <-heard != "a" || !present(t, db, "hinted") {
				t.Errorf("%d hints for one topic", n)
			}
		})
	}
}

// An unsuccessful closure is heard of by nobody.
func TestFailedWriteHintsNothing(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			heard := make(chan string, 1)
			db := testkit.Open(t, engine, func(o *store.Options) { o.Notify = func(topic string) { heard <- topic } })
			refused := errors.New("refused")
			if err := db.Write(background, func(tx *store.Tx) error { tx.Hint("a"); return refused }); !errors.Is(err, refused) {
				t.Fatal(err)
			}
			if len(heard) > 0 {
				t.Error("a hint of a write that never was")
			}
		})
	}
}

// Each way in which a closure can go wrong undoes its own work, is told as an
// error and lets the next write succeed.
func TestFailureUndoesOwnWork(t *testing.T) {
	for name, c := range misbehaviour() {
		t.Run(name, func(t *testing.T) {
			testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
				if c.only != "" && c.only != db.Engine() {
					t.Skip("only on " + string(c.only))
				}
				write(t, db, put("taken"))
				err := db.Write(background, c.fn)
				if err == nil {
					t.Fatal("the write was acknowledged")
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("the closure's error became %v", err)
				}
				write(t, db, put("after"))
				if got := names(t, db.Reader(background)); got["bad"] || !got["taken"] || !got["after"] {
					t.Errorf("left behind: %v", got)
				}
			})
		})
	}
}

var errOwn = errors.New("the closure's own error")

type misbehaving struct {
	fn   func(*store.Tx) error
	is   error
	only store.Engine
}

// misbehaviour lists closures that write the row "bad" and then go wrong; the
// row "taken" exists.
func misbehaviour() map[string]misbehaving {
	return map[string]misbehaving{
		"returns an error": {is: errOwn, fn: func(tx *store.Tx) error {
			return errors.Join(put("bad")(tx), errOwn)
		}},
		"breaks a constraint": {fn: func(tx *store.Tx) error {
			return errors.Join(put("bad")(tx), put("taken")(tx))
		}},
		"breaks a constraint and ends the transaction": {fn: func(tx *store.Tx) error {
			if err := put("bad")(tx); err != nil {
				return err
			}
			_, err := tx.Exec(qPutOrRollback, "taken", "")
			return err
		}},
		"ends the transaction and goes on": {fn: func(tx *store.Tx) error {
			_, _ = tx.Exec(qPutOrRollback, "taken", "")
			_, _ = tx.Exec(qPut, "bad", "")
			return nil
		}},
		"overlooks an error": {fn: func(tx *store.Tx) error {
			_ = put("taken")(tx)
			_ = put("bad")(tx)
			return nil
		}},
		"overlooks an error of a row": {fn: func(tx *store.Tx) error {
			var v string
			_ = put("bad")(tx)
			_ = tx.QueryRow(qPutReturning, "taken", "").Scan(&v)
			return nil
		}},
		"overlooks a row's error by not scanning it": {fn: func(tx *store.Tx) error {
			_ = put("bad")(tx)
			_ = tx.QueryRow(qPutReturning, "taken", "")
			return nil
		}},
		"commits": {fn: func(tx *store.Tx) error {
			_ = put("bad")(tx)
			_, _ = tx.Exec(qCommit)
			return nil
		}},
		"panics": {fn: func(tx *store.Tx) error {
			_ = put("bad")(tx)
			panic("no")
		}},
		"runs a statement while rows are open": {fn: func(tx *store.Tx) error {
			rows, err := tx.Query(qNames)
			if err != nil {
				return err
			}
			_ = put("bad")(tx)
			return rows.Close()
		}},
	}
}

// A closure that leaves rows open has done no harm yet: they are closed for it.
func TestForgottenRowsAreClosed(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		write(t, db, put("a"))
		for range 3 {
			write(t, db, func(tx *store.Tx) error {
				_, err := tx.Query(qNames)
				return err
			})
		}
		write(t, db, put("b"))
		if !present(t, db, "b") {
			t.Error("b is missing")
		}
	})
}

// A Tx that outlives its closure cannot write into somebody else's savepoint.
func TestTxEndsWithItsClosure(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		var kept *store.Tx
		write(t, db, func(tx *store.Tx) error { kept = tx; return nil })
		if err := put("late")(kept); err == nil {
			t.Error("a late write was taken")
		}
		write(t, db, put("next"))
		if present(t, db, "late") {
			t.Error("a late write was stored")
		}
	})
}

func TestCancelledBeforeItBeganNeverRuns(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(background)
		cancel()
		ran := false
		err := db.Write(ctx, func(*store.Tx) error { ran = true; return nil })
		if !errors.Is(err, context.Canceled) || ran {
			t.Errorf("%v, ran: %v", err, ran)
		}
	})
}

// While it waits in the queue a write can still go away; SQLite's writer skips it.
func TestCancelledInTheQueueNeverRuns(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	release := store.HoldWriter(db)
	ctx, cancel := context.WithCancel(background)
	gone := make(chan error)
	ran := false
	go func() { gone <- db.Write(ctx, func(*store.Tx) error { ran = true; return nil }) }()
	awaitQueued(t, db, 1)
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	release()
	write(t, db, put("after"))
	if ran {
		t.Error("it ran after its caller had gone")
	}
}

// Once begun, a write's caller hears what became of it, not that it was cancelled.
func TestCancelledWhileRunningHearsTheOutcome(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		for _, want := range []error{nil, errOwn} {
			ctx, cancel := context.WithCancel(background)
			name := fmt.Sprint("cancelled ", want)
			err := db.Write(ctx, func(tx *store.Tx) error {
				cancel()
				return errors.Join(put(name)(tx), want)
			})
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("heard %v instead of %v", err, want)
			}
			if present(t, db, name) != (want == nil) {
				t.Errorf("outcome %v, stored %v", want, want != nil)
			}
		}
	})
}

// Close lets accepted writes finish and refuses later ones.
func TestCloseFinishesWhatIsAccepted(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		var wg sync.WaitGroup
		inside, proceed := make(chan struct{}), make(chan struct{})
		var once sync.Once
		for i := range 20 {
			wg.Go(func() {
				if err := db.Write(background, func(tx *store.Tx) error {
					once.Do(func() { close(inside); <-proceed })
					return put(fmt.Sprint("n", i))(tx)
				}); err != nil && fault.CodeOf(err) != "shutting_down" {
					t.Errorf("an accepted write: %v", err)
				}
			})
		}
		<-inside
		closed := make(chan error)
		go func() { closed <- db.Close() }()
		select {
		case err := <-closed:
			t.Fatalf("Close returned (%v) while a write was running", err)
		case <-time.After(20 * time.Millisecond):
		}
		close(proceed)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := db.Write(background, put("late")); fault.CodeOf(err) != "shutting_down" {
			t.Errorf("after Close: %v", err)
		}
	})
}

func awaitQueued(t testing.TB, db *store.DB, n int) {
	t.Helper()
	testkit.Eventually(t, 60*time.Second, fmt.Sprintf("%d writes wait", n), func() bool { return store.Queued(db) == n })
}
