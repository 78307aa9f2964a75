package customers_test

import (
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments/rule"
)

// busy gives somebody n events, a second apart, the last one now.
func busy(h *house.House, r customers.Resolved, name string, n int64) {
	h.T.Helper()
	h.Run("INSERT INTO event_names (name) VALUES (?) ON CONFLICT (name) DO NOTHING", name)
	base, now := int64(h.IDs.Next()), h.Clock.Now().UnixMilli()
	h.Run(`WITH RECURSIVE n(i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
		INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts)
		SELECT ? - n.i, ?, ?, (SELECT id FROM event_names WHERE name = ?), ? - n.i * 1000, ?, '{}', '{}' FROM n`,
		n, base-n, r.Customer, r.Identity, name, now, now)
	h.Clock.Advance(time.Minute)
}

// A merge of somebody with very many events is over at once; the rows follow page
// by page, and at every instant whoever asks finds one person, through an undo and
// another merge in the middle, too.
func TestEventsFollowInPages(t *testing.T) {
	many := int64(4*customers.MovesAtOnce + 321)
	if os.Getenv("FANWARD_SOAK") != "" {
		many = 200_000
	}
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		ctx := context.Background()
		person := func(name string, n int64) customers.Resolved {
			r := resolve(t, h, device(name), "")
			busy(h, r, name, n)
			return r
		}
		ming, phone, desk, lin := person("ming", 7), person("phone", many), person("desk", 40), person("lin", many/2)
		merge(t, h, phone.Customer, desk.Customer)
		// Everything that reads one person's events agrees.
		check := func(customer ids.ID, want map[string]int64) {
			t.Helper()
			var total int64
			for name, n := range want {
				got, err := h.Customers.CountEvents(ctx, customers.EventFilter{Customer: customer, Name: name})
				if err != nil || got != n {
					t.Fatalf("%d events of %s, want %d: %v", got, name, n, err)
				}
				total += n
				if err := h.DB.Snapshot(ctx, func(q store.Querier) error {
					for _, c := range []struct {
						op  rule.Op
						n   int64
						yes bool
					}{{rule.AtLeast, n, true}, {rule.AtLeast, n + 1, false}} {
						yes, err := h.Segments.Matches(q, rule.Node{Kind: rule.Events, Name: name, Op: c.op, Value: float64(c.n)}, customer, h.Clock.Now())
						if err != nil {
							return err
						}
						if yes != c.yes {
							t.Errorf("%s %s %d: %v", name, c.op, c.n, yes)
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := h.Customers.CountEvents(ctx, customers.EventFilter{Customer: customer}); err != nil || got != total {
				t.Fatalf("%d events of somebody, want %d: %v", got, total, err)
			}
			list, err := h.Customers.Events(ctx, customers.EventFilter{Customer: customer, Limit: 3000})
			if err != nil || int64(len(list)) != min(total, 3000) || slices.ContainsFunc(list, func(e customers.Event) bool { return e.CustomerID != customer }) ||
				!slices.IsSortedFunc(list, func(a, b customers.Event) int { return b.At.Compare(a.At) }) {
				t.Fatalf("%d listed, %v", len(list), err)
			}
		}
		var pass customers.Passing
		step := func() bool {
			t.Helper()
			stood := h.Number("SELECT count(*) FROM events e JOIN identities i ON i.id = e.identity_id WHERE i.customer_id <> e.customer_id")
			more, err := h.Customers.MoveSome(ctx, &pass)
			if err != nil {
				t.Fatal(err)
			}
			if left := h.Number("SELECT count(*) FROM events e JOIN identities i ON i.id = e.identity_id WHERE i.customer_id <> e.customer_id"); stood-left > customers.MovesAtOnce {
				t.Fatalf("%d moved at once", stood-left)
			}
			return more
		}
		all := map[string]int64{"ming": 7, "phone": many, "desk": 40}
		m := merge(t, h, ming.Customer, phone.Customer)
		if n := h.Number("SELECT count(*) FROM events WHERE customer_id = ?", ming.Customer); n != 7 {
			t.Fatalf("%d events moved in the merge itself", n)
		}
		check(ming.Customer, all)
		preview, err := h.Customers.PreviewMerge(ctx, lin.Customer, ming.Customer)
		if err != nil || preview.Absorbed.Events != many+47 {
			t.Errorf("%+v %v", preview, err)
		}
		for range 2 {
			step()
			check(ming.Customer, all)
		}
		undo(t, h, m.ID)
		check(ming.Customer, map[string]int64{"ming": 7, "phone": 0, "desk": 0})
		check(phone.Customer, map[string]int64{"ming": 0, "phone": many, "desk": 40})
		for _, c := range []customers.Resolved{ming, phone} {
			if seen, newest := h.Number("SELECT last_seen_at FROM customers WHERE id = ?", c.Customer), h.Number("SELECT max(at) FROM events WHERE identity_id = ?", c.Identity); seen < newest {
				t.Errorf("seen %d, the newest event is of %d", seen, newest)
			}
		}
		step()
		check(phone.Customer, map[string]int64{"ming": 0, "phone": many, "desk": 40})
		merge(t, h, ming.Customer, phone.Customer, "undone_before")
		step()
		merge(t, h, lin.Customer, ming.Customer)
		all["lin"] = many / 2
		for range 3 {
			check(lin.Customer, all)
			step()
		}
		// What comes in meanwhile is theirs at once.
		track(t, h, phone, "phone")
		all["phone"]++
		check(lin.Customer, all)
		for step() {
		}
		check(lin.Customer, all)
		if n := h.Number("SELECT count(*) FROM event_moves") + h.Number("SELECT count(*) FROM events WHERE customer_id <> ?", lin.Customer); n != 0 {
			t.Errorf("%d are left behind", n)
		}
		if n := h.Number("SELECT count(*) FROM touched WHERE customer_id = ?", lin.Customer); n != 1 {
			t.Error("nobody looks at their segments again")
		}
	})
}

// What keeps events from following is heard of.
func TestMovesThatFail(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		h.Run("ALTER TABLE event_moves RENAME TO gone")
		ctx, cancel := context.WithCancel(context.Background())
		var heard error
		h.Customers.RunMoves(ctx, nil, func(err error) { heard = err; cancel() })
		if heard == nil {
			t.Error("nothing was heard of")
		}
	})
}

// Several processes let events follow at once, hinted or not.
func TestEventsFollowByThemselves(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		one, other := resolve(t, h, device("one"), ""), resolve(t, h, device("other"), "")
		busy(h, other, "e", 3*customers.MovesAtOnce)
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		for range 2 {
			wake, unsubscribe := h.Bus.Subscribe(customers.TopicMoves, 1)
			defer unsubscribe()
			running.Go(func() { h.Customers.RunMoves(ctx, wake, func(err error) { t.Error(err) }) })
		}
		merge(t, h, one.Customer, other.Customer)
		testkit.Eventually(t, 20*time.Second, "all have followed", func() bool {
			return h.Number("SELECT count(*) FROM events WHERE customer_id = ?", one.Customer) == 3*customers.MovesAtOnce && h.Number("SELECT count(*) FROM event_moves") == 0
		})
		cancel()
		running.Wait()
	})
}
