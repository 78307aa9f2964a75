package store

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// MigrateTo brings a database that was never migrated to the schema of an
// earlier version, so that rows of that time fit. It is for restoring: nobody
// else may use the database, and Migrate follows.
func (db *DB) MigrateTo(ctx context.Context, version int64) error {
	_, know, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	if version > know {
		return SchemaTooNew{Have: version, Know: know}
	}
	dir, err := fs.Sub(migrations, "migrations/"+string(db.engine))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	up := func(p *goose.Provider, err error) error {
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		if _, err := p.UpTo(ctx, version); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		return nil
	}
	if db.engine == SQLite {
		return db.writer.lend(ctx, func() error {
			return up(goose.NewProvider(goose.DialectSQLite3, db.writer.pool, dir, goose.WithDisableGlobalRegistry(true)))
		})
	}
	return up(goose.NewProvider(goose.DialectPostgres, db.readers, dir, goose.WithDisableGlobalRegistry(true)))
}
