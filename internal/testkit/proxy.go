package testkit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// Proxy stands before one TCP server and spoils its lines on demand. Bytes pass
// in order and unchanged or not at all. It is safe for concurrent use.
type Proxy struct {
	// Addr is host:port where clients connect.
	Addr string

	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	lines   map[*ProxyLine]struct{}
	refuse  bool
	stalled bool
	delay   time.Duration
	rate    int           // bytes a second each way; 0 is no limit
	changed chan struct{} // closed when any of these changes
	closed  bool
}

// ProxyLine is one client's connection through a Proxy.
type ProxyLine struct {
	p              *Proxy
	client, server net.Conn
	silent         bool // guarded by p.mu
	over           chan struct{}
	end            sync.Once
}

// NewProxy listens on a loopback port and hands on to target, host:port. It is
// closed when the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listener: l, lines: map[*ProxyLine]struct{}{}, changed: make(chan struct{})}
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Through puts a Proxy before the server that an address names and gives the
// address through it.
func Through(t testing.TB, address string) (*Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p := NewProxy(t, u.Host)
	u.Host = p.Addr
	return p, u.String()
}

// Cut ends every line at once, as a server that crashes does. New ones are taken.
func (p *Proxy) Cut() {
	for _, l := range p.Lines() {
		l.Cut()
	}
}

// Refuse ends every line and, until Heal, each new one.
func (p *Proxy) Refuse() {
	p.set(func() { p.refuse = true })
	p.Cut()
}

// Stall lets nothing pass until Heal: then everything goes on where it stood.
// Lines stay open, and new ones are taken and stall, too.
func (p *Proxy) Stall() { p.set(func() { p.stalled = true }) }

// HalfOpen silences the lines that are open now, for ever: nobody hears that the
// other side is gone. New lines work.
func (p *Proxy) HalfOpen() {
	for _, l := range p.Lines() {
		l.HalfOpen()
	}
}

// Delay holds every byte back for d, each way; it costs no bandwidth.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Throttle lets so many bytes a second pass, on each line and way; 0 is no limit.
func (p *Proxy) Throttle(rate int) { p.set(func() { p.rate = rate }) }

// Heal takes back what Refuse, Stall, Delay and Throttle did.
func (p *Proxy) Heal() {
	p.set(func() { p.refuse, p.stalled, p.delay, p.rate = false, false, 0, 0 })
}

// Lines are the connections open now.
func (p *Proxy) Lines() []*ProxyLine {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*ProxyLine, 0, len(p.lines))
	for l := range p.lines {
		out = append(out, l)
	}
	return out
}

// Cut ends the line on both sides.
func (l *ProxyLine) Cut() { l.drop(true) }

func (l *ProxyLine) drop(reset bool) {
	l.end.Do(func() {
		close(l.over)
		for _, c := range []net.Conn{l.client, l.server} {
			if tcp, ok := c.(*net.TCPConn); ok && reset {
				_ = tcp.SetLinger(0) // a reset, not a farewell
			}
			_ = c.Close()
		}
		l.p.mu.Lock()
		delete(l.p.lines, l)
		l.p.mu.Unlock()
	})
}

// HalfOpen silences the line for ever.
func (l *ProxyLine) HalfOpen() { l.p.set(func() { l.silent = true }) }

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	l := &ProxyLine{p: p, client: client, over: make(chan struct{})}
	p.mu.Lock()
	refused := p.refuse || p.closed
	p.mu.Unlock()
	if !refused {
		var err error
		l.server, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(context.Background(), "tcp", p.target)
		refused = err != nil
	}
	if refused {
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.lines[l] = struct{}{}
	refused = p.refuse || p.closed // while it was dialled
	p.mu.Unlock()
	if refused {
		l.Cut()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(l.server, client) })
	both.Go(func() { l.pump(client, l.server) })
	both.Wait()
	l.drop(false)
}

// chunk is what was read at an instant.
type chunk struct {
	bytes []byte
	at    time.Time
}

// pump carries bytes one way until either side ends.
func (l *ProxyLine) pump(to, from net.Conn) {
	queue := make(chan chunk, 256)
	l.p.running.Go(func() {
		defer close(queue)
		for {
			b := make([]byte, 16<<10)
			n, err := from.Read(b)
			if n > 0 {
				select {
				case queue <- chunk{b[:n], time.Now()}:
				case <-l.over:
					return
				}
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					l.Cut()
				}
				return
			}
		}
	})
	for c := range queue {
		if !l.pass(c) {
			return
		}
		if _, err := to.Write(c.bytes); err != nil {
			l.Cut()
			return
		}
	}
	// A farewell passes only where bytes would.
	if tcp, ok := to.(*net.TCPConn); ok && l.pass(chunk{at: time.Now()}) {
		_ = tcp.CloseWrite()
	}
}

// pass waits until the chunk may go on; false when the line has ended.
func (l *ProxyLine) pass(c chunk) bool {
	var paid bool
	for {
		l.p.mu.Lock()
		stopped, changed := l.p.stalled || l.silent, l.p.changed
		wait := time.Until(c.at.Add(l.p.delay))
		if !paid && l.p.rate > 0 {
			wait = max(wait, 0) + time.Duration(len(c.bytes))*time.Second/time.Duration(l.p.rate)
		}
		l.p.mu.Unlock()
		if !stopped && wait <= 0 {
			return true
		}
		timer := time.NewTimer(max(wait, 0))
		due := timer.C
		if stopped {
			due = nil
		}
		select {
		case <-l.over:
			timer.Stop()
			return false
		case <-due:
			paid = true
		case <-changed:
		}
		timer.Stop()
	}
}
