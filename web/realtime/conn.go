package realtime

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Limits of one socket.
const (
	maxFrame     = 64 << 10
	maxQueue     = 1 << 20 // bytes that may wait for a slow reader
	helloTimeout = 10 * time.Second
	writeTimeout = 10 * time.Second
	// A client that has said nothing for so long, not even a pong, is gone.
	idleTimeout = 90 * time.Second
	sweepEvery  = 15 * time.Second
)

// frame is one message, encoded once and shared by every socket it goes to.
type frame struct {
	prepared *websocket.PreparedMessage
	size     int
}

func newFrame(text []byte) *frame {
	p, err := websocket.NewPreparedMessage(websocket.TextMessage, text)
	if err != nil {
		// Only unknown message types fail.
		panic("realtime: " + err.Error())
	}
	return &frame{prepared: p, size: len(text) + 4}
}

// conn is a socket with a bounded queue. It has one goroutine while idle (the
// reader) and a second only while something is being written, so that idle
// sockets stay small.
type conn struct {
	ws *websocket.Conn

	mu      sync.Mutex
	queue   []*frame
	bytes   int
	writing bool
	closed  bool
	code    int

	seen   atomic.Int64 // unix seconds of the last sign of life
	onGone func(code int)
}

// writeBuffers are shared: a socket holds one only while it writes.
var writeBuffers = &sync.Pool{}

// upgrade turns the request into a socket. The caller has checked the origin.
func upgrade(w http.ResponseWriter, r *http.Request) (*conn, error) {
	u := websocket.Upgrader{
		ReadBufferSize: 1024, WriteBufferSize: 4096, WriteBufferPool: writeBuffers, HandshakeTimeout: helloTimeout,
		CheckOrigin: func(*http.Request) bool { return true },
	}
	ws, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxFrame)
	c := &conn{ws: ws, onGone: func(int) {}}
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	return c, nil
}

func (c *conn) alive() { c.seen.Store(time.Now().Unix()) }

// send queues a frame. A reader that lets too much pile up is cut with
// too_slow; it can come back and resume, nothing is skipped silently.
func (c *conn) send(f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.bytes+f.size > maxQueue {
		c.shutLocked(closeTooSlow)
		return
	}
	c.queue = append(c.queue, f)
	c.bytes += f.size
	if !c.writing {
		c.writing = true
		go c.drain()
	}
}

func (c *conn) drain() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.closed {
			c.writing, c.queue = false, nil
			c.mu.Unlock()
			return
		}
		batch := c.queue
		c.queue = nil
		c.mu.Unlock()
		sent := 0
		for _, f := range batch {
			_ = c.ws.SetWriteDeadline(time.Now().Add(writeTimeout))
			if err := c.ws.WritePreparedMessage(f.prepared); err != nil {
				c.shut(writeFailure(err))
				return
			}
			sent += f.size
		}
		c.mu.Lock()
		c.bytes -= sent
		c.mu.Unlock()
	}
}

func writeFailure(err error) int {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return closeTooSlow
	}
	return websocket.CloseAbnormalClosure
}

// shut closes the socket with a code, once; the reader then ends.
func (c *conn) shut(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shutLocked(code)
}

func (c *conn) shutLocked(code int) {
	if c.closed {
		return
	}
	c.closed, c.code = true, code
	c.queue, c.bytes = nil, 0
	go func() {
		if code != websocket.CloseAbnormalClosure {
			deadline := time.Now().Add(time.Second)
			_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, closeNames[code]), deadline)
			// Give the close frame a moment to be answered, so that the
			// client reads the code instead of a reset.
			_ = c.ws.SetReadDeadline(deadline)
			return
		}
		_ = c.ws.Close()
	}()
}

// read hands every text frame to handle until the socket ends, then reports
// the close code. The first frame must come within the hello time.
func (c *conn) read(handle func([]byte)) {
	_ = c.ws.SetReadDeadline(time.Now().Add(helloTimeout))
	first := true
	for {
		kind, r, err := c.ws.NextReader()
		var text []byte
		if err == nil {
			text, err = io.ReadAll(r)
		}
		if err != nil {
			c.gone(err, first)
			return
		}
		c.alive()
		if kind != websocket.TextMessage {
			c.shut(closeFrameInvalid)
			continue
		}
		c.mu.Lock()
		ended := c.closed
		c.mu.Unlock()
		if ended {
			continue // waiting for the client's own close frame
		}
		if first {
			first = false
			_ = c.ws.SetReadDeadline(time.Time{})
		}
		handle(text)
	}
}

func (c *conn) gone(err error, beforeHello bool) {
	code := websocket.CloseAbnormalClosure
	var ce *websocket.CloseError
	var timeout net.Error
	switch {
	case errors.As(err, &ce):
		code = ce.Code
	case errors.Is(err, websocket.ErrReadLimit):
		code = websocket.CloseMessageTooBig // gorilla has told the client
	case beforeHello && errors.As(err, &timeout) && timeout.Timeout():
		c.shut(closeHelloMissing)
		_, _, _ = c.ws.NextReader() // until the close frame is answered or its deadline
	}
	c.mu.Lock()
	if c.closed {
		code = c.code
	}
	c.closed, c.queue, c.bytes = true, nil, 0
	if c.code == 0 {
		c.code = code
	}
	c.mu.Unlock()
	_ = c.ws.Close()
	c.onGone(code)
}

// sweep pings a quiet socket and cuts a dead one.
func (c *conn) sweep(now time.Time) {
	quiet := now.Sub(time.Unix(c.seen.Load(), 0))
	switch {
	case quiet > idleTimeout:
		c.shut(websocket.CloseAbnormalClosure)
	case quiet > idleTimeout/3:
		_ = c.ws.WriteControl(websocket.PingMessage, nil, now.Add(time.Second))
	}
}
