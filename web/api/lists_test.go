package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// walk reads a list page by page until its end and returns the items' keys.
func (h *house) walk(path, as string, key func(map[string]any) string) []string {
	h.t.Helper()
	var out []string
	cursor := ""
	for range 50 {
		got := h.json(call{method: "GET", path: path + cursor, as: as})
		for _, item := range got["items"].([]any) {
			out = append(out, key(item.(map[string]any)))
		}
		next, more := got["next_cursor"].(string)
		if !more {
			return out
		}
		cursor = "&cursor=" + next
	}
	h.t.Fatal("the list has no end")
	return nil
}

func byID(item map[string]any) string { return item["id"].(string) }

// TestPaging: pages of any size give every row once, in order, also where rows
// share their instant, and while new ones arrive at the top.
func TestPaging(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		h := build(t, db)
		var first string
		for i := range 7 {
			if i%3 == 0 {
				h.clk.Advance(time.Second)
			}
			id := h.write(h.visit(), "k", fmt.Sprint("hello ", i))
			if i == 0 {
				first = id
			}
		}
		for _, list := range []struct{ path, as string }{
			{"/api/v1/conversations?status=all", "owner"}, {"/api/v1/customers?q=", "viewer"}, {"/api/v1/events?name=", "marketer"},
		} {
			whole := h.walk(list.path+"&limit=200", list.as, byID)
			sorted := slices.Clone(whole)
			slices.Sort(sorted)
			if len(whole) < 7 || len(slices.Compact(sorted)) != len(whole) {
				t.Fatalf("%s: %v", list.path, whole)
			}
			for _, limit := range []int{1, 2, 3, len(whole)} {
				if got := h.walk(fmt.Sprintf("%s&limit=%d", list.path, limit), list.as, byID); !slices.Equal(got, whole) {
					t.Errorf("%s by %d: %v, want %v", list.path, limit, got, whole)
				}
			}
			if total := h.json(call{method: "GET", path: list.path + "&limit=1&total=true", as: list.as})["total"]; total != float64(len(whole)) {
				t.Errorf("%s: total %v of %d", list.path, total, len(whole))
			}
		}
		for i := range 6 {
			h.json(call{method: "POST", path: "/api/v1/conversations/" + first + "/messages", as: "agent", body: fmt.Sprintf(`{"client_key":"k%d","body":"%d"}`, i, i)})
		}
		h.thread(first)
	})
}

// thread reads a thread in both directions.
func (h *house) thread(id string) {
	h.t.Helper()
	bySeq := func(m map[string]any) string { return fmt.Sprint(m["seq"]) }
	path := "/api/v1/conversations/" + id + "/messages"
	want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	if got := h.walk(path+"?after_seq=0&limit=3", "viewer", bySeq); !slices.Equal(got, want) {
		h.t.Errorf("upwards: %v", got)
	}
	got := h.walk(path+"?limit=3", "viewer", bySeq)
	if !slices.Equal(got, []string{"6", "7", "8", "3", "4", "5", "1", "2"}) {
		h.t.Errorf("downwards, each page upwards: %v", got)
	}
	h.run(h.t.(*testing.T), []scenario{
		{name: "the middle", call: call{method: "GET", path: path + "?before_seq=6&limit=2&total=true", as: "viewer"}, status: 200, has: []string{`"seq":4`, `"seq":5`, `"has_more_before":true`, `"has_more_after":true`, `"total":8`}, not: []string{`"seq":6`, `"seq":3`}},
		{name: "behind the end", call: call{method: "GET", path: path + "?after_seq=8", as: "viewer"}, status: 200, has: []string{`"items":[]`, `"has_more_after":false`, `"next_cursor":null`}},
		{name: "both ways", call: call{method: "GET", path: path + "?before_seq=6&after_seq=2", as: "viewer"}, status: 422, has: []string{`{"field":"before_seq","code":"not_together"`}},
	})
}

func TestCursors(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	for range 2 {
		h.write(h.visit(), "k", "hello")
	}
	next := h.json(call{method: "GET", path: "/api/v1/conversations?limit=1", as: "owner"})["next_cursor"].(string)
	bad := func(name, path string) scenario {
		return scenario{name: name, call: call{method: "GET", path: path, as: "owner"}, status: 422, has: []string{`{"field":"cursor","code":"cursor_invalid"}`}}
	}
	h.run(t, []scenario{
		bad("nonsense", "/api/v1/conversations?cursor=nonsense"),
		bad("not base64", "/api/v1/conversations?cursor=!!!"),
		bad("of another list", "/api/v1/customers?cursor="+next),
		bad("altered", "/api/v1/conversations?cursor="+next[:len(next)-4]+"AAAA"),
		bad("very long", "/api/v1/conversations?cursor="+strings.Repeat("A", 5000)),
		bad("of a list in a thread", "/api/v1/conversations/1/messages?cursor="+next),
	})
}

func TestFilters(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	a, b := h.write(h.visit(), "k", "first"), h.write(h.visit(), "k", "second")
	agent, account := h.mates["agent"].ID.String(), h.account.ID.String()
	h.json(call{method: "PATCH", path: "/api/v1/conversations/" + a, as: "agent", body: `{"assignee_id":"` + agent + `"}`})
	h.json(call{method: "PATCH", path: "/api/v1/conversations/" + b, as: "agent", body: `{"status":"resolved"}`})
	customer := h.json(call{method: "GET", path: "/api/v1/conversations/" + a, as: "agent"})["customer"].(map[string]any)["id"].(string)
	list := func(query string, want ...string) {
		t.Helper()
		if got := h.walk("/api/v1/conversations?"+query, "agent", byID); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	list("", a)
	list("view=mine", a)
	list("view=unassigned")
	list("view=unassigned&status=resolved", b)
	list("status=all&account_id="+account, b, a)
	list("status=all&account_id=1")
	list("assignee_id="+agent, a)
	list("status=all&customer_id="+customer, a)
	events := "/api/v1/events?customer_id=" + customer
	at := h.clk.Now().Format(time.RFC3339Nano)
	later := h.clk.Now().Add(time.Millisecond).Format(time.RFC3339Nano)
	h.run(t, []scenario{
		{name: "team without team", call: call{method: "GET", path: "/api/v1/conversations?view=team", as: "agent"}, status: 422, has: []string{`{"field":"team_id","code":"required"}`}},
		{name: "events by name", call: call{method: "GET", path: events + "&name=Message%20Received&total=true", as: "agent"}, status: 200, has: []string{`"total":1`, `"properties":{`}},
		{name: "events from", call: call{method: "GET", path: events + "&from=" + later, as: "agent"}, status: 200, has: []string{`"items":[]`}},
		{name: "events to", call: call{method: "GET", path: events + "&to=" + at, as: "agent"}, status: 200, has: []string{`"items":[]`}},
		{name: "events of the instant", call: call{method: "GET", path: events + "&from=" + at + "&to=" + later, as: "agent"}, status: 200, has: []string{"Conversation Opened"}},
		{name: "events of a customer", call: call{method: "GET", path: "/api/v1/customers/" + customer + "/events", as: "agent"}, status: 200, has: []string{"Message Received"}},
		{name: "events of nobody", call: call{method: "GET", path: "/api/v1/customers/1/events", as: "agent"}, status: 404},
		{name: "identities", call: call{method: "GET", path: "/api/v1/customers/" + customer + "/identities", as: "agent"}, status: 200, has: []string{`"kind":"visitor"`, `"verified":false`}},
		{name: "events before the first instant of all", call: call{method: "GET", path: events + "&to=0001-01-01T00:00:00Z&total=true", as: "agent"}, status: 200, has: []string{`"items":[]`, `"total":0`}},
		{name: "events since then", call: call{method: "GET", path: events + "&from=0001-01-01T00:00:00Z", as: "agent"}, status: 200, has: []string{"Conversation Opened"}},
		{name: "a task that was due then", call: call{method: "POST", path: "/api/v1/tasks", as: "owner", body: `{"title":"Call","due_at":"0001-01-01T00:00:00Z"}`}, status: 422, has: []string{`{"field":"due_at","code":"due_out_of_range"`}},
		{name: "a thread that sleeps until then", call: call{method: "PATCH", path: "/api/v1/conversations/" + a, as: "owner", body: `{"status":"snoozed","snoozed_until":"0001-01-01T00:00:00Z"}`}, status: 422, has: []string{`{"field":"snoozed_until","code":"snooze_out_of_range"`}},
		{name: "not an instant", call: call{method: "GET", path: "/api/v1/events?from=yesterday", as: "agent"}, status: 422, has: []string{`{"field":"from","code":"wrong_type","params":{"expected":"date-time"}}`}},
	})
}
