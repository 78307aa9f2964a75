package journeys

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
)

// world is what is decided on: rows as they stand at one instant.
type world struct {
	s    *Service
	ctx  context.Context
	q    store.Querier
	now  time.Time
	book *book
}

func (w *world) millis() int64 { return clock.Millis(w.now) }

// standing is an enrollment as it was and as it will be.
type standing struct {
	was, e enrollment
	fresh  bool // it does not exist yet
	dirty  bool
	// arrived: the node has been come to and nothing has been done there.
	arrived bool
	steps   []step
}

// step is a row of enrollment_steps, and what else it writes.
type step struct {
	visit           int64
	node, kind      string
	outcome, detail string
	do              effect
}

// effect is what a step does to the world, at most one thing.
type effect struct {
	by        Cause
	message   *Message
	task      *NewTask
	attribute *flow.AttributeStep
	tag       *flow.TagStep
	stage     *flow.StageStep
}

func (e effect) any() bool {
	return e.message != nil || e.task != nil || e.attribute != nil || e.tag != nil || e.stage != nil
}

// refusal is why somebody did not enter.
type refusal struct {
	journey ids.ID
	code    string
	params  fault.Params
}

// turn is what is done for one person at once.
type turn struct {
	customer ids.ID
	heard    []signal // acted upon
	held     []signal // kept for paused journeys
	all      []*standing
	refused  []refusal
	// changed: an effect is not visible yet; whoever reads the person has to
	// wait for the next turn.
	changed bool
	// more: the rest comes in the next turn.
	more   bool
	person *Person
}

// maxRun bounds the nodes that somebody passes in one turn.
const maxRun = 50

// take acts upon a person's signals in their order, then, when those were all,
// lets on whose time has come.
func (w *world) take(t *turn, signals []signal, all bool) error {
	for _, st := range t.all {
		if err := w.migrate(st); err != nil {
			return err
		}
	}
	if err := w.runAll(t); err != nil {
		return err
	}
	for _, g := range signals {
		if t.changed || t.more {
			t.more = true
			return nil
		}
		if err := w.hear(t, g); err != nil {
			return err
		}
		t.heard = append(t.heard, g)
		if err := w.runAll(t); err != nil {
			return err
		}
	}
	if t.more = t.more || !all; t.more {
		return nil
	}
	for _, st := range t.all {
		if !w.due(st) {
			continue
		}
		// What an effect brings about is heard before anybody else is let on.
		if t.changed || t.more {
			t.more = true
			return nil
		}
		if err := w.timeout(t, st); err != nil {
			return err
		}
	}
	return nil
}

// runAll runs everybody in their order. Once somebody has to be continued in the
// next turn, the others come after them; but who has come to where people wait
// waits from now on.
func (w *world) runAll(t *turn) error {
	for i := 0; i < len(t.all); i++ {
		if st := t.all[i]; t.more && !w.atWait(st) {
			continue
		} else if err := w.run(t, st); err != nil {
			return err
		}
	}
	return nil
}

// atWait tells whether somebody stands where people wait.
func (w *world) atWait(st *standing) bool {
	f, err := w.flow(st)
	if err != nil {
		return false
	}
	n := f.Node(st.e.node)
	return n != nil && n.Waits()
}

// live is the enrollment's journey when people move in it.
func (w *world) live(st *standing) bool {
	j := w.book.journeys[st.e.journey]
	return st.e.state == Active && j != nil && j.state == Live
}

func (w *world) flow(st *standing) (*flow.Flow, error) { return w.s.flow(w.q, st.e.version) }

// due tells whether somebody's time has come.
func (w *world) due(st *standing) bool { return w.live(st) && !st.arrived && st.e.wake <= w.millis() }

// timeout lets somebody on whose time at a waiting node has come.
func (w *world) timeout(t *turn, st *standing) error {
	f, err := w.flow(st)
	if err != nil {
		return err
	}
	n := f.Node(st.e.node)
	if n == nil || !n.Waits() {
		return w.run(t, st)
	}
	if n.Kind == flow.Wait {
		w.leave(st, n, "timeout", "", n.Else)
	} else {
		w.leave(st, n, "elapsed", "", n.Next)
	}
	return w.run(t, st)
}

// leave writes the step down and moves on to next, "" for the end.
func (w *world) leave(st *standing, n *flow.Node, outcome, detail, next string) {
	w.done(st, n, outcome, detail, effect{}, next)
}

func (w *world) done(st *standing, n *flow.Node, outcome, detail string, do effect, next string) {
	st.steps = append(st.steps, step{visit: st.e.visit, node: n.ID, kind: string(n.Kind), outcome: outcome, detail: detail, do: do})
	st.dirty = true
	if next == "" {
		st.e.end(Completed, endReached, w.millis())
		st.arrived = false
		return
	}
	w.arrive(st, next)
}

func (w *world) arrive(st *standing, node string) {
	st.e.node, st.e.visit, st.e.entered, st.e.wake = node, st.e.visit+1, w.millis(), w.millis()
	st.arrived, st.dirty = true, true
}

// close ends an enrollment from outside; what it waited for is left as outcome.
func (w *world) close(st *standing, state, reason, outcome string) {
	kind := ""
	if f, err := w.flow(st); err == nil {
		if n := f.Node(st.e.node); n != nil {
			kind = string(n.Kind)
		}
	}
	st.steps = append(st.steps, step{visit: st.e.visit, node: st.e.node, kind: kind, outcome: outcome})
	st.e.end(state, reason, w.millis())
	st.dirty, st.arrived = true, false
}

// run passes nodes until somebody has to wait, has ended, or the person has to
// be read anew.
func (w *world) run(t *turn, st *standing) error {
	if st.e.state != Active || !st.arrived && !w.cut(st) {
		return nil
	}
	f, err := w.flow(st)
	if err != nil {
		return err
	}
	for passed := 0; st.e.state == Active; passed++ {
		n := f.Node(st.e.node)
		switch {
		case n == nil:
			w.close(st, Failed, endNodeGone, "failed")
			return nil
		case n.Waits():
			if st.arrived {
				return w.wait(t, st, n)
			}
			return nil
		case !w.live(st):
			return nil
		case t.changed && reads(n), passed == maxRun:
			t.more = true
			return nil
		}
		if err := w.pass(t, st, f, n); err != nil {
			return err
		}
	}
	return nil
}

// cut tells whether an earlier turn stopped before a node at which nobody waits.
func (w *world) cut(st *standing) bool {
	if st.fresh || st.e.state != Active || st.e.wake > w.millis() {
		return false
	}
	f, err := w.flow(st)
	if err != nil {
		return false
	}
	n := f.Node(st.e.node)
	return n == nil || !n.Waits()
}

// reads tells whether a node depends on what is known of the person.
func reads(n *flow.Node) bool {
	switch n.Kind {
	case flow.Message, flow.Branch, flow.Task:
		return true
	case flow.Attribute:
		_, text := n.Attribute.Value.(string)
		return text
	}
	return false
}

// wait sets when somebody who has come to a waiting node is let on.
func (w *world) wait(t *turn, st *standing, n *flow.Node) error {
	zone, err := w.zone(t, n)
	if err != nil {
		return err
	}
	st.e.wake = clock.Millis(n.Due(clock.FromMillis(st.e.entered), zone))
	st.arrived, st.dirty = false, true
	return nil
}

// zone is the person's, where a node asks for it, else the installation's.
func (w *world) zone(t *turn, n *flow.Node) (*time.Location, error) {
	if n.Kind != flow.Until || n.Until.Zone != "" {
		return w.s.o.Zone, nil
	}
	p, err := w.read(t)
	if err != nil {
		return nil, err
	}
	if p.Timezone != "" {
		if zone, err := flow.Zone(p.Timezone); err == nil {
			return zone, nil
		}
	}
	return w.s.o.Zone, nil
}

func (w *world) read(t *turn) (*Person, error) {
	if t.person == nil {
		p, err := w.s.o.People.Person(w.q, t.customer)
		if err != nil {
			return nil, err
		}
		t.person = &p
	}
	return t.person, nil
}

func (w *world) cause(st *standing) Cause {
	c := Cause{Journey: st.e.journey, Version: st.e.version, Node: st.e.node, Enrollment: st.e.id, Key: fmt.Sprintf("journey/%s/%d", st.e.id, st.e.visit)}
	if j := w.book.journeys[st.e.journey]; j != nil {
		c.Name = j.name
	}
	return c
}

// enrollmentContext is what an enrollment remembers of what began it.
type enrollmentContext struct {
	Event *eventPayload `json:"event,omitempty"`
}
