package backup

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fanward/fanward/internal/store"
)

// restoringSchema is where a PostgreSQL database is built, inside the target.
const restoringSchema = "fanward_restoring"

type postgresLoader struct {
	t       Target
	m       Manifest
	target  *sql.DB // the target as everybody sees it
	schema  string  // where its tables are
	db      *store.DB
	conn    *sql.Conn
	tx      *sql.Tx
	indexes []string
}

func (l *postgresLoader) begin(ctx context.Context, m Manifest) error {
	l.m = m
	var err error
	if l.target, err = sql.Open("pgx", l.t.URL); err != nil {
		return err
	}
	l.target.SetMaxOpenConns(1)
	if err := l.target.QueryRowContext(ctx, "SELECT current_schema()").Scan(&l.schema); err != nil {
		return fmt.Errorf("look at the target: %w", err)
	}
	if err := l.vacant(ctx); err != nil {
		return err
	}
	if _, err := l.target.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+restoringSchema+" CASCADE"); err != nil {
		return err
	}
	if _, err := l.target.ExecContext(ctx, "CREATE SCHEMA "+restoringSchema); err != nil {
		return fmt.Errorf("make room for the restored rows: %w", err)
	}
	u, err := url.Parse(l.t.URL)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set("search_path", restoringSchema)
	u.RawQuery = q.Encode()
	if l.db, err = store.Open(ctx, store.Options{URL: u.String(), Log: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	if err := l.db.MigrateTo(ctx, m.Schema); err != nil {
		return err
	}
	return l.prepare(ctx)
}

// prepare opens the transaction of the rows, without what migrations put in.
func (l *postgresLoader) prepare(ctx context.Context) error {
	var err error
	if l.conn, err = l.db.SQL().Conn(ctx); err != nil {
		return err
	}
	if l.tx, err = l.conn.BeginTx(ctx, nil); err != nil {
		return err
	}
	all, err := tables(ctx, l.tx, store.Postgres)
	if err != nil {
		return err
	}
	if _, err := fits(all, l.m); err != nil {
		return err
	}
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = quote(t.name)
	}
	drop := []string{"SET LOCAL statement_timeout = 0", "TRUNCATE " + strings.Join(names, ", ")}
	// Indexes made at the end cost a fraction.
	err = each(ctx, l.tx, `SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)`, func(r *sql.Rows) error {
		var name, make string
		err := r.Scan(&name, &make)
		drop, l.indexes = append(drop, "DROP INDEX "+name), append(l.indexes, make)
		return err
	})
	if err != nil {
		return err
	}
	return l.run(ctx, drop)
}

func (l *postgresLoader) run(ctx context.Context, statements []string) error {
	for _, s := range statements {
		if _, err := l.tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.80s: %w", s, err)
		}
	}
	return nil
}

// vacant refuses a target that holds an installation or on which a node works.
func (l *postgresLoader) vacant(ctx context.Context) error {
	if err := idle(ctx, l.target, l.t.Now); err != nil || l.t.Replace {
		return err
	}
	is, err := used(ctx, l.target, store.Postgres)
	if err == nil && is {
		err = ErrNotEmpty
	}
	return err
}

func idle(ctx context.Context, q queryer, now int64) error {
	there, err := count(ctx, q, "information_schema.tables WHERE table_schema = current_schema() AND table_name = 'nodes'")
	if err != nil || there == 0 {
		return err
	}
	n, err := count(ctx, q, fmt.Sprintf("nodes WHERE expires_at > %d", now))
	if err == nil && n > 0 {
		err = ErrInUse
	}
	return err
}

func (l *postgresLoader) load(ctx context.Context, t Table, piece []byte) error {
	var rows io.Reader = bytes.NewReader(piece)
	if l.m.Engine != string(store.Postgres) && (bytes.Contains(piece, []byte(`\000`)) || !utf8.Valid(piece)) {
		lines := strings.SplitAfter(string(piece), "\n")
		for i := range lines {
			lines[i] = mend(lines[i])
		}
		rows = strings.NewReader(strings.Join(lines, ""))
	}
	return l.conn.Raw(func(driver any) error {
		conn, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver is a %T", driver)
		}
		_, err := conn.Conn().PgConn().CopyFrom(ctx, rows, "COPY "+quote(t.Name)+" ("+quoteAll(t.Columns)+") FROM STDIN")
		return err
	})
}

func (l *postgresLoader) finish(ctx context.Context, settle func(*store.DB) error) error {
	if err := l.run(ctx, l.indexes); err != nil {
		return err
	}
	if err := complete(ctx, l.tx, l.m); err != nil {
		return err
	}
	if err := l.number(ctx); err != nil {
		return err
	}
	if err := errors.Join(l.tx.Commit(), l.conn.Close()); err != nil {
		return err
	}
	l.tx, l.conn = nil, nil
	if err := l.db.Migrate(ctx); err != nil {
		return err
	}
	if err := settle(l.db); err != nil {
		return err
	}
	_, err := l.db.SQL().ExecContext(ctx, "ANALYZE")
	return err
}

// number lets columns that count by themselves go on after what was brought.
func (l *postgresLoader) number(ctx context.Context) error {
	var set []string
	err := each(ctx, l.tx, `SELECT table_name::text, column_name::text FROM information_schema.columns
		WHERE table_schema = current_schema() AND is_identity = 'YES' AND table_name <> 'goose_db_version'`, func(r *sql.Rows) error {
		var name, column string
		err := r.Scan(&name, &column)
		set = append(set, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', '%s'), (SELECT COALESCE(max(%s), 0) + 1 FROM %s), false)", quote(name), column, quote(column), quote(name)))
		return err
	})
	if err != nil {
		return err
	}
	return l.run(ctx, set)
}

// show moves the tables into place in one transaction, with the identities and
// indexes that belong to them.
func (l *postgresLoader) show(ctx context.Context) (err error) {
	tx, err := l.target.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var names []string
	err = each(ctx, tx, "SELECT table_name::text FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = '"+restoringSchema+"'", func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	there, err := count(ctx, tx, "information_schema.tables WHERE table_schema = current_schema() AND table_name = 'nodes'")
	if err != nil {
		return err
	}
	if there > 0 {
		// A node that starts now waits here for its number.
		if _, err := tx.ExecContext(ctx, "LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		if err := idle(ctx, tx, l.t.Now); err != nil {
			return err
		}
	}
	var move []string
	for _, n := range names {
		move = append(move, "DROP TABLE IF EXISTS "+quote(l.schema)+"."+quote(n)+" CASCADE")
	}
	for _, n := range names {
		move = append(move, "ALTER TABLE "+restoringSchema+"."+quote(n)+" SET SCHEMA "+quote(l.schema))
	}
	for _, s := range move {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("put the restored rows in place: %w", err)
	}
	return nil
}

func (l *postgresLoader) drop(ctx context.Context) error {
	if l.tx != nil {
		_ = l.tx.Rollback()
		_ = l.conn.Close()
	}
	var err error
	if l.db != nil {
		err = l.db.Close()
		_, gone := l.target.ExecContext(ctx, "DROP SCHEMA IF EXISTS "+restoringSchema+" CASCADE")
		err = errors.Join(err, gone)
	}
	if l.target != nil {
		err = errors.Join(err, l.target.Close())
	}
	return err
}
