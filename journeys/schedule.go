package journeys

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
)

// civilForm is how a civil instant stands in rows.
const civilForm = "2006-01-02T15:04"

// audiencePage is how many people of a schedule are asked in one transaction.
const audiencePage = 100

// cronOf is the schedule of a graph.
func (s *Service) cronOf(g *flow.Graph) (clock.Cron, error) {
	zone := s.o.Zone
	if g.Trigger.Zone != "" {
		var err error
		if zone, err = flow.Zone(g.Trigger.Zone); err != nil {
			return clock.Cron{}, err
		}
	}
	return clock.ParseCron(g.Trigger.Cron, zone)
}

// beginning is where a schedule stands that begins now; "" without one.
func (s *Service) beginning(g *flow.Graph, now time.Time) (string, error) {
	if g.Trigger.Kind != flow.OnSchedule {
		return "", nil
	}
	c, err := s.cronOf(g)
	if err != nil {
		return "", err
	}
	return c.Civil(now).Format(civilForm), nil
}

// tick fires the schedules that are due and lets the next people of one that has
// fired in; next is when one will be due.
func (s *Service) tick(ctx context.Context) (busy bool, next time.Time, err error) {
	q := s.db.Reader(ctx)
	b, err := readBook(q)
	if err != nil {
		return false, next, err
	}
	now := s.clk.Now()
	for _, id := range b.order {
		j := b.journeys[id]
		if j.state != Live || j.fired == "" {
			continue
		}
		f, err := s.flow(q, j.version)
		if err != nil {
			return false, next, err
		}
		when, err := s.fire(ctx, j, f, now)
		if err != nil {
			return false, next, err
		}
		if !when.IsZero() && (next.IsZero() || when.Before(next)) {
			next = when
		}
	}
	busy, err = s.admit(ctx)
	return busy, next, err
}

// fire opens a tick when the schedule is due, after downtime only for the latest
// instant missed, and returns when it is due next.
func (s *Service) fire(ctx context.Context, j *journey, f *flow.Flow, now time.Time) (next time.Time, err error) {
	cron, err := s.cronOf(&f.Graph)
	if err != nil {
		return next, fmt.Errorf("journey %s: %w", j.id, err)
	}
	last, err := time.Parse(civilForm, j.fired)
	if err != nil {
		return next, fmt.Errorf("journey %s: %w", j.id, err)
	}
	at, due := cron.Due(last, now)
	if due {
		err = s.db.Write(ctx, func(tx *store.Tx) error {
			n, err := tx.Exec(queries.Get("fired"), at.Format(civilForm), j.id, j.fired, j.epoch)
			if err != nil || n == 0 {
				return err // another process was quicker, or the journey has changed
			}
			_, err = tx.Exec(queries.Get("insert-tick"), s.ids.Next(), j.id, j.version, at.Format(civilForm), clock.Millis(now))
			return err
		})
		last = at
	}
	if _, when, ok := cron.Next(last); ok {
		next = when
	}
	return next, err
}

// tickRow is a tick that has not asked everybody yet.
type tickRow struct {
	id, journey, version, after ids.ID
	at                          int64
}

// admit asks the next page of a tick's audience. The page and the place up to
// which everybody has been asked are stored together, so that nobody is asked
// twice or left out, whatever stops this process.
func (s *Service) admit(ctx context.Context) (busy bool, err error) {
	var t tickRow
	q := s.db.Reader(ctx)
	if err := q.QueryRow(queries.Get("open-tick")).Scan(&t.id, &t.journey, &t.version, &t.at, &t.after); err != nil {
		if isNoRows(err) {
			err = nil
		}
		return false, err
	}
	f, err := s.flow(q, t.version)
	if err != nil {
		return false, err
	}
	page, err := s.o.Segments.People(ctx, *f.Graph.Trigger.Audience, t.after, audiencePage)
	if err != nil {
		return false, err
	}
	for try := 0; ; try++ {
		err = s.admitPage(ctx, t, page)
		if err == nil || !temporary(err) || try == 3 {
			return true, err
		}
	}
}

func (s *Service) admitPage(ctx context.Context, t tickRow, page []ids.ID) error {
	now := s.clk.Now()
	admit := func(q store.Querier, b *book, people []ids.ID) ([]*turn, error) {
		w := &world{s: s, ctx: ctx, q: q, now: now, book: b}
		if j := b.journeys[t.journey]; t.asks(j) && len(people) > 0 {
			return w.admit(t, j, people)
		}
		return nil, nil
	}
	var b *book
	var planned []*turn
	if s.db.Engine() == store.SQLite {
		err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
			if b, err = readBook(q); err == nil {
				planned, err = admit(q, b, page)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		fresh, err := s.openBookTx(tx)
		if err != nil {
			return err
		}
		if b != nil && !fresh.same(b) {
			return errStale
		}
		j := fresh.journeys[t.journey]
		if j != nil && j.version == t.version && j.state == Paused {
			return nil // paused since the tick was found: whom it has not asked it asks later
		}
		held, err := lockAllTx(tx, page)
		if err != nil {
			return err
		}
		turns := slices.DeleteFunc(slices.Clone(planned), func(t *turn) bool { return !slices.Contains(held, t.customer) })
		if s.db.Engine() == store.Postgres {
			if turns, err = admit(tx, fresh, held); err != nil {
				return err
			}
		}
		after := t.after
		if len(page) > 0 {
			after = page[len(page)-1]
		}
		done := len(page) < audiencePage || !t.asks(j) // a new version has another audience
		n, err := tx.Exec(queries.Get("advance-tick"), after, entered(turns), done, t.id, t.after)
		if err != nil || n == 0 {
			return err // another process has asked this page
		}
		tx.Hint(Topic)
		return s.applyTx(tx, turns, now)
	})
}

// asks tells whether a tick lets people into a journey as it stands.
func (t tickRow) asks(j *journey) bool { return j != nil && j.state == Live && j.version == t.version }

// entered is how many of the people of a tick have been let in.
func entered(turns []*turn) (n int) {
	for _, t := range turns {
		n += len(t.all)
	}
	return n
}

// lockAllTx locks people, waiting for whoever holds one, and leaves out records
// that have been merged.
func lockAllTx(tx *store.Tx, people []ids.ID) ([]ids.ID, error) {
	var b store.Builder
	b.Add("SELECT id FROM customers WHERE merged_into = 0 AND")
	query, args := store.AddIn(&b, "id", people).Add("ORDER BY id {lock}").Query()
	rows, err := tx.Query(query, args...)
	return store.Collect(rows, err, scanID)
}

// admit lets people of a tick in.
func (w *world) admit(t tickRow, j *journey, people []ids.ID) (turns []*turn, err error) {
	f, err := w.s.flow(w.q, j.version)
	if err != nil {
		return nil, err
	}
	all, _, _, err := w.load(people)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		st, no, err := w.enter(p, j, f, entry{key: "tick/" + t.id.String(), at: t.at})
		if err != nil {
			if temporary(err) {
				return nil, err
			}
			w.s.o.Log.Error("somebody cannot be asked to a scheduled journey", slog.String("customer_id", p.customer.String()), slog.Any("error", err))
			continue
		}
		p.all = nil
		if no != nil {
			p.refused = append(p.refused, *no)
		} else {
			p.all = []*standing{st}
			if err := w.run(p, st); err != nil {
				return nil, err
			}
		}
		turns = append(turns, p)
	}
	return turns, nil
}
