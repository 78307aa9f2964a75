package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
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
	control map[string]*sql.Stmt
	observe func(members int, work, commit time.Duration)
	// taken are the members that have left the queue and not yet been told.
	taken []*member

	queue chan *member
	// bulk is a second queue, whose members take turns with those of the first.
	bulk chan *member
	// bulkNext: it is the second queue's turn.
	bulkNext bool
	stop     chan struct{}
	closed   chan struct{}
	once     sync.Once
	gate     sync.RWMutex // held for reading while a member is queued
	down     bool

	committed chan struct{} // tells the checkpointer that there is something to move
	restart   chan func()   // the checkpointer's work between two batches
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
	turns *queueing // of its queue
	turn  *turn
	tx    *Tx
	err   error // the closure's own outcome, told once the batch is committed
}

var errShuttingDown = fault.New(fault.Unavailable, "shutting_down", nil).RetryIn(2 * time.Second)

func newWriter(db *DB, pool *sql.DB, observe func(int, time.Duration, time.Duration)) *writer {
	return &writer{
		db: db, pool: pool, observe: observe, stmts: map[*Query]*sql.Stmt{}, control: map[string]*sql.Stmt{},
		queue: make(chan *member, queueLength), bulk: make(chan *member, queueLength), stop: make(chan struct{}), closed: make(chan struct{}), committed: make(chan struct{}, 1), restart: make(chan func()),
	}
}

// begun tells that m may run (again); it no longer can be abandoned.
func (m *member) begun() bool {
	return m.state.CompareAndSwap(waiting, running) || m.state.Load() == running
}

func (w *writer) do(ctx context.Context, queue chan *member, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turns := &w.db.turns
	if queue == w.bulk {
		turns = &w.db.bulkTurns
	}
	m := &member{fn: fn, done: make(chan error, 1), turns: turns, turn: turns.join()}
	defer turns.leave(m.turn)
	var over <-chan time.Time
	if patience := patienceOf(ctx); patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	if err := w.enqueue(ctx, queue, m, over); err != nil {
		return err
	}
	select {
	case err := <-m.done:
		return err
	case <-over:
		if m.state.CompareAndSwap(waiting, abandoned) {
			w.db.refused()
			return errOverloaded
		}
		return <-m.done
	case <-ctx.Done():
		if m.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-m.done
	}
}

func (w *writer) enqueue(ctx context.Context, queue chan *member, m *member, over <-chan time.Time) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	if w.down {
		return errShuttingDown
	}
	select {
	case queue <- m:
		return nil
	case <-over:
		w.db.refused()
		return errOverloaded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain refuses new members and returns when those accepted have been told.
func (w *writer) drain() {
	w.once.Do(func() {
		w.gate.Lock()
		w.down = true
		w.gate.Unlock()
		close(w.stop)
	})
	<-w.closed
}

// close ends the connection of a drained writer. It is the last one of the
// database, so SQLite moves the log into the file and removes it.
func (w *writer) close() error {
	w.forget()
	return errors.Join(w.conn.Close(), w.pool.Close())
}

// forget closes the statements of the current connection. When the pool has
// already closed the connection they went with it and must not be touched.
func (w *writer) forget() {
	if w.conn.Raw(func(any) error { return nil }) == nil {
		for _, st := range w.stmts {
			_ = st.Close()
		}
		for _, st := range w.control {
			_ = st.Close()
		}
	}
	w.stmts, w.control = map[*Query]*sql.Stmt{}, map[string]*sql.Stmt{}
}

// lend gives the only writing connection back to its pool while fn runs. It is
// for migrations, before the first Write.
func (w *writer) lend(ctx context.Context, fn func() error) error {
	w.forget()
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("lend the writing connection: %w", err)
	}
	return errors.Join(fn(), w.connect(ctx))
}

func (w *writer) loop() {
	ended := false
	defer func() {
		if ended {
			close(w.closed)
			return
		}
		// A closure ended this goroutine (runtime.Goexit): fail its batch and
		// go on in a new one, or every later write would wait for ever.
		_ = w.exec("ROLLBACK")
		w.tell(w.taken, errors.New("a write closure ended the writer's goroutine"))
		w.taken = nil
		go w.loop()
	}()
	for {
		select {
		case m := <-w.queue:
			w.batch(m)
		case m := <-w.bulk:
			w.batch(m)
		case fn := <-w.restart:
			fn()
		case <-w.stop:
			for {
				m := w.next()
				if m == nil {
					ended = true
					return
				}
				w.batch(m)
			}
		}
	}
}

// next takes whoever waits, nil when nobody does. Where both queues wait they
// take turns: much that arrives together keeps nobody else waiting for all of it.
func (w *writer) next() *member {
	first, second := w.queue, w.bulk
	if w.bulkNext {
		first, second = second, first
	}
	w.bulkNext = !w.bulkNext
	select {
	case m := <-first:
		return m
	default:
	}
	select {
	case m := <-second:
		return m
	default:
		return nil
	}
}

func (w *writer) tell(members []*member, err error) {
	for _, m := range members {
		m.done <- err
	}
}

// begin opens the transaction, on a new connection when the old one cannot:
// it may be lost, or left inside a transaction by a failed rollback.
func (w *writer) begin() error {
	err := w.exec("BEGIN IMMEDIATE")
	if err == nil {
		return nil
	}
	w.db.log.Warn("the writing connection cannot begin and is opened again", "error", err)
	if err := w.reconnect(); err != nil {
		return err
	}
	return w.exec("BEGIN IMMEDIATE")
}

// reconnect replaces the writing connection.
func (w *writer) reconnect() error {
	w.forget()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool must not give the old one again
	_ = w.conn.Close()
	return w.connect(context.Background())
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
		err := c.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %q and must be %q", pragma, got, want)
		}
		if err != nil {
			_ = c.Close()
			return fmt.Errorf("the writing connection cannot be trusted: %w", err)
		}
	}
	w.conn = c
	return nil
}

// exec runs one of the writer's own statements.
func (w *writer) exec(text string) error {
	st, ok := w.control[text]
	if !ok {
		var err error
		if st, err = w.conn.PrepareContext(context.Background(), text); err != nil {
			return err
		}
		w.control[text] = st
	}
	_, err := st.ExecContext(context.Background())
	return err
}

func (w *writer) prepare(ctx context.Context, q *Query) (statement, error) {
	if st, ok := w.stmts[q]; ok {
		return st, nil
	}
	if q.once {
		return txStatement{w.conn, q.sqlite}, nil
	}
	st, err := w.conn.PrepareContext(ctx, q.sqlite)
	if err != nil {
		return nil, err
	}
	w.stmts[q] = st
	return st, nil
}
