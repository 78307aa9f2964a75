package outside

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
)

// Invitation begins the line by which the records outside know a journey's Message.
const Invitation = "invitation for "

// Joined are the calls by which somebody is known and has joined.
func Joined(n int) []any {
	id := fmt.Sprintf("p%d", n)
	return []any{
		map[string]any{"type": "identify", "messageId": "i-" + id, "userId": id, "traits": map[string]any{"name": id, "email": id + "@far.example"}},
		map[string]any{"type": "track", "messageId": "t-" + id, "userId": id, "event": "Joined", "properties": map[string]any{"amount": n}},
	}
}

// Confirmed is the call by which somebody has confirmed.
func Confirmed(n int, time string) any {
	id := fmt.Sprintf("p%d", n)
	return map[string]any{"type": "track", "messageId": time + "-" + id, "userId": id, "event": "Confirmed"}
}

// TenNodes is a journey through every kind of step that moves somebody.
func TenNodes(segment string) map[string]any {
	return map[string]any{
		"trigger": map[string]any{"kind": "segment_entered", "segment": segment},
		"entry":   map[string]any{"policy": "once"},
		"start":   "a",
		"nodes": []any{
			map[string]any{"id": "a", "kind": "attribute", "next": "b", "attribute": map[string]any{"name": "invited", "value": true}},
			map[string]any{"id": "b", "kind": "tag", "next": "c", "tag": map[string]any{"add": []string{"invited"}}},
			map[string]any{"id": "c", "kind": "split", "ways": []any{map[string]any{"percent": 50, "next": "d"}, map[string]any{"percent": 50, "next": "e"}}},
			map[string]any{"id": "d", "kind": "stage", "next": "f", "stage": map[string]any{"to": "lead"}},
			map[string]any{"id": "e", "kind": "stage", "next": "f", "stage": map[string]any{"to": "customer"}},
			map[string]any{"id": "f", "kind": "branch", "else": "h", "ways": []any{
				map[string]any{"rule": map[string]any{"kind": "event", "name": "Joined", "op": "at_least", "value": 1}, "next": "g"},
			}},
			map[string]any{"id": "g", "kind": "wait", "next": "h", "else": "j", "wait": map[string]any{"event": "Confirmed", "for": "1d"}},
			map[string]any{"id": "h", "kind": "stage", "next": "i", "stage": map[string]any{"to": "member"}},
			map[string]any{"id": "i", "kind": "message", "next": "j", "else": "j", "message": map[string]any{
				"channels": []string{"email", "wechat"}, "purpose": "transactional", "subject": "Welcome", "body": Invitation + "{{ customer.name }}",
			}},
			map[string]any{"id": "j", "kind": "exit"},
		},
	}
}

// Enrollment is one as the API lists it.
type Enrollment struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Node     string `json:"node"`
	Customer struct {
		ID   string  `json:"id"`
		Name *string `json:"name"`
	} `json:"customer"`
}

// Run is what a journey has been through.
type Run struct {
	Journey, Segment string
	// People of the shop have joined, each once, and have confirmed, in all,
	// Confirmations times.
	People, Confirmations int
	// Followers, by openid, are known to have written; Spare is how many may have.
	Followers map[string]bool
	Spare     int
}

// JudgeJourney holds the records outside, and the program's own of who walked
// how, against each other: all people of the shop and the followers whose push
// was acknowledged, of spare who wrote at all, have come through once.
func JudgeJourney(t *testing.T, p *testkit.Process, header http.Header, r Run, w *Platform, box *Postbox) {
	t.Helper()
	journey, segment, people, confirmations, followers, spare := r.Journey, r.Segment, r.People, r.Confirmations, r.Followers, r.Spare
	want := people + len(followers)
	var all []Enrollment
	t.Cleanup(func() {
		if t.Failed() {
			stand := map[string]int{}
			for _, e := range all {
				stand[e.State+" "+e.Node]++
			}
			t.Logf("of %d: %v", want, stand)
		}
	})
	testkit.Eventually(t, 5*time.Minute, fmt.Sprintf("all %d have come through", want), func() bool {
		all = List[Enrollment](t, p.URL+"/api/v1/journeys/"+journey+"/enrollments", header)
		for _, e := range all {
			if e.State == "active" {
				return false
			}
		}
		return len(all) >= want
	})
	// A push can be kept and its acknowledgement lost: such a follower may come, too.
	if len(all) > people+spare {
		t.Errorf("%d came of %d", len(all), people+spare)
	}
	seen := map[string]bool{}
	for _, e := range all {
		if seen[e.Customer.ID] {
			t.Errorf("%s is enrolled twice", e.Customer.ID)
		}
		seen[e.Customer.ID] = true
	}
	for what, n := range map[string]int{
		"/api/v1/segments/" + segment + "/members": len(all), "/api/v1/events?name=Joined": people, "/api/v1/events?name=Confirmed": confirmations,
	} {
		if got := Total(t, p.URL+what, header); got != n {
			t.Errorf("%s: %d, want %d", what, got, n)
		}
	}
	for _, e := range all[:min(len(all), 60)] {
		judgeSteps(t, p, header, journey, e)
	}
	judgeReceived(t, p, header, people, followers, w, box)
}

// judgeSteps: every node of one of the four ways through, once.
func judgeSteps(t *testing.T, p *testkit.Process, header http.Header, journey string, e Enrollment) {
	t.Helper()
	var one struct {
		Steps []struct {
			Node string `json:"node"`
		} `json:"steps"`
	}
	if err := Call("GET", p.URL+"/api/v1/journeys/"+journey+"/enrollments/"+e.ID, header, nil, &one); err != nil {
		t.Fatal(err)
	}
	way := ""
	for _, s := range one.Steps {
		if !strings.HasSuffix(way, s.Node) { // a wait may show its beginning and its end
			way += s.Node
		}
	}
	switch way {
	case "abcdfghij", "abcefghij", "abcdfhij", "abcefhij":
	default:
		t.Errorf("%s went %s", e.Customer.ID, way)
	}
}

// judgeReceived holds what the recipients have against what is shown.
func judgeReceived(t *testing.T, p *testkit.Process, header http.Header, people int, followers map[string]bool, w *Platform, box *Postbox) {
	t.Helper()
	var missing []string
	unknown := map[string]bool{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d without a Message: %v; %d unknown", len(missing), missing[:min(len(missing), 5)], len(unknown))
		}
	})
	testkit.Eventually(t, 300*time.Second, "everybody has their Message or is shown as unknown", func() bool {
		for _, d := range List[trouble](t, p.URL+"/api/v1/deliveries", header) {
			if d.MessageID != nil {
				continue // an answer of a teammate
			}
			if unknown[d.Customer.ID] = true; d.Delivery.State != "unknown" {
				t.Fatalf("a Message of %s is %s", d.Customer.ID, d.Delivery.State)
			}
		}
		missing = nil
		for body, n := range invitations(people, followers, w, box) {
			switch n {
			case 1:
			case 0:
				missing = append(missing, body)
			default:
				t.Fatalf("%q was received %d times", body, n)
			}
		}
		return len(missing) <= len(unknown)
	})
	t.Logf("%d people and %d followers, %d without a Message, %d unknown", people, len(followers), len(missing), len(unknown))
}

// invitations counts what each recipient has.
func invitations(people int, followers map[string]bool, w *Platform, box *Postbox) map[string]int {
	out := map[string]int{}
	mails := box.Received()
	for n := range people {
		body := fmt.Sprint(Invitation, "p", n)
		out[body] = mails[body]
	}
	for openid := range followers {
		out[openid] = 0
		for _, s := range w.Outbox(AppID, openid) {
			if strings.HasPrefix(s.Text, strings.TrimSpace(Invitation)) { // they have no name
				out[openid]++
			}
		}
	}
	return out
}

type trouble struct {
	MessageID *string `json:"message_id"`
	Delivery  struct {
		State string `json:"state"`
	} `json:"delivery"`
	Customer struct {
		ID string `json:"id"`
	} `json:"customer"`
}
