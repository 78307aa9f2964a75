package customers

import (
	"context"
	"math"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// An event belongs to whoever has its identity; its row says so, too, so that a
// person's events lie together. When people are joined or parted who have many,
// the rows follow in bounded batches. Until they have, event_moves says whose
// they are, and whoever reads one person's events asks it.

// TopicMoves is hinted when events are to follow their identity.
const TopicMoves = "event-moves"

const (
	// movesAtOnce is how many events change hands in one transaction.
	movesAtOnce = 1000
	movesPoll   = 5 * time.Second
)

// EventMove says that the events of an identity that still stand with From belong
// to To.
type EventMove struct {
	From, Identity, To ids.ID
}

func scanMove(r store.Row) (m EventMove, err error) { return m, r.Scan(&m.From, &m.Identity, &m.To) }

// manyEvents tells whether somebody has more events than one transaction moves.
func manyEvents(q store.Querier, customer ids.ID) (bool, error) {
	var n int64
	err := q.QueryRow(queries.Get("many-events"), customer, movesAtOnce+1).Scan(&n)
	return n > movesAtOnce, err
}

// moveEventsTx lets the events of an identity follow it, at once or later. What
// had not followed an earlier move goes straight to where the identity is now.
func moveEventsTx(tx *store.Tx, identity, from, to ids.ID, later bool) error {
	if _, err := tx.Exec(queries.Get("moves-turn"), to, identity); err != nil {
		return err
	}
	if _, err := tx.Exec(queries.Get("moves-home"), identity); err != nil {
		return err
	}
	if !later {
		_, err := tx.Exec(qMoveEvents, to, identity, from)
		return err
	}
	tx.Hint(TopicMoves)
	_, err := tx.Exec(queries.Get("move-later"), from, identity, to)
	return err
}

// movesOf lists the moves under way that concern a customer; 0 is nobody.
func movesOf(q store.Querier, customer ids.ID) ([]EventMove, error) {
	if customer == 0 {
		return nil, nil
	}
	rows, err := q.Query(queries.Get("moves-of"), customer, customer)
	return store.Collect(rows, err, scanMove)
}

// EventMoves lists all moves under way, for those who read the events of many
// people; there are rarely any.
func EventMoves(q store.Querier) ([]EventMove, error) {
	rows, err := q.Query(queries.Get("event-moves"))
	return store.Collect(rows, err, scanMove)
}

// ownedBy is the condition that an event e is a customer's.
func ownedBy(b *store.Builder, customer ids.ID, moves []EventMove) {
	var leaving []ids.ID
	for _, m := range moves {
		if m.From == customer {
			leaving = append(leaving, m.Identity)
		}
	}
	b.Add("(e.customer_id = ?", customer)
	if len(leaving) > 0 {
		b.Add("AND NOT")
		store.AddIn(b, "e.identity_id", leaving)
	}
	for _, m := range moves {
		if m.To == customer {
			b.Add("OR e.customer_id = ? AND e.identity_id = ?", m.From, m.Identity)
		}
	}
	b.Add(")")
}

// newestEvent is when the latest event of a customer was, 0 for none.
func newestEvent(q store.Querier, customer ids.ID) (at int64, err error) {
	moves, err := movesOf(q, customer)
	if err != nil {
		return 0, err
	}
	if err := q.QueryRow(qNewestEvent, customer).Scan(&at); err != nil {
		return 0, err
	}
	for _, m := range moves {
		var theirs int64
		if m.To != customer {
			continue
		}
		if err := q.QueryRow(queries.Get("newest-moving"), m.From, m.Identity).Scan(&theirs); err != nil {
			return 0, err
		}
		at = max(at, theirs)
	}
	return at, nil
}

// passing is how far a pass over somebody's events has come.
type passing struct {
	from   ids.ID
	at, id int64
	// moves are those that the pass has seen from its beginning.
	moves map[EventMove]bool
	// worked: since the first of all something was to be done.
	worked bool
}

// RunMoves lets events follow their identities until ctx ends. wake is hinted by
// TopicMoves; it may run in several processes. What goes wrong is told to failed,
// and tried again.
func (s *Service) RunMoves(ctx context.Context, wake <-chan []byte, failed func(error)) {
	var p passing
	for ctx.Err() == nil {
		more, err := s.moveSome(ctx, &p)
		if more && err == nil {
			continue
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		due, stop := s.clk.After(movesPoll)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-due:
		}
		stop()
	}
}

// moveSome takes one page of somebody's events along; more is false when there
// is nobody left whom no other process works on.
func (s *Service) moveSome(ctx context.Context, p *passing) (more bool, err error) {
	if p.moves == nil {
		var next ids.ID
		err := s.db.Reader(ctx).QueryRow(queries.Get("moving"), p.from).Scan(&next)
		if isNoRows(err) {
			again := p.worked
			*p = passing{}
			return again, nil
		}
		if err != nil {
			return false, err
		}
		*p = passing{from: next, at: math.MaxInt64, id: math.MaxInt64, worked: p.worked}
	}
	var now passing
	var ended bool
	if err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		now = *p
		ended, err = moveSomeTx(tx, &now)
		return err
	}); err != nil {
		return false, err
	}
	if ended {
		now.moves = nil
	}
	*p = now
	return true, nil
}

// moveSomeTx is one page of a pass. At its end those moves are done that were
// there when it began.
func moveSomeTx(tx *store.Tx, p *passing) (ended bool, err error) {
	rows, err := tx.Query(queries.Get("moves-from"), p.from)
	list, err := store.Collect(rows, err, scanMove)
	if err != nil || len(list) == 0 {
		return true, err // done, or another process is at it
	}
	p.worked = true
	to := map[ids.ID]ids.ID{}
	seen := map[EventMove]bool{}
	for _, m := range list {
		to[m.Identity] = m.To
		seen[m] = p.moves == nil || p.moves[m]
	}
	p.moves = seen
	type event struct{ id, at, identity int64 }
	rows, err = tx.Query(queries.Get("moves-page"), p.from, p.at, p.id, movesAtOnce)
	page, err := store.Collect(rows, err, func(r store.Row) (e event, err error) { return e, r.Scan(&e.id, &e.at, &e.identity) })
	if err != nil {
		return false, err
	}
	going := map[ids.ID][]int64{}
	for _, e := range page {
		if owner, moves := to[ids.ID(e.identity)]; moves {
			going[owner] = append(going[owner], e.id)
		}
		p.at, p.id = e.at, e.id
	}
	for owner, events := range going {
		var b store.Builder
		b.Add("UPDATE events SET customer_id = ? WHERE", owner)
		query, args := store.AddIn(&b, "id", events).Query()
		if _, err := tx.Exec(query, args...); err != nil {
			return false, err
		}
	}
	if len(page) == movesAtOnce {
		return false, nil
	}
	TouchTx(tx, p.from)
	for m, whole := range seen {
		if !whole {
			continue
		}
		if _, err := tx.Exec(queries.Get("moved"), m.From, m.Identity, m.To); err != nil {
			return false, err
		}
		TouchTx(tx, m.To)
	}
	return true, nil
}
