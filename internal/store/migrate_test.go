package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

func TestMigrateIsIdempotentAndKeepsRows(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		write(t, db, put("a"))
		for range 2 {
			if err := db.Migrate(background); err != nil {
				t.Fatal(err)
			}
		}
		if !present(t, db, "a") {
			t.Error("a migration lost a row")
		}
		write(t, db, put("b"))
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		if err := onEngine(db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)"); err != nil {
			t.Fatal(err)
		}
		err := db.Migrate(background)
		var tooNew store.SchemaTooNew
		if !errors.As(err, &tooNew) || tooNew.Have != 9999 || tooNew.Know < 1 || tooNew.Know > 9998 {
			t.Errorf("%v", err)
		}
	})
}

// column is one column as both engines describe it.
type column struct {
	Type     string
	Nullable bool
}

// schema is what the engines must agree on.
type schema struct {
	Columns map[string]column // "table.column"
	Unique  map[string]bool   // "table(column,column)"
}

// sqliteTypes maps SQLite's declared types to PostgreSQL's.
var sqliteTypes = map[string]string{"BIGINT": "bigint", "INTEGER": "bigint", "TEXT": "text", "BOOLEAN": "boolean", "BLOB": "bytea"}

func TestSchemasAgree(t *testing.T) {
	lite := sqliteSchema(t, testkit.Open(t, store.SQLite))
	pg := postgresSchema(t, testkit.Open(t, store.Postgres))
	if len(lite.Columns) < 50 || len(lite.Unique) < 10 {
		t.Fatalf("only %d columns and %d unique keys found", len(lite.Columns), len(lite.Unique))
	}
	for name := range union(lite.Columns, pg.Columns) {
		if l, p := lite.Columns[name], pg.Columns[name]; l != p {
			t.Errorf("%s is %+v on SQLite and %+v on PostgreSQL", name, l, p)
		}
	}
	for name := range union(lite.Unique, pg.Unique) {
		if lite.Unique[name] != pg.Unique[name] {
			t.Errorf("unique %s: SQLite %v, PostgreSQL %v", name, lite.Unique[name], pg.Unique[name])
		}
	}
}

func union[V any](a, b map[string]V) map[string]bool {
	out := map[string]bool{}
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

func each(t *testing.T, db *store.DB, text string, scan func(store.Row) error, args ...any) {
	t.Helper()
	rows, err := db.SQL().Query(text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func sqliteSchema(t *testing.T, db *store.DB) schema {
	s := schema{map[string]column{}, map[string]bool{}}
	var tables []string
	each(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'goose%' AND sql NOT LIKE 'CREATE VIRTUAL%'", func(r store.Row) error {
		var n string
		err := r.Scan(&n)
		tables = append(tables, n)
		return err
	})
	for _, table := range tables {
		key := map[int]string{}
		each(t, db, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", func(r store.Row) error {
			var name, kind string
			var notNull bool
			var pk int
			err := r.Scan(&name, &kind, &notNull, &pk)
			if pk > 0 {
				key[pk] = name
			}
			mapped, known := sqliteTypes[kind]
			if !known {
				t.Errorf("%s.%s has the type %q", table, name, kind)
			}
			s.Columns[table+"."+name] = column{mapped, !notNull && pk == 0}
			return err
		}, table)
		cols := make([]string, len(key))
		for i, c := range key {
			cols[i-1] = c
		}
		s.Unique[table+"("+strings.Join(cols, ",")+")"] = true
		each(t, db, "SELECT (SELECT group_concat(name, ',') FROM pragma_index_info(l.name)), l.partial FROM pragma_index_list(?) l WHERE l.\"unique\" = 1", func(r store.Row) error {
			var cols string
			var partial bool
			err := r.Scan(&cols, &partial)
			s.Unique[table+"("+cols+")"+map[bool]string{true: " partial"}[partial]] = true
			return err
		}, table)
	}
	return s
}

func postgresSchema(t *testing.T, db *store.DB) schema {
	s := schema{map[string]column{}, map[string]bool{}}
	each(t, db, `SELECT c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES', COALESCE(c.collation_name, '')
		FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name NOT LIKE 'goose%' AND c.data_type <> 'tsvector'`, func(r store.Row) error {
		var table, name, kind, collation string
		var nullable bool
		err := r.Scan(&table, &name, &kind, &nullable, &collation)
		if kind == "text" && collation != "C" {
			t.Errorf("%s.%s sorts by %q: SQLite sorts by bytes", table, name, collation)
		}
		s.Columns[table+"."+name] = column{kind, nullable}
		return err
	})
	each(t, db, `SELECT t.relname, (SELECT string_agg(a.attname, ',' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum), i.indpred IS NOT NULL
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
		WHERE i.indisunique AND n.nspname = 'public' AND t.relname NOT LIKE 'goose%'`, func(r store.Row) error {
		var table, cols string
		var partial bool
		err := r.Scan(&table, &cols, &partial)
		s.Unique[table+"("+cols+")"+map[bool]string{true: " partial"}[partial]] = true
		return err
	})
	return s
}

// The two engines' migrations come in pairs with the same names.
func TestMigrationsComeInPairs(t *testing.T) {
	list := func(engine store.Engine) (out []string) {
		files, err := os.ReadDir(filepath.Join("migrations", string(engine)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !regexp.MustCompile(`^\d{4}_[a-z_]+\.sql$`).MatchString(f.Name()) {
				t.Errorf("%s is not NNNN_name.sql", f.Name())
			}
			out = append(out, f.Name())
		}
		sort.Strings(out)
		return out
	}
	if l, p := fmt.Sprint(list(store.SQLite)), fmt.Sprint(list(store.Postgres)); l != p {
		t.Errorf("SQLite has %s, PostgreSQL %s", l, p)
	}
}
