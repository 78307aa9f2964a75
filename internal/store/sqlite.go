package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// synchronous is the writer's durability. It is a variable only so that the
// flush test can build a program with less and see the test turn red
// (-ldflags "-X …/internal/store.synchronous=OFF"); nothing in the house sets it.
var synchronous = "FULL"

// synchronousCode is what PRAGMA synchronous answers for each setting.
var synchronousCode = map[string]string{"OFF": "0", "NORMAL": "1", "FULL": "2"}

const (
	checkpointEvery = 2 * time.Second
	// Above this many bytes the writer itself empties the log, so that constant
	// readers cannot make it grow without end.
	walLimit = 256 << 20
)

func sqliteDSN(path string, pragmas ...string) string {
	v := url.Values{"_txlock": {"deferred"}}
	for _, p := range pragmas {
		v.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String()
}

func openSQLite(ctx context.Context, o Options, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	db := &DB{engine: SQLite, log: o.Log, notify: o.Notify}
	pool, err := sql.Open("sqlite", sqliteDSN(path,
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous("+synchronous+")", "foreign_keys(1)",
		"wal_autocheckpoint(0)", "cache_size(-16000)", "temp_store(MEMORY)"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(1)
	w := &writer{
		db: db, pool: pool, stmts: map[*Query]*sql.Stmt{}, observe: o.Observe,
		queue: make(chan *member, queueLength), stop: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		_ = pool.Close()
		return nil, db.wrap("open "+path, err)
	}
	db.dsn = sqliteDSN(path, "busy_timeout(5000)", "query_only(1)", "foreign_keys(1)", "cache_size(-8000)", "mmap_size(268435456)", "temp_store(MEMORY)")
	if db.readers, err = sql.Open("sqlite", db.dsn); err != nil {
		_ = pool.Close()
		return nil, fmt.Errorf("open readers of %s: %w", path, err)
	}
	n := max(4, 2*runtime.NumCPU())
	db.readers.SetMaxOpenConns(n)
	db.readers.SetMaxIdleConns(n)
	db.stmts = stmtCache{db: db.readers, engine: SQLite}
	db.writer = w
	go w.loop()
	go w.checkpoints(path)
	return db, nil
}

// checkpoints moves the log into the database beside the writer, so that no
// commit has to wait for it.
func (w *writer) checkpoints(path string) {
	side, err := sql.Open("sqlite", sqliteDSN(path, "busy_timeout(0)", "synchronous("+synchronous+")", "wal_autocheckpoint(0)"))
	if err != nil {
		w.db.log.Error("no connection for checkpoints", "error", err)
		return
	}
	side.SetMaxOpenConns(1)
	defer func() { _ = side.Close() }()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		st, err := os.Stat(path + "-wal")
		if err != nil || st.Size() == 0 || st.Size() == last {
			continue
		}
		mode := "PASSIVE"
		if st.Size() > walLimit {
			mode = "TRUNCATE"
		}
		if _, err := side.Exec("PRAGMA wal_checkpoint(" + mode + ")"); err != nil {
			w.db.log.Warn("checkpoint", "mode", mode, "error", err)
		}
		last = st.Size()
	}
}
