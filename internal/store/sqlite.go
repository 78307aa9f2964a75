package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// synchronous is the writer's durability. It is a variable only so that the
// flush test can build a program with less and see the test turn red
// (-ldflags "-X …/internal/store.synchronous=OFF"); nothing in the house sets it.
var synchronous = "FULL"

// busyTimeout is how long the writer waits for another process that writes.
const busyTimeout = 5 * time.Second

// readerIdle is how long a reading connection may rest before it is closed.
const readerIdle = time.Minute

// synchronousCode is what PRAGMA synchronous answers for each setting.
var synchronousCode = map[string]string{"OFF": "0", "NORMAL": "1", "FULL": "2"}

func sqliteDSN(path string, pragmas ...string) string {
	v := url.Values{"_txlock": {"deferred"}}
	for _, p := range pragmas {
		v.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String()
}

// writerDSN opens connections as durable as law 1 needs.
func writerDSN(path string) string {
	return sqliteDSN(path, "busy_timeout("+strconv.FormatInt(busyTimeout.Milliseconds(), 10)+")", "journal_mode(WAL)", "synchronous("+synchronous+")", "foreign_keys(1)",
		"wal_autocheckpoint(0)", "cache_size(-16000)", "temp_store(MEMORY)", "journal_size_limit("+strconv.Itoa(walLimit)+")")
}

func openSQLite(ctx context.Context, o Options, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	db := &DB{engine: SQLite, log: o.Log, notify: o.Notify, refused: o.Refused, checkpointed: make(chan struct{})}
	pool, err := sql.Open("sqlite", writerDSN(path))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(1)
	w := newWriter(db, pool, o.Observe)
	if err := w.connect(ctx); err != nil {
		_ = pool.Close()
		return nil, db.wrap("open "+path, err)
	}
	if db.readers, err = sql.Open("sqlite", sqliteDSN(path, "busy_timeout(5000)", "query_only(1)", "foreign_keys(1)",
		"cache_size(-8000)", "temp_store(MEMORY)")); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("open readers of %s: %w", path, err)
	}
	n := max(4, 2*runtime.NumCPU())
	db.readers.SetMaxOpenConns(n)
	db.readers.SetMaxIdleConns(n)
	// Each reader holds a cache and its prepared statements: only those in use stay.
	db.readers.SetConnMaxIdleTime(readerIdle)
	db.stmts = stmtCache{db: db.readers, engine: SQLite}
	db.writer = w
	go w.loop()
	go newCheckpointer(w, path).run()
	return db, nil
}
