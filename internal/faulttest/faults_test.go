package faulttest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/outside"
)

// fault spoils something of a node, or of all; mend is called after a while.
type fault struct {
	name string
	do   func(w *world, n *node) (mend func())
}

const killed = "killed"

func nothing() {}

// lines are what can happen between a node and a dependency.
func lines(what string, of func(n *node) *testkit.Proxy) []fault {
	return []fault{
		{what + " lines cut", func(_ *world, n *node) func() { of(n).Cut(); return nothing }},
		{what + " lines half-open", func(_ *world, n *node) func() { of(n).HalfOpen(); return nothing }},
		{what + " slow", func(_ *world, n *node) func() { of(n).Delay(80 * time.Millisecond); return of(n).Heal }},
		{what + " stalled", func(_ *world, n *node) func() { of(n).Stall(); return of(n).Heal }},
		{what + " refused", func(_ *world, n *node) func() { of(n).Refuse(); return of(n).Heal }},
	}
}

// faults are all of them.
func faults() []fault {
	all := []fault{
		{killed, func(_ *world, n *node) func() { n.Kill(); return n.Start }},
		{"stopped", func(_ *world, n *node) func() { n.Pause(); return n.Resume }},
		{"Redis stopped", func(w *world, _ *node) func() { w.in.Redis.Pause(); return w.in.Redis.Resume }},
		{"Redis gone", func(w *world, _ *node) func() {
			w.in.Redis.Stop(w.t)
			return func() { w.in.Redis.Start(w.t) }
		}},
	}
	all = append(all, lines("database", func(n *node) *testkit.Proxy { return n.database })...)
	return append(all, lines("Redis", func(n *node) *testkit.Proxy { return n.redis })...)
}

// size is how many nodes and people there are, and how long a fault lasts.
func size() (nodes, people int, lasts time.Duration) {
	if soak() {
		return 3, 2000, 4 * time.Second
	}
	return 2, 60, 700 * time.Millisecond
}

// order is in what order which faults come while people join, and while they
// confirm: in the long form each comes six times in either half, else once in all.
func order() (joining, confirming []fault) {
	shuffled := func() []fault {
		all := faults()
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	if !soak() {
		all := shuffled()
		for i, f := range all { // whoever is killed is missed for longest
			if f.name == killed {
				all[0], all[i] = all[i], all[0]
			}
		}
		return all[:len(all)/2], all[len(all)/2:]
	}
	for range 6 {
		joining, confirming = append(joining, shuffled()...), append(confirming, shuffled()...)
	}
	return joining, confirming
}

// TestFaults: whatever happens between the nodes and what they depend on, nothing
// that was acknowledged is lost or doubled, everybody is shown everything in
// order, and everybody walks the journey once.
func TestFaults(t *testing.T) {
	nodes, people, lasts := size()
	joining, confirming := order()
	w := open(t, nodes)
	run := w.journey(people)
	// The first half of the faults comes while people join, the second while they
	// confirm.
	w.through(joining, lasts, people, outside.Joined)
	w.await(run, people)
	w.through(confirming, lasts, people, func(n int) []any { return []any{outside.Confirmed(n, "once")} })
	close(w.quiet)
	for _, m := range w.writers {
		m.Wait()
	}
	w.wechat.Settle()
	run.Confirmations = people
	outside.JudgeJourney(t, w.nodes[0].Process, w.header, run, w.wechat, w.box)
	w.judge(w.settle())
	w.close()
	for _, v := range w.visitors {
		if len(v.Acked()) < 5 {
			t.Errorf("%s got only %d messages through", v.Name, len(v.Acked()))
		}
	}
}

// journey makes the segment and publishes the journey that begins with it.
func (w *world) journey(people int) outside.Run {
	var segment, journey struct {
		ID string `json:"id"`
	}
	w.must("POST", "/api/v1/segments", map[string]any{"name": "Joined", "rule": map[string]any{"kind": "event", "name": "Joined", "op": "at_least", "value": 1}}, &segment)
	testkit.Eventually(w.t, 20*time.Second, "the segment is built", func() bool {
		var s struct {
			State string `json:"state"`
		}
		return outside.Call("GET", w.nodes[0].URL+"/api/v1/segments/"+segment.ID, w.header, nil, &s) == nil && s.State == "ready"
	})
	w.must("POST", "/api/v1/journeys", map[string]any{"name": "Invite", "graph": outside.TenNodes(segment.ID)}, &journey)
	w.must("POST", "/api/v1/journeys/"+journey.ID+"/publish", map[string]any{"people": "follow"}, nil)
	return outside.Run{Journey: journey.ID, Segment: segment.ID, People: people}
}

// through meets faults one after the other while people do something and
// followers write.
func (w *world) through(faults []fault, lasts time.Duration, people int, calls func(n int) []any) {
	w.t.Helper()
	each := people/len(faults) + 1
	next := 0
	for _, f := range faults {
		n := w.nodes[rand.IntN(len(w.nodes))]
		w.t.Logf("%s %s", n.URL, f.name)
		var items []any
		for until := min(next+each, people); next < until; next++ {
			items = append(items, calls(next)...)
		}
		var delivered sync.WaitGroup
		delivered.Go(func() { time.Sleep(rand.N(lasts)); w.deliver(items) }) // anywhere in it
		w.wechat.Write(w.t, rand.Int())
		mend := f.do(w, n)
		time.Sleep(lasts/2 + rand.N(lasts))
		mend()
		delivered.Wait()
	}
	for next < people {
		w.deliver(calls(next))
		next++
	}
	for _, n := range w.nodes {
		n.database.Heal()
		n.redis.Heal()
	}
}

func (w *world) deliver(items []any) {
	if len(items) > 0 {
		w.shop.Deliver(items)
	}
}

// await returns when everybody waits for what they will do next.
func (w *world) await(run outside.Run, people int) {
	w.t.Helper()
	stand := map[string]int{}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("when they should have waited: %v", stand)
		}
	})
	testkit.Eventually(w.t, 90*time.Second, fmt.Sprintf("all %d wait", people), func() bool {
		clear(stand)
		for _, e := range outside.List[outside.Enrollment](w.t, w.nodes[0].URL+"/api/v1/journeys/"+run.Journey+"/enrollments", w.header) {
			stand[e.Node]++
		}
		return stand["g"] == people
	})
}
