package flow_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

func options() flow.CheckOptions {
	only := func(id string) func(string) bool { return func(s string) bool { return s == id } }
	return flow.CheckOptions{
		Segment: only("5"), Stage: only("member"), Teammate: only("7"), Team: only("8"), Channels: []string{"wechat", "email"},
		Liquid: func(s string) []fault.Field {
			if strings.Contains(s, "{{ broken") {
				return []fault.Field{{Code: "template_syntax", Params: fault.Params{"line": 1}}}
			}
			return nil
		},
	}
}

var known = rule.Node{Kind: rule.Segment, ID: "5"}

// sound is a graph with every kind of node and nothing wrong.
func sound() flow.Graph {
	r := known
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "Order Completed", Where: []rule.Filter{{Property: "amount", Op: rule.AtLeast, Value: float64(5)}}},
		Entry:   flow.Entry{Policy: flow.Cooldown, Cooldown: "30d", Rule: &r, MaxLateness: "2d"},
		Exit:    &r, Goal: &flow.Goal{Event: "Joined", Within: "60d"}, Start: "delay",
		Nodes: []flow.Node{
			{ID: "delay", Kind: flow.Delay, Next: "until", Delay: &flow.DelayStep{For: "90m"}},
			{ID: "until", Kind: flow.Until, Next: "message", Until: &flow.UntilStep{At: "09:30", Weekdays: []int{1, 7}, Zone: "Asia/Shanghai"}},
			{ID: "message", Kind: flow.Message, Next: "wait", Else: "task", Message: &flow.MessageStep{Channels: []string{"wechat", "email"}, Purpose: "marketing", Subject: "Hi", Body: "Hi {{ customer.name }}"}},
			{ID: "wait", Kind: flow.Wait, Next: "stage", Else: "branch", Wait: &flow.WaitStep{Reply: true, For: "2d"}},
			{ID: "branch", Kind: flow.Branch, Else: "split", Ways: []flow.Way{{Rule: &r, Next: "tag"}}},
			{ID: "split", Kind: flow.Split, Ways: []flow.Way{{Percent: 33.3333, Next: "task"}, {Percent: 66.6667, Holdout: true}}},
			{ID: "tag", Kind: flow.TagNode, Next: "attribute", Tag: &flow.TagStep{Add: []string{"vip"}, Remove: []string{"new"}}},
			{ID: "attribute", Kind: flow.Attribute, Next: "delay", Attribute: &flow.AttributeStep{Name: "plan", Value: "gold"}},
			{ID: "stage", Kind: flow.Stage, Next: "exit", Stage: &flow.StageStep{To: "member"}},
			{ID: "task", Kind: flow.Task, Task: &flow.TaskStep{Title: "Call", Due: "24h", Assignee: flow.Assignee{Kind: "least", ID: "8"}}},
			{ID: "exit", Kind: flow.Exit},
		},
	}
}

func TestASoundGraphHasNoProblems(t *testing.T) {
	if problems := flow.Check(sound(), options()); len(problems) > 0 {
		t.Errorf("%+v", problems)
	}
}

func TestProblems(t *testing.T) {
	node := func(g *flow.Graph, id string) *flow.Node {
		i := slices.IndexFunc(g.Nodes, func(n flow.Node) bool { return n.ID == id })
		return &g.Nodes[i]
	}
	foreign := rule.Node{Kind: rule.Segment, ID: "6"}
	cases := []struct {
		name, node, field, code string
		spoil                   func(g *flow.Graph)
	}{
		{"no trigger", "", "trigger.kind", "not_one_of", func(g *flow.Graph) { g.Trigger = flow.Trigger{} }},
		{"event without name", "", "trigger.event", "required", func(g *flow.Graph) { g.Trigger.Event = "" }},
		{"filter without property", "", "trigger.where[0].property", "required", func(g *flow.Graph) { g.Trigger.Where[0].Property = "" }},
		{"unknown segment", "", "trigger.segment", "segment_unknown", func(g *flow.Graph) { g.Trigger = flow.Trigger{Kind: flow.OnSegmentEnter, Segment: "6"} }},
		{"unknown stage", "", "trigger.to[0]", "stage_unknown", func(g *flow.Graph) { g.Trigger = flow.Trigger{Kind: flow.OnStageChange, To: []string{"x"}} }},
		{"bad cron", "", "trigger.cron", "cron_invalid", func(g *flow.Graph) {
			g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "9 o'clock", Audience: &known}
		}},
		{"six fields", "", "trigger.cron", "cron_invalid", func(g *flow.Graph) {
			g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "0 0 9 * * *", Audience: &known}
		}},
		{"a macro", "", "trigger.cron", "cron_invalid", func(g *flow.Graph) {
			g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "@every 1s", Audience: &known}
		}},
		{"never", "", "trigger.cron", "cron_never", func(g *flow.Graph) {
			g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "0 0 30 2 *", Audience: &known}
		}},
		{"no audience", "", "trigger.audience", "required", func(g *flow.Graph) { g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "0 9 * * *"} }},
		{"zone of the schedule", "", "trigger.zone", "unknown_timezone", func(g *flow.Graph) {
			g.Trigger = flow.Trigger{Kind: flow.OnSchedule, Cron: "0 9 * * *", Zone: "Mars/North", Audience: &known}
		}},
		{"policy", "", "entry.policy", "not_one_of", func(g *flow.Graph) { g.Entry.Policy = "always" }},
		{"cooldown missing", "", "entry.cooldown", "required", func(g *flow.Graph) { g.Entry.Cooldown = "" }},
		{"entry rule", "", "entry.rule.id", "segment_unknown", func(g *flow.Graph) { g.Entry.Rule = &foreign }},
		{"exit rule", "", "exit.id", "segment_unknown", func(g *flow.Graph) { g.Exit = &foreign }},
		{"goal too long", "", "goal.within", "duration_too_long", func(g *flow.Graph) { g.Goal.Within = "91d" }},
		{"no nodes", "", "nodes", "journey_empty", func(g *flow.Graph) { g.Nodes, g.Start = nil, "" }},
		{"no start", "", "start", "required", func(g *flow.Graph) { g.Start = "" }},
		{"start nowhere", "", "start", "node_unknown", func(g *flow.Graph) { g.Start = "nowhere" }},
		{"next nowhere", "delay", "next", "node_unknown", func(g *flow.Graph) { node(g, "delay").Next = "nowhere" }},
		{"else nowhere", "wait", "else", "node_unknown", func(g *flow.Graph) { node(g, "wait").Else = "nowhere" }},
		{"way nowhere", "branch", "ways[0].next", "node_unknown", func(g *flow.Graph) { node(g, "branch").Ways[0].Next = "nowhere" }},
		{"unreachable", "stage", "", "node_unreachable", func(g *flow.Graph) { node(g, "wait").Next = "" }},
		{"an island", "island", "", "node_unreachable", func(g *flow.Graph) {
			g.Nodes = append(g.Nodes, flow.Node{ID: "island", Kind: flow.Delay, Next: "island", Delay: &flow.DelayStep{For: "1h"}})
		}},
		{"loop without waiting", "branch", "next", "journey_loop", func(g *flow.Graph) { node(g, "attribute").Next = "branch" }},
		{"bad id", "Ä", "id", "node_id_invalid", func(g *flow.Graph) { g.Nodes = append(g.Nodes, flow.Node{ID: "Ä", Kind: flow.Exit}) }},
		{"two of one id", "exit", "id", "node_id_taken", func(g *flow.Graph) { g.Nodes = append(g.Nodes, flow.Node{ID: "exit", Kind: flow.Exit}) }},
		{"unknown kind", "exit", "kind", "not_one_of", func(g *flow.Graph) { node(g, "exit").Kind = "webhook" }},
		{"part missing", "delay", "delay", "required", func(g *flow.Graph) { node(g, "delay").Delay = nil }},
		{"bad length", "delay", "delay.for", "duration_invalid", func(g *flow.Graph) { node(g, "delay").Delay.For = "soon" }},
		{"too short a delay", "delay", "delay.for", "duration_too_short", func(g *flow.Graph) { node(g, "delay").Delay.For = "5s" }},
		{"too long a delay", "delay", "delay.for", "duration_too_long", func(g *flow.Graph) { node(g, "delay").Delay.For = "400d" }},
		{"bad time", "until", "until.at", "time_invalid", func(g *flow.Graph) { node(g, "until").Until.At = "25:00" }},
		{"bad weekday", "until", "until.weekdays[1]", "weekday_invalid", func(g *flow.Graph) { node(g, "until").Until.Weekdays[1] = 8 }},
		{"bad zone", "until", "until.zone", "unknown_timezone", func(g *flow.Graph) { node(g, "until").Until.Zone = "Local" }},
		{"no text", "message", "message.body", "required", func(g *flow.Graph) { node(g, "message").Message.Body = " " }},
		{"no subject for a mail", "message", "message.subject", "required", func(g *flow.Graph) { node(g, "message").Message.Subject = "" }},
		{"broken Liquid", "message", "message.body", "template_syntax", func(g *flow.Graph) { node(g, "message").Message.Body = "{{ broken" }},
		{"no channel", "message", "message.channels", "required", func(g *flow.Graph) { node(g, "message").Message.Channels = nil }},
		{"unknown channel", "message", "message.channels[1]", "unknown_channel", func(g *flow.Graph) { node(g, "message").Message.Channels[1] = "fax" }},
		{"purpose", "message", "message.purpose", "not_one_of", func(g *flow.Graph) { node(g, "message").Message.Purpose = "reply" }},
		{"wait for nothing", "wait", "wait.event", "required", func(g *flow.Graph) { node(g, "wait").Wait.Reply = false }},
		{"wait for two things", "wait", "wait.event", "not_together", func(g *flow.Graph) { node(g, "wait").Wait.Event = "Order" }},
		{"wait for ever", "wait", "wait.for", "required", func(g *flow.Graph) { node(g, "wait").Wait.For = "" }},
		{"empty branch", "branch", "ways", "ways_missing", func(g *flow.Graph) { node(g, "branch").Ways = nil }},
		{"way without rule", "branch", "ways[0].rule", "required", func(g *flow.Graph) { node(g, "branch").Ways[0].Rule = nil }},
		{"rule of a way", "branch", "ways[0].rule.id", "segment_unknown", func(g *flow.Graph) { node(g, "branch").Ways[0].Rule = &foreign }},
		{"percentages", "split", "ways", "percent_sum", func(g *flow.Graph) { node(g, "split").Ways[0].Percent = 33.3 }},
		{"percentage below none", "split", "ways[0].percent", "percent_invalid", func(g *flow.Graph) { node(g, "split").Ways[0].Percent = -1 }},
		{"no tags", "tag", "tag.add", "required", func(g *flow.Graph) { node(g, "tag").Tag = &flow.TagStep{} }},
		{"built-in attribute", "attribute", "attribute.name", "attribute_name_invalid", func(g *flow.Graph) { node(g, "attribute").Attribute.Name = "$name" }},
		{"attribute of lists", "attribute", "attribute.value", "attribute_value_invalid", func(g *flow.Graph) { node(g, "attribute").Attribute.Value = []any{"a", []any{}} }},
		{"attribute of a long list", "attribute", "attribute.value", "too_many", func(g *flow.Graph) { node(g, "attribute").Attribute.Value = slices.Repeat([]any{"a"}, 101) }},
		{"unknown stage to move to", "stage", "stage.to", "stage_unknown", func(g *flow.Graph) { node(g, "stage").Stage.To = "gone" }},
		{"task without title", "task", "task.title", "required", func(g *flow.Graph) { node(g, "task").Task.Title = "" }},
		{"task for a stranger", "task", "task.assignee.id", "teammate_unknown", func(g *flow.Graph) { node(g, "task").Task.Assignee = flow.Assignee{Kind: "teammate", ID: "9"} }},
		{"task for no team", "task", "task.assignee.id", "team_unknown", func(g *flow.Graph) { node(g, "task").Task.Assignee = flow.Assignee{Kind: "least", ID: "9"} }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := sound()
			c.spoil(&g)
			problems := flow.Check(g, options())
			if flow.Fit(problems) {
				t.Error("it could be published")
			}
			found := slices.ContainsFunc(problems, func(p flow.Problem) bool {
				return p.Node == c.node && p.Field == c.field && p.Code == c.code && p.Severity == flow.Error
			})
			if !found {
				t.Errorf("no %s at %s %s: %+v", c.code, c.node, c.field, problems)
			}
		})
	}
}

func TestWarningsDoNotHinder(t *testing.T) {
	g := sound()
	g.Nodes[4].Ways[0].Next = g.Nodes[4].Else
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n flow.Node) bool { return n.ID == "tag" || n.ID == "attribute" })
	problems := flow.Check(g, options())
	if len(problems) != 1 || problems[0].Code != "ways_same" || !flow.Fit(problems) {
		t.Errorf("%+v", problems)
	}
}

// Those who are only watched would be written to behind their way, at once or after
// ways have come together again.
func TestHoldoutsAreLeftAlone(t *testing.T) {
	words := func(id, next string) flow.Node {
		return flow.Node{ID: id, Kind: flow.Message, Next: next, Message: &flow.MessageStep{Channels: []string{"wechat"}, Purpose: "transactional", Body: "Hello"}}
	}
	wait := flow.Node{ID: "wait", Kind: flow.Delay, Next: "later", Delay: &flow.DelayStep{For: "1h"}}
	for next, warns := range map[string]bool{"": false, "end": false, "wait": true, "later": true} {
		g := flow.Graph{Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "Signed Up"}, Entry: flow.Entry{Policy: "once"}, Start: "split", Nodes: []flow.Node{
			{ID: "split", Kind: flow.Split, Ways: []flow.Way{{Percent: 90, Next: "hello"}, {Percent: 10, Holdout: true, Next: next}}},
			words("hello", "wait"), wait, words("later", "end"), {ID: "end", Kind: flow.Exit},
		}}
		problems := flow.Check(g, options())
		at := slices.IndexFunc(problems, func(p flow.Problem) bool { return p.Code == "holdout_reached" })
		if (at >= 0) != warns || !flow.Fit(problems) {
			t.Errorf("a holdout that goes to %q: %+v", next, problems)
		}
		if warns && (problems[at].Node != "split" || problems[at].Field != "ways[1].next") {
			t.Errorf("%+v", problems[at])
		}
	}
}
