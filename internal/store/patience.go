package store

import (
	"context"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// errOverloaded: more comes in than can be made durable; nothing was stored.
var errOverloaded = fault.New(fault.Unavailable, "overloaded", nil).RetryIn(OverloadRest)

// OverloadRest is how long whoever was refused because of overload is asked to
// stay away.
const OverloadRest = 5 * time.Second

type patienceKey struct{}

// Patience bounds how long a Write under ctx waits for its turn: one that has not
// begun by then is refused with the code overloaded and never runs, and so is,
// at once, one that comes while others have waited for as long. The edges set it
// for whoever can come back; writes without it wait.
func Patience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

func patienceOf(ctx context.Context) time.Duration {
	d, _ := ctx.Value(patienceKey{}).(time.Duration)
	return d
}

// queueing knows who waits for their turn to write, the oldest first.
type queueing struct {
	mu           sync.Mutex
	oldest, last *turn
}

// turn is one Write that has not begun.
type turn struct {
	since      time.Time
	prev, next *turn
	left       bool
}

func (q *queueing) join() *turn {
	t := &turn{since: time.Now()}
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.prev = q.last; q.last != nil {
		q.last.next = t
	} else {
		q.oldest = t
	}
	q.last = t
	return t
}

// leave is called once t has begun or was given up; again it does nothing.
func (q *queueing) leave(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.left {
		return
	}
	t.left = true
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		q.oldest = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		q.last = t.prev
	}
}

func (q *queueing) wait() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.oldest == nil {
		return 0
	}
	return time.Since(q.oldest.since)
}

// Waiting is how long the oldest write that has not begun has been waiting, 0
// when none is.
func (db *DB) Waiting() time.Duration { return max(db.turns.wait(), db.bulkTurns.wait()) }

// Behind registers another queue that writes lead into, by how long it takes:
// when that is longer than somebody's patience, they are refused. Call it while
// the program starts.
func (db *DB) Behind(lag func() time.Duration) { db.behind = append(db.behind, lag) }

// admit refuses at once whoever would wait for too long.
func (db *DB) admit(turns *queueing, patience time.Duration) error {
	if patience <= 0 {
		return nil
	}
	late := turns.wait() > patience
	for _, lag := range db.behind {
		late = late || lag() > patience
	}
	if late {
		return db.overloaded()
	}
	return nil
}

// overloaded is what whoever waited for too long is told: that the server is gone
// where that is known, as then more patience or less load would not help.
func (db *DB) overloaded() error {
	if err := db.watch.reachable(); err != nil {
		return err
	}
	db.refused()
	return errOverloaded
}
