package ids_test

import (
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
)

// A process that slept through its lease makes no id with a number that may be
// another's by now, until it has one again; its ids go on growing.
func TestIDsAfterTheLease(t *testing.T) {
	const nodeShift, nodeMask = 12, ids.MaxNode
	c := clock.NewFake(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s, err := ids.NewSource(c, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	var last ids.ID
	nodes := func() map[int]int {
		t.Helper()
		out := map[int]int{}
		for range 500 {
			id := s.Next()
			if id <= last {
				t.Fatalf("%d after %d", id, last)
			}
			last = id
			out[int(id)>>nodeShift&nodeMask]++
		}
		return out
	}
	s.Lease(7, c.Now().Add(time.Minute), c)
	c.Advance(time.Minute - time.Millisecond)
	if got := nodes(); got[7] != 500 {
		t.Errorf("within the lease: %v", got)
	}
	c.Advance(time.Millisecond)
	got := nodes()
	for n := range got {
		if n <= ids.MaxLease {
			t.Errorf("after the lease an id carries %d", n)
		}
	}
	if len(got) < 100 {
		t.Errorf("after the lease only %d numbers are used", len(got))
	}
	s.Lease(9, c.Now().Add(time.Minute), c)
	if got := nodes(); got[9] != 500 || s.Node() != 9 {
		t.Errorf("with a new lease: %v", got)
	}
}
