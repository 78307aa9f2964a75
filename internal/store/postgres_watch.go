package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fanward/fanward/internal/fault"
)

// pace says how soon a watch notices what.
type pace struct {
	// silence is how long a line may be waited for before somebody asks the
	// server, over another line, whether it still works on that one.
	silence time.Duration
	// ask is how long the server may take to answer that.
	ask time.Duration
	// look is how often lines are looked at.
	look time.Duration
	// retry is how often a server that is gone is tried.
	retry time.Duration
}

var defaultPace = pace{silence: 3 * time.Second, ask: 3 * time.Second, look: time.Second, retry: 500 * time.Millisecond}

// retryLost is when a client that was refused may come back.
const retryLost = 2 * time.Second

// watch knows every line to the server. A line of which nothing is heard is
// either slow, and then the server says that it is at work, or half-open, and
// then it is closed: nobody waits for ever on a server that has vanished. While
// the server does not answer at all everything is refused at once.
type watch struct {
	pace
	log    *slog.Logger
	config *pgx.ConnConfig // plain lines, to ask by

	down    atomic.Bool
	suspect chan struct{} // a connection could not be made
	quit    chan struct{}
	once    sync.Once

	mu    sync.Mutex
	lines map[*line]struct{}
}

// line is a connection of the pool.
type line struct {
	net.Conn
	w *watch
	// since is when a call began that waits for the other side, in nanoseconds; 0
	// while none does.
	since atomic.Int64
	// pid is the server process at work here; 0 is not known.
	pid atomic.Uint32
	// idle is the wait during which the server said that it does nothing for this line.
	idle int64
}

func newWatch(config *pgx.ConnConfig, log *slog.Logger) *watch {
	config.RuntimeParams["application_name"] += " watch"
	return &watch{pace: defaultPace, log: log, config: config, suspect: make(chan struct{}, 1), quit: make(chan struct{}), lines: map[*line]struct{}{}}
}

func (l *line) Read(b []byte) (int, error) {
	l.since.Store(time.Now().UnixNano())
	n, err := l.Conn.Read(b)
	l.since.Store(0)
	return n, err
}

func (l *line) Write(b []byte) (int, error) {
	l.since.Store(time.Now().UnixNano())
	n, err := l.Conn.Write(b)
	l.since.Store(0)
	return n, err
}

func (l *line) Close() error {
	l.w.mu.Lock()
	delete(l.w.lines, l)
	l.w.mu.Unlock()
	return l.Conn.Close()
}

// dial makes a line for the pool.
func (w *watch) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := dialPostgres(ctx, network, addr)
	if err != nil {
		select {
		case w.suspect <- struct{}{}:
		default:
		}
		return nil, err
	}
	l := &line{Conn: c, w: w}
	w.mu.Lock()
	w.lines[l] = struct{}{}
	w.mu.Unlock()
	return l, nil
}

// belongs notes which server process is behind a connection.
func (w *watch) belongs(c net.Conn, pid uint32) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if l, ok := c.(*line); ok {
		l.pid.Store(pid)
	}
}

// works notes it for as long as a transaction lasts; 0 ends that.
func (w *watch) works(c *sql.Conn, pid uint32) {
	_ = c.Raw(func(driver any) error {
		if own, ok := driver.(*stdlib.Conn); ok {
			w.belongs(own.Conn().PgConn().Conn(), pid)
		}
		return nil
	})
}

// reachable is the answer to whoever wants something while the server is gone.
func (w *watch) reachable() error {
	if w == nil || !w.down.Load() {
		return nil
	}
	return fault.New(fault.Unavailable, "storage_unavailable", nil).RetryIn(retryLost)
}

func (w *watch) close() { w.once.Do(func() { close(w.quit) }) }

// run watches until close.
func (w *watch) run() {
	tick := time.NewTicker(w.look)
	defer tick.Stop()
	for {
		doubt := false
		select {
		case <-w.quit:
			return
		case <-w.suspect:
			doubt = true
		case <-tick.C:
		}
		stale := w.stale(time.Now())
		if !doubt && len(stale) == 0 {
			continue
		}
		idle, err := w.question(stale)
		if err != nil {
			if !w.await(err) {
				return
			}
			continue
		}
		for l, since := range stale {
			w.judge(l, since, idle)
		}
	}
}

// stale are the lines that have been waited for too long, with since when.
func (w *watch) stale(now time.Time) map[*line]int64 {
	var out map[*line]int64
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.lines {
		if since := l.since.Load(); since > 0 && now.UnixNano()-since > w.silence.Nanoseconds() {
			if out == nil {
				out = map[*line]int64{}
			}
			out[l] = since
		}
	}
	return out
}

// judge closes a line on which the server has nothing to do, seen twice: an
// answer may have been on its way.
func (w *watch) judge(l *line, since int64, idle map[uint32]bool) {
	pid := l.pid.Load()
	if pid == 0 { // behind a pooler, outside of a transaction
		if time.Now().UnixNano()-since < postgresLost.Nanoseconds() {
			return
		}
	} else if resting, known := idle[pid]; known && !resting {
		return
	} else if l.idle != since {
		l.idle = since
		return
	}
	if l.since.Load() == since {
		w.log.Warn("a connection to the database went silent and is given up")
		_ = l.Close()
		w.terminate(pid)
	}
}

// terminate ends the server process behind a line that was given up: it does not
// hear of that, and its transaction would hold its locks and the feed for ever.
func (w *watch) terminate(pid uint32) {
	if pid == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.ask)
	defer cancel()
	_ = w.with(ctx, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SELECT pg_terminate_backend($1)", pgx.QueryExecModeExec, int32(pid))
		return err
	})
}

// question makes a new connection and asks which of the lines' server processes rest.
// The error says that there is no server any more.
func (w *watch) question(lines map[*line]int64) (map[uint32]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.ask)
	defer cancel()
	var pids []int32
	for l := range lines {
		if pid := l.pid.Load(); pid > 0 {
			pids = append(pids, int32(pid))
		}
	}
	idle := map[uint32]bool{}
	err := w.with(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, "SELECT pid, COALESCE(state, '') LIKE 'idle%' FROM pg_stat_activity WHERE pid = ANY($1)", pgx.QueryExecModeExec, pids)
		if err != nil {
			return err
		}
		var pid int32
		var rests bool
		_, err = pgx.ForEachRow(rows, []any{&pid, &rests}, func() error {
			idle[uint32(pid)] = rests
			return nil
		})
		return err
	})
	if answered(err) {
		err = nil
	}
	return idle, err
}

func (w *watch) with(ctx context.Context, do func(*pgx.Conn) error) error {
	c, err := pgx.ConnectConfig(ctx, w.config)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return do(c)
}

// answered tells whether a server is there, be it one that refuses us. One that
// starts, stops or recovers has none of our lines any more; a pooler whose
// server is gone is no server.
func answered(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && !strings.HasPrefix(pg.Code, "57P") && (!strings.HasPrefix(pg.Code, "08") || strings.Contains(pg.Message, "no more connections"))
}

// await refuses everything until the server answers again; false when the
// database is closed first.
func (w *watch) await(cause error) bool {
	w.log.Error("the database does not answer; writes are refused until it does", slog.Any("error", cause))
	began := time.Now()
	w.down.Store(true)
	defer w.down.Store(false)
	for {
		w.mu.Lock()
		lines := w.lines
		w.lines = map[*line]struct{}{}
		w.mu.Unlock()
		for l := range lines {
			_ = l.Conn.Close()
		}
		again := time.NewTimer(w.retry)
		select {
		case <-w.quit:
			again.Stop()
			return false
		case <-again.C:
		}
		ctx, cancel := context.WithTimeout(context.Background(), w.ask)
		err := w.with(ctx, func(c *pgx.Conn) error { return c.Ping(ctx) })
		cancel()
		if err == nil || answered(err) {
			w.log.Info("the database answers again", slog.Duration("after", time.Since(began)))
			return true
		}
	}
}
