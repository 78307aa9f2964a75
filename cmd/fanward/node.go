package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const (
	nodeLease = time.Minute
	nodeRenew = 15 * time.Second
	nodeRetry = 2 * time.Second
)

// node is this process among its equals.
type node struct {
	// Name appears in sockets' hellos and logs; it differs for every start.
	Name   string
	Number int
}

// nodeName is the machine and a random part: a process that starts anew is
// another holder of leases.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "node"
	}
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return host + "-" + hex.EncodeToString(b)
}

// leaseNode gives the process its node number: 0 on SQLite, which has one
// process, and a leased one on PostgreSQL, good until an instant. clk is the
// machine's: the sandbox's must not end leases.
func leaseNode(ctx context.Context, db *store.DB, clk clock.Clock) (node, time.Time, error) {
	n := node{Name: nodeName()}
	if db.Engine() == store.SQLite {
		return n, time.Time{}, nil
	}
	until, err := n.take(ctx, db, clk)
	return n, until, err
}

// take leases a number that nobody holds.
func (n *node) take(ctx context.Context, db *store.DB, clk clock.Clock) (until time.Time, err error) {
	err = db.Write(ctx, func(tx *store.Tx) error {
		now := clk.Now()
		until = now.Add(nodeLease)
		for n.Number = 0; n.Number <= ids.MaxLease; n.Number++ {
			taken, err := tx.Exec(qLeaseNode, n.Number, n.Name, clock.Millis(until), clock.Millis(now))
			if err != nil || taken == 1 {
				return err
			}
		}
		return fault.New(fault.Unavailable, "no_free_node", fault.Params{"max": ids.MaxLease + 1})
	})
	return until, err
}

// renew keeps the lease until ctx ends, then gives it back. A process that was
// stopped, or away from the database, for longer than the lease may find its
// number taken: then it takes another one. Meanwhile source makes ids without it.
func (n node) renew(ctx context.Context, db *store.DB, clk clock.Clock, source *ids.Source, log *slog.Logger) {
	if db.Engine() == store.SQLite {
		return
	}
	wait := nodeRenew
	for {
		due, stop := clk.After(wait)
		select {
		case <-ctx.Done():
			stop()
			n.giveBack(db, clk)
			return
		case <-due:
		}
		wait = nodeRenew
		until := clk.Now().Add(nodeLease)
		err := n.extend(ctx, db, until)
		if errors.Is(err, errLeaseLost) {
			lost := n.Number
			if until, err = n.take(ctx, db, clk); err == nil {
				log.Warn("another process has this node's number; it goes on with a new one", "lost", lost, "node", n.Number)
			}
		}
		if err == nil {
			source.Lease(n.Number, until, clk)
			continue
		}
		wait = nodeRetry
		if ctx.Err() == nil {
			log.Warn("renew the node's number", "node", n.Number, "error", err)
		}
	}
}

// giveBack lets the number be another's at once.
func (n node) giveBack(db *store.DB, clk clock.Clock) {
	if db.Engine() == store.SQLite || !db.Up() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = n.extend(ctx, db, clk.Now())
}

var errLeaseLost = errors.New("another process holds this node number")

func (n node) extend(ctx context.Context, db *store.DB, until time.Time) error {
	return db.Write(ctx, func(tx *store.Tx) error {
		held, err := tx.Exec(qRenewNode, clock.Millis(until), n.Number, n.Name)
		if err == nil && held == 0 {
			err = errLeaseLost
		}
		return err
	})
}

// idTables lists the tables whose primary key is an id of the house. The feed
// and the event names count in numbers of their own, and other tables may have
// a column "id" that is something else.
var idTables = map[store.Engine]string{
	store.SQLite: `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.name = 'id' AND c.pk = 1 AND c.type IN ('INTEGER', 'BIGINT') AND upper(m.sql) NOT LIKE '%AUTOINCREMENT%'
		AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) o WHERE o.pk > 1)`,
	store.Postgres: `SELECT c.relname FROM pg_class c
		JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
		WHERE c.relnamespace = current_schema()::regnamespace AND a.attname = 'id' AND a.atttypid = 'bigint'::regtype
		AND a.attidentity = '' AND NOT a.atthasdef`,
}

// highWater is the largest id that any table holds, so that a clock which was
// set back while the program was down makes no id a second time.
func highWater(ctx context.Context, db *store.DB) (ids.ID, error) {
	rows, err := db.SQL().QueryContext(ctx, idTables[db.Engine()])
	tables, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var name string
		return name, r.Scan(&name)
	})
	if err != nil {
		return 0, fmt.Errorf("list the tables with ids: %w", err)
	}
	var highest ids.ID
	for _, table := range tables {
		var top int64
		if err := db.SQL().QueryRowContext(ctx, `SELECT COALESCE(max(id), 0) FROM "`+table+`"`).Scan(&top); err != nil {
			return 0, fmt.Errorf("highest id of %s: %w", table, err)
		}
		highest = max(highest, ids.ID(top))
	}
	return highest, nil
}
