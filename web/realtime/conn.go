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
	maxFrame = 64 << 10
	// Bytes that may wait for a slow reader. A teammate who sees everything gets
	// several megabytes in a busy second, and there are few of them.
	visitorQueue  = 1 << 20
	teammateQueue = 8 << 20
	helloTimeout  = 10 * time.Second
	writeTimeout  = 10 * time.Second
	// closeWait is how long a client has to answer a close frame.
	closeWait = time.Second
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

	mu    sync.Mutex
	queue []*frame
	bytes int // waiting, and being written; at most room
	room  int
	// writing is true while a goroutine writes; that one also says goodbye.
	writing bool
	closed  bool
	code    int

	o       *Options
	seen    atomic.Int64 // unix seconds of the last sign of life
	arrived arrivals
	// backlog is how long the frame that is handled has waited for it. The handler
	// alone reads it.
	backlog time.Duration
	onGone  func(code int)
}

// writeBuffers are shared: a socket holds one only while it writes.
var writeBuffers = &sync.Pool{}

// upgrade turns the request into a socket behind which room bytes may wait. The
// caller has checked the origin.
func upgrade(w http.ResponseWriter, r *http.Request, o *Options, room int) (*conn, error) {
	u := websocket.Upgrader{
		ReadBufferSize: 1024, WriteBufferSize: 4096, WriteBufferPool: writeBuffers, HandshakeTimeout: helloTimeout,
		CheckOrigin: func(*http.Request) bool { return true },
	}
	ws, err := u.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(maxFrame)
	c := &conn{ws: ws, room: room, o: o, onGone: func(int) {}}
	c.alive()
	ws.SetPongHandler(func(string) error { c.alive(); return nil })
	return c, nil
}

func (c *conn) alive() { c.seen.Store(c.o.Machine.Now().Unix()) }

// send queues a frame. A reader that lets too much pile up is cut with
// too_slow; it can come back and resume, nothing is skipped silently.
func (c *conn) send(f *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.bytes > 0 && c.bytes+f.size > c.room {
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

// drain writes what waits, and the close frame once the socket is shut: the
// frame under way is finished first, so that the client can read the code.
func (c *conn) drain() {
	for {
		c.mu.Lock()
		if c.closed {
			code := c.code
			c.mu.Unlock()
			c.bye(code)
			return
		}
		if len(c.queue) == 0 {
			c.writing, c.queue = false, nil
			c.mu.Unlock()
			return
		}
		batch := c.queue
		c.queue = nil
		c.mu.Unlock()
		for _, f := range batch {
			if !c.write(f) {
				break
			}
		}
	}
}

// write writes one frame; false when the socket is shut.
func (c *conn) write(f *frame) bool {
	_ = c.ws.SetWriteDeadline(time.Now().Add(c.o.WriteTimeout))
	err := c.ws.WritePreparedMessage(f.prepared)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= f.size
	if err != nil && !c.closed {
		c.closed, c.code, c.queue = true, writeFailure(err), nil
	}
	return !c.closed
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
	c.closed, c.code, c.queue = true, code, nil
	switch {
	case code == websocket.CloseAbnormalClosure:
		go func() { _ = c.ws.Close() }()
	case !c.writing:
		c.writing = true
		go c.bye(code)
	}
}

// bye sends the close frame and gives the client a moment to answer it, so that
// it reads the code instead of a reset.
func (c *conn) bye(code int) {
	if code == websocket.CloseAbnormalClosure {
		_ = c.ws.Close()
		return
	}
	err := c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, closeNames[code]), time.Now().Add(c.o.WriteTimeout))
	if err != nil {
		_ = c.ws.Close()
		return
	}
	_ = c.ws.SetReadDeadline(time.Now().Add(closeWait))
}

// wait sets how long the next frame may take, for ever when d is 0. A socket
// that is shut keeps the deadline of its goodbye.
func (c *conn) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	var until time.Time
	if d > 0 {
		until = time.Now().Add(d)
	}
	_ = c.ws.SetReadDeadline(until)
}

func (c *conn) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// read hands every text frame to handle until the socket ends and what had come
// before is handled, then reports the close code. The first frame must come within
// hello. Frames are handled one after the other, on a goroutine that ends when
// none is left, and its stack with it: the reader's own stays small for as long as
// the socket idles.
func (c *conn) read(hello time.Duration, handle func([]byte)) {
	c.wait(hello)
	first := true
	for {
		kind, text, err := c.ws.ReadMessage()
		if err != nil {
			c.arrived.settle()
			c.gone(err, first)
			return
		}
		c.alive()
		switch {
		case c.ended(): // waiting for the client's own close frame
			continue
		case kind != websocket.TextMessage:
			c.shut(closeFrameInvalid)
			continue
		}
		if first {
			first = false
			c.wait(0)
		}
		if c.arrived.put(arrival{text, c.o.Machine.Now()}) {
			go c.handle(handle)
		}
	}
}

// handle works off what has arrived.
func (c *conn) handle(handle func([]byte)) {
	for {
		a, ok := c.arrived.take(c.ended())
		if !ok {
			return
		}
		c.backlog = c.o.Machine.Now().Sub(a.at)
		handle(a.text)
	}
}

// gone ends the socket after its last read and reports why.
func (c *conn) gone(err error, beforeHello bool) {
	code, linger := websocket.CloseAbnormalClosure, false
	var ce *websocket.CloseError
	var timeout net.Error
	switch {
	case errors.As(err, &ce):
		code = ce.Code
	case errors.Is(err, websocket.ErrReadLimit):
		code, linger = websocket.CloseMessageTooBig, true // gorilla has told the client
	case beforeHello && errors.As(err, &timeout) && timeout.Timeout():
		code, linger = closeHelloMissing, true
	}
	c.mu.Lock()
	if c.closed {
		code, linger = c.code, false
	}
	c.closed, c.code, c.queue = true, code, nil
	c.mu.Unlock()
	if linger {
		c.linger(code)
	}
	_ = c.ws.Close()
	c.onGone(code)
}

// linger says goodbye where gorilla no longer reads, and takes in what the
// client had sent: closing with unread bytes would reset the connection before
// the client has read the code.
func (c *conn) linger(code int) {
	deadline := time.Now().Add(closeWait)
	if code == closeHelloMissing {
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, closeNames[code]), deadline)
	}
	raw := c.ws.NetConn()
	_ = raw.SetReadDeadline(deadline)
	_, _ = io.Copy(io.Discard, io.LimitReader(raw, 16*maxFrame))
}

func (c *conn) ping() {
	_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(closeWait))
}

// sweep pings a quiet socket, also one that has much to hear and says nothing,
// and cuts a dead one.
func (c *conn) sweep(now time.Time) {
	quiet := now.Sub(time.Unix(c.seen.Load(), 0))
	c.mu.Lock()
	busy, ended := c.writing, c.closed
	c.mu.Unlock()
	switch {
	case quiet > idleTimeout:
		c.shut(websocket.CloseAbnormalClosure)
	case ended:
	case quiet > idleTimeout/3 && busy:
		go c.ping() // behind what is being written, and nobody else waits for that
	case quiet > idleTimeout/3:
		c.ping()
	}
}
