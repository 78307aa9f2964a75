// Package store keeps rows: SQLite through one coalescing writer and a pool of
// readers, or PostgreSQL, behind the same statements.
//
// Law 1 (accepted means durable) rests on Write: it returns nil only after the
// transaction's COMMIT has been flushed.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanward/fanward/internal/fault"
)

// Engine names the database behind a DB.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// FileName is the SQLite database inside the data folder.
const FileName = "fanward.db"

// ErrNoRows is what Row.Scan returns when nothing matched.
var ErrNoRows = sql.ErrNoRows

// ErrRestart, returned by a write closure on PostgreSQL, runs it again in a new
// transaction: what it waited for has changed what it had read. SQLite's single
// writer never waits.
var ErrRestart = errors.New("the transaction has to start anew")

// Options say where the rows live.
type Options struct {
	// Dir is the data folder; used by SQLite.
	Dir string
	// URL of a PostgreSQL database; empty means SQLite in Dir.
	URL string
	Log *slog.Logger
	// Notify is called after commit with each topic hinted in the committed
	// transactions, once per topic and batch. It must not block. May be nil.
	Notify func(topic string)
	// Observe is called after every committed batch of the coalescing writer
	// with its size and how long work and commit took. May be nil.
	Observe func(members int, work, commit time.Duration)
	// Refused is called for each write that was refused because of overload. May
	// be nil.
	Refused func()
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine Engine
	log    *slog.Logger
	notify func(string)

	readers *sql.DB // SQLite: read-only pool; PostgreSQL: everybody's pool
	aside   *sql.DB // PostgreSQL only: one connection, see WriteAside
	stmts   stmtCache
	refused func()
	// turns wait to write, bulkTurns for their turn in bulk.
	turns, bulkTurns queueing
	// behind are other queues that writes lead into.
	behind []func() time.Duration

	// PostgreSQL only: held for reading by each write under way.
	gate sync.RWMutex
	down bool
	// closed: what a read fails with from now on is that there is no database.
	closed atomic.Bool
	// pooled: between us and the server a pooler hands out transactions.
	pooled bool
	// plain makes connections that are neither of the pool nor watched.
	plain *pgx.ConnConfig
	watch *watch

	// SQLite only.
	writer       *writer
	checkpointed chan struct{} // closed when the checkpointer has ended
}

// Open opens the database and, on SQLite, checks that the writer really has
// the durability it asks for. It does not migrate: see Migrate.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notify == nil {
		o.Notify = func(string) {}
	}
	if o.Observe == nil {
		o.Observe = func(int, time.Duration, time.Duration) {}
	}
	if o.Refused == nil {
		o.Refused = func() {}
	}
	if o.URL != "" {
		return openPostgres(ctx, o)
	}
	return openSQLite(ctx, o, filepath.Join(o.Dir, FileName))
}

// Engine tells which database this is.
func (db *DB) Engine() Engine { return db.engine }

// Pooled tells whether a pooler that hands out transactions stands before the
// PostgreSQL server.
func (db *DB) Pooled() bool { return db.pooled }

// Close waits for the writes under way and closes every connection. Writes
// that come later fail with the code shutting_down.
func (db *DB) Close() error {
	if db.writer != nil {
		db.writer.drain()
	} else {
		db.gate.Lock()
		db.down = true
		db.gate.Unlock()
	}
	db.closed.Store(true)
	if db.watch != nil {
		db.watch.close()
	}
	db.stmts.close()
	err := db.readers.Close()
	if db.aside != nil {
		err = errors.Join(err, db.aside.Close())
	}
	if db.writer != nil {
		<-db.checkpointed
		err = errors.Join(err, db.writer.close())
	}
	return err
}

// Write runs fn in one transaction and returns after its COMMIT is durable.
//
// fn must only run SQL and must be repeatable: it may run several times (a
// neighbour in the same batch that broke the transaction; a serialization
// failure on PostgreSQL), so it assigns its results, never appends to what an
// earlier run left. An error of fn undoes everything fn wrote and nothing
// else, and is returned as it is. When ctx ends before fn has begun, Write
// returns ctx's error and fn never runs; once begun, Write always waits for
// the outcome, so a caller never has to guess. (Only a PostgreSQL server lost
// during COMMIT leaves it open: storage_unavailable, to be repeated under the
// same unique key.)
//
// fn sees what neighbours in its batch have written; if their commit fails, fn
// runs again before its caller hears anything.
//
// Write must not be called from within fn, nor while Rows of a Reader are open
// in the same goroutine.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if err := db.admit(&db.turns, patienceOf(ctx)); err != nil {
		return err
	}
	if db.writer != nil {
		return db.writer.do(ctx, db.writer.queue, fn)
	}
	return db.writePostgres(ctx, db.readers, fn)
}

// WriteBulk is Write for what may come in crowds, such as behaviour: where many of
// them wait for SQLite's only writer, others take turns with them and do not wait
// behind them all.
func (db *DB) WriteBulk(ctx context.Context, fn func(tx *Tx) error) error {
	if err := db.AdmitBulk(ctx); err != nil {
		return err
	}
	if db.writer != nil {
		return db.writer.do(ctx, db.writer.bulk, fn)
	}
	return db.writePostgres(ctx, db.readers, fn)
}

// WriteAside is Write for what transactions under way may be waiting for: on
// PostgreSQL, where these could hold every connection, it has one of its own. On
// SQLite nothing may wait for it within a transaction.
func (db *DB) WriteAside(ctx context.Context, fn func(tx *Tx) error) error {
	if db.writer != nil {
		return db.Write(ctx, fn)
	}
	return db.writePostgres(ctx, db.aside, fn)
}

// AdmitBulk refuses whoever WriteBulk under ctx would refuse at once, so that
// what would only be sent away need not be read first.
func (db *DB) AdmitBulk(ctx context.Context) error {
	return db.admit(&db.bulkTurns, patienceOf(ctx))
}

// Reader reads committed rows outside any transaction.
func (db *DB) Reader(ctx context.Context) Querier {
	return &conn{ctx: ctx, db: db, run: func(ctx context.Context, q *Query) (statement, error) {
		if err := db.watch.reachable(); err != nil {
			return nil, err
		}
		return db.stmts.get(ctx, q)
	}}
}

// Snapshot runs fn's reads against one consistent state.
func (db *DB) Snapshot(ctx context.Context, fn func(q Querier) error) error {
	if err := db.watch.reachable(); err != nil {
		return err
	}
	opts := &sql.TxOptions{ReadOnly: true}
	if db.engine == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.readers.BeginTx(ctx, opts)
	if err != nil {
		return db.wrap("begin snapshot", err)
	}
	// Preparing for the pool takes a second connection. Whoever waited for one
	// while holding this one could wait for ever, with every other connection
	// in the hands of others who do the same: it is done after the end.
	var fresh []*Query
	defer func() {
		for _, q := range fresh {
			_, _ = db.stmts.get(ctx, q) // the next who needs it hears of a failure
		}
	}()
	defer func() { _ = tx.Rollback() }()
	return fn(&conn{ctx: ctx, db: db, single: true, run: func(ctx context.Context, q *Query) (statement, error) {
		if prepared, ok := db.stmts.known(q); ok {
			return tx.StmtContext(ctx, prepared), nil
		}
		if db.engine == SQLite && !q.once {
			fresh = append(fresh, q)
		}
		return txStatement{tx, q.Text(db.engine)}, nil
	}})
}

// Up is false while a PostgreSQL server does not answer and everything is
// refused.
func (db *DB) Up() bool { return db.watch.reachable() == nil }

// Ping checks that the database answers and, on PostgreSQL, takes writes: one
// that only reads is storage_read_only.
func (db *DB) Ping(ctx context.Context) error {
	if db.engine == Postgres {
		return db.pingPostgres(ctx)
	}
	var one int
	if err := db.readers.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return db.wrap("ping", err)
	}
	return nil
}

// SQL gives the pool to code that must speak to the engine itself: migrations,
// schema checks, id high-water marks.
func (db *DB) SQL() *sql.DB { return db.readers }

// Text is the statement as the engine reads it.
func (q *Query) Text(e Engine) string {
	if e == Postgres {
		return q.postgres
	}
	return q.sqlite
}

// wrap gives storage failures their codes; everything else keeps its cause
// under what was being done.
func (db *DB) wrap(doing string, err error) error {
	if plain(err) {
		return err
	}
	if db.closed.Load() {
		return fault.Wrap(fmt.Errorf("%s: %w", doing, err), errShuttingDown.Kind, errShuttingDown.Code, nil).RetryIn(errShuttingDown.RetryAfter)
	}
	return failed(doing, err)
}

// plain tells whether callers know an error as it is.
func plain(err error) bool {
	if err == nil || errors.Is(err, sql.ErrNoRows) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !connecting(err) {
		return true
	}
	_, ok := fault.As(err)
	return ok
}

// failed says what failed, and of the storage's own failures that they pass.
func failed(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if code := storageCode(err); code != "" {
		return fault.Wrap(err, fault.Unavailable, code, nil).RetryIn(5 * time.Second)
	}
	return err
}
