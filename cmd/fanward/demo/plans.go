package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

const (
	// The shop's team learned one thing after the other.
	segmentsSince = 190 * day
	journeysSince = 120 * day
)

func count(event string, op rule.Op, n float64, last string) rule.Node {
	r := rule.Node{Kind: rule.Events, Name: event, Op: op, Value: n}
	if last != "" {
		r.Window = &rule.Window{Last: last}
	}
	return r
}

func all(of ...rule.Node) rule.Node  { return rule.Node{Kind: rule.All, Of: of} }
func some(of ...rule.Node) rule.Node { return rule.Node{Kind: rule.Any, Of: of} }

func in(stages ...any) rule.Node { return rule.Node{Kind: rule.Stage, Values: stages} }

// plan writes down when stages get their rules, segments their definitions and
// journeys their versions.
func (w *world) plan(context.Context) error {
	w.at(w.begin().Add(20*time.Hour), "rules of stages", w.stageRules)
	for i, s := range w.segmentRules() {
		w.at(w.o.Now.Add(-segmentsSince).Add(time.Duration(i)*3*day), "segment "+s.key, func(ctx context.Context) error {
			text := w.words.Segments[s.key]
			made, err := w.Segments.Create(ctx, w.staff["marketer"], segments.Definition{Name: text[0], Description: text[1], Rule: s.rule})
			w.segments[s.key] = made
			return err
		})
	}
	for i, key := range []string{"welcome", "invite", "cart", "returned", "lapsed"} {
		w.at(w.o.Now.Add(-journeysSince).Add(time.Duration(i)*9*day), "journey "+key, func(ctx context.Context) error { return w.publish(ctx, key) })
	}
	w.at(w.o.Now.Add(-3*day), "journey double", func(ctx context.Context) error {
		_, err := w.Journeys.Create(ctx, w.staff["marketer"], w.words.Journeys["double"], w.doubleGraph())
		return err
	})
	return nil
}

func (w *world) stageRules(ctx context.Context) error {
	// Who has been away for long has left; who is seen again comes back to where
	// they were.
	about := rule.Node{Kind: rule.None, Of: []rule.Node{{Kind: rule.Dormant, Duration: "30d"}}}
	for key, n := range map[string]rule.Node{
		"target":   count("Page Viewed", rule.AtLeast, 1, ""),
		"lead":     some(count("Signed Up", rule.AtLeast, 1, ""), count("wechat_followed", rule.AtLeast, 1, ""), count("Message Received", rule.AtLeast, 1, "")),
		"customer": all(count("Order Completed", rule.AtLeast, 1, ""), about),
		"member":   all(count("Order Completed", rule.AtLeast, 3, ""), about),
		"fan":      all(count("Friend Invited", rule.AtLeast, 2, ""), count("Order Completed", rule.AtLeast, 2, ""), about),
	} {
		if _, err := w.Customers.UpdateStage(ctx, w.staff["admin"], key, customers.StagePatch{SetRule: true, Rule: &n}); err != nil {
			return fmt.Errorf("the rule of the stage %s: %w", key, err)
		}
	}
	return nil
}

type definition struct {
	key  string
	rule rule.Node
}

func (w *world) segmentRules() []definition {
	never := func(event, last string) rule.Node { return count(event, rule.AtMost, 0, last) }
	return []definition{
		{"repeat", count("Order Completed", rule.AtLeast, 2, "30d")},
		{"vip", rule.Node{Kind: rule.Events, Name: "Order Completed", Measure: rule.Sum, Property: "total", Op: rule.AtLeast, Value: 1500.0}},
		{"cart", all(in("lead", "customer", "member", "fan"), count("Product Added", rule.AtLeast, 1, "7d"), never("Order Completed", "7d"))},
		{"sleeping", all(in("member", "fan"), rule.Node{Kind: rule.Dormant, Duration: "21d"})},
		{"new", all(in("lead"), rule.Node{Kind: rule.None, Of: []rule.Node{{Kind: rule.Stage, Values: []any{"lead"}, Duration: "14d"}}})},
		{"green", rule.Node{Kind: rule.Events, Name: "Product Viewed", Where: []rule.Filter{{Property: "product_id", Op: rule.Equals, Value: "longjing"}}, Op: rule.AtLeast, Value: 3.0, Window: &rule.Window{Last: "90d"}}},
		{"wechat", rule.Node{Kind: rule.Reachable, Channel: "wechat", Purpose: rule.Marketing}},
		{"mail", all(in("customer", "member", "fan"), rule.Node{Kind: rule.Reachable, Channel: "email", Purpose: rule.Marketing})},
	}
}

// publish makes a journey and lets it live.
func (w *world) publish(ctx context.Context, key string) error {
	by := w.staff["marketer"]
	made, err := w.Journeys.Create(ctx, by, w.words.Journeys[key], w.graph(key))
	if err != nil {
		return err
	}
	if _, err := w.Journeys.Publish(ctx, by, made.ID, journeys.PeopleFollow, 0); err != nil {
		return err
	}
	if key != "invite" {
		return nil
	}
	w.at(w.Clock.Now().Add(40*day), "another version", func(ctx context.Context) error { return w.revise(ctx, by, made) })
	return nil
}

// revise publishes a second version, for which those on the way change over.
func (w *world) revise(ctx context.Context, by auth.Principal, j *journeys.Journey) error {
	g := w.graph("invite")
	for i := range g.Nodes {
		if g.Nodes[i].Delay != nil {
			g.Nodes[i].Delay.For = "3h"
		}
	}
	j, err := w.Journeys.Get(ctx, j.ID)
	if err != nil {
		return err
	}
	if _, err = w.Journeys.Save(ctx, by, j.ID, j.Name, g, j.DraftVersion); err != nil {
		return err
	}
	_, err = w.Journeys.Publish(ctx, by, j.ID, journeys.PeopleFollow, 0)
	return err
}

// graph is a template that is filled in, or one of the shop's own.
func (w *world) graph(key string) flow.Graph {
	var g flow.Graph
	for _, t := range journeys.Templates() {
		if t.Key == key {
			if g = t.Graph; w.o.Language == "zh-CN" {
				g = t.GraphZH
			}
		}
	}
	switch key {
	case "invite":
		g.Trigger.Segment = w.segments["repeat"].ID.String()
		g.Goal = &flow.Goal{Event: "Order Completed", Within: "30d"}
	case "returned":
		g.Entry.Rule = ptr(all(rule.Node{Kind: rule.Attribute, Name: rule.CreatedAttribute, Op: rule.MoreThanAgo, Duration: "180d"}, count("Signed In", rule.AtMost, 1, "180d")))
		for i := range g.Nodes {
			if t := g.Nodes[i].Task; t != nil {
				t.Title, t.Assignee = w.words.Journeys["returned"]+": {{ customer.label }}", flow.Assignee{Kind: "least", ID: w.teams["presales"].ID.String()}
				t.Note = ""
			}
		}
	case "cart":
		return w.cartGraph()
	}
	return g
}

func ptr[T any](v T) *T { return &v }

// cartGraph reminds of what was left in the cart, leaves some alone to see what
// that changes, and has somebody call in the end.
func (w *world) cartGraph() flow.Graph {
	f := w.words.Flow
	message := func(id, next string, body string, channels ...string) flow.Node {
		return flow.Node{ID: id, Kind: flow.Message, Name: f["reminder"], Next: next, Message: &flow.MessageStep{Channels: channels, Purpose: "marketing", Subject: f["cart_subject"], Body: body}}
	}
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnSegmentEnter, Segment: w.segments["cart"].ID.String()},
		Entry:   flow.Entry{Policy: flow.Cooldown, Cooldown: "30d"},
		Goal:    &flow.Goal{Event: "Order Completed", Within: "14d"},
		Start:   "pause",
		Nodes: []flow.Node{
			{ID: "pause", Kind: flow.Delay, Name: f["pause"], Next: "split", Delay: &flow.DelayStep{For: "4h"}},
			{ID: "split", Kind: flow.Split, Name: f["split"], Ways: []flow.Way{{Name: "A", Next: "long", Percent: 45}, {Name: "B", Next: "short", Percent: 45}, {Name: f["holdout"], Percent: 10, Holdout: true}}},
			message("long", "wait", f["cart_body"], "email", "wechat", "webchat"),
			message("short", "wait", f["cart_short"], "wechat", "email", "webchat"),
			{ID: "wait", Kind: flow.Wait, Name: f["wait"], Next: "tag", Else: "valued", Wait: &flow.WaitStep{Event: "Order Completed", For: "3d"}},
			{ID: "tag", Kind: flow.TagNode, Name: f["tag"], Tag: &flow.TagStep{Add: []string{w.words.Tags["vip"]}}},
			{ID: "valued", Kind: flow.Branch, Name: w.words.Segments["vip"][0], Ways: []flow.Way{{Name: w.words.Segments["vip"][0], Next: "call", Rule: &rule.Node{Kind: rule.Segment, ID: w.segments["vip"].ID.String()}}}},
			{ID: "call", Kind: flow.Task, Name: f["somebody_calls"], Task: &flow.TaskStep{Title: f["call"], Note: f["call_note"], Due: "24h", Assignee: flow.Assignee{Kind: "least", ID: w.teams["presales"].ID.String()}}},
		},
	}
}

// doubleGraph is still a draft: it goes to a segment of those who know the shop.
func (w *world) doubleGraph() flow.Graph {
	f := w.words.Flow
	audience := rule.Node{Kind: rule.Segment, ID: w.segments["mail"].ID.String()}
	return flow.Graph{
		Trigger: flow.Trigger{Kind: flow.OnSchedule, Cron: "0 10 12 12 *", Zone: w.words.Zone, Audience: &audience},
		Entry:   flow.Entry{Policy: flow.Once},
		Start:   "write",
		Nodes: []flow.Node{
			{ID: "write", Kind: flow.Message, Name: f["people_who_know_us"], Message: &flow.MessageStep{Channels: []string{"email", "wechat"}, Purpose: "marketing", Subject: f["double_subject"], Body: f["double_body"]}},
		},
	}
}
