package journeys_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// randomGraph draws a graph that can be published.
func randomGraph(r *rand.Rand) flow.Graph {
	for {
		g := drawGraph(r)
		if len(flow.Check(g, flow.CheckOptions{})) == 0 {
			return g
		}
	}
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

var lengths = []string{"1m", "30m", "1h", "5h", "1d", "2d"}

func drawGraph(r *rand.Rand) flow.Graph {
	g := flow.Graph{Start: "n0", Trigger: flow.Trigger{Kind: flow.OnEvent, Event: pick(r, "A", "B")}, Entry: flow.Entry{Policy: pick(r, flow.Once, flow.AfterExit, flow.AfterExit, flow.AfterExit, flow.Cooldown)}}
	if r.IntN(6) == 0 {
		g.Trigger = flow.Trigger{Kind: flow.OnStageChange, To: pick(r, nil, []string{"member"}, []string{"lead", "fan"})}
	} else if r.IntN(3) == 0 {
		g.Trigger.Where = amount(50)
	}
	if g.Entry.Policy == flow.Cooldown {
		g.Entry.Cooldown = pick(r, "1h", "1d")
	}
	if r.IntN(3) == 0 {
		g.Entry.MaxLateness = pick(r, "1h", "1d")
	}
	if r.IntN(8) == 0 {
		g.Entry.Rule = tagged(pick(r, "t0", "t1"))
	}
	if r.IntN(3) == 0 {
		g.Exit = tagged(pick(r, "t2", "gone"))
	}
	if r.IntN(2) == 0 {
		g.Goal = &flow.Goal{Event: pick(r, "A", "C"), Within: pick(r, "1d", "5d"), Exit: r.IntN(2) == 0}
	}
	n := 2 + r.IntN(8)
	next := func(from int) string {
		// Mostly onward, now and then back or to the end.
		switch r.IntN(12) {
		case 0:
			return ""
		case 1:
			return "n" + strconv.Itoa(r.IntN(n))
		}
		if from+1 >= n {
			return ""
		}
		return "n" + strconv.Itoa(from+1+r.IntN(min(3, n-from-1)))
	}
	for i := range n {
		g.Nodes = append(g.Nodes, drawNode(r, i, next))
	}
	return g
}

func amount(least float64) []rule.Filter {
	return []rule.Filter{{Property: "amount", Op: rule.AtLeast, Value: least}}
}

func drawNode(r *rand.Rand, i int, next func(int) string) flow.Node {
	n := flow.Node{ID: "n" + strconv.Itoa(i), Next: next(i)}
	switch r.IntN(12) {
	case 0, 1:
		n.Kind, n.Delay = flow.Delay, &flow.DelayStep{For: pick(r, lengths...)}
	case 2:
		n.Kind, n.Until = flow.Until, &flow.UntilStep{At: pick(r, "00:00", "09:30", "23:59")}
		if r.IntN(2) == 0 {
			n.Until.Weekdays = []int{1 + r.IntN(7)}
		}
	case 3, 4:
		n.Kind, n.Else = flow.Wait, next(i)
		n.Wait = &flow.WaitStep{For: pick(r, lengths...)}
		if n.Wait.Reply = r.IntN(2) == 0; !n.Wait.Reply {
			n.Wait.Event = pick(r, "A", "B", "C")
			if r.IntN(2) == 0 {
				n.Wait.Where = amount(50)
			}
		}
	case 5:
		n.Kind, n.Else, n.Next = flow.Branch, next(i), ""
		for range 1 + r.IntN(2) {
			n.Ways = append(n.Ways, flow.Way{Rule: tagged(pick(r, "t0", "t1", "t2", "gone")), Next: next(i)})
		}
	case 6:
		n.Kind, n.Next = flow.Split, ""
		n.Ways = []flow.Way{{Percent: 30, Next: next(i)}, {Percent: 70, Next: next(i), Holdout: r.IntN(2) == 0}}
	case 7:
		n.Kind, n.Message = flow.Message, &flow.MessageStep{Channels: []string{"wechat"}, Purpose: "marketing", Body: "Hi {{ customer.name }}"}
		if r.IntN(2) == 0 {
			n.Else = next(i)
		}
	case 8:
		n.Kind, n.Tag = flow.TagNode, &flow.TagStep{}
		if name := pick(r, "t0", "t1", "t2", "gone"); r.IntN(3) > 0 {
			n.Tag.Add = []string{name}
		} else {
			n.Tag.Remove = []string{name}
		}
	case 9:
		n.Kind, n.Stage = flow.Stage, &flow.StageStep{To: pick(r, "lead", "customer", "member", "fan", "lapsed"), ForwardOnly: r.IntN(2) == 0}
	case 10:
		n.Kind, n.Attribute = flow.Attribute, &flow.AttributeStep{Name: "plan", Value: pick(r, "gold", "silver")}
	default:
		n.Kind, n.Task = flow.Task, &flow.TaskStep{Title: "Call " + strconv.Itoa(i), Due: "1d", Assignee: flow.Assignee{Kind: "nobody"}}
	}
	return n
}

// TestAgainstTheReference lets random people do random things on random graphs,
// with restarts, downtime and, on PostgreSQL, several processes: they go the same
// ways as in the reference, with the same effects, none twice.
func TestAgainstTheReference(t *testing.T) {
	rounds := map[store.Engine]int{store.SQLite: 25, store.Postgres: 5}
	first := uint64(1)
	if s := os.Getenv("FANWARD_JOURNEY_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = map[store.Engine]int{store.SQLite: n, store.Postgres: n / 5}
	}
	if s := os.Getenv("FANWARD_JOURNEY_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, rounds = n, map[store.Engine]int{store.SQLite: 1, store.Postgres: 1}
	}
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			for i := range rounds[engine] {
				seed := first + uint64(i)
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					d := newDuel(t, engine, seed)
					for range 120 {
						d.happen()
						if d.r.IntN(3) > 0 {
							d.settle()
						}
						if d.r.IntN(8) == 0 {
							d.restart()
						}
					}
					d.settle()
					d.compare()
				})
			}
		})
	}
}

// restart ends the processes and starts others.
func (d *duel) restart() {
	d.note("restart")
	n := 1
	if d.db.Engine() == store.Postgres {
		n = 1 + d.r.IntN(2)
	}
	d.customers = customers.New(d.db, d.clk, d.ids)
	d.must(d.customers.Prepare(d.ctx()))
	d.services = nil
	for i := range n {
		c := d.customers
		if i > 0 {
			c = customers.New(d.db, d.clk, d.ids)
			d.must(c.Prepare(d.ctx()))
		}
		d.services = append(d.services, d.service(c))
	}
	d.s = d.services[0]
}
