package feed_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

// holder is a transaction somewhere on the server that has an id and stays open.
type holder struct {
	insert func(t *testing.T) // writes a change, when it is in the same database
	end    func(t *testing.T)
	// arrives says that its change is committed in the end; at is its place
	// among the others: when it was written decides, not when it was committed.
	arrives bool
	at      int
}

const rawInsert = `INSERT INTO changes (at, kind, audience, payload) VALUES (0, 'held', 'staff', '{}')`

func run(t *testing.T, c *sql.Conn, text string) {
	t.Helper()
	if _, err := c.ExecContext(context.Background(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func connect(t *testing.T, url string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	c, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// While a transaction is open the follower stops before it, so that what it may
// still commit cannot appear behind the cursor; then all arrive, in order.
func TestFollowerWaitsForOpenTransactions(t *testing.T) {
	holders := map[string]func(t *testing.T, url string) holder{
		"writes first, commits late": func(t *testing.T, url string) holder {
			c := connect(t, url)
			run(t, c, "BEGIN")
			run(t, c, rawInsert)
			return holder{insert: func(*testing.T) {}, end: func(t *testing.T) { run(t, c, "COMMIT") }, arrives: true}
		},
		"takes its id first, writes late": func(t *testing.T, url string) holder {
			c := connect(t, url)
			run(t, c, "BEGIN")
			run(t, c, "SELECT pg_current_xact_id()")
			return holder{insert: func(t *testing.T) { run(t, c, rawInsert) }, end: func(t *testing.T) { run(t, c, "COMMIT") }, arrives: true, at: 5}
		},
		"is undone": func(t *testing.T, url string) holder {
			c := connect(t, url)
			run(t, c, "BEGIN")
			run(t, c, rawInsert)
			return holder{insert: func(*testing.T) {}, end: func(t *testing.T) { run(t, c, "ROLLBACK") }}
		},
		"is prepared and has no session": func(t *testing.T, url string) holder {
			c := connect(t, url)
			var most int
			if err := c.QueryRowContext(context.Background(), "SELECT current_setting('max_prepared_transactions')::int").Scan(&most); err != nil || most == 0 {
				testkit.Missing(t, "the PostgreSQL server needs max_prepared_transactions > 0")
			}
			run(t, c, "BEGIN")
			run(t, c, rawInsert)
			run(t, c, "PREPARE TRANSACTION 'held'")
			return holder{insert: func(*testing.T) {}, end: func(t *testing.T) { run(t, c, "COMMIT PREPARED 'held'") }, arrives: true}
		},
		"is in another database": func(t *testing.T, _ string) holder {
			c := connect(t, testkit.PostgresURL(t))
			run(t, c, "BEGIN")
			run(t, c, rawInsert)
			return holder{insert: func(*testing.T) {}, end: func(t *testing.T) { run(t, c, "COMMIT") }}
		},
	}
	for name, open := range holders {
		t.Run(name, func(t *testing.T) {
			url := testkit.PostgresURL(t)
			db, err := store.Open(background, store.Options{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			appendAll(t, db, change("before", 1))
			first := follow(t, db, feed.Position{}, 1)

			h := open(t, url)
			for i := range int64(5) {
				appendAll(t, db, change("meanwhile", i+1))
			}
			head, err := feed.Head(db.Reader(background))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []feed.Position{first[0].Position, head} {
				if got := after(t, db, p, 10); len(got) != 0 {
					t.Errorf("the follower went past an open transaction: %v", got)
				}
			}
			ageGrows(t, db)
			if n := prune(t, db); n > 1 {
				t.Errorf("%d changes were pruned, one was out for delivery", n)
			}
			h.insert(t)
			h.end(t)

			want := 5
			if h.arrives {
				want++
			}
			for _, p := range []feed.Position{first[0].Position, head} {
				got := follow(t, db, p, want)
				if len(got) != want || (got[h.at%want].Kind == "held") != h.arrives {
					t.Errorf("then arrived %v", kinds(got))
				}
			}
			if got := after(t, db, first[0].Position, 100); len(got) != want {
				t.Errorf("%d arrived instead of %d", len(got), want)
			}
		})
	}
}

func prune(t *testing.T, db *store.DB) (n int64) {
	t.Helper()
	if err := db.Write(background, func(tx *store.Tx) (err error) {
		n, err = feed.Prune(tx, testkit.Start.Add(time.Hour), 100)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func kinds(changes []feed.Change) string {
	s := ""
	for _, c := range changes {
		s += fmt.Sprintf("%s-%d ", c.Kind, c.Customer)
	}
	return s
}

// ageGrows fails unless the watermark's age is seen and grows.
func ageGrows(t *testing.T, db *store.DB) {
	t.Helper()
	age := func() time.Duration {
		d, err := feed.WatermarkAge(db.Reader(background))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	first := age()
	testkit.Eventually(t, 10*time.Second, "the watermark ages", func() bool { return age() > first+20*time.Millisecond })
}

// A role that may not look at others' sessions still hears of what they hold
// back, as soon as a change waits.
func TestWatermarkAgeWithoutPrivileges(t *testing.T) {
	url := testkit.PostgresURL(t)
	owner := connect(t, url)
	run(t, owner, "DO $$ BEGIN CREATE ROLE fanward_plain LOGIN PASSWORD 'plain'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
	run(t, owner, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO fanward_plain")
	run(t, owner, "BEGIN")
	run(t, owner, rawInsert)
	db, err := store.Open(background, store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c := change("waits", 1)
	c.At = time.Now()
	appendAll(t, db, c)
	plain := connect(t, url)
	run(t, plain, "SET ROLE fanward_plain")
	var hidden bool
	if err := plain.QueryRowContext(background, "SELECT count(xact_start) = 0 FROM pg_stat_activity WHERE backend_xid IS NOT NULL").Scan(&hidden); err != nil || !hidden {
		t.Fatalf("the role sees sessions of others: %v, %v", !hidden, err)
	}
	var q *store.Query
	for _, candidate := range store.All() {
		if candidate.Name() == "feed/watermark-age" {
			q = candidate
		}
	}
	testkit.Eventually(t, 10*time.Second, "the age is seen", func() bool {
		var ms int64
		if err := plain.QueryRowContext(background, q.Text(store.Postgres)).Scan(&ms); err != nil {
			t.Fatal(err)
		}
		return ms > 20
	})
	run(t, owner, "COMMIT")
}

func TestWatermarkAgeAtRest(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		appendAll(t, db, change("c", 1))
		testkit.Eventually(t, 10*time.Second, "nothing is held back", func() bool {
			d, err := feed.WatermarkAge(db.Reader(background))
			return err == nil && d == 0
		})
	})
}
