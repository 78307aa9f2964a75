package crashtest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/testkit"
)

// invitation begins the line by which the records outside know a journey's message.
const invitation = "invitation for "

// crowd is how many people run through the journey, and how often the program is
// killed meanwhile.
func crowd() (people, kills int) {
	if os.Getenv("FANWARD_SOAK") != "" {
		return 5000, 50
	}
	return 400, 8
}

const fansFollow = 40 // of WeChat, beside the people of the website

// integrator is a company's server: it repeats each batch until it hears 200.
type integrator struct {
	t      *testing.T
	url    string
	header http.Header
}

func (i *integrator) deliver(items []any) {
	i.t.Helper()
	testkit.Eventually(i.t, 60*time.Second, "a batch is taken", func() bool {
		return call("POST", i.url+"/v1/batch", i.header, map[string]any{"batch": items}, nil) == nil
	})
}

func joined(n int) []any {
	id := fmt.Sprintf("p%d", n)
	return []any{
		map[string]any{"type": "identify", "messageId": "i-" + id, "userId": id, "traits": map[string]any{"name": id, "email": id + "@far.example"}},
		map[string]any{"type": "track", "messageId": "t-" + id, "userId": id, "event": "Joined", "properties": map[string]any{"amount": n}},
	}
}

func confirmed(n int, time string) any {
	id := fmt.Sprintf("p%d", n)
	return map[string]any{"type": "track", "messageId": time + "-" + id, "userId": id, "event": "Confirmed"}
}

// tenNodes is a journey through every kind of step that moves somebody.
func tenNodes(segment string) map[string]any {
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
				"channels": []string{"email", "wechat"}, "purpose": "transactional", "subject": "Welcome", "body": invitation + "{{ customer.name }}",
			}},
			map[string]any{"id": "j", "kind": "exit"},
		},
	}
}

// TestKilledAmidAJourney: of everybody whose behaviour was acknowledged the
// program knows once that it happened, everybody is a member, walks the journey
// once, and has its message once, or it is shown as unknown.
func TestKilledAmidAJourney(t *testing.T) {
	people, kills := crowd()
	box, port := newPostbox(t)
	wechat, base := newPlatform(t)
	p := testkit.Program(t)
	header := http.Header{"Authorization": {"Bearer " + command(t, p, "token", "create", "--role", "owner", "--name", "crash test")}}
	key := command(t, p, "writekey", "create", "--name", "crash test", "--kind", "server")
	shop := &integrator{t: t, url: p.URL, header: http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))}}}
	wechat.connect(t, p, header, base, fansFollow)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(call("POST", p.URL+"/api/v1/accounts", header, map[string]any{
		"channel": "email", "name": "Mail", "config": map[string]any{"address": "shop@crash.example", "smtp": map[string]any{"host": "127.0.0.1", "port": port, "tls": "none"}},
	}, nil))
	var segment, journey struct {
		ID string `json:"id"`
	}
	must(call("POST", p.URL+"/api/v1/segments", header, map[string]any{"name": "Everybody", "rule": map[string]any{"kind": "any", "of": []any{
		map[string]any{"kind": "event", "name": "Joined", "op": "at_least", "value": 1},
		map[string]any{"kind": "event", "name": "Message Received", "op": "at_least", "value": 1},
	}}}, &segment))
	// Who comes into a segment while it is being built comes by its definition,
	// and starts nothing.
	testkit.Eventually(t, 10*time.Second, "the segment is built", func() bool {
		var s struct {
			State string `json:"state"`
		}
		return call("GET", p.URL+"/api/v1/segments/"+segment.ID, header, nil, &s) == nil && s.State == "ready"
	})
	must(call("POST", p.URL+"/api/v1/journeys", header, map[string]any{"name": "Invite", "graph": tenNodes(segment.ID)}, &journey))
	must(call("POST", p.URL+"/api/v1/journeys/"+journey.ID+"/publish", header, map[string]any{"people": "follow"}, nil))

	each := people / kills
	for round := range kills {
		var items []any
		for n := round * each; n < (round+1)*each; n++ {
			items = append(items, joined(n)...)
			if round > 0 {
				items = append(items, confirmed(n-each, "first"))
			}
		}
		shop.deliver(items)
		for n := round * fansFollow / kills; n < (round+1)*fansFollow/kills; n++ {
			push, err := wechat.Act(appID, wechat.people[n], simulator.Action{Do: "text", Text: "join"})
			if err != nil {
				t.Error(err)
			}
			wechat.sent[push] = wechat.people[n]
		}
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond) // anywhere in the work
		p.Restart(syscall.SIGKILL)
	}
	wechat.Settle()
	// Who confirmed before they came to the node that waits for it, waits.
	followers := wechat.acknowledged()
	var come []enrollment
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d of %d people and %d followers have come, %d are members", len(come), people, len(followers), total(t, p.URL+"/api/v1/segments/"+segment.ID+"/members", header))
		}
	})
	testkit.Eventually(t, 60*time.Second, "everybody waits or has come through", func() bool {
		come = list[enrollment](t, p.URL+"/api/v1/journeys/"+journey.ID+"/enrollments", header)
		for _, e := range come {
			if e.State == "active" && e.Node != "g" {
				return false
			}
		}
		return len(come) >= people+len(followers)
	})
	for from := 0; from < people; from += each {
		var items []any
		for n := from; n < min(from+each, people); n++ {
			items = append(items, confirmed(n, "again"))
		}
		shop.deliver(items)
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		p.Restart(syscall.SIGKILL)
	}
	judgeJourney(t, p, header, journey.ID, segment.ID, people, (kills-1)*each+people, wechat, box)
}

// enrollment is one as the API lists it.
type enrollment struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Node     string `json:"node"`
	Customer struct {
		ID   string  `json:"id"`
		Name *string `json:"name"`
	} `json:"customer"`
}

func judgeJourney(t *testing.T, p *testkit.Process, header http.Header, journey, segment string, people, confirmations int, w *platform, box *postbox) {
	t.Helper()
	followers := w.acknowledged() // by openid
	if len(followers) == 0 {
		t.Error("no push was ever acknowledged")
	}
	want := people + len(followers)
	var all []enrollment
	t.Cleanup(func() {
		if t.Failed() {
			stand := map[string]int{}
			for _, e := range all {
				stand[e.State+" "+e.Node]++
			}
			t.Logf("of %d: %v", want, stand)
		}
	})
	testkit.Eventually(t, 120*time.Second, fmt.Sprintf("all %d have come through", want), func() bool {
		all = list[enrollment](t, p.URL+"/api/v1/journeys/"+journey+"/enrollments", header)
		for _, e := range all {
			if e.State == "active" {
				return false
			}
		}
		return len(all) >= want
	})
	// A push can be kept and its acknowledgement lost: such a follower may come, too.
	if len(all) > people+fansFollow {
		t.Errorf("%d came of %d", len(all), people+fansFollow)
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
		if got := total(t, p.URL+what, header); got != n {
			t.Errorf("%s: %d, want %d", what, got, n)
		}
	}
	for _, e := range all[:min(len(all), 60)] {
		judgeSteps(t, p, header, journey, e)
	}
	judgeReceived(t, p, header, people, followers, w, box)
}

// judgeSteps: every node of one of the four ways through, once.
func judgeSteps(t *testing.T, p *testkit.Process, header http.Header, journey string, e enrollment) {
	t.Helper()
	var one struct {
		Steps []struct {
			Node string `json:"node"`
		} `json:"steps"`
	}
	if err := call("GET", p.URL+"/api/v1/journeys/"+journey+"/enrollments/"+e.ID, header, nil, &one); err != nil {
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
func judgeReceived(t *testing.T, p *testkit.Process, header http.Header, people int, followers map[string]bool, w *platform, box *postbox) {
	t.Helper()
	var missing []string
	unknown := map[string]bool{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d without a message: %v; %d unknown", len(missing), missing[:min(len(missing), 5)], len(unknown))
		}
	})
	testkit.Eventually(t, 300*time.Second, "everybody has their message or is shown as unknown", func() bool {
		for _, d := range list[trouble](t, p.URL+"/api/v1/deliveries", header) {
			if unknown[d.Customer.ID] = true; d.Delivery.State != "unknown" {
				t.Fatalf("a message of %s is %s", d.Customer.ID, d.Delivery.State)
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
	t.Logf("%d people and %d followers, %d without a message, %d unknown", people, len(followers), len(missing), len(unknown))
}

// invitations counts what each recipient has.
func invitations(people int, followers map[string]bool, w *platform, box *postbox) map[string]int {
	out := map[string]int{}
	box.mu.Lock()
	for n := range people {
		body := fmt.Sprint(invitation, "p", n)
		out[body] = box.received[body]
	}
	box.mu.Unlock()
	for openid := range followers {
		out[openid] = 0
		for _, s := range w.Outbox(appID, openid) {
			if strings.HasPrefix(s.Text, strings.TrimSpace(invitation)) { // they have no name
				out[openid]++
			}
		}
	}
	return out
}

type trouble struct {
	Delivery struct {
		State string `json:"state"`
	} `json:"delivery"`
	Customer struct {
		ID string `json:"id"`
	} `json:"customer"`
}

func total(t *testing.T, url string, header http.Header) int {
	t.Helper()
	var page struct {
		Total int `json:"total"`
	}
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	if err := call("GET", url+sep+"total=true&limit=1", header, nil, &page); err != nil {
		t.Fatal(err)
	}
	return page.Total
}
