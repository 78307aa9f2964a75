package backup

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/store"
)

// restoring is where a SQLite database is built, inside the data folder, so
// that it can be moved into place.
const restoring = "restoring"

type sqliteLoader struct {
	t       Target
	m       Manifest
	dir     string
	db      *sql.DB
	conn    *sql.Conn
	tables  map[string]table
	indexes []string
	inserts map[string]*sql.Stmt
}

func (l *sqliteLoader) path() string { return filepath.Join(l.t.Dir, store.FileName) }

// raw opens a database that is not yet worth anything: a crash throws it away.
func raw(path string) (*sql.DB, error) {
	v := url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "foreign_keys(0)", "cache_size(-64000)", "temp_store(MEMORY)"}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String())
}

func (l *sqliteLoader) begin(ctx context.Context, m Manifest) error {
	l.m, l.dir, l.inserts = m, filepath.Join(l.t.Dir, restoring), map[string]*sql.Stmt{}
	if err := l.vacant(ctx); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(l.dir), os.MkdirAll(l.dir, 0o700)); err != nil {
		return fmt.Errorf("make room for the restored database: %w", err)
	}
	db, err := store.Open(ctx, store.Options{Dir: l.dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := errors.Join(db.MigrateTo(ctx, m.Schema), db.Close()); err != nil {
		return err
	}
	if l.db, err = raw(filepath.Join(l.dir, store.FileName)); err != nil {
		return err
	}
	l.db.SetMaxOpenConns(1)
	if l.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	all, err := tables(ctx, l.conn, store.SQLite)
	if err != nil {
		return err
	}
	if l.tables, err = fits(all, m); err != nil {
		return err
	}
	return l.clear(ctx, all)
}

// clear takes out what migrations put in, and the indexes: made at the end,
// they cost a fraction.
func (l *sqliteLoader) clear(ctx context.Context, all []table) error {
	var drop []string
	err := each(ctx, l.conn, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", func(r *sql.Rows) error {
		var name, make string
		err := r.Scan(&name, &make)
		drop, l.indexes = append(drop, "DROP INDEX "+quote(name)), append(l.indexes, make)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range all {
		drop = append(drop, "DELETE FROM "+quote(t.name))
	}
	for _, d := range append(drop, "BEGIN") {
		if _, err := l.conn.ExecContext(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", d, err)
		}
	}
	return nil
}

// vacant refuses a database that holds an installation.
func (l *sqliteLoader) vacant(ctx context.Context) error {
	if _, err := os.Stat(l.path()); errors.Is(err, fs.ErrNotExist) || l.t.Replace {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: l.path()}).EscapedPath()+"?_pragma=query_only(1)")
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	is, err := used(ctx, db, store.SQLite)
	if err == nil && is {
		err = ErrNotEmpty
	}
	return err
}

func (l *sqliteLoader) load(ctx context.Context, t Table, piece []byte) error {
	st, ok := l.inserts[t.Name]
	if !ok {
		var err error
		st, err = l.conn.PrepareContext(ctx, "INSERT INTO "+quote(t.Name)+" ("+quoteAll(t.Columns)+") VALUES (?"+strings.Repeat(", ?", len(t.Columns)-1)+")")
		if err != nil {
			return err
		}
		l.inserts[t.Name] = st
	}
	kindOf := map[string]kind{}
	for _, c := range l.tables[t.Name].columns {
		kindOf[c.name] = c.kind
	}
	values := make([]any, len(t.Columns))
	for len(piece) > 0 {
		line, rest, ok := bytes.Cut(piece, []byte{'\n'})
		if !ok {
			return damaged("a row has no end")
		}
		piece = rest
		fields := strings.Split(string(line), "\t")
		if len(fields) != len(values) {
			return damaged("a row has %d values instead of %d", len(fields), len(values))
		}
		for i, f := range fields {
			var err error
			if values[i], err = readValue(kindOf[t.Columns[i]], f); err != nil {
				return err
			}
		}
		if _, err := st.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return nil
}

func (l *sqliteLoader) finish(ctx context.Context, settle func(*store.DB) error) error {
	for _, s := range append([]string{"COMMIT"}, l.indexes...) {
		if _, err := l.conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%.80s: %w", s, err)
		}
	}
	if err := complete(ctx, l.conn, l.m); err != nil {
		return err
	}
	if err := l.sound(ctx); err != nil {
		return err
	}
	if err := l.close(); err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{Dir: l.dir, Log: l.t.Log})
	if err != nil {
		return err
	}
	err = db.Migrate(ctx)
	if err == nil {
		err = settle(db)
	}
	return errors.Join(err, db.Close()) // the log is moved into the file
}

// sound holds that every row finds those that it refers to.
func (l *sqliteLoader) sound(ctx context.Context) error {
	return each(ctx, l.conn, "PRAGMA foreign_key_check", func(r *sql.Rows) error {
		var from, to string
		var row sql.NullInt64
		var key int
		if err := r.Scan(&from, &row, &to, &key); err != nil {
			return err
		}
		return damaged("row %d of %s refers to a row of %s that is not there", row.Int64, from, to)
	})
}

func (l *sqliteLoader) close() error {
	if l.db == nil {
		return nil
	}
	var err error
	for _, st := range l.inserts {
		err = errors.Join(err, st.Close())
	}
	if l.conn != nil {
		err = errors.Join(err, l.conn.Close())
	}
	err = errors.Join(err, l.db.Close())
	l.db, l.conn, l.inserts = nil, nil, nil
	return err
}

// show moves the finished file into place. The old one keeps a name of its own
// beside it, so that there is a database at every instant.
func (l *sqliteLoader) show(context.Context) error {
	fresh := filepath.Join(l.dir, store.FileName)
	if err := l.retire(); err != nil {
		return err
	}
	err := syncFile(fresh)
	if err == nil {
		err = errors.Join(os.Rename(fresh, l.path()), syncFile(l.t.Dir))
	}
	if err != nil {
		return fmt.Errorf("put the restored database in place: %w", err)
	}
	return nil
}

func (l *sqliteLoader) retire() error {
	if _, err := os.Stat(l.path()); errors.Is(err, fs.ErrNotExist) {
		// A log without its database would be taken for the new one's.
		return errors.Join(remove(l.path()+"-wal"), remove(l.path()+"-shm"))
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: l.path()}).EscapedPath())
	if err != nil {
		return err
	}
	var busy, frames, moved int
	if err := errors.Join(db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved), db.Close()); err != nil {
		// It cannot be read any more, which may be why it is replaced.
		l.t.Log.Warn("the replaced database cannot be read", "error", err)
	}
	old := l.path() + ".replaced-" + time.UnixMilli(l.t.Now).UTC().Format("20060102T150405Z")
	if err := os.Link(l.path(), old); err != nil {
		return fmt.Errorf("keep the replaced database: %w", err)
	}
	return errors.Join(remove(l.path()+"-wal"), remove(l.path()+"-shm"))
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (l *sqliteLoader) drop(context.Context) error {
	err := l.close()
	if l.dir != "" {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	return err
}
