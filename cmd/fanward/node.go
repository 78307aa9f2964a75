package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

const (
	nodeLease = 15 * time.Second
	nodeRenew = 5 * time.Second
	nodeRetry = time.Second
	// nodeGrace is for how long beyond its lease a node is given the chance to
	// renew it: when the database was away, all of them come late.
	nodeGrace = 5 * time.Second
	// nodeUnburied is after how long the number of a dead node is taken when no
	// node has lived long enough to see to what it held.
	nodeUnburied = 10 * time.Minute
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
			taken, err := tx.Exec(qLeaseNode, n.Number, n.Name, clock.Millis(until), clock.Millis(now.Add(-nodeUnburied)))
			if err != nil || taken == 1 {
				return err
			}
		}
		return fault.New(fault.Unavailable, "no_free_node", fault.Params{"max": ids.MaxLease + 1})
	})
	return until, err
}

// renew keeps the lease until ctx ends, then gives it back, and sees to what
// nodes held that have died: released ends their leases. A process that was
// stopped, or away from the database, for longer than its lease may find its
// number taken: then it takes another one. Meanwhile source makes ids without it.
func (n node) renew(ctx context.Context, db *store.DB, clk clock.Clock, source *ids.Source, log *slog.Logger, released func(tx *store.Tx, holder string) error) {
	if db.Engine() == store.SQLite {
		return
	}
	var alive time.Time // since when the lease has been kept without a gap
	wait := nodeRenew
	for {
		due, stop := clk.After(wait)
		select {
		case <-ctx.Done():
			stop()
			n.giveBack(db)
			return
		case <-due:
		}
		now := clk.Now()
		until, err := n.keep(ctx, db, clk, log)
		if err != nil {
			wait, alive = nodeRetry, time.Time{}
			if ctx.Err() == nil {
				log.Warn("renew the node's number", "node", n.Number, "error", err)
			}
			continue
		}
		if alive.IsZero() || source.Lapsed() {
			alive = now
		}
		wait = nodeRenew
		source.Lease(n.Number, until, clk)
		if now.Sub(alive) < nodeLease {
			continue // whoever was away cannot tell who has died
		}
		if err := bury(ctx, db, now.Add(-nodeGrace), log, released); err != nil && ctx.Err() == nil {
			log.Error("take over from nodes that died", "error", err)
		}
	}
}

// keep renews the lease, or takes another number when this one is lost.
func (n *node) keep(ctx context.Context, db *store.DB, clk clock.Clock, log *slog.Logger) (time.Time, error) {
	until := clk.Now().Add(nodeLease)
	err := n.extend(ctx, db, until)
	if !errors.Is(err, errLeaseLost) {
		return until, err
	}
	lost := n.Number
	if until, err = n.take(ctx, db, clk); err == nil {
		log.Warn("this node was away for too long and goes on with a new number", "lost", lost, "node", n.Number)
	}
	return until, err
}

// bury sees to what nodes held whose leases ended before an instant.
func bury(ctx context.Context, db *store.DB, before time.Time, log *slog.Logger, released func(tx *store.Tx, holder string) error) error {
	rows, err := db.Reader(ctx).Query(qDeadNodes, clock.Millis(before))
	dead, err := store.Collect(rows, err, func(r store.Row) (d node, err error) { return d, r.Scan(&d.Number, &d.Name) })
	if err != nil {
		return err
	}
	for _, d := range dead {
		var buried int64
		err := db.Write(ctx, func(tx *store.Tx) (err error) {
			if buried, err = tx.Exec(qBuryNode, d.Number, d.Name, clock.Millis(before)); err != nil || buried == 0 {
				return err
			}
			return released(tx, d.Name)
		})
		if err != nil {
			return err
		}
		if buried == 1 {
			log.Warn("a node has died; what it was doing is taken over", "name", d.Name)
		}
	}
	return nil
}

// giveBack lets the number be another's at once.
func (n node) giveBack(db *store.DB) {
	if db.Engine() == store.SQLite || !db.Up() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(qBuryNode, n.Number, n.Name, int64(math.MaxInt64))
		return err
	})
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
