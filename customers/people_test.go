package customers_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// sound holds what must be true of the rows at any time.
func sound(t *testing.T, h *house.House) {
	t.Helper()
	for what, sql := range map[string]string{
		"a merged record has an identity":         "SELECT count(*) FROM identities i JOIN customers c ON c.id = i.customer_id WHERE c.merged_into > 0",
		"a merged record leads to a merged one":   "SELECT count(*) FROM customers c JOIN customers m ON m.id = c.merged_into WHERE m.merged_into > 0",
		"a customer has no identity":              "SELECT count(*) FROM customers c WHERE merged_into = 0 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.customer_id = c.id)",
		"an event is not with its identity":       "SELECT count(*) FROM events e JOIN identities i ON i.id = e.identity_id WHERE e.customer_id <> i.customer_id",
		"an identity is away from its home":       "SELECT count(*) FROM identities i JOIN customers h ON h.id = i.home_id WHERE i.customer_id <> h.id AND i.customer_id <> h.merged_into",
		"own fields of somebody who is alone":     "SELECT count(*) FROM customers c WHERE own <> '' AND merged_into = 0 AND NOT EXISTS (SELECT 1 FROM customers m WHERE m.merged_into = c.id)",
		"a tag is away from its record":           "SELECT count(*) FROM customer_tags l JOIN customers r ON r.id = l.record_id WHERE l.customer_id <> CASE WHEN r.merged_into > 0 THEN r.merged_into ELSE r.id END",
		"a move is away from its record":          "SELECT count(*) FROM stage_changes l JOIN customers r ON r.id = l.record_id WHERE l.customer_id <> CASE WHEN r.merged_into > 0 THEN r.merged_into ELSE r.id END",
		"a conversation is not with its identity": "SELECT count(*) FROM conversations c JOIN identities i ON i.id = c.identity_id WHERE c.customer_id <> i.customer_id",
		"a message is in another's conversation":  "SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id JOIN identities i ON i.id = m.identity_id WHERE m.direction = 'in' AND i.customer_id <> c.customer_id",
	} {
		if n := h.Number(sql); n != 0 {
			t.Errorf("%s: %d", what, n)
		}
	}
}

// Whatever is identified, bound, proven, merged and undone, in whatever order:
// the people are those of the model.
func TestAnyOrderYieldsTheSamePeople(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for round := range 6 {
			h.Run("DELETE FROM contradictions")
			h.Run("DELETE FROM bind_tokens")
			h.Run("DELETE FROM merges")
			h.Run("DELETE FROM events")
			h.Run("DELETE FROM stage_changes")
			h.Run("DELETE FROM customer_tags")
			h.Run("DELETE FROM identities")
			h.Run("DELETE FROM customers")
			w := &world{t: t, h: h, m: newModel(), rng: rand.New(rand.NewPCG(uint64(round), 11))}
			for range 60 {
				before := w.evident()
				[]func(){w.meet, w.identify, w.identify, w.bind, w.merge, w.undo, w.undo, w.tag, w.move, w.move}[w.rng.IntN(10)]()
				if got, want := w.people(), w.m.people(); got != want {
					w.fail("the people are\n%s\nwant\n%s", got, want)
				}
				w.checkStanding()
				w.checkTouched(before)
			}
			sound(t, h)
			// Without its merges everybody is apart again, in any order.
			for len(w.m.clips) > 0 {
				w.undo()
				w.checkStanding()
			}
			if got, want := w.people(), w.m.people(); got != want || h.Number("SELECT count(*) FROM customers WHERE merged_into > 0 OR own <> ''") != 0 {
				w.fail("the people are\n%s\nwant\n%s", got, want)
			}
		}
	})
}

// Proofs that do not contradict each other may come in any order.
func TestProofsMayComeInAnyOrder(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		want := ""
		for round := range 8 {
			rng := rand.New(rand.NewPCG(uint64(round), 3))
			n := func(name string) string { return fmt.Sprint(name, "-", round) }
			steps := []func(){
				func() { identify(t, h, n("d1"), n("u1"), customers.Traits{}) },
				func() { identify(t, h, n("d2"), n("u1"), proven(n("e1")+"@example.com")) },
				func() { identify(t, h, n("d3"), n("u2"), proven(n("e2")+"@example.com")) },
				func() { resolve(t, h, mail(t, n("e1")+"@example.com"), "") },
				func() { resolve(t, h, device(n("d3")), "") },
				func() {
					who := resolve(t, h, person(n("u2")), "")
					if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: who.Customer, Identity: who.Identity, Name: "Order Placed", At: h.Clock.Now()}); err != nil {
						t.Error(err)
					}
				},
				func() { // the follower scans what the customer's page shows
					identify(t, h, n("d2"), n("u1"), customers.Traits{})
					token, err := h.Customers.BindToken(h.Ctx(), resolve(t, h, device(n("d2")), "").Customer, resolve(t, h, device(n("d2")), "").Identity, 7)
					if err == nil {
						_, err = h.Customers.Bind(h.Ctx(), token.Scene, openid(n("o1")))
					}
					if err != nil {
						t.Error(err)
					}
				},
				func() { resolve(t, h, openid(n("o1")), "") },
				func() { // a teammate merges a stranger's mail with the follower
					a, b := resolve(t, h, mail(t, n("e3")+"@example.com"), "").Customer, resolve(t, h, openid(n("o1")), "").Customer
					merge(t, h, b, a)
				},
			}
			rng.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
			for _, step := range steps {
				step()
			}
			by := map[string][]string{}
			for _, name := range []string{"d1", "d2", "d3", "u1", "u2", "o1", "e1", "e2", "e3"} {
				who := resolve(t, h, keyOf(t, n(name)), "").Customer.String()
				by[who] = append(by[who], name)
			}
			if got := written(by); want == "" {
				want = got
			} else {
				same(t, fmt.Sprint("people of round ", round), got, want)
			}
		}
		same(t, "people", want, "d1+d2+e1+e3+o1+u1 d3+e2+u2")
		sound(t, h)
	})
}

// Everything at once: nobody is lost, nobody is two, and every undo gives back
// what it took.
func TestConcurrentMergesAndUndos(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const people = 6
		var all []ids.ID
		for i := range people {
			all = append(all, resolve(t, h, device(fmt.Sprint("d", i)), "").Customer)
		}
		busy := func(err error) {
			switch fault.CodeOf(err) {
			case "", "merge_same", "storage_unavailable", "merge_objected":
			default:
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(worker), 1))
				for i := range 8 {
					a, b := all[rng.IntN(people)], all[rng.IntN(people)]
					switch rng.IntN(3) {
					case 0:
						m, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: a, Absorb: b, ClientKey: fmt.Sprint(worker, "-", i), Despite: []string{"two_known_people", "undone_before"}})
						busy(err)
						if err == nil && rng.IntN(2) == 0 {
							_, err = h.Customers.Undo(h.Ctx(), h.Boss, m.ID)
							busy(err)
						}
					case 1:
						_, err := h.Customers.Identify(h.Ctx(), device(fmt.Sprint("d", rng.IntN(people))), person(fmt.Sprint("u", rng.IntN(2))), proven(fmt.Sprint("e", rng.IntN(2), "@example.com")))
						busy(err)
					case 2:
						_, err := h.Customers.Update(h.Ctx(), a, customers.Patch{Attributes: map[string]any{fmt.Sprint("w", worker): float64(i)}})
						busy(err)
					}
				}
			})
		}
		wg.Wait()
		sound(t, h)
		for {
			id := ids.ID(h.Number("SELECT COALESCE(min(id), 0) FROM merges WHERE undone_at = 0"))
			if id == 0 {
				break
			}
			undo(t, h, id)
		}
		sound(t, h)
		same(t, "merged records", h.Number("SELECT count(*) FROM customers WHERE merged_into > 0 OR own <> ''"), 0)
	})
}

// Messages, answers and page views that come while their people are joined and
// taken apart: each is with its identity in the end, in a thread without gaps.
func TestTrafficDuringMergesAndUndos(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const people = 4
		busy := func(err error) bool {
			switch fault.CodeOf(err) {
			case "", "merge_same", "merge_objected", "storage_unavailable":
			default:
				t.Error(err)
			}
			return err == nil
		}
		name := func(i int) string { return fmt.Sprint("b", i) }
		key := func(i int) customers.Key {
			return customers.Key{Kind: customers.KindVisitor, Namespace: h.Account.ID.String(), Value: name(i)}
		}
		var first []channels.Received
		for i := range people {
			first = append(first, h.Receive(name(i), "0", "hello"))
		}
		var wrote, viewed atomic.Int64
		var wg sync.WaitGroup
		for worker := range 5 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(worker), 7))
				for n := range 10 {
					i, j := rng.IntN(people), rng.IntN(people)
					switch rng.IntN(5) {
					case 0:
						if m, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: first[i].Customer, Absorb: first[j].Customer, ClientKey: fmt.Sprint("t", worker, "-", n),
							Despite: []string{"two_known_people", "undone_before"}}); busy(err) && rng.IntN(3) > 0 {
							_, err := h.Customers.Undo(h.Ctx(), h.Boss, m.ID)
							busy(err)
						}
					case 1:
						_, err := h.Customers.Identify(h.Ctx(), key(i), person("u"), customers.Traits{})
						busy(err)
					case 2:
						_, err := h.Inbox.Write(h.Ctx(), h.Boss, first[i].Conversation, inbox.Write{ClientKey: fmt.Sprint("a", worker, "-", n), Kind: inbox.KindText, Body: "an answer"})
						busy(err)
					case 3:
						if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: first[i].Customer, Identity: first[i].Identity, Name: customers.EventPageViewed, At: h.Clock.Now()}); busy(err) {
							viewed.Add(1)
						}
					case 4:
						if _, err := h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, name(i), fmt.Sprint(worker, "-", n), "more")); busy(err) {
							wrote.Add(1)
						}
					}
				}
			})
		}
		wg.Wait()
		sound(t, h)
		for id := h.Number("SELECT COALESCE(min(id), 0) FROM merges WHERE undone_at = 0"); id != 0; id = h.Number("SELECT COALESCE(min(id), 0) FROM merges WHERE undone_at = 0") {
			undo(t, h, ids.ID(id))
		}
		sound(t, h)
		same(t, "messages", h.Number("SELECT count(*) FROM messages WHERE direction = 'in'"), wrote.Load()+people)
		same(t, "page views", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = ?", customers.EventPageViewed), viewed.Load())
		same(t, "threads with gaps", h.Number("SELECT count(*) FROM conversations c WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)"), 0)
		same(t, "wrong inbound counts", h.Number("SELECT count(*) FROM conversations c WHERE inbound_count <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in')"), 0)
		same(t, "conversations counted", h.Number("SELECT sum(n) FROM conversation_counts"), h.Number("SELECT count(*) FROM conversations"))
	})
}
