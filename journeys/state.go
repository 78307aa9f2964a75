package journeys

import (
	"context"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// change runs a change of how people move: nobody moves meanwhile, and what was
// planned before is planned anew.
func (s *Service) change(ctx context.Context, id ids.ID, do func(tx *store.Tx, now time.Time, r row) error) (*Journey, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.interest.forget()
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var one int64
		if err := tx.QueryRow(queries.Get("lock-book")).Scan(&one); err != nil {
			return err
		}
		r, err := readRow(tx, "lock-journey", id)
		if err != nil {
			return err
		}
		return do(tx, s.clk.Now(), r)
	})
	if learned := s.learn(ctx); err == nil {
		err = learned
	}
	if err != nil {
		return nil, err
	}
	s.telling.note(id, s.clk.Now())
	return s.Get(ctx, id)
}

// Pause lets nobody move or enter. What happens meanwhile is kept, and acted
// upon when the journey goes on; exits and goals still count.
func (s *Service) Pause(ctx context.Context, p auth.Principal, id ids.ID) (*Journey, error) {
	return s.turnTo(ctx, p, id, Paused, "journey.paused", Live)
}

// Resume lets a paused journey go on.
func (s *Service) Resume(ctx context.Context, p auth.Principal, id ids.ID) (*Journey, error) {
	return s.turnTo(ctx, p, id, Live, "journey.resumed", Paused)
}

// Stop ends a journey: nobody enters any more, and who is on the way leaves.
func (s *Service) Stop(ctx context.Context, p auth.Principal, id ids.ID) (*Journey, error) {
	return s.turnTo(ctx, p, id, Stopped, "journey.stopped", Live, Paused)
}

func (s *Service) turnTo(ctx context.Context, p auth.Principal, id ids.ID, state, action string, from ...string) (*Journey, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return nil, err
	}
	return s.change(ctx, id, func(tx *store.Tx, now time.Time, r row) error {
		if r.state == state {
			return nil
		}
		if !slices.Contains(from, r.state) {
			return fault.New(fault.Conflict, "journey_state", fault.Params{"state": r.state})
		}
		fired := ""
		if state == Live {
			f, err := s.flow(tx, r.version)
			if err != nil {
				return err
			}
			if fired, err = s.beginning(&f.Graph, now); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(queries.Get("set-state"), state, fired, clock.Millis(now), id); err != nil {
			return err
		}
		if err := s.afterStateTx(tx, id, state); err != nil {
			return err
		}
		tx.Hint(Topic)
		return s.auditTx(tx, p, action, id, nil)
	})
}

func (s *Service) afterStateTx(tx *store.Tx, id ids.ID, state string) error {
	switch state {
	case Live:
		_, err := tx.Exec(queries.Get("release-held"), id)
		return err
	case Stopped:
		for _, run := range []func() (int64, error){
			func() (int64, error) { return tx.Exec(queries.Get("set-fate"), fateExit, endStopped, 0, id, 0) },
			func() (int64, error) { return tx.Exec(queries.Get("drop-ticks"), id) },
			func() (int64, error) { return tx.Exec(queries.Get("drop-held"), id) },
			func() (int64, error) { return tx.Exec(queries.Get("clear-interests"), id) },
		} {
			if _, err := run(); err != nil {
				return err
			}
		}
		return s.o.Segments.UnwatchTx(tx, ownerOf(id))
	}
	return nil
}

const deleteChunk = 500

// Delete removes a draft that was never published, or a stopped journey with
// everything that is known of it.
func (s *Service) Delete(ctx context.Context, p auth.Principal, id ids.ID) error {
	if err := p.Require(auth.JourneysManage); err != nil {
		return err
	}
	for n := int64(deleteChunk); n == deleteChunk; {
		err := s.db.Write(ctx, func(tx *store.Tx) error {
			r, err := readRow(tx, "lock-journey", id)
			if err != nil {
				return err
			}
			if r.state != Draft && r.state != Stopped {
				return fault.New(fault.Conflict, "journey_state", fault.Params{"state": r.state})
			}
			if _, err := tx.Exec(queries.Get("delete-steps"), id, deleteChunk); err != nil {
				return err
			}
			n, err = tx.Exec(queries.Get("delete-enrollments"), id, deleteChunk)
			return err
		})
		if err != nil {
			return err
		}
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	s.interest.forget()
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var one int64
		if err := tx.QueryRow(queries.Get("lock-book")).Scan(&one); err != nil {
			return err
		}
		r, err := readRow(tx, "lock-journey", id)
		if err != nil {
			return err
		}
		for _, name := range []string{"clear-interests", "drop-held", "delete-refusals", "delete-ticks", "delete-totals", "delete-versions", "delete-journey"} {
			if _, err := tx.Exec(queries.Get(name), id); err != nil {
				return err
			}
		}
		return s.auditTx(tx, p, "journey.deleted", id, map[string]any{"name": r.name})
	})
	s.telling.note(id, s.clk.Now())
	if learned := s.learn(ctx); err == nil {
		err = learned
	}
	return err
}
