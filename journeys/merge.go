package journeys

import (
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// movedTx lets enrollments follow the identity through which they began. Nobody
// goes through one journey twice at once: of two enrollments the earlier goes on,
// the other is closed and named its rival, so that an undo can open it again.
func (s *Service) movedTx(tx *store.Tx, identity, from, to ids.ID) error {
	if _, err := tx.Exec(queries.Get("move-signals"), to, from, identity); err != nil {
		return err
	}
	rows, err := tx.Query(queries.Get("through"), identity, from)
	moving, err := store.Collect(rows, err, scanEnrollment)
	if err != nil {
		return err
	}
	now := s.clk.Now()
	for _, e := range moving {
		rivals, err := s.activeTx(tx, e.journey, to)
		if err != nil {
			return err
		}
		for _, rival := range rivals {
			loser, winner := e, rival
			if e.started < rival.started || e.started == rival.started && e.id < rival.id {
				loser, winner = rival, e
			}
			if err := s.yieldTx(tx, loser, winner.id, now); err != nil {
				return err
			}
		}
	}
	_, err = tx.Exec(queries.Get("move-through"), to, identity, from)
	return err
}

func (s *Service) activeTx(tx *store.Tx, journey, customer ids.ID) ([]enrollment, error) {
	rows, err := tx.Query(queries.Get("active-of"), customer, journey)
	return store.Collect(rows, err, scanEnrollment)
}

// yieldTx closes an enrollment because the person is in the journey already. It
// keeps its place and its time.
func (s *Service) yieldTx(tx *store.Tx, e enrollment, rival ids.ID, now time.Time) error {
	at := clock.Millis(now)
	s.telling.note(e.journey, now)
	if _, err := tx.Exec(queries.Get("yield"), at, rival, e.id); err != nil {
		return err
	}
	kind := ""
	if f, err := s.flow(tx, e.version); err != nil {
		return err
	} else if n := f.Node(e.node); n != nil {
		kind = string(n.Kind)
	}
	return insertSteps(tx, []stepRow{{enrollment: e.id, journey: e.journey, step: step{visit: e.visit, node: e.node, kind: kind, outcome: endMerged}, at: at}})
}

// partedTx opens again what a merge had closed, when the rival is another
// person's now.
func (s *Service) partedTx(tx *store.Tx, one, other ids.ID) error {
	for _, customer := range []ids.ID{one, other} {
		rows, err := tx.Query(queries.Get("yielded"), customer)
		yielded, err := store.Collect(rows, err, scanEnrollment)
		if err != nil {
			return err
		}
		for _, e := range yielded {
			inside, err := s.activeTx(tx, e.journey, customer)
			if err != nil {
				return err
			}
			if len(inside) > 0 {
				continue
			}
			if _, err := tx.Exec(queries.Get("reopen"), e.id); err != nil {
				return err
			}
			if _, err := tx.Exec(queries.Get("drop-step"), e.id, e.visit, endMerged); err != nil {
				return err
			}
			s.telling.note(e.journey, s.clk.Now())
			tx.Hint(Topic)
		}
	}
	return nil
}
