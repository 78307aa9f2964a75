package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

const (
	postgresConns   = 24
	postgresRetries = 8
)

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	pool, err := sql.Open("pgx", o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be used: %w", err)
	}
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db := &DB{engine: Postgres, log: o.Log, notify: o.Notify, readers: pool, dsn: o.URL}
	db.stmts = stmtCache{db: pool, engine: Postgres}
	if err := db.Ping(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	return db, nil
}

// writePostgres runs fn in a transaction of its own and repeats it when the
// engine asks for that.
func (db *DB) writePostgres(ctx context.Context, fn func(*Tx) error) error {
	for try := 0; ; try++ {
		tx, err := db.onePostgres(ctx, fn)
		if err == nil {
			for _, h := range tx.hints {
				db.notify(h)
			}
			return nil
		}
		if try >= postgresRetries || !serializationFailure(err) || ctx.Err() != nil {
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

func (db *DB) onePostgres(ctx context.Context, fn func(*Tx) error) (_ *Tx, err error) {
	begun, err := db.readers.BeginTx(ctx, nil)
	if err != nil {
		return nil, db.wrap("begin", err)
	}
	defer func() { _ = begun.Rollback() }()
	var sticky error
	tx := &Tx{conn: conn{ctx: ctx, db: db, sticky: &sticky, run: func(_ context.Context, q *Query) (statement, error) {
		return txStatement{begun, q.postgres}, nil
	}}}
	defer func() {
		if p := recover(); p != nil {
			db.log.Error("a write closure panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("a write closure panicked: %v", p)
		}
	}()
	if err := fn(tx); err != nil {
		return nil, err
	}
	if sticky != nil {
		return nil, sticky
	}
	return tx, db.wrap("commit", begun.Commit())
}

func serializationFailure(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
