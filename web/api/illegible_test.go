package api_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/render"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
	"github.com/fanward/fanward/web/api"
)

// illegible are texts that PostgreSQL cannot hold, as addresses write them.
var illegible = []string{"%00", "a%00b", "%FF"}

// TestTextsThatNoDatabaseHolds: NUL and bytes that are no UTF-8, in whatever
// takes a text, are the caller's mistake or nobody's name, and the same on both
// engines; they fail nothing.
func TestTextsThatNoDatabaseHolds(t *testing.T) {
	answers := map[string]map[store.Engine]int{}
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		calm := api.Rate{Burst: 1 << 20, Every: time.Millisecond}
		h := build(t, db, func(o *api.Options) {
			p := journeyParts{o.Segments}
			o.Journeys = journeys.New(journeys.Options{DB: db, Clock: o.Clock, IDs: testkit.IDs(t, o.Clock), Customers: o.Customers, Segments: p, Sender: p, Tasks: p, Render: render.Renderer{}, Check: p})
			o.WechatPush = func(w http.ResponseWriter, _ *http.Request, _ *channels.Account) { _, _ = io.WriteString(w, "success") }
			o.Limits = api.Limits{SignIn: calm, VisitorSession: calm, VisitorMessage: calm, VisitorBind: calm, Upload: calm, Tracking: calm}
		})
		w := newSweep(t, h)
		operations := h.server.Operations()
		slices.SortFunc(operations, func(a, b api.Operation) int { return cmp.Compare(a.ID, b.ID) })
		for _, op := range operations {
			if op.ID != "signOut" { // would end what the others need
				w.operation(op)
			}
		}
		for _, text := range illegible {
			for _, c := range []call{
				{method: "POST", path: "/channels/wechat/" + text, body: "<xml></xml>"}, {method: "GET", path: "/channels/wechat/" + text},
				{method: "POST", path: "/channels/webchat/" + text + "/session", body: "{}"}, {method: "GET", path: "/channels/webchat/" + text + "/messages"},
				{method: "GET", path: "/unsubscribe/" + text}, {method: "GET", path: "/mail/" + text}, {method: "GET", path: "/files/" + text}, {method: "GET", path: "/v1/projects/" + text + "/settings"},
			} {
				w.send("", c)
			}
		}
		for name, codes := range w.codes {
			if answers[name] == nil {
				answers[name] = map[store.Engine]int{}
			}
			answers[name][db.Engine()] = codes
		}
		if len(w.codes) < 500 {
			t.Errorf("only %d calls were made", len(w.codes))
		}
		if log := h.log.String(); strings.Contains(log, "level=ERROR") {
			t.Error(log[strings.Index(log, "level=ERROR"):][:300])
		}
		h.run(t, []scenario{
			{name: "signing in", call: call{method: "POST", path: "/api/v1/session", body: `{"email":"a\u0000b@x.example","password":"x"}`}, status: 401, has: []string{"wrong_credentials"}},
			{name: "a path", call: call{method: "GET", path: "/api/v1/stages/%00", as: "owner"}, status: 404, has: []string{"not_found"}},
			{name: "a filter", call: call{method: "GET", path: "/api/v1/customers?stage=%FF&q=a", as: "owner"}, status: 422, has: []string{`"errors":[{"field":"stage","code":"text_illegible"}]`}},
			{name: "a stage", call: call{method: "PUT", path: "/api/v1/customers/" + w.ids["customers"] + "/stage", as: "owner", body: `{"stage":"\u0000"}`}, status: 422, has: []string{"stage"}},
			{name: "an event of a test", call: call{method: "POST", path: "/api/v1/journeys/" + w.ids["journeys"] + "/test", as: "owner",
				body: fmt.Sprintf(`{"customer_id":%q,"graph":%s,"moves":[{"event":{"name":"\u0000"}}]}`, w.ids["customers"], fmt.Sprintf(journeyGraph, "Hi"))}, status: 200},
		})
	})
	for name, codes := range answers {
		if len(codes) == 2 && codes[store.SQLite] != codes[store.Postgres] {
			t.Errorf("%s: %v", name, codes)
		}
	}
}

// sweep calls operations with one text at fault after the other.
type sweep struct {
	h     *house
	ids   map[string]string // something that is there, by the path that it stands under
	codes map[string]int
}

func newSweep(t *testing.T, h *house) *sweep {
	t.Helper()
	w := &sweep{h: h, codes: map[string]int{}}
	thread := h.write(h.visit(), "k", "hello")
	who := h.json(call{method: "GET", path: "/api/v1/conversations/" + thread, as: "owner"})["customer"].(map[string]any)["id"].(string)
	journey := h.json(call{method: "POST", path: "/api/v1/journeys", as: "owner", body: `{"name":"Invite","graph":` + fmt.Sprintf(journeyGraph, "Hi") + `}`})["id"].(string)
	task := h.json(call{method: "POST", path: "/api/v1/tasks", as: "owner", body: `{"title":"Call","client_key":"k"}`})["id"].(string)
	segment, err := h.segments.Create(context.Background(), auth.System, segments.Definition{Name: "All", Rule: rule.Node{Kind: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	w.ids = map[string]string{"customers": who, "conversations": thread, "journeys": journey, "tasks": task, "segments": segment.ID.String(), "accounts": h.account.ID.String(), "teammates": h.mates["viewer"].ID.String()}
	return w
}

// path is an operation's path with what is there, but for one of its parameters.
func (w *sweep) path(op api.Operation, but, text string) string {
	parts := strings.Split(op.Path, "/")
	for i, part := range parts {
		name := strings.Trim(part, "{}")
		switch {
		case name == part:
		case name == but:
			parts[i] = text
		case part == "{key}" && parts[i-1] == "webchat":
			parts[i] = w.h.account.Key
		case part == "{key}":
			parts[i] = "fan"
		case part == "{id}" && w.ids[parts[i-1]] != "":
			parts[i] = w.ids[parts[i-1]]
		default:
			parts[i] = w.ids["customers"]
		}
	}
	return strings.Join(parts, "/")
}

func (w *sweep) operation(op api.Operation) {
	in := w.h.server.Inputs(op.ID)
	body := ""
	if op.HasBody {
		body = w.body(in.Body, nil, nil)
	}
	for _, text := range illegible {
		for _, name := range in.Path {
			w.send(op.ID+" "+name+" "+text, call{method: op.Method, path: w.path(op, name, text), body: body})
		}
		for _, name := range in.Query {
			w.send(op.ID+" ?"+name+" "+text, call{method: op.Method, path: w.path(op, "", "") + "?" + name + "=" + text, body: body})
		}
	}
	if !op.HasBody {
		return
	}
	for _, at := range api.Texts(in.Body) {
		w.send(op.ID+" "+strings.Join(at, "."), call{method: op.Method, path: w.path(op, "", ""), body: w.body(in.Body, at, "a\x00b")})
	}
}

func (w *sweep) body(shape any, at []string, value any) string {
	out, err := json.Marshal(api.Sample(shape, at, value, w.ids["customers"]))
	if err != nil {
		w.h.t.Fatal(err)
	}
	return string(out)
}

func (w *sweep) send(name string, c call) {
	c.as, c.header = "owner", maps.Clone(c.header)
	if strings.HasPrefix(c.path, "/channels/") {
		c.as, c.header = "", map[string]string{"Origin": shop}
	}
	r := w.h.do(c)
	if r.Code >= 500 {
		w.h.t.Errorf("%s: %s %s %s: %d %s", name, c.method, c.path, c.body, r.Code, r.Body)
	}
	if name == "" {
		name = c.method + " " + c.path
	}
	w.codes[name] = r.Code
}

// TestFaultsAreNamed: whatever has the wrong type, or is a number or an id beyond
// all bounds, is refused by the name of its field.
func TestFaultsAreNamed(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	h := build(t, db, func(o *api.Options) {
		p := journeyParts{o.Segments}
		o.Journeys = journeys.New(journeys.Options{DB: db, Clock: o.Clock, IDs: testkit.IDs(t, o.Clock), Customers: o.Customers, Segments: p, Sender: p, Tasks: p, Render: render.Renderer{}, Check: p})
	})
	w := newSweep(t, h)
	wrong := map[string][]any{
		"string": {true, map[string]any{}}, "integer": {"1", 1.5, json.Number("1e308"), json.Number("-1e308"), json.Number("9223372036854775808")}, "number": {"1"}, "boolean": {1, "true"},
		"array": {map[string]any{}, "a"}, "object": {[]any{}, true}, "id": {"0", "9223372036854775808", "9999999999999999999", "x"},
	}
	h.run(t, []scenario{
		{name: "in the rule of a stage", call: call{method: "PATCH", path: "/api/v1/stages/fan", as: "owner", body: `{"rule":true}`}, status: 422, has: []string{`"errors":[{"field":"rule","code":"wrong_type","params":{"expected":"object"}}]`}},
		{name: "within the rule of a stage", call: call{method: "PATCH", path: "/api/v1/stages/fan", as: "owner", body: `{"rule":{"kind":"all","of":[{"kind":5}]}}`}, status: 422, has: []string{`"errors":[{"field":"rule.of[0].kind","code":"wrong_type"`}},
		{name: "a stage without a rule", call: call{method: "PATCH", path: "/api/v1/stages/fan", as: "owner", body: `{"rule":null}`}, status: 200, changes: []string{"stages"}},
		{name: "a rule of many digits", call: call{method: "POST", path: "/api/v1/segments", as: "owner", body: `{"name":"Digits","rule":{"kind":"attribute","name":"a","op":"in","values":[8999999999999.123457,-8999999999999.123457]}}`}, status: 201,
			has: []string{`"values":[8999999999999.123457,-8999999999999.123457]`}, changes: []string{"segment"}},
		{name: "a journey's rule of many digits", call: call{method: "POST", path: "/api/v1/journeys", as: "owner",
			body: `{"name":"Digits","graph":{"trigger":{"kind":"event","event":"A"},"entry":{"policy":"once","rule":{"kind":"attribute","name":"a","op":"equals","value":8999999999999.123457}},"nodes":[]}}`}, status: 201, has: []string{`"value":8999999999999.123457`}},
		{name: "a stage's rule of many digits", call: call{method: "PATCH", path: "/api/v1/stages/fan", as: "owner", body: `{"rule":{"kind":"attribute","name":"a","op":"equals","value":8999999999999.123457}}`}, status: 200, has: []string{`"value":8999999999999.123457`}, changes: []string{"stages"}},
		{name: "and still", call: call{method: "GET", path: "/api/v1/stages", as: "owner"}, status: 200, has: []string{`"value":8999999999999.123457`}},
	})
	tried := 0
	for _, op := range h.server.Operations() {
		if !op.HasBody || op.Access == "visitor" || op.ID == "signIn" || op.ID == "signInByLink" {
			continue
		}
		body := h.server.Inputs(op.ID).Body
		for kind, places := range api.Typed(body) {
			for _, at := range places {
				for _, value := range wrong[kind] {
					tried++
					c := call{method: op.Method, path: w.path(op, "", ""), as: "owner", body: w.body(body, at, value)}
					r := h.do(c)
					var problem struct {
						Errors []struct{ Field, Code string }
					}
					if err := json.Unmarshal(r.Body.Bytes(), &problem); err != nil || r.Code != 422 || len(problem.Errors) == 0 || !strings.HasPrefix(problem.Errors[0].Field, at[0]) {
						t.Errorf("%s %s: %s: %d %s", op.ID, strings.Join(at, "."), c.body, r.Code, r.Body)
					}
				}
			}
		}
	}
	if tried < 500 {
		t.Errorf("only %d were tried", tried)
	}
}
