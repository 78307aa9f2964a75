package segments_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// While a segment is being built, who enters by what they do now has entered by
// that; who had done enough before it meant this has entered by its definition.
// It makes no difference whether the evaluator or the build comes to them first.
func TestWhoActsDuringABuildEntersByTheirAct(t *testing.T) {
	for _, evaluatorFirst := range []bool{true, false} {
		t.Run(fmt.Sprintf("evaluator first %v", evaluatorFirst), func(t *testing.T) {
			each(t, func(s *shop) { s.actDuringABuild(evaluatorFirst) })
		})
	}
}

func (s *shop) actDuringABuild(evaluatorFirst bool) {
	told := map[[2]ids.ID]string{}
	s.Segments.OnChange(func(_ *store.Tx, c segments.Change) error {
		if c.Entered {
			told[[2]ids.ID{c.Segment, c.Customer}] = fmt.Sprint(c.Build, " ", c.Reason)
		}
		return nil
	})
	people := map[string]ids.ID{}
	for _, name := range []string{"quiet", "had enough", "had enough and again", "acts", "tagged", "was tagged", "other event", "backdated", "moves"} {
		people[name] = s.person(name)
	}
	tag := func(name string) {
		_, err := s.Customers.SetTags(s.Ctx(), s.Boss, people[name], []string{"vip"}, nil)
		s.must(err)
	}
	order := func(name string, ago time.Duration) { s.did(people[name], "Order Completed", ago, nil) }
	for _, name := range []string{"had enough", "had enough and again", "other event"} {
		order(name, day)
		order(name, day)
	}
	order("acts", day)
	order("backdated", day)
	tag("was tagged")
	s.Settle()
	s.Clock.Advance(time.Hour)
	segment := s.segment("Buys, is dear, or is a fan", rule.Node{Kind: rule.Any, Of: []rule.Node{orders(2, "30d"), {Kind: rule.Tag, Name: "vip"}, {Kind: rule.Stage, Values: []any{"fan"}}}})
	events := s.segment("Buys", orders(2, "30d"))
	s.Clock.Advance(time.Minute)
	order("had enough and again", 0)
	order("acts", 0)
	order("backdated", 2*day)
	tag("tagged")
	s.did(people["other event"], "Signed In", 0, nil)
	_, err := s.Customers.MoveStage(s.Ctx(), s.Boss, people["moves"], "fan", "")
	s.must(err)
	if evaluatorFirst {
		for more := true; more; {
			more, err = s.Segments.Evaluate(s.Ctx())
			s.must(err)
		}
	} else {
		for more := true; more; {
			more, err = s.Segments.BuildOn(s.Ctx())
			s.must(err)
		}
	}
	s.Settle()
	for name, want := range map[string][2]string{
		"quiet":                {"", ""},
		"had enough":           {"true definition", "true definition"},
		"had enough and again": {"true definition", "true definition"},
		"acts":                 {"false event", "false event"},
		"tagged":               {"false profile", ""},
		"was tagged":           {"true definition", ""},
		"other event":          {"true definition", "true definition"},
		"backdated":            {"false event", "false event"},
		"moves":                {"false profile", ""},
	} {
		for n, one := range []ids.ID{segment, events} {
			if got := told[[2]ids.ID{one, people[name]}]; got != want[n] {
				s.t.Errorf("%s, segment %d: heard %q, want %q", name, n, got, want[n])
			}
			s.in(one, people[name], want[n] != "")
		}
	}
}

// To build a segment again changes nothing about what it means: who enters then
// has done so by their act.
func TestARebuildIsNoCause(t *testing.T) {
	each(t, func(s *shop) {
		var told []string
		s.Segments.OnChange(func(_ *store.Tx, c segments.Change) error {
			told = append(told, fmt.Sprint(c.Entered, " ", c.Build, " ", c.Reason))
			return nil
		})
		ming := s.person("ming")
		segment := s.segment("Buys", orders(1, "30d"))
		s.Settle()
		s.Clock.Advance(day)
		s.did(ming, "Order Completed", 0, nil)
		s.Clock.Advance(time.Second)
		_, err := s.Segments.Rebuild(s.Ctx(), s.Boss, segment)
		s.must(err)
		for more := true; more; {
			more, err = s.Segments.BuildOn(s.Ctx())
			s.must(err)
		}
		s.Settle()
		if want := "[true false event]"; fmt.Sprint(told) != want {
			s.t.Errorf("heard %v, want %s", told, want)
		}
	})
}
