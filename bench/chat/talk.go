package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const arrivalTimeout = 10 * time.Second

var errLate = errors.New("not seen within 10 s")

// measureTalk holds fixed rates in both directions of a conversation.
func measureTalk(o options, t *table.Table) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := program.Start(o.binary, dir)
	if err != nil {
		return err
	}
	defer p.Stop()
	token, err := p.Token(o.binary)
	if err != nil {
		return err
	}
	base, err := shop(p, token)
	if err != nil {
		return err
	}
	atAgent, atVisitor := newArrivals(), newArrivals()
	lin, err := newAgent(p, token, atAgent)
	if err != nil {
		return err
	}
	visitors, err := connect(base, o.visitors, atVisitor)
	if err != nil {
		return err
	}
	if err := warm(visitors, atAgent); err != nil {
		return err
	}
	for _, step := range []struct {
		rate   int
		target string
	}{{500, "p99 < 10 ms"}, {2000, "p99 < 50 ms"}, {5000, "stretch"}} {
		run := fmt.Sprintf("in%d", step.rate)
		if o.profile != "" && step.rate == 2000 {
			go func() {
				if err := p.Profile(o.profile, o.duration/2); err != nil {
					fmt.Fprintln(os.Stderr, "profile:", err)
				}
			}()
		}
		r := load.Open(step.rate, o.duration, func(n int) error {
			body := fmt.Sprintf("%s-%d", run, n)
			seen := atAgent.expect(body)
			if err := visitors[n%len(visitors)].send(body); err != nil {
				return err
			}
			return await(seen)
		})
		add(t, fmt.Sprintf("visitor → durable → agent, %d/s", step.rate), step.target, r, lin.cuts.Swap(0))
	}
	r := load.Open(500, o.duration, func(n int) error {
		body := fmt.Sprintf("out-%d", n)
		seen := atVisitor.expect(body)
		err := program.Call("POST", p.At(1)+"/api/v1/conversations/"+visitors[n%len(visitors)].thread()+"/messages", program.Bearer(token),
			map[string]any{"client_key": body, "body": body, "kind": "text", "attachment_ids": []string{}}, nil)
		if err != nil {
			return err
		}
		return await(seen)
	})
	add(t, "agent reply → visitor, 500/s", "p99 < 10 ms", r, 0)
	return nil
}

// add adds a row; cuts is how often the agent's socket had to come back.
func add(t *table.Table, what, target string, r load.Result, cuts int64) {
	note := fmt.Sprintf("%.0f/s done, %d failed, %d dropped", r.Rate(), r.Failed, r.Dropped)
	if cuts > 0 {
		note += fmt.Sprintf(", the agent cut %d times", cuts)
	}
	if r.First != nil {
		note += ": " + r.First.Error()
	}
	t.Add(what, target, r.Quantile(.5), r.Quantile(.99), r.Quantile(1), note)
}

func await(seen <-chan time.Time) error {
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case <-seen:
		return nil
	case <-timer.C:
		return errLate
	}
}

func connect(base string, n int, seen *arrivals) ([]*visitor, error) {
	out := make([]*visitor, n)
	errs := make(chan error, n)
	gate := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for i := range out {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			var err error
			if out[i], err = newVisitor(base, seen); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
		return out, nil
	}
}

// warm opens every visitor's conversation.
func warm(visitors []*visitor, seen *arrivals) error {
	for i, v := range visitors {
		body := fmt.Sprintf("warm-%d", i)
		c := seen.expect(body)
		if err := v.send(body); err != nil {
			return err
		}
		if err := await(c); err != nil {
			return err
		}
	}
	return nil
}
