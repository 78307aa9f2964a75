// Command chat measures the built program from outside, as its users meet it:
// start, memory, both directions of a conversation, what providers bring, what a
// backup costs, idle sockets and the inbox's first page over a filled database.
// The load comes from this process, the program is another one.
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
	visitors int
	sockets  int
	filled   int
	only     string
	profile  string
	nodes    int
}

func main() {
	var o options
	flag.StringVar(&o.binary, "bin", "bin/fanward", "the built program")
	flag.DurationVar(&o.duration, "duration", time.Minute, "how long each rate is held")
	flag.IntVar(&o.visitors, "visitors", 400, "visitors who talk")
	flag.IntVar(&o.sockets, "sockets", 18000, "idle visitor sockets")
	flag.IntVar(&o.filled, "conversations", 1_000_000, "conversations behind the inbox's first page")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the program at 2,000 messages a second")
	flag.StringVar(&o.only, "only", "", "comma-separated: start,talk,pushes,mails,backup,idle,inbox (default: all)")
	flag.IntVar(&o.nodes, "nodes", 0, "nodes on a PostgreSQL and a Redis of their own, visitors on the first and agents on the second; 0: one program on SQLite")
	flag.Parse()
	program.Main(o.nodes, func() error { return run(o) })
}

func run(o options) error {
	t := table.New("The program from outside, "+program.Form()+", load from another process", "what", "target", "p50", "p99", "max", "note")
	chosen, err := program.Chosen(o.only, "start", "talk", "pushes", "mails", "backup", "idle", "inbox")
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		run  func(o options, dir string, t *table.Table) error
	}{{"start", measureStart}, {"talk", measureTalk}, {"pushes", measurePushes}, {"mails", measureMails}, {"backup", measureBackup}, {"idle", measureIdle}, {"inbox", measureInbox}} {
		if !chosen[p.name] {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", p.name)
		if err := inFolder(func(dir string) error { return p.run(o, dir, t) }); err != nil {
			t.Print(os.Stdout)
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	t.Print(os.Stdout)
	return nil
}

func inFolder(measure func(dir string) error) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return measure(dir)
}
