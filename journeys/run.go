package journeys

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const (
	// pollEvery is how often journeys are looked at without a hint: hints may be
	// lost, rows may not.
	pollEvery = 2 * time.Second
	// shortly is when to try again what somebody else has in their hands.
	shortly = 25 * time.Millisecond
	// after a failure
	afterTrouble = time.Second
)

// Run moves people until ctx ends. wake is hinted with Topic.
func (s *Service) Run(ctx context.Context, wake <-chan []byte) {
	if err := s.learn(ctx); err != nil && ctx.Err() == nil {
		s.o.Log.Error("read what journeys listen to", slog.Any("error", err))
	}
	var telling sync.WaitGroup
	telling.Go(func() { s.tell(ctx) })
	defer telling.Wait()
	for ctx.Err() == nil {
		wait, err := s.Work(ctx)
		if err != nil && ctx.Err() == nil {
			wait = shortly
			if !errors.Is(err, errStale) {
				s.o.Log.Error("journeys", slog.Any("error", err))
				wait = afterTrouble
			}
		}
		if wait <= 0 {
			continue
		}
		timer, stop := s.clk.After(wait)
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		case <-timer:
		}
		stop()
	}
}

// Work does one batch of everything that is due and tells how long nothing will
// be; 0 when there may be more at once.
func (s *Service) Work(ctx context.Context) (wait time.Duration, err error) {
	settling, err := s.settle(ctx)
	if err != nil {
		return 0, err
	}
	ticking, next, err := s.tick(ctx)
	if err != nil {
		return 0, err
	}
	did, there, err := s.round(ctx)
	switch {
	case err != nil:
		return 0, err
	case did > 0 || settling || ticking:
		return 0, nil
	case there:
		return shortly, nil
	}
	now := s.clk.Now()
	wait = pollEvery
	if !next.IsZero() {
		wait = min(wait, next.Sub(now))
	}
	var at int64
	if err := s.db.Reader(ctx).QueryRow(queries.Get("next-wake")).Scan(&at); err != nil {
		return 0, err
	}
	if at > 0 {
		wait = min(wait, clock.FromMillis(at).Sub(now))
	}
	return max(wait, time.Millisecond), nil
}

// settle brings the next people of a superseded version to where its fate wants
// them; busy tells whether there may be more.
func (s *Service) settle(ctx context.Context) (busy bool, err error) {
	var id ids.ID
	q := s.db.Reader(ctx)
	if err := q.QueryRow(queries.Get("unsettled")).Scan(&id); err != nil {
		if isNoRows(err) {
			err = nil
		}
		return false, err
	}
	rows, err := q.Query(queries.Get("in-version"), id, s.batch())
	people, err := store.Collect(rows, err, scanID)
	if err != nil {
		return false, err
	}
	if len(people) > 0 {
		did, err := s.moveAll(ctx, people)
		return did > 0, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		var one int64
		if err := tx.QueryRow(queries.Get("lock-book")).Scan(&one); err != nil {
			return err
		}
		_, err := tx.Exec(queries.Get("settle"), id)
		return err
	})
	return true, err
}
