package realtime

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/clock"
)

// Whoever only listens is asked for a sign of life, also while they have so much
// to hear that something is always being written.
func TestPingWhileWriting(t *testing.T) {
	machine := clock.NewFake(time.Date(2026, 7, 1, 9, 0, 0, 0, time.UTC))
	conns := make(chan *conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrade(w, r, &Options{Machine: machine, WriteTimeout: time.Minute}, 1<<20)
		if err != nil {
			t.Error(err)
			return
		}
		conns <- c
		c.read(0, func([]byte) {})
	}))
	defer server.Close()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()
	pinged := make(chan struct{}, 8)
	answer := ws.PingHandler()
	ws.SetPingHandler(func(data string) error {
		pinged <- struct{}{}
		return answer(data)
	})
	go func() { _, _, _ = ws.ReadMessage() }()
	c := <-conns
	for _, writing := range []bool{false, true} {
		c.mu.Lock()
		c.writing = writing
		c.mu.Unlock()
		machine.Advance(idleTimeout/3 + time.Second)
		before := c.seen.Load()
		c.sweep(machine.Now())
		select {
		case <-pinged:
		case <-time.After(20 * time.Second):
			t.Fatalf("no ping (writing: %v)", writing)
		}
		for end := time.Now().Add(20 * time.Second); c.seen.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("its answer is no sign of life")
			}
		}
	}
	c.mu.Lock()
	c.writing = false
	c.mu.Unlock()
}
