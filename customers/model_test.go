package customers_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// model is who is who, told in the plainest way: every identity belongs to a
// sheet of paper, and clips hold sheets together. It knows nothing of records,
// survivors or homes of customers.
type model struct {
	sheet  map[string]int // of each identity
	sheets int
	clips  []clip
	taken  map[string]bool // browser or address + person that a teammate has parted
	tags   map[string]bool // sheet + tag
	moves  []moved
}

type clip struct {
	id   ids.ID
	a, b int
	why  string // the evidence, for those that must not come back
}

func newModel() *model {
	return &model{sheet: map[string]int{}, taken: map[string]bool{}, tags: map[string]bool{}}
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
