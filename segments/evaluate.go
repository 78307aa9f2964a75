package segments

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

const (
	// evaluateBatch is how many people are stored together, and writesAtOnce how
	// many such parts are read together: whoever is marked just afterwards waits
	// for all of them.
	evaluateBatch = 256
	writesAtOnce  = 2
	// putAside is how long somebody waits whose evaluation failed.
	putAside = 10 * time.Second
	// endless keeps a rule whose answer would change without end from being asked
	// without a pause.
	endless = time.Minute
)

// touched is somebody to be evaluated, as of one mark.
type touched struct {
	customer ids.ID
	version  int64
	// names say what has happened since they were asked last, as marks do: ""
	// for anything.
	names string
}

// held is somebody's place in or outside one segment.
type held struct {
	member bool
	// edge is when the answer is to be looked at again; 0 never.
	edge int64
}

// move is an entering or leaving.
type move struct {
	program *program
	enter   bool
	// edge is when the new answer may change; 0 never.
	edge int64
	// wakeup: there is a wake-up to be taken away.
	wakeup bool
	// timed: nothing but time has changed the answer.
	timed bool
	// event: by what the mark says, an event that is asked for has happened.
	event bool
}

// turn is a new edge of an unchanged answer.
type turn struct {
	segment ids.ID
	member  bool
	edge    int64
}

// outcome is what follows for one person.
type outcome struct {
	touched
	moves []move
	turns []turn
	// built: a build has come to them, and nobody had marked them.
	built bool
}

// waiting reads the next people of the list that are marked, going round; more is
// true when there may be others.
func (s *Service) waiting(q store.Querier) (list []touched, more bool, err error) {
	now := s.clk.Now()
	if list, err = s.waitingFrom(q, s.at); err != nil {
		return nil, false, err
	}
	s.at = 0
	full := len(list) == s.sizes.batch*writesAtOnce
	if full {
		s.at = list[len(list)-1].customer
	}
	list = slices.DeleteFunc(list, func(t touched) bool { return now.Before(s.aside[t.customer]) })
	s.round = s.round || len(list) > 0
	if full {
		return list, true, nil
	}
	// Who is evaluated may be marked again by it, also before the place in the
	// list: it ends with a whole round in which nobody is found.
	more, s.round = s.round, false
	return list, more, nil
}

func (s *Service) waitingFrom(q store.Querier, after ids.ID) ([]touched, error) {
	rows, err := q.Query(queries.Get("waiting"), after, s.sizes.batch*writesAtOnce)
	return store.Collect(rows, err, func(r store.Row) (touched, error) {
		var t touched
		return t, r.Scan(&t.customer, &t.version, &t.names)
	})
}

// evaluate answers every rule for the next people that are marked and stores
// what follows. more is true when others may be waiting.
func (s *Service) evaluate(ctx context.Context) (more bool, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	var found []touched
	var used *programs
	var parts []part
	err = s.db.Snapshot(ctx, func(q store.Querier) error {
		if used, err = s.load(q); err != nil {
			return err
		}
		if found, more, err = s.waiting(q); err != nil || len(found) == 0 {
			return err
		}
		groups, err := s.concerned(q, used, found)
		if err != nil {
			return err
		}
		parts, err = s.parts(q, used, groups)
		return err
	})
	if err != nil || len(found) == 0 {
		return more, err
	}
	if err := s.store(ctx, parts); err != nil && !errors.Is(err, errStale) {
		return false, err
	}
	return more, nil
}

// part are people who are evaluated, or at least stored, in one transaction.
type part struct {
	list  []touched
	write func(tx *store.Tx, list []touched) error
}

// parts divides the work. SQLite's only writer reads people, too: what it has
// just written of them is still in its memory, while every other connection reads
// from the start after every commit. On PostgreSQL many read beside each other,
// and only what follows is written.
func (s *Service) parts(q store.Querier, used *programs, groups []*asked) (out []part, err error) {
	if q.Engine() == store.SQLite {
		for _, g := range groups {
			for list := range slices.Chunk(g.list, max(1, s.sizes.batch/2)) {
				out = append(out, part{list, func(tx *store.Tx, list []touched) error { return s.evaluateTx(tx, used, g, list) }})
			}
		}
		return out, nil
	}
	now := s.clk.Now()
	var all []outcome
	for _, g := range groups {
		some, err := s.answer(q, g, g.list, clock.Millis(now))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b outcome) int { return cmp.Compare(a.customer, b.customer) })
	for some := range slices.Chunk(all, s.sizes.batch) {
		list, of := make([]touched, len(some)), make(map[ids.ID]outcome, len(some))
		for i, o := range some {
			list[i], of[o.customer] = o.touched, o
		}
		out = append(out, part{list, func(tx *store.Tx, list []touched) error {
			wanted := make([]outcome, len(list))
			for i, one := range list {
				wanted[i] = of[one.customer]
			}
			return s.storeTx(tx, used, wanted, now)
		}})
	}
	return out, nil
}

// store writes parts that wait for the writer together, so that a queue in front
// of it is waited for once and not by each of them.
func (s *Service) store(ctx context.Context, all []part) error {
	var parts sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, one := range all {
		parts.Go(func() {
			aside, err := s.storePart(ctx, one)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && (failed == nil || errors.Is(failed, errStale)) {
				failed = err
			}
			for _, t := range one.list {
				delete(s.aside, t.customer)
			}
			for _, id := range aside {
				s.aside[id] = s.clk.Now().Add(putAside)
			}
		})
	}
	parts.Wait()
	return failed
}

// storePart writes a part and, when that fails, each of its people alone, so that
// one whose change somebody refuses keeps nobody else waiting: it is put aside for
// a while.
func (s *Service) storePart(ctx context.Context, p part) (aside []ids.ID, err error) {
	write := func(list []touched) error {
		return s.db.Write(ctx, func(tx *store.Tx) error { return p.write(tx, list) })
	}
	err = write(p.list)
	if err == nil || ctx.Err() != nil || errors.Is(err, errStale) || fault.KindOf(err) == fault.Unavailable {
		return nil, err
	}
	for _, one := range p.list {
		err := write([]touched{one})
		switch {
		case ctx.Err() != nil || errors.Is(err, errStale):
			return aside, errorOr(err, ctx.Err())
		case err != nil:
			s.log.Error("evaluate a customer", "customer_id", one.customer, "error", err)
			aside = append(aside, one.customer)
		}
	}
	return aside, nil
}

// answer evaluates the programs of a group for some of its people at one instant,
// against what is stored.
func (s *Service) answer(q store.Querier, g *asked, list []touched, t int64) ([]outcome, error) {
	out := make([]outcome, len(list))
	if len(g.live) == 0 && !g.all {
		for i, one := range list {
			out[i].touched = one
		}
		return out, nil
	}
	numbers := make([]ids.ID, len(list))
	for i, one := range list {
		numbers[i] = one.customer
	}
	stored, since, err := holdings(q, numbers, g, t)
	if err != nil {
		return nil, err
	}
	people, err := s.people(q, numbers, g.needs, since)
	if err != nil {
		return nil, err
	}
	for i, one := range list {
		out[i] = s.decide(one, people[one.customer], g.live, stored[one.customer], t)
		for n := range out[i].moves {
			out[i].moves[n].event = g.events[out[i].moves[n].program.id]
		}
	}
	return out, nil
}

// holdings reads where people stand, and the earliest instant that the evaluation
// will ask about.
func holdings(q store.Querier, list []ids.ID, g *asked, t int64) (map[ids.ID]map[ids.ID]held, int64, error) {
	out := make(map[ids.ID]map[ids.ID]held, len(list))
	since := t
	for _, part := range []struct {
		sql    string
		member bool
	}{
		{"SELECT segment_id, customer_id, valid_until FROM memberships WHERE", true},
		{"SELECT segment_id, customer_id, at FROM segment_wakeups WHERE", false},
	} {
		var b store.Builder
		b.Add(part.sql)
		store.AddIn(&b, "customer_id", list)
		if !g.all {
			b.Add("AND")
			store.AddIn(&b, "+segment_id", g.segments) // few are read by the person, not by the segment
		}
		query, args := b.Query()
		rows, err := q.Query(query, args...)
		_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
			var segment, customer ids.ID
			h := held{member: part.member}
			if err := r.Scan(&segment, &customer, &h.edge); err != nil {
				return struct{}{}, err
			}
			if out[customer] == nil {
				out[customer] = map[ids.ID]held{}
			}
			out[customer][segment] = h
			if h.edge > 0 {
				since = min(since, h.edge-1)
			}
			return struct{}{}, nil
		})
		if err != nil {
			return nil, 0, fmt.Errorf("read memberships: %w", err)
		}
	}
	return out, since, nil
}

// decide compares the answers of programs for one person with what is stored. p
// is nil of whom there is no record.
func (s *Service) decide(one touched, p *person, live []*program, stored map[ids.ID]held, t int64) outcome {
	out := outcome{touched: one}
	answered := 0
	for _, program := range live {
		have, known := stored[program.id]
		if known {
			answered++
		}
		match, until := s.ask(program, p, t)
		if match == have.member {
			if edge, changed := turned(have.edge, until, t); changed {
				out.turns = append(out.turns, turn{program.id, match, edge})
			}
			continue
		}
		m := move{program: program, enter: match, edge: until, wakeup: known && !have.member}
		if have.edge > 0 && have.edge <= t {
			before, _ := s.ask(program, p, have.edge-1)
			m.timed = before != match
		}
		out.moves = append(out.moves, m)
	}
	if answered < len(stored) {
		out.turns = append(out.turns, orphans(live, stored, t)...)
	}
	return out
}

// turned tells whether an edge has to be written: an earlier one always, a later
// one when the stored one has come. Until then the stored one only asks once more.
func turned(stored, edge, t int64) (int64, bool) {
	switch {
	case stored == edge:
		return 0, false
	case stored == 0, stored <= t:
		return edge, true
	case edge > 0 && edge < stored:
		return edge, true
	}
	return 0, false
}

// orphans takes away the edges that have come of segments nobody can ask: those
// that are failed or being deleted.
func orphans(live []*program, stored map[ids.ID]held, t int64) (out []turn) {
	for segment, h := range stored {
		if h.edge == 0 || h.edge > t || slices.ContainsFunc(live, func(p *program) bool { return p.id == segment }) {
			continue
		}
		out = append(out, turn{segment, h.member, 0})
	}
	return out
}

// ask evaluates one program. Nobody is a member of anything as a part of another.
func (s *Service) ask(program *program, p *person, t int64) (match bool, until int64) {
	if p == nil || p.into != 0 {
		return false, 0
	}
	who := rule.Person(p)
	if p.remembered != nil {
		who = p.remembered
	}
	match, until = program.run.Eval(who, t)
	if until != 0 && until <= t {
		s.log.Error("a rule changes its answer without end", "segment_id", program.id, "customer_id", p.id)
		until = t + endless.Milliseconds()
	}
	return match, until
}
