package backup_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/backup"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
)

var (
	ctx     = context.Background()
	queries = store.Load("backuptest", `
-- name: setting
INSERT INTO settings (name, value) VALUES (?, ?)

-- name: counter
INSERT INTO counters (name, n) VALUES (?, ?)

-- name: teammate
INSERT INTO teammates (id, email, name, role, locale, created_at, updated_at) VALUES (?, ?, ?, 'owner', 'en', 1, 1)
`)
)

// place is somewhere an installation can be.
type place struct {
	engine store.Engine
	dir    string
	url    string
	files  *files.Store
}

func newPlace(t *testing.T, engine store.Engine) place {
	t.Helper()
	p := place{engine: engine, dir: t.TempDir()}
	if engine == store.Postgres {
		p.url = testkit.PostgresURL(t)
	}
	var err error
	if p.files, err = files.Open(p.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.files.Close() })
	return p
}

func (p place) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(ctx, store.Options{Dir: p.dir, URL: p.url})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// with opens the database for as long as fn runs.
func (p place) with(t *testing.T, fn func(db *store.DB)) {
	t.Helper()
	db := p.open(t)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	fn(db)
}

func (p place) target() backup.Target {
	return backup.Target{Dir: p.dir, URL: p.url, Files: p.files, Log: slog.New(slog.DiscardHandler), Now: time.Now().UnixMilli()}
}

func (p place) dump(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	p.with(t, func(db *store.DB) {
		m, err := backup.Dump(ctx, backup.Source{DB: db, Files: p.files, Header: backup.Header{Version: "test", CreatedAt: testkit.Start, KeyID: "abc"}}, &b)
		if err != nil {
			t.Fatal(err)
		}
		if m.Format != backup.Format || m.Engine != string(p.engine) || !m.CreatedAt.Equal(testkit.Start) {
			t.Errorf("the manifest is %+v", m.Header)
		}
	})
	return b.Bytes()
}

func restore(t *testing.T, target backup.Target, archive []byte) backup.Manifest {
	t.Helper()
	m, err := backup.Restore(ctx, target, bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fill puts rows into every table of a SQLite database, whatever tables there
// are: values that differ everywhere, with everything in them that a text form
// must escape, and references that lead somewhere.
func fill(t *testing.T, dir string, f *files.Store) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	n := int64(1000)
	for _, table := range names(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('goose_db_version', 'sandbox')") {
		refers := names(t, db, `SELECT "from" FROM pragma_foreign_key_list('`+table+`')`)
		cols := names(t, db, `SELECT name FROM pragma_table_info('`+table+`')`)
		types := names(t, db, `SELECT type FROM pragma_table_info('`+table+`')`)
		for i := range 9 {
			values := make([]any, len(cols))
			for c, name := range cols {
				n++
				switch {
				case name == "id" || slices.Contains(refers, name):
					values[c] = int64(i + 1) // row i refers to row i
				case name == "blob_key":
					values[c] = ""
					if i < 2 {
						st, err := f.Put(ctx, strings.NewReader(fmt.Sprint(table, i)), "a.txt", 1000)
						if err != nil {
							t.Fatal(err)
						}
						values[c] = st.Key
					}
				case types[c] == "BOOLEAN":
					values[c] = n%2 == 0
				case types[c] == "BLOB":
					values[c] = []byte{0, 1, '\\', '\n', 0xff, byte(n), byte(n >> 8)}
				case types[c] == "TEXT":
					values[c] = fmt.Sprintf("%d 你好\t\\N \\\\ \n\r\v\f\b \\000 \\x41 'q' \"d\" 😀", n)
				default:
					values[c] = n * n
				}
			}
			if name := slices.Index(cols, "name"); table == "settings" && name >= 0 {
				values[name] = fmt.Sprint("test/", i)
			}
			_, err := db.Exec(`INSERT INTO "`+table+`" ("`+strings.Join(cols, `","`)+`") VALUES (?`+strings.Repeat(",?", len(cols)-1)+`)`, values...)
			if err != nil {
				t.Fatalf("fill %s: %v", table, err)
			}
		}
	}
	if bad := names(t, db, `SELECT "table" FROM pragma_foreign_key_check`); len(bad) > 0 {
		t.Fatalf("the test's rows refer to nothing: %v", bad)
	}
}

func names(t *testing.T, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// everything reads every row of every table, by means of its own.
func everything(t *testing.T, db *store.DB) map[string][]string {
	t.Helper()
	list := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
	if db.Engine() == store.Postgres {
		list = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	}
	out := map[string][]string{}
	for _, table := range names(t, db.SQL(), list) {
		if slices.Contains([]string{"goose_db_version", "nodes", "changes", "cursors", "preview_indexes", "preview_news"}, table) {
			continue
		}
		rows, err := db.SQL().Query(`SELECT * FROM "` + table + `"`)
		if err != nil {
			t.Fatal(err)
		}
		cols, _ := rows.Columns()
		out[table] = []string{}
		for rows.Next() {
			values, into := make([]any, len(cols)), make([]any, len(cols))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			parts := make([]string, len(cols))
			for i, v := range values {
				if b, ok := v.(bool); ok { // SQLite's truth values are numbers
					v = int64(0)
					if b {
						v = int64(1)
					}
				}
				parts[i] = fmt.Sprintf("%s=%T:%v", cols[i], v, v)
			}
			sort.Strings(parts)
			out[table] = append(out[table], strings.Join(parts, "|"))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		sort.Strings(out[table])
	}
	return out
}

func same(t *testing.T, what string, got, want map[string][]string) {
	t.Helper()
	for table, rows := range want {
		if !slices.Equal(got[table], rows) {
			t.Errorf("%s: %s has %d rows instead of %d\n got %.300q\nwant %.300q", what, table, len(got[table]), len(rows), got[table], rows)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d tables instead of %d", what, len(got), len(want))
	}
}

// TestThereAndBack: every row of every table and every file goes from SQLite to
// SQLite, onto PostgreSQL, from there to another PostgreSQL, and back.
func TestThereAndBack(t *testing.T) {
	first := newPlace(t, store.SQLite)
	first.with(t, func(db *store.DB) {
		if err := db.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
	})
	fill(t, first.dir, first.files)
	var want map[string][]string
	first.with(t, func(db *store.DB) { want = everything(t, db) })
	if len(want) < 30 || len(want["inbound"]) != 9 {
		t.Fatal("the test's installation is not full")
	}
	from := first
	for _, engine := range []store.Engine{store.SQLite, store.Postgres, store.Postgres, store.SQLite} {
		next := newPlace(t, engine)
		m := restore(t, next.target(), from.dump(t))
		what := string(from.engine) + " to " + string(engine)
		if m.Files.Count != 4 || m.Files.Missing != 0 || m.Rows() < int64(9*30) {
			t.Errorf("%s: %d rows, files %+v", what, m.Rows(), m.Files)
		}
		next.with(t, func(db *store.DB) {
			if have, know, err := db.Schema(ctx); err != nil || have != know {
				t.Errorf("%s: schema %d of %d, %v", what, have, know, err)
			}
			same(t, what, everything(t, db), want)
			goesOn(t, db)
		})
		readable(t, next, want)
		from = next
	}
}

// goesOn writes what counts by itself: it must count on after what was brought.
func goesOn(t *testing.T, db *store.DB) {
	t.Helper()
	insert := "INSERT INTO event_names (name) VALUES ('after') RETURNING id"
	undo := "DELETE FROM event_names WHERE name = 'after'"
	pool := db.SQL()
	if db.Engine() == store.SQLite {
		return // its writer counts on by AUTOINCREMENT, which the rows themselves raise
	}
	var id int64
	if err := pool.QueryRow(insert).Scan(&id); err != nil || id <= 9 {
		t.Errorf("a new event name has the number %d: %v", id, err)
	}
	if _, err := pool.Exec(undo); err != nil {
		t.Error(err)
	}
}

func readable(t *testing.T, p place, want map[string][]string) {
	t.Helper()
	n := 0
	for _, table := range []string{"attachments", "inbound"} {
		for _, row := range want[table] {
			_, key, _ := strings.Cut(row, "blob_key=string:")
			key, _, _ = strings.Cut(key, "|")
			if key == "" {
				continue
			}
			n++
			r, err := p.files.Open(ctx, key)
			if err != nil {
				t.Errorf("the file of %s is not there: %v", table, err)
				continue
			}
			if b, _ := io.ReadAll(r); !strings.HasPrefix(string(b), table) {
				t.Errorf("the file of %s holds %q", table, b)
			}
			_ = r.Close()
		}
	}
	if n != 4 {
		t.Errorf("%d files are referred to", n)
	}
}

func small(t *testing.T, engine store.Engine) place {
	t.Helper()
	p := newPlace(t, engine)
	p.with(t, func(db *store.DB) {
		if err := db.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(queries.Get("teammate"), 7, "boss@example.com", "Boss")
			return err
		})
	})
	return p
}

func write(t *testing.T, db *store.DB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Write(ctx, fn); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, p place) (out map[string][]string) {
	t.Helper()
	p.with(t, func(db *store.DB) { out = everything(t, db) })
	return out
}

// TestOneInstant: others write while the archive is made, always two rows that
// belong together; the archive holds both or none.
func TestOneInstant(t *testing.T) {
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			p := small(t, engine)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			db := p.open(t)
			defer func() { _ = db.Close() }()
			pair := func(name string) {
				write(t, db, func(tx *store.Tx) error {
					if _, err := tx.Exec(queries.Get("setting"), name, "x"); err != nil {
						return err
					}
					_, err := tx.Exec(queries.Get("counter"), name, 1)
					return err
				})
			}
			pair("before")
			for w := range 4 {
				wg.Go(func() {
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						default:
							pair(fmt.Sprintf("w/%d/%d", w, i))
						}
					}
				})
			}
			var last int
			for range 5 {
				var b bytes.Buffer
				if _, err := backup.Dump(ctx, backup.Source{DB: db, Files: p.files, Header: backup.Header{CreatedAt: time.Now()}}, &b); err != nil {
					t.Fatal(err)
				}
				to := newPlace(t, store.SQLite)
				restore(t, to.target(), b.Bytes())
				rows := state(t, to)
				if len(rows["counters"]) == 0 || len(rows["counters"]) != len(rows["settings"]) || len(rows["counters"]) < last {
					t.Errorf("%d of one and %d of the other, after %d", len(rows["counters"]), len(rows["settings"]), last)
				}
				last = len(rows["counters"])
			}
			close(stop)
			wg.Wait()
		})
	}
}

// TestDamaged: whatever byte is altered or missing, the archive is refused and
// the target stays as it was.
func TestDamaged(t *testing.T) {
	p := small(t, store.SQLite)
	whole := p.dump(t)
	if _, err := backup.Verify(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	broken := map[string][]byte{"nothing": nil, "something else": []byte("PGDMP"), "more behind it": append(slices.Clone(whole), whole...)}
	for i := 0; i < len(whole); i += 1 + len(whole)/60 {
		altered := slices.Clone(whole)
		altered[i] ^= 0x10
		broken[fmt.Sprint("byte ", i)] = altered
		broken[fmt.Sprint("cut at ", i)] = whole[:i]
	}
	for name, b := range broken {
		if _, err := backup.Verify(bytes.NewReader(b)); !errors.Is(err, backup.ErrDamaged) {
			// A bit of zstd's frame header that means nothing is none of ours.
			if m, again := backup.Verify(bytes.NewReader(b)); again == nil && m.SHA256 != "" && strings.HasPrefix(name, "byte") {
				continue
			}
			t.Errorf("%s: %v", name, err)
		}
	}
	before := state(t, p)
	target := p.target()
	target.Replace = true
	if _, err := backup.Restore(ctx, target, bytes.NewReader(whole[:len(whole)/2])); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("half an archive: %v", err)
	}
	same(t, "after a refusal", state(t, p), before)
}

// TestAllOrNothing: a restore that fails at its very end leaves rows, files and
// folders as they were; one that succeeds replaces all of them.
func TestAllOrNothing(t *testing.T) {
	source := small(t, store.SQLite)
	source.with(t, func(db *store.DB) {
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(queries.Get("setting"), "mark", "restored")
			return err
		})
	})
	archive := source.dump(t)
	want := state(t, source)
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			p := small(t, engine)
			before := state(t, p)
			target := p.target()
			if _, err := backup.Restore(ctx, target, bytes.NewReader(archive)); !errors.Is(err, backup.ErrNotEmpty) {
				t.Errorf("a target with an installation: %v", err)
			}
			target.Replace = true
			failure := errors.New("at the end")
			target.Settle = func(*store.Tx, backup.Manifest) error { return failure }
			if _, err := backup.Restore(ctx, target, bytes.NewReader(archive)); !errors.Is(err, failure) {
				t.Errorf("a failure at the end: %v", err)
			}
			same(t, "after a failure", state(t, p), before)
			if left, _ := filepath.Glob(filepath.Join(p.dir, "restoring*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			settled := false
			target.Settle = func(tx *store.Tx, m backup.Manifest) error {
				settled = m.KeyID == "abc"
				return feed.Restart(tx, time.Now())
			}
			restore(t, target, archive)
			if !settled {
				t.Error("nothing was settled")
			}
			same(t, "replaced", state(t, p), want)
			if kept, _ := filepath.Glob(filepath.Join(p.dir, store.FileName+".replaced-*")); engine == store.SQLite && len(kept) != 1 {
				t.Errorf("the replaced database is kept as %v", kept)
			}
			notHeld(t, p)
		})
	}
}

// notHeld: a client that comes with a position of before loads everything anew;
// one that comes with a new position goes on.
func notHeld(t *testing.T, p place) {
	t.Helper()
	p.with(t, func(db *store.DB) {
		q := db.Reader(ctx)
		for _, old := range []feed.Position{{}, {ID: 12345}, {Xact: 1, ID: 3}} {
			if held, err := feed.Held(q, old); err != nil || held {
				t.Errorf("the position %v of before is held: %v", old, err)
			}
		}
		head, err := feed.Head(q)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := feed.Held(q, head); err != nil || !held {
			t.Errorf("a position of after is not held: %v", err)
		}
		write(t, db, func(tx *store.Tx) error {
			return feed.Append(tx, feed.Change{Kind: "x", Audience: feed.Staff, At: time.Now(), Payload: []byte("{}")})
		})
		testkit.Eventually(t, 20*time.Second, "the first change arrives", func() bool {
			got, err := feed.After(q, head, 10)
			return err == nil && len(got) == 1
		})
	})
}

// TestInUse: nobody pulls the rows from under a node.
func TestInUse(t *testing.T) {
	archive := small(t, store.SQLite).dump(t)
	p := newPlace(t, store.Postgres)
	p.with(t, func(db *store.DB) {
		if _, err := db.SQL().Exec("INSERT INTO nodes (node, holder, expires_at) VALUES (3, 'somebody', $1)", time.Now().Add(time.Minute).UnixMilli()); err != nil {
			t.Fatal(err)
		}
	})
	target := p.target()
	target.Replace = true
	if _, err := backup.Restore(ctx, target, bytes.NewReader(archive)); !errors.Is(err, backup.ErrInUse) {
		t.Errorf("PostgreSQL: %v", err)
	}
	folder := newPlace(t, store.SQLite)
	unlock, err := store.Lock(folder.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := backup.Restore(ctx, folder.target(), bytes.NewReader(archive)); !errors.Is(err, store.ErrLocked) {
		t.Errorf("SQLite: %v", err)
	}
}

// TestOlderSchema: an archive of an earlier version is brought up to this one.
func TestOlderSchema(t *testing.T) {
	old := newPlace(t, store.SQLite)
	old.with(t, func(db *store.DB) {
		if err := db.MigrateTo(ctx, 3); err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *store.Tx) error {
			_, err := tx.Exec(queries.Get("teammate"), 7, "boss@example.com", "Boss")
			return err
		})
	})
	archive := old.dump(t)
	for _, engine := range testkit.Engines {
		p := newPlace(t, engine)
		if m := restore(t, p.target(), archive); m.Schema != 3 {
			t.Errorf("schema %d", m.Schema)
		}
		p.with(t, func(db *store.DB) {
			if have, know, err := db.Schema(ctx); err != nil || have != know {
				t.Errorf("%s: schema %d of %d, %v", engine, have, know, err)
			}
		})
		if rows := state(t, p); len(rows["teammates"]) != 1 || len(rows["stages"]) != 6 {
			t.Errorf("%s: %d teammates, %d stages", engine, len(rows["teammates"]), len(rows["stages"]))
		}
	}
}

// TestMissingFile: a file that was swept while the backup ran is counted, and
// everything else is kept.
func TestMissingFile(t *testing.T) {
	p := newPlace(t, store.SQLite)
	p.with(t, func(db *store.DB) {
		if err := db.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
	})
	fill(t, p.dir, p.files)
	var gone string
	if err := p.files.Each(ctx, func(e files.Entry) error { gone = e.Key; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := p.files.Delete(ctx, gone); err != nil {
		t.Fatal(err)
	}
	to := newPlace(t, store.SQLite)
	if m := restore(t, to.target(), p.dump(t)); m.Files.Count != 3 || m.Files.Missing != 1 {
		t.Errorf("files: %+v", m.Files)
	}
	if _, err := to.files.Open(ctx, gone); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	same(t, "without a file", state(t, to), state(t, p))
}

// TestWhatPostgresRefuses: SQLite keeps zero bytes and broken UTF-8, which
// PostgreSQL does not; moving there repairs them instead of failing.
func TestWhatPostgresRefuses(t *testing.T) {
	p := small(t, store.SQLite)
	db, err := sql.Open("sqlite", filepath.Join(p.dir, store.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO settings (name, value) VALUES ('odd', ?)", "a\x00b\xffc\\000d"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	archive := p.dump(t)
	for engine, want := range map[store.Engine]string{store.SQLite: "a\x00b\xffc\\000d", store.Postgres: "ab\uFFFDc\\000d"} {
		to := newPlace(t, engine)
		restore(t, to.target(), archive)
		to.with(t, func(db *store.DB) {
			var got string
			if err := db.SQL().QueryRow("SELECT value FROM settings WHERE name = 'odd'").Scan(&got); err != nil || got != want {
				t.Errorf("%s: %q, want %q: %v", engine, got, want, err)
			}
		})
	}
}

// TestCancelled: a backup that is given up ends at once.
func TestCancelled(t *testing.T) {
	p := small(t, store.SQLite)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	p.with(t, func(db *store.DB) {
		if _, err := backup.Dump(gone, backup.Source{DB: db, Files: p.files}, io.Discard); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	if _, err := os.Stat(p.dir); err != nil {
		t.Error(err)
	}
}
