package api_test

import (
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func TestStagesAndTags(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	h.write(h.visit(), "k", "hello")
	id := h.walk("/api/v1/customers?q=", "viewer", byID)[0]
	h.run(t, []scenario{
		{name: "the stages", call: call{method: "GET", path: "/api/v1/stages", as: "viewer"}, status: 200, has: []string{`"key":"target"`, `"name_zh":"流失"`, `"rule":null`, `"count":0`}},
		{name: "a new one", call: call{method: "POST", path: "/api/v1/stages", as: "manager", body: `{"key":"partner","name_en":"Partner","name_zh":"伙伴","rule":{"kind":"tag","name":"vip"}}`}, status: 201,
			has: []string{`"position":7`, `"rule":{"kind":"tag","name":"vip"}`}, changes: []string{"stages"}},
		{name: "its rule goes", call: call{method: "PATCH", path: "/api/v1/stages/partner", as: "marketer", body: `{"rule":null,"name_en":"Partners"}`}, status: 200,
			has: []string{`"name_en":"Partners"`, `"rule":null`}, changes: []string{"stages"}},
		{name: "another order", call: call{method: "PUT", path: "/api/v1/stages/order", as: "owner", body: `{"keys":["partner","target","lead","customer","member","fan","lapsed"]}`}, status: 200,
			has: []string{`"items":[{"key":"partner","position":1`}, changes: []string{"stages"}},
		{name: "an order that forgets one", call: call{method: "PUT", path: "/api/v1/stages/order", as: "owner", body: `{"keys":["partner"]}`}, status: 422, has: []string{`stage_order_invalid`}},
		{name: "who stands in none", call: call{method: "GET", path: "/api/v1/customers?stage=-&total=true", as: "viewer"}, status: 200, has: []string{`"total":1`, id}},
		{name: "somebody moves", call: call{method: "PUT", path: "/api/v1/customers/" + id + "/stage", as: "agent", body: `{"stage":"partner","reason":"signed"}`}, status: 200,
			has: []string{`"stage":{"key":"partner","name_en":"Partners","name_zh":"伙伴"`}, changes: []string{"customer"}},
		{name: "and stands there", call: call{method: "GET", path: "/api/v1/customers?stage=partner&total=true", as: "viewer"}, status: 200, has: []string{`"total":1`, id}},
		{name: "no longer in none", call: call{method: "GET", path: "/api/v1/customers?stage=-&total=true", as: "viewer"}, status: 200, has: []string{`"total":0`}},
		{name: "not elsewhere", call: call{method: "GET", path: "/api/v1/customers?stage=lead&total=true", as: "viewer"}, status: 200, has: []string{`"total":0`}},
		{name: "the movement", call: call{method: "GET", path: "/api/v1/stages/movement", as: "viewer"}, status: 200, has: []string{`"cells":[{"from":"","to":"partner","count":1}]`}},
		{name: "the history", call: call{method: "GET", path: "/api/v1/customers/" + id + "/stage-changes?total=true", as: "viewer"}, status: 200, has: []string{`"reason":"signed"`, `"kind":"manual"`, `"total":1`}},
		{name: "a stage that is not there", call: call{method: "PUT", path: "/api/v1/customers/" + id + "/stage", as: "agent", body: `{"stage":"hero"}`}, status: 422, has: []string{`unknown_stage`, `"field":"stage"`}},
		{name: "one that is in use", call: call{method: "DELETE", path: "/api/v1/stages/partner", as: "owner"}, status: 409, has: []string{`stage_in_use`}},
		{name: "one of the house", call: call{method: "DELETE", path: "/api/v1/stages/fan", as: "owner"}, status: 409, has: []string{`stage_built_in`}},
		{name: "agents do not manage them", call: call{method: "DELETE", path: "/api/v1/stages/partner", as: "agent"}, status: 403, has: []string{`"forbidden"`}},
		{name: "tags", call: call{method: "PUT", path: "/api/v1/customers/" + id + "/tags", as: "agent", body: `{"add":["vip","茶"]}`}, status: 200, has: []string{`"tags":["vip","茶"]`}, changes: []string{"customer"}},
		{name: "all tags", call: call{method: "GET", path: "/api/v1/tags", as: "viewer"}, status: 200, has: []string{`"name":"vip","count":1`}},
		{name: "who has one", call: call{method: "GET", path: "/api/v1/customers?tag=VIP", as: "viewer"}, status: 200, has: []string{id}},
		{name: "a tag that is none", call: call{method: "PUT", path: "/api/v1/customers/" + id + "/tags", as: "agent", body: `{"add":["a,b"]}`}, status: 422, has: []string{`tag_comma`, `"field":"add"`}},
	})
}
