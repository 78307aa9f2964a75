// Command journeys measures how many steps of journeys a second are durable, and
// how late people are let on while many others wait.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"sort"
	"sync/atomic"
	"time"
	_ "time/tzdata"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
)

type options struct {
	dir, url, profile string
	duration          time.Duration
	people, waiting   int
	rate, nodes       int
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "folder for the database; empty makes one and removes it")
	flag.StringVar(&o.url, "database-url", "", "an empty PostgreSQL database instead of SQLite")
	flag.DurationVar(&o.duration, "duration", 60*time.Second, "how long each row is measured")
	flag.IntVar(&o.people, "people", 20_000, "who goes round while steps are counted")
	flag.IntVar(&o.waiting, "waiting", 1_000_000, "who waits while wakes are timed")
	flag.IntVar(&o.rate, "rate", 500, "wakes a second")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the counted steps")
	flag.IntVar(&o.nodes, "nodes", 0, "1: on a PostgreSQL of its own instead of SQLite; the program itself is not started here")
	flag.Parse()
	program.Main(min(o.nodes, 1), func() error { return run(context.Background(), o) })
}

// bench is the house as far as journeys need it.
type bench struct {
	options
	db        *store.DB
	clk       *clock.System
	ids       *ids.Source
	customers *customers.Service
	journeys  *journeys.Service
	commits   atomic.Int64
	wake      chan []byte
}

func run(ctx context.Context, o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "fanward-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.dir = dir
	}
	if o.nodes > 0 && o.url == "" {
		var err error
		if o.url, err = program.DatabaseURL(o.dir); err != nil {
			return err
		}
	}
	b := &bench{options: o, clk: clock.NewSystem(), wake: make(chan []byte, 1)}
	var err error
	b.db, err = store.Open(ctx, store.Options{Dir: o.dir, URL: o.url, Observe: func(int, time.Duration, time.Duration) { b.commits.Add(1) }, Notify: func(topic string) {
		if topic == journeys.Topic {
			select {
			case b.wake <- nil:
			default:
			}
		}
	}})
	if err != nil {
		return err
	}
	defer func() { _ = b.db.Close() }()
	if err := b.open(ctx); err != nil {
		return err
	}
	t := table.New("Journeys, each step durable", "what", "on the way", "steps/s", "steps/commit", "wakes/s", "late p50", "late p99", "late max")
	for _, row := range []struct {
		name  string
		graph flow.Graph
		steps int
	}{
		{"wait, split, branch", looping(), 3},
		{"wait, tag", tagging(), 2},
	} {
		if err := b.steps(ctx, t, row.name, row.graph, row.steps); err != nil {
			return err
		}
	}
	if err := b.lateness(ctx, t); err != nil {
		return err
	}
	t.Print(os.Stdout)
	return nil
}

func (b *bench) open(ctx context.Context) error {
	if err := b.db.Migrate(ctx); err != nil {
		return err
	}
	var err error
	if b.ids, err = ids.NewSource(b.clk, 1, 0); err != nil {
		return err
	}
	b.customers = customers.New(b.db, b.clk, b.ids)
	if err := b.customers.Prepare(ctx); err != nil {
		return err
	}
	b.journeys = journeys.New(journeys.Options{DB: b.db, Clock: b.clk, IDs: b.ids, Customers: b.customers, Segments: everybody{}, Zone: time.UTC})
	return nil
}

// looping goes round for ever: three steps each time.
func looping() flow.Graph {
	return flow.Graph{Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "Started"}, Entry: flow.Entry{Policy: flow.Once}, Start: "wait", Nodes: []flow.Node{
		{ID: "wait", Kind: flow.Delay, Next: "split", Delay: &flow.DelayStep{For: "1m"}},
		{ID: "split", Kind: flow.Split, Ways: []flow.Way{{Percent: 50, Next: "branch"}, {Percent: 50, Next: "branch"}}},
		{ID: "branch", Kind: flow.Branch, Else: "wait", Ways: []flow.Way{{Rule: &nobody, Next: "gone"}}},
		{ID: "gone", Kind: flow.Exit},
	}}
}

// tagging goes round and gives a tag each time, the same one: the first time it
// is an effect, with its event and its change of the customer.
func tagging() flow.Graph {
	return flow.Graph{Trigger: flow.Trigger{Kind: flow.OnEvent, Event: "Started"}, Entry: flow.Entry{Policy: flow.Once}, Start: "wait", Nodes: []flow.Node{
		{ID: "wait", Kind: flow.Delay, Next: "on", Delay: &flow.DelayStep{For: "1m"}},
		{ID: "on", Kind: flow.TagNode, Next: "pause", Tag: &flow.TagStep{Add: []string{"on"}}},
		{ID: "pause", Kind: flow.Delay, Next: "off", Delay: &flow.DelayStep{For: "1m"}},
		{ID: "off", Kind: flow.TagNode, Next: "wait", Tag: &flow.TagStep{Remove: []string{"on"}}},
	}}
}

func (b *bench) publish(ctx context.Context, g flow.Graph) (ids.ID, error) {
	boss := auth.Principal{ID: 1, Role: auth.Owner}
	j, err := b.journeys.Create(ctx, boss, "Bench", g)
	if err != nil {
		return 0, err
	}
	_, err = b.journeys.Publish(ctx, boss, j.ID, journeys.PeopleFollow, 0)
	return j.ID, err
}

// steps counts what a minute of full load moves.
func (b *bench) steps(ctx context.Context, t *table.Table, name string, g flow.Graph, perWake int) error {
	journey, err := b.publish(ctx, g)
	if err != nil {
		return err
	}
	if err := b.fill(ctx, journey, b.people, func(int) time.Time { return b.clk.Now() }); err != nil {
		return err
	}
	if b.profile != "" && perWake == 3 {
		f, err := os.Create(b.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	before, err := b.count(ctx, journey)
	if err != nil {
		return err
	}
	commits, start := b.commits.Load(), time.Now()
	for time.Since(start) < b.duration {
		wait, err := b.journeys.Work(ctx)
		if err != nil {
			return err
		}
		if wait > 0 {
			b.clk.Move(time.Minute)
		}
	}
	took := time.Since(start)
	after, err := b.count(ctx, journey)
	if err != nil {
		return err
	}
	n := float64(after - before)
	t.Add(name, b.people, n/took.Seconds(), n/float64(max(1, b.commits.Load()-commits)), n/float64(perWake)/took.Seconds(), "", "", "")
	_, err = b.journeys.Stop(ctx, auth.Principal{ID: 1, Role: auth.Owner}, journey)
	if err != nil {
		return err
	}
	for wait := time.Duration(0); wait == 0; {
		if wait, err = b.journeys.Work(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) count(ctx context.Context, journey ids.ID) (n int64, err error) {
	var q store.Builder
	query, args := q.Add("SELECT count(*) FROM enrollment_steps WHERE journey_id = ?", journey).Query()
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

// lateness times wakes at a steady rate while many wait for a day far off.
func (b *bench) lateness(ctx context.Context, t *table.Table) error {
	g := looping()
	g.Nodes[0].Delay.For = "30d"
	journey, err := b.publish(ctx, g)
	if err != nil {
		return err
	}
	far := b.clk.Now().Add(20 * 24 * time.Hour)
	if err := b.fill(ctx, journey, b.waiting, func(i int) time.Time { return far.Add(time.Duration(i) * time.Millisecond) }); err != nil {
		return err
	}
	begin := b.clk.Now().Add(3 * time.Second)
	n := int(b.duration.Seconds() * float64(b.rate))
	step := time.Second / time.Duration(b.rate)
	if err := b.fill(ctx, journey, n, func(i int) time.Time { return begin.Add(time.Duration(i) * step) }); err != nil {
		return err
	}
	began := b.clk.Now()
	if began.After(begin) {
		fmt.Fprintf(os.Stderr, "filling took longer than the head start: the first wakes were late by up to %v before anybody looked\n", began.Sub(begin))
	}
	work, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { b.journeys.Run(work, b.wake); close(done) }()
	for deadline := time.Now().Add(b.duration + 30*time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		have, err := b.count(ctx, journey)
		if err != nil {
			cancel()
			return err
		}
		if have >= int64(3*n) {
			break
		}
	}
	cancel()
	<-done
	late, err := b.late(ctx, journey, begin, step, began)
	if err != nil {
		return err
	}
	quantile := func(q float64) any {
		if len(late) == 0 {
			return "nobody"
		}
		return late[min(len(late)-1, int(q*float64(len(late))))]
	}
	t.Add("wakes on time", b.waiting, "", "", b.rate, quantile(.5), quantile(.99), quantile(1))
	return nil
}

// late reads how long after its time each wake was decided on; it is durable a
// commit later. What was due before anybody looked is left out.
func (b *bench) late(ctx context.Context, journey ids.ID, begin time.Time, step time.Duration, began time.Time) ([]time.Duration, error) {
	var q store.Builder
	query, args := q.Add("SELECT s.at, e.entry_key FROM enrollment_steps s JOIN enrollments e ON e.id = s.enrollment_id WHERE s.journey_id = ? AND s.visit = 1", journey).Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	var out []time.Duration
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var at int64
		var key string
		if err := r.Scan(&at, &key); err != nil {
			return struct{}{}, err
		}
		var i int
		if _, err := fmt.Sscanf(key, "bench/%d", &i); err != nil {
			return struct{}{}, err
		}
		if due := begin.Add(time.Duration(i) * step); due.After(began) {
			out = append(out, clock.FromMillis(at).Sub(due))
		}
		return struct{}{}, nil
	})
	sort.Slice(out, func(a, b int) bool { return out[a] < out[b] })
	return out, err
}
