package segments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

const (
	// pollEvery is how often people are looked for without a hint: hints may be
	// lost, rows may not.
	pollEvery = 2 * time.Second
	// standbyPoll is how often a process looks that lets another one work.
	standbyPoll = time.Second
	// tellEvery is how often lists are told of one segment at most.
	tellEvery = time.Second
	// retryAfter is the pause after a failure.
	retryAfter = time.Second
	// gatherFor is how long is waited behind a round for others to be marked: in a
	// stream of events a round for each would cost more than the events.
	gatherFor = 20 * time.Millisecond
	// evaluations is how many batches come before each step of a build.
	evaluations = 8
)

// Run keeps memberships exact until ctx ends. wake is hinted with
// customers.TopicTouched. What one process leaves undone the next one finds.
func (s *Service) Run(ctx context.Context, wake <-chan []byte) {
	var beside sync.WaitGroup
	beside.Go(func() { s.quick.run(ctx) })
	defer beside.Wait()
	for ctx.Err() == nil {
		wait, err := s.Round(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("keep memberships", "error", err)
			wait = retryAfter
		}
		gathered := time.NewTimer(gatherFor)
		timer, stop := s.clk.After(wait)
		select {
		case <-ctx.Done():
		case _, open := <-wake:
			if !open {
				wake = nil
			}
			select {
			case <-ctx.Done():
			case <-gathered.C:
			case <-timer:
			}
		case <-timer:
		}
		stop()
		gathered.Stop()
	}
}

// Round does everything that is to be done now and tells for how long there will
// be nothing, unless somebody is marked.
func (s *Service) Round(ctx context.Context) (wait time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("keep memberships: panic: %v\n%s", p, debug.Stack())
		}
	}()
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if !s.lead(ctx) {
			return standbyPoll, s.watch(ctx)
		}
		if more, err = s.step(ctx); err != nil {
			return 0, err
		}
	}
	if err := s.sweepIndexes(ctx); err != nil {
		return 0, err
	}
	wait, err = s.tell(ctx)
	return s.untilEdge(ctx, min(wait, pollEvery)), err
}

// watch notes how fresh segments are that another process keeps.
func (s *Service) watch(ctx context.Context) error {
	begun := clock.Millis(s.clk.Now())
	var waiting, due int64
	q := s.db.Reader(ctx)
	if err := q.QueryRow(queries.Get("anybody-waiting")).Scan(&waiting); err != nil {
		return err
	}
	if err := q.QueryRow(qNextEdge).Scan(&due); err != nil {
		return err
	}
	if waiting == 0 && (due == 0 || due > begun) {
		s.fresh.Store(begun)
	}
	return nil
}

// step does some of everything; more is true when something may be left.
func (s *Service) step(ctx context.Context) (bool, error) {
	begun := clock.Millis(s.clk.Now())
	due, err := s.edges(ctx)
	if err != nil {
		return false, err
	}
	waiting := true
	for n := 0; waiting && n < evaluations; n++ {
		s.lead(ctx) // longer than a step, if it takes long
		if waiting, err = s.evaluate(ctx); err != nil {
			return false, err
		}
	}
	if err := s.failBroken(ctx); err != nil {
		return false, err
	}
	building, err := s.buildOn(ctx)
	if err != nil {
		return false, err
	}
	swept, err := s.sweep(ctx)
	if err != nil {
		return false, err
	}
	if !due && !waiting && len(s.aside) == 0 {
		s.fresh.Store(begun)
	}
	if building {
		_, err = s.tell(ctx)
	}
	return due || waiting || building || swept, err
}

// failBroken marks programs that cannot be evaluated; nobody is asked about them
// until their rule is changed.
func (s *Service) failBroken(ctx context.Context) error {
	used := s.cache.Load()
	if used == nil || len(used.broken) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		err := current(tx, used, "own-programs")
		if errors.Is(err, errStale) {
			return nil
		}
		for _, d := range used.broken {
			if err == nil {
				_, err = tx.Exec(queries.Get("fail"), d.id, d.program)
			}
		}
		if err == nil {
			_, err = tx.Exec(queries.Get("bump"))
		}
		return err
	})
}

// sweep takes away what deleted segments have left, a part at a time.
func (s *Service) sweep(ctx context.Context) (more bool, err error) {
	var id ids.ID
	err = s.db.Reader(ctx).QueryRow(queries.Get("to-sweep")).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.db.Write(ctx, func(tx *store.Tx) error {
		var gone int64
		for _, name := range []string{"sweep-members", "sweep-wakeups"} {
			n, err := tx.Exec(queries.Get(name), id, id)
			if err != nil {
				return err
			}
			gone += n
		}
		n, err := tx.Exec(queries.Get("sweep-changes"), id)
		if err == nil && gone+n == 0 {
			_, err = tx.Exec(queries.Get("forget"), id)
		}
		return err
	})
}

// news is what lists hear of a segment.
type news struct {
	ID       ids.ID `json:"id"`
	Size     int64  `json:"size"`
	State    string `json:"state"`
	Progress int    `json:"progress"`
}

// tell lets lists hear of segments that look different, of each at most once a
// second, and returns how long there is nothing to tell.
func (s *Service) tell(ctx context.Context) (time.Duration, error) {
	type untold struct {
		id ids.ID
		at int64
	}
	rows, err := s.db.Reader(ctx).Query(queries.Get("untold"))
	list, err := store.Collect(rows, err, func(r store.Row) (u untold, err error) { return u, r.Scan(&u.id, &u.at) })
	if err != nil {
		return 0, err
	}
	wait, now := pollEvery, s.clk.Now()
	var due []ids.ID
	for _, u := range list {
		if since := now.Sub(clock.FromMillis(u.at)); since >= 0 && since < tellEvery {
			wait = min(wait, tellEvery-since)
			continue
		}
		due = append(due, u.id)
	}
	if len(due) == 0 {
		return wait, nil
	}
	slices.Sort(due)
	return wait, s.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range due {
			if err := tellTx(tx, id, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func tellTx(tx *store.Tx, id ids.ID, now time.Time) error {
	n, err := tx.Exec(queries.Get("tell"), clock.Millis(now), id)
	if err != nil || n == 0 {
		return err
	}
	return announceTx(tx, id, false, now)
}

// announceTx tells how a segment stands. defined says that it is new, or is
// called or means something else: then lists fetch it.
func announceTx(tx *store.Tx, id ids.ID, defined bool, now time.Time) error {
	one := news{ID: id}
	var done, total, deleted int64
	if err := tx.QueryRow(queries.Get("standing"), id).Scan(&one.Size, &one.State, &done, &total, &deleted); err != nil {
		return err
	}
	one.Progress = progress(one.State, done, total)
	payload := map[string]any{"segment": one, "defined": defined}
	if deleted > 0 {
		payload = map[string]any{"segment_id": id, "deleted": true}
	}
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{At: now, Kind: "segment", Audience: feed.Staff, Payload: b})
}
