package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"fmt"
	"io/fs"

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
	c, err := db.readers.Conn(ctx)
	if err != nil {
		return db.wrap("migrate", err)
	}
	defer func() { _ = c.Close() }()
	// The wait is for another node's migration, which may take long.
	if _, err := c.ExecContext(ctx, "SET lock_timeout = 0"); err != nil {
		return db.wrap("migrate", err)
	}
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return db.wrap("wait for another node's migration", err)
	}
	// Ending the connection gives the lock back, however this ends.
	defer func() { _ = c.Raw(func(any) error { return driver.ErrBadConn }) }()
	return migrate(ctx, goose.DialectPostgres, db.readers, Postgres)
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
