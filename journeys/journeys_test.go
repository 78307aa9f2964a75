package journeys_test

import (
	"testing"
	"time"

	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

func tagged(name string) *rule.Node { return &rule.Node{Kind: rule.Tag, Name: name} }

func message(id, next, body string) flow.Node {
	return flow.Node{ID: id, Kind: flow.Message, Next: next, Message: &flow.MessageStep{Channels: []string{"wechat"}, Purpose: "marketing", Body: body}}
}

func delay(id, next, d string) flow.Node {
	return flow.Node{ID: id, Kind: flow.Delay, Next: next, Delay: &flow.DelayStep{For: d}}
}

func reply(id, next, otherwise, d string) flow.Node {
	return flow.Node{ID: id, Kind: flow.Wait, Next: next, Else: otherwise, Wait: &flow.WaitStep{Reply: true, For: d}}
}

func task(id, next, title string) flow.Node {
	return flow.Node{ID: id, Kind: flow.Task, Next: next, Task: &flow.TaskStep{Title: title, Due: "24h", Assignee: flow.Assignee{Kind: "nobody"}}}
}

func stage(id, next, to string) flow.Node {
	return flow.Node{ID: id, Kind: flow.Stage, Next: next, Stage: &flow.StageStep{To: to, ForwardOnly: true}}
}

func tag(id, next, name string) flow.Node {
	return flow.Node{ID: id, Kind: flow.TagNode, Next: next, Tag: &flow.TagStep{Add: []string{name}}}
}

func onOrder(nodes ...flow.Node) flow.Graph {
	return flow.Graph{Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "Order Completed"}, Entry: flow.Entry{Policy: flow.AfterExit}, Start: nodes[0].ID, Nodes: nodes}
}

const answer = "Message Received"

// invite is the story: wait, write, move, and a task when no answer comes.
func invite() flow.Graph {
	return onOrder(delay("pause", "ask", "1h"), message("ask", "move", "Join us, {{ customer.name }}!"), stage("move", "answer", "member"),
		reply("answer", "", "call", "2d"), task("call", "", "Call {{ customer.name }}"))
}

func TestTheStory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(invite())
		w.did("Ming", "Order Completed", nil, 0)
		w.did("Hong", "Order Completed", nil, 0)
		w.work()
		w.expect(j, "Ming", "@pause")
		w.later(59 * time.Minute)
		w.expect(j, "Ming", "@pause")
		w.same(w.sent())
		w.later(time.Minute)
		w.expect(j, "Ming", "pause:elapsed ask:queued move:done @answer")
		w.same(w.sent(), "Ming ask wechat: Join us, Ming!", "Hong ask wechat: Join us, Hong!")
		w.same(w.lines("SELECT name || ' ' || stage FROM customers ORDER BY id"), "Ming member", "Hong member")
		w.clk.Advance(time.Hour)
		w.did("Ming", answer, nil, 0)
		w.work()
		w.expect(j, "Ming", "pause:elapsed ask:queued move:done answer:came completed(end)")
		w.later(47 * time.Hour)
		w.expect(j, "Hong", "pause:elapsed ask:queued move:done answer:timeout call:done completed(end)")
		w.same(w.lines("SELECT title FROM todo"), "Call Hong")
		if due := w.number("SELECT due FROM todo"); due != w.clk.Now().Add(24*time.Hour).UnixMilli() {
			t.Errorf("the task is due at %d", due)
		}
		if n := w.number("SELECT count(*) FROM journey_signals"); n != 0 {
			t.Errorf("%d signals are left", n)
		}
		nodes, err := w.s.Nodes(w.ctx(), j)
		w.must(err)
		for _, n := range nodes {
			if n.Waiting != 0 || n.Entered != n.Left || n.Node == "answer" && (n.Outcomes["came"] != 1 || n.Outcomes["timeout"] != 1) {
				t.Errorf("%+v", *n)
			}
		}
	})
}

// A late answer does not open a wait again that is over, whether or not anybody
// has noticed that it is over; nor does what happened before it began.
func TestLateAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(message("ask", "answer", "?"), reply("answer", "yes", "no", "1h"), tag("yes", "", "yes"), tag("no", "", "no")))
		for _, name := range []string{"early", "last", "late", "old", "imported"} {
			w.did(name, "Order Completed", nil, 0)
		}
		w.did("old", answer, nil, time.Millisecond)
		w.work()
		w.clk.Advance(time.Hour - time.Millisecond)
		w.did("last", answer, nil, 0)
		w.clk.Advance(time.Millisecond)
		w.did("late", answer, nil, 0)
		// It happened in time and has come too late.
		w.did("imported", answer, nil, 30*time.Minute)
		w.work()
		w.did("early", answer, nil, time.Minute)
		w.work()
		w.expect(j, "last", "ask:queued answer:came yes:done completed(end)")
		for _, name := range []string{"early", "late", "old", "imported"} {
			w.expect(j, name, "ask:queued answer:timeout no:done completed(end)")
		}
	})
}

func TestEntry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := onOrder(delay("d", "", "1h"))
		g.Trigger.Where = []rule.Filter{{Property: "amount", Op: rule.AtLeast, Value: float64(100)}}
		g.Entry = flow.Entry{Policy: flow.Cooldown, Cooldown: "1d", Rule: tagged("vip"), MaxLateness: "2h"}
		g.Exit = tagged("out")
		j := w.publish(g)
		dear := map[string]any{"amount": 100.0}
		give := func(name, label string) {
			_, err := w.customers.SetTags(w.ctx(), w.boss, w.person(name), []string{label}, nil)
			w.must(err)
		}
		why := func(name, code string) {
			t.Helper()
			y, err := w.s.Why(w.ctx(), j, w.person(name))
			w.must(err)
			for _, r := range y.Reasons {
				if r.Code == code {
					return
				}
			}
			t.Errorf("%s: %+v, want %s", name, y.Reasons, code)
		}
		w.did("plain", "Order Completed", dear, 0)
		give("cheap", "vip")
		w.did("cheap", "Order Completed", map[string]any{"amount": 99.99}, 0)
		give("late", "vip")
		w.did("late", "Order Completed", dear, 2*time.Hour+time.Millisecond)
		give("out", "vip")
		give("out", "out")
		w.did("out", "Order Completed", dear, 0)
		give("in", "vip")
		w.did("in", "Order Completed", dear, 2*time.Hour)
		w.did("in", "Order Completed", dear, 0)
		w.work()
		for _, name := range []string{"plain", "cheap", "late", "out"} {
			w.expect(j, name, "")
		}
		why("plain", "entry_rule")
		why("plain", "last_rule")
		why("cheap", "never_triggered")
		why("late", "last_late")
		why("out", "entry_exit_rule")
		why("in", "entry_inside")
		w.expect(j, "in", "@d")
		w.later(2 * time.Hour)
		w.did("in", "Order Completed", dear, 0)
		w.work()
		w.expect(j, "in", "d:elapsed completed(end)")
		why("in", "entry_cooldown")
		w.later(22 * time.Hour)
		w.did("in", "Order Completed", dear, 0)
		w.work()
		w.expect(j, "in", "d:elapsed completed(end) | @d")
	})
}
