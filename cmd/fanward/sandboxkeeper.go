package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/web/api"
)

// sandboxKeeper decides whether the installation's sandbox is on, whether its
// pages run on this node, and moves this node's clock with it. The sandbox
// belongs to the installation: its pages run on one of the nodes, on any as long
// as every living one is set up for this machine alone; the others serve its
// customers, and one of them takes the pages over when their node is gone.
type sandboxKeeper struct {
	row    sandboxRow
	clk    *clock.System
	bus    bus.Bus
	log    *slog.Logger
	config *config.Config
	// real tells whether a real channel account exists; open opens the pages.
	real func(context.Context) (bool, error)
	open func(context.Context) (*sandboxSide, error)

	// turn is held by whoever acts on the row.
	turn sync.Mutex
	fits bool
	// refused is why the pages could not be opened, told once.
	refused error

	mu   sync.Mutex
	side *sandboxSide // nil while the pages do not run here
	// shown is where the pages are, nil while the sandbox is off.
	shown *api.SandboxPages
}

// errSandboxOver refuses to move the clock of real people.
var errSandboxOver = errors.New("a real channel account exists: the sandbox ends")

func (a *app) newSandboxKeeper() *sandboxKeeper {
	return &sandboxKeeper{
		row: sandboxRow{db: a.db.DB, machine: a.db.machine, node: a.db.node.Name}, clk: a.db.clk, bus: a.db.bus, log: obs.Component(a.log, "sandbox"),
		config: a.config, real: a.accounts.HasReal, open: a.startSandbox,
	}
}

// pages are where the sandbox can be visited, on whichever node it runs; nil while
// it is off.
func (k *sandboxKeeper) pages() *api.SandboxPages {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.shown
}

// here is the sandbox's pages where they run on this node, else nil.
func (k *sandboxKeeper) here() *sandboxSide {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.side
}

// begin decides at the start. It fails where the settings demand the sandbox and
// something forbids it, or where its pages cannot be opened.
func (k *sandboxKeeper) begin(ctx context.Context) error {
	var err error
	if k.fits, err = k.config.SandboxOn(false); err != nil {
		return err
	}
	if err := k.row.prepare(ctx); err != nil {
		return err
	}
	if k.alone() {
		return k.beginAlone(ctx)
	}
	if err := k.row.note(ctx, k.fits, 0); err != nil || !k.fits {
		return err
	}
	if err := k.round(ctx); err != nil {
		return err
	}
	if k.pages() != nil || k.here() != nil {
		return nil
	}
	// Another node may be about to open the pages; what forbids them is an error.
	name, err := k.row.forbidder(ctx)
	if err != nil {
		return err
	}
	real, err := k.real(ctx)
	if err != nil {
		return err
	}
	if k.refused != nil && k.config.Sandbox.Mode == "on" {
		return k.refused
	}
	_, err = k.config.SandboxOn(real)
	return errors.Join(err, k.config.SandboxForbidden(name))
}

// alone tells that no other node can exist.
func (k *sandboxKeeper) alone() bool { return k.row.db.Engine() == store.SQLite }

func (k *sandboxKeeper) beginAlone(ctx context.Context) error {
	real, err := k.real(ctx)
	if err != nil {
		return err
	}
	on, err := k.config.SandboxOn(real)
	if err != nil || !on {
		return err
	}
	if err := k.row.own(ctx); err != nil {
		return err
	}
	s, err := k.row.state(ctx)
	if err != nil {
		return err
	}
	k.clk.MoveTo(s.offset)
	side, err := k.open(ctx)
	if err != nil {
		return err
	}
	k.set(side, side.pages())
	return nil
}

func (k *sandboxKeeper) set(side *sandboxSide, pages *api.SandboxPages) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.side, k.shown = side, pages
}

// run follows the row until ctx ends. A node beside which the sandbox must not
// run has nothing to follow, and one that has ended alone never begins again.
func (k *sandboxKeeper) run(ctx context.Context) {
	round := k.round
	if k.alone() {
		if k.here() == nil {
			return
		}
		round = k.roundAlone
	} else {
		var noting sync.WaitGroup
		defer noting.Wait()
		noting.Go(func() { k.goOnNoting(ctx) })
		if !k.fits {
			return
		}
	}
	wake, stop := k.bus.Subscribe(sandboxTopic, 1)
	defer stop()
	failing := false
	for {
		poll, stop := k.row.machine.After(sandboxPoll)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-wake:
		case <-poll:
		}
		stop()
		err := round(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			k.log.Error("follow the sandbox", "error", err)
		}
		failing = err != nil
	}
}

// goOnNoting says again and again what note says: a node that was away for long may
// have a new row.
func (k *sandboxKeeper) goOnNoting(ctx context.Context) {
	for {
		again, stop := k.row.machine.After(nodeRenew)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-again:
		}
		k.turn.Lock()
		err := k.row.note(ctx, k.fits, k.clk.Offset())
		k.turn.Unlock()
		if err != nil && ctx.Err() == nil {
			k.log.Warn("tell the other nodes of the sandbox", "error", err)
		}
	}
}

// round keeps or takes the pages and follows the clock.
func (k *sandboxKeeper) round(ctx context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	s, err := k.row.state(ctx)
	if err != nil {
		return err
	}
	switch side := k.here(); {
	case side != nil:
		err = k.keep(ctx, side)
	case !k.row.machine.Now().Before(s.until):
		err = k.take(ctx, s)
	}
	if err != nil {
		return err
	}
	return k.follow(ctx)
}

// roundAlone ends the sandbox once people in earnest are there.
func (k *sandboxKeeper) roundAlone(ctx context.Context) error {
	k.turn.Lock()
	defer k.turn.Unlock()
	side := k.here()
	if side == nil {
		return nil
	}
	if real, err := k.real(ctx); err != nil || !real {
		return err
	}
	k.endFor(ctx, side)
	k.set(nil, nil)
	k.clk.MoveTo(0)
	return nil
}

// endFor closes the pages because a real channel account exists: no moved clock may
// date what real people do.
func (k *sandboxKeeper) endFor(ctx context.Context, side *sandboxSide) {
	k.log.Warn("the sandbox ends: a real channel account exists")
	k.close(ctx, side)
}

func (k *sandboxKeeper) close(ctx context.Context, side *sandboxSide) {
	k.set(nil, k.pages())
	gone, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	side.stop(gone)
}

// follow moves the clock to where the row says it stands and tells the others.
func (k *sandboxKeeper) follow(ctx context.Context) error {
	s, err := k.row.state(ctx)
	if err != nil {
		return err
	}
	if !s.on(k.row.machine.Now()) {
		s.offset, s.pages = 0, nil
	}
	k.set(k.here(), s.pages)
	if s.offset == k.clk.Offset() {
		return nil
	}
	k.clk.MoveTo(s.offset)
	return k.row.note(ctx, true, s.offset)
}

// keep goes on running the pages, unless they have to end here.
func (k *sandboxKeeper) keep(ctx context.Context, side *sandboxSide) error {
	real, err := k.real(ctx)
	if err != nil {
		return err
	}
	if real {
		k.endFor(ctx, side)
		return k.row.end(ctx)
	}
	kept, err := k.row.keep(ctx, side.pages())
	if err != nil || kept {
		return err
	}
	name, err := k.row.forbidder(ctx)
	if err != nil {
		return err
	}
	if name != "" {
		k.log.Warn("the sandbox ends: another node is set up for more than this machine", "node", name)
		err = k.row.end(ctx)
	} else {
		k.log.Warn("another node runs the sandbox's pages")
	}
	k.close(ctx, side)
	return err
}

// take runs the pages here, if nothing forbids them. was is the row before.
func (k *sandboxKeeper) take(ctx context.Context, was sandboxState) error {
	if real, err := k.real(ctx); err != nil || real {
		return err
	}
	taken, err := k.row.take(ctx)
	if err != nil || !taken {
		return err
	}
	k.clk.MoveTo(was.offset) // the accounts' rows carry the sandbox's time
	side, err := k.open(ctx)
	if err != nil {
		if left := k.row.leave(ctx, was.until); left != nil {
			return left
		}
		if k.refused == nil {
			k.log.Warn("the sandbox's pages cannot be opened on this node; it goes on trying", "error", err)
		}
		k.refused = err
		return nil
	}
	k.refused = nil
	k.set(side, side.pages())
	k.log.Info("the sandbox's pages run on this node", "shop", side.url(), "phones", side.phones.url(), "mailbox", side.mail.url())
	_, err = k.row.keep(ctx, side.pages())
	return err
}

// move moves the clock of every node and returns once all that live have moved,
// or have not within a while.
func (k *sandboxKeeper) move(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*moveWait)
	defer cancel()
	k.turn.Lock()
	var offset time.Duration
	real, err := k.real(ctx)
	if err == nil && real {
		err = errSandboxOver
	}
	if err == nil {
		offset, err = k.row.move(ctx, d)
	}
	if err == nil {
		k.clk.MoveTo(offset)
		err = k.row.note(ctx, true, offset)
	}
	k.turn.Unlock()
	if err != nil {
		return fmt.Errorf("move the clock: %w", err)
	}
	for until := time.Now().Add(moveWait); time.Now().Before(until); {
		if n, err := k.row.behind(ctx, offset); err != nil || n == 0 {
			return err
		}
		again, stop := k.row.machine.After(20 * time.Millisecond)
		<-again
		stop()
	}
	return nil
}

// stop ends the pages where they run here, so that another node can have them.
func (k *sandboxKeeper) stop(ctx context.Context) {
	k.turn.Lock()
	defer k.turn.Unlock()
	side := k.here()
	if side == nil {
		return
	}
	k.set(nil, k.pages())
	side.stop(ctx)
	if k.alone() {
		return
	}
	if err := k.row.leave(ctx, k.row.machine.Now()); err != nil {
		k.log.Warn("give the sandbox up", "error", err)
	}
}
