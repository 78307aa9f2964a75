package store

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Schema tells which schema version the database has and which this program
// brings; it changes nothing. have is 0 for a database that was never migrated.
func (db *DB) Schema(ctx context.Context) (have, know int64, err error) {
	files, err := fs.Glob(migrations, "migrations/"+string(db.engine)+"/*.sql")
	if err != nil {
		return 0, 0, fmt.Errorf("migrations: %w", err)
	}
	for _, f := range files {
		number, _, _ := strings.Cut(f[strings.LastIndexByte(f, '/')+1:], "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			know = max(know, n)
		}
	}
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'"
	if db.engine == Postgres {
		exists = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'goose_db_version'"
	}
	var n int
	if err := db.readers.QueryRowContext(ctx, exists).Scan(&n); err != nil {
		return 0, 0, db.wrap("look for the schema version", err)
	}
	if n == 0 {
		return 0, know, nil
	}
	err = db.readers.QueryRowContext(ctx, "SELECT COALESCE(max(version_id), 0) FROM goose_db_version").Scan(&have)
	return have, know, db.wrap("read the schema version", err)
}

// Damage is the first fault that SQLite finds in its own pages, "" when there is
// none or another engine answers. It reads the whole file.
func (db *DB) Damage(ctx context.Context) (string, error) {
	if db.engine != SQLite {
		return "", nil
	}
	var b Builder
	query, args := b.Add("PRAGMA quick_check(1)").Once()
	var found string
	if err := db.Reader(ctx).QueryRow(query, args...).Scan(&found); err != nil {
		return "", err
	}
	if found == "ok" {
		return "", nil
	}
	return found, nil
}
