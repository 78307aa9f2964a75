package journeys

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// news is a signal made ready.
type news struct {
	signal
	event *eventPayload
	facts rule.Facts
	stage stagePayload
}

// hear acts upon one signal: goals, waits and exits of those who are on the way,
// then entries.
func (w *world) hear(t *turn, g signal) error {
	n := news{signal: g}
	switch g.kind {
	case heardEvent:
		n.event = new(eventPayload)
		if err := json.Unmarshal(g.payload, n.event); err != nil {
			return fmt.Errorf("signal %s: %w", g.id, err)
		}
		n.facts = rule.FactsOf(n.event.Properties)
	case heardStage:
		if err := json.Unmarshal(g.payload, &n.stage); err != nil {
			return fmt.Errorf("signal %s: %w", g.id, err)
		}
	case heardExit:
		w.exits(t, g)
		return nil
	}
	waiting := map[ids.ID]bool{} // paused journeys that have missed an answer
	for _, st := range t.all {
		if g.journey != 0 && g.journey != st.e.journey || n.event == nil {
			continue
		}
		if err := w.onTheWay(st, n, waiting); err != nil {
			return err
		}
	}
	return w.entries(t, n, waiting)
}

// exits ends the enrollments of a journey whose exit rule has become true.
func (w *world) exits(t *turn, g signal) {
	for _, st := range t.all {
		if st.e.state == Active && st.e.journey.String() == g.ref {
			w.close(st, Exited, endExitRule, "exited")
		}
	}
}

func (w *world) onTheWay(st *standing, n news, waiting map[ids.ID]bool) error {
	f, err := w.flow(st)
	if err != nil {
		return err
	}
	if goal := f.Graph.Goal; goal != nil && st.e.goal == 0 && goal.Event == n.ref && st.e.reason != endMerged &&
		n.at >= st.e.started && n.at <= st.e.started+goal.Length().Milliseconds() && rule.Where(goal.Where, n.facts, n.at) {
		st.e.goal, st.dirty = n.at, true
		if goal.Exit && st.e.state == Active {
			w.close(st, ByGoal, endGoal, "goal")
		}
	}
	at := f.Node(st.e.node)
	if st.e.state != Active || st.arrived || at == nil || at.Kind != flow.Wait || at.Wait.Listens() != n.ref {
		return nil
	}
	// What comes after the time is over comes too late, even when nobody has
	// written that down yet; what happened before the wait began answers nothing.
	if n.at < st.e.entered || n.at >= st.e.wake || n.received >= st.e.wake || !rule.Where(at.Wait.Where, n.facts, n.at) {
		return nil
	}
	if !w.live(st) {
		waiting[st.e.journey] = true
		return nil
	}
	w.leave(st, at, "came", "", at.Next)
	return nil
}

// entries starts the journeys that a signal starts.
func (w *world) entries(t *turn, n news, waiting map[ids.ID]bool) error {
	for _, id := range w.book.order {
		j := w.book.journeys[id]
		if j.version == 0 || j.state != Live && j.state != Paused || n.journey != 0 && n.journey != id {
			continue
		}
		f, err := w.s.flow(w.q, j.version)
		if err != nil {
			return err
		}
		starts := triggered(f.Graph.Trigger, n)
		if j.state == Paused {
			if starts || waiting[id] {
				held := n.signal
				held.journey = id
				t.held = append(t.held, held)
			}
			continue
		}
		if !starts {
			continue
		}
		st, no, err := w.enter(t, j, f, n.entry())
		if err != nil {
			return err
		}
		if no != nil {
			t.refused = append(t.refused, *no)
		} else {
			t.all = append(t.all, st)
		}
	}
	return nil
}

func triggered(t flow.Trigger, n news) bool {
	switch t.Kind {
	case flow.OnEvent:
		return n.kind == heardEvent && t.Event == n.ref && rule.Where(t.Where, n.facts, n.at)
	case flow.OnSegmentEnter:
		return n.kind == heardEnter && t.Segment == n.ref
	case flow.OnSegmentLeave:
		return n.kind == heardLeave && t.Segment == n.ref
	case flow.OnStageChange:
		return n.kind == heardStage && (len(t.From) == 0 || slices.Contains(t.From, n.stage.From)) && (len(t.To) == 0 || slices.Contains(t.To, n.stage.To))
	}
	return false
}

// entry is a wish to let somebody in.
type entry struct {
	key      string
	identity ids.ID
	event    *eventPayload
	at       int64
	imported bool
}

func (n news) entry() entry {
	e := entry{key: "signal/" + n.id.String(), identity: n.identity, event: n.event, at: n.at}
	e.imported = n.event != nil && n.event.Imported
	return e
}

// enter lets somebody into the live version, or says why not.
func (w *world) enter(t *turn, j *journey, f *flow.Flow, e entry) (*standing, *refusal, error) {
	code, params, err := w.objection(t, j, f, e)
	if err != nil {
		return nil, nil, err
	}
	if code != "" {
		return nil, &refusal{journey: j.id, code: code, params: params}, nil
	}
	now := w.millis()
	context, err := json.Marshal(enrollmentContext{Event: e.event})
	if err != nil {
		return nil, nil, err
	}
	st := &standing{fresh: true, dirty: true, arrived: true, e: enrollment{
		id: w.s.ids.Next(), journey: j.id, version: j.version, customer: t.customer, identity: e.identity, key: e.key, state: Active,
		node: f.Graph.Start, visit: 1, entered: now, wake: now, context: context, started: now,
	}}
	if st.e.node == "" {
		st.e.end(Completed, endReached, now)
		st.arrived = false
	}
	return st, nil, nil
}

// objection is why somebody may not enter now, "" when they may.
func (w *world) objection(t *turn, j *journey, f *flow.Flow, e entry) (code string, params fault.Params, err error) {
	g := &f.Graph
	if e.imported {
		return "entry_imported", nil, nil
	}
	if late := g.Entry.Lateness(); w.millis()-e.at > late.Milliseconds() {
		return "entry_late", fault.Params{"at": clock.FromMillis(e.at).Format(time.RFC3339)}, nil
	}
	last, often, inside, err := w.before(t, j.id)
	switch {
	case err != nil:
		return "", nil, err
	case inside:
		return "entry_inside", nil, nil
	case last > 0 && g.Entry.Policy == flow.Once:
		return "entry_once", fault.Params{"at": clock.FromMillis(last).Format(time.RFC3339)}, nil
	case often >= maxOften:
		return "entry_too_often", fault.Params{"max": maxOften}, nil
	case last > 0 && w.millis() < last+g.Entry.Pause().Milliseconds():
		return "entry_cooldown", fault.Params{"until": clock.FromMillis(last + g.Entry.Pause().Milliseconds()).Format(time.RFC3339)}, nil
	}
	if ok, err := w.matches(g.Entry.Rule, t.customer); err != nil || !ok {
		return "entry_rule", nil, err
	}
	if g.Exit != nil {
		if out, err := w.matches(g.Exit, t.customer); err != nil || out {
			return "entry_exit_rule", nil, err
		}
	}
	return "", nil, nil
}

// maxOften is how often somebody may enter one journey within an hour: journeys
// that set each other off come to an end.
const maxOften = 20

// before tells when somebody last entered a journey, 0 for never, how often within
// the last hour, and whether they are still in it.
func (w *world) before(t *turn, journey ids.ID) (last, often int64, inside bool, err error) {
	since := w.millis() - time.Hour.Milliseconds()
	if err := w.q.QueryRow(queries.Get("last-entry"), since, t.customer, journey).Scan(&last, &often); err != nil {
		return 0, 0, false, err
	}
	for _, st := range t.all {
		if st.e.journey != journey {
			continue
		}
		last = max(last, st.e.started)
		inside = inside || st.e.state == Active
		if st.fresh {
			often++
		}
	}
	return last, often, inside, nil
}
