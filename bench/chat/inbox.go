package main

import (
	"fmt"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

// measureInbox fills a database and asks for the first page of every view.
func measureInbox(o options, dir string, t *table.Table) error {
	p, err := program.Start(o.binary, dir)
	if err != nil {
		return err
	}
	token, err := p.Token(o.binary)
	p.Stop()
	if err != nil {
		return err
	}
	if err := fill(dir, o.filled); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if p, err = program.Start(o.binary, dir); err != nil {
		return err
	}
	defer p.Stop()
	for _, view := range []string{
		"view=all", "view=unassigned", "view=all&status=resolved", "view=all&status=all", "view=team&team_id=1000003", "account_id=1000002",
		"assignee_id=1000017", "view=all&total=true",
	} {
		if err := ask(o, t, p, token, "/api/v1/conversations?"+view, "inbox first page, "+view); err != nil {
			return err
		}
	}
	return ask(o, t, p, token, "/api/v1/conversations/counts", "inbox counts")
}

func ask(o options, t *table.Table, p *program.Program, token, path, what string) error {
	get := func(int) error { return program.Call("GET", p.URL+path, program.Bearer(token), nil, nil) }
	if err := get(0); err != nil {
		return err
	}
	r := load.Open(50, min(o.duration, 10*time.Second), get)
	addRow(t, what, "p99 < 20 ms", r, outcome(r))
	return nil
}
