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
