package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// The writer's limits. A batch ends at the first of them; what is left waits
// for the next flush.
const (
	maxBatch     = 512
	maxBatchWork = 20 * time.Millisecond
	queueLength  = 8192
)

// writer is SQLite's only writing connection. It gathers the closures that
// wait, runs each in its own savepoint and flushes them with one COMMIT: a
// flush costs milliseconds, a closure tens of microseconds.
type writer struct {
	db      *DB
	pool    *sql.DB
	conn    *sql.Conn
	stmts   map[*Query]*sql.Stmt
	observe func(members int, work, commit time.Duration)

	queue  chan *member
	stop   chan struct{}
	closed chan struct{}
	once   sync.Once
	gate   sync.RWMutex // held for reading while a member is queued
	down   bool
}

const (
	waiting int32 = iota
	running
	abandoned
)

// member is one closure on its way through a batch.
type member struct {
	fn    func(*Tx) error
	state atomic.Int32
	done  chan error
	tx    *Tx
	err   error
}

var errShuttingDown = fault.New(fault.Unavailable, "shutting_down", nil).RetryIn(2 * time.Second)

func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m := &member{fn: fn, done: make(chan error, 1)}
	if err := w.enqueue(ctx, m); err != nil {
		return err
	}
	select {
	case err := <-m.done:
		return err
	case <-ctx.Done():
		if m.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-m.done
	}
}

func (w *writer) enqueue(ctx context.Context, m *member) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	if w.down {
		return errShuttingDown
	}
	select {
	case w.queue <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) close() error {
	w.once.Do(func() {
		w.gate.Lock()
		w.down = true
		w.gate.Unlock()
		close(w.stop)
	})
	<-w.closed
	for _, st := range w.stmts {
		_ = st.Close()
	}
	return errors.Join(w.conn.Close(), w.pool.Close())
}

// lend gives the only writing connection back to its pool while fn runs. It is
// for migrations, before the first Write.
func (w *writer) lend(ctx context.Context, fn func() error) error {
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("lend the writing connection: %w", err)
	}
	return errors.Join(fn(), w.connect(ctx))
}

func (w *writer) loop() {
	defer close(w.closed)
	for {
		select {
		case m := <-w.queue:
			w.batch(m)
		case <-w.stop:
			for {
				select {
				case m := <-w.queue:
					w.batch(m)
				default:
					return
				}
			}
		}
	}
}

// batch gathers members behind first, commits them together and tells each its
// outcome. Nobody hears of success before COMMIT has returned.
func (w *writer) batch(first *member) {
	start := time.Now()
	todo := []*member{first}
	for len(todo) > 0 {
		accepted, again, err := w.attempt(&todo, start)
		if err == nil {
			continue
		}
		if again && len(accepted) > 0 {
			// A member broke the transaction: its neighbours have lost their
			// work through no fault of theirs and run again without it.
			todo = append(accepted, todo...)
			continue
		}
		if len(accepted) > 1 && storageCode(err) == "" {
			// Something only COMMIT could see, and not the disk: find whose it is.
			for _, m := range accepted {
				alone := []*member{m}
				if failed, _, err := w.attempt(&alone, start.Add(-maxBatchWork)); err != nil {
					w.finish(failed, err)
				}
			}
			continue
		}
		w.finish(accepted, err)
	}
}

// attempt runs one transaction over *todo and what arrives meanwhile. It
// leaves in *todo the members that were not reached. again is true when the
// returned members have to run once more.
func (w *writer) attempt(todo *[]*member, start time.Time) (accepted []*member, again bool, err error) {
	if err := w.begin(); err != nil {
		all := *todo
		*todo = nil
		return all, false, w.db.wrap("begin", err)
	}
	for len(*todo) > 0 {
		m := (*todo)[0]
		*todo = (*todo)[1:]
		if m.state.CompareAndSwap(waiting, running) || m.state.Load() == running {
			open := w.runMember(m)
			switch {
			case !open:
				return accepted, true, w.broken(m)
			case m.err != nil:
				m.done <- m.err
			default:
				accepted = append(accepted, m)
			}
		}
		if len(*todo) == 0 && len(accepted) < maxBatch && time.Since(start) < maxBatchWork {
			select {
			case next := <-w.queue:
				*todo = append(*todo, next)
			default:
			}
		}
	}
	return accepted, false, w.commit(accepted, start)
}

// runMember runs one closure in a savepoint. open is false when the closure's
// failure took the whole transaction with it.
func (w *writer) runMember(m *member) (open bool) {
	var sticky error
	m.tx = &Tx{conn: conn{ctx: context.Background(), db: w.db, run: w.prepare, sticky: &sticky}}
	m.err = w.exec("SAVEPOINT member")
	if m.err == nil {
		m.err = w.protect(m)
	}
	if m.err == nil {
		m.err = sticky
	}
	if m.err == nil {
		// Also proves that the closure left the transaction and its savepoint standing.
		if m.err = w.exec("RELEASE member"); m.err == nil {
			return true
		}
		m.err = fmt.Errorf("the closure ended its own savepoint: %w", m.err)
	}
	if err := w.exec("ROLLBACK TO member"); err != nil {
		return false
	}
	return w.exec("RELEASE member") == nil
}

func (w *writer) protect(m *member) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.db.log.Error("a write closure panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("a write closure panicked: %v", p)
		}
	}()
	return m.fn(m.tx)
}

// broken ends what may be left of the transaction and fails or requeues the
// member that broke it.
func (w *writer) broken(m *member) error {
	_ = w.exec("ROLLBACK") // an error says that it is gone already
	m.done <- w.db.wrap("write", m.err)
	return m.err
}

func (w *writer) commit(accepted []*member, start time.Time) error {
	worked := time.Now()
	if err := w.exec("COMMIT"); err != nil {
		_ = w.exec("ROLLBACK")
		return w.db.wrap("commit", err)
	}
	w.observe(len(accepted), worked.Sub(start), time.Since(worked))
	announced := map[string]bool{}
	for _, m := range accepted {
		for _, h := range m.tx.hints {
			if !announced[h] {
				announced[h] = true
				w.db.notify(h)
			}
		}
		m.done <- nil
	}
	return nil
}

func (w *writer) finish(members []*member, err error) {
	for _, m := range members {
		m.done <- err
	}
}

// begin opens the transaction, on a new connection when the old one is spent.
func (w *writer) begin() error {
	err := w.exec("BEGIN IMMEDIATE")
	if !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, sql.ErrConnDone) {
		return err
	}
	w.db.log.Warn("the writing connection was lost and is opened again", slog.Any("error", err))
	_ = w.conn.Close()
	w.stmts = map[*Query]*sql.Stmt{}
	if err := w.connect(context.Background()); err != nil {
		return err
	}
	return w.exec("BEGIN IMMEDIATE")
}

// connect takes the pool's only connection and reads back that it is as
// durable as law 1 needs.
func (w *writer) connect(ctx context.Context) error {
	c, err := w.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open the writing connection: %w", err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": synchronousCode[synchronous], "foreign_keys": "1"} {
		var got string
		if err := c.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			_ = c.Close()
			return fmt.Errorf("the writing connection has %s=%q instead of %q (%w)", pragma, got, want, err)
		}
	}
	w.conn = c
	return nil
}

func (w *writer) exec(text string) error {
	_, err := w.conn.ExecContext(context.Background(), text)
	return err
}

func (w *writer) prepare(ctx context.Context, q *Query) (statement, error) {
	if st, ok := w.stmts[q]; ok {
		return st, nil
	}
	if controlsTransaction(q.sqlite) {
		return nil, fmt.Errorf("a write closure must not control its transaction: %.40q", q.sqlite)
	}
	st, err := w.conn.PrepareContext(ctx, q.sqlite)
	if err != nil {
		return nil, err
	}
	w.stmts[q] = st
	return st, nil
}

// controlsTransaction recognises statements that would end or nest the batch's
// transaction under its members' feet.
func controlsTransaction(text string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	switch strings.ToUpper(word) {
	case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "ATTACH", "DETACH", "VACUUM":
		return true
	}
	return false
}
