package journeys_test

import (
	"testing"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
)

// What still waits to go out is taken back from whoever is cut off; whoever has
// walked to the end keeps it, until the journey is stopped.
func TestMessagesThatWaitAreTakenBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := onOrder(message("ask", "rest", "hi"), delay("rest", "again", "1d"), message("again", "", "bye"))
		g.Exit = tagged("out")
		w.person("leaves")
		j := w.publish(g)
		for _, name := range []string{"leaves", "walks", "stays"} {
			w.did(name, "Order Completed", nil, 0)
		}
		w.work()
		taken := func() []string {
			return w.lines(`SELECT c.name || ' ' || s.node || ' ' || x.code FROM taken x JOIN enrollment_steps s ON s.delivery_id = x.delivery
				JOIN enrollments e ON e.id = s.enrollment_id JOIN customers c ON c.id = e.customer_id ORDER BY c.name, s.node`)
		}
		vouch := func(name string) string {
			t.Helper()
			enrollment := ids.ID(w.number("SELECT id FROM enrollments WHERE journey_id = ? AND customer_id = ?", j, w.person(name)))
			v, err := w.s.Vouch(w.db.Reader(w.ctx()), j, enrollment, w.clk.Now())
			w.must(err)
			if v.Code != "" && !v.Until.IsZero() {
				return v.Code + " for " + v.Until.Sub(w.clk.Now()).String()
			}
			return v.Code
		}
		w.write(func(tx *store.Tx) error {
			return w.s.SegmentChangedTx(tx, journeys.SegmentChange{Owner: "journey:" + j.String() + ":exit", Customer: w.person("leaves"), Entered: true, At: w.clk.Now()})
		})
		w.work()
		w.same(taken(), "leaves ask journey_left")
		w.same([]string{vouch("leaves"), vouch("stays")}, "journey_left", "")
		_, err := w.s.Pause(w.ctx(), w.boss, j)
		w.must(err)
		w.same([]string{vouch("leaves"), vouch("stays")}, "journey_left", "journey_paused for 1m0s")
		_, err = w.s.Resume(w.ctx(), w.boss, j)
		w.must(err)
		// Another process has sent one of them already.
		w.exec("UPDATE enrollment_steps SET outcome = 'sent' WHERE node = 'ask' AND enrollment_id = (SELECT e.id FROM enrollments e WHERE e.customer_id = ?)", w.person("stays"))
		w.later(24 * time.Hour)
		w.same([]string{vouch("walks"), vouch("stays")}, "", "")
		w.same(taken(), "leaves ask journey_left")
		w.did("late", "Order Completed", nil, 0)
		w.work()
		_, err = w.s.Stop(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		w.same(taken(), "late ask journey_stopped", "leaves ask journey_left")
		w.same([]string{vouch("walks"), vouch("late")}, "journey_stopped", "journey_stopped")
		w.must(w.s.Delete(w.ctx(), w.boss, j))
		w.must(w.db.Snapshot(w.ctx(), func(q store.Querier) error {
			v, err := w.s.Vouch(q, j, 1, w.clk.Now())
			if v.Code != "journey_stopped" {
				t.Errorf("of a journey that is gone: %+v", v)
			}
			return err
		}))
	})
}
