package customers_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
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
		house.Refused(t, err, "merge_key_reused", "")
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

func TestProvenEmail(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		writer := resolve(t, h, mail(t, "Lin@Example.com"), "")
		track(t, h, writer, "Mail")
		// Without proof an address is an attribute, and joins nobody.
		who := identify(t, h, "d", "u1", customers.Traits{Email: "lin@example.com"}).Customer
		same(t, "whose the address is", resolve(t, h, mail(t, "lin@example.com"), "").Customer, writer.Customer)
		same(t, "joined", identify(t, h, "d", "u1", proven("LIN@example.com")).Customer, who)
		same(t, "whose the address is", resolve(t, h, mail(t, "lin@example.com"), "").Customer, who)
		log := merges(t, h, who)
		if len(log) != 1 || log[0].Kind != customers.ByEmail || log[0].Survivor.ID != who {
			t.Fatalf("%+v", log)
		}
		same(t, "verified", h.Number("SELECT count(*) FROM identities WHERE kind = 'email' AND verified AND customer_id = ?", who), 1)
		found, err := h.Customers.List(h.Ctx(), customers.ListFilter{Query: "in@example", Limit: 5})
		if err != nil || len(found) != 1 {
			t.Errorf("%v %v", found, err)
		}
		// Another person's proof of the same address is a contradiction.
		other := identify(t, h, "d2", "u2", proven("lin@example.com")).Customer
		if other == who {
			t.Fatal("two known people were joined")
		}
		for _, id := range []ids.ID{who, other, 0} {
			list, err := h.Customers.Contradictions(h.Ctx(), customers.ContradictionFilter{Customer: id, Limit: 10})
			if err != nil || len(list) != 1 || list[0].Kind != "email" || list[0].Customer.ID != other || list[0].Other.ID != who || list[0].Theirs.Value != "lin@example.com" {
				t.Errorf("%+v %v", list, err)
			}
		}
		identify(t, h, "d2", "u2", proven("lin@example.com"))
		n, err := h.Customers.CountContradictions(h.Ctx(), customers.ContradictionFilter{})
		if err != nil || n != 1 {
			t.Errorf("%d contradictions, %v", n, err)
		}
		// A teammate takes the address away: the site's next page does not bring it back.
		undo(t, h, log[0].ID)
		same(t, "whose the address is", resolve(t, h, mail(t, "lin@example.com"), "").Customer, writer.Customer)
		identify(t, h, "d", "u1", proven("lin@example.com"))
		same(t, "whose the address is", resolve(t, h, mail(t, "lin@example.com"), "").Customer, writer.Customer)
		// A new address is simply theirs.
		identify(t, h, "d", "u1", proven("new@example.com"))
		same(t, "whose the new address is", resolve(t, h, mail(t, "new@example.com"), "").Customer, who)
		_, err = h.Customers.Identify(h.Ctx(), device("d"), person("u1"), proven("no address"))
		house.Refused(t, err, "invalid_email", "identity.email")
	})
}

func TestEmailKey(t *testing.T) {
	for in, want := range map[string]string{"A@B.example": "a@b.example", " a@b.example ": "a@b.example", "Lin <a@b.example>": "", "a@b.example, c@d.example": "", "a": "", "": "", "<a@b.example>": "", "张@例子.example": "张@例子.example"} {
		k, ok := customers.EmailKey(in)
		if ok != (want != "") || k.Value != want {
			t.Errorf("%q gives %+v, %v", in, k, ok)
		}
	}
}

func TestBind(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		who := identify(t, h, "d", "u1", customers.Traits{Name: "Lin"}).Customer
		browser := resolve(t, h, device("d"), "")
		ask := func() string {
			t.Helper()
			token, err := h.Customers.BindToken(h.Ctx(), who, browser.Identity, 7)
			if err != nil {
				t.Fatal(err)
			}
			if len(token.Scene) > 64 || !customers.IsBindScene(token.Scene) || !token.ExpiresAt.Equal(h.Clock.Now().Add(5*time.Minute)) {
				t.Errorf("%+v", token)
			}
			if h.Number("SELECT count(*) FROM bind_tokens WHERE token_hash = ?", token.Scene) != 0 {
				t.Error("the token is stored as it is")
			}
			return token.Scene
		}
		refused := func(scene string, k customers.Key, code string) {
			t.Helper()
			before := h.Dump()
			_, err := h.Customers.Bind(h.Ctx(), scene, k)
			house.Refused(t, err, code, "")
			same(t, "what is stored", h.Dump(), before)
		}
		scene := ask()
		foreign := openid("o1")
		foreign.Namespace = "8"
		refused(scene, foreign, "bind_foreign")
		refused(scene+"x", openid("o1"), "bind_invalid")
		refused("bind_", openid("o1"), "bind_invalid")
		refused("", openid("o1"), "bind_invalid")
		before := resolve(t, h, openid("o1"), "")
		got, err := h.Customers.Bind(h.Ctx(), scene, openid("o1"))
		if err != nil || got.Customer != who || got.Repeat || resolve(t, h, openid("o1"), "").Customer != who {
			t.Fatalf("%+v %v", got, err)
		}
		after := h.Dump()
		again, err := h.Customers.Bind(h.Ctx(), scene, openid("o1"))
		if err != nil || !again.Repeat || again.Customer != who {
			t.Errorf("%+v %v", again, err)
		}
		same(t, "a repeat", h.Dump(), after)
		refused(scene, openid("o2"), "bind_used")
		log := merges(t, h, who)
		if log[0].Kind != customers.ByBind || log[0].Absorbed.ID != before.Customer {
			t.Errorf("%+v", log[0])
		}
		undo(t, h, log[0].ID)
		same(t, "whose the follower is", resolve(t, h, openid("o1"), "").Customer, before.Customer)

		late := ask()
		h.Clock.Advance(5 * time.Minute)
		refused(late, openid("o3"), "bind_expired")
		inTime := ask()
		h.Clock.Advance(5*time.Minute - time.Millisecond)
		if _, err := h.Customers.Bind(h.Ctx(), inTime, openid("o3")); err != nil {
			t.Error(err) // a follower nobody has heard of yet
		}
		same(t, "whose the new follower is", resolve(t, h, openid("o3"), "").Customer, who)

		// A follower who is another known person's is not joined, and that is noted.
		two := identify(t, h, "d2", "u2", customers.Traits{}).Customer
		token, err := h.Customers.BindToken(h.Ctx(), two, 0, 7)
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Customers.Bind(h.Ctx(), token.Scene, openid("o3"))
		house.Refused(t, err, "bind_known", "")
		same(t, "whose the follower is", resolve(t, h, openid("o3"), "").Customer, who)
		list, err := h.Customers.Contradictions(h.Ctx(), customers.ContradictionFilter{Customer: two, Limit: 5})
		if err != nil || len(list) != 1 || list[0].Kind != "bind" {
			t.Errorf("%+v %v", list, err)
		}
		nobody := resolve(t, h, device("anonymous"), "")
		_, err = h.Customers.BindToken(h.Ctx(), nobody.Customer, nobody.Identity, 7)
		house.Refused(t, err, "identity_required", "")
		none, err := h.Customers.BindToken(h.Ctx(), two, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		refused(none.Scene, openid("o4"), "bind_foreign")
	})
}

// Two phones that scan one code at once: one of them is bound.
func TestATokenIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		who := identify(t, h, "d", "u1", customers.Traits{}).Customer
		token, err := h.Customers.BindToken(h.Ctx(), who, 0, 7)
		if err != nil {
			t.Fatal(err)
		}
		const phones = 8
		errs := make([]error, phones)
		var wg sync.WaitGroup
		for i := range phones {
			wg.Go(func() { _, errs[i] = h.Customers.Bind(h.Ctx(), token.Scene, openid(fmt.Sprint("o", i))) })
		}
		wg.Wait()
		bound := 0
		for _, err := range errs {
			if err == nil {
				bound++
			} else if fault.CodeOf(err) != "bind_used" {
				t.Error(err)
			}
		}
		same(t, "bound", bound, 1)
		same(t, "followers of the customer", h.Number("SELECT count(*) FROM identities WHERE kind = 'openid' AND customer_id = ?", who), 1)
	})
}

func TestUnion(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		union := func(v string) customers.Key {
			return customers.Key{Kind: customers.KindUnionID, Namespace: customers.Installation, Value: v}
		}
		other := openid("other account")
		other.Namespace = "8"
		one, err := h.Customers.Union(h.Ctx(), openid("o"), union("U"))
		if err != nil {
			t.Fatal(err)
		}
		before := resolve(t, h, other, "").Customer
		two, err := h.Customers.Union(h.Ctx(), other, union("U"))
		if err != nil || two != one || before == one {
			t.Errorf("%v %v %v %v", one, two, before, err)
		}
		log := merges(t, h, one)
		if len(log) != 1 || log[0].Kind != customers.ByUnionID {
			t.Fatalf("%+v", log)
		}
		undo(t, h, log[0].ID)
		if again, err := h.Customers.Union(h.Ctx(), other, union("U")); err != nil || again != before {
			t.Errorf("an undone union was made again: %v %v", again, err)
		}
	})
}

func TestConsents(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b := resolve(t, h, device("a"), ""), resolve(t, h, openid("b"), "")
		n := 0
		say := func(id, identity ids.ID, channel string, state customers.ConsentState) {
			t.Helper()
			n++
			_, err := h.Customers.SetConsent(h.Ctx(), h.Boss, customers.ConsentChange{Customer: id, Identity: identity, Channel: channel, Purpose: customers.PurposeMarketing,
				State: state, Source: "asked on the phone", ClientKey: fmt.Sprint(n)})
			if err != nil {
				t.Fatal(err)
			}
		}
		holds := func(id ids.ID, want string) {
			t.Helper()
			c, err := h.Customers.Consents(h.Ctx(), id)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, x := range c.Current {
				got += x.Channel + ":" + string(x.State) + " "
				if err := h.DB.Snapshot(h.Ctx(), func(q store.Querier) error {
					state, err := h.Customers.AllowsTx(q, id, x.Channel, x.Purpose)
					same(t, "allows", state, x.State)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
			same(t, "holds", got, want)
		}
		say(a.Customer, 0, "email", customers.Granted)
		say(a.Customer, a.Identity, "webchat", customers.Withdrawn)
		say(a.Customer, 0, "wechat", customers.Withdrawn)
		say(a.Customer, 0, "wechat", customers.Granted)
		say(b.Customer, 0, "email", customers.Withdrawn)
		say(b.Customer, 0, "webchat", customers.Granted)
		holds(a.Customer, "email:granted webchat:withdrawn wechat:granted ")
		m := merge(t, h, a.Customer, b.Customer)
		holds(a.Customer, "email:withdrawn webchat:withdrawn wechat:granted ")
		say(b.Customer, b.Identity, "email", customers.Granted) // the merged customer says it anew
		holds(a.Customer, "email:granted webchat:withdrawn wechat:granted ")
		say(a.Customer, 0, "wechat", customers.Withdrawn)
		undo(t, h, m.ID)
		holds(a.Customer, "email:granted webchat:withdrawn wechat:withdrawn ")
		holds(b.Customer, "email:granted webchat:granted ")
		c, err := h.Customers.Consents(h.Ctx(), a.Customer)
		if err != nil || len(c.History) != 5 || c.History[0].ID < c.History[4].ID {
			t.Errorf("%+v %v", c, err)
		}
		say(a.Customer, 0, "email", customers.Granted)
		n--
		say(a.Customer, 0, "email", customers.Granted)
		same(t, "written once", h.Number("SELECT count(*) FROM consents"), 9)
		for _, c := range []struct {
			change      customers.ConsentChange
			code, field string
		}{
			{customers.ConsentChange{Channel: "email", Purpose: "spying", State: customers.Granted, Source: "x", ClientKey: "z"}, "not_one_of", "purpose"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: "maybe", Source: "x", ClientKey: "z"}, "not_one_of", "state"},
			{customers.ConsentChange{Channel: "", Purpose: "marketing", State: customers.Granted, Source: "x", ClientKey: "z"}, "unknown_channel", "channel"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: " ", ClientKey: "z"}, "required", "source"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: "x"}, "required", "client_key"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: "x", ClientKey: "z", Identity: b.Identity}, "identity_unknown", "identity_id"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Withdrawn, Source: "x", ClientKey: fmt.Sprint(n)}, "merge_key_reused", ""},
		} {
			c.change.Customer = a.Customer
			_, err := h.Customers.SetConsent(h.Ctx(), h.Boss, c.change)
			house.Refused(t, err, c.code, c.field)
		}
	})
}
