package realtime

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

func TestArrivals(t *testing.T) {
	var q arrivals
	at := time.UnixMilli(1)
	frame := func(text string) arrival { return arrival{[]byte(text), at} }
	if !q.put(frame("a")) || q.put(frame("b")) {
		t.Error("the first frame alone calls for a handler")
	}
	for _, want := range []string{"a", "b"} {
		if a, ok := q.take(false); !ok || string(a.text) != want || !a.at.Equal(at) {
			t.Errorf("took %q, %t; want %q", a.text, ok, want)
		}
	}
	if _, ok := q.take(false); ok {
		t.Error("took a frame that nobody put")
	}
	q.settle() // nobody handles
	if !q.put(frame("c")) {
		t.Error("a frame after a pause calls for a handler")
	}
	if _, ok := q.take(true); ok {
		t.Error("a socket that has ended handles on")
	}

	// The line waits for room.
	q.put(arrival{bytes.Repeat([]byte("x"), maxArrived+1), at})
	put := make(chan struct{})
	go func() { q.put(frame("d")); close(put) }()
	waits(t, &q, put, "there was no room, and a frame was taken in")
	q.take(false)
	<-put
	if a, ok := q.take(false); !ok || string(a.text) != "d" {
		t.Errorf("took %q, %t", a.text, ok)
	}

	// The end waits for the handler.
	var last arrivals
	last.put(frame("e"))
	settled := make(chan struct{})
	go func() { last.settle(); close(settled) }()
	waits(t, &last, settled, "the end did not wait for what is handled")
	last.take(false)
	last.take(false)
	<-settled
}

// waits returns once somebody waits at q, and fails when they are done instead.
func waits(t *testing.T, q *arrivals, done <-chan struct{}, otherwise string) {
	t.Helper()
	for {
		select {
		case <-done:
			t.Fatal(otherwise)
		default:
		}
		q.mu.Lock()
		waiting := q.turned != nil
		q.mu.Unlock()
		if waiting {
			return
		}
		runtime.Gosched()
	}
}
