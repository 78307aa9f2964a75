package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"

	"github.com/fanward/fanward/internal/fault"
)

const (
	postgresConns   = 24
	postgresRetries = 8
	// postgresLost is after how long without an answer to what was sent the
	// server counts as lost.
	postgresLost = 30 * time.Second
)

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be used: %w", err)
	}
	config.DialFunc = dialPostgres
	for name, value := range map[string]string{"application_name": "fanward", "lock_timeout": "10s"} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(checkDurability))
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := &DB{engine: Postgres, log: o.Log, notify: o.Notify, readers: pool}
	db.stmts = stmtCache{db: pool, engine: Postgres}
	if err := db.Ping(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	return db, nil
}

// dialPostgres connects so that a server that vanished without a word is
// noticed: a write waits for its outcome, but not for ever.
func dialPostgres(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 15 * time.Second, Control: func(network, _ string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		var set error
		err := c.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(postgresLost.Milliseconds()))
		})
		return errors.Join(err, set)
	}}
	return d.DialContext(ctx, network, addr)
}

// checkDurability refuses a connection on which COMMIT would answer before the
// server has flushed (law 1).
func checkDurability(ctx context.Context, c *pgx.Conn) error {
	var fsync, commit string
	if err := c.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &commit); err != nil {
		return fmt.Errorf("read the server's durability: %w", err)
	}
	if fsync == "off" || commit == "off" {
		return fmt.Errorf("the PostgreSQL server would lose acknowledged writes: fsync is %q and synchronous_commit is %q; both must not be off", fsync, commit)
	}
	return nil
}

// writePostgres runs fn in a transaction of its own and repeats it when the
// engine asks for that.
func (db *DB) writePostgres(ctx context.Context, fn func(*Tx) error) error {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.down {
		return errShuttingDown
	}
	for try := 0; ; try++ {
		tx, err := db.onePostgres(ctx, fn)
		if err == nil {
			for _, h := range tx.hints {
				db.notify(h)
			}
			return nil
		}
		again := serializationFailure(err) || errors.Is(err, ErrRestart)
		if again && (try >= postgresRetries || ctx.Err() != nil) {
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
func (db *DB) onePostgres(ctx context.Context, fn func(*Tx) error) (*Tx, error) {
	c, begun, err := db.beginPostgres(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = begun.Rollback()
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
		return nil, err
	}
	return tx, db.wrap("commit", begun.Commit())
}

// beginPostgres takes a connection and opens a transaction on it. A connection
// that died while it rested in the pool is no reason to fail.
func (db *DB) beginPostgres(ctx context.Context) (*sql.Conn, *sql.Tx, error) {
	for try := 0; ; try++ {
		c, err := db.readers.Conn(ctx)
		if err != nil {
			return nil, nil, db.wrap("take a connection", err)
		}
		tx, err := c.BeginTx(context.WithoutCancel(ctx), nil)
		if err == nil {
			return c, tx, nil
		}
		_ = c.Close()
		if err = db.wrap("begin", err); try > postgresConns || fault.CodeOf(err) != "storage_unavailable" {
			return nil, nil, err
		}
	}
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

func serializationFailure(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
