package api_test

import (
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func TestSegments(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	h.write(h.visit(), "k", "hello")
	customer := h.walk("/api/v1/customers?q=", "viewer", byID)[0]
	h.run(t, []scenario{
		{name: "a preview stores nothing", call: call{method: "POST", path: "/api/v1/segments/preview", as: "agent", body: `{"rule":{"kind":"event","name":"Message Received","op":"at_least","value":1}}`}, status: 200,
			has: []string{`"count":1`, `"total":1`, `"path":"rule","count":1`, customer}},
		{name: "a fault is named at its leaf", call: call{method: "POST", path: "/api/v1/segments/preview", as: "agent", body: `{"rule":{"kind":"all","of":[{"kind":"attribute","name":"orders","op":"at_least","value":"many"}]}}`}, status: 422,
			has: []string{`"field":"rule.of[0].value"`, `rule_needs_number`}},
		{name: "why", call: call{method: "POST", path: "/api/v1/segments/why", as: "agent", body: `{"rule":{"kind":"tag","name":"vip"},"customer_id":"` + customer + `"}`}, status: 200, has: []string{`"match":false`, `"path":"rule"`}},
		{name: "agents make none", call: call{method: "POST", path: "/api/v1/segments", as: "agent", body: `{"name":"VIP","rule":{"kind":"tag","name":"vip"}}`}, status: 403, has: []string{`"forbidden"`}},
		{name: "marketers do", call: call{method: "POST", path: "/api/v1/segments", as: "marketer", body: `{"name":"VIP","rule":{"kind":"tag","name":"vip"}}`}, status: 201,
			has: []string{`"name":"VIP"`, `"version":1`, `"used_by":[]`}},
	})
	path := "/api/v1/segments/" + h.walk("/api/v1/segments?", "viewer", byID)[0]
	h.run(t, []scenario{
		{name: "changed with its version", call: call{method: "PUT", path: path, as: "marketer", body: `{"name":"Gold","description":"By hand","rule":{"kind":"tag","name":"gold"},"version":1}`}, status: 200,
			has: []string{`"name":"Gold"`, `"description":"By hand"`, `"name":"gold"`, `"version":2`}},
		{name: "not with an older one", call: call{method: "PUT", path: path, as: "marketer", body: `{"name":"Silver","rule":{"kind":"tag","name":"silver"},"version":1}`}, status: 409, has: []string{`segment_changed`}},
		{name: "nor into itself", call: call{method: "PUT", path: path, as: "marketer", body: `{"name":"Gold","rule":{"kind":"segment","id":"` + path[len("/api/v1/segments/"):] + `"},"version":2}`}, status: 422, has: []string{`segment_cycle`}},
		{name: "it is as it was", call: call{method: "GET", path: path, as: "viewer"}, status: 200, has: []string{`"name":"Gold"`}, not: []string{"silver"}},
		{name: "nobody is in it", call: call{method: "GET", path: path + "/members?total=true", as: "viewer"}, status: 200, has: []string{`"items":[]`, `"total":0`}},
	})
}
