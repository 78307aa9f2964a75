package api_test

import (
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// TestBadInput: bad input is named, and changes nothing.
func TestBadInput(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	h.cfg.Limits.RequestBytes = 50_000
	id := h.write(h.visit(), "k", "hello")
	path := "/api/v1/conversations/" + id
	patch := func(body string) call { return call{method: "PATCH", path: path, as: "agent", body: body} }
	write := func(body string) call { return call{method: "POST", path: path + "/messages", as: "agent", body: body} }
	list := func(query string) call {
		return call{method: "GET", path: "/api/v1/conversations?" + query, as: "agent"}
	}
	typed := func(c call, kind string) call {
		c.header = map[string]string{"Content-Type": kind}
		return c
	}
	h.run(t, []scenario{
		{name: "broken JSON", call: write(`{"client_key":`), status: 400, has: []string{`"code":"body_malformed"`}, not: []string{"client_key"}},
		{name: "two values", call: write(`{"client_key":"a","body":"x"}{}`), status: 400, has: []string{"body_malformed"}},
		{name: "no body", call: typed(write(""), "application/json"), status: 400, has: []string{"body_malformed"}},
		{name: "a list", call: write(`[]`), status: 422, has: []string{`"code":"wrong_type","params":{"expected":"object"}`}},
		{name: "null", call: write(`null`), status: 422, has: []string{`"code":"wrong_type"`}},
		{name: "form", call: typed(write(`client_key=a`), "application/x-www-form-urlencoded"), status: 415, has: []string{"unsupported_type"}},
		{name: "plain text", call: typed(write(`{"client_key":"a","body":"x"}`), "text/plain"), status: 415},
		{name: "no type", call: typed(write(`{"client_key":"a","body":"x"}`), ""), status: 415},
		{name: "a type with charset", call: typed(write(`{"client_key":"a","body":"x"}`), "application/json; charset=utf-8"), status: 201, changes: []string{"message", "read", "conversation"}},
		{name: "too large", call: write(`{"client_key":"b","body":"` + strings.Repeat("x", 50_000) + `"}`), status: 413, has: []string{`"code":"body_too_large","params":{"max":50000}`}},
		{name: "several faults at once", call: write(`{"body":5,"kind":"letter","attachment_ids":["x",7],"subject":"hi"}`), status: 422, has: []string{
			`{"field":"attachment_ids[0]","code":"invalid_id"}`, `{"field":"attachment_ids[1]","code":"wrong_type","params":{"expected":"string"}}`,
			`{"field":"body","code":"wrong_type","params":{"expected":"string"}}`, `{"field":"client_key","code":"required"}`,
			`{"field":"kind","code":"not_one_of","params":{"allowed":"text, note"}}`, `{"field":"subject","code":"unknown_field"}`}},
		{name: "names are exact", call: write(`{"Client_Key":"c","body":"x"}`), status: 422, has: []string{`{"field":"Client_Key","code":"unknown_field"}`, `{"field":"client_key","code":"required"}`}},
		{name: "a long key", call: write(`{"client_key":"` + strings.Repeat("k", 65) + `","body":"x"}`), status: 422, has: []string{`"code":"client_key_invalid"`}},
		{name: "too long a text", call: write(`{"client_key":"c","body":"` + strings.Repeat("x", 10_001) + `"}`), status: 422, has: []string{`{"field":"body","code":"body_too_long","params":{"length":10001,"max":10000}}`}},
		{name: "null where nothing is cleared", call: write(`{"client_key":null,"body":"x"}`), status: 422, has: []string{`{"field":"client_key","code":"wrong_type"`}},
		{name: "a huge number", call: call{method: "POST", path: path + "/read", as: "agent", body: `{"seq":1e30}`}, status: 422, has: []string{`{"field":"seq","code":"too_big","params":{"max":9007199254740991}}`, "Use 9007199254740991 or less"}},
		{name: "half a number", call: call{method: "POST", path: path + "/read", as: "agent", body: `{"seq":1.5}`}, status: 422, has: []string{`"expected":"integer"`}},
		{name: "a negative number", call: call{method: "POST", path: path + "/read", as: "agent", body: `{"seq":-1}`}, status: 422, has: []string{`{"field":"seq","code":"too_small","params":{"min":0}}`}},
		{name: "a huge id", call: patch(`{"assignee_id":"99999999999999999999"}`), status: 422, has: []string{`{"field":"assignee_id","code":"invalid_id"}`}},
		{name: "an id as a number", call: patch(`{"assignee_id":5}`), status: 422, has: []string{`{"field":"assignee_id","code":"wrong_type","params":{"expected":"string"}}`}},
		{name: "nobody of that id", call: patch(`{"assignee_id":"5"}`), status: 422, has: []string{`{"field":"assignee_id","code":"teammate_unknown"}`}},
		{name: "no such team", call: patch(`{"team_id":"5"}`), status: 422, has: []string{`{"field":"team_id","code":"team_unknown"}`}},
		{name: "snooze without time", call: patch(`{"status":"snoozed"}`), status: 422, has: []string{`{"field":"snoozed_until","code":"required"}`}},
		{name: "snooze into the past", call: patch(`{"status":"snoozed","snoozed_until":"2020-01-01T00:00:00Z"}`), status: 422, has: []string{"snooze_out_of_range"}},
		{name: "an end of snooze without status", call: patch(`{"snoozed_until":null}`), status: 422, has: []string{"snooze_needs_status"}},
		{name: "not an instant", call: patch(`{"status":"snoozed","snoozed_until":"tomorrow"}`), status: 422, has: []string{`{"field":"snoozed_until","code":"wrong_type","params":{"expected":"date-time"}}`}},
		{name: "nothing to change", call: patch(`{}`), status: 200},
		{name: "unknown filter", call: list("state=open"), status: 422, has: []string{`{"field":"state","code":"unknown_field"}`}},
		{name: "unknown view", call: list("view=hers"), status: 422, has: []string{`{"field":"view","code":"not_one_of","params":{"allowed":"mine, unassigned, all, team"}}`}},
		{name: "limits", call: list("limit=201&total=maybe&team_id=x"), status: 422, has: []string{
			`{"field":"limit","code":"too_big","params":{"max":200}}`, `{"field":"total","code":"wrong_type","params":{"expected":"boolean"}}`, `{"field":"team_id","code":"invalid_id"}`}},
		{name: "not a number", call: list("limit=ten"), status: 422, has: []string{`{"field":"limit","code":"wrong_type","params":{"expected":"integer"}}`}},
		{name: "a path of nonsense", call: call{method: "GET", path: "/api/v1/conversations/../../etc", as: "agent"}, status: 404},
		{name: "an id of nonsense", call: call{method: "GET", path: "/api/v1/conversations/1%27--", as: "agent"}, status: 404, has: []string{`"code":"not_found"`}},
		{name: "no such delivery", call: call{method: "POST", path: "/api/v1/deliveries/5/retry", as: "agent"}, status: 404},
	})
}

func TestAccountsAndCustomers(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	id := h.write(h.visit(), "k", "hello")
	customer := "/api/v1/customers/" + h.json(call{method: "GET", path: "/api/v1/conversations/" + id, as: "agent"})["customer"].(map[string]any)["id"].(string)
	account := "/api/v1/accounts/" + h.account.ID.String()
	create := func(body string) call { return call{method: "POST", path: "/api/v1/accounts", as: "admin", body: body} }
	change := func(body string) call { return call{method: "PATCH", path: account, as: "admin", body: body} }
	edit := func(body string) call { return call{method: "PATCH", path: customer, as: "marketer", body: body} }
	h.run(t, []scenario{
		{name: "create", call: create(`{"channel":"webchat","name":"Blog","config":{"origins":["HTTPS://Blog.example:443/"],"title":{"en":"Hi","zh-CN":"你好"}}}`), status: 201,
			has: []string{`"origins":["https://blog.example"]`, `"color":"#1f6feb"`, `"has_identity_secret":false`}, changes: []string{"account"}},
		{name: "no such channel", call: create(`{"channel":"fax","name":"Fax"}`), status: 422, has: []string{`{"field":"channel","code":"unknown_channel"`}},
		{name: "no name", call: create(`{"channel":"webchat","name":" "}`), status: 422, has: []string{`{"field":"name","code":"required"}`}},
		{name: "unknown setting", call: create(`{"channel":"webchat","name":"x","config":{"colour":"#fff"}}`), status: 422, has: []string{`{"field":"config.colour","code":"unknown_field"}`}},
		{name: "bad settings", call: create(`{"channel":"webchat","name":"x","config":{"origins":["shop"],"color":"blue","position":"top"}}`), status: 422, has: []string{`{"field":"config.position","code":"not_one_of"`}},
		{name: "worse settings", call: create(`{"channel":"webchat","name":"x","config":{"origins":["shop"],"color":"blue"}}`), status: 422, has: []string{`{"field":"config.origins[0]","code":"origin_invalid","params":{"value":"shop"}}`, `{"field":"config.color","code":"color_invalid"}`}},
		{name: "null is no configuration", call: change(`{"config":null}`), status: 422, has: []string{`{"field":"config","code":"required"}`}},
		{name: "rename keeps the configuration", call: change(`{"name":"Tea shop"}`), status: 200, has: []string{`"name":"Tea shop"`, shop}, changes: []string{"account"}},
		{name: "list", call: call{method: "GET", path: "/api/v1/accounts", as: "viewer"}, status: 200, has: []string{"Tea shop", "Blog"}, not: []string{"sealed", "secret\":\""}},
		{name: "no such account", call: call{method: "PATCH", path: "/api/v1/accounts/5", as: "admin", body: `{"name":"x"}`}, status: 404},
		{name: "name a customer", call: edit(`{"name":"Mei","timezone":"Asia/Shanghai","attributes":{"plan":"gold","age":30}}`), status: 200, has: []string{`"label":"Mei"`, `"plan":"gold"`, `"online":false`}, changes: []string{"customer"}},
		{name: "clear and remove", call: edit(`{"timezone":null,"attributes":{"age":null}}`), status: 200, has: []string{`"name":"Mei"`, `"timezone":null`, `"plan":"gold"`}, not: []string{`"age"`}, changes: []string{"customer"}},
		{name: "no such zone", call: edit(`{"timezone":"Mars/Base"}`), status: 422, has: []string{`{"field":"timezone","code":"unknown_timezone","params":{"value":"Mars/Base"}}`}},
		{name: "an attribute of lists of lists", call: edit(`{"attributes":{"a":[1,[2]]}}`), status: 422, has: []string{`{"field":"attributes.a[1]","code":"attribute_value_invalid"}`}},
		{name: "a list and every digit", call: edit(`{"attributes":{"a":["tea",12345678901234567890],"n":-9007199254740993}}`), status: 200, has: []string{`"a":["tea",12345678901234567890]`, `"n":-9007199254740993`}, changes: []string{"customer"}},
		{name: "null attributes", call: edit(`{"attributes":null}`), status: 422, has: []string{`{"field":"attributes","code":"required"}`}},
		{name: "found by name", call: call{method: "GET", path: "/api/v1/customers?q=MEI&total=true", as: "viewer"}, status: 200, has: []string{`"total":1`}},
		{name: "found by nothing", call: call{method: "GET", path: "/api/v1/customers?q=100%25_", as: "viewer"}, status: 200, has: []string{`"items":[]`}},
	})
}
