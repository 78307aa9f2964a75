package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"time"
)

// What tests may do to the inside of an open database.

// LoseWriter makes the writing connection a lost one. It runs between two
// batches, or in a closure.
func LoseWriter(db *DB) {
	db.writer.forget()
	_ = db.writer.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// OnWriter runs fn on the writing connection, between two batches.
func OnWriter(db *DB, fn func(c *sql.Conn) error) error {
	done := make(chan error)
	db.writer.restart <- func() { done <- fn(db.writer.conn) }
	return <-done
}

// HoldWriter keeps the writer from beginning a batch until release is called.
func HoldWriter(db *DB) (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	go func() {
		db.writer.restart <- func() {
			close(held)
			<-free
		}
	}()
	<-held
	return func() { close(free) }
}

// Queued is how many writes wait for the writer.
func Queued(db *DB) int { return len(db.writer.queue) + len(db.writer.bulk) }

// TrustWriter reads back the pragmas of a connection that another DSN opened.
func TrustWriter(ctx context.Context, dsn string) error {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	w := newWriter(&DB{engine: SQLite}, pool, nil)
	if err := w.connect(ctx); err != nil {
		return err
	}
	return w.conn.Close()
}

// WriterDSN is what the writer opens.
func WriterDSN(path string) string { return writerDSN(path) }

// SetSynchronous does what a linker override does and returns how to undo it.
func SetSynchronous(value string) (restore func()) {
	was := synchronous
	synchronous = value
	return func() { synchronous = was }
}

// Checkpoint runs one round of the checkpointer with another limit and tells
// whether the log was begun anew.
func Checkpoint(db *DB, path string, limit int64) (restarted bool, err error) {
	side, err := sql.Open("sqlite", sqliteDSN(path, "busy_timeout(0)", "wal_autocheckpoint(0)"))
	if err != nil {
		return false, err
	}
	defer func() { _ = side.Close() }()
	c := &checkpointer{w: db.writer, path: path, limit: limit, side: side}
	err = c.once()
	return c.restarts > 0, err
}

// WriterStatements is how many statements the writer keeps prepared.
func WriterStatements(db *DB) int { return len(db.writer.stmts) }

// PostgresConns is how many may write at once on PostgreSQL.
const PostgresConns = postgresConns

// Limits of the writer.
const (
	MaxBatch     = maxBatch
	MaxBatchWork = maxBatchWork
	QueueLength  = queueLength
)

// LogFrames is how many frames the log holds.
func LogFrames(path string) (frames int64, err error) {
	side, err := sql.Open("sqlite", sqliteDSN(path, "busy_timeout(0)", "wal_autocheckpoint(0)"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = side.Close() }()
	var busy, moved int64
	err = side.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved)
	return frames, err
}

// Hasten makes databases opened from now on notice within parts of a second that
// their server is gone.
func Hasten(t interface{ Cleanup(func()) }) {
	before := defaultPace
	defaultPace = pace{silence: 150 * time.Millisecond, ask: 500 * time.Millisecond, look: 50 * time.Millisecond, retry: 50 * time.Millisecond}
	t.Cleanup(func() { defaultPace = before })
}

// Told is what whoever calls the store hears of an error of the driver.
func Told(err error) error { return (&DB{}).wrap("do", err) }

// Rush makes a write that has to start anew count its tries alone.
func Rush(t interface{ Cleanup(func()) }) {
	before := postgresPatience
	postgresPatience = 0
	t.Cleanup(func() { postgresPatience = before })
}
