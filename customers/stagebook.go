package customers

import (
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// standing is a stage and since when; the zero one is none.
type standing struct {
	stage string
	since int64
}

// stageBook keeps where each group of records stands while moves and merges are
// gone through in the order in which they came. A merge keeps the stage that is
// further on, so an undo, after which the merge is not there any more, restores
// where each one stood.
type stageBook struct {
	rank  map[string]int64
	group map[ids.ID]ids.ID
	at    map[ids.ID]standing
}

func (b *stageBook) of(record ids.ID) ids.ID {
	if g, there := b.group[record]; there {
		return g
	}
	b.group[record] = record
	return record
}

func (b *stageBook) join(e edge) {
	to, from := b.of(e.other), b.of(e.one)
	if to == from {
		return
	}
	if b.further(b.at[from], b.at[to]) {
		b.at[to] = b.at[from]
	}
	for record, g := range b.group {
		if g == from {
			b.group[record] = to
		}
	}
}

// further tells whether a stands further on than o; of two in one stage who has
// stood there longer.
func (b *stageBook) further(a, o standing) bool {
	if x, y := b.rank[a.stage], b.rank[o.stage]; x != y {
		return x > y
	}
	return a.stage == o.stage && a.since < o.since
}

// movedTo is one move that somebody or something made, merges apart.
type movedTo struct {
	id, record ids.ID
	at         standing
}

// standingOf finds out where a person stands from the moves of its records and
// the merges that hold.
func standingOf(q store.Querier, rep ids.ID) (standing, error) {
	rows, err := q.Query(queries.Get("moves"), rep, rep)
	moves, err := store.Collect(rows, err, func(r store.Row) (m movedTo, err error) {
		return m, r.Scan(&m.id, &m.record, &m.at.stage, &m.at.since)
	})
	if err != nil || len(moves) == 0 {
		return standing{}, err
	}
	rank, err := ranks(q)
	if err != nil {
		return standing{}, err
	}
	edges, err := edgesOf(q, rep)
	b := stageBook{rank: rank, group: map[ids.ID]ids.ID{}, at: map[ids.ID]standing{}}
	for _, e := range edges {
		for len(moves) > 0 && moves[0].id < e.id {
			b.at[b.of(moves[0].record)] = moves[0].at
			moves = moves[1:]
		}
		b.join(e)
	}
	for _, m := range moves {
		b.at[b.of(m.record)] = m.at
	}
	at := b.at[b.of(rep)]
	if _, there := rank[at.stage]; !there {
		at = standing{} // the stage is gone
	}
	return at, err
}

// restageTx lets a person stand where they stand after records have come or
// left. The caller holds the lock. silent is for a record that has just become
// somebody of its own: it has never been seen to stand elsewhere.
func (s *Service) restageTx(tx *store.Tx, rep ids.ID, silent bool, now time.Time) error {
	var was standing
	if err := tx.QueryRow(queries.Get("standing"), rep).Scan(&was.stage, &was.since); err != nil {
		return err
	}
	at, err := standingOf(tx, rep)
	switch {
	case err != nil || at == was:
		return err
	case at.stage == was.stage || silent:
		_, err := tx.Exec(queries.Get("set-stage"), at.stage, at.since, rep)
		return err
	}
	return s.stageTx(tx, rep, at, was.stage, StageMove{Kind: StageMerge}, now)
}
