package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

var (
	background = context.Background()
	errUndone  = errors.New("undone")
)

func change(kind string, n int64) feed.Change {
	return feed.Change{Kind: kind, Customer: ids.ID(n), Audience: feed.Staff, At: testkit.Start, Payload: []byte(`{}`)}
}

func appendAll(t testing.TB, db *store.DB, changes ...feed.Change) {
	t.Helper()
	if err := db.Write(background, func(tx *store.Tx) error {
		for _, c := range changes {
			if err := feed.Append(tx, c); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func after(t testing.TB, db *store.DB, p feed.Position, limit int) []feed.Change {
	t.Helper()
	out, err := feed.After(db.Reader(background), p, limit)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// follow reads from p until n changes have arrived.
func follow(t testing.TB, db *store.DB, p feed.Position, n int) (out []feed.Change) {
	t.Helper()
	testkit.Eventually(t, 20*time.Second, fmt.Sprintf("%d changes arrive", n), func() bool {
		for len(out) < n {
			got := after(t, db, p, 7)
			if len(got) == 0 {
				return false
			}
			out = append(out, got...)
			p = got[len(got)-1].Position
		}
		return true
	})
	return out
}

func TestAChangeComesBackAsItWentIn(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		want := feed.Change{At: testkit.Start, Kind: "message", Audience: feed.Inbox, Conversation: 1, Customer: 2, Identity: 3, Teammate: 4, Account: 5,
			Existed: true, Before: feed.Place{Team: 6, Assignee: 7}, After: feed.Place{Team: 8, Assignee: 9},
			Payload: []byte(`{"body":"你好 ☂ \" \\ <b>"}`), VisitorPayload: []byte(`{"x":null}`)}
		appendAll(t, db, want)
		got := follow(t, db, feed.Position{}, 1)[0]
		if got.Position == (feed.Position{}) {
			t.Error("no position")
		}
		got.Position = feed.Position{}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("went in %+v\ncame out %+v", want, got)
		}
	})
}

// Sixteen writers, some of whose transactions are undone, and a follower that
// reads all the time: it gets every committed change once, in an order that
// keeps each writer's own.
func TestNothingMissedNothingTwice(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		const writers, rounds = 16, 30
		start, err := feed.Head(db.Reader(background))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var all []feed.Change
		stop := make(chan struct{})
		go func() { // the follower
			defer close(done)
			p := start
			for last := false; ; {
				got, err := feed.After(db.Reader(background), p, 5)
				if err != nil {
					t.Error(err)
					return
				}
				for _, c := range got {
					if !p.Before(c.Position) {
						t.Errorf("%v came after %v", c.Position, p)
					}
					p = c.Position
				}
				all = append(all, got...)
				if len(got) > 0 {
					continue
				}
				if last {
					return
				}
				select {
				case <-stop:
					last = true // one more look, for what came between
				default:
				}
			}
		}()
		var wg sync.WaitGroup
		want := 0
		for w := range writers {
			for i := range rounds {
				if (w+i)%5 != 0 {
					want += 1 + i%3
				}
			}
			wg.Go(func() {
				for i := range rounds {
					err := db.Write(background, func(tx *store.Tx) error {
						for k := range 1 + i%3 {
							if err := feed.Append(tx, change(fmt.Sprint(w), int64(i*3+k+1))); err != nil {
								return err
							}
						}
						if (w+i)%5 == 0 {
							return errUndone
						}
						return nil
					})
					if err != nil && !errors.Is(err, errUndone) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		<-done
		if len(all) != want {
			t.Errorf("%d changes were committed and %d arrived", want, len(all))
		}
		last := map[string]ids.ID{}
		for _, c := range all {
			if c.Customer <= last[c.Kind] {
				t.Errorf("writer %s: %d after %d", c.Kind, c.Customer, last[c.Kind])
			}
			last[c.Kind] = c.Customer
		}
	})
}

var (
	orderQueries = store.Load("feedtest", `
-- name: put
INSERT INTO settings (name, value) VALUES (?, '')

-- name: lock
SELECT length(value) FROM settings WHERE name = ? {lock}

-- name: count
UPDATE settings SET value = value || 'x' WHERE name = ?
`)
	qPut   = orderQueries.Get("put")
	qLock  = orderQueries.Get("lock")
	qCount = orderQueries.Get("count")
)

// The changes of one aggregate are told in the order in which its lock was held,
// however many wait for it and whatever a transaction wrote before it waited:
// the numbers given under the lock ascend.
func TestToldInTheOrderOfTheLocks(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		const aggregates, writers, rounds = 3, 12, 25
		for a := range aggregates {
			if err := db.Write(background, func(tx *store.Tx) error { _, err := tx.Exec(qPut, fmt.Sprint(a)); return err }); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range rounds {
					name := fmt.Sprint((w + i) % aggregates)
					if err := db.Write(background, func(tx *store.Tx) error {
						if i%2 == 0 { // has its transaction id before it waits
							if _, err := tx.Exec(qPut, fmt.Sprintf("other-%d-%d", w, i)); err != nil {
								return err
							}
						}
						var n int64
						if err := tx.QueryRow(qLock, name).Scan(&n); err != nil {
							return err
						}
						if _, err := tx.Exec(qCount, name); err != nil {
							return err
						}
						return feed.Append(tx, change(name, n+1))
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		last := map[string]ids.ID{}
		for _, c := range follow(t, db, feed.Position{}, writers*rounds) {
			if c.Customer != last[c.Kind]+1 {
				t.Fatalf("aggregate %s: %d came after %d", c.Kind, c.Customer, last[c.Kind])
			}
			last[c.Kind] = c.Customer
		}
	})
}

// A follower that starts at Head gets all that is committed from then on and
// nothing from before.
func TestHead(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		empty, err := feed.Head(db.Reader(background))
		if err != nil {
			t.Fatal(err)
		}
		appendAll(t, db, change("old", 1))
		old := follow(t, db, empty, 1)
		var head feed.Position
		testkit.Eventually(t, 10*time.Second, "the old change is behind Head", func() bool {
			if head, err = feed.Head(db.Reader(background)); err != nil {
				t.Fatal(err)
			}
			return !head.Before(old[0].Position)
		})
		if got := after(t, db, head, 10); len(got) != 0 {
			t.Errorf("after Head: %v", got)
		}
		appendAll(t, db, change("new", 1))
		if got := follow(t, db, head, 1); got[0].Kind != "new" {
			t.Errorf("after Head: %v", got)
		}
	})
}

func TestPruneAndHeld(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		for i := range int64(10) {
			c := change("c", i+1)
			c.At = testkit.Start.Add(time.Duration(i) * time.Hour)
			appendAll(t, db, c)
		}
		all := follow(t, db, feed.Position{}, 10)
		held := func(p feed.Position) bool {
			t.Helper()
			ok, err := feed.Held(db.Reader(background), p)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		prune := func(before time.Time, limit int) (n int64) {
			t.Helper()
			if err := db.Write(background, func(tx *store.Tx) (err error) {
				n, err = feed.Prune(tx, before, limit)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if !held(feed.Position{}) || !held(all[9].Position) {
			t.Error("nothing is pruned and something is not held")
		}
		if held(feed.Position{Xact: all[9].Position.Xact + 1e12, ID: all[9].Position.ID + 1e12}) {
			t.Error("a position of another database's future is held")
		}
		if n := prune(testkit.Start.Add(4*time.Hour), 3); n != 3 {
			t.Errorf("pruned %d with a limit of 3", n)
		}
		if n := prune(testkit.Start.Add(4*time.Hour), 100); n != 1 {
			t.Errorf("pruned %d more, one was left", n)
		}
		if n := prune(testkit.Start.Add(4*time.Hour), 100); n != 0 {
			t.Errorf("pruned %d of nothing", n)
		}
		for i, c := range all {
			if want := i >= 3; held(c.Position) != want {
				t.Errorf("after pruning four, a client that has seen %d is held: %v", i+1, !want)
			}
		}
		if held(feed.Position{}) {
			t.Error("a client that has seen nothing has missed four")
		}
		if got := follow(t, db, all[3].Position, 6); len(got) != 6 {
			t.Errorf("%d are left", len(got))
		}
		// A change with an old instant behind newer ones does not take back what was said.
		late := change("late", 99)
		late.At = testkit.Start
		appendAll(t, db, late)
		_ = follow(t, db, all[9].Position, 1)
		prune(testkit.Start.Add(7*time.Hour), 100)
		if held(all[4].Position) {
			t.Error("what was pruned is held")
		}
	})
}

// The mark of what is gone never goes back, whatever is pruned later.
func TestPruneMarkOnlyRises(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		young, old := change("young", 1), change("old", 2)
		young.At = testkit.Start.Add(time.Hour)
		appendAll(t, db, young)
		appendAll(t, db, old)
		all := follow(t, db, feed.Position{}, 2)
		for _, before := range []time.Time{testkit.Start.Add(time.Minute), testkit.Start.Add(2 * time.Hour)} {
			if err := db.Write(background, func(tx *store.Tx) error { _, err := feed.Prune(tx, before, 10); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []bool{false, true} {
			if ok, err := feed.Held(db.Reader(background), all[i].Position); err != nil || ok != want {
				t.Errorf("position %d is held: %v, %v", i, ok, err)
			}
		}
	})
}

// A durable follower finds everything since its cursor, however long it was away.
func TestPruneWaitsForDurableFollowers(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		for i := range int64(6) {
			appendAll(t, db, change("c", i+1))
		}
		all := follow(t, db, feed.Position{}, 6)
		prune := func() (n int64) {
			t.Helper()
			if err := db.Write(background, func(tx *store.Tx) (err error) {
				n, err = feed.Prune(tx, testkit.Start.Add(time.Hour), 100)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return n
		}
		save := func(name string, p feed.Position) {
			t.Helper()
			if err := db.Write(background, func(tx *store.Tx) error { return feed.SaveCursor(tx, name, p) }); err != nil {
				t.Fatal(err)
			}
		}
		save("fast", all[5].Position)
		save("slow", all[1].Position)
		if n := prune(); n != 2 {
			t.Errorf("%d went; the slow follower has read 2", n)
		}
		cursor, err := feed.Cursor(db.Reader(background), "slow")
		if err != nil || cursor != all[1].Position {
			t.Errorf("cursor %v, %v", cursor, err)
		}
		if got := follow(t, db, cursor, 4); got[0].Customer != 3 {
			t.Errorf("the slow follower goes on with %d", got[0].Customer)
		}
		if err := db.Write(background, func(tx *store.Tx) error { return feed.DropCursor(tx, "slow") }); err != nil {
			t.Fatal(err)
		}
		if n := prune(); n != 4 {
			t.Errorf("%d went when only the fast follower was left", n)
		}
	})
}

func TestCursorOfANewFollower(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		if p, err := feed.Cursor(db.Reader(background), "new"); err != nil || p != (feed.Position{}) {
			t.Errorf("%v, %v", p, err)
		}
	})
}

func TestPositions(t *testing.T) {
	for _, s := range []string{"", ".", "1", "1.", ".1", "-1.1", "1.-1", "1.1.1", "1.1 ", "+1.1", "zzzzzzzzzzzzzz.1", strings.Repeat("1", 100)} {
		if p, err := feed.ParsePosition(s); err == nil {
			t.Errorf("%q was read as %v", s, p)
		}
	}
	a, b, c := feed.Position{Xact: 1, ID: 5}, feed.Position{Xact: 1, ID: 6}, feed.Position{Xact: 2, ID: 1}
	for _, pair := range [][2]feed.Position{{a, b}, {b, c}, {a, c}} {
		if !pair[0].Before(pair[1]) || pair[1].Before(pair[0]) || pair[0].Before(pair[0]) {
			t.Errorf("order of %v and %v", pair[0], pair[1])
		}
	}
}

// Whatever is accepted is exactly what String would have written.
func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"0.0", "1.2", "zz.10", "1y2p0ij32e8e7.1y2p0ij32e8e7", "+1.2", "01.2", "A.B", "1_0.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := feed.ParsePosition(s)
		if err != nil {
			return
		}
		if p.String() != s || p.Xact < 0 || p.ID < 0 {
			t.Errorf("%q was read as %v, which is written %q", s, p, p.String())
		}
	})
}
