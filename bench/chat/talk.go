package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

// talk is a program with visitors who write and an agent who listens.
type talk struct {
	*hub
	visitors  []*visitor
	atVisitor *arrivals
	// calms counts how often there was calm: what is said differs after each.
	calms int
}

// startTalk starts the program on a folder's data and lets everybody come.
func startTalk(o options, dir string) (*talk, error) {
	h, err := openHub(o, dir)
	if err != nil {
		return nil, err
	}
	k := &talk{hub: h, atVisitor: newArrivals()}
	if err := k.come(o.visitors); err != nil {
		k.Stop()
		return nil, err
	}
	return k, nil
}

func (k *talk) come(visitors int) error {
	base, err := shop(k.Program, k.token)
	if err != nil {
		return err
	}
	if k.visitors, err = connect(k.Program, base, visitors, k.atVisitor); err != nil {
		return err
	}
	return k.calm()
}

// write lets a visitor say something and returns when the agent has heard it.
func (k *talk) write(v *visitor, body string) error {
	return k.atAgent.after(body, func() error { return v.send(body) })
}

// patience is how long visitors may take to come to rest.
const patience = 2 * time.Minute

// calm lets every visitor say something until all have been heard: then whoever
// was sent away is back, and nothing waits any more that the row before has left
// behind. The first time this opens their conversations.
func (k *talk) calm() error {
	k.calms++
	begun := time.Now()
	err := each(len(k.visitors), func(i int) error {
		for tried := 0; ; tried++ {
			err := k.write(k.visitors[i], fmt.Sprintf("calm%d-%d-%d", k.calms, i, tried))
			if err == nil {
				return nil
			}
			if time.Since(begun) > patience {
				return fmt.Errorf("the visitors do not come to rest: %w", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	k.lin.cuts.Store(0)
	return err
}

// in lets visitors write so many messages a second.
func (k *talk) in(rate int, d time.Duration) load.Result {
	return load.Open(rate, d, func(n int) error { return k.write(k.visitors[n%len(k.visitors)], fmt.Sprintf("in%d-%d", k.calms, n)) })
}

// out lets the agent answer them.
func (k *talk) out(rate int, d time.Duration) load.Result {
	return load.Open(rate, d, func(n int) error {
		body := fmt.Sprintf("out%d-%d", k.calms, n)
		return k.atVisitor.after(body, func() error {
			return k.call(1, "/conversations/"+k.visitors[n%len(k.visitors)].thread()+"/messages",
				map[string]any{"client_key": body, "body": body, "kind": "text", "attachment_ids": []string{}}, nil)
		})
	})
}

// measureTalk holds fixed rates in both directions of a conversation.
func measureTalk(o options, dir string, t *table.Table) error {
	k, err := startTalk(o, dir)
	if err != nil {
		return err
	}
	defer k.Stop()
	for _, step := range []struct {
		rate   int
		target string
	}{{500, "p99 < 10 ms"}, {2000, "p99 < 50 ms"}, {5000, "stretch"}} {
		if o.profile != "" && step.rate == 2000 {
			go func() {
				if err := k.Profile(o.profile, o.duration/2); err != nil {
					fmt.Fprintln(os.Stderr, "profile:", err)
				}
			}()
		}
		k.add(t, fmt.Sprintf("visitor → durable → agent, %d/s", step.rate), step.target, k.in(step.rate, o.duration))
		if err := k.calm(); err != nil {
			return err
		}
	}
	k.add(t, "agent reply → visitor, 500/s", "p99 < 10 ms", k.out(500, o.duration))
	return nil
}

func connect(p *program.Program, base string, n int, seen *arrivals) ([]*visitor, error) {
	out := make([]*visitor, n)
	err := each(n, func(i int) (err error) {
		out[i], err = newVisitor(p, base, seen)
		return err
	})
	return out, err
}

// each does something for every number below n, some at a time.
func each(n int, do func(i int) error) error {
	errs := make(chan error, n)
	gate := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for i := range n {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if err := do(i); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
