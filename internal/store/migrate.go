package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// SchemaTooNew says that a later version of the program has written this
// database; this one must not touch it.
type SchemaTooNew struct{ Have, Know int64 }

func (e SchemaTooNew) Error() string {
	return fmt.Sprintf("the database has schema version %d and this program knows versions up to %d", e.Have, e.Know)
}

// migrationLock is the PostgreSQL advisory lock under which one node at a time
// migrates ("fanward" in ASCII).
const migrationLock = 0x66616e77617264

// Migrate brings the schema up to this program's version, each step in its own
// transaction. It refuses a schema that is newer. It must run before the
// database is used and, on SQLite, while this process holds Lock; on PostgreSQL
// nodes that start together wait for each other.
func (db *DB) Migrate(ctx context.Context) error {
	if db.engine == SQLite {
		// The pool has one connection and the writer keeps it: lend it out.
		return db.writer.lend(ctx, func() error { return migrate(ctx, goose.DialectSQLite3, db.writer.pool, SQLite) })
	}
	return db.migratePostgres(ctx)
}

// migratePostgres migrates over connections of its own, whose statements may
// take as long as they need. The lock belongs to a transaction, since behind a
// pooler nothing else does.
func (db *DB) migratePostgres(ctx context.Context) error {
	config := db.plain.Copy()
	if !db.pooled {
		config.RuntimeParams["lock_timeout"] = migrationLockTimeout
	}
	pool := stdlib.OpenDB(*config)
	defer func() { _ = pool.Close() }()
	turn, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return db.wrap("migrate", err)
	}
	defer func() { _ = turn.Rollback() }()
	// The wait is for another node's migration, which may take long; so may ours.
	for _, step := range []string{"SET LOCAL lock_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = 0",
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(migrationLock))} {
		if _, err := turn.ExecContext(ctx, step); err != nil {
			return db.wrap("wait for another node's migration", err)
		}
	}
	for try := 1; ; try++ {
		err := migrate(ctx, goose.DialectPostgres, pool, Postgres)
		if !lockBusy(err) || try == migrationTries {
			return err
		}
		db.log.Warn("a migration did not get its locks beside the nodes at work and is tried again", slog.Any("error", err))
	}
}

const (
	// migrationLockTimeout is how long a step waits for a table: while it waits,
	// every node that wants the table waits behind it.
	migrationLockTimeout = "3s"
	migrationTries       = 20
)

// lockBusy: others held what a migration needs.
func lockBusy(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01")
}

func migrate(ctx context.Context, dialect goose.Dialect, pool *sql.DB, engine Engine) error {
	dir, err := fs.Sub(migrations, "migrations/"+string(engine))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(dialect, pool, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	sources := p.ListSources()
	know := sources[len(sources)-1].Version
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if have > know {
		return SchemaTooNew{Have: have, Know: know}
	}
	if have == know {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
