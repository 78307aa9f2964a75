// Command segments measures the built program from outside while people act and
// segments follow: behaviour coming in beside many live segments, how late a
// membership is after the event and at the edge of a window, and what previews
// and builds cost over a filled database. The load comes from this process, the
// program is another one.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

type options struct {
	binary   string
	duration time.Duration
	people   int
	events   int
	live     int
	rate     int
	only     string
	profile  string
	nodes    int
	duckdb   string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "bin", "bin/fanward", "the built program")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long each rate is held")
	flag.IntVar(&o.people, "people", 1_000_000, "customers in the database")
	flag.IntVar(&o.events, "events", 20, "events of each")
	flag.IntVar(&o.live, "live", 50, "live segments")
	flag.IntVar(&o.rate, "rate", 10_000, "events a second")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the program under that rate")
	flag.StringVar(&o.only, "only", "", "comma-separated: preview,build,live,edges (default: all)")
	flag.IntVar(&o.nodes, "nodes", 0, "nodes on a PostgreSQL and a Redis of their own; 0: one program on SQLite")
	flag.StringVar(&o.duckdb, "duckdb", "", "the built bench/duckdb, to be asked the same of the same rows (SQLite only)")
	flag.Parse()
	program.Main(o.nodes, func() error { return run(o) })
}

// bench is a running program over a filled database.
type bench struct {
	options
	*program.Program
	token string
	key   string
	table *table.Table
	news  *news
}

func run(o options) error {
	chosen, err := program.Chosen(o.only, "preview", "build", "live", "edges")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{options: o, table: table.New(fmt.Sprintf("Segments over %d customers with %d events each, %s, load from another process", o.people, o.events, program.Form()),
		"what", "target", "p50", "p99", "max", "note")}
	if err := b.begin(dir); err != nil {
		return err
	}
	defer b.Stop()
	defer func() { b.table.Print(os.Stdout) }()
	for _, part := range []struct {
		name string
		run  func() error
	}{{"preview", b.preview}, {"build", b.build}, {"live", b.ingest}, {"edges", b.edges}} {
		if !chosen[part.name] {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", part.name)
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w\n%s", part.name, err, b.Output())
		}
	}
	return nil
}

// begin starts the program once for its schema, fills the database while it is
// down, and starts it again.
func (b *bench) begin(dir string) error {
	p, err := program.Start(b.binary, dir)
	if err != nil {
		return err
	}
	b.Program = p
	b.token, b.key, err = p.Keys(b.binary)
	p.Stop()
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "filling", b.people, "customers")
	if err := fill(dir, b.people, b.events); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if b.duckdb != "" && b.nodes == 0 {
		if err := b.beside(dir); err != nil {
			return fmt.Errorf("DuckDB: %w", err)
		}
	}
	if b.Program, err = program.Start(b.binary, dir); err != nil {
		return err
	}
	b.news, err = listen(b.Program, b.token)
	return err
}

func (b *bench) call(method, path string, body, out any) error {
	return program.Call(method, b.URL+"/api/v1"+path, program.Bearer(b.token), body, out)
}
