package segments_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

func vip() rule.Node { return rule.Node{Kind: rule.Tag, Name: "VIP"} }

func inSegment(id ids.ID) rule.Node { return rule.Node{Kind: rule.Segment, ID: id.String()} }

func all(of ...rule.Node) rule.Node { return rule.Node{Kind: rule.All, Of: of} }

func TestDefinitionsAreChecked(t *testing.T) {
	each(t, func(s *shop) {
		first := s.segment("First", vip())
		second := s.segment("Second", all(inSegment(first)))
		for _, c := range []struct {
			name        string
			d           segments.Definition
			code, field string
		}{
			{"no name", segments.Definition{Rule: vip()}, "required", "name"},
			{"name taken, folded", segments.Definition{Name: " fIRST ", Rule: vip()}, "name_taken", "name"},
			{"unknown segment", segments.Definition{Name: "X", Rule: all(vip(), inSegment(5))}, "segment_unknown", "rule.of[1].id"},
			{"unknown stage", segments.Definition{Name: "X", Rule: all(rule.Node{Kind: rule.Stage, Values: []any{"nowhere"}})}, "unknown_stage", ""},
			{"nonsense", segments.Definition{Name: "X", Rule: rule.Node{Kind: "nonsense"}}, "not_one_of", "rule.kind"},
		} {
			_, err := s.Segments.Create(s.Ctx(), s.Boss, c.d)
			if e, ok := fault.As(err); c.name == "unknown stage" {
				if !ok || len(e.Fields) != 1 {
					s.t.Errorf("%s: %v", c.name, err)
				}
				continue
			}
			house.Refused(s.t, err, c.code, c.field)
		}
		// A circle is refused at the leaf that closes it, with the names on the way.
		_, err := s.Segments.Update(s.Ctx(), s.Boss, first, 1, segments.Definition{Name: "First", Rule: rule.Node{Kind: rule.Any, Of: []rule.Node{vip(), inSegment(second)}}})
		house.Refused(s.t, err, "segment_cycle", "rule.of[1]")
		if e, _ := fault.As(err); e != nil && e.Params["path"] != "First → Second → First" {
			s.t.Errorf("path %v", e.Params)
		}
		agent := s.Teammate(auth.Principal{Role: auth.Agent})
		_, err = s.Segments.Create(s.Ctx(), agent, segments.Definition{Name: "Y", Rule: vip()})
		house.Refused(s.t, err, "forbidden", "")
		house.Refused(s.t, s.Segments.Delete(s.Ctx(), agent, first), "forbidden", "")
	})
}

func TestAnOldVersionChangesNothing(t *testing.T) {
	each(t, func(s *shop) {
		id := s.segment("One", vip())
		got, err := s.Segments.Update(s.Ctx(), s.Boss, id, 1, segments.Definition{Name: "Two", Rule: vip()})
		s.must(err)
		if got.Version != 2 || got.Name != "Two" {
			s.t.Errorf("%+v", got)
		}
		_, err = s.Segments.Update(s.Ctx(), s.Boss, id, 1, segments.Definition{Name: "Three", Rule: vip()})
		house.Refused(s.t, err, "segment_changed", "")
		if got, err := s.Segments.Get(s.Ctx(), id); err != nil || got.Name != "Two" {
			s.t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestWhatIsNeededStays(t *testing.T) {
	each(t, func(s *shop) {
		id := s.segment("Needed", vip())
		second := s.segment("Needs it", all(inSegment(id)))
		uses := []segments.Use(nil)
		s.Segments.OnUse(func(store.Querier, ids.ID) ([]segments.Use, error) { return uses, nil })
		s.must(s.DB.Write(s.Ctx(), func(tx *store.Tx) error { n := inSegment(id); return s.Segments.StageRuleTx(tx, "fan", &n) }))
		err := s.Segments.Delete(s.Ctx(), s.Boss, id)
		house.Refused(s.t, err, "segment_in_use", "")
		if e, _ := fault.As(err); fmt.Sprint(e.Params["by"]) != "Needs it, Fan" {
			s.t.Errorf("by %v", e.Params["by"])
		}
		s.must(s.Segments.Delete(s.Ctx(), s.Boss, second))
		s.must(s.DB.Write(s.Ctx(), func(tx *store.Tx) error { return s.Segments.StageRuleTx(tx, "fan", nil) }))
		uses = []segments.Use{{Kind: "journey", ID: "7", Name: "Welcome"}}
		house.Refused(s.t, s.Segments.Delete(s.Ctx(), s.Boss, id), "segment_in_use", "")
		if got, err := s.Segments.Get(s.Ctx(), id); err != nil || len(got.UsedBy) != 1 || got.UsedBy[0].Name != "Welcome" {
			s.t.Errorf("%+v, %v", got, err)
		}
		uses = nil
		ming := s.person("ming")
		_, err = s.Customers.SetTags(s.Ctx(), s.Boss, ming, []string{"vip"}, nil)
		s.must(err)
		s.Settle()
		s.in(id, ming, true)
		s.must(s.Segments.Delete(s.Ctx(), s.Boss, id))
		_, err = s.Segments.Get(s.Ctx(), id)
		house.Refused(s.t, err, "not_found", "")
		for range 3 { // lists hear of it, at most once a second, before it is swept
			s.Clock.Advance(2 * time.Second)
			s.Settle()
		}
		for _, table := range []string{"segments", "memberships", "segment_wakeups", "membership_changes"} {
			if n := s.Number("SELECT count(*) FROM " + table); n != 0 {
				s.t.Errorf("%d rows of %s are left", n, table)
			}
		}
		if n := s.Number(`SELECT count(*) FROM changes WHERE kind = 'segment' AND payload LIKE '%"deleted":true%'`); n != 2 {
			s.t.Errorf("%d changes tell of two deleted segments", n)
		}
	})
}

// A changed rule replaces what the old one gathered, also in segments that name
// it; a build that is interrupted after any step goes on there.
func TestAnotherRuleIsBuiltInSteps(t *testing.T) {
	each(t, func(s *shop) {
		var people []ids.ID
		for n := range 12 {
			who := s.person(fmt.Sprintf("p%d", n))
			people = append(people, who)
			tag := "vip"
			if n%3 == 0 {
				tag = "new"
			}
			_, err := s.Customers.SetTags(s.Ctx(), s.Boss, who, []string{tag}, nil)
			s.must(err)
		}
		base := s.segment("Base", vip())
		over := s.segment("Over", rule.Node{Kind: rule.None, Of: []rule.Node{inSegment(base)}})
		s.Settle()
		check := func(segment ids.ID, third bool) {
			s.t.Helper()
			for n, who := range people {
				s.in(segment, who, n%3 == 0 == third)
			}
		}
		check(base, false)
		check(over, true)
		_, err := s.Segments.Update(s.Ctx(), s.Boss, base, 1, segments.Definition{Name: "Base", Rule: rule.Node{Kind: rule.Tag, Name: "new"}})
		s.must(err)
		if got, err := s.Segments.Get(s.Ctx(), over); err != nil || got.State != segments.Building || got.Size != 4 {
			s.t.Errorf("%+v, %v", got, err)
		}
		for n := 0; ; n++ { // a new process for every step
			s.Segments = s.NewSegments()
			s.Segments.SetSizes(3, 10) // 5 people a step of two builds
			if more, err := s.Segments.BuildOn(s.Ctx()); err != nil || !more {
				s.must(err)
				if n < 3 {
					s.t.Errorf("built in %d steps", n)
				}
				break
			}
			if n == 0 {
				got, err := s.Segments.Get(s.Ctx(), base)
				s.must(err)
				if got.Progress < 30 || got.Progress > 50 || got.State != segments.Building {
					s.t.Errorf("after the first of three steps: %+v", got)
				}
				s.in(base, people[11], true) // as the rule before had it
				s.did(people[11], "Signed In", 0, nil)
				_, err = s.Segments.Evaluate(s.Ctx())
				s.must(err)
				s.in(base, people[11], false) // who is touched, by the new one
			}
		}
		check(base, true)
		check(over, false)
		if got, err := s.Segments.Get(s.Ctx(), base); err != nil || got.State != segments.Ready || got.Size != 4 || got.Progress != 100 {
			s.t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestRulesOfStagesMovePeopleForward(t *testing.T) {
	each(t, func(s *shop) {
		stage := func(who ids.ID, want string) {
			s.t.Helper()
			if got := s.Words("SELECT stage FROM customers WHERE id = ?", who); got != want {
				s.t.Errorf("%v stands in %q, want %q", who, got, want)
			}
		}
		set := func(key string, n *rule.Node) {
			s.t.Helper()
			_, err := s.Customers.UpdateStage(s.Ctx(), s.Boss, key, customers.StagePatch{SetRule: true, Rule: n})
			s.must(err)
		}
		one, two := orders(1, "36500d"), orders(2, "36500d")
		ming, fan := s.person("ming"), s.person("fan")
		s.did(ming, "Order Completed", 0, nil)
		s.did(fan, "Order Completed", 0, nil)
		_, err := s.Customers.MoveStage(s.Ctx(), s.Boss, fan, "fan", "")
		s.must(err)
		set("customer", &one)
		set("member", &two)
		s.Settle()
		stage(ming, "customer")
		stage(fan, "fan")
		s.did(ming, "Order Completed", 0, nil)
		s.Settle()
		stage(ming, "member")
		if n := s.Number("SELECT count(*) FROM stage_changes WHERE customer_id = ? AND reason_kind = 'rule'", ming); n != 2 {
			s.t.Errorf("%d moves", n)
		}
		// Whoever is not seen for long lapses, from wherever they stand, and
		// returns to the furthest stage whose rule still holds.
		gone := rule.Node{Kind: rule.Dormant, Duration: "90d"}
		set("lapsed", &gone)
		s.Clock.Advance(90 * day)
		s.Settle()
		stage(ming, "lapsed")
		_, err = s.Receiver(ming)
		s.must(err)
		s.Settle()
		stage(ming, "member")
		set("lapsed", nil)
		bad := all(inSegment(77))
		_, err = s.Customers.UpdateStage(s.Ctx(), s.Boss, "customer", customers.StagePatch{SetRule: true, Rule: &bad})
		house.Refused(s.t, err, "segment_unknown", "rule.of[0].id")
	})
}

// Receiver lets somebody be seen now.
func (s *shop) Receiver(who ids.ID) (customers.Resolved, error) {
	list, err := s.Customers.Identities(s.Ctx(), who)
	s.must(err)
	var r customers.Resolved
	err = s.DB.Write(s.Ctx(), func(tx *store.Tx) (err error) {
		r, err = s.Customers.ResolveTx(tx, customers.Key{Kind: list[0].Kind, Namespace: list[0].Namespace, Value: list[0].Value}, true, "", s.Clock.Now())
		return err
	})
	return r, err
}

func TestHiddenSegmentsTellTheirOwner(t *testing.T) {
	each(t, func(s *shop) {
		var heard []string
		s.Segments.OnChange(func(_ *store.Tx, c segments.Change) error {
			heard = append(heard, fmt.Sprintf("%s %v %v %s", c.Owner, c.Entered, c.Build, c.Reason))
			return nil
		})
		watch := func(n rule.Node) (id ids.ID) {
			s.t.Helper()
			s.must(s.DB.Write(s.Ctx(), func(tx *store.Tx) (err error) { id, err = s.Segments.Watch(tx, "journey:1:exit", n); return err }))
			return id
		}
		ming := s.person("ming")
		first := watch(vip())
		s.Settle()
		if again := watch(vip()); again != first || s.Words("SELECT state FROM segments WHERE id = ?", first) != segments.Ready {
			s.t.Error("the same rule again is built again")
		}
		_, err := s.Customers.SetTags(s.Ctx(), s.Boss, ming, []string{"vip"}, nil)
		s.must(err)
		s.Settle()
		watch(rule.Node{Kind: rule.Tag, Name: "new"})
		s.Settle()
		list, err := s.Segments.List(s.Ctx())
		s.must(err)
		if _, err := s.Segments.Get(s.Ctx(), first); len(list) != 0 || fault.CodeOf(err) != "not_found" {
			s.t.Errorf("a hidden segment is shown: %v, %v", list, err)
		}
		if want := []string{"journey:1:exit true false profile", "journey:1:exit false true definition"}; fmt.Sprint(heard) != fmt.Sprint(want) {
			s.t.Errorf("heard %q", heard)
		}
		s.must(s.DB.Write(s.Ctx(), func(tx *store.Tx) error { return s.Segments.UnwatchTx(tx, "journey:1:exit") }))
		s.Settle()
		if n := s.Number("SELECT count(*) FROM segments"); n != 0 {
			s.t.Errorf("%d segments are left", n)
		}
	})
}

// Run wakes at the very edge, without being hinted and also when the clock is
// moved over it.
func TestWokenAtTheEdge(t *testing.T) {
	each(t, func(s *shop) {
		told := make(chan segments.Change, 10)
		s.Segments.OnChange(func(_ *store.Tx, c segments.Change) error { told <- c; return nil })
		segment := s.segment("Lately", orders(1, "1h"))
		ming := s.person("ming")
		s.did(ming, "Order Completed", 0, nil)
		s.Settle()
		<-told
		ctx, cancel := context.WithCancel(s.Ctx())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Segments.Run(ctx, nil) }()
		edge := s.Clock.Now().Add(time.Hour)
		for s.Clock.Now().Before(edge.Add(-time.Millisecond)) {
			s.Clock.AwaitSleepers(1)
			s.Clock.Advance(min(29*time.Minute+59*time.Second, edge.Add(-time.Millisecond).Sub(s.Clock.Now())))
		}
		s.Clock.AwaitSleepers(1)
		s.in(segment, ming, true)
		s.Clock.Advance(time.Millisecond)
		select {
		case c := <-told:
			if c.Entered || c.Reason != segments.ByTime || !c.At.Equal(edge) {
				s.t.Errorf("%+v", c)
			}
		case <-time.After(20 * time.Second):
			s.t.Error("nobody woke at the edge")
		}
		cancel()
		<-ended
		s.in(segment, ming, false)
	})
}

// TestAnEdgeComesWhileSomethingElseHappens: whoever has just done what their
// segment does not ask for still leaves it when the time has come.
func TestAnEdgeComesWhileSomethingElseHappens(t *testing.T) {
	each(t, func(s *shop) {
		key, err := s.Customers.CreateWriteKey(s.Ctx(), s.Boss, "Shop", customers.ServerKey)
		s.must(err)
		calls := func(events ...string) {
			t.Helper()
			for _, event := range events {
				_, err := s.Customers.Ingest(s.Ctx(), key, []customers.Call{{Type: customers.CallTrack, UserID: "ming", Event: event, MessageID: s.IDs.Next().String(), At: s.Clock.Now()}})
				s.must(err)
			}
		}
		ordered := s.segment("Ordered today", rule.Node{Kind: rule.Events, Name: "Order Completed", Op: rule.AtLeast, Value: 1.0, Window: &rule.Window{Last: "1d"}})
		absent := s.segment("No order today", rule.Node{Kind: rule.Time, Name: "Order Completed", Which: "last", Op: rule.MoreThanAgo, Duration: "1d"})
		calls("Order Completed", "Signed In")
		s.Settle()
		if len(s.members(ordered)) != 1 || len(s.members(absent)) != 0 {
			t.Fatal(s.members(ordered), s.members(absent))
		}
		s.Clock.Advance(24 * time.Hour)
		calls("Signed In")
		s.Settle()
		if len(s.members(ordered)) != 0 || len(s.members(absent)) != 1 {
			t.Error(s.members(ordered), s.members(absent))
		}
	})
}

// Whoever has a list open hears at once that a teammate has made, renamed or
// deleted a segment.
func TestDefinitionsAreTold(t *testing.T) {
	each(t, func(s *shop) {
		told := func() string {
			return s.Words("SELECT payload FROM changes WHERE kind = 'segment' ORDER BY id DESC LIMIT 1")
		}
		one, err := s.Segments.Create(s.Ctx(), s.Boss, segments.Definition{Name: "First", Rule: vip()})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := told(), fmt.Sprintf(`{"defined":true,"segment":{"id":"%s","size":0,"state":"building","progress":0}}`, one.ID); got != want {
			t.Errorf("created: %s", got)
		}
		s.Settle()
		n := s.Number("SELECT count(*) FROM changes WHERE kind = 'segment'")
		if _, err := s.Segments.Update(s.Ctx(), s.Boss, one.ID, one.Version, segments.Definition{Name: "Renamed", Rule: vip()}); err != nil {
			t.Fatal(err)
		}
		if got, want := told(), fmt.Sprintf(`{"defined":true,"segment":{"id":"%s","size":0,"state":"ready","progress":100}}`, one.ID); got != want || s.Number("SELECT count(*) FROM changes WHERE kind = 'segment'") != n+1 {
			t.Errorf("renamed: %s", got)
		}
		if err := s.Segments.Delete(s.Ctx(), s.Boss, one.ID); err != nil {
			t.Fatal(err)
		}
		if got, want := told(), fmt.Sprintf(`{"deleted":true,"segment_id":"%s"}`, one.ID); got != want {
			t.Errorf("deleted: %s", got)
		}
	})
}

// Who entered and left long ago is forgotten; who is in stays in.
func TestOldChangesArePruned(t *testing.T) {
	each(t, func(s *shop) {
		one := s.segment("Everybody", rule.Node{Kind: rule.All})
		s.Receive("a", "1", "hello")
		s.Settle()
		s.Clock.Advance(100 * 24 * time.Hour)
		s.Receive("b", "1", "hello")
		s.Settle()
		for range 2 {
			if err := s.Segments.PruneChanges(s.Ctx(), s.Clock.Now().Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
			if changes, members := s.Number("SELECT count(*) FROM membership_changes WHERE segment_id = ?", one), s.Number("SELECT count(*) FROM memberships WHERE segment_id = ?", one); changes != 1 || members != 2 {
				t.Errorf("%d changes and %d members are left", changes, members)
			}
		}
	})
}

// Nobody is reached by a channel of which no account is in use.
func TestPreviewsReachNobodyByAChannelThatIsOff(t *testing.T) {
	each(t, func(s *shop) {
		s.Receive("ming", "k", "Hello")
		everybody := rule.Node{Kind: rule.All}
		reached := func() int64 {
			p, err := s.Segments.Preview(s.Ctx(), everybody)
			s.must(err)
			return p.Reach["webchat"]
		}
		if n := reached(); n != 1 {
			s.t.Errorf("%d are reached, not one", n)
		}
		off := channels.Disabled
		_, err := s.Accounts.Update(s.Ctx(), s.Account.ID, channels.Patch{Status: &off, By: s.Boss})
		s.must(err)
		if n := reached(); n != 0 {
			s.t.Errorf("%d are reached by a channel that is off", n)
		}
	})
}
