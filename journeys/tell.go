package journeys

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

const (
	// tellEvery is how often those who look at a journey hear at most that its
	// people or numbers are others.
	tellEvery = time.Second
	// tellAfter lets the transaction end in which something has moved.
	tellAfter = 250 * time.Millisecond
)

// telling knows which journeys look different from when it was last told. It is
// in memory alone: a process that starts tells of every live journey, so nothing
// that an earlier one has left untold stays so.
type telling struct {
	mu    sync.Mutex
	moved map[ids.ID]time.Time // since when
	told  map[ids.ID]time.Time
	wake  chan struct{}
}

func newTelling() *telling {
	return &telling{moved: map[ids.ID]time.Time{}, told: map[ids.ID]time.Time{}, wake: make(chan struct{}, 1)}
}

// note remembers that a journey looks different, or is about to.
func (t *telling) note(journey ids.ID, now time.Time) {
	t.mu.Lock()
	if _, there := t.moved[journey]; !there {
		t.moved[journey] = now
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// due takes out the journeys that are to be told of now, and says how long there
// is nothing more to tell; 0 when nothing waits.
func (t *telling) due(now time.Time) (list []ids.ID, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, since := range t.moved {
		at := since.Add(tellAfter)
		if next := t.told[id].Add(tellEvery); next.After(at) {
			at = next
		}
		if left := at.Sub(now); left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		list = append(list, id)
		delete(t.moved, id)
		t.told[id] = now
	}
	slices.Sort(list)
	return list, wait
}

// tell lets those who look at journeys hear that they look different, until ctx
// ends.
func (s *Service) tell(ctx context.Context) {
	if err := s.noteLive(ctx); err != nil && ctx.Err() == nil {
		s.o.Log.Error("read the live journeys", slog.Any("error", err))
	}
	for ctx.Err() == nil {
		wait, err := s.TellSome(ctx)
		if err != nil && ctx.Err() == nil {
			s.o.Log.Error("tell of journeys", slog.Any("error", err))
			wait = afterTrouble
		}
		var timer <-chan time.Time
		stop := func() {}
		if wait > 0 {
			timer, stop = s.clk.After(wait)
		}
		select {
		case <-ctx.Done():
		case <-s.telling.wake:
		case <-timer:
		}
		stop()
	}
}

// TellSome tells of the journeys whose turn it is and returns when the next one
// has its turn, 0 for none.
func (s *Service) TellSome(ctx context.Context) (time.Duration, error) {
	now := s.clk.Now()
	list, wait := s.telling.due(now)
	if len(list) == 0 {
		return wait, nil
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range list {
			payload, err := json.Marshal(map[string]any{"journey_id": id})
			if err != nil {
				return err
			}
			if err := feed.Append(tx, feed.Change{At: now, Kind: "journey", Audience: feed.Staff, Payload: payload}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range list {
		if err != nil {
			s.telling.note(id, now)
		}
	}
	return wait, err
}

// noteLive remembers every journey that people may be in.
func (s *Service) noteLive(ctx context.Context) error {
	b, err := readBook(s.db.Reader(ctx))
	if err != nil {
		return err
	}
	for id, j := range b.journeys {
		if j.version != 0 {
			s.telling.note(id, s.clk.Now())
		}
	}
	return nil
}
