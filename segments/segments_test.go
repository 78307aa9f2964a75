package segments_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// shop is a house with people who buy.
type shop struct {
	*house.House
	t *testing.T
}

func each(t *testing.T, fn func(s *shop)) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) { fn(&shop{h, t}) })
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// person is somebody the company knows by an address.
func (s *shop) person(name string) ids.ID {
	s.t.Helper()
	var r customers.Resolved
	s.must(s.DB.Write(s.Ctx(), func(tx *store.Tx) (err error) {
		r, err = s.Customers.ResolveTx(tx, customers.Key{Kind: customers.KindEmail, Namespace: customers.Installation, Value: name + "@example.com"}, true, "zh-CN", s.Clock.Now())
		return err
	}))
	return r.Customer
}

func (s *shop) did(customer ids.ID, event string, ago time.Duration, properties map[string]any) {
	s.t.Helper()
	s.must(s.Customers.Track(s.Ctx(), customers.Track{Customer: customer, Name: event, At: s.Clock.Now().Add(-ago), Properties: properties}))
}

func (s *shop) segment(name string, n rule.Node) ids.ID {
	s.t.Helper()
	got, err := s.Segments.Create(s.Ctx(), s.Boss, segments.Definition{Name: name, Rule: n})
	s.must(err)
	return got.ID
}

// members are who is stored as in a segment.
func (s *shop) members(segment ids.ID) map[ids.ID]bool {
	s.t.Helper()
	list, err := s.Segments.Members(s.Ctx(), segments.MemberFilter{Segment: segment, Limit: 1000})
	s.must(err)
	out := map[ids.ID]bool{}
	for _, m := range list {
		out[m.Customer.ID] = true
	}
	return out
}

func (s *shop) in(segment, customer ids.ID, want bool) {
	s.t.Helper()
	if got := s.members(segment)[customer]; got != want {
		s.t.Errorf("%v: member %v, want %v", s.Clock.Now(), got, want)
	}
}

const day = 24 * time.Hour

// orders is the story's rule: at least so many in the last days.
func orders(many int, last string) rule.Node {
	return rule.Node{Kind: rule.Events, Name: "Order Completed", Op: rule.AtLeast, Value: float64(many), Window: &rule.Window{Last: last}}
}

func TestTheStory(t *testing.T) {
	each(t, func(s *shop) {
		var heard []string
		s.Segments.OnChange(func(_ *store.Tx, c segments.Change) error {
			heard = append(heard, fmt.Sprintf("%v %s %v", c.Entered, c.Reason, c.Build))
			return nil
		})
		segment := s.segment("Buys twice a month", orders(2, "30d"))
		ming, other := s.person("ming"), s.person("other")
		s.Settle()
		s.did(ming, "Order Completed", 0, nil)
		s.did(other, "Order Completed", 40*day, nil)
		s.Settle()
		s.in(segment, ming, false)
		s.Clock.Advance(day)
		s.did(ming, "order completed", 0, nil) // another name
		s.did(ming, "Order Completed", 0, nil)
		s.Settle()
		s.in(segment, ming, true)
		s.in(segment, other, false)
		got, err := s.Segments.Get(s.Ctx(), segment)
		s.must(err)
		if got.Size != 1 || got.State != segments.Ready || !got.FreshAt.Equal(s.Clock.Now()) {
			s.t.Errorf("%+v", got)
		}
		// The first order leaves the window 29 days from now, to the millisecond.
		s.Clock.Advance(29*day - time.Millisecond)
		s.Settle()
		s.in(segment, ming, true)
		s.Clock.Advance(time.Millisecond)
		s.Settle()
		s.in(segment, ming, false)
		if want := []string{"true event false", "false time false"}; fmt.Sprint(heard) != fmt.Sprint(want) {
			s.t.Errorf("heard %v", heard)
		}
		list, err := s.Segments.Changes(s.Ctx(), segments.EntryFilter{Segment: segment, Limit: 10})
		s.must(err)
		if len(list) != 2 || list[0].Entered || list[0].Reason != segments.ByTime || list[0].Customer.ID != ming {
			s.t.Errorf("history %+v", list)
		}
	})
}
