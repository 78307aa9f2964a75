package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

const arrivalTimeout = 10 * time.Second

var errLate = errors.New("not seen within 10 s")

// talk is a program with visitors who write and an agent who listens.
type talk struct {
	p                  *program.Program
	token              string
	visitors           []*visitor
	lin                *agent
	atAgent, atVisitor *arrivals
}

// startTalk starts the program on a folder's data and lets everybody come.
func startTalk(o options, dir string) (k *talk, err error) {
	k = &talk{atAgent: newArrivals(), atVisitor: newArrivals()}
	if k.p, err = program.Start(o.binary, dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			k.p.Stop()
		}
	}()
	if k.token, err = k.p.Token(o.binary); err != nil {
		return nil, err
	}
	base, err := shop(k.p, k.token)
	if err != nil {
		return nil, err
	}
	if k.lin, err = newAgent(k.p, k.token, k.atAgent); err != nil {
		return nil, err
	}
	if k.visitors, err = connect(base, o.visitors, k.atVisitor); err != nil {
		return nil, err
	}
	return k, warm(k.visitors, k.atAgent)
}

// in lets visitors write so many messages a second.
func (k *talk) in(rate int, d time.Duration) load.Result {
	return load.Open(rate, d, func(n int) error {
		body := fmt.Sprintf("in%d-%d", rate, n)
		seen := k.atAgent.expect(body)
		if err := k.visitors[n%len(k.visitors)].send(body); err != nil {
			return err
		}
		return await(seen)
	})
}

// measureTalk holds fixed rates in both directions of a conversation.
func measureTalk(o options, t *table.Table) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	k, err := startTalk(o, dir)
	if err != nil {
		return err
	}
	defer k.p.Stop()
	for _, step := range []struct {
		rate   int
		target string
	}{{500, "p99 < 10 ms"}, {2000, "p99 < 50 ms"}, {5000, "stretch"}} {
		if o.profile != "" && step.rate == 2000 {
			go func() {
				if err := k.p.Profile(o.profile, o.duration/2); err != nil {
					fmt.Fprintln(os.Stderr, "profile:", err)
				}
			}()
		}
		add(t, fmt.Sprintf("visitor → durable → agent, %d/s", step.rate), step.target, k.in(step.rate, o.duration), k.lin.cuts.Swap(0))
	}
	r := load.Open(500, o.duration, func(n int) error {
		body := fmt.Sprintf("out-%d", n)
		seen := k.atVisitor.expect(body)
		err := program.Call("POST", k.p.At(1)+"/api/v1/conversations/"+k.visitors[n%len(k.visitors)].thread()+"/messages", program.Bearer(k.token),
			map[string]any{"client_key": body, "body": body, "kind": "text", "attachment_ids": []string{}}, nil)
		if err != nil {
			return err
		}
		return await(seen)
	})
	add(t, "agent reply → visitor, 500/s", "p99 < 10 ms", r, 0)
	return nil
}

// measureBackup holds a rate over a filled database with and without a backup
// being taken, one after the other.
func measureBackup(o options, t *table.Table) error {
	dir, err := os.MkdirTemp("", "fanward-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	p, err := program.Start(o.binary, data)
	if err != nil {
		return err
	}
	p.Stop()
	if err := fill(data, o.filled/10); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	k, err := startTalk(o, data)
	if err != nil {
		return err
	}
	defer k.p.Stop()
	add(t, "visitor → durable → agent, 500/s, filled database", "p99 < 10 ms", k.in(500, o.duration), k.lin.cuts.Swap(0))
	over := make(chan error, 1)
	quit := make(chan struct{})
	taken := 0
	go func() {
		for ; ; taken++ {
			select {
			case <-quit:
				over <- nil
				return
			default:
			}
			if _, err := k.p.Admin(o.binary, "backup", "--to", filepath.Join(dir, fmt.Sprint("backup", taken))); err != nil {
				over <- err
				return
			}
		}
	}()
	r := k.in(501, o.duration)
	close(quit)
	err = <-over
	add(t, fmt.Sprintf("the same while it is backed up, %d times", taken), "p99 < 10 ms", r, k.lin.cuts.Swap(0))
	return err
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
