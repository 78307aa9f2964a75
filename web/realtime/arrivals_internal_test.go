package realtime

import (
	"bytes"
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

	// The line waits for room, and the end for the handler.
	q.put(arrival{bytes.Repeat([]byte("x"), maxArrived+1), at})
	put := make(chan struct{})
	go func() { q.put(frame("d")); close(put) }()
	settled := make(chan struct{})
	go func() { q.settle(); close(settled) }()
	select {
	case <-put:
		t.Fatal("there was no room")
	case <-settled:
		t.Fatal("there was something to handle")
	default:
	}
	q.take(false)
	<-put
	if a, ok := q.take(false); !ok || string(a.text) != "d" {
		t.Errorf("took %q, %t", a.text, ok)
	}
	q.take(false)
	<-settled
}
