// Command outreach measures from outside how fast the built program sends mail: a
// journey lets many people wait for the same minute and then writes to all of
// them. Every mail is a durable delivery with its attempt and its receipt, and
// comes through SMTP to a server in this process.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const (
	// callsTogether is how many people one tracking request brings.
	callsTogether = 100
	// spare is how long before they are woken everybody must wait.
	spare = 5 * time.Second
)

type options struct {
	binary  string
	people  int
	nodes   int
	profile string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "bin", "bin/fanward", "the built program")
	flag.IntVar(&o.people, "people", 50_000, "who is written to")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the program while it sends")
	flag.IntVar(&o.nodes, "nodes", 0, "nodes on a PostgreSQL and a Redis of their own; 0: one program on SQLite")
	flag.Parse()
	program.Main(o.nodes, func() error { return run(o) })
}

// bench is the running program and the world's mail server.
type bench struct {
	options
	*program.Program
	token, key string
	sink       *sink
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{options: o}
	if b.sink, err = listen(); err != nil {
		return err
	}
	defer func() { _ = b.sink.server.Close() }()
	if b.Program, err = program.Start(o.binary, dir); err != nil {
		return err
	}
	defer b.Stop()
	if b.token, b.key, err = b.Keys(o.binary); err != nil {
		return err
	}
	t := table.New("Outreach, "+program.Form()+", recipients in another process", "what", "target", "measured", "note")
	if err := b.measure(t); err != nil {
		return fmt.Errorf("%w\n%s", err, b.Output())
	}
	t.Print(os.Stdout)
	return nil
}

func (b *bench) measure(t *table.Table) error {
	err := b.call("/accounts", map[string]any{
		"channel": "email", "name": "Bench", "config": map[string]any{"address": "shop@bench.example", "smtp": map[string]any{"host": "127.0.0.1", "port": b.sink.addr.Port, "tls": "none"}},
	}, nil)
	if err != nil {
		return err
	}
	// A first guess of how long they take to come in; whoever comes later is
	// written to at once, and the count says so.
	wake := time.Now().UTC().Add(time.Duration(b.people)*time.Second/200 + 90*time.Second).Truncate(time.Minute)
	var journey struct {
		ID string `json:"id"`
	}
	err = b.call("/journeys", map[string]any{"name": "To all", "graph": map[string]any{
		"trigger": map[string]any{"kind": "event", "event": "Joined"},
		"entry":   map[string]any{"policy": "once"},
		"start":   "until",
		"nodes": []any{
			map[string]any{"id": "until", "kind": "until", "next": "write", "until": map[string]any{"at": wake.Format("15:04"), "zone": "UTC"}},
			map[string]any{"id": "write", "kind": "message", "next": "end", "message": map[string]any{
				"channels": []string{"email"}, "purpose": "transactional", "subject": "News for {{ customer.name }}", "body": "Dear {{ customer.name }},\n\nthis is what has happened.",
			}},
			map[string]any{"id": "end", "kind": "exit"},
		},
	}}, &journey)
	if err != nil {
		return err
	}
	if err := b.call("/journeys/"+journey.ID+"/publish", map[string]any{"people": "follow"}, nil); err != nil {
		return err
	}
	for first := 0; first < b.people; first += callsTogether {
		if err := b.join(first); err != nil {
			return err
		}
	}
	left := time.Until(wake)
	if mails, _ := b.sink.count(); mails > 0 || left < spare {
		return fmt.Errorf("%d mails have come before their time, %v before it", mails, left)
	}
	time.Sleep(left)
	used, err := b.CPU()
	if err != nil {
		return err
	}
	if b.profile != "" {
		go func() { _ = b.Profile(b.profile, 10*time.Second) }()
	}
	if err := b.await(); err != nil {
		return err
	}
	after, err := b.CPU()
	if err != nil {
		return err
	}
	s := b.sink
	took := s.last.Sub(s.first)
	t.Add("mails out", "6,000/s", fmt.Sprintf("%.0f/s", float64(s.mails)/took.Seconds()),
		fmt.Sprintf("%d mails to %d people in %v over at most %d lines; the first %v after its minute", s.mails, len(s.had), took.Round(time.Millisecond), s.most, s.first.Sub(wake).Round(time.Millisecond)))
	t.Add("the program's own processor time", "", (after-used)/time.Duration(s.mails), "a mail, from the step of its journey to its receipt")
	return nil
}

// join makes the next people known and has them join.
func (b *bench) join(first int) error {
	var calls []any
	for i := first; i < min(b.people, first+callsTogether); i++ {
		id := fmt.Sprintf("p%d", i)
		calls = append(calls,
			map[string]any{"type": "identify", "messageId": "i-" + id, "userId": id, "traits": map[string]any{"name": id, "email": id + "@far.example"}},
			map[string]any{"type": "track", "messageId": "t-" + id, "userId": id, "event": "Joined"})
	}
	for {
		err := program.Call("POST", b.URL+"/v1/batch", program.Basic(b.key), map[string]any{"batch": calls}, nil)
		if err == nil || !strings.Contains(err.Error(), `"overloaded"`) {
			return err
		}
		time.Sleep(time.Second)
	}
}

// await returns when every recipient has had a mail, and fails when no more come.
func (b *bench) await() error {
	before, quiet := 0, time.Now()
	for {
		mails, recipients := b.sink.count()
		switch {
		case recipients == b.people && mails == b.people:
			return nil
		case mails > b.people:
			return errors.New("somebody had two mails")
		case mails > before:
			before, quiet = mails, time.Now()
		case time.Since(quiet) > time.Minute:
			return fmt.Errorf("%d mails have come for %d of %d people, and no more", mails, recipients, b.people)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (b *bench) call(path string, body, out any) error {
	return program.Call("POST", b.URL+"/api/v1"+path, program.Bearer(b.token), body, out)
}
