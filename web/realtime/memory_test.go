package realtime_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit/house"
)

// rawVisitors opens sockets that cost the test as little as possible: a bare
// connection each, without buffers or goroutines.
func rawVisitors(t testing.TB, h *hall, n int) (conns []net.Conn) {
	t.Helper()
	addr := strings.TrimPrefix(h.server.URL, "http://")
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		fmt.Fprintf(c, "GET /visitor/%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", h.Account.Key)
	}
	b := make([]byte, 4096)
	for _, c := range conns {
		if n, err := c.Read(b); err != nil || !strings.Contains(string(b[:n]), "101") {
			t.Fatalf("%s %v", b[:n], err)
		}
		_, token := h.browser()
		hello := fmt.Sprintf(`{"t":"hello","visitor":%q,"after":null}`, token)
		frame := []byte{0x81, 0x80 | 126, byte(len(hello) >> 8), byte(len(hello)), 0, 0, 0, 0}
		if _, err := c.Write(append(frame, hello...)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range conns { // the hello and who is online
		for got := 0; !strings.Contains(string(b[:got]), `"online"`); {
			n, err := c.Read(b[got:])
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
	return conns
}

// settledMemory is what is in use and what the process holds after a collection.
func settledMemory() (inUse, held uint64) {
	for range 4 { // stacks shrink by half at each
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, resident()
}

func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, rss uint64
	_, _ = fmt.Sscan(string(text), &size, &rss)
	return rss * uint64(os.Getpagesize())
}

// An idle visitor costs little. The ends of the sockets that belong to the test
// are in the numbers, too.
func TestMemoryOfIdleVisitors(t *testing.T) {
	h := open(t, store.SQLite)
	warm := rawVisitors(t, h, 200)
	inUse, held := settledMemory()
	const n = 2000
	conns := rawVisitors(t, h, n)
	after, heldAfter := settledMemory()
	each := (after - inUse) / n
	t.Logf("%d bytes in use and %d resident for each idle visitor", each, (heldAfter-held)/n)
	if each > 16<<10 {
		t.Errorf("%d bytes in use for each idle visitor", each)
	}
	for _, c := range append(conns, warm...) {
		_ = c.Close()
	}
}

// BenchmarkBroadcast measures one change to many sockets, against a bare loop
// over as many connections behind the same durable write.
func BenchmarkBroadcast(b *testing.B) {
	const sockets = 4000
	payload := []byte(`{"teammate":{"id":"1","name":"` + strings.Repeat("x", 600) + `"}}`)
	b.Run("hub", func(b *testing.B) {
		h := benchHall(b)
		defer h.stop()
		conns := make([]*websocket.Conn, sockets)
		for i := range conns {
			c, _ := h.staff(b, h.Boss, nil)
			conns[i] = c.ws
		}
		measure(b, conns, `"kind":"team"`, func() {
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				return feed.Append(tx, feed.Change{At: h.Clock.Now(), Kind: "team", Audience: feed.Staff, Payload: payload})
			}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		var mu sync.Mutex
		var served []*websocket.Conn
		up := websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 4096, WriteBufferPool: &sync.Pool{}}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ws, err := up.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			mu.Lock()
			served = append(served, ws)
			mu.Unlock()
			go func() {
				for {
					if _, _, err := ws.NextReader(); err != nil {
						return
					}
				}
			}()
		}))
		defer server.Close()
		conns := make([]*websocket.Conn, sockets)
		for i := range conns {
			conns[i] = dial(b, server, "/", nil).ws
		}
		h := benchHall(b) // the same durable write comes before the loop
		defer h.stop()
		measure(b, conns, `"kind":"team"`, func() {
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
				return feed.Append(tx, feed.Change{At: h.Clock.Now(), Kind: "team", Audience: feed.Staff, Payload: payload})
			}); err != nil {
				b.Fatal(err)
			}
			m, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(`{"t":"change","kind":"team","data":`+string(payload)+`}`))
			if err != nil {
				b.Fatal(err)
			}
			for _, ws := range served {
				if err := ws.WritePreparedMessage(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

func benchHall(b *testing.B) *hall {
	b.Helper()
	h := &hall{House: house.New(b, store.SQLite, house.Options{}), standing: map[ids.ID]auth.Standing{}}
	h.hub, h.server, h.stop = h.node(b, "node-1")
	return h
}

// measure runs send and waits until every connection has read what it caused.
func measure(b *testing.B, conns []*websocket.Conn, mark string, send func()) {
	b.Helper()
	var arrived sync.WaitGroup
	for _, ws := range conns {
		_ = ws.SetReadDeadline(time.Time{})
		go func() {
			buffer := make([]byte, 0, 2048)
			for {
				_, r, err := ws.NextReader()
				if err != nil {
					return
				}
				text, err := appendAll(buffer[:0], r)
				if err != nil {
					return
				}
				if strings.Contains(string(text), mark) {
					arrived.Done()
				}
			}
		}()
	}
	b.ResetTimer()
	for range b.N {
		arrived.Add(len(conns))
		send()
		arrived.Wait()
	}
	b.StopTimer()
	for _, ws := range conns {
		_ = ws.Close()
	}
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
