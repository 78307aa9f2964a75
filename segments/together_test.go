package segments_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// Several processes evaluate and build at once (one on SQLite) while people act,
// are tagged and merged, and definitions change: nothing is lost and nothing
// told twice.
func TestManyAtOnce(t *testing.T) {
	each(t, func(s *shop) {
		processes := 1
		if s.DB.Engine() == store.Postgres {
			processes = 3
		}
		m := &month{shop: s, rand: rand.New(rand.NewPCG(5, 5)), rules: map[ids.ID]rule.Node{}}
		for n := range 10 {
			m.people = append(m.people, s.person(fmt.Sprintf("p%d", n)))
		}
		for n := range 6 {
			m.define(fmt.Sprintf("S%d", n))
		}
		member := orders(3, "36500d")
		_, err := s.Customers.UpdateStage(s.Ctx(), s.Boss, "member", customers.StagePatch{SetRule: true, Rule: &member})
		s.must(err)
		ctx, cancel := context.WithCancel(s.Ctx())
		var evaluators, writers sync.WaitGroup
		for range processes {
			one := s.NewSegments()
			one.SetSizes(3, 4)
			evaluators.Go(func() {
				for ctx.Err() == nil {
					if _, err := one.Round(ctx); err != nil && ctx.Err() == nil && fault.KindOf(err) != fault.Unavailable {
						s.t.Error(err)
						return
					}
				}
			})
		}
		for n := range 4 {
			r := rand.New(rand.NewPCG(uint64(n), 9))
			writers.Go(func() {
				for range 40 {
					m.act(r)
				}
			})
		}
		writers.Wait()
		for n, id := range m.segments { // and definitions
			if n%2 == 0 {
				now, err := s.Segments.Get(s.Ctx(), id)
				s.must(err)
				node := orders(1+n, "36500d")
				_, err = s.Segments.Update(s.Ctx(), s.Boss, id, now.Version, segments.Definition{Name: now.Name, Rule: node})
				s.must(err)
				m.rules[id] = node
			}
		}
		cancel()
		evaluators.Wait()
		m.compare()
		for _, who := range m.people {
			counts := s.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE e.customer_id = ? AND n.name = 'Order Completed'", who)
			if stage := s.Words("SELECT stage FROM customers WHERE id = ?", who); counts >= 3 && stage != "member" {
				s.t.Errorf("%v with %d orders stands in %q", who, counts, stage)
			}
		}
	})
}

// act changes something about somebody, from any goroutine.
func (m *month) act(r *rand.Rand) {
	who := m.people[r.IntN(len(m.people))]
	var err error
	switch r.IntN(6) {
	case 0:
		_, err = m.Customers.SetTags(m.Ctx(), m.Boss, who, []string{"vip"}, nil)
	case 1:
		_, err = m.Customers.SetTags(m.Ctx(), m.Boss, who, nil, []string{"vip"})
	case 2:
		_, err = m.Customers.Update(m.Ctx(), who, customers.Patch{Attributes: map[string]any{"plan": plans[r.IntN(3)], "score": float64(r.IntN(4))}})
	default:
		err = m.Customers.Track(m.Ctx(), customers.Track{Customer: who, Name: happenings[r.IntN(3)], At: m.Clock.Now().Add(-time.Duration(r.Int64N(int64(day)))),
			Properties: map[string]any{"amount": float64(r.IntN(9)), "city": plans[r.IntN(3)]}})
	}
	if err != nil {
		m.t.Error(err)
	}
}
