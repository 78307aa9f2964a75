package main

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/web/api"
)

const (
	// sandboxTopic hints that the sandbox's row has changed.
	sandboxTopic = "sandbox"
	// sandboxLease is how long nobody else runs the sandbox's pages after their
	// node was last heard of.
	sandboxLease = 5 * time.Second
	// sandboxGrace is how long the sandbox counts as on without a node that runs its
	// pages: one that died does not end it for the others.
	sandboxGrace = time.Minute
	// sandboxPoll is how often the row is looked at without a hint.
	sandboxPoll = time.Second
	// moveWait bounds how long a move of the clock waits for the other nodes.
	moveWait = 3 * time.Second
)

// sandboxRow is what all nodes know of the installation's sandbox: who runs its
// pages, where they are, and how far its clock stands. On SQLite, which has one
// node, it keeps the clock alone.
type sandboxRow struct {
	db      *store.DB
	machine clock.Clock
	// node is this one's name: its number may change.
	node string
}

// sandboxState is the row at an instant. until is the machines' time.
type sandboxState struct {
	holder string
	until  time.Time
	pages  *api.SandboxPages
	offset time.Duration
}

// on tells whether the sandbox is on at an instant of the machine's clock.
func (s sandboxState) on(now time.Time) bool { return now.Before(s.until.Add(sandboxGrace)) }

// prepare makes the row where a backup from before it was restored.
func (r sandboxRow) prepare(ctx context.Context) error { return r.exec(ctx, qMakeSandbox) }

func (r sandboxRow) state(ctx context.Context) (sandboxState, error) {
	var s sandboxState
	var until, offset int64
	var pages api.SandboxPages
	err := r.db.Reader(ctx).QueryRow(qSandbox).Scan(&s.holder, &until, &pages.Shop, &pages.Phones, &pages.Mailbox, &offset)
	s.until, s.offset = clock.FromMillis(until), time.Duration(offset)*time.Millisecond
	if pages.Shop != "" {
		s.pages = &pages
	}
	return s, err
}

// note tells the other nodes whether the sandbox may run beside this one, and how
// far its clock has moved.
func (r sandboxRow) note(ctx context.Context, fits bool, offset time.Duration) error {
	word := "forbids"
	if fits {
		word = "fits"
	}
	return r.exec(ctx, qNoteSandbox, word, offset.Milliseconds(), r.node)
}

// forbidder is a node beside which the sandbox must not run; "" when there is none.
func (r sandboxRow) forbidder(ctx context.Context) (name string, err error) {
	return name, r.db.Reader(ctx).QueryRow(qForbidder, r.now()).Scan(&name)
}

// take makes this node the one that runs the pages, unless another one does or
// forbids it.
func (r sandboxRow) take(ctx context.Context) (bool, error) {
	now := r.now()
	return r.changes(ctx, qTakeSandbox, r.node, now+sandboxLease.Milliseconds(), now, now)
}

// own makes this node the one that runs the pages where no other node can exist.
func (r sandboxRow) own(ctx context.Context) error { return r.exec(ctx, qOwnSandbox, r.node) }

// keep renews what take took; false when another node has it or forbids it.
func (r sandboxRow) keep(ctx context.Context, pages *api.SandboxPages) (bool, error) {
	now := r.now()
	return r.changes(ctx, qKeepSandbox, now+sandboxLease.Milliseconds(), pages.Shop, pages.Phones, pages.Mailbox, r.node, now)
}

// leave lets another node run the pages. The sandbox counts as on for a while
// after until; end ends it at once.
func (r sandboxRow) leave(ctx context.Context, until time.Time) error {
	return r.exec(ctx, qLeave, clock.Millis(until), r.node)
}

func (r sandboxRow) end(ctx context.Context) error { return r.exec(ctx, qLeave, 0, r.node) }

// move adds to the clock's offset, as the one that runs the pages, and returns
// what it is then.
func (r sandboxRow) move(ctx context.Context, d time.Duration) (time.Duration, error) {
	var offset int64
	err := r.db.Write(ctx, func(tx *store.Tx) error {
		tx.Hint(sandboxTopic)
		return tx.QueryRow(qMove, d.Milliseconds(), r.node).Scan(&offset)
	})
	return time.Duration(offset) * time.Millisecond, err
}

// behind counts the living nodes whose clock stands elsewhere.
func (r sandboxRow) behind(ctx context.Context, offset time.Duration) (n int64, err error) {
	return n, r.db.Reader(ctx).QueryRow(qBehind, r.now(), offset.Milliseconds()).Scan(&n)
}

// Load implements simulator.Keeper.
func (r sandboxRow) Load() ([]byte, error) {
	var phones string
	err := r.db.Reader(context.Background()).QueryRow(qLoadPhones).Scan(&phones)
	if err != nil || phones == "" {
		return nil, err
	}
	return []byte(phones), nil
}

// Save implements simulator.Keeper. Whoever has lost the sandbox saves nothing.
func (r sandboxRow) Save(snapshot []byte) error {
	return r.exec(context.Background(), qSavePhones, string(snapshot), r.node)
}

func (r sandboxRow) now() int64 { return clock.Millis(r.machine.Now()) }

func (r sandboxRow) exec(ctx context.Context, q *store.Query, args ...any) error {
	_, err := r.changes(ctx, q, args...)
	return err
}

// changes tells whether the statement has changed a row.
func (r sandboxRow) changes(ctx context.Context, q *store.Query, args ...any) (changed bool, err error) {
	return changed, r.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(q, args...)
		changed = n > 0
		return err
	})
}
