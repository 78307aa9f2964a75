package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

const (
	// checkpointPause is how long a checkpoint waits after the one before.
	// Moving pages ends in a flush of the database file, and the disk lets the
	// log's flushes wait for it: many small ones cost commits a millisecond each,
	// one large one every second cost them a hundred.
	checkpointPause = 20 * time.Millisecond
	// walLimit is how many bytes the log may hold before it is begun anew.
	walLimit = 64 << 20
	// restartWait is how long the writer may wait for readers who still need
	// the log: writes stand still meanwhile.
	restartWait = 20 * time.Millisecond
	// restartWaitLong is that once the log holds four times walLimit: readers
	// that overlap without a pause let it grow no further.
	restartWaitLong = 250 * time.Millisecond
	// restartPause follows a restart that readers prevented; it doubles up to
	// restartPauseMax, so that a reader that stays for hours costs next to nothing.
	restartPause    = 2 * time.Second
	restartPauseMax = time.Minute
)

// checkpointer moves the log into the database beside the writer, so that no
// commit has to wait for it. Under steady load that alone never empties the
// log, since frames keep coming: when it has grown past walLimit the writer is
// asked to move the little that is left between two batches and to begin the
// log anew. Nobody but the writer ever takes the write lock, so no write can
// find the database busy because of a checkpoint.
type checkpointer struct {
	w         *writer
	path      string
	limit     int64 // bytes
	side      *sql.DB
	pageSize  int64
	notBefore time.Time
	pause     time.Duration
	restarts  int // how often the log was begun anew
}

func newCheckpointer(w *writer, path string) *checkpointer {
	return &checkpointer{w: w, path: path, limit: walLimit}
}

func (c *checkpointer) run() {
	defer close(c.w.db.checkpointed)
	var err error
	c.side, err = sql.Open("sqlite", sqliteDSN(c.path, "busy_timeout(0)", "synchronous("+synchronous+")", "wal_autocheckpoint(0)", "cache_size(-64)"))
	if err != nil {
		c.w.db.log.Error("no connection for checkpoints", "error", err)
		return
	}
	defer func() { _ = c.side.Close() }()
	c.side.SetMaxOpenConns(1)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-c.w.stop:
			return
		case <-pause.C:
		}
		select {
		case <-c.w.stop:
			return
		case <-c.w.committed:
		}
		if err := c.once(); err != nil {
			c.w.db.log.Warn("checkpoint", "error", err)
		}
		pause.Reset(checkpointPause)
	}
}

// once moves what has been committed since the last time.
func (c *checkpointer) once() error {
	var busy bool
	var frames, moved int64
	if err := c.side.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &frames, &moved); err != nil {
		return fmt.Errorf("passive: %w", err)
	}
	if c.pageSize == 0 {
		if err := c.side.QueryRow("PRAGMA page_size").Scan(&c.pageSize); err != nil {
			return fmt.Errorf("page size: %w", err)
		}
	}
	if frames*c.pageSize < c.limit || time.Now().Before(c.notBefore) {
		return nil
	}
	wait := restartWait
	if frames*c.pageSize > 4*c.limit {
		wait = restartWaitLong
	}
	return c.restart(wait)
}

// restart has the writer begin the log anew between two batches.
func (c *checkpointer) restart(wait time.Duration) error {
	var busy bool
	result := make(chan error, 1)
	task := func() {
		b, err := c.w.restartLog(wait)
		busy = b
		result <- err
	}
	select {
	case c.w.restart <- task:
	case <-c.w.stop:
		return nil
	}
	if err := <-result; err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if !busy {
		c.pause = 0
		c.restarts++
		return nil
	}
	c.pause = min(max(2*c.pause, restartPause), restartPauseMax)
	c.notBefore = time.Now().Add(c.pause)
	c.w.db.log.Info("a long reader keeps the log from being emptied", "retry_in", c.pause)
	return nil
}

// restartLog runs in the writer's goroutine and waits that long for readers.
// busy says that they still need the log.
func (w *writer) restartLog(wait time.Duration) (busy bool, err error) {
	ctx := context.Background()
	if err := w.exec(fmt.Sprintf("PRAGMA busy_timeout(%d)", wait.Milliseconds())); err != nil {
		return false, err
	}
	var frames, moved int64
	err = w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &frames, &moved)
	if back := w.exec(fmt.Sprintf("PRAGMA busy_timeout(%d)", busyTimeout.Milliseconds())); err == nil {
		err = back
	}
	return busy, err
}
