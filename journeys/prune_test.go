package journeys_test

import (
	"encoding/json"
	"testing"
	"time"
)

// Old steps are forgotten and still counted; who is on the way keeps theirs, and
// nobody enters again who may only once.
func TestOldStepsAreCountedOn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := onOrder(message("ask", "answer", "?"), reply("answer", "", "", "60d"), tag("end", "", "x"))
		g.Nodes = g.Nodes[:2]
		g.Entry.Policy = "once"
		j := w.publish(g)
		for _, name := range []string{"answers", "waits"} {
			w.did(name, "Order Completed", nil, 0)
		}
		w.work()
		w.clk.Advance(time.Hour)
		w.did("answers", answer, nil, 0)
		w.work()
		w.clk.Advance(50 * 24 * time.Hour)
		w.did("late", "Order Completed", nil, 0)
		w.work()
		counts := func() string {
			t.Helper()
			nodes, err := w.s.Nodes(w.ctx(), j)
			w.must(err)
			by := map[string]any{}
			for _, n := range nodes {
				by[n.Node] = *n
			}
			b, err := json.Marshal(by)
			w.must(err)
			return string(b)
		}
		before := counts()
		steps := w.number("SELECT count(*) FROM enrollment_steps")
		for range 2 {
			w.must(w.s.PruneSteps(w.ctx(), w.clk.Now().Add(-40*24*time.Hour)))
			if n := w.number("SELECT count(*) FROM enrollment_steps"); n != steps-2 {
				t.Errorf("%d steps of %d are left", n, steps)
			}
			if after := counts(); after != before {
				t.Errorf("counted\n%s before,\n%s after", before, after)
			}
		}
		w.did("answers", "Order Completed", nil, 0)
		w.work()
		if n := w.number("SELECT count(*) FROM enrollments"); n != 3 {
			t.Errorf("%d enrollments", n)
		}
		_, err := w.s.Stop(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		w.must(w.s.Delete(w.ctx(), w.boss, j))
		if n := w.number("SELECT count(*) FROM journey_totals"); n != 0 {
			t.Errorf("%d totals are left", n)
		}
	})
}
