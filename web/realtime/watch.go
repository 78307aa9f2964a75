package realtime

import (
	"context"
	"slices"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
)

// No change tells what customers do: it is too much to be told to everybody. A
// page that shows it says so, and hears when there is more to show. What it costs
// depends on how many pages show something, not on how much happens; as long as
// none does, nobody listens and nothing is read.

const (
	// maxWatched is how many customers one socket may watch.
	maxWatched = 20
	// wakeEvery is how often rows are looked at, at most.
	wakeEvery = 500 * time.Millisecond
	// watchPoll is how often they are looked at without a hint: hints may be lost.
	watchPoll = 2 * time.Second
	// justNow: what is no older may have been stored after a page had read, and
	// before it was known to watch.
	justNow = 5 * time.Second
	// kindSegment tells of people who have entered or left.
	kindSegment = "segment"
)

// Kinds of what is watched.
const (
	// WatchedCustomer is what one customer does, and which segments have them.
	WatchedCustomer = "customer"
	// WatchedEvents is what everybody does.
	WatchedEvents = "events"
	// WatchedCalls are the tracking calls.
	WatchedCalls = "calls"
)

// Watched is something that pages show.
type Watched struct {
	Of       string
	Customer ids.ID // of WatchedCustomer
}

// watchIndex knows which sockets watch what; the hub's mu guards it.
type watchIndex struct {
	by map[Watched]*watchers
	of map[*staffSocket][]Watched
	// stirred wakes whoever looks at the rows.
	stirred chan struct{}
}

// watchers are the sockets that watch one thing, and what was last found there.
type watchers struct {
	sockets map[*staffSocket]struct{}
	seen    []ids.ID
	// fresh are those of the sockets that have come since it was last looked at.
	fresh map[*staffSocket]struct{}
}

func newWatchIndex() watchIndex {
	return watchIndex{by: map[Watched]*watchers{}, of: map[*staffSocket][]Watched{}, stirred: make(chan struct{}, 1)}
}

// stir has the rows looked at, if anybody watches.
func (x *watchIndex) stir() {
	if len(x.by) == 0 {
		return
	}
	select {
	case x.stirred <- struct{}{}:
	default:
	}
}

// set notes all that a socket watches from now on.
func (x *watchIndex) set(s *staffSocket, list []Watched) {
	for _, w := range x.of[s] {
		if slices.Contains(list, w) {
			continue
		}
		delete(x.by[w].sockets, s)
		delete(x.by[w].fresh, s)
		if len(x.by[w].sockets) == 0 {
			delete(x.by, w)
		}
	}
	for _, w := range list {
		if slices.Contains(x.of[s], w) {
			continue
		}
		if x.by[w] == nil {
			x.by[w] = &watchers{sockets: map[*staffSocket]struct{}{}, fresh: map[*staffSocket]struct{}{}}
		}
		x.by[w].sockets[s], x.by[w].fresh[s] = struct{}{}, struct{}{}
		x.stir()
	}
	delete(x.of, s)
	if len(list) > 0 {
		x.of[s] = list
	}
}

// watch notes what a teammate's page shows, as far as they may see it.
func (s *staffSocket) watch(f clientFrame) {
	if len(f.CustomerIDs) > maxWatched {
		s.shut(closeFrameInvalid)
		return
	}
	var list []Watched
	if s.principal.Can(auth.CustomersRead) {
		for _, id := range f.CustomerIDs {
			if w := (Watched{WatchedCustomer, id}); id != 0 && !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
		if f.Events {
			list = append(list, Watched{Of: WatchedEvents})
		}
	}
	if f.Calls && s.principal.Can(auth.TrackingManage) {
		list = append(list, Watched{Of: WatchedCalls})
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.groups[keyOf(s.principal)]; g != nil {
		if _, here := g.sockets[s]; here { // the last frame of a socket may be handled after its end
			h.watched.set(s, list)
		}
	}
}

// tellWatchers tells those who watch something that there is more of it.
func (h *Hub) tellWatchers(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.watched.stirred:
			h.tellWhileWatched(ctx)
		}
	}
}

// tellWhileWatched listens for as long as anybody watches anything.
func (h *Hub) tellWhileWatched(ctx context.Context) {
	touched, stop := h.o.Bus.Subscribe(customers.TopicTouched, 1)
	defer stop()
	called, stopCalls := h.o.Bus.Subscribe(customers.TopicCalls, 1)
	defer stopCalls()
	for h.lookAtWatched(ctx) {
		pause, stopPause := h.o.Machine.After(wakeEvery)
		select {
		case <-ctx.Done():
		case <-pause:
		}
		stopPause()
		poll, stopPoll := h.o.Machine.After(watchPoll)
		select {
		case <-ctx.Done():
		case <-touched:
		case <-called:
		case <-h.watched.stirred:
		case <-poll:
		}
		stopPoll()
	}
}

// lookAtWatched tells whoever shows something that has become different, and says
// whether anything is watched at all.
func (h *Hub) lookAtWatched(ctx context.Context) bool {
	h.mu.Lock()
	list := make([]Watched, 0, len(h.watched.by))
	for w := range h.watched.by {
		list = append(list, w)
	}
	h.mu.Unlock()
	for _, w := range list {
		if ctx.Err() != nil {
			return false
		}
		shown, err := h.o.Shown(ctx, w)
		if err != nil {
			if ctx.Err() == nil {
				h.log.Error("look at what a page shows", "of", w.Of, "error", err)
			}
			return true // the poll tries again
		}
		h.tellWatched(w, shown)
	}
	return len(list) > 0
}

// tellWatched hands out a wake to those who have not been shown what there is.
func (h *Hub) tellWatched(w Watched, shown []ids.ID) {
	recent := slices.ContainsFunc(shown, func(id ids.ID) bool { return h.o.Clock.Now().Sub(id.Time()) < justNow })
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.watched.by[w]
	if at == nil {
		return
	}
	changed := !slices.Equal(at.seen, shown)
	var f *frame
	for s := range at.sockets {
		if _, fresh := at.fresh[s]; fresh && !recent || !fresh && !changed {
			continue
		}
		if f == nil {
			f = wakeFrame(w)
		}
		s.hint(f)
	}
	at.seen = shown
	clear(at.fresh)
}
