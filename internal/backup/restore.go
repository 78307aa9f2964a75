package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/store"
)

// What a target can refuse.
var (
	// ErrNotEmpty: the target holds an installation.
	ErrNotEmpty = errors.New("the target is not empty")
	// ErrInUse: a node works on the target, or did until a minute ago.
	ErrInUse = errors.New("a node works on the target")
)

// largestPiece bounds a piece of a table: PostgreSQL takes no larger value.
const largestPiece = 1 << 30

// Target is where an archive is brought back to.
type Target struct {
	// Dir is the data folder, for SQLite; URL a PostgreSQL database, not one
	// behind a pooler. One of them.
	Dir, URL string
	Files    *files.Store
	Log      *slog.Logger
	// Replace allows a target that is not empty: what it held is gone, on SQLite
	// kept beside the new database.
	Replace bool
	// Settle changes rows, at this program's schema, before anybody sees them.
	Settle func(tx *store.Tx, m Manifest) error
	// Told is called after each table. May be nil.
	Told func(table string, rows int64)
	// Now is in milliseconds, to tell whose lease is over.
	Now int64
}

// loader puts rows into a database that nobody else sees yet.
type loader interface {
	// begin makes the database at the archive's schema, without rows.
	begin(ctx context.Context, m Manifest) error
	load(ctx context.Context, t Table, piece []byte) error
	// finish makes it whole and brings it up to this program's schema.
	finish(ctx context.Context, settle func(*store.DB) error) error
	// show puts it in the place of what was there, at one instant.
	show(ctx context.Context) error
	// drop takes away what is left of the work, after success as well.
	drop(ctx context.Context) error
}

// Restore verifies the whole archive, then builds what it holds beside what is
// there, and shows it at one instant at the end: whatever fails before leaves
// everything as it was. An archive of one engine fits the other. Nobody may
// work on the target; on SQLite Restore holds the data folder's lock meanwhile.
func Restore(ctx context.Context, t Target, archive io.ReadSeeker) (m Manifest, err error) {
	if m, err = Verify(bufio.NewReaderSize(archive, 1<<20)); err != nil {
		return m, err
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return m, fmt.Errorf("read the archive again: %w", err)
	}
	var l loader
	if t.URL == "" {
		unlock, err := store.Lock(t.Dir)
		if err != nil {
			return m, err
		}
		defer unlock()
		l = &sqliteLoader{t: t}
	} else {
		l = &postgresLoader{t: t}
	}
	defer func() { err = errors.Join(err, l.drop(context.WithoutCancel(ctx))) }()
	if err := l.begin(ctx, m); err != nil {
		return m, err
	}
	f := &fileKeeper{ctx: ctx, files: t.Files}
	if err := bring(ctx, t, l, f, m, archive); err != nil {
		return m, errors.Join(err, f.undo())
	}
	return m, nil
}

func bring(ctx context.Context, t Target, l loader, f *fileKeeper, m Manifest, archive io.Reader) error {
	if err := fill(ctx, t, l, f, m, archive); err != nil {
		return err
	}
	err := l.finish(ctx, func(db *store.DB) error {
		if t.Settle == nil {
			return nil
		}
		return db.Write(ctx, func(tx *store.Tx) error { return t.Settle(tx, m) })
	})
	if err != nil {
		return err
	}
	return l.show(ctx)
}

// fill reads the archive a second time.
func fill(ctx context.Context, t Target, l loader, f *fileKeeper, m Manifest, archive io.Reader) error {
	var current string
	told := func(next string) {
		if current != next && current != "" && t.Told != nil {
			i := slices.IndexFunc(m.Tables, func(x Table) bool { return x.Name == current })
			t.Told(current, m.Tables[i].Rows)
		}
		current = next
	}
	again, err := walk(bufio.NewReaderSize(archive, 1<<20), visitor{
		header: func(Header) error { return nil },
		table: func(name string, content io.Reader) error {
			i := slices.IndexFunc(m.Tables, func(x Table) bool { return x.Name == name })
			if i < 0 {
				return damaged("table %s is not in its manifest", name)
			}
			told(name)
			piece, err := io.ReadAll(io.LimitReader(content, largestPiece))
			if err != nil {
				return err
			}
			if err := l.load(ctx, m.Tables[i], piece); err != nil {
				return fmt.Errorf("restore %s: %w", name, err)
			}
			return ctx.Err()
		},
		file: func(key string, content io.Reader) error {
			told("")
			return f.keep(key, content)
		},
	})
	if err != nil {
		return err
	}
	told("")
	if again.SHA256 != m.SHA256 {
		return damaged("it has changed while it was read")
	}
	return nil
}

// fileKeeper brings files back and knows which of them were not there.
type fileKeeper struct {
	ctx   context.Context
	files *files.Store
	made  []string
}

func (f *fileKeeper) keep(key string, content io.Reader) error {
	// What is under a key never changes: what is there may stay.
	there, err := f.files.Open(f.ctx, key)
	if err == nil {
		return there.Close()
	}
	if fault.KindOf(err) != fault.NotFound {
		return fmt.Errorf("restore the file %s: %w", key, err)
	}
	f.made = append(f.made, key)
	if err := f.files.PutBack(f.ctx, key, content); err != nil {
		return fmt.Errorf("restore the file %s: %w", key, err)
	}
	return nil
}

func (f *fileKeeper) undo() error {
	var err error
	for _, key := range f.made {
		err = errors.Join(err, f.files.Delete(context.WithoutCancel(f.ctx), key))
	}
	return err
}

// fits holds that a database at the archive's schema has its tables and columns.
func fits(have []table, m Manifest) (map[string]table, error) {
	out := map[string]table{}
	for _, t := range have {
		out[t.name] = t
	}
	for _, t := range m.Tables {
		h, ok := out[t.Name]
		if !ok || !sameNames(h.names(), t.Columns) {
			return nil, damaged("table %s is none of schema version %d", t.Name, m.Schema)
		}
	}
	return out, nil
}

func sameNames(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// telling are the tables that have rows in whatever anybody has used.
var telling = []string{"teammates", "accounts", "customers", "write_keys", "tokens"}

// used tells whether a database holds an installation.
func used(ctx context.Context, q queryer, engine store.Engine) (bool, error) {
	all, err := tables(ctx, q, engine)
	if err != nil {
		return false, err
	}
	for _, t := range all {
		if !slices.Contains(telling, t.name) {
			continue
		}
		n, err := count(ctx, q, "(SELECT 1 FROM "+quote(t.name)+" LIMIT 1) a_row")
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

func count(ctx context.Context, q queryer, from string) (n int64, err error) {
	rows, err := q.QueryContext(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// complete holds that every row of the archive has arrived.
func complete(ctx context.Context, q queryer, m Manifest) error {
	for _, t := range m.Tables {
		n, err := count(ctx, q, quote(t.Name))
		if err != nil {
			return err
		}
		if n != t.Rows {
			return fmt.Errorf("%s has %d rows after the restore instead of %d", t.Name, n, t.Rows)
		}
	}
	return nil
}
