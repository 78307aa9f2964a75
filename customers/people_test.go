package customers_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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

// model is who is who, told in the plainest way: every identity belongs to a
// sheet of paper, and clips hold sheets together. It knows nothing of records,
// survivors or homes of customers.
type model struct {
	sheet    map[string]int // of each identity
	sheets   int
	clips    []clip
	taken    map[string]bool   // browser or address + person that a teammate has parted
	signedIn map[string]string // by browser
}

type clip struct {
	id   ids.ID
	a, b int
	why  string // the evidence, for those that must not come back
}

func newModel() *model {
	return &model{sheet: map[string]int{}, taken: map[string]bool{}, signedIn: map[string]string{}}
}

func (m *model) meet(identity string) int {
	if _, there := m.sheet[identity]; !there {
		m.sheet[identity] = m.sheets
		m.sheets++
	}
	return m.sheet[identity]
}

// heap is every sheet that hangs together with s.
func (m *model) heap(s int) map[int]bool {
	out := map[int]bool{s: true}
	for n := 0; n != len(out); {
		n = len(out)
		for _, c := range m.clips {
			if out[c.a] || out[c.b] {
				out[c.a], out[c.b] = true, true
			}
		}
	}
	return out
}

func (m *model) one(a, b string) bool { return m.heap(m.sheet[a])[m.sheet[b]] }

// known tells whether a signed-in user is in the heap of an identity.
func (m *model) known(identity string) bool {
	heap := m.heap(m.sheet[identity])
	for i, s := range m.sheet {
		if strings.HasPrefix(i, "u") && heap[s] {
			return true
		}
	}
	return false
}

// people is the partition of the identities.
func (m *model) people() string {
	by := map[string][]string{}
	for i, s := range m.sheet {
		heap := slices.Sorted(maps.Keys(m.heap(s)))
		by[fmt.Sprint(heap)] = append(by[fmt.Sprint(heap)], i)
	}
	return written(by)
}

func written(by map[string][]string) string {
	var out []string
	for _, list := range by {
		slices.Sort(list)
		out = append(out, strings.Join(list, "+"))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func keyOf(t *testing.T, name string) customers.Key {
	t.Helper()
	switch name[0] {
	case 'd':
		return device(name)
	case 'u':
		return person(name)
	case 'o':
		return openid(name)
	}
	return mail(t, name+"@example.com")
}

// world plays the same on the model and on the house.
type world struct {
	t   *testing.T
	h   *house.House
	m   *model
	rng *rand.Rand
	log []string
}

func (w *world) pick(kind string, n int) string { return fmt.Sprint(kind, w.rng.IntN(n)) }

func (w *world) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("after\n%s\n%s", strings.Join(w.log, "\n"), fmt.Sprintf(format, args...))
}

// newest is the merge that has just been logged.
func (w *world) newest() ids.ID { return ids.ID(w.h.Number("SELECT max(id) FROM merges")) }

func (w *world) meet() {
	name := []string{w.pick("d", 5), w.pick("o", 3), w.pick("e", 3)}[w.rng.IntN(3)]
	w.say("meet %s", name)
	w.m.meet(name)
	resolve(w.t, w.h, keyOf(w.t, name), "")
}

// identify signs a user in on a browser, half of the time with a proven address.
func (w *world) identify() {
	d, u, e := w.pick("d", 5), w.pick("u", 3), ""
	var traits customers.Traits
	if w.rng.IntN(2) == 0 {
		e = w.pick("e", 3)
		traits = proven(e + "@example.com")
	}
	w.say("identify %s as %s with %q", d, u, e)
	got := identify(w.t, w.h, d, u, traits)
	w.m.meet(u)
	if taken := w.arrives(d, u); got.Taken != taken {
		w.fail("taken: %v, want %v", got.Taken, taken)
	} else if !taken && e != "" {
		w.proves(e, u)
	}
}

func (w *world) arrives(d, u string) (taken bool) {
	m := w.m
	if _, there := m.sheet[d]; !there {
		m.sheet[d] = m.sheet[u]
		return false
	}
	switch {
	case m.one(d, u):
	case m.known(d) || m.taken[d+u]:
		return true
	default:
		// An address may follow in the same call, so the newest but one can be meant.
		m.clips = append(m.clips, clip{w.mergeOf(d, u), m.sheet[d], m.sheet[u], d + u})
	}
	return false
}

func (w *world) proves(e, u string) {
	m := w.m
	if _, there := m.sheet[e]; !there {
		m.sheet[e] = m.sheet[u]
		return
	}
	if !m.one(e, u) && !m.known(e) && !m.taken[e+u] {
		m.clips = append(m.clips, clip{w.mergeOf(e, u), m.sheet[e], m.sheet[u], e + u})
	}
}

// mergeOf is the last merge that was logged for a piece of evidence.
func (w *world) mergeOf(absorbed, survivor string) ids.ID {
	a, s := keyOf(w.t, absorbed), keyOf(w.t, survivor)
	return ids.ID(w.h.Number(`SELECT COALESCE(max(m.id), 0) FROM merges m JOIN identities a ON a.id = m.absorbed_identity JOIN identities s ON s.id = m.survivor_identity
WHERE a.kind = ? AND a.value = ? AND s.kind = ? AND s.value = ? AND m.undone_at = 0`, a.Kind, a.Value, s.Kind, s.Value))
}

func (w *world) bind() {
	o, u := w.pick("o", 3), w.pick("u", 3)
	if _, there := w.m.sheet[u]; !there {
		return
	}
	w.say("bind %s to %s", o, u)
	token, err := w.h.Customers.BindToken(w.h.Ctx(), resolve(w.t, w.h, person(u), "").Customer, 0, 7)
	if err != nil {
		w.fail("%v", err)
	}
	// The token speaks for the oldest user of the customer that asks.
	asked := u
	for i := range 3 {
		if other := fmt.Sprint("u", i); w.m.sheet[other] != w.m.sheet[u] || other == u {
			if _, there := w.m.sheet[other]; there && w.m.one(other, u) && w.older(other, asked) {
				asked = other
			}
		}
	}
	_, err = w.h.Customers.Bind(w.h.Ctx(), token.Scene, openid(o))
	_, met := w.m.sheet[o]
	if met && !w.m.one(o, u) && w.m.known(o) {
		if fault.CodeOf(err) != "bind_known" {
			w.fail("two known people: %v", err)
		}
		return
	}
	if err != nil {
		w.fail("%v", err)
	}
	w.m.meet(o)
	if !w.m.one(o, asked) {
		w.m.clips = append(w.m.clips, clip{w.newest(), w.m.sheet[o], w.m.sheet[asked], ""})
	}
}

func (w *world) older(a, b string) bool {
	id := func(u string) int64 {
		return w.h.Number("SELECT id FROM identities WHERE kind = 'external' AND value = ?", u)
	}
	return id(a) < id(b)
}

// merge joins by hand whoever has two identities.
func (w *world) merge() {
	all := slices.Sorted(maps.Keys(w.m.sheet))
	if len(all) < 2 {
		return
	}
	a, b := all[w.rng.IntN(len(all))], all[w.rng.IntN(len(all))]
	w.say("merge %s into %s", b, a)
	survivor, absorbed := resolve(w.t, w.h, keyOf(w.t, a), "").Customer, resolve(w.t, w.h, keyOf(w.t, b), "").Customer
	if w.m.one(a, b) != (survivor == absorbed) {
		w.fail("%s and %s are one: %v", a, b, survivor == absorbed)
	}
	if survivor == absorbed {
		return
	}
	id := merge(w.t, w.h, survivor, absorbed, "two_known_people", "undone_before", "same_channel_account").ID
	w.m.clips = append(w.m.clips, clip{id, w.sheetOf(survivor, a), w.sheetOf(absorbed, b), ""})
}

// sheetOf is the sheet that stands for a heap: the one whose record represents
// it. Which one that is decides only what a later undo takes along, and the
// house says it: the homes of the identities that it shows.
func (w *world) sheetOf(customer ids.ID, of string) int {
	for name, s := range w.m.sheet {
		k := keyOf(w.t, name)
		if w.h.Number("SELECT count(*) FROM identities WHERE kind = ? AND value = ? AND home_id = ?", k.Kind, k.Value, customer) == 1 {
			return s
		}
	}
	return w.m.sheet[of]
}

func (w *world) undo() {
	if len(w.m.clips) == 0 {
		return
	}
	i := w.rng.IntN(len(w.m.clips))
	c := w.m.clips[i]
	w.say("undo %s", c.id)
	undo(w.t, w.h, c.id)
	w.m.clips = slices.Delete(slices.Clone(w.m.clips), i, i+1)
	if c.why != "" {
		w.m.taken[c.why] = true
	}
}

// people is the partition that the house shows.
func (w *world) people() string {
	by := map[string][]string{}
	for name := range w.m.sheet {
		k := keyOf(w.t, name)
		id := w.h.Number("SELECT customer_id FROM identities WHERE kind = ? AND namespace = ? AND value = ?", k.Kind, k.Namespace, k.Value)
		by[fmt.Sprint(id)] = append(by[fmt.Sprint(id)], name)
	}
	return written(by)
}

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
			h.Run("DELETE FROM identities")
			h.Run("DELETE FROM customers")
			w := &world{t: t, h: h, m: newModel(), rng: rand.New(rand.NewPCG(uint64(round), 11))}
			for range 45 {
				[]func(){w.meet, w.identify, w.identify, w.bind, w.merge, w.undo, w.undo}[w.rng.IntN(7)]()
				if got, want := w.people(), w.m.people(); got != want {
					w.fail("the people are\n%s\nwant\n%s", got, want)
				}
			}
			sound(t, h)
			// Without its merges everybody is apart again, in any order.
			for len(w.m.clips) > 0 {
				w.undo()
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
