package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
)

// joinCluster joins the other nodes through Redis where one is set. Nothing may
// have been hinted before.
func (d *database) joinCluster(ctx context.Context, c *config.Config, log *slog.Logger, metrics *obs.Metrics) error {
	if c.Redis.URL == "" {
		return nil
	}
	installation, err := installationOf(ctx, d.DB, c.DataDir)
	if err != nil {
		return fmt.Errorf("name the installation: %w", err)
	}
	d.redis, err = bus.Dial(bus.Options{URL: c.Redis.URL, Installation: installation, Node: d.node.Name, Clock: d.clk, Log: obs.Component(log, "bus")})
	if err != nil {
		return fmt.Errorf("redis.url (FANWARD_REDIS_URL): %w", err)
	}
	d.bus = d.redis
	metrics.Gauge("redis_up", "1 while this node and the others reach each other through Redis.", func() float64 {
		if d.redis.Up() {
			return 1
		}
		return 0
	})
	for _, one := range []struct {
		name, help string
		read       func(published, received, dropped int64) int64
	}{
		{"bus_published_total", "Messages sent to the other nodes.", func(n, _, _ int64) int64 { return n }},
		{"bus_received_total", "Messages of other nodes.", func(_, n, _ int64) int64 { return n }},
		{"bus_dropped_total", "Hints lost because Redis was away or a listener was behind.", func(_, _, n int64) int64 { return n }},
	} {
		metrics.Counter(one.name, one.help, func() float64 { return float64(one.read(d.redis.Stats())) })
	}
	return nil
}

// installationOf names the database among those whose nodes may use one Redis: the
// id that its first start has drawn, and where it lies, since a copy of a database
// has the same id.
func installationOf(ctx context.Context, db *store.DB, dir string) (string, error) {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	var id, place string
	err := db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(qNoteInstallation, hex.EncodeToString(b)); err != nil {
			return err
		}
		return tx.QueryRow(qReadInstallation).Scan(&id)
	})
	if err != nil {
		return "", err
	}
	if db.Engine() == store.Postgres {
		err = db.SQL().QueryRowContext(ctx, "SELECT oid || '/' || datname FROM pg_database WHERE datname = current_database()").Scan(&place)
	} else {
		host, _ := os.Hostname()
		place, err = filepath.Abs(dir)
		place = host + "/" + place
	}
	sum := sha256.Sum256([]byte(id + "\n" + place))
	return hex.EncodeToString(sum[:8]), err
}
