package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
)

// sampleEvery is how often the numbers are asked of the database that /metrics
// shows: a scrape itself never waits for it.
const sampleEvery = 10 * time.Second

// gauge is a number that rows tell.
type gauge struct {
	name, help string
	query      *store.Query
	// args are made of now in milliseconds.
	args func(now int64) []any
	// value is made of what the query gives, and of now.
	value func(n, now int64) float64
	last  atomic.Int64 // in thousandths
}

func none(int64) []any { return nil }

func sinceNow(now int64) []any { return []any{now} }

// age is how long ago an instant was, in seconds; 0 stands for none.
func age(n, now int64) float64 {
	if n == 0 || n > now {
		return 0
	}
	return float64(now-n) / 1000
}

func plain(n, _ int64) float64 { return float64(n) }

func gauges() []*gauge {
	return []*gauge{
		{name: "outbox_late_seconds", help: "How long the delivery that is most overdue has been waiting.", query: qOutboxDue, args: sinceNow, value: age},
		{name: "outbox_unknown", help: "Deliveries of which nobody knows whether they arrived and nobody has decided, up to 10000.", query: qOutboxUnknown, args: none, value: plain},
		{name: "outbox_failed", help: "Deliveries that failed and nobody has settled, up to 10000.", query: qOutboxFailed, args: none, value: plain},
		{name: "intake_late_seconds", help: "How long the inbound that is most overdue has been waiting to be understood.", query: qIntakeDue, args: sinceNow, value: age},
		{name: "intake_failed", help: "Inbound that could not be understood, up to 10000.", query: qIntakeFailed, args: none, value: plain},
		{name: "jobs_late_seconds", help: "How long the job that is most overdue has been waiting.", query: qJobsDue, args: sinceNow, value: age},
		{name: "segments_touched", help: "People whose memberships are to be asked anew, up to 100000.", query: qTouched, args: none, value: plain},
		{name: "segments_late_seconds", help: "How long the membership that is most overdue should have been looked at again.", query: qSegmentsDue, args: none, value: age},
		{name: "journeys_late_seconds", help: "How long the person of a live journey who is most overdue should have moved.", query: qJourneysDue, args: none, value: age},
		{name: "journeys_signal_age_seconds", help: "How long the oldest signal has been waiting for a journey to act upon it.", query: qSignalDue, args: none, value: age},
		{name: "backup_last_timestamp_seconds", help: "When the state was fixed that the latest backup holds; 0: never.", query: qLastBackup, args: none,
			value: func(n, _ int64) float64 { return float64(n) / 1000 }},
	}
}

// publishGauges shows the numbers of rows, disk and connections.
func (a *app) publishGauges() {
	a.gauges = gauges()
	for _, g := range a.gauges {
		a.metrics.Gauge(g.name, g.help, func() float64 { return float64(g.last.Load()) / 1000 })
	}
	a.metrics.Gauge("database_up", "1 while the database answers.", func() float64 { return float64(a.databaseUp.Load()) })
	a.metrics.Gauge("disk_free_bytes", "What is free for the data folder.", func() float64 {
		var st syscall.Statfs_t
		if syscall.Statfs(a.config.DataDir, &st) != nil {
			return 0
		}
		return float64(st.Bavail) * float64(st.Bsize)
	})
	if a.db.Engine() == store.SQLite {
		a.metrics.Gauge("wal_bytes", "Size of SQLite's write-ahead log.", func() float64 { return float64(fileSize(walPath(a.config.DataDir))) })
	}
	a.metrics.Registry().MustRegister(collectors.NewDBStatsCollector(a.db.SQL(), string(a.db.Engine())))
}

func walPath(dir string) string { return filepath.Join(dir, store.FileName+"-wal") }

// fileSize is 0 for what is not there.
func fileSize(path string) int64 {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err != nil {
		return 0
	}
	return st.Size()
}

// sample keeps the numbers fresh until ctx ends.
func (a *app) sample(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		a.sampleOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *app) sampleOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sampleEvery)
	defer cancel()
	q := a.db.Reader(ctx)
	up := int64(1)
	for _, g := range a.gauges {
		now := clock.Millis(a.db.clk.Now())
		var n int64
		err := q.QueryRow(g.query, g.args(now)...).Scan(&n)
		switch {
		case err == nil, errors.Is(err, store.ErrNoRows):
			g.last.Store(int64(g.value(n, now) * 1000))
		case ctx.Err() == nil:
			up = 0
			a.log.Debug("sample a gauge", "gauge", g.name, "error", err)
		}
	}
	if err := a.db.Ping(ctx); err != nil {
		up = 0
	}
	a.databaseUp.Store(up)
}

// lastBackupAt is when the latest backup was of; zero for never.
func lastBackupAt(ctx context.Context, db *store.DB) (time.Time, error) {
	var text string
	err := db.Reader(ctx).QueryRow(qSetting, lastBackup).Scan(&text)
	if errors.Is(err, store.ErrNoRows) {
		return time.Time{}, nil
	}
	ms, bad := strconv.ParseInt(text, 10, 64)
	if err = errors.Join(err, bad); err != nil {
		return time.Time{}, err
	}
	return clock.FromMillis(ms), nil
}
