package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

var qSleep = store.Load("gone", "-- name: sleep\nSELECT 1 FROM (SELECT pg_sleep(CAST(? AS DOUBLE PRECISION))) slept").Get("sleep")

// back waits until a write succeeds again.
func back(t *testing.T, db *store.DB, name string) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, "the database takes writes again", func() bool {
		err := db.Write(background, put(name))
		if err != nil && fault.CodeOf(err) != "storage_unavailable" {
			t.Fatal(err)
		}
		return err == nil
	})
}

// writers keep the pool busy; each write is tried until stop and its fate kept.
type writers struct {
	wg     sync.WaitGroup
	stop   chan struct{}
	mu     sync.Mutex
	stored []string
	other  []error
}

func startWriters(db *store.DB, n int) *writers {
	w := &writers{stop: make(chan struct{})}
	for i := range n {
		w.wg.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-w.stop:
					return
				default:
				}
				name := fmt.Sprintf("w%d-%d", i, k)
				err := db.Write(background, put(name))
				w.mu.Lock()
				switch {
				case err == nil:
					w.stored = append(w.stored, name)
				case fault.CodeOf(err) != "storage_unavailable":
					w.other = append(w.other, err)
				}
				w.mu.Unlock()
			}
		})
	}
	return w
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.stored)
}

func (w *writers) end(t *testing.T, db *store.DB) {
	t.Helper()
	close(w.stop)
	w.wg.Wait()
	for _, err := range w.other {
		t.Errorf("a write failed with %v", err)
	}
	held := names(t, db.Reader(background))
	for _, name := range w.stored {
		if !held[name] {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
}

// However the server goes away, writes fail with storage_unavailable and not
// after minutes, what was acknowledged is there, and writing goes on by itself
// once the server is back.
func TestServerGone(t *testing.T) {
	store.Hasten(t)
	for name, spoil := range map[string]func(p *testkit.Proxy) (mend func()){
		"cut":       func(p *testkit.Proxy) func() { p.Cut(); return func() {} },
		"refused":   func(p *testkit.Proxy) func() { p.Refuse(); return p.Heal },
		"stalled":   func(p *testkit.Proxy) func() { p.Stall(); return p.Heal },
		"half-open": func(p *testkit.Proxy) func() { p.HalfOpen(); return func() {} },
	} {
		t.Run(name, func(t *testing.T) {
			direct := testkit.PostgresURL(t)
			proxy, through := testkit.Through(t, direct)
			db := openURL(t, through)
			w := startWriters(db, 8)
			flows := func(what string) {
				before := w.count()
				testkit.Eventually(t, 20*time.Second, what, func() bool { return w.count() > before+50 })
			}
			flows("writes flow")
			mend := spoil(proxy)
			if name == "refused" || name == "stalled" {
				testkit.Eventually(t, 10*time.Second, "the server is known to be gone", func() bool { return !db.Up() })
				began := time.Now()
				err := db.Write(background, put("never"))
				if fault.CodeOf(err) != "storage_unavailable" || time.Since(began) > time.Second {
					t.Errorf("a write while the server is gone: %v after %v", err, time.Since(began))
				}
				if _, err := db.Reader(background).Query(qNames); fault.CodeOf(err) != "storage_unavailable" {
					t.Errorf("a read while the server is gone: %v", err)
				}
				var f *fault.Error
				if err := db.Ping(background); fault.CodeOf(err) != "storage_unavailable" || !errors.As(err, &f) || f.RetryAfter == 0 {
					t.Errorf("a check while the server is gone: %v", err)
				}
			}
			mend()
			flows("writes flow again")
			w.end(t, openURL(t, direct))
			// A watch in such haste may take a busy machine for one that is gone.
			testkit.Eventually(t, 10*time.Second, "a check passes", func() bool { return db.Ping(background) == nil })
		})
	}
}

// A statement that takes its time is no reason to give up its connection.
func TestSlowIsNotGone(t *testing.T) {
	store.Hasten(t)
	db := testkit.Open(t, store.Postgres)
	write(t, db, func(tx *store.Tx) error {
		var one int
		if err := tx.QueryRow(qSleep, 1.5).Scan(&one); err != nil { // ten times the silence that is noticed
			return err
		}
		return put("slow")(tx)
	})
	if !present(t, db, "slow") || !db.Up() {
		t.Error("a slow write is lost")
	}
}

// A server that only reads, as after a failover to a standby, refuses writes,
// answers reads, is not ready, and is left as soon as there is one that writes.
func TestReadOnlyServer(t *testing.T) {
	if testkit.Pooled() {
		return // the pooler keeps its own connections to the old server
	}
	address := testkit.PostgresURL(t)
	db := openURL(t, address)
	write(t, db, put("before"))
	admin, err := sql.Open("pgx", address+"&default_transaction_read_only=off")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	set := func(to string) {
		t.Helper()
		if _, err := admin.Exec("ALTER DATABASE " + strings.TrimPrefix(u.Path, "/") + " SET default_transaction_read_only = " + to); err != nil {
			t.Fatal(err)
		}
	}
	set("on")
	if _, err := admin.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 10*time.Second, "a check says that the server only reads", func() bool { return fault.CodeOf(db.Ping(background)) == "storage_read_only" })
	if err := db.Write(background, put("refused")); fault.CodeOf(err) != "storage_unavailable" {
		t.Errorf("a write: %v", err)
	}
	if !present(t, db, "before") || present(t, db, "refused") {
		t.Error("reads do not show what was written")
	}
	set("off")
	back(t, db, "after")
	if err := db.Ping(background); err != nil {
		t.Errorf("ready again: %v", err)
	}
}

// Behind a pooler that keeps nothing but transactions together, nodes migrate an
// empty database together and write what they write anywhere.
func TestBehindAPooler(t *testing.T) {
	direct := testkit.PostgresURL(t)
	if testkit.Pooled() {
		return // every other test says so
	}
	admin, err := sql.Open("pgx", direct)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	var nodes []*store.DB
	var wg sync.WaitGroup
	for range 3 {
		db := openURL(t, testkit.PgBouncer(t, direct))
		nodes = append(nodes, db)
		wg.Go(func() {
			if err := db.Migrate(background); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for k, db := range nodes {
		for i := range 40 { // more at once than the pooler has connections
			wg.Go(func() {
				name := fmt.Sprintf("n%d-%d", k, i)
				if err := db.Write(background, put(name)); err != nil {
					t.Error(err)
				}
				if !present(t, db, name) {
					t.Errorf("%s is not there", name)
				}
			})
		}
	}
	wg.Wait()
	if got := names(t, nodes[0].Reader(background)); len(got) != 120 {
		t.Errorf("%d of 120 are there", len(got))
	}
	if _, err := store.Open(background, store.Options{URL: testkit.PgBouncer(t, direct) + "&search_path=other"}); err == nil || !strings.Contains(err.Error(), "search_path") {
		t.Errorf("a setting that the pooler refuses: %v", err)
	}
}

// One line that went silent, as a firewall leaves it, delays whoever has it and is
// no reason to refuse others as if there were too many.
func TestASilentLineIsNoQueue(t *testing.T) {
	proxy, through := testkit.Through(t, testkit.PostgresURL(t))
	db := openURL(t, through)
	write(t, db, put("before"))
	proxy.HalfOpen()
	begun, done := make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- db.Write(background, func(tx *store.Tx) error {
			once.Do(func() { close(begun) })
			return put("delayed")(tx)
		})
	}()
	testkit.Eventually(t, 20*time.Second, "nobody waits for their turn", func() bool {
		select {
		case <-begun:
			t.Fatal("it has begun before anybody else would have been let in")
		default:
		}
		return db.SQL().Stats().InUse == 1 && db.Waiting() == 0
	})
	proxy.Cut()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
