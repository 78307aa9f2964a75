package journeys

import (
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/journeys/flow"
)

// migrate brings somebody who is in an older version to where its fate wants
// them: into the one that followed, or out.
func (w *world) migrate(st *standing) error {
	for st.e.state == Active {
		v := w.book.versions[st.e.version]
		if v == nil || v.fate == "" {
			return nil
		}
		if v.fate == fateExit {
			w.close(st, Exited, v.reason, "exited")
			return nil
		}
		if err := w.followTo(st, v.successor); err != nil {
			return err
		}
	}
	return nil
}

// followTo moves somebody into the next version. They stay at their node, and
// what they wait for counts from when they came to it; of a node that is gone
// they go on to the next one that is still there.
func (w *world) followTo(st *standing, successor ids.ID) error {
	old, err := w.flow(st)
	if err != nil {
		return err
	}
	next, err := w.s.flow(w.q, successor)
	if err != nil {
		return err
	}
	moved := next.Follow(old, st.e.node)
	was := old.Node(st.e.node)
	st.dirty = true
	if moved.Gone || was == nil {
		w.close(st, Exited, endNodeGone, "removed")
		st.e.version = successor
		return nil
	}
	st.e.version = successor
	if !moved.Stays {
		w.leave(st, was, "removed", "", moved.Node)
		if st.e.state == Active {
			st.e.followed = st.e.visit
		} else {
			st.e.reason = endNodeGone
		}
		return nil
	}
	st.e.followed = st.e.visit
	if st.arrived {
		return nil
	}
	return w.rewait(st, next.Node(st.e.node))
}

// rewait sets anew when somebody who stays at a node is let on.
func (w *world) rewait(st *standing, n *flow.Node) error {
	if !n.Waits() {
		st.e.wake = w.millis() // what is done here now has not been done
		return nil
	}
	zone, err := w.zone(&turn{customer: st.e.customer}, n)
	if err != nil {
		return err
	}
	st.e.wake = clock.Millis(n.Due(clock.FromMillis(st.e.entered), zone))
	return nil
}
