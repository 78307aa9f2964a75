package journeys_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Whoever looks at a journey hears that its people, its numbers or its draft are
// others: soon, and at most once a second.
func TestJourneysTellThatTheyLookDifferent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		told := func() int64 { return w.number("SELECT count(*) FROM changes WHERE kind = 'journey'") }
		some := func(want int64, what string) {
			t.Helper()
			before := told()
			_, err := w.s.TellSome(w.ctx())
			w.must(err)
			if n := told() - before; n != want {
				t.Errorf("%s: told %d times, want %d", what, n, want)
			}
		}
		j := w.publish(onOrder(message("ask", "rest", "hi"), delay("rest", "", "1d")))
		w.clk.Advance(time.Second)
		some(1, "made and published")
		some(0, "nothing new")
		for i := range 20 {
			w.did(fmt.Sprint("p", i), "Order Completed", nil, 0)
		}
		w.work()
		some(0, "within the same moment")
		w.clk.Advance(time.Second)
		some(1, "twenty people")
		if got := w.lines("SELECT payload FROM changes WHERE kind = 'journey' ORDER BY id DESC LIMIT 1"); len(got) != 1 || got[0] != `{"journey_id":"`+j.String()+`"}` {
			t.Errorf("%s", got)
		}
		w.clk.Advance(time.Second)
		delivery := ids.ID(w.number("SELECT max(delivery_id) FROM enrollment_steps"))
		w.write(func(tx *store.Tx) error { return w.s.DeliveryChangedTx(tx, delivery, channels.SentState, "") })
		w.clk.Advance(time.Second)
		some(1, "a message that was sent")
		w.write(func(tx *store.Tx) error { return w.s.DeliveryChangedTx(tx, delivery, channels.SentState, "") })
		w.clk.Advance(time.Second)
		some(0, "one that had been sent")
		merge := w.merge("p0", "p1")
		w.clk.Advance(time.Second)
		some(1, "two who became one person")
		_, err := w.customers.Undo(w.ctx(), w.boss, merge)
		w.must(err)
		w.clk.Advance(time.Second)
		some(1, "who are two again")
		_, err = w.s.Stop(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		w.clk.Advance(time.Second)
		some(1, "stopped")
		broken := w.publish(onOrder(delay("wait", "b", "1h"), flow.Node{ID: "b", Kind: flow.Branch, Ways: []flow.Way{{Rule: &rule.Node{Kind: rule.Attribute, Name: "broken", Op: rule.Exists}}}}))
		w.did("p2", "Order Completed", nil, 0)
		w.work()
		w.clk.Advance(time.Second)
		some(1, "somebody who waits")
		w.trouble = true
		w.later(time.Hour)
		w.trouble = false
		w.expect(broken, "p2", "failed(rule_broken)")
		w.clk.Advance(time.Second)
		some(1, "somebody who failed")

		// A process that starts tells of what an earlier one may have left untold, and
		// tells by itself.
		before := told()
		ctx, cancel := context.WithCancel(w.ctx())
		var running sync.WaitGroup
		running.Go(func() { w.service(w.customers).Run(ctx, nil) })
		testkit.Eventually(t, 20*time.Second, "it is told", func() bool { w.clk.Advance(time.Second); return told() > before })
		cancel()
		running.Wait()
	})
}
