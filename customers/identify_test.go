package customers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

func each(t *testing.T, fn func(t *testing.T, h *house.House)) {
	t.Helper()
	house.Each(t, house.Options{}, fn)
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func device(v string) customers.Key {
	return customers.Key{Kind: customers.KindVisitor, Namespace: "1", Value: v}
}

func person(v string) customers.Key {
	return customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: v}
}

func resolve(t *testing.T, h *house.House, k customers.Key, locale string) (r customers.Resolved) {
	t.Helper()
	if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) {
		r, err = h.Customers.ResolveTx(tx, k, false, locale, h.Clock.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

func identify(t *testing.T, h *house.House, d, p string, traits customers.Traits) customers.Identified {
	t.Helper()
	got, err := h.Customers.Identify(h.Ctx(), device(d), person(p), traits)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func get(t *testing.T, h *house.House, id ids.ID) *customers.Customer {
	t.Helper()
	c, err := h.Customers.Get(h.Ctx(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Many who meet a new identity at once agree on one customer.
func TestResolveRace(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const clients = 16
		got, errs := make([]customers.Resolved, clients), make([]error, clients)
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() {
				errs[i] = h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) {
					got[i], err = h.Customers.ResolveTx(tx, device("v"), false, "en", h.Clock.Now())
					return err
				})
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		created := 0
		for _, r := range got {
			if r.Created {
				created++
			}
			same(t, "who", []ids.ID{r.Customer, r.Identity}, []ids.ID{got[0].Customer, got[0].Identity})
		}
		same(t, "created", created, 1)
		same(t, "customers", h.Number("SELECT count(*) FROM customers"), 1)
	})
}

func TestResolveKeepsTheFirstLocale(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		for _, step := range []struct{ said, want string }{{"not a locale!", ""}, {"\x00", ""}, {strings.Repeat("en-", 50), ""}, {"ZH-cn", "zh-CN"}, {"en", "zh-CN"}} {
			r := resolve(t, h, device("v"), step.said)
			same(t, "locale", h.Words("SELECT locale FROM customers WHERE id = ?", r.Customer), step.want)
		}
	})
}

func TestIdentifyJoinsAnAnonymousDevice(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		before := resolve(t, h, device("d1"), "")
		first := identify(t, h, "d1", "u1", customers.Traits{Name: "Lin"})
		second := identify(t, h, "d2", "u1", customers.Traits{}) // a device that has never written
		if first.Taken || second.Taken || first.Customer != second.Customer || first.Customer == before.Customer {
			t.Errorf("%+v %+v", first, second)
		}
		same(t, "the old record leads to the new one", get(t, h, before.Customer).ID, first.Customer)
		list, err := h.Customers.Identities(h.Ctx(), first.Customer)
		if err != nil || len(list) != 3 {
			t.Errorf("%+v %v", list, err)
		}
		for _, i := range list {
			if i.Verified != (i.Kind == customers.KindExternal) {
				t.Errorf("%+v", i)
			}
		}
		events := h.Number("SELECT count(*) FROM events")
		again := identify(t, h, "d1", "u1", customers.Traits{Name: "Other"})
		if again != first || h.Number("SELECT count(*) FROM events") != events {
			t.Errorf("a repeat gave %+v", again)
		}
		same(t, "the device's identity is announced", h.Number("SELECT count(*) FROM changes WHERE kind = 'customer' AND customer_id = ? AND identity_id = ?", first.Customer, before.Identity), 1)
	})
}

func TestTwoKnownPeopleAreNeverJoined(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		one := identify(t, h, "d", "u1", customers.Traits{Name: "One"})
		before := h.Number("SELECT count(*) FROM identities")
		two := identify(t, h, "d", "u2", customers.Traits{Name: "Two", Attributes: map[string]any{"plan": "gold"}})
		if !two.Taken || two.Customer == one.Customer {
			t.Fatalf("%+v", two)
		}
		same(t, "new identities", h.Number("SELECT count(*) FROM identities")-before, 1) // u2's own
		same(t, "name of the first", *get(t, h, one.Customer).Name, "One")
		if c := get(t, h, two.Customer); c.Name != nil || len(c.Attributes) != 0 {
			t.Errorf("the traits of a refused call were kept: %+v", c)
		}
		r := resolve(t, h, device("d"), "")
		same(t, "whose the device is", r.Customer, one.Customer)
	})
}

// Only the user id is signed: traits fill what is empty and replace nothing.
func TestTraitsNeverReplace(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		id := identify(t, h, "d", "u", customers.Traits{Name: "Lin\nHua", Email: "lin@example.com", Locale: "zh-CN", Attributes: map[string]any{"plan": "gold", "age": 30.0, "vip": true}}).Customer
		identify(t, h, "d", "u", customers.Traits{Name: "Eve", Email: "eve@example.com", Locale: "en", Attributes: map[string]any{"plan": "free", "city": "Xi\x00an ", "none": nil}})
		c := get(t, h, id)
		if *c.Name != "Lin Hua" || *c.Locale != "zh-CN" || c.Label != "Lin Hua" {
			t.Errorf("%+v", c)
		}
		same(t, "attributes", c.Attributes, map[string]any{"plan": "gold", "age": 30, "vip": true, "email": "lin@example.com", "city": "Xian"})
		if list, err := h.Customers.Identities(h.Ctx(), id); err != nil || len(list) != 2 {
			t.Errorf("traits made an identity: %+v %v", list, err)
		}
	})
}

func TestTraitsAreHeldToTheRules(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		before := h.Dump()
		for _, c := range []struct {
			attributes  map[string]any
			code, field string
		}{
			{map[string]any{"a": []any{true, []any{}}}, "attribute_value_invalid", "identity.attributes.a[1]"},
			{map[string]any{"a": []any{nil}}, "attribute_value_invalid", "identity.attributes.a[0]"},
			{map[string]any{"a": slices.Repeat([]any{"x"}, 101)}, "too_many", "identity.attributes.a"},
			{map[string]any{"a": json.Number("1" + strings.Repeat("0", 100))}, "attribute_value_invalid", "identity.attributes.a"},
			{map[string]any{"a": map[string]any{}}, "attribute_value_invalid", "identity.attributes.a"},
			{map[string]any{"a": strings.Repeat("好", 1001)}, "too_long", "identity.attributes.a"},
			{map[string]any{"": 1.0}, "attribute_name_invalid", "identity.attributes"},
			{map[string]any{"a\nb": 1.0}, "attribute_name_invalid", "identity.attributes"},
		} {
			_, err := h.Customers.Identify(h.Ctx(), device("d"), person("u"), customers.Traits{Attributes: c.attributes})
			house.Refused(t, err, c.code, c.field)
		}
		same(t, "what is stored", h.Dump(), before)
		// More than fits is left out by name, never a reason to refuse a customer.
		full := map[string]any{}
		for i := range 80 {
			full[fmt.Sprintf("k%02d", i)] = strings.Repeat("好", 900)
		}
		id := identify(t, h, "d", "u", customers.Traits{Attributes: full}).Customer
		c := get(t, h, id)
		if n := len(c.Attributes); n < 5 || n > 50 || h.Number("SELECT length(attributes) FROM customers WHERE id = ?", id) > 32<<10 || c.Attributes["k00"] == nil || c.Attributes["k79"] != nil {
			t.Errorf("%d attributes", n)
		}
	})
}

// Whatever the order in which browsers are identified, each belongs to its
// person, with everything it did, and nobody else does.
func TestOrderOfIdentifyDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		type call struct{ device, person string }
		for round := range 12 {
			rng := rand.New(rand.NewPCG(5, uint64(round)))
			var calls []call
			for d := range 6 {
				p := fmt.Sprint("r", round, "-u", rng.IntN(3))
				for range 1 + rng.IntN(2) {
					calls = append(calls, call{fmt.Sprint("r", round, "-d", d), p})
				}
			}
			rng.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
			for d := range 6 { // some have written before, some come later
				if rng.IntN(2) == 0 {
					resolve(t, h, device(fmt.Sprint("r", round, "-d", d)), "")
				}
			}
			who := map[string]ids.ID{}
			for _, c := range calls {
				got := identify(t, h, c.device, c.person, customers.Traits{})
				if got.Taken || who[c.person] != 0 && who[c.person] != got.Customer {
					t.Fatalf("round %d: %+v gave %+v, before %v", round, c, got, who)
				}
				who[c.person] = got.Customer
			}
			for _, c := range calls {
				same(t, c.device, resolve(t, h, device(c.device), "").Customer, who[c.person])
			}
			for a, x := range who {
				for b, y := range who {
					if a != b && x == y {
						t.Fatalf("round %d: %s and %s are one customer", round, a, b)
					}
				}
			}
		}
		same(t, "customers without an identity that are not merged", h.Number(
			"SELECT count(*) FROM customers c WHERE merged_into = 0 AND NOT EXISTS (SELECT 1 FROM identities i WHERE i.customer_id = c.id)"), 0)
	})
}

// The same at once: whatever wins, no two people end in one record.
func TestConcurrentIdentify(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		var mu sync.Mutex
		who := map[string][]ids.ID{}
		joined := map[string]bool{} // those who got at least one device
		var wg sync.WaitGroup
		for i := range 24 {
			p := fmt.Sprint("u", i%4)
			wg.Go(func() {
				got, err := h.Customers.Identify(h.Ctx(), device(fmt.Sprint("d", i%6)), person(p), customers.Traits{Name: p})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				who[p] = append(who[p], got.Customer)
				joined[p] = joined[p] || !got.Taken
			})
		}
		wg.Wait()
		all := map[ids.ID]string{}
		for p, list := range who {
			if slices.Sort(list); len(slices.Compact(list)) != 1 {
				t.Errorf("%s is %v", p, list)
			}
			if other := all[list[0]]; other != "" {
				t.Errorf("%s and %s are one", p, other)
			}
			all[list[0]] = p
			// Whose devices were all somebody else's has told nothing of themselves.
			if name := get(t, h, list[0]).Name; joined[p] && (name == nil || *name != p) {
				t.Errorf("%s is called %v", p, name)
			}
		}
		same(t, "people", len(all), 4)
	})
}
