package customers_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

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
	for in, want := range map[string]string{"A@B.example": "a@b.example", " a@b.example ": "a@b.example", "Lin <a@b.example>": "", "a@b.example, c@d.example": "", "a": "", "": "", "<a@b.example>": "", "张@例子.example": "张@xn--fsqu00a.example", "张@xn--FSQU00A.example": "张@xn--fsqu00a.example"} {
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

// A union id goes with the last follower who has shown it; whoever comes back
// brings it anew. One that was stored before it was noted who had shown it goes
// when no other follower of the person is left.
func TestUnionIDsAreErased(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		follower := func(account string) customers.Key {
			return customers.Key{Kind: customers.KindOpenID, Namespace: account, Value: "o-" + account}
		}
		union := func(value string) customers.Key {
			return customers.Key{Kind: customers.KindUnionID, Namespace: "op", Value: value}
		}
		known := func(value string) int64 {
			return h.Number("SELECT count(*) FROM identities WHERE kind = 'unionid' AND value = ?", value)
		}
		erase := func(k customers.Key) {
			t.Helper()
			who, found, err := customers.FindTx(h.DB.Reader(h.Ctx()), k)
			if err != nil || !found {
				t.Fatal(err, found)
			}
			ok(h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				_, err := h.Customers.EntombTx(tx, who.Identity, "erased:"+k.Value, h.Clock.Now())
				return err
			}))
		}
		for _, f := range []string{"1", "2"} {
			_, err := h.Customers.Union(h.Ctx(), follower(f), union("U"))
			ok(err)
		}
		_, err := h.Customers.Union(h.Ctx(), follower("2"), customers.Key{Kind: customers.KindUnionID, Namespace: "another platform", Value: "V"})
		ok(err)
		erase(follower("1"))
		if known("U") != 1 || known("V") != 1 {
			t.Error("gone while a follower has it")
		}
		erase(follower("2"))
		if known("U") != 0 || known("V") != 0 || h.Number("SELECT count(*) FROM customers WHERE search_text LIKE '%\nu%'") != 0 {
			t.Error("a union id is left")
		}
		_, err = h.Customers.Union(h.Ctx(), follower("3"), union("U"))
		ok(err)
		_, err = h.Customers.Union(h.Ctx(), follower("4"), union("U"))
		ok(err)
		h.Run("DELETE FROM union_proofs")
		erase(follower("3"))
		if known("U") != 1 {
			t.Error("an old one is gone while a follower is left")
		}
		erase(follower("4"))
		if known("U") != 0 {
			t.Error("an old one is left")
		}
	})
}
