package customers_test

import (
	"encoding/json"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/segments/rule"
)

// traits are what an identify call says, read as the edge reads it.
func traits(t *testing.T, said string) map[string]any {
	t.Helper()
	var out customers.Attributes
	if err := json.Unmarshal([]byte(said), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// attributesOf are a customer's attributes as programs get them.
func attributesOf(t *testing.T, c *customers.Customer) string {
	t.Helper()
	text, err := json.Marshal(c.Attributes)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAttributesStayAsTheyWereSaid: numbers keep every digit and lists stay
// lists, through changes, merges and their undoing.
func TestAttributesStayAsTheyWereSaid(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const said = `{"big":123456789012345678,"deep":[9007199254740993,"a, b",true,1.10],"neg":-9007199254740993,"price":12.50,"tiny":1e-7}`
		k := writeKey(t, h, customers.ServerKey)
		same(t, "identify", became(ingest(t, h, k, named("u1", "", traits(t, said)))), "accepted")
		one := owner(h, person("u1"))
		same(t, "identified", attributesOf(t, get(t, h, one)), said)
		changes := h.Number("SELECT count(*) FROM changes")
		ingest(t, h, k, named("u1", "", traits(t, said)))
		same(t, "what changes nothing tells nothing", h.Number("SELECT count(*) FROM changes"), changes)

		ingest(t, h, k, named("u2", "", nil))
		two := owner(h, person("u2"))
		update(t, h, two, customers.Patch{Attributes: traits(t, `{"id":98765432109876543210,"likes":["tea"," cats\u0000 "]}`)})
		same(t, "patched", attributesOf(t, get(t, h, two)), `{"id":98765432109876543210,"likes":["tea"," cats"]}`)
		both := `{"big":123456789012345678,"deep":[9007199254740993,"a, b",true,1.10],"id":98765432109876543210,"likes":["tea"," cats"],"neg":-9007199254740993,"price":12.50,"tiny":1e-7}`
		merged, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: one, Absorb: two, ClientKey: "k", Despite: []string{"two_known_people"}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "merged", attributesOf(t, get(t, h, one)), both)
		if _, err := h.Customers.Undo(h.Ctx(), h.Boss, merged.ID); err != nil {
			t.Fatal(err)
		}
		same(t, "taken apart", attributesOf(t, get(t, h, one)), said)
	})
}

// TestRulesSeeTheEntriesOfAList: contains asks for one of the entries, not for a
// part of them.
func TestRulesSeeTheEntriesOfAList(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		ingest(t, h, k, named("u1", "", traits(t, `{"likes":["blue-red","green"]}`)))
		facts, err := rule.ParseFacts(h.Words("SELECT facts FROM customers WHERE id = ?", owner(h, person("u1"))))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "facts", facts["likes"].L, []string{"blue-red", "green"})
	})
}

// TestATraitReplacesAllOfWhatItWas: an object that has lost a member, or is none
// any more, leaves nothing of what it was; other traits stay.
func TestATraitReplacesAllOfWhatItWas(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		for _, c := range []struct{ said, want string }{
			{`{"addr2":{"city":"B","tags":["x"]},"addr":{"city":"A"},"email":"a@shop.example","plan":"gold"}`, `{"addr.city":"A","addr2.city":"B","addr2.tags":["x"],"email":"a@shop.example","plan":"gold"}`},
			{`{"addr2":{"city":"C"}}`, `{"addr.city":"A","addr2.city":"C","email":"a@shop.example","plan":"gold"}`},
			{`{"addr2":"gone"}`, `{"addr.city":"A","addr2":"gone","email":"a@shop.example","plan":"gold"}`},
			{`{"addr2":{"geo":{"lat":1,"lon":2}}}`, `{"addr.city":"A","addr2.geo.lat":1,"addr2.geo.lon":2,"email":"a@shop.example","plan":"gold"}`},
			{`{"addr2.geo":{"lat":3}}`, `{"addr.city":"A","addr2.geo.lat":3,"email":"a@shop.example","plan":"gold"}`},
			{`{"addr2":[{}],"email":"nobody"}`, `{"addr.city":"A","addr2.geo.lat":3,"email":"a@shop.example","plan":"gold"}`}, // cannot be kept
			{`{"addr2":{},"addr":null}`, `{"email":"a@shop.example","plan":"gold"}`},
		} {
			ingest(t, h, k, named("u1", "", traits(t, c.said)))
			same(t, c.said, attributesOf(t, get(t, h, owner(h, person("u1")))), c.want)
		}
	})
}
