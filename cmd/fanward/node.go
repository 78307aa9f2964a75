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
// process, and a leased one on PostgreSQL. clk is the machine's: the sandbox's
// must not end leases.
func leaseNode(ctx context.Context, db *store.DB, clk clock.Clock) (node, error) {
	n := node{Name: nodeName()}
	if db.Engine() == store.SQLite {
		return n, nil
	}
	err := db.Write(ctx, func(tx *store.Tx) error {
		now := clk.Now()
		for n.Number = 0; n.Number <= ids.MaxNode; n.Number++ {
			taken, err := tx.Exec(qLeaseNode, n.Number, n.Name, clock.Millis(now.Add(nodeLease)), clock.Millis(now))
			if err != nil || taken == 1 {
				return err
			}
		}
		return fault.New(fault.Unavailable, "no_free_node", fault.Params{"max": ids.MaxNode + 1})
	})
	return n, err
}

// renew keeps the lease until ctx ends, then gives it back. lost is called
// when somebody else has taken the number: ids could collide, so the process
// must end.
func (n node) renew(ctx context.Context, db *store.DB, clk clock.Clock, log *slog.Logger, lost func()) {
	if db.Engine() == store.SQLite {
		return
	}
	tick := time.NewTicker(nodeRenew)
	defer tick.Stop()
	held := clk.Now()
	for {
		select {
		case <-ctx.Done():
			gone, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			_ = n.extend(gone, db, clk.Now())
			return
		case <-tick.C:
		}
		err := n.extend(ctx, db, clk.Now().Add(nodeLease))
		switch {
		case err == nil:
			held = clk.Now()
		case errors.Is(err, errLeaseLost), clk.Now().Sub(held) > nodeLease:
			log.Error("the node's number is lost", "node", n.Number, "error", err)
			lost()
			return
		default:
			log.Warn("renew the node's number", "node", n.Number, "error", err)
		}
	}
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
