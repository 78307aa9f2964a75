package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// despite are the steps of migrations that are no mere additions, and why nodes of
// the version before can work on beside them.
var despite = map[string]string{
	"0005_outreach: DROP INDEX deliveries_due":        "an index is no part of what statements say; another one takes its place in the same transaction",
	"0008_speed: DROP INDEX memberships_customer":     "the same",
	"0008_speed: DROP INDEX segment_wakeups_customer": "the same",
	"0014_replies_first: DROP INDEX deliveries_due":   "the same",
	"0016_preview_indexes: CREATE TRIGGER touched_taken AFTER DELETE ON touched REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION preview_news_of_touched()": "it copies what older nodes take away into a table that they do not know, so that newer ones hear of it",
}

var (
	newTable  = regexp.MustCompile(`^CREATE (?:UNLOGGED )?TABLE (\w+)`)
	newCode   = regexp.MustCompile(`(?s)-- \+goose StatementBegin\s+CREATE FUNCTION .*?-- \+goose StatementEnd`)
	newIndex  = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \w+ ON (\w+)`)
	newColumn = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+ .+)$`)
	newRows   = regexp.MustCompile(`^INSERT INTO (\w+)`)
	bounds    = regexp.MustCompile(`\b(UNIQUE|CHECK|PRIMARY KEY|REFERENCES|GENERATED)\b`)
)

// additions returns the steps of a migration that do more than add what the version
// before does not know: tables and rows in them, indexes, functions, columns that it
// may leave out.
func additions(migration string) (others []string) {
	up, _, _ := strings.Cut(migration, "-- +goose Down")
	up = newCode.ReplaceAllString(up, "")
	var kept []string
	for _, line := range strings.Split(up, "\n") {
		line, _, _ = strings.Cut(line, "--")
		kept = append(kept, line)
	}
	own := map[string]bool{}
	for _, step := range strings.Split(strings.Join(kept, "\n"), ";") {
		step = strings.Join(strings.Fields(step), " ")
		table, index, column, rows := newTable.FindStringSubmatch(step), newIndex.FindStringSubmatch(step), newColumn.FindStringSubmatch(step), newRows.FindStringSubmatch(step)
		switch {
		case step == "":
		case table != nil:
			own[table[1]] = true
		case index != nil && (index[1] == "" || own[index[2]]):
		case column != nil && !strings.Contains(column[2], ",") && !bounds.MatchString(column[2]) && (!strings.Contains(column[2], "NOT NULL") || strings.Contains(column[2], " DEFAULT ")):
		case rows != nil && own[rows[1]]:
		default:
			others = append(others, step)
		}
	}
	return others
}

// Migrations only add, so that nodes of the version before work on beside them:
// whatever takes something away, or demands something of old rows or old statements,
// waits for the version after, or stands in despite with its reason.
func TestMigrationsOnlyAdd(t *testing.T) {
	files, err := filepath.Glob("migrations/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	used := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) == "0001_house.sql" {
			continue // there is none before
		}
		for _, step := range additions(string(text)) {
			key := strings.TrimSuffix(filepath.Base(name), ".sql") + ": " + step
			used[key] = true
			if despite[key] == "" {
				t.Errorf("%s is no addition: nodes of the version before stumble over it", key)
			}
		}
	}
	for key := range despite {
		if !used[key] {
			t.Errorf("%q stands in no migration", key)
		}
	}
}

// What TestMigrationsOnlyAdd is there to refuse.
func TestAdditions(t *testing.T) {
	for step, adds := range map[string]bool{
		"CREATE TABLE cups (id BIGINT PRIMARY KEY, size BIGINT NOT NULL)":                                  true,
		"CREATE TABLE cups (id BIGINT); INSERT INTO cups VALUES (1); CREATE UNIQUE INDEX one ON cups (id)": true,
		"CREATE INDEX tea_at ON tea (at) WHERE at > 0":                                                     true,
		"ALTER TABLE tea ADD COLUMN note TEXT":                                                             true,
		"ALTER TABLE tea\n  ADD COLUMN note TEXT NOT NULL DEFAULT '' -- NOT NULL\n":                        true,
		"SELECT 1; -- +goose Down\nDROP TABLE tea":                                                         false, // the first
		"-- +goose Down\nDROP TABLE tea":                                                                   true,
		"ALTER TABLE tea ADD COLUMN note TEXT NOT NULL":                                                    false,
		"ALTER TABLE tea ADD COLUMN note TEXT NOT NULL DEFAULT '', DROP COLUMN at":                         false,
		"ALTER TABLE tea ADD COLUMN note TEXT NOT NULL DEFAULT '', ALTER COLUMN at TYPE TEXT":              false,
		"ALTER TABLE tea ADD COLUMN note BIGINT DEFAULT 0 CHECK (note > at)":                               false,
		"ALTER TABLE tea ADD COLUMN cup BIGINT NOT NULL DEFAULT 0 REFERENCES cups (id)":                    false,
		"ALTER TABLE tea ADD CONSTRAINT one UNIQUE (at)":                                                   false,
		"ALTER TABLE tea DROP COLUMN at":                                                                   false,
		"ALTER TABLE tea RENAME COLUMN at TO since":                                                        false,
		"ALTER TABLE tea RENAME TO teas":                                                                   false,
		"ALTER TABLE tea ALTER COLUMN at SET NOT NULL":                                                     false,
		"ALTER TABLE tea ALTER COLUMN at TYPE TEXT":                                                        false,
		"CREATE UNIQUE INDEX one ON tea (at)":                                                              false,
		"DROP TABLE tea":                                                                                   false,
		"DROP INDEX tea_at":                                                                                false,
		"UPDATE tea SET at = 0":                                                                            false,
		"DELETE FROM tea":                                                                                  false,
		"INSERT INTO tea VALUES (1)":                                                                       false,
		"CREATE TRIGGER cold BEFORE INSERT ON tea FOR EACH ROW EXECUTE FUNCTION heat()":                    false,
		"CREATE TABLE cups (id BIGINT); UPDATE tea SET cup = 1":                                            false,
	} {
		if others := additions("-- +goose Up\n" + step); (len(others) == 0) != adds {
			t.Errorf("%s: %q", step, others)
		}
	}
}

// A node of an earlier version goes on while a newer one brings the schema up, step
// by step, and afterwards: no write fails, none is lost.
func TestMigratesBesideNodesAtWork(t *testing.T) {
	ctx := context.Background()
	address := testkit.PostgresURL(t)
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	if _, err := admin.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	early, err := goose.NewProvider(goose.DialectPostgres, admin, os.DirFS("migrations/postgres"), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := early.UpTo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	node := openURL(t, address)
	tables := tablesOf(t, node)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var stored []string
	stop := make(chan struct{})
	for w := range 3 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				name := fmt.Sprintf("w%d-%d", w, n)
				err := node.Write(background, func(tx *store.Tx) error {
					for range 4 { // each holds its table until the end, as every statement does
						var b store.Builder
						b.Add("SELECT count(*) FROM (SELECT 1 FROM " + tables[rand.IntN(len(tables))] + " LIMIT 1) rows_held")
						q, args := b.Query()
						var n int64
						if err := tx.QueryRow(q, args...).Scan(&n); err != nil {
							return err
						}
					}
					return put(name)(tx)
				})
				if err != nil {
					t.Errorf("a write beside the migration: %v", err)
					return
				}
				mu.Lock()
				stored = append(stored, name)
				mu.Unlock()
			}
		})
	}
	flows := func(what string) {
		t.Helper()
		before := len(names(t, node.Reader(background)))
		testkit.Eventually(t, time.Minute, what, func() bool { return len(names(t, node.Reader(background))) > before+20 || t.Failed() })
	}
	flows("the node writes")
	newer := openURL(t, address)
	if err := newer.Migrate(ctx); err != nil {
		t.Error(err)
	}
	flows("the node writes on")
	close(stop)
	wg.Wait()
	if have, know, err := newer.Schema(ctx); err != nil || have != know {
		t.Errorf("the schema is %d of %d, %v", have, know, err)
	}
	held := names(t, newer.Reader(background))
	for _, name := range stored {
		if !held[name] {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
}

func tablesOf(t *testing.T, db *store.DB) (tables []string) {
	t.Helper()
	each(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'goose%'", func(r store.Row) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, name)
		return err
	})
	if len(tables) < 10 {
		t.Fatalf("only %v", tables)
	}
	return tables
}
