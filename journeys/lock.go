package journeys

import (
	"context"
	"log/slog"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// openBookTx reads the journeys and keeps them from being changed meanwhile.
func (s *Service) openBookTx(tx *store.Tx) (*book, error) {
	var one int64
	if err := tx.QueryRow(queries.Get("share-book")).Scan(&one); err != nil {
		return nil, err
	}
	return readBook(tx)
}

// lockPeopleTx locks whom nobody else holds, in the order of their ids. What is
// kept for a record that has been merged goes to who represents it now.
func (s *Service) lockPeopleTx(tx *store.Tx, people []ids.ID) ([]ids.ID, error) {
	type locked struct{ id, into ids.ID }
	var b store.Builder
	b.Add("SELECT id, merged_into FROM customers WHERE")
	store.AddIn(&b, "id", people).Add("ORDER BY id {skip_locked}")
	query, args := b.Query()
	rows, err := tx.Query(query, args...)
	list, err := store.Collect(rows, err, func(r store.Row) (l locked, err error) {
		return l, r.Scan(&l.id, &l.into)
	})
	if err != nil {
		return nil, err
	}
	var out []ids.ID
	for _, l := range list {
		if l.into == 0 {
			out = append(out, l.id)
		} else if err := s.readdressTx(tx, l.id, l.into); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readdressTx gives what was kept for a merged record to who represents it. That
// the record has entered or left a segment says nothing of the person.
func (s *Service) readdressTx(tx *store.Tx, record, person ids.ID) error {
	if _, err := tx.Exec(queries.Get("drop-memberships"), record); err != nil {
		return err
	}
	_, err := tx.Exec(queries.Get("repoint-signals"), person, record)
	tx.Hint(Topic)
	return err
}

// repair looks after people for whom nothing could be decided: their records may
// have been merged, or be gone.
func (s *Service) repair(ctx context.Context, people []ids.ID) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.lockPeopleTx(tx, people); err != nil {
			return err
		}
		var b store.Builder
		b.Add("DELETE FROM journey_signals WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = journey_signals.customer_id) AND")
		query, args := store.AddIn(&b, "customer_id", people).Query()
		_, err := tx.Exec(query, args...)
		return err
	})
}

// giveUp ends what keeps somebody's turn from being taken: their due enrollments
// fail, their signals are dropped.
func (s *Service) giveUp(ctx context.Context, customer ids.ID, cause error) error {
	s.o.Log.Error("a customer's turn cannot be taken; their journeys under way have failed", slog.String("customer_id", customer.String()), slog.Any("error", cause))
	now := s.clk.Now()
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.openBookTx(tx); err != nil {
			return err
		}
		if held, err := s.lockPeopleTx(tx, []ids.ID{customer}); err != nil || len(held) == 0 {
			return err
		}
		rows, err := tx.Query(queries.Get("give-up"), clock.Millis(now), fault.CodeOf(cause), customer, clock.Millis(now))
		failed, err := store.Collect(rows, err, scanID)
		if err != nil {
			return err
		}
		for _, journey := range failed {
			s.telling.note(journey, now)
		}
		_, err = tx.Exec(queries.Get("drop-signals"), customer)
		return err
	})
}
