// Command writer measures the bare coalescing writer with five rows such as a
// visitor's message writes, beside a naive writer that commits each message on
// its own.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/table"
	"github.com/fanward/fanward/internal/store"
)

type options struct {
	dir        string
	duration   time.Duration
	workers    int
	rates      []int
	profile    string
	closedOnly bool
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "folder for the databases; empty makes one and removes it")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long each row is measured")
	flag.IntVar(&o.workers, "workers", 512, "writes under way in the closed loop")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the closed loop")
	rates := flag.String("rates", "500,2000,5000", "messages per second of the open loops")
	flag.BoolVar(&o.closedOnly, "closed-only", false, "leave out the fixed rates and the naive writer")
	flag.Parse()
	for _, r := range strings.Split(*rates, ",") {
		rate, err := strconv.Atoi(r)
		if err != nil || rate < 1 {
			fmt.Fprintln(os.Stderr, "-rates is a list of numbers such as 500,2000")
			os.Exit(2)
		}
		o.rates = append(o.rates, rate)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "fanward-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.dir = dir
	}
	t := table.New("One writer, five rows per message, synchronous=FULL",
		"writer", "load", "messages/s", "rows/message", "flushes/message", "batch", "CPU/message", "p50", "p99", "max", "failed")
	if err := coalescing(o, t); err != nil {
		return err
	}
	if !o.closedOnly {
		if err := naive(o, t); err != nil {
			return err
		}
	}
	t.Print(os.Stdout)
	return nil
}

// flushes counts what the writer commits.
type flushes struct{ batches, members atomic.Int64 }

func coalescing(o options, t *table.Table) error {
	var f flushes
	db, err := store.Open(context.Background(), store.Options{Dir: o.dir + "/coalescing", Observe: func(members int, _, _ time.Duration) {
		f.batches.Add(1)
		f.members.Add(int64(members))
	}})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	w, err := newWorkload(db)
	if err != nil {
		return err
	}
	measure := func(loadName string, run func() load.Result) {
		b, m := f.batches.Load(), f.members.Load()
		r := run()
		b, m = f.batches.Load()-b, f.members.Load()-m
		report(t, "coalescing", loadName, r, float64(b)/float64(max(m, 1)))
	}
	closed := func() {
		measure(fmt.Sprintf("%d at once", o.workers), func() load.Result { return load.Closed(o.workers, o.duration, w.message) })
	}
	if err := profiled(o.profile, closed); err != nil {
		return err
	}
	if o.closedOnly {
		return nil
	}
	for _, rate := range o.rates {
		measure(fmt.Sprintf("%d/s", rate), func() load.Result { return load.Open(rate, o.duration, w.message) })
	}
	return nil
}

// profiled does something and, when there is a file, writes a CPU profile of it.
func profiled(file string, do func()) error {
	if file == "" {
		do()
		return nil
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	do()
	pprof.StopCPUProfile()
	return out.Close()
}

func report(t *table.Table, writer, loadName string, r load.Result, flushesPerMessage float64) {
	failed := fmt.Sprint(r.Failed + r.Dropped)
	if r.First != nil {
		failed += " (" + r.First.Error() + ")"
	}
	t.Add(writer, loadName, r.Rate(), len(perMessage), fmt.Sprintf("%.4f", flushesPerMessage), 1/max(flushesPerMessage, 1e-9), r.CPU/time.Duration(max(r.Done, 1)), r.Quantile(.5), r.Quantile(.99), r.Quantile(1), failed)
}

// naive commits every message alone, one after the other, by the same driver and
// as durably; all else is left as SQLite and database/sql have it: statements are
// compiled each time, and whoever commits moves the log into the file.
func naive(o options, t *table.Table) error {
	db, err := store.Open(context.Background(), store.Options{Dir: o.dir + "/naive"})
	if err != nil {
		return err
	}
	w, err := newWorkload(db)
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	pool, err := sql.Open("sqlite", "file:"+o.dir+"/naive/"+store.FileName+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	pool.SetMaxOpenConns(1)
	var mu sync.Mutex
	one := func(n int) error {
		mu.Lock()
		defer mu.Unlock()
		tx, err := pool.Begin()
		if err != nil {
			return err
		}
		for _, s := range w.statements(n) {
			if _, err := tx.Exec(s.text, s.args...); err != nil {
				_ = tx.Rollback()
				return err
			}
		}
		return tx.Commit()
	}
	report(t, "commit per message", "64 at once", load.Closed(64, o.duration, one), 1)
	report(t, "commit per message", fmt.Sprintf("%d/s", o.rates[0]), load.Open(o.rates[0], o.duration, one), 1)
	return nil
}
