package realtime

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

const (
	followChunk = 500
	// followPoll is how often the feed is read without a hint: hints may be lost.
	followPoll = time.Second
)

// Options are what the hub needs.
type Options struct {
	DB       *store.DB
	Clock    clock.Clock
	Bus      bus.Bus
	Log      *slog.Logger
	Inbox    *inbox.Inbox
	Visitors *webchat.Visitors
	// Node names this node in every hello.
	Node string
	// PageViewed stores that a customer looked at a page; may be nil.
	PageViewed func(ctx context.Context, customer, identity ids.ID, url, title string)
	// AccountChanged hears the public key of every changed account, before the
	// sockets do; may be nil.
	AccountChanged func(key string)
	// Standing tells whether what a teammate's or token's socket was opened with
	// still holds; it is asked once the socket hears of changes, and every few
	// minutes. nil = it always does.
	Standing func(ctx context.Context, p auth.Principal, session string) (auth.Standing, error)
	// Machine runs the timers that have nothing to do with the house's time:
	// polling, expiry of hints. nil = the machine's clock, which nobody moves.
	Machine clock.Clock
	// HelloTimeout is how long a client may take for its first frame; 0 = 10 s.
	HelloTimeout time.Duration
	// WriteTimeout is how long one frame may take before its reader counts as
	// gone; 0 = 10 s.
	WriteTimeout time.Duration
	// Refused counts what was refused because of overload, by where it waited; may
	// be nil.
	Refused func(where string)
	// Shown answers the ids of the newest of what pages show, for those who watch
	// it. nil = nothing ever changes there.
	Shown func(ctx context.Context, w Watched) ([]ids.ID, error)
	// Opened counts a new socket of a kind ("teammate", "visitor"); the
	// returned function is called with its close code. May be nil.
	Opened func(kind string) func(code int)
}

// Hub holds this node's sockets and passes the feed on to them.
type Hub struct {
	o   Options
	log *slog.Logger

	mu sync.Mutex
	// position is the last change handed out; a socket that registers under
	// mu receives everything behind it.
	position feed.Position
	groups   map[groupKey]*group
	visitors visitorIndex
	watched  watchIndex
	hints    hints
	open     map[*conn]struct{} // every socket, greeted or not
	draining bool
	// binding keeps who a browser is: whoever reads it from the store and
	// writes it into the index holds the browser's lock, so that the newest
	// reading wins. Taken before mu.
	binding [64]sync.Mutex
	// late is how old what is handed out is, in nanoseconds, while the hub is behind
	// the feed; 0 when it is not.
	late atomic.Int64
	// handlers counts the goroutines that read sockets.
	handlers sync.WaitGroup
}

// groupKey gathers the sockets that have the same rights, so that rights are
// judged once per group and change. Everybody who sees everything and may read
// the same things shares a group.
type groupKey struct {
	everything bool
	role       auth.Role
	principal  ids.ID // 0 for shared groups
	token      bool
	rights     int64
}

type group struct {
	principal auth.Principal
	sockets   map[*staffSocket]struct{}
}

// New returns a hub; Run makes it follow the feed.
func New(o Options) *Hub {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Opened == nil {
		o.Opened = func(string) func(int) { return func(int) {} }
	}
	if o.AccountChanged == nil {
		o.AccountChanged = func(string) {}
	}
	if o.PageViewed == nil {
		o.PageViewed = func(context.Context, ids.ID, ids.ID, string, string) {}
	}
	if o.Standing == nil {
		o.Standing = func(context.Context, auth.Principal, string) (auth.Standing, error) { return auth.Stands, nil }
	}
	if o.Shown == nil {
		o.Shown = func(context.Context, Watched) ([]ids.ID, error) { return nil, nil }
	}
	if o.Machine == nil {
		o.Machine = clock.NewSystem()
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	if o.HelloTimeout == 0 {
		o.HelloTimeout = helloTimeout
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = writeTimeout
	}
	h := &Hub{o: o, log: o.Log, groups: map[groupKey]*group{}, visitors: newVisitorIndex(), watched: newWatchIndex(), open: map[*conn]struct{}{}}
	h.hints = newHints(h)
	return h
}

// Start reads where the feed ends now. Sockets may be served afterwards.
func (h *Hub) Start(ctx context.Context) error {
	head, err := feed.Head(h.o.DB.Reader(ctx))
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.position = head
	h.mu.Unlock()
	return nil
}

// Run follows the feed until ctx ends.
func (h *Hub) Run(ctx context.Context) {
	wake, stop := h.o.Bus.Subscribe(feed.Topic, 1)
	defer stop()
	hinted, stopHints := h.o.Bus.Subscribe(hintTopic, 1024)
	defer stopHints()
	joined, stopJoined := h.o.Bus.Subscribe(bus.TopicJoined, 1)
	defer stopJoined()
	var background sync.WaitGroup
	background.Go(func() { h.hints.run(ctx, hinted, joined) })
	background.Go(func() { h.sweeps(ctx) })
	background.Go(func() { h.tellWatchers(ctx) })
	for ctx.Err() == nil {
		if err := h.follow(ctx); err != nil && ctx.Err() == nil {
			h.log.Error("follow the change feed", "error", err)
		}
		poll, stop := h.o.Machine.After(followPoll)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-poll:
		}
		stop()
	}
	background.Wait()
}

// follow hands out everything that has been committed since.
func (h *Hub) follow(ctx context.Context) error {
	for {
		h.mu.Lock()
		at := h.position
		h.mu.Unlock()
		changes, err := feed.After(h.o.DB.Reader(ctx), at, followChunk)
		if err != nil {
			return err
		}
		for i := range changes {
			if err := h.dispatch(ctx, &changes[i]); err != nil {
				return err
			}
		}
		if len(changes) < followChunk {
			h.late.Store(0)
			return nil
		}
		h.late.Store(int64(h.o.Clock.Now().Sub(changes[len(changes)-1].At)))
	}
}

// Lag is how far this node's sockets are behind the feed.
func (h *Hub) Lag() time.Duration { return time.Duration(h.late.Load()) }

// dispatch passes one change to every socket that may have it. Position and
// queues move together under mu, so a socket that registers meanwhile is
// either behind this change or gets it by replay. After an error nothing has
// been handed out, and the change is tried again.
func (h *Hub) dispatch(ctx context.Context, c *feed.Change) error {
	if c.Kind == "message" && !c.Existed || c.Kind == "customer" && c.Identity != 0 {
		if err := h.follows(ctx, c.Identity); err != nil {
			return err
		}
	}
	if c.Kind == "account" {
		h.accountChanged(c)
	}
	shared, err := h.shared(ctx, c)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position = c.Position
	h.toStaff(c)
	if c.Kind == kindSegment {
		h.watched.stir()
	}
	if c.Kind == inbox.KindThread {
		h.visitors.startAnew(c)
	}
	if len(c.VisitorPayload) > 0 {
		h.visitors.deliver(c, shared)
	}
	return nil
}

// Position is how far this node has followed the feed.
func (h *Hub) Position() feed.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}

// Drain refuses new sockets and tells every open one to come back elsewhere or
// later, then waits for their ends, at most until ctx is done.
func (h *Hub) Drain(ctx context.Context) {
	h.hints.publish(hint{Kind: hintBye})
	h.mu.Lock()
	h.draining = true
	conns := slices.Collect(maps.Keys(h.open))
	h.mu.Unlock()
	for _, c := range conns {
		c.shut(closeRestart)
	}
	done := make(chan struct{})
	go func() { h.handlers.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		for _, c := range conns {
			_ = c.ws.Close()
		}
	}
}

// standingEvery is after how many sweeps teammates' sockets are asked again
// whether they still stand: a sign-in that runs out is no change.
const standingEvery = 20

// sweeps keep quiet sockets honest and their positions fresh.
func (h *Hub) sweeps(ctx context.Context) {
	var told feed.Position
	for round := 1; ; round++ {
		tick, stop := h.o.Machine.After(sweepEvery)
		select {
		case <-ctx.Done():
			stop()
			return
		case now := <-tick:
			for _, c := range h.refresh(&told) {
				c.sweep(now)
			}
		}
		if round%standingEvery == 0 {
			h.askStanding(ctx)
		}
	}
}

// refresh tells teammates how far the feed has come and returns every socket.
func (h *Hub) refresh(told *feed.Position) []*conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.position != *told {
		*told = h.position
		f := positionFrame(*told)
		for _, g := range h.groups {
			for s := range g.sockets {
				s.deliver(*told, f)
			}
		}
	}
	return slices.Collect(maps.Keys(h.open))
}

func (h *Hub) askStanding(ctx context.Context) {
	var all []*staffSocket
	h.mu.Lock()
	for _, g := range h.groups {
		for s := range g.sockets {
			all = append(all, s)
		}
	}
	h.mu.Unlock()
	for _, s := range all {
		if ctx.Err() == nil {
			s.stands(ctx)
		}
	}
}
