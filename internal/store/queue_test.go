package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// A full queue blocks its callers only as long as their context lives.
func TestQueueIsBounded(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	release := store.HoldWriter(db)
	ctx, cancel := context.WithCancel(background)
	var wg sync.WaitGroup
	const n = store.QueueLength + 50
	var mu sync.Mutex
	cancelled := 0
	for range n {
		wg.Go(func() {
			err := db.Write(ctx, func(*store.Tx) error { return nil })
			if errors.Is(err, context.Canceled) {
				mu.Lock()
				cancelled++
				mu.Unlock()
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	awaitQueued(t, db, store.QueueLength)
	cancel()
	wg.Wait()
	release()
	if cancelled != n {
		t.Errorf("%d of %d went away", cancelled, n)
	}
	write(t, db, put("after"))
}

// Closing with a full queue: what was accepted is committed, the others are told.
func TestCloseWithAFullQueue(t *testing.T) {
	dir := t.TempDir()
	db := openDir(t, dir)
	release := store.HoldWriter(db)
	var wg sync.WaitGroup
	var mu sync.Mutex
	stored := 0
	for i := range store.QueueLength + 100 {
		wg.Go(func() {
			switch err := db.Write(background, put(fmt.Sprint(i))); {
			case err == nil:
				mu.Lock()
				stored++
				mu.Unlock()
			case fault.CodeOf(err) != "shutting_down":
				t.Error(err)
			}
		})
	}
	awaitQueued(t, db, store.QueueLength)
	closed := make(chan error)
	go func() { closed <- db.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wg.Wait()
	if got := names(t, openDir(t, dir).Reader(background)); len(got) != stored || stored < store.QueueLength {
		t.Errorf("%d acknowledged, %d stored", stored, len(got))
	}
}

// A crowd in the second queue keeps nobody of the first waiting for all of it, nor
// the other way round; within a queue the order is kept.
func TestQueuesTakeTurns(t *testing.T) {
	db := testkit.Open(t, store.SQLite)
	release := store.HoldWriter(db)
	var wg sync.WaitGroup
	var order []string // the writer runs one closure at a time
	waiting := 0
	enqueue := func(write func(context.Context, func(*store.Tx) error) error, name string) {
		wg.Go(func() {
			if err := write(background, func(*store.Tx) error { order = append(order, name); return nil }); err != nil {
				t.Error(err)
			}
		})
		waiting++
		awaitQueued(t, db, waiting)
	}
	for n := range 6 {
		enqueue(db.WriteBulk, fmt.Sprint("crowd ", n))
	}
	for n := range 3 {
		enqueue(db.Write, fmt.Sprint("other ", n))
	}
	release()
	wg.Wait()
	seen := map[string]int{}
	for at, name := range order {
		seen[name] = at
	}
	for n := range 3 {
		if at := seen[fmt.Sprint("other ", n)]; at > 2*n+2 {
			t.Errorf("other %d came at place %d: %v", n, at, order)
		}
	}
	for n := range 5 {
		if seen[fmt.Sprint("crowd ", n)] > seen[fmt.Sprint("crowd ", n+1)] {
			t.Errorf("out of order: %v", order)
		}
	}
}
