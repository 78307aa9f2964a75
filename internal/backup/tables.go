package backup

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/store"
)

type kind int

const (
	integer kind = iota
	text
	boolean
	blob
	float
)

// kinds are the types that our schemas use, as each engine calls them.
var kinds = map[string]kind{
	"INTEGER": integer, "BIGINT": integer, "SMALLINT": integer, "TEXT": text, "BOOLEAN": boolean, "BLOB": blob, "BYTEA": blob, "REAL": float, "DOUBLE PRECISION": float,
}

type column struct {
	name string
	kind kind
}

type table struct {
	name    string
	columns []column
	// refers are the other tables that its rows refer to.
	refers []string
}

func (t table) names() []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = c.name
	}
	return out
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return strings.Join(out, ", ")
}

// queryer is a connection or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

var listColumns = map[store.Engine]string{
	store.SQLite: `SELECT m.name, c.name, upper(c.type) FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden = 0 ORDER BY m.name, c.cid`,
	store.Postgres: `SELECT c.table_name::text, c.column_name::text, upper(c.data_type)::text FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
		WHERE c.table_schema = current_schema() AND c.is_generated = 'NEVER' ORDER BY c.table_name, c.ordinal_position`,
}

var listReferences = map[store.Engine]string{
	store.SQLite: `SELECT m.name, f."table" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND f."table" <> m.name`,
	store.Postgres: `SELECT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c
		WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND c.conrelid <> c.confrelid`,
}

// tables lists what is kept of a database, every table after those that it
// refers to.
func tables(ctx context.Context, q queryer, engine store.Engine) ([]table, error) {
	byName := map[string]*table{}
	var names []string
	err := each(ctx, q, listColumns[engine], func(r *sql.Rows) error {
		var name, col, typ string
		if err := r.Scan(&name, &col, &typ); err != nil || notKept[name] {
			return err
		}
		k, ok := kinds[typ]
		if !ok {
			return fmt.Errorf("a backup does not know the type %s of %s.%s", typ, name, col)
		}
		t := byName[name]
		if t == nil {
			t = &table{name: name}
			byName[name] = t
			names = append(names, name)
		}
		t.columns = append(t.columns, column{col, k})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	err = each(ctx, q, listReferences[engine], func(r *sql.Rows) error {
		var from, to string
		if err := r.Scan(&from, &to); err != nil {
			return err
		}
		if t := byName[strings.Trim(from, `"`)]; t != nil {
			t.refers = append(t.refers, strings.Trim(to, `"`))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the references: %w", err)
	}
	return ordered(byName, names)
}

func ordered(byName map[string]*table, names []string) ([]table, error) {
	var out []table
	done := map[string]bool{}
	for len(out) < len(names) {
		before := len(out)
		for _, n := range names {
			t := byName[n]
			if done[n] || slices.ContainsFunc(t.refers, func(r string) bool { return byName[r] != nil && !done[r] }) {
				continue
			}
			done[n] = true
			out = append(out, *t)
		}
		if len(out) == before {
			return nil, fmt.Errorf("tables refer to each other in a circle")
		}
	}
	return out, nil
}

func each(ctx context.Context, q queryer, query string, fn func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
