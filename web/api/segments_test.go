package api_test

import (
	"context"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// settle lets the segments do what is to be done.
func (h *house) settle() {
	h.t.Helper()
	if _, err := h.segments.Round(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}

func TestSegments(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		mei := h.customerOf(h.write(h.visit(), "1", "hello"))
		h.json(call{method: "PATCH", path: "/api/v1/customers/" + mei, as: "agent", body: `{"name":"Mei","attributes":{"plan":"Pro"}}`})
		h.json(call{method: "PUT", path: "/api/v1/customers/" + mei + "/tags", as: "agent", body: `{"add":["vip"]}`})
		h.customerOf(h.write(h.visit(), "2", "hello"))
		const rule = `{"kind":"all","of":[{"kind":"tag","name":"VIP"},{"kind":"attribute","name":"plan","op":"equals","value":"pro"}]}`
		made := h.json(call{method: "POST", path: "/api/v1/segments", as: "marketer", body: `{"name":"Good customers","rule":` + rule + `}`})
		id := made["id"].(string)
		one := "/api/v1/segments/" + id
		h.settle()
		h.json(call{method: "POST", path: "/api/v1/segments", as: "marketer", body: `{"name":"The others","rule":{"kind":"none","of":[{"kind":"segment","id":"` + id + `"}]}}`})
		h.settle()
		h.run(t, []scenario{
			{name: "one", call: call{method: "GET", path: one, as: "viewer"}, status: 200,
				has: []string{`"state":"ready"`, `"progress":100`, `"size":1`, `"version":1`, `"used_by":[{"kind":"segment","id":`, `"name":"The others"}]`}},
			{name: "list", call: call{method: "GET", path: "/api/v1/segments", as: "agent"}, status: 200, has: []string{`"name":"Good customers"`, `"name":"The others"`}},
			{name: "members", call: call{method: "GET", path: one + "/members?total=true", as: "viewer"}, status: 200,
				has: []string{`"label":"Mei"`, `"valid_until":null`, `"total":1`, `"next_cursor":null`}},
			{name: "members by name", call: call{method: "GET", path: one + "/members?q=nobody&total=true", as: "viewer"}, status: 200, has: []string{`"items":[]`, `"total":0`}},
			{name: "history", call: call{method: "GET", path: one + "/changes", as: "viewer"}, status: 200, has: []string{`"entered":true`, `"reason":"definition"`}},
			{name: "of a customer", call: call{method: "GET", path: "/api/v1/customers/" + mei + "/segments", as: "viewer"}, status: 200, has: []string{`"name":"Good customers"`}},
			{name: "why", call: call{method: "GET", path: one + "/why/" + mei, as: "viewer"}, status: 200, has: []string{`"match":true`, `"path":"rule.of[1]"`, `"actual":"pro"`}},
			{name: "why of nobody", call: call{method: "GET", path: one + "/why/7", as: "viewer"}, status: 404, has: []string{`"code":"not_found"`}},
			{name: "why not", call: call{method: "POST", path: "/api/v1/segments/why", as: "viewer", body: `{"customer_id":"` + mei + `","rule":{"kind":"tag","name":"new"}}`}, status: 200, has: []string{`"match":false`}},
			{name: "preview", call: call{method: "POST", path: "/api/v1/segments/preview", as: "viewer", body: `{"rule":` + rule + `}`}, status: 200,
				has: []string{`"count":1,"total":2`, `"label":"Mei"`, `"rows":[{"path":"rule","count":1},{"path":"rule.of[0]","count":1},{"path":"rule.of[1]","count":1}]`, `"webchat":1`, `"email":0`}},
			{name: "a leaf is wrong", call: call{method: "POST", path: "/api/v1/segments/preview", as: "viewer", body: `{"rule":{"kind":"all","of":[{"kind":"tag","name":"x"},{"kind":"event","name":"Order Completed","op":"at_least","value":1.5}]}}`},
				status: 422, has: []string{`"field":"rule.of[1].value"`}},
			{name: "an unknown kind", call: call{method: "POST", path: "/api/v1/segments/preview", as: "viewer", body: `{"rule":{"kind":"star sign"}}`}, status: 422, has: []string{`"code":"not_one_of"`}},
			{name: "an unknown field", call: call{method: "POST", path: "/api/v1/segments/preview", as: "viewer", body: `{"rule":{"kind":"all","off":[]}}`}, status: 422, has: []string{`"code":"unknown_field"`}},
			{name: "in use", call: call{method: "DELETE", path: one, as: "owner"}, status: 409, has: []string{`"code":"segment_in_use"`, `"by":"The others"`}},
			{name: "name taken", call: call{method: "POST", path: "/api/v1/segments", as: "owner", body: `{"name":"good Customers","rule":` + rule + `}`}, status: 422, has: []string{`{"field":"name","code":"name_taken"`}},
			{name: "a circle", call: call{method: "PUT", path: one, as: "owner", body: `{"version":1,"name":"Good customers","rule":{"kind":"segment","id":"` + id + `"}}`}, status: 422, has: []string{`"code":"segment_cycle"`, `"field":"rule"`}},
			{name: "renamed", call: call{method: "PUT", path: one, as: "manager", body: `{"version":1,"name":"Best customers","description":"Ours","rule":` + rule + `}`}, status: 200, has: []string{`"version":2`, `"state":"ready"`}, changes: []string{"segment"}},
			{name: "an old version", call: call{method: "PUT", path: one, as: "manager", body: `{"version":1,"name":"Worst customers","rule":` + rule + `}`}, status: 409, has: []string{`"code":"segment_changed"`}},
			{name: "built again", call: call{method: "POST", path: one + "/rebuild", as: "manager"}, status: 200, has: []string{`"state":"building"`}},
			{name: "an agent makes none", call: call{method: "POST", path: "/api/v1/segments", as: "agent", body: `{"name":"X","rule":` + rule + `}`}, status: 403, has: []string{`"code":"forbidden"`}},
		})
		w := h.do(call{method: "GET", path: one + "/members?limit=1&cursor=nonsense", as: "viewer"})
		if w.Code != 422 || !strings.Contains(w.Body.String(), `"cursor_invalid"`) {
			t.Errorf("a strange cursor: %d %s", w.Code, w.Body)
		}
	})
}
