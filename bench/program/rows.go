package program

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/fanward/fanward/internal/store"
)

// Database opens the rows of a data folder, to fill them while no program runs.
// fit makes a statement of the engine of one that is written for SQLite: rows are
// counted by "WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE
// i + 1 < ?2)", chance is abs(random() % N), and ?1 to ?9 are numbers.
func Database(dir string) (db *sql.DB, fit func(text string, numbers ...int64) string, err error) {
	if cluster == nil {
		db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, store.FileName)+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=cache_size(-262144)")
		fit = numbered
	} else {
		var url string
		if url, err = cluster.database(dir); err != nil {
			return nil, nil, err
		}
		// What is filled holds together, and may be lost.
		db, err = sql.Open("pgx", url+"&session_replication_role=replica&synchronous_commit=off")
		fit = fitPostgres
	}
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, fit, err
}

// Settle ends a fill as the engine would have it after a while.
func Settle(db *sql.DB) error {
	statements := []string{"PRAGMA wal_checkpoint(TRUNCATE)"}
	if cluster != nil {
		statements = []string{"ANALYZE", "CHECKPOINT"}
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return err
		}
	}
	return nil
}

func numbered(text string, numbers ...int64) string {
	for i, n := range numbers {
		text = strings.ReplaceAll(text, "?"+strconv.Itoa(i+1), strconv.FormatInt(n, 10))
	}
	return text
}

var chance = regexp.MustCompile(`abs\(random\(\) % (\d+)\)`)

func fitPostgres(text string, numbers ...int64) string {
	text = strings.Replace(text, "INSERT INTO event_names (id, name) VALUES", "INSERT INTO event_names (id, name) OVERRIDING SYSTEM VALUE VALUES", 1)
	text = strings.ReplaceAll(text, "SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2", "SELECT generate_series(?1::bigint, ?2::bigint - 1)")
	return numbered(chance.ReplaceAllString(text, "floor(random() * $1)::bigint"), numbers...)
}
