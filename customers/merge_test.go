package customers_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

func openid(v string) customers.Key {
	return customers.Key{Kind: customers.KindOpenID, Namespace: "7", Value: v}
}

func mail(t *testing.T, v string) customers.Key {
	t.Helper()
	k, ok := customers.EmailKey(v)
	if !ok {
		t.Fatalf("%q is no address", v)
	}
	return k
}

func proven(email string) customers.Traits {
	return customers.Traits{Email: email, EmailProven: true}
}

var keys int

func merge(t *testing.T, h *house.House, survivor, absorbed ids.ID, despite ...string) *customers.Merge {
	t.Helper()
	keys++
	m, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: survivor, Absorb: absorbed, ClientKey: fmt.Sprint("key-", keys), Despite: despite})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func undo(t *testing.T, h *house.House, id ids.ID) *customers.Merge {
	t.Helper()
	m, err := h.Customers.Undo(h.Ctx(), h.Boss, id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func update(t *testing.T, h *house.House, id ids.ID, p customers.Patch) *customers.Customer {
	t.Helper()
	c, err := h.Customers.Update(h.Ctx(), id, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func track(t *testing.T, h *house.House, r customers.Resolved, name string) {
	t.Helper()
	if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: r.Customer, Identity: r.Identity, Name: name, At: h.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
}

// merges are the ids of a customer's log, newest first.
func merges(t *testing.T, h *house.House, id ids.ID) (out []customers.Merge) {
	t.Helper()
	out, err := h.Customers.Merges(h.Ctx(), customers.MergeFilter{Customer: id, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func profile(c *customers.Customer) string {
	return fmt.Sprint(deref(c.Name), "|", deref(c.Locale), "|", deref(c.Timezone), "|", c.Attributes)
}

func TestMergeByHandAndItsUndo(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b := resolve(t, h, device("a"), "en"), resolve(t, h, openid("b"), "zh-CN")
		update(t, h, a.Customer, customers.Patch{Name: ptr("Ann"), Attributes: map[string]any{"plan": "gold"}})
		update(t, h, b.Customer, customers.Patch{Name: ptr("安"), Timezone: ptr("Asia/Shanghai"), Attributes: map[string]any{"plan": "free", "city": "西安"}})
		track(t, h, a, "By A")
		track(t, h, b, "By B")
		was := map[ids.ID]string{a.Customer: profile(get(t, h, a.Customer)), b.Customer: profile(get(t, h, b.Customer))}
		m := merge(t, h, a.Customer, b.Customer)
		c := get(t, h, b.Customer)
		same(t, "who answers to the absorbed id", c.ID, a.Customer)
		same(t, "profile", profile(c), "Ann|en|Asia/Shanghai|map[city:西安 plan:gold]")
		for q, want := range map[string]int64{"安": 1, "ann": 1, "b": 1} { // both names, and the follower's id
			n, err := h.Customers.Count(h.Ctx(), customers.ListFilter{Query: q})
			if err != nil || n != want {
				t.Errorf("%q finds %d, %v", q, n, err)
			}
		}
		same(t, "filled", m.Filled, map[string]any{"timezone": "Asia/Shanghai", "attributes.city": "西安"})
		if m.Kind != customers.ByHand || m.Survivor.ID != a.Customer || m.Absorbed.ID != b.Customer || len(m.Identities) != 1 || *m.Actor.Name != "Boss" || m.Undone != nil {
			t.Errorf("%+v", m)
		}
		same(t, "events", len(events(t, h, customers.EventFilter{Customer: a.Customer}, 10)), 2)
		same(t, "the leaving is told", h.Number("SELECT count(*) FROM changes WHERE kind = 'customer_merged' AND customer_id = ? AND audience = 'customers'", b.Customer), 1)

		// What comes through an identity later goes with it; what somebody writes down stays.
		track(t, h, resolve(t, h, openid("b"), ""), "By B, later")
		update(t, h, a.Customer, customers.Patch{Attributes: map[string]any{"city": "Beijing", "note": "x"}})
		gone := undo(t, h, m.ID)
		if gone.Undone == nil || *gone.Undone.Actor.Name != "Boss" {
			t.Errorf("%+v", gone)
		}
		same(t, "profile of B", profile(get(t, h, b.Customer)), was[b.Customer])
		same(t, "profile of A", profile(get(t, h, a.Customer)), "Ann|en||map[city:Beijing note:x plan:gold]")
		same(t, "events of B", len(events(t, h, customers.EventFilter{Customer: b.Customer}, 10)), 2)
		same(t, "events of A", len(events(t, h, customers.EventFilter{Customer: a.Customer}, 10)), 1)
		same(t, "whose the follower is", resolve(t, h, openid("b"), "").Customer, b.Customer)
		for _, id := range []ids.ID{a.Customer, b.Customer} {
			if h.Number("SELECT count(*) FROM changes WHERE kind = 'customer' AND customer_id = ?", id) == 0 {
				t.Errorf("nobody was told of %s", id)
			}
		}
		if n, err := h.Customers.Count(h.Ctx(), customers.ListFilter{Query: "安"}); err != nil || n != 1 {
			t.Errorf("apart, the name finds %d, %v", n, err)
		}
		before := h.Dump()
		again := undo(t, h, m.ID)
		same(t, "undone again", again.Undone.At, gone.Undone.At)
		same(t, "what is stored", h.Dump(), before)
		same(t, "listed by both", []int{len(merges(t, h, a.Customer)), len(merges(t, h, b.Customer))}, []int{1, 1})
	})
}

func TestMergeRefuses(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		one, two := identify(t, h, "d1", "u1", customers.Traits{Name: "One"}).Customer, identify(t, h, "d2", "u2", customers.Traits{Name: "Two"}).Customer
		viewer := h.Teammate(auth.Principal{Role: auth.Viewer})
		before := h.Dump()
		for _, c := range []struct {
			p           auth.Principal
			r           customers.MergeRequest
			code, field string
		}{
			{viewer, customers.MergeRequest{Survivor: one, Absorb: two, ClientKey: "k"}, "forbidden", ""},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: two}, "required", "client_key"},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: two, ClientKey: "a\nb"}, "client_key_invalid", "client_key"},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: one, ClientKey: "k"}, "merge_same", "absorb"},
			{h.Boss, customers.MergeRequest{Survivor: 99, Absorb: one, ClientKey: "k"}, "not_found", ""},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: 99, ClientKey: "k"}, "customer_unknown", "absorb"},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: two, ClientKey: "k"}, "merge_objected", ""},
			{h.Boss, customers.MergeRequest{Survivor: one, Absorb: two, ClientKey: "k", Despite: []string{"names_differ"}}, "merge_objected", ""},
		} {
			_, err := h.Customers.Merge(h.Ctx(), c.p, c.r)
			house.Refused(t, err, c.code, c.field)
		}
		_, err := h.Customers.Undo(h.Ctx(), viewer, 1)
		house.Refused(t, err, "forbidden", "")
		_, err = h.Customers.Undo(h.Ctx(), h.Boss, 1)
		house.Refused(t, err, "not_found", "")
		same(t, "what is stored", h.Dump(), before)
		m := merge(t, h, one, two, "two_known_people")
		_, err = h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: two, Absorb: one, ClientKey: "k"})
		house.Refused(t, err, "merge_same", "absorb") // the absorbed id leads to the survivor
		undo(t, h, m.ID)
		p, err := h.Customers.PreviewMerge(h.Ctx(), one, two)
		if err != nil || len(p.Objections) != 3 || p.Objections[1].Code != "undone_before" {
			t.Errorf("%+v %v", p, err)
		}
	})
}

func TestAMergeIsMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b, c := resolve(t, h, device("a"), "").Customer, resolve(t, h, device("b"), "").Customer, resolve(t, h, device("c"), "").Customer
		const clients = 8
		got, errs := make([]*customers.Merge, clients), make([]error, clients)
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				got[i], errs[i] = h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: a, Absorb: b, ClientKey: "k"})
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			same(t, "merge", m.ID, got[0].ID)
		}
		same(t, "merges", h.Number("SELECT count(*) FROM merges"), 1)
		_, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: a, Absorb: c, ClientKey: "k"})
		house.Refused(t, err, "client_key_reused", "")
		undo(t, h, got[0].ID)
		again, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: a, Absorb: b, ClientKey: "k"})
		if err != nil || again.ID != got[0].ID || again.Undone == nil {
			t.Errorf("a late repeat gave %+v, %v", again, err) // and did not merge anew
		}
	})
}

func TestPreview(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a := resolve(t, h, device("a"), "en")
		update(t, h, a.Customer, customers.Patch{Name: ptr("Ann"), Attributes: map[string]any{"plan": "gold"}})
		b := identify(t, h, "b", "u", customers.Traits{Name: "Anna", Attributes: map[string]any{"plan": "free", "age": 30.0}}).Customer
		before := h.Dump()
		p, err := h.Customers.PreviewMerge(h.Ctx(), a.Customer, b)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "what is stored", h.Dump(), before)
		got := ""
		for _, f := range p.Fields {
			got += fmt.Sprintf("%s %v %v -> %v %s; ", f.Field, f.Survivor, f.Absorbed, f.Result, f.From)
		}
		same(t, "fields", got, "attributes.age <nil> 30 -> 30 absorbed; attributes.plan gold free -> gold survivor; locale en <nil> -> en survivor; name Ann Anna -> Ann survivor; ")
		if p.Suggested != b || len(p.Survivor.Identities) != 1 || len(p.Absorbed.Identities) != 2 || p.Absorbed.Events != 1 {
			t.Errorf("%+v", p)
		}
		if len(p.Objections) != 1 || p.Objections[0].Code != "names_differ" || p.Objections[0].Serious {
			t.Errorf("%+v", p.Objections)
		}
		merge(t, h, a.Customer, b)
		for _, f := range p.Fields {
			c := get(t, h, b)
			is := map[string]any{"name": *c.Name, "locale": *c.Locale, "attributes.age": c.Attributes["age"], "attributes.plan": c.Attributes["plan"]}[f.Field]
			same(t, f.Field, is, f.Result)
		}
		for _, c := range []struct {
			one, other  ids.ID
			code, field string
		}{{a.Customer, b, "merge_same", "with"}, {99, b, "not_found", ""}, {b, 99, "customer_unknown", "with"}} {
			_, err := h.Customers.PreviewMerge(h.Ctx(), c.one, c.other)
			house.Refused(t, err, c.code, c.field)
		}
	})
}

// Fields that came through several merges are taken back with the one that
// brought them, whatever the order.
func TestFilledFieldsFollowTheirRecord(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for _, order := range [][]int{{0, 1}, {1, 0}} {
			a, b, c := resolve(t, h, device(fmt.Sprint("a", order)), "").Customer, resolve(t, h, device(fmt.Sprint("b", order)), "").Customer, resolve(t, h, device(fmt.Sprint("c", order)), "").Customer
			update(t, h, a, customers.Patch{Attributes: map[string]any{"a": "1"}})
			update(t, h, b, customers.Patch{Name: ptr("Bo"), Attributes: map[string]any{"b": "1"}})
			list := []*customers.Merge{merge(t, h, a, b), merge(t, h, c, a)}
			same(t, "all", profile(get(t, h, b)), "Bo|||map[a:1 b:1]")
			update(t, h, c, customers.Patch{Name: ptr(""), Attributes: map[string]any{"b": nil}}) // somebody clears what was filled
			same(t, "cleared", profile(get(t, h, a)), "|||map[a:1]")
			undo(t, h, list[order[0]].ID)
			if order[0] == 0 {
				same(t, "A and C without B", profile(get(t, h, a)), "|||map[a:1]")
				same(t, "B", profile(get(t, h, b)), "Bo|||map[b:1]")
			} else {
				same(t, "A and B without C", profile(get(t, h, b)), "Bo|||map[a:1 b:1]")
			}
			undo(t, h, list[order[1]].ID)
			for id, want := range map[ids.ID]string{a: "|||map[a:1]", b: "Bo|||map[b:1]", c: "|||map[]"} {
				same(t, "apart", profile(get(t, h, id)), want)
				same(t, "own id", get(t, h, id).ID, id)
			}
			same(t, "nothing is kept apart", h.Number("SELECT count(*) FROM customers WHERE own <> '' OR merged_into > 0"), 0)
		}
	})
}

// A browser that a teammate has taken from a person is not given back to them
// by the next page: the site gives it a new visitor.
func TestAnUndoneIdentifyStaysUndone(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		before := resolve(t, h, device("d"), "")
		who := identify(t, h, "d", "u", customers.Traits{Name: "Lin"}).Customer
		log := merges(t, h, who)
		if len(log) != 1 || log[0].Kind != customers.ByIdentify || log[0].Actor.Kind != "system" || log[0].Absorbed.ID != before.Customer {
			t.Fatalf("%+v", log)
		}
		undo(t, h, log[0].ID)
		same(t, "whose the browser is", resolve(t, h, device("d"), "").Customer, before.Customer)
		again := identify(t, h, "d", "u", customers.Traits{})
		if !again.Taken || again.Customer != who {
			t.Errorf("%+v", again)
		}
		if other := identify(t, h, "d", "somebody else", customers.Traits{}); other.Taken || other.Customer == who {
			t.Errorf("%+v", other)
		}
	})
}
