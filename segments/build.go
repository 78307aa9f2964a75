package segments

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/index"
	"github.com/fanward/fanward/segments/rule"
)

const (
	// buildChunk is how many people a step of one build goes through at first;
	// steps grow to buildGrown times that while each takes less than buildStep.
	buildChunk = 1000
	buildGrown = 16
	buildStep  = 20 * time.Millisecond
	// buildsTogether is how many segments are built in one go through the people.
	buildsTogether = 20
)

// build is one that is under way.
type build struct {
	id      ids.ID
	program int64
	to      ids.ID
	total   int64
}

func builds(q store.Querier) ([]build, error) {
	rows, err := q.Query(queries.Get("building"))
	return store.Collect(rows, err, func(r store.Row) (build, error) {
		var b build
		return b, r.Scan(&b.id, &b.program, &b.to, &b.total)
	})
}

// chunk is one step of builds that have come equally far.
type chunk struct {
	used     *programs
	builds   []build
	programs []*program
	from, to ids.ID // exclusive, inclusive
	people   int64
	last     bool
	out      []outcome
	now      time.Time
}

// forever is behind every customer.
const forever = ids.ID(1<<63 - 1)

// buildOn takes the builds that have come least far one step on. more is false
// when nothing is being built.
//
// What a step stores was read while nobody else could store memberships: on
// SQLite under turn, on PostgreSQL under the lock of the programs. Whoever
// changes a person meanwhile has marked them, and they come again.
func (s *Service) buildOn(ctx context.Context) (more bool, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	begun := time.Now()
	defer func() {
		if more {
			s.pace(time.Since(begun))
		}
	}()
	var c *chunk
	if s.db.Engine() == store.SQLite {
		if err = s.db.Snapshot(ctx, func(q store.Querier) (err error) { c, err = s.chunk(ctx, q); return err }); err != nil || c == nil {
			return false, err
		}
	} else if waiting, err := builds(s.db.Reader(ctx)); err != nil || len(waiting) == 0 {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		step := c
		if tx.Engine() == store.Postgres {
			var one int64
			if err := tx.QueryRow(queries.Get("own-programs")).Scan(&one); err != nil {
				return err
			}
			var err error
			if step, err = s.chunk(ctx, tx); err != nil || step == nil {
				return err
			}
		} else if err := current(tx, step.used, "own-programs"); err != nil {
			return err
		}
		return s.chunkTx(tx, step)
	})
	if errors.Is(err, errStale) {
		err = nil
	}
	return true, err
}

// pace makes the next step as long as it may be: each costs something of its own,
// and whoever waits for the writer waits for the whole of it.
func (s *Service) pace(took time.Duration) {
	switch {
	case took > 2*buildStep:
		s.grown = max(1, s.grown/2)
	case took < buildStep && s.sizes.chunk >= buildChunk:
		s.grown = min(buildGrown, max(1, s.grown)*2)
	}
}

// chunk reads and answers the next step; nil when nothing is being built.
func (s *Service) chunk(ctx context.Context, q store.Querier) (*chunk, error) {
	list, err := builds(q)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	c := &chunk{from: list[0].to, now: s.clk.Now()}
	if c.used, err = s.load(q); err != nil {
		return nil, err
	}
	var need needs
	for _, b := range list {
		p := c.used.program(b.id)
		if p == nil || b.to != c.from || len(c.builds) == buildsTogether {
			continue
		}
		c.builds, c.programs = append(c.builds, b), append(c.programs, p)
		need.join(p.needs)
	}
	if len(c.builds) == 0 {
		return nil, fmt.Errorf("none of %d builds has a program", len(list))
	}
	// Many builds store many rows for each person: a step is to be short for those
	// who wait for the writer behind it.
	size := max(1, s.sizes.chunk*max(1, s.grown)/len(c.builds))
	rows, err := q.Query(queries.Get("next-people"), c.from, size)
	people, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	if err != nil {
		return nil, err
	}
	if c.people, c.to = int64(len(people)), forever; c.people == int64(size) {
		c.to = people[c.people-1]
	} else {
		c.last = true
	}
	if c.builds[0].total == 0 {
		var total int64
		if err := q.QueryRow(queries.Get("count-everybody")).Scan(&total); err != nil {
			return nil, err
		}
		for i := range c.builds {
			c.builds[i].total = max(total, 1)
		}
	}
	return c, s.answerChunk(ctx, q, c, people, need)
}

// answerChunk evaluates the programs being built for the people of a step, and
// for whoever the rows still name there.
func (s *Service) answerChunk(ctx context.Context, q store.Querier, c *chunk, people []ids.ID, need needs) error {
	t := clock.Millis(c.now)
	stored, since, err := c.holdings(q, t)
	if err != nil {
		return err
	}
	for id := range stored {
		if _, listed := slices.BinarySearch(people, id); !listed {
			people = append(people, id) // their record is gone
		}
	}
	slices.Sort(people)
	// From memory it is quicker by far. That may know more than the rows of this
	// moment: of whom it does, there is a mark.
	trees := make([]rule.Node, len(c.programs))
	for i, p := range c.programs {
		trees[i] = p.run.Tree()
	}
	known, err := s.quick.people(ctx, people, index.WantOf(trees...))
	if err == nil && known == nil {
		known, err = s.people(q, people, need, since)
	}
	if err != nil {
		return err
	}
	rows, err := q.Query(queries.Get("touched-between"), c.from, c.to)
	marked, err := store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
	if err != nil {
		return err
	}
	acted := make(map[ids.ID]bool, len(marked))
	for _, id := range marked {
		acted[id] = true
	}
	for _, id := range people {
		o := s.decide(touched{customer: id}, known[id], c.programs, stored[id], t)
		o.built = !acted[id]
		if len(o.moves)+len(o.turns) > 0 {
			c.out = append(c.out, o)
		}
	}
	return nil
}

// holdings reads what is stored of the programs being built for the people of a
// step.
func (c *chunk) holdings(q store.Querier, t int64) (map[ids.ID]map[ids.ID]held, int64, error) {
	out := map[ids.ID]map[ids.ID]held{}
	since := t
	for _, b := range c.builds {
		for _, part := range []struct {
			query  string
			member bool
		}{{"members-between", true}, {"wakeups-between", false}} {
			rows, err := q.Query(queries.Get(part.query), b.id, c.from, c.to)
			_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
				var customer ids.ID
				h := held{member: part.member}
				if err := r.Scan(&customer, &h.edge); err != nil {
					return struct{}{}, err
				}
				if out[customer] == nil {
					out[customer] = map[ids.ID]held{}
				}
				out[customer][b.id] = h
				if h.edge > 0 {
					since = min(since, h.edge-1)
				}
				return struct{}{}, nil
			})
			if err != nil {
				return nil, 0, fmt.Errorf("read memberships: %w", err)
			}
		}
	}
	return out, since, nil
}

// chunkTx stores a step and how far the builds have come with it.
func (s *Service) chunkTx(tx *store.Tx, c *chunk) error {
	if err := lockMoving(tx, c.out); err != nil {
		return err
	}
	w := &writing{s: s, tx: tx, now: c.now, sizes: map[ids.ID]int64{}, building: map[ids.ID]ids.ID{}}
	for _, b := range c.builds {
		w.building[b.id] = b.to
	}
	for _, o := range c.out {
		w.outcome(o)
	}
	if err := w.store(); err != nil {
		return err
	}
	for _, b := range c.builds {
		n, err := tx.Exec(queries.Get("build-on"), c.to, c.people, b.total, b.id, b.program, b.to)
		if err == nil && n == 0 {
			err = errStale
		}
		if err == nil && c.last {
			_, err = tx.Exec(queries.Get("build-end"), clock.Millis(c.now), b.id, b.program)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
