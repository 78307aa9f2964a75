package segments_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// TestPreviewsFromMemory: while anything happens to people, marked or evaluated
// already, what memory says is what SQL says.
func TestPreviewsFromMemory(t *testing.T) {
	each(t, func(s *shop) {
		t, m := s.t, &month{shop: s, rand: rand.New(rand.NewPCG(11, 7)), rules: map[ids.ID]rule.Node{}}
		if m.Segments.Memory(m.Ctx()) != nil {
			t.Fatal("there is an index that nobody made")
		}
		for range 12 {
			m.people = append(m.people, m.person(m.IDs.Next().String()))
		}
		for n := range 4 {
			m.define("S" + string(rune('A'+n)))
		}
		m.must(m.Segments.LoadMemory(m.Ctx()))
		other := m.Segments
		if m.DB.Engine() == store.Postgres {
			other = m.NewSegments() // another node keeps the segments
		}
		some := 0
		for n := range 250 {
			for range m.rand.IntN(3) {
				m.happen()
			}
			switch m.rand.IntN(4) {
			case 0:
				_, err := other.Round(m.Ctx())
				m.must(err)
			case 1:
				_, err := other.Evaluate(m.Ctx())
				m.must(err)
			case 2:
				m.must(m.Segments.TendMemory(m.Ctx()))
			}
			if n%60 == 59 { // made anew in the middle of it
				m.must(m.Segments.LoadMemory(m.Ctx()))
			}
			some += m.remembered(m.tree(2))
		}
		if some < 100 {
			t.Errorf("only %d people were found in all", some)
		}
	})
}

// remembered holds memory to SQL and says how many were found.
func (m *month) remembered(n rule.Node) int {
	m.t.Helper()
	x := m.Segments.Memory(m.Ctx())
	if x == nil {
		m.t.Fatal("there is no index")
	}
	want, err := m.Segments.People(m.Ctx(), n, 0, 1000)
	m.must(err)
	expanded, err := rule.Expand(n, func(id string) (rule.Node, bool) {
		number, err := ids.Parse(id)
		m.must(err)
		one, err := m.Segments.Get(m.Ctx(), number)
		m.must(err)
		return one.Rule, true
	})
	m.must(err)
	p, err := rule.Compile(expanded)
	m.must(err)
	got, err := x.Members(p, clock.Millis(m.Clock.Now()))
	m.must(err)
	found := make([]ids.ID, len(got))
	for i, id := range got {
		found[i] = ids.ID(id)
	}
	if !slices.Equal(found, want) {
		m.t.Fatalf("memory finds %v, SQL %v: %+v", found, want, expanded)
	}
	preview, err := m.Segments.Preview(m.Ctx(), n)
	m.must(err)
	if preview.Count != int64(len(want)) || len(preview.Sample) != min(8, len(want)) {
		m.t.Fatalf("the preview counts %d and shows %d of %d", preview.Count, len(preview.Sample), len(want))
	}
	return len(want)
}

// TestAMonthFromMemory: segments that are built from memory are what the rows
// say, whatever happens while they are.
func TestAMonthFromMemory(t *testing.T) {
	m := &month{shop: &shop{house.New(t, store.SQLite, house.Options{}), t}, rand: rand.New(rand.NewPCG(12, 7)), rules: map[ids.ID]rule.Node{}}
	m.restart()
	for range 10 {
		m.people = append(m.people, m.person(m.IDs.Next().String()))
	}
	for n := range 5 {
		m.define("S" + string(rune('A'+n)))
	}
	for range 60 {
		if m.rand.IntN(3) == 0 {
			m.must(m.Segments.LoadMemory(m.Ctx()))
		}
		m.redefine()
		for range m.rand.IntN(3) {
			m.happen()
			if _, err := m.Segments.BuildOn(m.Ctx()); err != nil {
				t.Fatal(err)
			}
		}
		m.step()
	}
	if m.members < m.checks/20 || m.others < m.checks/20 {
		t.Errorf("of %d answers %d were yes: the rules prove little", m.checks, m.members)
	}
}

// TestMemoryWhileEvaluating: nobody is missed when marks are made, seen and taken
// away all at the same time.
func TestMemoryWhileEvaluating(t *testing.T) {
	each(t, func(s *shop) {
		t := s.t
		var people []ids.ID
		for range 20 {
			people = append(people, s.person(s.IDs.Next().String()))
		}
		s.segment("Buyers", orders(2, "30d"))
		s.Settle()
		s.must(s.Segments.LoadMemory(s.Ctx()))
		p, err := rule.Compile(orders(1, "30d"))
		s.must(err)
		var all sync.WaitGroup
		done := make(chan struct{})
		until := func(do func() error) {
			all.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					if err := do(); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 2 {
			node := s.Segments
			if s.DB.Engine() == store.Postgres {
				node = s.NewSegments()
			}
			until(func() error { _, err := node.Evaluate(s.Ctx()); return err })
		}
		until(func() error { return s.Segments.TendMemory(s.Ctx()) })
		answered := 0
		for i, who := range people {
			s.did(who, "Order Completed", 0, nil)
			x := s.Segments.Memory(s.Ctx())
			if x == nil {
				continue
			}
			answered++
			if n, err := x.Count(p, clock.Millis(s.Clock.Now())); err != nil || n != i+1 {
				t.Errorf("after %d have bought, memory knows %d, %v", i+1, n, err)
			}
			if i == len(people)/2 {
				all.Go(func() {
					if err := s.Segments.LoadMemory(s.Ctx()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		close(done)
		all.Wait()
		if answered < len(people)/2 {
			t.Errorf("memory answered %d of %d times", answered, len(people))
		}
	})
}

// Whoever is heard of while a snapshot is read is read again from the next one.
func TestHeardMeanwhile(t *testing.T) {
	l := segments.NewListener()
	l.Hear(1)
	l.Hear(2)
	before := l.Moment()
	l.Hear(2)
	l.Hear(3)
	if got := l.People(); len(got) != 3 {
		t.Errorf("heard of %v", got)
	}
	l.Forget(before)
	if got := slices.Sorted(slices.Values(l.People())); !slices.Equal(got, []int64{2, 3}) {
		t.Errorf("%v are left, not 2, of whom was heard again, and 3", got)
	}
	l.Forget(l.Moment())
	if got := l.People(); len(got) != 0 {
		t.Errorf("%v are left", got)
	}
}

// TestMemoryThatNobodyTells: an index that stands among the rows no longer answers
// nothing, and what a node that died has left is taken away.
func TestMemoryThatNobodyTells(t *testing.T) {
	machine := clock.NewFake(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	h := house.New(t, store.Postgres, house.Options{})
	s := &shop{h, t}
	s.segment("Buyers", orders(2, "30d"))
	who := s.person("1")
	s.Settle()
	dead, node := s.NewSegmentsBy(machine), s.NewSegmentsBy(machine)
	s.must(dead.LoadMemory(s.Ctx()))
	s.must(node.LoadMemory(s.Ctx()))
	told := func() int64 { return s.Number("SELECT count(*) FROM preview_news") }
	if s.did(who, "Order Completed", 0, nil); node.Memory(s.Ctx()) == nil {
		t.Fatal("there is no index")
	}
	s.Settle()
	if n := told(); n != 2 {
		t.Errorf("%d rows tell two indexes of one person", n)
	}
	s.must(node.TendMemory(s.Ctx()))
	if n := told(); n != 1 {
		t.Errorf("%d rows are left for the one that does not take them", n)
	}
	machine.Advance(15 * time.Minute)
	s.must(node.TendMemory(s.Ctx())) // renews
	machine.Advance(15 * time.Minute)
	_, err := node.Round(s.Ctx())
	s.must(err)
	if n := told(); n != 0 {
		t.Errorf("%d rows are left of a node that died", n)
	}
	if node.Memory(s.Ctx()) == nil {
		t.Error("the index that was renewed is gone, too")
	}
	if dead.Memory(s.Ctx()) != nil {
		t.Error("an index answers of which nobody tells")
	}
	s.did(who, "Order Completed", 0, nil)
	s.Settle()
	s.must(dead.LoadMemory(s.Ctx()))
	if x := dead.Memory(s.Ctx()); x == nil {
		t.Error("it was not made anew")
	}
}
