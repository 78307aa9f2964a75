package feed_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

// oracle is the feed as anybody would describe it: a list of what was
// committed, the oldest of which may be gone.
type oracle struct {
	kinds []int64 // each change's number, in commit order
	at    []time.Time
	gone  map[int64]bool
	// mark is the index behind the newest change that is gone.
	mark int
}

// follower is a reader of the feed and how many changes it has passed.
type follower struct {
	p      feed.Position
	passed int
}

// Random writes, undone writes, reads of any size, prunings and returns agree
// with the oracle step by step.
func TestFeedAgreesWithAnOracle(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		for seed := range uint64(4) {
			r := rand.New(rand.NewPCG(seed, 7))
			head, err := feed.Head(db.Reader(background))
			if err != nil {
				t.Fatal(err)
			}
			m := &model{t: t, db: db, r: r, o: oracle{gone: map[int64]bool{}}, now: testkit.Start}
			if _, err := m.clear(); err != nil {
				t.Fatal(err)
			}
			m.followers = []follower{{p: head}, {p: head}, {p: head}}
			for range 120 {
				m.step()
			}
			for i := range m.followers {
				m.read(i, 1000)
				if f := m.followers[i]; m.held(f) && f.passed != len(m.o.kinds) {
					t.Errorf("seed %d: follower %d ended at %d of %d", seed, i, f.passed, len(m.o.kinds))
				}
			}
		}
	})
}

type model struct {
	t         *testing.T
	db        *store.DB
	r         *rand.Rand
	o         oracle
	now       time.Time
	next      int64
	followers []follower
}

// clear removes what an earlier seed left.
func (m *model) clear() (n int64, err error) {
	return n, m.db.Write(background, func(tx *store.Tx) (err error) {
		n, err = feed.Prune(tx, testkit.Start.AddDate(1, 0, 0), 100000)
		return err
	})
}

func (m *model) step() {
	switch m.r.IntN(10) {
	case 0, 1, 2, 3:
		m.write()
	case 4, 5, 6, 7:
		m.read(m.r.IntN(len(m.followers)), 1+m.r.IntN(6))
	case 8:
		m.prune()
	case 9:
		m.now = m.now.Add(time.Duration(m.r.IntN(3000)) * time.Millisecond)
	}
}

func (m *model) write() {
	n, undone := 1+m.r.IntN(4), m.r.IntN(4) == 0
	err := m.db.Write(background, func(tx *store.Tx) error {
		for k := range n {
			c := change("c", m.next+int64(k)+1)
			c.At = m.now
			if err := feed.Append(tx, c); err != nil {
				return err
			}
		}
		if undone {
			return errUndone
		}
		return nil
	})
	if (err != nil) != undone {
		m.t.Fatal(err)
	}
	for k := range n {
		if !undone {
			m.o.kinds = append(m.o.kinds, m.next+int64(k)+1)
			m.o.at = append(m.o.at, m.now)
		}
	}
	m.next += int64(n)
}

// held is the oracle's answer to Held.
func (m *model) held(f follower) bool { return f.passed >= m.o.mark }

func (m *model) read(i, limit int) {
	f := &m.followers[i]
	held, err := feed.Held(m.db.Reader(background), f.p)
	if err != nil {
		m.t.Fatal(err)
	}
	if held != m.held(*f) {
		m.t.Fatalf("follower at %v (%d passed, %d gone) is held: %v", f.p, f.passed, m.o.mark, held)
	}
	if !held { // it takes a snapshot and goes on from the head
		if f.p, err = feed.Head(m.db.Reader(background)); err != nil {
			m.t.Fatal(err)
		}
		f.passed = len(m.o.kinds)
	}
	want := m.o.kinds[f.passed:min(len(m.o.kinds), f.passed+limit)]
	var got []feed.Change
	testkit.Eventually(m.t, 10*time.Second, "what is committed arrives", func() bool {
		got = after(m.t, m.db, f.p, limit)
		return len(got) >= len(want)
	})
	if len(got) != len(want) {
		m.t.Fatalf("%d changes instead of %d", len(got), len(want))
	}
	for k, c := range got {
		if int64(c.Customer) != want[k] {
			m.t.Fatalf("change %d instead of %d", c.Customer, want[k])
		}
		f.p = c.Position
	}
	f.passed += len(got)
}

func (m *model) prune() {
	before := m.now.Add(-time.Duration(m.r.IntN(4000)) * time.Millisecond)
	limit := 1 + m.r.IntN(10)
	var n int64
	if err := m.db.Write(background, func(tx *store.Tx) (err error) {
		n, err = feed.Prune(tx, before, limit)
		return err
	}); err != nil {
		m.t.Fatal(err)
	}
	var want int64
	looked := 0
	for k, id := range m.o.kinds {
		if m.o.gone[id] {
			continue
		}
		if looked++; looked > limit {
			break
		}
		if m.o.at[k].Before(before) {
			m.o.gone[id] = true
			m.o.mark = max(m.o.mark, k+1)
			want++
		}
	}
	if n != want {
		m.t.Fatalf("pruned %d instead of %d", n, want)
	}
}
