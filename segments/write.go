package segments

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qLockCustomer = queries.Get("lock-customer")
	qResize       = queries.Get("resize")
)

// storeTx takes the marks of people away and stores what follows. Whoever has
// been marked again meanwhile is left as they are: they come again.
func (s *Service) storeTx(tx *store.Tx, used *programs, out []outcome, now time.Time) error {
	list := make([]touched, len(out))
	for i, o := range out {
		list[i] = o.touched
	}
	w, err := s.begin(tx, used, list)
	if err != nil {
		return err
	}
	if err := lockMoving(tx, out); err != nil {
		return err
	}
	taken, err := untouch(tx, list)
	if err != nil {
		return err
	}
	w.now = now
	for _, o := range out {
		if taken[o.customer] {
			w.outcome(o)
		}
	}
	return w.store()
}

// evaluateTx takes the marks of people away, evaluates them as they are in the
// transaction, and stores what follows.
func (s *Service) evaluateTx(tx *store.Tx, used *programs, g *asked, list []touched) error {
	w, err := s.begin(tx, used, list)
	if err != nil {
		return err
	}
	taken, err := untouch(tx, list)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(t touched) bool { return !taken[t.customer] })
	if len(list) == 0 {
		return nil
	}
	w.now = s.clk.Now()
	out, err := s.answer(tx, g, list, clock.Millis(w.now))
	if err != nil {
		return err
	}
	for _, o := range out {
		w.outcome(o)
	}
	return w.store()
}

// begin tells the index of previews of people before their marks go, and refuses
// what older programs have to say of them.
func (s *Service) begin(tx *store.Tx, used *programs, list []touched) (*writing, error) {
	s.quick.hear(list)
	if err := current(tx, used, "share-programs"); err != nil {
		return nil, err
	}
	building, err := underWay(tx)
	return &writing{s: s, tx: tx, sizes: map[ids.ID]int64{}, building: building}, err
}

// untouch takes marks away and says whose: those of people who have been marked
// again meanwhile stay.
func untouch(tx *store.Tx, list []touched) (map[ids.ID]bool, error) {
	taken := make(map[ids.ID]bool, len(list))
	note := func(q *store.Query, args []any) error {
		rows, err := tx.Query(q, args...)
		_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
			var id ids.ID
			err := r.Scan(&id)
			taken[id] = true
			return struct{}{}, err
		})
		return err
	}
	values := make([]any, 0, 2*len(list))
	for _, t := range list {
		values = append(values, t.customer, t.version)
	}
	return taken, store.EachRows("DELETE FROM touched WHERE (customer_id, version) IN (SELECT v.column1, v.column2 FROM (VALUES", "(CAST(? AS BIGINT), CAST(? AS BIGINT))", 2, values,
		") v) RETURNING customer_id", note)
}

// current refuses to store what older programs have answered. The lock, shared
// or not, keeps programs as they are until the transaction ends.
func current(tx *store.Tx, used *programs, lock string) error {
	var one int64
	if err := tx.QueryRow(queries.Get(lock)).Scan(&one); err != nil {
		return err
	}
	g, err := generation(tx)
	if err == nil && g != used.generation {
		err = errStale
	}
	return err
}

// lockMoving locks the customers who enter or leave something, in order: those
// who hear of it may change them, and everybody locks the customer first.
func lockMoving(tx *store.Tx, out []outcome) error {
	if tx.Engine() != store.Postgres {
		return nil
	}
	for _, o := range out {
		if len(o.moves) == 0 {
			continue
		}
		var locked ids.ID
		if err := tx.QueryRow(qLockCustomer, o.customer).Scan(&locked); err != nil && !errors.Is(err, store.ErrNoRows) {
			return err
		}
	}
	return nil
}

// underWay tells how far each build has come.
func underWay(tx *store.Tx) (map[ids.ID]ids.ID, error) {
	list, err := builds(tx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	out := make(map[ids.ID]ids.ID, len(list))
	for _, b := range list {
		out[b.id] = b.to
	}
	return out, nil
}

// writing stores outcomes in one transaction: it gathers what follows, and writes
// it with few statements.
type writing struct {
	s        *Service
	tx       *store.Tx
	now      time.Time
	sizes    map[ids.ID]int64
	building map[ids.ID]ids.ID
	changes  []change
	// Values of rows. All but edges and wakeups say segment and customer first.
	enter, leave, drop, wakeups, edges []any
}

// change is an entering or leaving that has been gathered.
type change struct {
	move
	customer ids.ID
	touched  touched
	// built: the build has come to them, and nobody else.
	built bool
}

func (w *writing) outcome(o outcome) {
	for _, t := range o.turns {
		w.turn(o.customer, t)
	}
	for _, m := range o.moves {
		w.move(o, m)
	}
}

func (w *writing) turn(customer ids.ID, t turn) {
	switch {
	case t.member:
		w.edges = append(w.edges, t.segment, customer, t.edge)
	case t.edge > 0:
		w.wakeups = append(w.wakeups, t.segment, customer, t.edge)
	default:
		w.drop = append(w.drop, t.segment, customer)
	}
}

func (w *writing) move(o outcome, m move) {
	segment := m.program.id
	switch {
	case m.enter:
		w.enter = append(w.enter, segment, o.customer, clock.Millis(w.now), m.edge)
		if m.wakeup {
			w.drop = append(w.drop, segment, o.customer)
		}
	default:
		w.leave = append(w.leave, segment, o.customer)
		if m.edge > 0 {
			w.wakeups = append(w.wakeups, segment, o.customer, m.edge)
		}
	}
	w.changes = append(w.changes, change{m, o.customer, o.touched, o.built})
}

// store writes what has been gathered. A move that the rows have made already,
// by another process, is told to nobody.
func (w *writing) store() error {
	done := map[[2]ids.ID]bool{}
	if err := w.rows("INSERT INTO memberships (segment_id, customer_id, since, valid_until) VALUES", 4, w.enter, "ON CONFLICT (segment_id, customer_id) DO NOTHING RETURNING segment_id, customer_id", done); err != nil {
		return err
	}
	if err := w.rows("DELETE FROM memberships WHERE (segment_id, customer_id) IN (SELECT v.column1, v.column2 FROM (VALUES", 2, w.leave, ") v) RETURNING segment_id, customer_id", done); err != nil {
		return err
	}
	if err := w.rows("DELETE FROM segment_wakeups WHERE (segment_id, customer_id) IN (SELECT v.column1, v.column2 FROM (VALUES", 2, w.drop, ") v)", nil); err != nil {
		return err
	}
	if err := store.InsertMany(w.tx, "INSERT INTO segment_wakeups (segment_id, customer_id, at) VALUES", 3, w.wakeups, "ON CONFLICT (segment_id, customer_id) DO UPDATE SET at = excluded.at"); err != nil {
		return err
	}
	if err := w.rows("WITH edges (segment, customer, at) AS (VALUES", 3, w.edges, ") UPDATE memberships SET valid_until = edges.at FROM edges WHERE segment_id = edges.segment AND customer_id = edges.customer", nil); err != nil {
		return err
	}
	if err := w.tell(done); err != nil {
		return err
	}
	return w.resize()
}

// rows runs a statement over the values of rows, and notes which rows it returns.
func (w *writing) rows(before string, columns int, values []any, after string, done map[[2]ids.ID]bool) error {
	return store.EachRows(before, "(CAST(? AS BIGINT)"+strings.Repeat(", CAST(? AS BIGINT)", columns-1)+")", columns, values, after, func(q *store.Query, args []any) error {
		if done == nil {
			_, err := w.tx.Exec(q, args...)
			return err
		}
		rows, err := w.tx.Query(q, args...)
		_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
			var key [2]ids.ID
			err := r.Scan(&key[0], &key[1])
			done[key] = true
			return struct{}{}, err
		})
		return err
	})
}

// tell keeps the changes that were made, with their reasons, and passes them on.
func (w *writing) tell(done map[[2]ids.ID]bool) error {
	told := make([]Change, 0, len(w.changes))
	var values []any
	known := map[ids.ID]*causes{}
	for _, m := range w.changes {
		if !done[[2]ids.ID{m.program.id, m.customer}] {
			continue
		}
		c, err := w.why(m, known)
		if err != nil {
			return err
		}
		if w.sizes[c.Segment]--; c.Entered {
			w.sizes[c.Segment] += 2
		}
		values = append(values, w.s.ids.Next(), c.Segment, c.Customer, c.Entered, c.Reason, clock.Millis(c.At))
		told = append(told, c)
	}
	if err := store.InsertMany(w.tx, "INSERT INTO membership_changes (id, segment_id, customer_id, entered, reason, at) VALUES", 6, values, ""); err != nil {
		return err
	}
	for _, c := range told {
		if err := w.s.pass(w.tx, c); err != nil {
			return err
		}
	}
	return nil
}

// pass lets everybody hear of a change.
func (s *Service) pass(tx *store.Tx, c Change) error {
	if err := s.stageTx(tx, c); err != nil {
		return err
	}
	for _, hear := range s.hooks {
		if err := hear(tx, c); err != nil {
			return err
		}
	}
	return nil
}

// resize keeps the sizes, in the order in which everybody locks segments.
func (w *writing) resize() error {
	list := make([]ids.ID, 0, len(w.sizes))
	for id, by := range w.sizes {
		if by != 0 {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	for _, id := range list {
		if _, err := w.tx.Exec(qResize, w.sizes[id], id); err != nil {
			return err
		}
	}
	return nil
}
