package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"

	"github.com/fanward/fanward/internal/fault"
)

const (
	// postgresLost is after how long without an answer to what was sent the
	// server counts as lost.
	postgresLost   = 30 * time.Second
	connectTimeout = 5 * time.Second
	// lockTimeout bounds how long a statement waits for a lock.
	lockTimeout = "10s"
	// idleTimeout is how long a transaction may stand still before the server ends
	// it: a node that was stopped, or whose machine is gone without a word, must not
	// keep its locks and hold the change feed back.
	idleTimeout = "60s"
)

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be used: %w", err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if _, given := config.RuntimeParams["application_name"]; !given {
		config.RuntimeParams["application_name"] = "fanward"
	}
	if config.ValidateConnect == nil && severalHosts(config) {
		// After a failover the first that answers may be the one that only reads.
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	config.DialFunc = dialPostgres
	db := &DB{engine: Postgres, log: o.Log, notify: o.Notify, refused: o.Refused}
	if db.pooled, err = behindPooler(ctx, config); err != nil {
		return nil, db.wrap("connect to the database", err)
	}
	if db.pooled {
		// Nothing but its transaction belongs to us: statements have no names.
		if config.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && !strings.Contains(o.URL, "default_query_exec_mode") {
			config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		}
	} else {
		// To compile a rule takes the server longer than to answer it.
		for name, value := range map[string]string{"lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout, "jit": "off"} {
			if _, given := config.RuntimeParams[name]; !given {
				config.RuntimeParams[name] = value
			}
		}
	}
	db.plain = config.Copy()
	db.watch = newWatch(config.Copy(), o.Log)
	config.DialFunc = db.watch.dial
	open := func(most int) *sql.DB {
		pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
			if !db.pooled {
				db.watch.belongs(c.PgConn().Conn(), c.PgConn().PID())
			}
			return checkDurability(ctx, c)
		}))
		pool.SetMaxOpenConns(most)
		pool.SetMaxIdleConns(most)
		pool.SetConnMaxIdleTime(5 * time.Minute)
		return pool
	}
	pool := open(postgresConns)
	db.readers, db.aside = pool, open(1)
	db.stmts = stmtCache{db: pool, engine: Postgres}
	if err := db.Ping(ctx); err != nil {
		_ = errors.Join(pool.Close(), db.aside.Close())
		return nil, err
	}
	go db.watch.run()
	return db, nil
}

func severalHosts(config *pgx.ConnConfig) bool {
	for _, f := range config.Fallbacks { // the same host stands here, too, with and without TLS
		if f.Host != config.Host || f.Port != config.Port {
			return true
		}
	}
	return false
}

var refusedSetting = regexp.MustCompile(`unsupported startup parameter[^:]*: (\S+)`)

// behindPooler tells whether something hands our transactions to server
// connections as it likes: then the server process that answers is not the one
// that was named when the connection began.
func behindPooler(ctx context.Context, config *pgx.ConnConfig) (bool, error) {
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if m := refusedSetting.FindStringSubmatch(err.Error()); m != nil {
			return false, fmt.Errorf("the pooler before PostgreSQL refuses the setting %s of the database URL; take it out, or give it to the role with ALTER ROLE … SET: %w", m[1], err)
		}
		return false, err
	}
	defer func() { _ = c.Close(ctx) }()
	var pid uint32
	err = c.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid != c.PgConn().PID(), err
}

// dialPostgres connects so that a server that vanished without a word is
// noticed: a write waits for its outcome, but not for ever.
func dialPostgres(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 15 * time.Second, Control: func(network, _ string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		var set error
		err := c.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(postgresLost.Milliseconds()))
		})
		return errors.Join(err, set)
	}}
	return d.DialContext(ctx, network, addr)
}

// checkDurability refuses a connection on which COMMIT would answer before the
// server has flushed (law 1).
func checkDurability(ctx context.Context, c *pgx.Conn) error {
	var fsync, commit string
	if err := c.QueryRow(ctx, "SELECT current_setting('fsync'), current_setting('synchronous_commit')", pgx.QueryExecModeSimpleProtocol).Scan(&fsync, &commit); err != nil {
		return fmt.Errorf("read the server's durability: %w", err)
	}
	if fsync == "off" || commit == "off" {
		return fmt.Errorf("the PostgreSQL server would lose acknowledged writes: fsync is %q and synchronous_commit is %q; both must not be off", fsync, commit)
	}
	return nil
}

// pingPostgres checks that the database answers and takes writes.
func (db *DB) pingPostgres(ctx context.Context) error {
	if err := db.watch.reachable(); err != nil {
		return err
	}
	var only bool
	if err := db.readers.QueryRowContext(ctx, "SELECT current_setting('transaction_read_only')::boolean").Scan(&only); err != nil {
		if ctx.Err() != nil {
			return fault.Wrap(fmt.Errorf("ping: %w", err), fault.Unavailable, "storage_unavailable", nil).RetryIn(retryLost)
		}
		return db.wrap("ping", err)
	}
	if only {
		db.readers.SetMaxIdleConns(0) // new ones may find the server that writes
		db.readers.SetMaxIdleConns(postgresConns)
		return fault.New(fault.Unavailable, "storage_read_only", nil).RetryIn(retryLost)
	}
	return nil
}
