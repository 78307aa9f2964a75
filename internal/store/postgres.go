package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanward/fanward/internal/fault"
)

const (
	postgresConns = 24
	// A closure that never comes to its end is given up after both: on a machine
	// that is busy a few tries take as long.
	postgresRetries = 32
)

var postgresPatience = 3 * time.Second

// writePostgres runs fn in a transaction of its own on a connection of pool and
// repeats it when the engine asks for that.
func (db *DB) writePostgres(ctx context.Context, pool *sql.DB, fn func(*Tx) error) error {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.down {
		return errShuttingDown
	}
	began := time.Now()
	for try := 0; ; try++ {
		if err := db.watch.reachable(); err != nil {
			return err
		}
		tx, err := db.onePostgres(ctx, pool, fn)
		if err == nil {
			for _, h := range tx.hints {
				db.notify(h)
			}
			return nil
		}
		again := serializationFailure(err) || errors.Is(err, ErrRestart)
		tired := try >= postgresRetries && time.Since(began) > postgresPatience
		if again && (tired || ctx.Err() != nil) {
			return fault.Wrap(err, fault.Unavailable, "storage_unavailable", nil).RetryIn(time.Second)
		}
		if !again {
			return err
		}
		pause := time.NewTimer(time.Duration(rand.Int64N(int64(time.Millisecond) << min(try, 6))))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// onePostgres runs fn once. ctx ends the wait for a connection; what has begun
// goes on to its outcome without it.
func (db *DB) onePostgres(ctx context.Context, pool *sql.DB, fn func(*Tx) error) (*Tx, error) {
	c, begun, err := db.beginPostgres(ctx, pool)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = begun.Rollback()
		if db.pooled {
			db.watch.works(c, 0)
		}
		_ = c.Close()
	}()
	var sticky error
	tx := &Tx{conn: conn{ctx: context.WithoutCancel(ctx), db: db, sticky: &sticky, single: true, run: func(_ context.Context, q *Query) (statement, error) {
		return txStatement{begun, q.postgres}, nil
	}}}
	err = tx.finish(db.protect(tx, fn))
	failed := sticky
	sticky = errTxEnded
	if err != nil {
		if serializationFailure(failed) && !serializationFailure(err) {
			err = failed // the closure has hidden why it failed
		}
		if readOnly(err) || readOnly(failed) {
			_ = begun.Rollback() // it holds the connection
			db.dropIdle(c)
		}
		return nil, err
	}
	return tx, db.wrap("commit", begun.Commit())
}

// dropIdle gives up c and every connection that rests: after a failover they may
// lead to a server that only reads, while new ones find the one that writes.
func (db *DB) dropIdle(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	db.readers.SetMaxIdleConns(0)
	db.readers.SetMaxIdleConns(postgresConns)
}

// beginPostgres takes a connection and opens a transaction on it. A connection
// that died while it rested in the pool is no reason to fail.
func (db *DB) beginPostgres(ctx context.Context, pool *sql.DB) (*sql.Conn, *sql.Tx, error) {
	patient := ctx
	if patience := patienceOf(ctx); patience > 0 {
		var cancel context.CancelFunc
		patient, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	for try := 0; ; try++ {
		c, err := db.takeConn(patient, pool)
		if err != nil && ctx.Err() == nil && patient.Err() != nil {
			return nil, nil, db.overloaded()
		}
		if err != nil {
			return nil, nil, db.wrap("take a connection", err)
		}
		tx, err := c.BeginTx(context.WithoutCancel(ctx), nil)
		if err == nil {
			if err = db.settleIn(c, tx); err == nil {
				return c, tx, nil
			}
			_ = tx.Rollback()
		}
		_ = c.Close()
		if err = db.wrap("begin", err); try > postgresConns || fault.CodeOf(err) != "storage_unavailable" || db.watch.reachable() != nil {
			return nil, nil, err
		}
	}
}

// takeConn waits for a connection. From there on nobody waits for their turn, even
// if that line turns out to be dead: one of those is nothing to the others.
func (db *DB) takeConn(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	if pool != db.readers {
		return pool.Conn(ctx)
	}
	t := db.turns.join()
	defer db.turns.leave(t)
	return db.readers.Conn(ctx)
}

// protect runs the closure and what it has left for its end, and turns a panic
// into its error.
func (db *DB) protect(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = db.panicked(p)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.runLast()
}

// settleIn gives a transaction behind a pooler what a connection of our own has
// from its start, and learns which server process works on it.
func (db *DB) settleIn(c *sql.Conn, tx *sql.Tx) error {
	if !db.pooled {
		return nil
	}
	var lock, idle string
	var pid uint32
	err := tx.QueryRow("SELECT set_config('lock_timeout', '"+lockTimeout+"', true), set_config('idle_in_transaction_session_timeout', '"+idleTimeout+"', true), pg_backend_pid()").Scan(&lock, &idle, &pid)
	if err == nil {
		db.watch.works(c, pid)
	}
	return err
}

// serializationFailure recognises what the engine asks to repeat. A migration
// that another node runs may change what a prepared statement returns (0A000);
// nothing else of ours meets that code.
func serializationFailure(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "0A000" && strings.Contains(pg.Message, "cached plan"))
}

// readOnly recognises a standby, or a server set read-only.
func readOnly(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "25006"
}
