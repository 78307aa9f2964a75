package customers

import (
	"context"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qMergeEnds = queries.Get("merge-ends")
	qUndoMerge = queries.Get("undo-merge")
)

// Parted tells a domain that a person has become two. It sorts out, in the same
// transaction, what is of both: the identities have moved already.
type Parted func(tx *store.Tx, one, other ids.ID) error

// OnPart registers a domain's Parted. Call it while the program starts.
func (s *Service) OnPart(p Parted) { s.parted = append(s.parted, p) }

// Undo takes a merge back, in whatever order merges were made: the identities
// of the records that leave go with everything that came through them, before
// and since; what was filled from them is taken back unless somebody has changed
// it. Undoing what is undone already changes nothing.
func (s *Service) Undo(ctx context.Context, p auth.Principal, id ids.ID) (*Merge, error) {
	if err := p.Require(auth.CustomersWrite); err != nil {
		return nil, err
	}
	if err := s.db.Write(ctx, func(tx *store.Tx) error { return s.undoTx(tx, p, id) }); err != nil {
		return nil, err
	}
	return s.MergeByID(ctx, id)
}

// lockMergeTx locks the person that a merge holds together. done is true when
// it has been undone.
func lockMergeTx(tx *store.Tx, id ids.ID) (e edge, rep ids.ID, done bool, err error) {
	read := func() (ids.ID, error) {
		e = edge{id: id}
		var at int64
		if err := tx.QueryRow(qMergeEnds, id).Scan(&e.other, &e.one, &e.survivor, &e.absorbed, &at); err != nil {
			return 0, noMerge(err)
		}
		done = at > 0
		return whose(tx, e.other)
	}
	if rep, err = read(); err != nil || done || tx.Engine() != store.Postgres {
		return e, rep, done, err
	}
	if err := lockOrderTx(tx, rep); err != nil {
		return e, rep, false, err
	}
	now, err := read()
	if err == nil && now != rep {
		err = store.ErrRestart
	}
	return e, rep, done, err
}

func (s *Service) undoTx(tx *store.Tx, p auth.Principal, id ids.ID) error {
	e, rep, done, err := lockMergeTx(tx, id)
	if err != nil || done {
		return err
	}
	edges, err := edgesOf(tx, rep)
	if err != nil {
		return err
	}
	leaving, as := part(edges, e, rep)
	now := s.clk.Now()
	by := actorOf(p)
	if _, err := tx.Exec(qUndoMerge, clock.Millis(now), by.Kind, by.ID, deref(by.Name), id); err != nil {
		return err
	}
	moved, err := s.partTx(tx, rep, as, leaving, now)
	if err != nil {
		return err
	}
	if err := s.auditTx(tx, p, "customer.merge_undone", rep, map[string]any{"merge_id": id, "separated": as}); err != nil {
		return err
	}
	if err := s.restageTx(tx, rep, false, now); err != nil {
		return err
	}
	if err := s.restageTx(tx, as, true, now); err != nil {
		return err
	}
	if err := s.consentsNowTx(tx, rep, as); err != nil {
		return err
	}
	stays, err := s.refreshTx(tx, rep, true, now)
	if err != nil {
		return err
	}
	goes, err := s.refreshTx(tx, as, true, now)
	if err != nil {
		return err
	}
	if err := announceAll(tx, goes, browsers(moved), now); err != nil {
		return err
	}
	return announce(tx, stays, 0, now)
}

// partTx lets records leave a person; as represents them from here on.
func (s *Service) partTx(tx *store.Tx, rep, as ids.ID, leaving []ids.ID, now time.Time) (moved []held, err error) {
	at := clock.Millis(now)
	for _, record := range leaving {
		to := as
		if record == as {
			to = 0
		}
		if _, err := tx.Exec(qRepointOne, to, at, record); err != nil {
			return nil, err
		}
		for _, q := range []string{"part-tags", "part-stage-changes"} {
			if _, err := tx.Exec(queries.Get(q), as, record); err != nil {
				return nil, err
			}
		}
	}
	all, err := identitiesOf(tx, rep)
	if err != nil {
		return nil, err
	}
	many, err := manyEvents(tx, rep)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if !slices.Contains(leaving, h.home) {
			continue
		}
		if err := s.moveTx(tx, h.id, rep, as, many); err != nil {
			return nil, err
		}
		moved = append(moved, h)
	}
	for _, parted := range s.parted {
		if err := parted(tx, rep, as); err != nil {
			return nil, err
		}
	}
	return moved, nil
}
