package crashtest

import (
	"math/rand/v2"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/outside"
)

// crowd is how many people run through the journey, and how often the program is
// killed meanwhile.
func crowd() (people, kills int) {
	if os.Getenv("FANWARD_SOAK") != "" {
		return 5000, 50
	}
	return 400, 8
}

const fansFollow = 40 // of WeChat, beside the people of the website

// TestKilledAmidAJourney: of everybody whose behaviour was acknowledged the
// program knows once that it happened, everybody is a member, walks the journey
// once, and has its message once, or it is shown as unknown.
func TestKilledAmidAJourney(t *testing.T) {
	people, kills := crowd()
	box, port := outside.NewPostbox(t)
	wechat, base := outside.NewPlatform(t)
	p := testkit.Program(t)
	header := http.Header{"Authorization": {"Bearer " + outside.Command(t, p, "token", "create", "--role", "owner", "--name", "crash test")}}
	key := outside.Command(t, p, "writekey", "create", "--name", "crash test", "--kind", "server")
	shop := &outside.Integrator{T: t, URL: outside.One(p.URL), Key: key}
	wechat.Connect(t, p.URL, header, base, p.URL, fansFollow)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(outside.Call("POST", p.URL+"/api/v1/accounts", header, map[string]any{
		"channel": "email", "name": "Mail", "config": map[string]any{"address": "shop@crash.example", "smtp": map[string]any{"host": "127.0.0.1", "port": port, "tls": "none"}},
	}, nil))
	var segment, journey struct {
		ID string `json:"id"`
	}
	must(outside.Call("POST", p.URL+"/api/v1/segments", header, map[string]any{"name": "Everybody", "rule": map[string]any{"kind": "any", "of": []any{
		map[string]any{"kind": "event", "name": "Joined", "op": "at_least", "value": 1},
		map[string]any{"kind": "event", "name": "Message Received", "op": "at_least", "value": 1},
	}}}, &segment))
	// Who comes into a segment while it is being built comes by its definition,
	// and starts nothing.
	testkit.Eventually(t, time.Minute, "the segment is built", func() bool {
		var s struct {
			State string `json:"state"`
		}
		return outside.Call("GET", p.URL+"/api/v1/segments/"+segment.ID, header, nil, &s) == nil && s.State == "ready"
	})
	must(outside.Call("POST", p.URL+"/api/v1/journeys", header, map[string]any{"name": "Invite", "graph": outside.TenNodes(segment.ID)}, &journey))
	must(outside.Call("POST", p.URL+"/api/v1/journeys/"+journey.ID+"/publish", header, map[string]any{"people": "follow"}, nil))

	each := people / kills
	for round := range kills {
		var items []any
		for n := round * each; n < (round+1)*each; n++ {
			items = append(items, outside.Joined(n)...)
			if round > 0 {
				items = append(items, outside.Confirmed(n-each, "first"))
			}
		}
		shop.Deliver(items)
		for n := round * fansFollow / kills; n < (round+1)*fansFollow/kills; n++ {
			wechat.Say(t, wechat.People[n], "join", wechat.People[n])
		}
		time.Sleep(time.Duration(50+rand.IntN(250)) * time.Millisecond) // anywhere in the work
		p.Restart(syscall.SIGKILL)
	}
	wechat.Settle()
	// Who confirmed before they came to the node that waits for it, waits.
	followers := wechat.Acknowledged()
	if len(followers) == 0 {
		t.Error("no push was ever acknowledged")
	}
	var come []outside.Enrollment
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d of %d people and %d followers have come, %d are members", len(come), people, len(followers), outside.Total(t, p.URL+"/api/v1/segments/"+segment.ID+"/members", header))
		}
	})
	testkit.Eventually(t, 5*time.Minute, "everybody waits or has come through", func() bool {
		if outside.Total(t, p.URL+"/api/v1/journeys/"+journey.ID+"/enrollments", header) < people+len(followers) {
			return false
		}
		come = outside.List[outside.Enrollment](t, p.URL+"/api/v1/journeys/"+journey.ID+"/enrollments", header)
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
			items = append(items, outside.Confirmed(n, "again"))
		}
		shop.Deliver(items)
		time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		p.Restart(syscall.SIGKILL)
	}
	outside.JudgeJourney(t, p, header, outside.Run{
		Journey: journey.ID, Segment: segment.ID, People: people, Confirmations: (kills-1)*each + people, Followers: wechat.Acknowledged(), Spare: fansFollow,
	}, wechat, box)
}
