package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
)

// database is an open, migrated database and this process's place in it. On
// SQLite it holds the data folder's lock.
type database struct {
	*store.DB
	clk *clock.System
	// machine is the time of leases, which the sandbox does not move.
	machine clock.Clock
	ids     *ids.Source
	// bus is this process's own until joinCluster.
	bus    bus.Cluster
	redis  *bus.Redis // nil where none is set
	node   node
	unlock func()
}

func openDatabase(ctx context.Context, c *config.Config, log *slog.Logger, metrics *obs.Metrics) (_ *database, err error) {
	clk := clock.NewSystem()
	d := &database{clk: clk, machine: clock.NewSystem(), bus: bus.NewSingle(clk), unlock: func() {}}
	if c.Database.URL == "" {
		if d.unlock, err = store.Lock(c.DataDir); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	opts := store.Options{Dir: c.DataDir, URL: c.Database.URL, Log: obs.Component(log, "store"), Notify: func(topic string) { d.bus.Publish(topic, nil) }}
	if metrics != nil {
		opts.Observe = metrics.Batch
		opts.Refused = func() { metrics.Refused("write") }
	}
	if d.DB, err = store.Open(ctx, opts); err != nil {
		return nil, err
	}
	if err = d.Migrate(ctx); err != nil {
		return nil, err
	}
	high, err := highWater(ctx, d.DB)
	if err != nil {
		return nil, err
	}
	var until time.Time
	if d.node, until, err = leaseNode(ctx, d.DB, d.machine); err != nil {
		return nil, err
	}
	if d.ids, err = ids.NewSource(d.clk, d.node.Number, high); err == nil && !until.IsZero() {
		d.ids.Lease(d.node.Number, until, d.machine)
	}
	return d, err
}

// Close closes the database and gives the folder back.
func (d *database) Close() error {
	var err error
	if d.DB != nil {
		if d.ids != nil {
			d.node.giveBack(d.DB)
		}
		err = d.DB.Close()
	}
	if d.redis != nil { // what was committed last has been told before it goes
		err = errors.Join(err, d.redis.Close())
	}
	d.unlock()
	return err
}

func newMigrate() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database up to this version's schema", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := settings(cmd)
			if err != nil {
				return err
			}
			d, err := openDatabase(cmd.Context(), s.Config, obs.NewLogger(cmd.ErrOrStderr(), "warn", "text"), nil)
			if err != nil {
				return err
			}
			cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.migrated", nil))
			return d.Close()
		},
	}
}
