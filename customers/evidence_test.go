package customers_test

import (
	"fmt"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/testkit/house"
)

// What was proven of somebody goes with them when a teammate takes them out of a
// person again, and who is left alone is the record that they were before.
func TestEvidenceGoesWithWhomItIsAbout(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a := resolve(t, h, device("a"), "").Customer
		u := identify(t, h, "first", "u", customers.Traits{}).Customer
		byHand := merge(t, h, a, u).ID
		anonymous := resolve(t, h, device("d"), "").Customer
		same(t, "who the user is", identify(t, h, "d", "u", customers.Traits{Name: "Lin"}).Customer, a)
		identify(t, h, "new", "u", proven("lin@example.com"))
		token, err := h.Customers.BindToken(h.Ctx(), a, 0, 7)
		if err == nil {
			_, err = h.Customers.Bind(h.Ctx(), token.Scene, openid("o"))
		}
		if err != nil {
			t.Fatal(err)
		}
		undo(t, h, byHand)
		for _, k := range []customers.Key{device("d"), device("new"), device("first"), person("u"), mail(t, "lin@example.com"), openid("o")} {
			same(t, fmt.Sprint("whose ", k.Value, " is"), resolve(t, h, k, "").Customer, u)
		}
		same(t, "whose the rest is", resolve(t, h, device("a"), "").Customer, a)
		// The name was said of the user, not of the record that they were part of.
		same(t, "names", []string{deref(get(t, h, u).Name), deref(get(t, h, a).Name)}, []string{"Lin", ""})
		same(t, "the anonymous one is still the user", get(t, h, anonymous).ID, u)
	})
}

func TestWhoLeavesIsWhoTheyWere(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		x, y := resolve(t, h, device("x"), "").Customer, resolve(t, h, device("y"), "").Customer
		update(t, h, x, customers.Patch{Name: ptr("X")})
		inner := merge(t, h, x, y).ID // x stands for both
		u := identify(t, h, "y", "u", customers.Traits{}).Customer
		if u == x {
			t.Fatal("the known one survives")
		}
		outer := merges(t, h, u)[0].ID
		undo(t, h, outer)
		same(t, "who stands for both again", []string{get(t, h, y).ID.String(), profile(get(t, h, y))}, []string{x.String(), "X|||map[]"})
		undo(t, h, inner)
		same(t, "who y is alone", get(t, h, y).ID, y)
	})
}

// Whichever write of a merge or an undo is refused, nothing of it is left.
func TestMergesAndUndosAreWhole(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		n := h.NothingLeftBehind(func(n int) func() error {
			a := h.Receive(fmt.Sprint("a", n), "1", "hello").Customer
			b := h.Receive(fmt.Sprint("b", n), "1", "hello").Customer
			update(t, h, b, customers.Patch{Name: ptr("B")})
			return func() error {
				_, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: a, Absorb: b, ClientKey: fmt.Sprint("whole-", n)})
				return err
			}
		})
		if n < 8 {
			t.Errorf("a merge wrote %d rows", n)
		}
		n = h.NothingLeftBehind(func(n int) func() error {
			laptop, user := fmt.Sprint("l", n), fmt.Sprint("user", n)
			account := h.Account.ID.String()
			r := h.Receive(laptop, "1", "anonymous")
			for _, browser := range []string{laptop, fmt.Sprint("p", n)} {
				if _, err := h.Customers.Identify(h.Ctx(), customers.Key{Kind: customers.KindVisitor, Namespace: account, Value: browser}, person(user), customers.Traits{Name: "U"}); err != nil {
					t.Fatal(err)
				}
			}
			h.Receive(fmt.Sprint("p", n), "1", "into the same thread")
			h.Reply(h.Boss, r.Conversation, fmt.Sprint("r", n), "an answer")
			m := merges(t, h, r.Customer)
			return func() error {
				_, err := h.Customers.Undo(h.Ctx(), h.Boss, m[0].ID)
				return err
			}
		})
		if n < 12 {
			t.Errorf("an undo wrote %d rows", n)
		}
		sound(t, h)
	})
}
