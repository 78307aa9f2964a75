package segments

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Who has been evaluated since an index was made no longer has a mark: whoever
// keeps an index hears of them before their marks go. On SQLite this process takes
// all marks away and remembers whose. On PostgreSQL any node does; there the index
// stands among the rows, and the database itself keeps a row of whoever loses their
// mark while it does.

const (
	// tendEvery is how often the rows are taken over into memory, so that a preview
	// finds few.
	tendEvery = time.Second
	// registeredFor is how long an index stands among the rows without being
	// renewed, which is done every renewEvery. Loading takes less.
	registeredFor = 20 * time.Minute
	renewEvery    = time.Minute
)

// errDeaf says that nobody told of the index any more: it may have missed somebody.
var errDeaf = errors.New("the index of previews stands among the rows no longer")

// listener keeps who has been evaluated since they were last read for an index.
type listener struct {
	// id of the index among the rows; 0 where it stands in none.
	id      ids.ID
	renewed time.Time
	// turn is held while rows are read or taken over: whoever's row is gone is in
	// heard.
	turn sync.Mutex

	hearing sync.Mutex
	// heard says, by the count of what was heard, when of whom for the last time.
	heard map[ids.ID]uint64
	count uint64
}

func newListener() *listener { return &listener{heard: map[ids.ID]uint64{}} }

// hear is told of people before their marks are taken away.
func (n *listener) hear(list []touched) {
	n.hearing.Lock()
	defer n.hearing.Unlock()
	n.count++
	for _, t := range list {
		n.heard[t.customer] = n.count
	}
}

// moment is now, for forget.
func (n *listener) moment() uint64 {
	n.hearing.Lock()
	defer n.hearing.Unlock()
	return n.count
}

// people are those who were heard of and not forgotten.
func (n *listener) people() []int64 {
	n.hearing.Lock()
	defer n.hearing.Unlock()
	list := make([]int64, 0, len(n.heard))
	for id := range n.heard {
		list = append(list, int64(id))
	}
	return list
}

// forget lets go of those of whom nothing has been heard since a moment.
func (n *listener) forget(since uint64) {
	n.hearing.Lock()
	defer n.hearing.Unlock()
	maps.DeleteFunc(n.heard, func(_ ids.ID, when uint64) bool { return when <= since })
}

// register puts an index among the rows. It waits for whoever is taking marks away:
// they would not tell of it.
func (s *Service) register(ctx context.Context, n *listener) error {
	if s.db.Engine() == store.SQLite {
		return nil
	}
	n.id, n.renewed = s.ids.Next(), s.machine.Now()
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var one int64
		if err := tx.QueryRow(queries.Get("own-programs")).Scan(&one); err != nil {
			return err
		}
		_, err := tx.Exec(queries.Get("register-index"), n.id, clock.Millis(n.renewed.Add(registeredFor)))
		return err
	})
	if err != nil {
		return fmt.Errorf("register an index of previews: %w", err)
	}
	return nil
}

// unregister lets nobody tell of an index any more.
func (s *Service) unregister(ctx context.Context, n *listener) error {
	if n.id == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(queries.Get("unregister-index"), n.id)
		return err
	})
}

// told are those whom the rows of a snapshot tell an index of; they stay there until
// tend takes them over, and are told of again until then. The caller has the turn.
func (n *listener) told(q store.Querier) ([]int64, error) {
	if n.id == 0 {
		return nil, nil
	}
	var registered int64
	if err := q.QueryRow(queries.Get("index-registered"), n.id).Scan(&registered); err != nil {
		return nil, err
	}
	if registered == 0 {
		return nil, errDeaf
	}
	rows, err := q.Query(queries.Get("news-of-index"), n.id)
	return store.Collect(rows, err, func(r store.Row) (id int64, err error) { return id, r.Scan(&id) })
}

// tend takes the rows over into memory and keeps the index among them.
func (s *Service) tend(ctx context.Context, n *listener) error {
	n.turn.Lock()
	defer n.turn.Unlock()
	now := s.machine.Now()
	renew := now.Sub(n.renewed) >= renewEvery
	var gone []touched
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		if renew {
			if _, err := tx.Exec(queries.Get("renew-index"), clock.Millis(now.Add(registeredFor)), n.id); err != nil {
				return err
			}
		}
		rows, err := tx.Query(queries.Get("take-news"), n.id)
		gone, err = store.Collect(rows, err, func(r store.Row) (t touched, err error) { return t, r.Scan(&t.customer) })
		return err
	})
	if err != nil {
		return fmt.Errorf("take over who was evaluated: %w", err)
	}
	n.hear(gone)
	if renew {
		n.renewed = now
	}
	return nil
}

// sweepIndexes takes away what nodes have left that died with an index, now and
// then.
func (s *Service) sweepIndexes(ctx context.Context) error {
	now := s.machine.Now()
	if s.db.Engine() == store.SQLite || now.Sub(s.swept) < renewEvery {
		return nil
	}
	s.swept = now
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(queries.Get("unregister-late"), clock.Millis(now)); err != nil {
			return err
		}
		_, err := tx.Exec(queries.Get("sweep-news"))
		return err
	})
}
