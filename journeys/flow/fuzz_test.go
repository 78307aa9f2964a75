package flow_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fanward/fanward/journeys/flow"
)

// FuzzGraph takes any JSON for a graph: it is checked without harm, and one that
// passes can be gone through node by node.
func FuzzGraph(f *testing.F) {
	good, err := json.Marshal(sound())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"start":"a","nodes":[{"id":"a","kind":"until","next":"a","until":{"at":"24:00"}},{"id":"a","kind":"split","ways":[{"percent":1e300}]}]}`))
	f.Add([]byte(`{"nodes":[{"id":"b","kind":"branch","else":"b"},{"kind":"wait"},{"kind":"message","message":{"channels":["x"]}}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g flow.Graph
		if json.Unmarshal(raw, &g) != nil {
			return
		}
		problems := flow.Check(g, options())
		if len(g.Nodes) > 200 {
			return
		}
		c := flow.Compile(g)
		for i := range g.Nodes {
			n := &g.Nodes[i]
			due := n.Due(time.Date(2026, 2, 28, 23, 59, 0, 0, time.UTC), time.UTC)
			if !flow.Fit(problems) {
				continue
			}
			if n.Waits() && !due.After(time.Date(2026, 2, 28, 23, 59, 0, 0, time.UTC)) {
				t.Errorf("%s lets on at once", n.ID)
			}
			if n.Kind == flow.Split {
				if w := n.Way("1", "2"); w < 0 || w >= len(n.Ways) {
					t.Errorf("way %d of %d", w, len(n.Ways))
				}
			}
			for _, out := range n.Outs() {
				if c.Node(out) == nil {
					t.Errorf("%s leads to %q", n.ID, out)
				}
			}
		}
	})
}
