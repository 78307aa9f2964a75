package flow

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

// Severities of a problem: a draft with errors cannot be published.
const (
	Error   = "error"
	Warning = "warning"
)

// Problem is what is wrong with a graph.
type Problem struct {
	// Node is the id of the node, "" for what belongs to the journey itself.
	Node     string       `json:"node"`
	Field    string       `json:"field"`
	Code     string       `json:"code"`
	Params   fault.Params `json:"params,omitempty"`
	Severity string       `json:"severity" enum:"error,warning"`
}

// CheckOptions look up what a graph names. What is nil is not looked up.
type CheckOptions struct {
	// Liquid checks a template; the codes and parameters are the checker's.
	Liquid                         func(template string) []fault.Field
	Segment, Stage, Teammate, Team func(id string) bool
	// Channels are those that a message can take; nil takes any.
	Channels []string
}

// Limits of a graph.
const (
	maxNodes    = 200
	maxWays     = 20
	maxTags     = 50
	maxName     = 120
	maxTemplate = 20_000
	maxEvent    = 200
	maxLength   = 366 * 24 * time.Hour
	maxGoal     = 90 * 24 * time.Hour
)

var nodeID = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// Check finds everything that is wrong with a graph, in the order of its nodes;
// of one with too many nodes only that. It is safe on any graph; one without
// errors can be stepped through.
func Check(g Graph, o CheckOptions) []Problem {
	if len(g.Nodes) > maxNodes {
		return []Problem{{Field: "nodes", Code: "too_many", Params: fault.Params{"max": maxNodes}, Severity: Error}}
	}
	c := &checker{o: o, g: &g, flow: Compile(g)}
	c.trigger()
	c.entry()
	c.goal()
	if g.Exit != nil {
		c.rule("exit", *g.Exit)
	}
	if len(g.Nodes) == 0 {
		c.add("nodes", "journey_empty", nil)
	} else if g.Start == "" {
		c.add("start", "required", nil)
	}
	c.leads("start", g.Start)
	seen := map[string]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		c.node = n.ID
		if !nodeID.MatchString(n.ID) {
			c.add("id", "node_id_invalid", nil)
		} else if seen[n.ID] {
			c.add("id", "node_id_taken", fault.Params{"id": n.ID})
		}
		seen[n.ID] = true
		c.checkNode(n)
	}
	c.reach()
	c.loops()
	return c.out
}

// Fit tells whether no problem is an error.
func Fit(problems []Problem) bool {
	return !slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

type checker struct {
	o    CheckOptions
	g    *Graph
	flow *Flow
	node string
	out  []Problem
}

func (c *checker) add(field, code string, params fault.Params) {
	c.out = append(c.out, Problem{Node: c.node, Field: field, Code: code, Params: params, Severity: Error})
}

func (c *checker) warn(field, code string, params fault.Params) {
	c.out = append(c.out, Problem{Node: c.node, Field: field, Code: code, Params: params, Severity: Warning})
}

func (c *checker) trigger() {
	t := c.g.Trigger
	switch t.Kind {
	case OnEvent:
		c.event("trigger.event", t.Event)
		c.filters("trigger.where", t.Where)
	case OnSegmentEnter, OnSegmentLeave:
		if c.named("trigger.segment", t.Segment) {
			c.known("trigger.segment", t.Segment, "segment_unknown", "id", c.o.Segment)
		}
	case OnStageChange:
		c.stages("trigger.from", t.From)
		c.stages("trigger.to", t.To)
	case OnSchedule:
		c.schedule(t)
	default:
		c.choice("trigger.kind", string(t.Kind), "event", "segment_entered", "segment_left", "stage_changed", "schedule")
	}
}

func (c *checker) stages(field string, keys []string) {
	for i, key := range keys {
		c.known(fmt.Sprintf("%s[%d]", field, i), key, "stage_unknown", "stage", c.o.Stage)
	}
}

func (c *checker) schedule(t Trigger) {
	c.zone("trigger.zone", t.Zone)
	if t.Audience == nil {
		c.add("trigger.audience", "required", nil)
	} else {
		c.rule("trigger.audience", *t.Audience)
	}
	if !c.named("trigger.cron", t.Cron) {
		return
	}
	cron, err := clock.ParseCron(t.Cron, time.UTC)
	if err != nil || strings.HasPrefix(strings.TrimSpace(t.Cron), "@") {
		c.add("trigger.cron", "cron_invalid", fault.Params{"value": text.Preview(t.Cron, 60)})
	} else if _, _, ok := cron.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		c.add("trigger.cron", "cron_never", nil)
	}
}

func (c *checker) entry() {
	e := c.g.Entry
	switch e.Policy {
	case Once, AfterExit:
	case Cooldown:
		c.length("entry.cooldown", e.Cooldown, maxLength)
	default:
		c.choice("entry.policy", e.Policy, Once, AfterExit, Cooldown)
	}
	if e.Rule != nil {
		c.rule("entry.rule", *e.Rule)
	}
	if e.MaxLateness != "" {
		c.length("entry.max_lateness", e.MaxLateness, maxLength)
	}
}

func (c *checker) goal() {
	g := c.g.Goal
	if g == nil {
		return
	}
	c.event("goal.event", g.Event)
	c.filters("goal.where", g.Where)
	if g.Within != "" {
		c.length("goal.within", g.Within, maxGoal)
	}
}

// reach finds the nodes to which no way leads.
func (c *checker) reach() {
	reached := c.from(c.g.Start)
	for _, n := range c.g.Nodes {
		if !reached[n.ID] {
			c.node = n.ID
			c.add("", "node_unreachable", nil)
		}
	}
}

// from are the nodes that a way leads to, at last.
func (c *checker) from(start string) map[string]bool {
	reached := map[string]bool{}
	pending := []string{start}
	for len(pending) > 0 {
		id := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if n := c.flow.Node(id); n != nil && !reached[id] {
			reached[id] = true
			pending = append(pending, n.Outs()...)
		}
	}
	return reached
}

// loops finds circles in which nobody ever waits.
func (c *checker) loops() {
	const open, closed = 1, 2
	state := map[string]int{}
	var visit func(id string)
	visit = func(id string) {
		n := c.flow.Node(id)
		if n == nil || n.Waits() || state[id] == closed {
			return
		}
		if state[id] == open {
			c.node = id
			c.add("next", "journey_loop", nil)
			return
		}
		state[id] = open
		for _, next := range n.Outs() {
			visit(next)
		}
		state[id] = closed
	}
	for _, n := range c.g.Nodes {
		visit(n.ID)
	}
}

func (c *checker) rule(field string, n rule.Node) {
	for _, f := range n.Check(rule.CheckOptions{Prefix: field, Segment: c.o.Segment, Stage: c.o.Stage}) {
		c.add(f.Field, f.Code, f.Params)
	}
}

func (c *checker) filters(field string, where []rule.Filter) {
	for _, f := range rule.CheckWhere(where, field) {
		c.add(f.Field, f.Code, f.Params)
	}
}

func (c *checker) named(field, s string) bool {
	if s == "" {
		c.add(field, "required", nil)
	}
	return s != ""
}

func (c *checker) event(field, name string) {
	if c.named(field, name) && (text.Length(name) > maxEvent || text.CleanLine(name) != name) {
		c.add(field, "too_long", fault.Params{"max": maxEvent})
	}
}

func (c *checker) known(field, id, code, param string, exists func(string) bool) {
	if exists != nil && !exists(id) {
		c.add(field, code, fault.Params{param: text.Preview(id, 40)})
	}
}

func (c *checker) choice(field, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.add(field, "not_one_of", fault.Params{"allowed": strings.Join(allowed, ", ")})
	}
}

func (c *checker) length(field, s string, limit time.Duration) {
	if !c.named(field, s) {
		return
	}
	switch d, ok := rule.Duration(s); {
	case !ok:
		c.add(field, "duration_invalid", nil)
	case d < time.Minute:
		c.add(field, "duration_too_short", fault.Params{"min": "1m"})
	case d > limit:
		c.add(field, "duration_too_long", fault.Params{"max": strconv.Itoa(int(limit/(24*time.Hour))) + "d"})
	}
}

func (c *checker) zone(field, name string) {
	if name == "" {
		return
	}
	if _, err := Zone(name); err != nil {
		c.add(field, "unknown_timezone", fault.Params{"value": text.Preview(name, 60)})
	}
}

// leads checks where something goes on.
func (c *checker) leads(field, id string) {
	if id != "" && c.flow.Node(id) == nil {
		c.add(field, "node_unknown", fault.Params{"id": text.Preview(id, 40)})
	}
}

func (c *checker) template(field, s string, needed bool) {
	switch {
	case strings.TrimSpace(s) == "":
		if needed {
			c.add(field, "required", nil)
		}
	case len(s) > maxTemplate:
		c.add(field, "too_long", fault.Params{"max": maxTemplate})
	case c.o.Liquid != nil:
		for _, f := range c.o.Liquid(s) {
			c.add(field, f.Code, f.Params)
		}
	}
}
