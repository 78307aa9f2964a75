package journeys

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const (
	// batchPeople is how many people are decided on at once.
	batchPeople = 256
	// batchPostgres is less: there they are decided on under their locks.
	batchPostgres = 64
	// batchWeight bounds what one transaction writes, so that others who wait
	// for SQLite's writer do not wait long. A step weighs 1, an effect more.
	batchWeight  = 256
	effectWeight = 8
	// maxSignals is how many signals of one batch are read.
	maxSignals = 2000
)

// errStale says that what was decided rests on rows that have changed since.
var errStale = errors.New("the rows have changed since they were read")

func (s *Service) batch() int {
	if s.db.Engine() == store.Postgres {
		return batchPostgres
	}
	return batchPeople
}

// due lists people for whom something can be done now, those with news first.
func (s *Service) due(q store.Querier, b *book, now int64, limit int) ([]ids.ID, error) {
	rows, err := q.Query(queries.Get("signalled"), limit*4)
	found, err := store.Collect(rows, err, scanID)
	if err != nil {
		return nil, err
	}
	out := distinct(nil, found, limit)
	type waking struct{ at, customer int64 }
	var all []waking
	for _, id := range b.order {
		if b.journeys[id].state != Live || len(out) == limit {
			continue
		}
		rows, err := q.Query(queries.Get("waking"), id, now, limit)
		list, err := store.Collect(rows, err, func(r store.Row) (w waking, err error) {
			return w, r.Scan(&w.at, &w.customer)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b waking) int { return int(a.at - b.at) })
	more := make([]ids.ID, len(all))
	for i, w := range all {
		more[i] = ids.ID(w.customer)
	}
	return distinct(out, more, limit), nil
}

func scanID(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) }

func distinct(out, more []ids.ID, limit int) []ids.ID {
	seen := make(map[ids.ID]bool, len(out)+len(more))
	for _, id := range out {
		seen[id] = true
	}
	for _, id := range more {
		if !seen[id] && len(out) < limit {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// decide plans the turns of people from the rows behind q.
func (s *Service) decide(ctx context.Context, q store.Querier, b *book, people []ids.ID, now time.Time) ([]*turn, error) {
	w := &world{s: s, ctx: ctx, q: q, now: now, book: b}
	turns, signals, whole, err := w.load(people)
	if err != nil {
		return nil, err
	}
	out := turns[:0]
	for _, t := range turns {
		if err := w.take(t, signals[t.customer], whole); err != nil {
			return nil, &decideError{customer: t.customer, cause: err}
		}
		if t.acts() {
			out = append(out, t)
		}
	}
	return out, nil
}

// decideError names the person whose turn cannot be decided.
type decideError struct {
	customer ids.ID
	cause    error
}

func (e *decideError) Error() string {
	return "customer " + e.customer.String() + ": " + e.cause.Error()
}
func (e *decideError) Unwrap() error { return e.cause }

// load reads people's signals and enrollments.
func (w *world) load(people []ids.ID) (turns []*turn, signals map[ids.ID][]signal, whole bool, err error) {
	var b store.Builder
	b.Add("SELECT s.id, s.kind, s.ref, s.customer_id, s.identity_id, s.journey_id, s.payload, s.at, s.received_at FROM journey_signals s WHERE NOT s.held AND")
	store.AddIn(&b, "s.customer_id", people).Add("ORDER BY s.id LIMIT ?", maxSignals)
	query, args := b.Query()
	rows, err := w.q.Query(query, args...)
	list, err := store.Collect(rows, err, scanSignal)
	if err != nil {
		return nil, nil, false, err
	}
	signals = map[ids.ID][]signal{}
	for _, g := range list {
		signals[g.customer] = append(signals[g.customer], g)
	}
	by := map[ids.ID]*turn{}
	for _, id := range people {
		by[id] = &turn{customer: id}
		turns = append(turns, by[id])
	}
	var e store.Builder
	e.Add("SELECT " + enrollmentColumns + " FROM enrollments e WHERE e.state = 'active' AND")
	store.AddIn(&e, "e.customer_id", people).Add("ORDER BY e.id")
	query, args = e.Query()
	rows, err = w.q.Query(query, args...)
	active, err := store.Collect(rows, err, scanEnrollment)
	if err != nil {
		return nil, nil, false, err
	}
	for _, row := range active {
		by[row.customer].all = append(by[row.customer].all, &standing{was: row, e: row})
	}
	return turns, signals, len(list) < maxSignals, w.loadEnded(by, signals)
}

// loadEnded reads the enrollments that have ended and may still reach a goal.
func (w *world) loadEnded(by map[ids.ID]*turn, signals map[ids.ID][]signal) error {
	var people []ids.ID
	for customer, list := range signals {
		if slices.ContainsFunc(list, func(g signal) bool { return g.kind == heardEvent }) {
			people = append(people, customer)
		}
	}
	if len(people) == 0 {
		return nil
	}
	slices.Sort(people)
	var b store.Builder
	b.Add("SELECT "+enrollmentColumns+" FROM enrollments e WHERE e.state <> 'active' AND e.goal_at = 0 AND e.started_at > ? AND", w.millis()-(180*24*time.Hour).Milliseconds())
	store.AddIn(&b, "e.customer_id", people).Add("ORDER BY e.id")
	query, args := b.Query()
	rows, err := w.q.Query(query, args...)
	ended, err := store.Collect(rows, err, scanEnrollment)
	for _, row := range ended {
		by[row.customer].all = append(by[row.customer].all, &standing{was: row, e: row})
	}
	return err
}

// acts tells whether a turn writes anything.
func (t *turn) acts() bool {
	return len(t.heard) > 0 || slices.ContainsFunc(t.all, func(st *standing) bool { return st.dirty })
}

func (t *turn) weight() int {
	n := len(t.heard) + len(t.held) + len(t.refused)
	for _, st := range t.all {
		if st.dirty {
			n += 1 + len(st.steps)
			for _, p := range st.steps {
				if p.do.any() {
					n += effectWeight
				}
			}
		}
	}
	return n
}

// round does what can be done now for one batch of people; did tells how many
// turns were taken, there whether there was anybody.
func (s *Service) round(ctx context.Context) (did int, there bool, err error) {
	b, err := readBook(s.db.Reader(ctx))
	if err != nil {
		return 0, false, err
	}
	people, err := s.due(s.db.Reader(ctx), b, clock.Millis(s.clk.Now()), s.batch())
	if err != nil || len(people) == 0 {
		return 0, false, err
	}
	did, err = s.moveAll(ctx, people)
	return did, true, err
}

// moveAll takes people's turns; when somebody's cannot be taken, the others'
// still are.
func (s *Service) moveAll(ctx context.Context, people []ids.ID) (did int, err error) {
	did, err = s.moveOn(ctx, people)
	if err == nil || temporary(err) {
		return did, err
	}
	if len(people) == 1 {
		return 1, s.giveUp(ctx, people[0], err)
	}
	for _, id := range people {
		n, err := s.moveAll(ctx, []ids.ID{id})
		if did += n; err != nil {
			return did, err
		}
	}
	return did, nil
}

func temporary(err error) bool {
	return errors.Is(err, errStale) || errors.Is(err, context.Canceled) || fault.KindOf(err) == fault.Unavailable
}

// moveOn takes people's turns. On SQLite they are decided before the writer is
// taken and dropped if anything has changed meanwhile; on PostgreSQL under the
// people's locks, so that several processes share the work.
func (s *Service) moveOn(ctx context.Context, people []ids.ID) (did int, err error) {
	if s.db.Engine() == store.Postgres {
		err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
			did, err = s.moveHeldTx(ctx, tx, people)
			return err
		})
		return did, err
	}
	now := s.clk.Now()
	var b *book
	var turns []*turn
	err = s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if b, err = readBook(q); err != nil {
			return err
		}
		turns, err = s.decide(ctx, q, b, people, now)
		return err
	})
	if err != nil {
		return 0, err
	}
	if len(turns) == 0 {
		return 0, s.repair(ctx, people)
	}
	for len(turns) > 0 {
		n, weight := 0, 0
		for n < len(turns) && (n == 0 || weight+turns[n].weight() <= batchWeight) {
			weight += turns[n].weight()
			n++
		}
		part := turns[:n]
		turns = turns[n:]
		if err := s.db.Write(ctx, func(tx *store.Tx) error { return s.applyDecidedTx(tx, b, part, now) }); err != nil {
			return did, err
		}
		did += n
	}
	return did, nil
}

// moveHeldTx decides and writes the turns of those whom nobody else holds.
func (s *Service) moveHeldTx(ctx context.Context, tx *store.Tx, people []ids.ID) (did int, err error) {
	b, err := s.openBookTx(tx)
	if err != nil {
		return 0, err
	}
	held, err := s.lockPeopleTx(tx, people)
	if err != nil || len(held) == 0 {
		return 0, err
	}
	now := s.clk.Now()
	turns, err := s.decide(ctx, tx, b, held, now)
	if err != nil {
		return 0, err
	}
	return len(held), s.applyTx(tx, turns, now)
}

// applyDecidedTx writes turns if nothing has changed since they were decided.
func (s *Service) applyDecidedTx(tx *store.Tx, b *book, turns []*turn, now time.Time) error {
	fresh, err := s.openBookTx(tx)
	if err != nil {
		return err
	}
	if !fresh.same(b) {
		return errStale
	}
	people := make([]ids.ID, len(turns))
	for i, t := range turns {
		people[i] = t.customer
	}
	held, err := s.lockPeopleTx(tx, people)
	if err != nil {
		return err
	}
	if len(held) != len(people) {
		// Some have been merged; what was kept for them has a new address now.
		turns = slices.DeleteFunc(slices.Clone(turns), func(t *turn) bool { return !slices.Contains(held, t.customer) })
	}
	if err := unchanged(tx, turns); err != nil {
		return err
	}
	return s.applyTx(tx, turns, now)
}

func (b *book) same(o *book) bool {
	if len(b.journeys) != len(o.journeys) {
		return false
	}
	for id, j := range b.journeys {
		if p := o.journeys[id]; p == nil || p.epoch != j.epoch {
			return false
		}
	}
	return true
}

// unchanged compares the enrollments that turns move with their rows.
func unchanged(q store.Querier, turns []*turn) error {
	was := map[ids.ID]*enrollment{}
	var list []ids.ID
	for _, t := range turns {
		for _, st := range t.all {
			if st.dirty && !st.fresh {
				was[st.was.id] = &st.was
				list = append(list, st.was.id)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	var b store.Builder
	b.Add("SELECT " + enrollmentColumns + " FROM enrollments e WHERE")
	store.AddIn(&b, "e.id", list)
	query, args := b.Query()
	rows, err := q.Query(query, args...)
	found, err := store.Collect(rows, err, scanEnrollment)
	if err != nil {
		return err
	}
	for _, e := range found {
		o := was[e.id]
		if e.customer != o.customer || e.state != o.state || e.visit != o.visit || e.node != o.node || e.wake != o.wake || e.version != o.version || e.goal != o.goal {
			return errStale
		}
	}
	if len(found) != len(was) {
		return errStale
	}
	return nil
}
