package main

import (
	"fmt"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/program"
	"github.com/fanward/fanward/bench/table"
)

// hub is a running program and an agent who listens to it.
type hub struct {
	*program.Program
	token   string
	lin     *agent
	atAgent *arrivals
}

// openHub starts the program on a folder's data.
func openHub(o options, dir string, env ...string) (h *hub, err error) {
	h = &hub{atAgent: newArrivals()}
	if h.Program, err = program.Start(o.binary, dir, env...); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			h.Stop()
		}
	}()
	if h.token, err = h.Token(o.binary); err != nil {
		return nil, err
	}
	h.lin, err = newAgent(h.Program, h.token, h.atAgent)
	return h, err
}

// call posts to a node's API as the owner.
func (h *hub) call(node int, path string, body, out any) error {
	return program.Call("POST", h.At(node)+"/api/v1"+path, program.Bearer(h.token), body, out)
}

// heard is work that ends when the agent's socket has told of "run-n".
func (h *hub) heard(run string, work func(n int) error) func(n int) error {
	return func(n int) error {
		return h.atAgent.after(fmt.Sprintf("%s-%d", run, n), func() error { return work(n) })
	}
}

// add adds a row, and how often the agent's socket had to come back meanwhile.
func (h *hub) add(t *table.Table, what, target string, r load.Result) {
	note := outcome(r)
	if cuts := h.lin.cuts.Swap(0); cuts > 0 {
		note += fmt.Sprintf(", the agent cut %d times", cuts)
	}
	addRow(t, what, target, r, note)
}

// addRow adds a row. Its times are those of the pieces that came through.
func addRow(t *table.Table, what, target string, r load.Result, note string) {
	if r.First != nil {
		note += ": " + r.First.Error()
	}
	t.Add(what, target, r.Quantile(.5), r.Quantile(.99), r.Quantile(1), note)
}

func outcome(r load.Result) string {
	return fmt.Sprintf("%.0f/s done, %d failed, %d dropped", r.Rate(), r.Failed, r.Dropped)
}
