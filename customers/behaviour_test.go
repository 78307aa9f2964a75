package customers_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments/rule"
)

func TestFactsAreWrittenBesideTheirValues(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		who := resolve(t, h, device("d"), "")
		facts := func() string { return h.Words("SELECT facts FROM customers WHERE id = ?", who.Customer) }
		same(t, "of a new one", facts(), "{}")
		resolve(t, h, device("d"), "ZH-cn")
		same(t, "after the browser has told its language", facts(), rule.AttributeFacts(nil, "", "zh-CN", "").JSON())
		update(t, h, who.Customer, customers.Patch{Name: ptr("Ming"), Timezone: ptr("Asia/Shanghai"), Attributes: map[string]any{"City": "ＸＩ'an", "age": 30.5}})
		same(t, "of a profile", facts(), rule.AttributeFacts(map[string]any{"City": "ＸＩ'an", "age": 30.5}, "Ming", "zh-CN", "Asia/Shanghai").JSON())
		err := h.Customers.Track(h.Ctx(), customers.Track{Customer: who.Customer, Name: "Order Completed", At: h.Clock.Now(), Properties: map[string]any{"total": 12.5, "shop": map[string]any{"id": ids.ID(7)}}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "of an event", h.Words("SELECT facts FROM events"), rule.FactsOf(map[string]any{"total": 12.5, "shop": map[string]any{"id": "7"}}).JSON())

		// What an older version has stored gets its facts at the next start.
		h.Run("UPDATE customers SET facts = '{}'")
		h.Run("UPDATE events SET facts = '{}'")
		h.Run("DELETE FROM settings WHERE name = 'facts'")
		if err := h.Customers.Prepare(h.Ctx()); err != nil {
			t.Fatal(err)
		}
		same(t, "after the next start", facts(), rule.AttributeFacts(map[string]any{"City": "ＸＩ'an", "age": 30.5}, "Ming", "zh-CN", "Asia/Shanghai").JSON())
		if h.Words("SELECT facts FROM events") == "{}" {
			t.Error("an event has no facts")
		}
	})
}

func TestListenersHearOfEveryEventInItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var heard []customers.Tracked
		var refuse error
		h.Customers.OnTracked(func(tx *store.Tx, e customers.Tracked) error {
			heard = []customers.Tracked{e}
			return refuse
		})
		who := resolve(t, h, device("d"), "")
		at := h.Clock.Now().Add(-time.Hour)
		if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: who.Customer, Name: "Order Completed", At: at, Properties: map[string]any{"total": 5.0}, Imported: true}); err != nil {
			t.Fatal(err)
		}
		e := heard[0]
		if e.Customer != who.Customer || e.Identity != who.Identity || e.Name != "Order Completed" || !e.At.Equal(at) || !e.ReceivedAt.Equal(h.Clock.Now()) || !e.Imported || *e.Facts["total"].N != 5_000_000 || e.Properties["total"] != 5.0 {
			t.Errorf("%+v", e)
		}
		same(t, "stored", h.Number("SELECT count(*) FROM events WHERE id = ? AND customer_id = ?", e.Event, who.Customer), 1)
		refuse = errors.New("no")
		if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: who.Customer, Name: "Order Completed", At: at}); !errors.Is(err, refuse) {
			t.Errorf("%v", err)
		}
		same(t, "events", h.Number("SELECT count(*) FROM events"), 1)
	})
}

func TestTags(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b := resolve(t, h, device("a"), "").Customer, resolve(t, h, device("b"), "").Customer
		tag := func(id ids.ID, add, remove []string) *customers.Customer {
			t.Helper()
			c, err := h.Customers.SetTags(h.Ctx(), h.Boss, id, add, remove)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		same(t, "tags", tag(a, []string{"vip ", "VIP", "老客户", "a  b"}, nil).Tags, []string{"a b", "vip", "老客户"})
		same(t, "tags of B", tag(b, []string{"Vip"}, []string{"unknown"}).Tags, []string{"vip"})
		list, err := h.Customers.Tags(h.Ctx())
		if err != nil || len(list) != 3 || list[1].Name != "vip" || list[1].Count != 2 {
			t.Errorf("%+v %v", list, err)
		}
		n, err := h.Customers.Count(h.Ctx(), customers.ListFilter{Tag: "ＶＩＰ"})
		if err != nil || n != 2 {
			t.Errorf("%d have it, %v", n, err)
		}
		events := h.Number("SELECT count(*) FROM events")
		changes := h.Number("SELECT count(*) FROM changes")
		tag(a, []string{"vip"}, []string{"unknown"})
		same(t, "what changes nothing tells nothing", h.Number("SELECT count(*) FROM events")+h.Number("SELECT count(*) FROM changes"), events+changes)
		same(t, "without VIP", tag(a, nil, []string{"ViP"}).Tags, []string{"a b", "老客户"})
		same(t, "removed and added", tag(a, []string{"a b"}, []string{"A B"}).Tags, []string{"a b", "老客户"})

		var many []string
		for i := range 101 {
			many = append(many, ids.ID(i+1).String())
		}
		before := h.Dump()
		for _, c := range []struct {
			add, remove []string
			code, field string
		}{
			{[]string{" "}, nil, "required", "add"},
			{nil, []string{strings.Repeat("好", 41)}, "too_long", "remove"},
			{[]string{"a,b"}, nil, "tag_comma", "add"},
			{many, nil, "too_many", "add"},
			{many[:99], nil, "too_many", "add"},
		} {
			_, err := h.Customers.SetTags(h.Ctx(), h.Boss, a, c.add, c.remove)
			house.Refused(t, err, c.code, c.field)
		}
		_, err = h.Customers.SetTags(h.Ctx(), auth.Principal{Role: auth.Viewer}, a, []string{"x"}, nil)
		house.Refused(t, err, "forbidden", "")
		_, err = h.Customers.SetTags(h.Ctx(), h.Boss, 99, []string{"x"}, nil)
		house.Refused(t, err, "not_found", "")
		same(t, "what is stored", h.Dump(), before)
	})
}

func TestStages(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var moves []customers.StageChanged
		h.Customers.OnStage(func(tx *store.Tx, e customers.StageChanged) error {
			moves = append(moves, e)
			return nil
		})
		a := resolve(t, h, device("a"), "").Customer
		move := func(to string, m customers.StageMove) (changed bool) {
			t.Helper()
			h.Clock.Advance(time.Second)
			err := h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) {
				changed, err = h.Customers.MoveStageTx(tx, a, to, m, h.Clock.Now())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return changed
		}
		if get(t, h, a).Stage != nil {
			t.Error("a new customer stands in a stage")
		}
		forward := customers.StageMove{Kind: customers.StageJourney, Reason: "Invite", Ref: "journey:1:n2", ForwardOnly: true}
		for _, step := range []struct {
			to      string
			m       customers.StageMove
			changed bool
		}{
			{"customer", customers.StageMove{Reason: "bought"}, true}, {"customer", customers.StageMove{}, false},
			{"lead", forward, false}, {"customer", forward, false}, {"lapsed", forward, false}, {"member", forward, true},
			{"lapsed", customers.StageMove{}, true}, {"target", forward, true}, {"", customers.StageMove{}, true}, {"lapsed", forward, true},
		} {
			if got := move(step.to, step.m); got != step.changed {
				t.Errorf("to %q: changed %v", step.to, got)
			}
		}
		c := get(t, h, a)
		if c.Stage.Key != "lapsed" || c.Stage.NameZH != "流失" || !c.Stage.Since.Equal(h.Clock.Now()) {
			t.Errorf("%+v", c.Stage)
		}
		same(t, "moves", len(moves), 6)
		if m := moves[1]; m.From != "customer" || m.To != "member" || m.Kind != "journey" || m.Ref != "journey:1:n2" || m.Customer != a {
			t.Errorf("%+v", m)
		}
		list, err := h.Customers.StageChanges(h.Ctx(), a, 0, 10)
		if err != nil || len(list) != 6 || list[5].Reason != "bought" || list[5].Actor.Kind != "system" || list[0].To != "lapsed" {
			t.Errorf("%+v %v", list, err)
		}
		found := events(t, h, customers.EventFilter{Customer: a, Name: customers.EventStageChanged}, 10)
		if len(found) != 6 || !strings.Contains(string(found[4].Properties), `"to":"member"`) {
			t.Errorf("%+v", found)
		}
		cells, err := h.Customers.Movement(h.Ctx(), h.Clock.Now().Add(-time.Hour), h.Clock.Now().Add(time.Second))
		if err != nil || len(cells) != 6 || cells[0] != (customers.StageMovement{From: "", To: "customer", Count: 1}) {
			t.Errorf("%+v %v", cells, err)
		}
		_, err = h.Customers.MoveStage(h.Ctx(), h.Boss, a, "nowhere", "")
		house.Refused(t, err, "unknown_stage", "stage")
		_, err = h.Customers.MoveStage(h.Ctx(), h.Boss, a, "fan", strings.Repeat("x", 301))
		house.Refused(t, err, "too_long", "reason")
	})
}

func TestManagingStages(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var rules []string
		h.Customers.OnStageRule(func(tx *store.Tx, stage string, n *rule.Node) error {
			if n != nil && n.Kind == rule.Segment {
				return fault.AtField("rule", "invalid", nil)
			}
			rules = append(rules, stage)
			return nil
		})
		who := resolve(t, h, device("a"), "").Customer
		g, err := h.Customers.CreateStage(h.Ctx(), h.Boss, customers.Stage{Key: "partner", NameEN: " Partner ", NameZH: "伙伴", Rule: &rule.Node{Kind: rule.All}})
		if err != nil || g.Position != 7 || g.NameEN != "Partner" || g.BuiltIn || g.Rule == nil {
			t.Fatalf("%+v %v", g, err)
		}
		if _, err := h.Customers.MoveStage(h.Ctx(), h.Boss, who, "partner", ""); err != nil {
			t.Fatal(err)
		}
		house.Refused(t, h.Customers.DeleteStage(h.Ctx(), h.Boss, "partner"), "stage_in_use", "")
		house.Refused(t, h.Customers.DeleteStage(h.Ctx(), h.Boss, "fan"), "stage_built_in", "")
		house.Refused(t, h.Customers.DeleteStage(h.Ctx(), h.Boss, "nobody"), "not_found", "")
		for _, c := range []struct {
			g           customers.Stage
			code, field string
		}{
			{customers.Stage{Key: "Partner", NameEN: "x", NameZH: "x"}, "stage_key_invalid", "key"},
			{customers.Stage{Key: "partner", NameEN: "x", NameZH: "x"}, "stage_exists", "key"},
			{customers.Stage{Key: "other", NameEN: "x", NameZH: " "}, "required", "name_zh"},
			{customers.Stage{Key: "other", NameEN: "x", NameZH: "x", Rule: &rule.Node{Kind: rule.Segment}}, "required", "rule.id"},
		} {
			_, err := h.Customers.CreateStage(h.Ctx(), h.Boss, c.g)
			house.Refused(t, err, c.code, c.field)
		}
		_, err = h.Customers.CreateStage(h.Ctx(), auth.Principal{Role: auth.Agent}, customers.Stage{Key: "other", NameEN: "x", NameZH: "x"})
		house.Refused(t, err, "forbidden", "")
		if g, err = h.Customers.UpdateStage(h.Ctx(), h.Boss, "partner", customers.StagePatch{NameZH: ptr("合作伙伴"), SetRule: true}); err != nil || g.NameZH != "合作伙伴" || g.NameEN != "Partner" || g.Rule != nil || g.Count != 1 {
			t.Errorf("%+v %v", g, err)
		}
		order := []string{"partner", "target", "lead", "customer", "member", "fan", "lapsed"}
		list, err := h.Customers.OrderStages(h.Ctx(), h.Boss, order)
		if err != nil || list[0].Key != "partner" || list[6].Position != 7 {
			t.Errorf("%+v %v", list, err)
		}
		_, err = h.Customers.OrderStages(h.Ctx(), h.Boss, order[1:])
		house.Refused(t, err, "stage_order_invalid", "keys")
		if _, err := h.Customers.MoveStage(h.Ctx(), h.Boss, who, "", ""); err != nil {
			t.Fatal(err)
		}
		if err := h.Customers.DeleteStage(h.Ctx(), h.Boss, "partner"); err != nil {
			t.Error(err)
		}
		same(t, "rules told", rules, []string{"partner", "partner", "partner"})
		same(t, "told", h.Number("SELECT count(*) FROM changes WHERE kind = 'stages'"), 4)
	})
}

// Many transactions touch the same people in any order: each change is followed
// by a version of its own, and nobody waits in a circle.
func TestTouchedVersionsAreNeverUsedTwice(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var people []ids.ID
		for _, d := range []string{"a", "b", "c", "d"} {
			people = append(people, resolve(t, h, device(d), "").Customer)
		}
		h.Run("DELETE FROM touched")
		touch := func(list ...ids.ID) {
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				for _, id := range list {
					h.Customers.TouchTx(tx, id)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		}
		touch(people[0], people[0])
		first := h.Number("SELECT version FROM touched WHERE customer_id = ?", people[0])
		same(t, "deleted by its version", h.Run("DELETE FROM touched WHERE customer_id = ? AND version = ?", people[0], first), 1)
		touch(people[0])
		same(t, "a later one by the old version", h.Run("DELETE FROM touched WHERE customer_id = ? AND version = ?", people[0], first), 0)
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for range 20 {
					if worker%2 == 0 {
						touch(people...)
					} else {
						touch(people[3], people[2], people[1], people[0])
					}
				}
			})
		}
		wg.Wait()
		same(t, "touched", h.Number("SELECT count(*) FROM touched"), 4)
	})
}

// Old moves between stages are forgotten, but for everybody's last one, and none
// of people who were merged: their undo restores what each had.
func TestOldStageChangesArePruned(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		plain, one, other := resolve(t, h, device("plain"), ""), resolve(t, h, device("one"), ""), resolve(t, h, device("other"), "")
		move := func(r customers.Resolved, to string) {
			t.Helper()
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				_, err := h.Customers.MoveStageTx(tx, r.Customer, to, customers.StageMove{}, h.Clock.Now())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			h.Clock.Advance(time.Hour)
		}
		for _, to := range []string{"lead", "customer", "member"} {
			move(plain, to)
			move(one, to)
		}
		move(other, "lead")
		m := merge(t, h, one.Customer, other.Customer)
		count := func(r customers.Resolved) int64 {
			return h.Number("SELECT count(*) FROM stage_changes WHERE record_id = ?", r.Customer)
		}
		merged := count(one) + count(other)
		h.Clock.Advance(1000 * time.Hour)
		for range 2 {
			if err := h.Customers.PruneStageChanges(h.Ctx(), h.Clock.Now().Add(-time.Hour)); err != nil {
				t.Fatal(err)
			}
			if count(plain) != 1 || count(one)+count(other) != merged {
				t.Errorf("%d and %d of %d are left", count(plain), count(one)+count(other), merged)
			}
		}
		undo(t, h, m.ID)
		for r, stage := range map[ids.ID]string{plain.Customer: "member", one.Customer: "member", other.Customer: "lead"} {
			same(t, "stage", h.Words("SELECT stage FROM customers WHERE id = ?", r), stage)
		}
	})
}
