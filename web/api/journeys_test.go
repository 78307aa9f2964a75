package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/render"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
	"github.com/fanward/fanward/web/api"
)

// journeyParts join journeys with the segments and send nothing.
type journeyParts struct{ segments *segments.Service }

func (p journeyParts) Match(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (bool, error) {
	r, err := p.segments.MatchTx(q, n, customer, at)
	return r.Match, err
}

func (p journeyParts) People(ctx context.Context, n rule.Node, after ids.ID, limit int) ([]ids.ID, error) {
	return p.segments.People(ctx, n, after, limit)
}

func (p journeyParts) WatchTx(tx *store.Tx, owner string, n rule.Node) error {
	_, err := p.segments.Watch(tx, owner, n)
	return err
}

func (p journeyParts) UnwatchTx(tx *store.Tx, owner string) error {
	return p.segments.UnwatchTx(tx, owner)
}

func (journeyParts) Reach(store.Querier, ids.ID, []string, channels.Purpose, time.Time) (journeys.Reach, string, error) {
	return journeys.Reach{Channel: "webchat", Account: 1, Identity: 1}, "", nil
}

func (journeyParts) SendTx(*store.Tx, journeys.Message, time.Time) (channels.Enqueued, error) {
	return channels.Enqueued{ID: 7, State: channels.Queued}, nil
}

func (journeyParts) CancelTx(*store.Tx, ids.ID, string, time.Time) error { return nil }

func (journeyParts) CreateTaskTx(*store.Tx, journeys.NewTask, time.Time) (ids.ID, error) {
	return 8, nil
}

func (journeyParts) Options(context.Context) (flow.CheckOptions, error) {
	return flow.CheckOptions{Channels: []string{"webchat"}, Liquid: func(s string) (out []fault.Field) {
		for _, p := range render.Check(s) {
			out = append(out, fault.Field{Code: p.Code, Params: p.Params})
		}
		return out
	}}, nil
}

const journeyGraph = `{"trigger":{"kind":"event","event":"Order Completed"},"entry":{"policy":"once"},"start":"ask","nodes":[
  {"id":"ask","kind":"message","next":"pause","message":{"channels":["webchat"],"purpose":"marketing","body":"%s"}},
  {"id":"pause","kind":"delay","next":"call","delay":{"for":"1d"}},
  {"id":"call","kind":"task","task":{"title":"Call {{ customer.name }}","due":"24h","assignee":{"kind":"nobody"}}}]}`

func TestJourneys(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		var s *journeys.Service
		var known *customers.Service
		h := build(t, db, func(o *api.Options) {
			p := journeyParts{o.Segments}
			known = o.Customers
			s = journeys.New(journeys.Options{DB: db, Clock: o.Clock, IDs: testkit.IDs(t, o.Clock), Customers: known, Segments: p, Sender: p, Tasks: p, Render: render.Renderer{}, Check: p})
			o.Journeys = s
		})
		received, err := h.inbox.Receive(context.Background(), channels.Inbound{
			Account: h.account, Identity: channels.Identity{Kind: customers.KindVisitor, Namespace: h.account.ID.String(), Value: "ming"}, ExternalID: "m1", Body: "hi",
		})
		if err != nil {
			t.Fatal(err)
		}
		name := "Ming"
		who := received.Customer
		if _, err := known.Update(context.Background(), who, customers.Patch{Name: &name}); err != nil {
			t.Fatal(err)
		}
		sound, broken := fmt.Sprintf(journeyGraph, "Hello {{ customer.name }}"), fmt.Sprintf(journeyGraph, "Hello {{ customer.name")
		made := h.json(call{method: http.MethodPost, path: "/api/v1/journeys", as: "marketer", body: `{"name":"Invite","graph":` + broken + `}`})
		one := "/api/v1/journeys/" + made["id"].(string)
		draft := func(version int, graph string) string {
			return fmt.Sprintf(`{"name":"Invite","graph":%s,"draft_version":%d}`, graph, version)
		}
		h.run(t, []scenario{
			{name: "a draft may have problems", call: call{method: http.MethodGet, path: one, as: "viewer"}, status: 200, has: []string{`"node":"ask"`, `"field":"message.body"`, `"severity":"error"`, `"state":"draft"`}},
			{name: "what is published may not", call: call{method: http.MethodPost, path: one + "/publish", as: "marketer", body: `{"people":"follow"}`}, status: 422, has: []string{`journey_unfit`, `nodes.ask.message.body`}},
			{name: "unknown keys", call: call{method: http.MethodPut, path: one, as: "marketer", body: draft(1, strings.Replace(sound, `"id":"ask"`, `"id":"ask","colour":"red"`, 1))}, status: 422, has: []string{"unknown_field", "colour"}},
			{name: "unknown kind", call: call{method: http.MethodPut, path: one, as: "marketer", body: draft(1, strings.Replace(sound, `"kind":"delay"`, `"kind":"teleport"`, 1))}, status: 422, has: []string{"not_one_of"}},
			{name: "an agent only reads", call: call{method: http.MethodPut, path: one, as: "agent", body: draft(1, sound)}, status: 403},
			{name: "saved", call: call{method: http.MethodPut, path: one, as: "marketer", body: draft(1, sound)}, status: 200, has: []string{`"draft_version":2`, `"problems":[]`}},
			{name: "saved by somebody else meanwhile", call: call{method: http.MethodPut, path: one, as: "marketer", body: draft(1, sound)}, status: 409, has: []string{"journey_changed"}},
			{name: "checked", call: call{method: http.MethodPost, path: one + "/check", as: "viewer", body: `{"graph":` + broken + `}`}, status: 200, has: []string{`"severity":"error"`}},
			{name: "not live", call: call{method: http.MethodPost, path: one + "/pause", as: "manager"}, status: 409, has: []string{"journey_state"}},
			{name: "tried", call: call{method: http.MethodPost, path: one + "/test", as: "marketer", body: fmt.Sprintf(`{"customer_id":"%s","graph":%s,"moves":[{"advance":"24h"}]}`, who, sound)}, status: 200,
				has: []string{`"outcome":"would_send"`, "Hello Ming", "Call Ming", `"reason":"end"`}},
			{name: "tried with nonsense", call: call{method: http.MethodPost, path: one + "/test", as: "marketer", body: fmt.Sprintf(`{"customer_id":"%s","graph":%s,"moves":[{"advance":"soon"}]}`, who, sound)}, status: 422, has: []string{"moves[0].advance", "duration_invalid"}},
			{name: "previewed", call: call{method: http.MethodPost, path: one + "/preview", as: "viewer", body: fmt.Sprintf(`{"customer_id":"%s","message":{"channels":["webchat"],"purpose":"marketing","body":"Hi {{ customer.name }}"}}`, who)}, status: 200, has: []string{`"body":"Hi Ming"`, `"channel":"webchat"`}},
			{name: "another draft than the one meant", call: call{method: http.MethodPost, path: one + "/publish", as: "marketer", body: `{"people":"follow","draft_version":1}`}, status: 409, has: []string{"journey_changed", `"draft_version":2`}},
			{name: "published", call: call{method: http.MethodPost, path: one + "/publish", as: "marketer", body: `{"people":"follow","draft_version":2}`}, status: 200, has: []string{`"state":"live"`, `"version":1`}},
		})
		if err := known.Track(context.Background(), customers.Track{Customer: who, Name: "Order Completed", At: h.clk.Now()}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := s.Work(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		list := h.json(call{method: http.MethodGet, path: one + "/enrollments?total=true&node=pause", as: "marketer"})
		item := list["items"].([]any)[0].(map[string]any)
		if list["total"] != float64(1) || item["node"] != "pause" {
			t.Fatalf("%v", list)
		}
		h.run(t, []scenario{
			{name: "nodes", call: call{method: http.MethodGet, path: one + "/nodes", as: "viewer"}, status: 200, has: []string{`"waiting":1`, `"queued":1`}},
			{name: "passed", call: call{method: http.MethodGet, path: one + "/enrollments?node=ask&outcome=queued&total=true", as: "viewer"}, status: 200, has: []string{`"total":1`}},
			{name: "passed what", call: call{method: http.MethodGet, path: one + "/enrollments?outcome=queued", as: "viewer"}, status: 422, has: []string{`{"field":"node","code":"required"}`}},
			{name: "the way", call: call{method: http.MethodGet, path: one + "/enrollments/" + item["id"].(string), as: "viewer"}, status: 200, has: []string{`"outcome":"queued"`, `"detail":"webchat"`, `"delivery_id":"7"`}},
			{name: "why", call: call{method: http.MethodGet, path: one + "/why/" + who.String(), as: "viewer"}, status: 200, has: []string{"entry_inside"}},
			{name: "listed", call: call{method: http.MethodGet, path: "/api/v1/journeys", as: "viewer"}, status: 200, has: []string{`"active":1`, `"entered":1`}},
			{name: "templates", call: call{method: http.MethodGet, path: "/api/v1/journey-templates", as: "viewer"}, status: 200, has: []string{"invite", "returned", "lapsed", "welcome"}},
			{name: "live ones stay", call: call{method: http.MethodDelete, path: one, as: "manager"}, status: 409, has: []string{"journey_state"}},
			{name: "paused", call: call{method: http.MethodPost, path: one + "/pause", as: "manager"}, status: 200, has: []string{`"state":"paused"`}},
			{name: "resumed", call: call{method: http.MethodPost, path: one + "/resume", as: "manager"}, status: 200, has: []string{`"state":"live"`}},
			{name: "stopped", call: call{method: http.MethodPost, path: one + "/stop", as: "manager"}, status: 200, has: []string{`"state":"stopped"`}},
			{name: "deleted", call: call{method: http.MethodDelete, path: one, as: "manager"}, status: 204},
			{name: "gone", call: call{method: http.MethodGet, path: one, as: "manager"}, status: 404, has: []string{"not_found"}},
		})
	})
}
