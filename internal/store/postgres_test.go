package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func openURL(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(background, store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// refusedByPooler: where the databases lie behind a pooler, which takes no
// settings, an address with one is refused by its name.
func refusedByPooler(t *testing.T, url, setting string) bool {
	t.Helper()
	if !testkit.Pooled() {
		return false
	}
	if _, err := store.Open(background, store.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "refuses the setting "+setting+" ") {
		t.Errorf("%s behind a pooler: %v", setting, err)
	}
	return true
}

// barrier lets two closures meet, once.
type barrier struct {
	wg   sync.WaitGroup
	once [2]sync.Once
}

func newBarrier() *barrier {
	b := &barrier{}
	b.wg.Add(2)
	return b
}

func (b *barrier) meet(who int) {
	b.once[who].Do(func() { b.wg.Done(); b.wg.Wait() })
}

// Two transactions that lock the same rows in opposite order: the engine ends
// one (40P01), which runs again and succeeds.
func TestDeadlockIsRetried(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	write(t, db, put("x"))
	write(t, db, put("y"))
	b := newBarrier()
	var runs [2]int
	var results [2][]string
	swap := func(who int, first, second string) error {
		return db.Write(background, func(tx *store.Tx) error {
			runs[who]++
			results[who] = nil // assigned, never appended to what an earlier run left
			for i, name := range []string{first, second} {
				var v string
				if err := tx.QueryRow(qGetLocked, name).Scan(&v); err != nil {
					return fmt.Errorf("hidden from the store: %v", err)
				}
				results[who] = append(results[who], v)
				if i == 0 {
					b.meet(who)
				}
			}
			return put(fmt.Sprint("done", who))(tx)
		})
	}
	var wg sync.WaitGroup
	for who, order := range [][2]string{{"x", "y"}, {"y", "x"}} {
		wg.Go(func() {
			if err := swap(who, order[0], order[1]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// More than three are possible: the loser may be back at its first row
	// before the winner has woken up, and then they meet once more.
	if runs[0]+runs[1] < 3 || len(results[0]) != 2 || len(results[1]) != 2 {
		t.Errorf("runs %v, results %v", runs, results)
	}
	if !present(t, db, "done0") || !present(t, db, "done1") {
		t.Error("an acknowledged write is missing")
	}
}

// Under SERIALIZABLE (an administrator may have set it) the loser of two
// counting transactions is repeated and no count is lost.
func TestSerializationFailureIsRetried(t *testing.T) {
	url := testkit.PostgresURL(t) + "&default_transaction_isolation=serializable"
	if refusedByPooler(t, url, "default_transaction_isolation") {
		return
	}
	db := openURL(t, url)
	write(t, db, func(tx *store.Tx) error { _, err := tx.Exec(qPut, "n", ""); return err })
	b := newBarrier()
	var runs [2]int
	var wg sync.WaitGroup
	for who := range 2 {
		wg.Go(func() {
			err := db.Write(background, func(tx *store.Tx) error {
				runs[who]++
				var v string
				if err := tx.QueryRow(qGet, "n").Scan(&v); err != nil {
					return err
				}
				b.meet(who)
				_, err := tx.Exec(qChange, v+"x", "n")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var v string
	if err := db.Reader(background).QueryRow(qGet, "n").Scan(&v); err != nil || v != "xx" {
		t.Errorf("two counts gave %q, %v", v, err)
	}
	if runs[0]+runs[1] < 3 {
		t.Errorf("nobody was repeated: %v", runs)
	}
}

// A closure may ask for a new transaction; one that never stops asking is told
// to come back later.
func TestRestart(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	runs := 0
	write(t, db, func(tx *store.Tx) error {
		if runs++; runs < 3 {
			return errors.Join(put("early")(tx), store.ErrRestart)
		}
		return put("third")(tx)
	})
	if got := names(t, db.Reader(background)); runs != 3 || !got["third"] || got["early"] {
		t.Errorf("%d runs left %v", runs, got)
	}
	if err := db.Write(background, func(*store.Tx) error { return store.ErrRestart }); fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("for ever: %v", err)
	}
	// On a machine so slow that each try takes seconds, a crowd is not taken for that.
	store.Rush(t)
	runs = 0
	write(t, db, func(tx *store.Tx) error {
		if runs++; runs < 20 {
			return store.ErrRestart
		}
		return put("late")(tx)
	})
}

// Connections that the server has ended are replaced without failing a write
// that has not begun; one that has begun is told that the storage went away.
func TestServerEndsConnections(t *testing.T) {
	url := testkit.PostgresURL(t)
	db := openURL(t, url)
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	admin.SetMaxOpenConns(1)
	end := func() {
		t.Helper()
		if _, err := admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	inside := make(chan struct{}, 8)
	proceed := make(chan struct{})
	for i := range 8 { // fills the pool with connections
		wg.Go(func() {
			if err := db.Write(background, func(tx *store.Tx) error {
				inside <- struct{}{}
				<-proceed
				return put(fmt.Sprint("warm", i))(tx)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 8 {
		<-inside
	}
	close(proceed)
	wg.Wait()
	end()
	for i := range 8 {
		write(t, db, put(fmt.Sprint("after", i)))
	}
	err = db.Write(background, func(tx *store.Tx) error {
		if err := put("cut")(tx); err != nil {
			return err
		}
		end()
		return put("never")(tx)
	})
	if fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("cut while it ran: %v", err)
	}
	if got := names(t, openURL(t, url).Reader(background)); got["cut"] || got["never"] || len(got) != 16 {
		t.Errorf("stored %v", got)
	}
}

// A transaction that stands still, as that of a stopped node does, is ended by the
// server: its locks are free and nothing of it is stored.
func TestAStillTransactionIsEnded(t *testing.T) {
	url := testkit.PostgresURL(t)
	if refusedByPooler(t, url+"&idle_in_transaction_session_timeout=200ms", "idle_in_transaction_session_timeout") {
		return
	}
	stopped, other := openURL(t, url+"&idle_in_transaction_session_timeout=200ms"), openURL(t, url)
	var kept string
	var q store.Builder
	query, args := q.Add("SHOW idle_in_transaction_session_timeout").Query()
	if err := other.Reader(background).QueryRow(query, args...).Scan(&kept); err != nil || kept != "1min" {
		t.Errorf("a node's own is %q, %v", kept, err)
	}
	err := stopped.Write(background, func(tx *store.Tx) error {
		if err := put("one")(tx); err != nil {
			return err
		}
		write(t, other, put("one")) // waits for the other's end
		return put("never")(tx)
	})
	if fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("ended while it stood still: %v", err)
	}
	if got := names(t, other.Reader(background)); !got["one"] || got["never"] || len(got) != 1 {
		t.Errorf("stored %v", got)
	}
}

// A connection that ends between two rows is a failure of the storage, as one
// that ends before the first.
func TestServerEndsConnectionsBetweenRows(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	var q store.Builder
	query, args := q.Add("SELECT pg_backend_pid(), repeat('x', 1000) FROM generate_series(1, 100000)").Query()
	rows, err := db.Reader(background).Query(query, args...)
	ended := false
	list, err := store.Collect(rows, err, func(r store.Row) (int, error) {
		var pid int
		var text string
		if err := r.Scan(&pid, &text); err != nil || ended {
			return len(text), err
		}
		ended = true
		_, err := db.SQL().Exec("SELECT pg_terminate_backend($1)", pid)
		return len(text), err
	})
	if !ended || fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("%d rows, then %v", len(list), err)
	}
}

// A server or role that acknowledges before it has flushed is refused.
func TestWeakServerIsRefused(t *testing.T) {
	url := testkit.PostgresURL(t)
	if refusedByPooler(t, url+"&synchronous_commit=off", "synchronous_commit") {
		return
	}
	if _, err := store.Open(background, store.Options{URL: url + "&synchronous_commit=off"}); err == nil || !strings.Contains(err.Error(), "synchronous_commit") {
		t.Errorf("synchronous_commit=off: %v", err)
	}
	openURL(t, url+"&synchronous_commit=local")
}

func TestUnreachableServer(t *testing.T) {
	port, err := testkit.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(background, store.Options{URL: fmt.Sprintf("postgres://someone:secret@127.0.0.1:%d/none", port)})
	if fault.CodeOf(err) != "storage_unavailable" || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	if _, err := store.Open(background, store.Options{URL: "postgres://someone:secret@:x/none"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// A caller that goes away while the pool is exhausted has not begun.
func TestCancelledWhileWaitingForAConnection(t *testing.T) {
	db := testkit.Open(t, store.Postgres)
	db.SQL().SetMaxOpenConns(1)
	inside, proceed := make(chan struct{}), make(chan struct{})
	held := make(chan error)
	go func() {
		held <- db.Write(background, func(tx *store.Tx) error { close(inside); <-proceed; return put("held")(tx) })
	}()
	<-inside
	ctx, cancel := context.WithCancel(background)
	gone := make(chan error)
	ran := false
	go func() { gone <- db.Write(ctx, func(*store.Tx) error { ran = true; return nil }) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || ran {
		t.Errorf("%v, ran %v", err, ran)
	}
	close(proceed)
	if err := <-held; err != nil {
		t.Error(err)
	}
}

// Nodes that start together on an empty database migrate it once.
func TestNodesMigrateTogether(t *testing.T) {
	url := testkit.PostgresURL(t)
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		db := openURL(t, url)
		wg.Go(func() {
			if err := db.Migrate(background); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	write(t, openURL(t, url), put("a"))
}
