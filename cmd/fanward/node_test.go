package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A node that was stopped for longer than its lease is buried once, by one of the
// others, and its number may be another's. When it wakes it takes a number that is
// free, and is not buried for what it was.
func TestNodeThatSlept(t *testing.T) {
	ctx, db, log := context.Background(), testkit.Open(t, store.Postgres), slog.New(slog.DiscardHandler)
	machine, still := clock.NewFake(testkit.Start), clock.NewFake(testkit.Start)
	join := func(clk clock.Clock) node {
		t.Helper()
		n, _, err := leaseNode(ctx, db, clk)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	keep := func(n *node, clk clock.Clock) {
		t.Helper()
		if _, err := n.keep(ctx, db, clk, log); err != nil {
			t.Fatal(err)
		}
	}
	var ended []string
	burial := func(machine *clock.Fake) {
		t.Helper()
		err := bury(ctx, db, machine.Now().Add(-nodeGrace), log, func(_ *store.Tx, holder string) error {
			ended = append(ended, holder)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sleeper, other := join(still), join(machine)
	for spent := time.Duration(0); spent < nodeLease+nodeGrace; spent += nodeRenew {
		burial(machine)
		machine.Advance(nodeRenew)
		keep(&other, machine)
	}
	if burial(machine); len(ended) > 0 {
		t.Errorf("buried within its grace: %v", ended)
	}
	machine.Advance(time.Millisecond)
	for range 2 {
		burial(machine)
	}
	if len(ended) != 1 || ended[0] != sleeper.Name {
		t.Errorf("buried: %v, want %s once", ended, sleeper.Name)
	}
	next := join(machine)
	if next.Number != sleeper.Number {
		t.Errorf("the number %d is not free again: %d", sleeper.Number, next.Number)
	}
	still.Advance(machine.Now().Sub(still.Now()))
	keep(&sleeper, still)
	if sleeper.Number == next.Number || sleeper.Number == other.Number {
		t.Errorf("awake it has the number %d, which is another's", sleeper.Number)
	}
	keep(&next, machine)
	if burial(machine); len(ended) != 1 {
		t.Errorf("buried again: %v", ended[1:])
	}
}
