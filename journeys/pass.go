package journeys

import (
	"encoding/json"
	"fmt"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// pass does what a node at which nobody waits says, and moves on.
func (w *world) pass(t *turn, st *standing, f *flow.Flow, n *flow.Node) error {
	do := effect{by: w.cause(st)}
	switch n.Kind {
	case flow.Message, flow.Task:
		passed, err := w.passed(st, f, n)
		if err != nil {
			return err
		}
		switch {
		case passed:
			w.leave(st, n, "passed", "", n.Next)
			return nil
		case n.Kind == flow.Message:
			return w.message(t, st, n, do)
		}
		return w.task(t, st, n, do)
	case flow.Branch:
		return w.branch(t, st, n)
	case flow.Split:
		w.split(t, st, n)
		return nil
	case flow.Attribute:
		return w.attribute(t, st, n, do)
	case flow.TagNode:
		do.tag = n.Tag
	case flow.Stage:
		do.stage = n.Stage
	case flow.Exit:
		w.leave(st, n, "done", "", "")
		st.e.reason = endExitNode
		return nil
	}
	t.changed = true
	w.done(st, n, "done", "", do, n.Next)
	return nil
}

// passed tells whether somebody who follows a new version has had this step in
// an older one: nobody is sent the same again because a journey was rearranged.
func (w *world) passed(st *standing, f *flow.Flow, n *flow.Node) (bool, error) {
	if st.e.followed == 0 || f.Loops(n.ID) {
		return false, nil
	}
	var count int64
	err := w.q.QueryRow(queries.Get("passed"), st.e.id, st.e.followed, n.ID).Scan(&count)
	return count > 0, err
}

func (w *world) branch(t *turn, st *standing, n *flow.Node) error {
	for i, way := range n.Ways {
		ok, err := w.matches(way.Rule, t.customer)
		if err != nil {
			return err
		}
		if ok {
			w.leave(st, n, wayOutcome(i), way.Name, way.Next)
			return nil
		}
	}
	w.leave(st, n, "else", "", n.Else)
	return nil
}

func wayOutcome(i int) string { return fmt.Sprintf("way_%d", i) }

func (w *world) split(t *turn, st *standing, n *flow.Node) {
	i := n.Way(st.e.journey.String(), t.customer.String())
	way := n.Ways[i]
	if way.Holdout {
		st.e.holdout = true
	}
	w.leave(st, n, wayOutcome(i), way.Name, way.Next)
}

func (w *world) matches(n *rule.Node, customer ids.ID) (bool, error) {
	if n == nil {
		return true, nil
	}
	return w.s.o.Segments.Match(w.q, *n, customer, w.now)
}

func (w *world) message(t *turn, st *standing, n *flow.Node, do effect) error {
	m := n.Message
	r, reason, err := w.s.o.Sender.Reach(w.q, t.customer, m.Channels, channels.Purpose(m.Purpose), w.now)
	if err != nil {
		return err
	}
	if r.Channel == "" {
		w.leave(st, n, "unreachable", reason, n.Unreached())
		return nil
	}
	out := &Message{By: do.by, Customer: t.customer, Reach: r, Purpose: channels.Purpose(m.Purpose)}
	vars, err := w.vars(t, st)
	if err != nil {
		return err
	}
	if out.Body, err = w.s.o.Render.Text(w.ctx, m.Body, vars); err == nil && m.Subject != "" {
		out.Subject, err = w.s.o.Render.Text(w.ctx, m.Subject, vars)
	}
	if err != nil {
		w.leave(st, n, "failed", codeOf(err), n.Next)
		return nil //nolint:nilerr // the outcome says it
	}
	if blank(out.Body) {
		w.leave(st, n, "failed", "body_empty", n.Next)
		return nil
	}
	do.message, t.changed = out, true
	w.done(st, n, "queued", r.Channel, do, n.Next)
	return nil
}

func (w *world) task(t *turn, st *standing, n *flow.Node, do effect) error {
	vars, err := w.vars(t, st)
	if err != nil {
		return err
	}
	task := &NewTask{By: do.by, Customer: t.customer, DueAt: w.now.Add(n.Task.Length()), Assignee: n.Task.Assignee}
	if task.Title, err = w.s.o.Render.Text(w.ctx, n.Task.Title, vars); err == nil {
		task.Note, err = w.s.o.Render.Text(w.ctx, n.Task.Note, vars)
	}
	if err != nil || blank(task.Title) {
		code := "body_empty"
		if err != nil {
			code = codeOf(err)
		}
		w.leave(st, n, "failed", code, n.Next)
		return nil //nolint:nilerr // the outcome says it
	}
	do.task = task
	w.done(st, n, "done", "", do, n.Next)
	return nil
}

func (w *world) attribute(t *turn, st *standing, n *flow.Node, do effect) error {
	set := *n.Attribute
	if template, ok := set.Value.(string); ok {
		vars, err := w.vars(t, st)
		if err != nil {
			return err
		}
		value, err := w.s.o.Render.Text(w.ctx, template, vars)
		if err != nil {
			w.leave(st, n, "failed", codeOf(err), n.Next)
			return nil //nolint:nilerr // the outcome says it
		}
		set.Value = value
	}
	do.attribute, t.changed = &set, true
	w.done(st, n, "done", "", do, n.Next)
	return nil
}

// vars are what templates can name.
func (w *world) vars(t *turn, st *standing) (map[string]any, error) {
	p, err := w.read(t)
	if err != nil {
		return nil, err
	}
	event := map[string]any{}
	var c enrollmentContext
	if err := json.Unmarshal(st.e.context, &c); err == nil && c.Event != nil {
		for k, v := range c.Event.Properties {
			event[k] = v
		}
		event["name"] = c.Event.Name
	}
	return variables(p, event, w.cause(st).Name, w.now), nil
}
