package segments

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/index"
)

const (
	// quickFrom is how many customers there are before counting by SQL is slow
	// enough for an index.
	quickFrom = 2_000
	// quickKept is how long an index is kept that nobody asks.
	quickKept = 15 * time.Minute
	// quickStale is how many people are read anew for one preview at most; when
	// there are more, SQL answers and they are read behind it.
	quickStale = 2000
	// quickBytes is about how much memory an index may take.
	quickBytes = 1 << 30
)

// quick answers counts over everybody from memory while previews are asked for.
//
// It is exact: whoever has changed since the index was made is either still
// marked as touched, or was evaluated, of which it has news before the mark goes.
type quick struct {
	s *Service
	// asked wakes run.
	asked chan struct{}
	// use is held by whoever asks.
	use   sync.Mutex
	ready *live
	used  time.Time
	// failed is when an index could not be made.
	failed time.Time

	hearing sync.Mutex
	// all are the index that answers and the one that is being loaded.
	all []*live
}

// live is an index and who has been evaluated since it was last brought up to
// date.
type live struct {
	x        *index.Index
	listener *listener
	// turn is held by whoever brings it up to date: what was read earlier must
	// not come later.
	turn sync.Mutex
}

func newQuick(s *Service) *quick { return &quick{s: s, asked: make(chan struct{}, 1)} }

// hear is told of people before their marks are taken away. On PostgreSQL the rows
// tell of them.
func (k *quick) hear(list []touched) {
	if k.s.db.Engine() != store.SQLite {
		return
	}
	k.hearing.Lock()
	defer k.hearing.Unlock()
	for _, l := range k.all {
		l.listener.hear(list)
	}
}

// listen begins or ceases to hear for indexes.
func (k *quick) listen(change func(all []*live) []*live) {
	k.hearing.Lock()
	defer k.hearing.Unlock()
	k.all = change(slices.Clone(k.all))
}

// current is an index that has everything that is committed by now; nil when
// there is none, and rows have to answer. Whoever wants one has it made.
func (k *quick) current(ctx context.Context, wanted bool) *index.Index {
	k.use.Lock()
	defer k.use.Unlock()
	if wanted {
		k.used = k.s.clk.Now()
	}
	if k.ready == nil {
		if wanted {
			k.wake()
		}
		return nil
	}
	if !k.ready.turn.TryLock() { // very many are being read just now
		return nil
	}
	defer k.ready.turn.Unlock()
	fresh, err := k.refresh(ctx, k.ready, quickStale)
	if errors.Is(err, errDeaf) {
		k.forget()
		err = nil
	}
	if !fresh || k.ready.worn() {
		k.wake()
	}
	if err != nil && ctx.Err() == nil {
		k.s.log.Error("bring the index of previews up to date", "error", err)
	}
	if !fresh {
		return nil
	}
	return k.ready.x
}

// worn says that so many have changed that it is better made anew.
func (l *live) worn() bool {
	s := l.x.Stats()
	return s.Changed > max(5000, s.People/20)
}

func (k *quick) wake() {
	select {
	case k.asked <- struct{}{}:
	default:
	}
}

// refresh reads anew whoever has changed; false when they are more than limit. The
// error is errDeaf when the index may have missed somebody. The caller has the turn.
func (k *quick) refresh(ctx context.Context, l *live, limit int) (fresh bool, err error) {
	l.listener.turn.Lock()
	defer l.listener.turn.Unlock()
	before := l.listener.moment()
	err = k.s.db.Snapshot(ctx, func(q store.Querier) error {
		changed, err := marked(q, limit+1)
		if err != nil {
			return err
		}
		told, err := l.listener.told(q)
		if err != nil {
			return err
		}
		// Of a mark that is gone in this snapshot was heard by now, or its rows tell of
		// it. Of whom was heard since before, it may not have what they did: they are
		// read again the next time.
		changed = slices.Concat(changed, told, l.listener.people())
		slices.Sort(changed)
		if changed = slices.Compact(changed); len(changed) > limit {
			return nil
		}
		fresh = true
		return l.x.Refresh(q, changed)
	})
	if err != nil || !fresh {
		return false, err
	}
	l.listener.forget(before)
	return true, nil
}

func marked(q store.Querier, limit int) ([]int64, error) {
	rows, err := q.Query(queries.Get("marked"), limit)
	return store.Collect(rows, err, func(r store.Row) (id int64, err error) { return id, r.Scan(&id) })
}

// people are those of list as rules see them, nil when rows have to answer, as
// where another process may take a mark away that the caller is about to look for.
func (k *quick) people(ctx context.Context, list []ids.ID, want index.Want) (map[ids.ID]*person, error) {
	if k.s.db.Engine() != store.SQLite {
		return nil, nil
	}
	x := k.current(ctx, false)
	if x == nil {
		return nil, nil
	}
	numbers := make([]int64, len(list))
	for i, id := range list {
		numbers[i] = int64(id)
	}
	found, err := x.People(numbers, want)
	if errors.Is(err, index.ErrNotIndexed) {
		return nil, nil
	}
	out := make(map[ids.ID]*person, len(found))
	for id, who := range found {
		out[ids.ID(id)] = &person{id: ids.ID(id), remembered: who}
	}
	return out, err
}

// run makes an index when one is asked for, brings it up to date where that was
// too much for a preview, and lets go of it when nobody asks any more.
func (k *quick) run(ctx context.Context) {
	tending := time.NewTicker(tendEvery)
	defer tending.Stop()
	for ctx.Err() == nil {
		timer, stop := k.s.clk.After(quickKept)
		for again := true; again && ctx.Err() == nil; {
			again = false
			var err error
			select {
			case <-ctx.Done():
			case <-timer:
				err = k.letGo(ctx)
			case <-k.asked:
				err = k.prepare(ctx)
			case <-tending.C:
				again, err = true, k.tend(ctx)
			}
			if err != nil && ctx.Err() == nil {
				k.s.log.Error("keep the index of previews", "error", err)
			}
		}
		stop()
	}
}

// tend keeps the index that answers in hearing of whatever other processes do.
func (k *quick) tend(ctx context.Context) error {
	k.use.Lock()
	l := k.ready
	k.use.Unlock()
	if l == nil || l.listener.id == 0 {
		return nil
	}
	return k.s.tend(ctx, l.listener)
}

// letGo drops an index that nobody has asked for long.
func (k *quick) letGo(ctx context.Context) error {
	k.use.Lock()
	defer k.use.Unlock()
	if l := k.ready; l != nil && k.s.clk.Now().Sub(k.used) >= quickKept {
		k.forget()
		return k.s.unregister(ctx, l.listener)
	}
	return nil
}

// forget drops the index that answers; the caller has the use of it.
func (k *quick) forget() {
	k.ready = nil
	k.listen(func([]*live) []*live { return nil })
}

func (k *quick) prepare(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if err != nil {
			k.failed = k.s.clk.Now()
		}
	}()
	k.use.Lock()
	l := k.ready
	k.use.Unlock()
	if l != nil && !l.worn() {
		l.turn.Lock()
		defer l.turn.Unlock()
		if _, err := k.refresh(ctx, l, math.MaxInt32); !errors.Is(err, errDeaf) {
			return err
		}
	}
	if since := k.s.clk.Now().Sub(k.failed); since >= 0 && since < quickKept {
		return nil
	}
	return k.load(ctx)
}

// load reads an index from the rows. Who changes meanwhile is heard of.
func (k *quick) load(ctx context.Context) error {
	var many int64
	q := k.s.db.Reader(ctx)
	if err := q.QueryRow(queries.Get("count-up-to"), k.s.sizes.quick).Scan(&many); err != nil || many < int64(k.s.sizes.quick) {
		return err
	}
	l := &live{listener: newListener()}
	k.listen(func(all []*live) []*live { return append(all, l) })
	began := time.Now()
	err := func() (err error) {
		if err = k.s.register(ctx, l.listener); err != nil {
			return err
		}
		if l.x, err = index.Read(q, index.Options{MaxBytes: quickBytes}); err == nil {
			_, err = k.refresh(ctx, l, math.MaxInt32)
		}
		return err
	}()
	if err != nil {
		k.listen(func(all []*live) []*live { return slices.DeleteFunc(all, func(o *live) bool { return o == l }) })
		return errors.Join(err, k.s.unregister(context.WithoutCancel(ctx), l.listener))
	}
	s := l.x.Stats()
	k.s.log.Info("previews are answered from memory", "people", s.People, "events", s.Events, "bytes", s.Bytes, "dropped", len(s.Dropped), "took", time.Since(began))
	k.use.Lock()
	defer k.use.Unlock()
	before := k.ready
	k.ready = l
	k.listen(func([]*live) []*live { return []*live{l} })
	if before == nil {
		return nil
	}
	return k.s.unregister(ctx, before.listener)
}
