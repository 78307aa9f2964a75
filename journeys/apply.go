package journeys

import (
	"encoding/json"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// applyTx writes what turns have decided. The people are locked.
func (s *Service) applyTx(tx *store.Tx, turns []*turn, now time.Time) error {
	var rows []stepRow
	var heard []ids.ID
	more := false
	for _, t := range turns {
		more = more || t.more
		for _, g := range t.heard {
			heard = append(heard, g.id)
		}
		for _, g := range t.held {
			if err := s.signalTx(tx, g); err != nil {
				return err
			}
		}
		if err := refuseTx(tx, t, now); err != nil {
			return err
		}
		for _, st := range t.all {
			if !st.dirty {
				continue
			}
			s.telling.note(st.e.journey, now)
			if err := s.saveTx(tx, st); err != nil {
				return err
			}
			for _, p := range st.steps {
				row, err := s.effectTx(tx, st, p, now)
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
		}
	}
	if err := insertSteps(tx, rows); err != nil {
		return err
	}
	if err := s.takeBackTx(tx, turns, now); err != nil {
		return err
	}
	if more {
		tx.Hint(Topic)
	}
	return dropSignals(tx, heard)
}

// dropSignals deletes signals that have been acted upon; each is there, or
// somebody else has acted upon it.
func dropSignals(tx *store.Tx, heard []ids.ID) error {
	if len(heard) == 0 {
		return nil
	}
	var b store.Builder
	b.Add("DELETE FROM journey_signals WHERE")
	query, args := store.AddIn(&b, "id", heard).Query()
	n, err := tx.Exec(query, args...)
	if err == nil && n != int64(len(heard)) {
		err = errStale
	}
	return err
}

func refuseTx(tx *store.Tx, t *turn, now time.Time) error {
	for _, r := range t.refused {
		params := []byte("{}")
		if len(r.params) > 0 {
			var err error
			if params, err = json.Marshal(r.params); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(queries.Get("refuse"), r.journey, t.customer, r.code, string(params), clock.Millis(now)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) saveTx(tx *store.Tx, st *standing) error {
	e := &st.e
	if !st.fresh {
		n, err := tx.Exec(queries.Get("move"), e.version, e.state, e.node, e.visit, e.entered, e.wake, e.ended, e.reason, e.holdout, e.goal, e.followed, e.id, st.was.visit)
		if err == nil && n == 0 {
			err = errStale
		}
		return err
	}
	n, err := tx.Exec(queries.Get("enroll"), e.id, e.journey, e.version, e.customer, e.identity, e.customer, e.key, e.state, e.node, e.visit, e.entered, e.wake,
		string(e.context), e.started, e.ended, e.reason, e.holdout, e.goal)
	if err == nil && n == 0 {
		err = errStale // they have entered meanwhile
	}
	return err
}

// stepRow is a row of enrollment_steps.
type stepRow struct {
	enrollment, journey ids.ID
	step
	at             int64
	delivery, task ids.ID
}

// effectTx does what a step does, and says how it went. What the world refuses
// (a stage that is gone) is an outcome; everything else is an error.
func (s *Service) effectTx(tx *store.Tx, st *standing, p step, now time.Time) (stepRow, error) {
	row := stepRow{enrollment: st.e.id, journey: st.e.journey, step: p, at: clock.Millis(now)}
	err := s.doTx(tx, st.e.customer, &row, now)
	switch fault.KindOf(err) {
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Forbidden:
		row.outcome, row.detail, err = "failed", fault.CodeOf(err), nil
	}
	return row, err
}

func (s *Service) doTx(tx *store.Tx, customer ids.ID, row *stepRow, now time.Time) error {
	switch do := row.do; {
	case do.message != nil:
		d, err := s.o.Sender.SendTx(tx, *do.message, now)
		row.delivery = d.ID
		if row.outcome = outcomeOf(d.State); d.ErrorCode != "" {
			row.detail = d.ErrorCode
		}
		return err
	case do.task != nil:
		id, err := s.o.Tasks.CreateTaskTx(tx, *do.task, now)
		row.task = id
		return err
	case do.attribute != nil:
		return s.o.People.SetAttributeTx(tx, customer, do.attribute.Name, do.attribute.Value)
	case do.tag != nil:
		return s.o.People.TagTx(tx, customer, do.tag.Add, do.tag.Remove, do.by, now)
	case do.stage != nil:
		moved, err := s.o.People.MoveStageTx(tx, customer, do.stage.To, do.stage.ForwardOnly, do.by, now)
		if row.detail = do.stage.To; !moved {
			row.outcome = "unchanged"
		}
		return err
	}
	return nil
}

// outcomeOf is the outcome of a message's step in a state of its delivery.
func outcomeOf(state channels.DeliveryState) string {
	switch state {
	case channels.Queued, channels.Claimed, channels.Sending, "":
		return string(channels.Queued)
	}
	return string(state)
}

// insertSteps writes steps many at a time, in chunks of a few lengths so that
// the statements are few.
func insertSteps(tx *store.Tx, rows []stepRow) error {
	for len(rows) > 0 {
		n := 1
		for n*2 <= min(len(rows), 64) {
			n *= 2
		}
		var b store.Builder
		b.Add("INSERT INTO enrollment_steps (enrollment_id, visit, journey_id, node, kind, at, outcome, detail, delivery_id, task_id) VALUES")
		for i, r := range rows[:n] {
			if i > 0 {
				b.Add(",")
			}
			b.Add("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", r.enrollment, r.visit, r.journey, r.node, r.kind, r.at, r.outcome, r.detail, r.delivery, r.task)
		}
		query, args := b.Query()
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}
