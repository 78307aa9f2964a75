package api_test

import (
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func TestConversations(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		v := h.visit()
		id := h.write(v, "k1", "<script>alert(1)</script> 你好")
		one := "/api/v1/conversations/" + id
		h.run(t, []scenario{
			{name: "list", call: call{method: "GET", path: "/api/v1/conversations?total=true", as: "agent"}, status: 200,
				has: []string{`"id":"` + id + `"`, `"total":1`, `"next_cursor":null`, `<script>alert(1)</script> 你好`}, headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}},
			{name: "no total unless asked", call: call{method: "GET", path: "/api/v1/conversations", as: "agent"}, status: 200, not: []string{`"total"`}},
			{name: "counts", call: call{method: "GET", path: "/api/v1/conversations/counts", as: "agent"}, status: 200, has: []string{`"unassigned":1`, `"all":1`}},
			{name: "one", call: call{method: "GET", path: one, as: "viewer"}, status: 200, has: []string{`"read_seq":0`}},
			{name: "thread", call: call{method: "GET", path: one + "/messages", as: "viewer"}, status: 200, has: []string{`conversation_opened`, `"has_more_before":false`}},
			{name: "reply", call: call{method: "POST", path: one + "/messages", body: `{"client_key":"r1","body":"Hello"}`, as: "agent"}, status: 201,
				has: []string{`"direction":"out"`, `"state":"sent"`, `"kind":"text"`}, changes: []string{"message", "read", "conversation"}},
			{name: "the same reply again", call: call{method: "POST", path: one + "/messages", body: `{"client_key":"r1","body":"Hello again"}`, as: "agent"}, status: 201, has: []string{`"body":"Hello"`}},
			{name: "note", call: call{method: "POST", path: one + "/messages", body: `{"client_key":"n1","body":"VIP","kind":"note"}`, as: "agent"}, status: 201,
				has: []string{`"direction":"internal"`, `"delivery":null`}, changes: []string{"message", "read", "conversation"}},
			{name: "the visitor sees the reply, not the note", call: call{method: "GET", path: h.site("/messages"), header: v}, status: 200, has: []string{"Hello", `"author_name":"agent"`}, not: []string{"VIP", "conversation_opened"}},
			{name: "viewer may not reply", call: call{method: "POST", path: one + "/messages", body: `{"client_key":"r2","body":"x"}`, as: "viewer"}, status: 403, has: []string{`"code":"forbidden"`}},
			{name: "marketer may not read", call: call{method: "GET", path: one, as: "marketer"}, status: 403},
			{name: "nobody may not read", call: call{method: "GET", path: one}, status: 401, has: []string{`"code":"not_signed_in"`}},
			{name: "resolve", call: call{method: "PATCH", path: one, body: `{"status":"resolved"}`, as: "agent"}, status: 200, has: []string{`"status":"resolved"`}, changes: []string{"message", "conversation"}},
			{name: "null clears what is clear", call: call{method: "PATCH", path: one, body: `{"assignee_id":null,"team_id":null}`, as: "agent"}, status: 200, has: []string{`"assignee_id":null`}},
			{name: "null is no status", call: call{method: "PATCH", path: one, body: `{"status":null}`, as: "agent"}, status: 422, has: []string{`{"field":"status","code":"required"}`}},
			{name: "changed meanwhile", call: call{method: "PATCH", path: one, body: `{"status":"open","if_version":1}`, as: "agent"}, status: 409, has: []string{`"code":"conversation_changed"`}},
			{name: "read", call: call{method: "POST", path: one + "/read", body: `{"seq":1}`, as: "viewer"}, status: 200, has: []string{`"read_seq":1`}, changes: []string{"read"}},
			{name: "draft", call: call{method: "PUT", path: one + "/draft", body: `{"kind":"text","body":"Dear "}`, as: "agent"}, status: 204, changes: []string{"draft"}},
			{name: "own draft", call: call{method: "GET", path: one + "/draft", as: "agent"}, status: 200, has: []string{`"body":"Dear "`}},
			{name: "not another's draft", call: call{method: "GET", path: one + "/draft", as: "owner"}, status: 200, has: []string{`"body":""`}},
			{name: "no draft", call: call{method: "DELETE", path: one + "/draft", as: "agent"}, status: 204, changes: []string{"draft"}},
		})
		other := h.write(h.visit(), "k2", "Hello")
		h.run(t, []scenario{
			{name: "the key of another conversation's reply", call: call{method: "POST", path: "/api/v1/conversations/" + other + "/messages", body: `{"client_key":"r1","body":"Hello"}`, as: "agent"}, status: 409, has: []string{`"code":"client_key_reused"`}},
			{name: "hours as they were read", call: call{method: "PUT", path: "/api/v1/sending", body: `{"quiet":{"enabled":true,"from":"22:00","to":"08:00"},"cap":{"enabled":true,"max":3,"days":7},"timezone":"UTC"}`, as: "owner"}, status: 200, has: []string{`"timezone":"UTC"`}},
			{name: "hours that are none", call: call{method: "PUT", path: "/api/v1/sending", body: `{"quiet":{"enabled":true,"from":"22:00","to":"25:00"},"cap":{"enabled":true,"max":3,"days":7}}`, as: "owner"}, status: 422, has: []string{"25:00 is not a time of day"}},
		})
	})
}
