package email

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/time/rate"

	"github.com/fanward/fanward/internal/clock"
)

// peers counts what each peer does. It forgets peers that are gone.
type peers struct {
	clk    clock.Clock
	limits ReceiptLimits

	mu    sync.Mutex
	all   map[net.Conn]string
	by    map[string]*peer
	ended bool
}

// manyPeers is when it pays to look for peers to forget.
const manyPeers = 1000

type peer struct {
	open    int
	mails   *rate.Limiter
	touched time.Time
}

func newPeers(clk clock.Clock, l ReceiptLimits) peers {
	return peers{clk: clk, limits: l, all: map[net.Conn]string{}, by: map[string]*peer{}}
}

// peerOf names a peer: its address, and of IPv6 the network that one customer
// of a provider gets.
func peerOf(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return a.String()
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Masked().String()
		}
	}
	return ip.String()
}

func isLocal(peer string) bool {
	ip, err := netip.ParseAddr(peer)
	return err == nil && ip.IsLoopback()
}

func (p *peers) of(name string) *peer {
	one := p.by[name]
	if one == nil {
		perSecond := rate.Limit(float64(p.limits.MailsPerMinute) / 60)
		one = &peer{mails: rate.NewLimiter(perSecond, p.limits.MailsPerMinute)}
		p.by[name] = one
	}
	one.touched = p.clk.Now()
	return one
}

// open admits a connection or says why not.
func (p *peers) open(c net.Conn) (refusal string) {
	name := peerOf(c.RemoteAddr())
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of(name)
	switch {
	case p.ended:
		return "421 4.3.2 The server is restarting, try again in a minute\r\n"
	case len(p.all) >= p.limits.Connections:
		return "421 4.7.0 Too many connections, try again later\r\n"
	case !isLocal(name) && one.open >= p.limits.PeerConnections:
		return "421 4.7.0 Too many connections from your address, try again later\r\n"
	}
	one.open++
	p.all[c] = name
	return ""
}

func (p *peers) closed(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, known := p.all[c]
	if !known {
		return
	}
	delete(p.all, c)
	p.by[name].open--
	if len(p.by) < manyPeers {
		return
	}
	now := p.clk.Now()
	for n, one := range p.by {
		if one.open == 0 && now.Sub(one.touched) > time.Minute {
			delete(p.by, n) // a minute refills its allowance anyway
		}
	}
}

// allow counts one mail of a peer.
func (p *peers) allow(name string) bool {
	if isLocal(name) {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of(name).mails.AllowN(p.clk.Now(), 1)
}

func (p *peers) drain() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
}

// guardedListener admits connections within the limits.
type guardedListener struct {
	net.Listener
	peers *peers
}

func (l *guardedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		one := &guardedConn{Conn: c, peers: l.peers}
		refusal := l.peers.open(one)
		if refusal == "" {
			return one, nil
		}
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = fmt.Fprint(c, refusal)
		_ = c.Close()
	}
}

// maxUnanswered is how much a peer may say outside of a mail before it has been
// answered: far more than any command, and as much as a mail takes in memory.
const maxUnanswered = inlineBytes

// guardedConn gives its place back when it is closed. It bounds what a peer
// says: the server itself cannot tell a command from a line of a mail, which
// may be of any length.
type guardedConn struct {
	net.Conn
	peers *peers
	once  sync.Once
	// unanswered counts what was read since the last answer; in a mail it does not
	// matter.
	unanswered atomic.Int64
	inMail     atomic.Bool
}

// guardOf is the guard below a line, secured or not.
func guardOf(c net.Conn) *guardedConn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	g, _ := c.(*guardedConn)
	return g
}

// mail tells whether the peer is in the middle of a mail.
func (c *guardedConn) mail(in bool) {
	if c != nil {
		c.unanswered.Store(0)
		c.inMail.Store(in)
	}
}

func (c *guardedConn) Read(b []byte) (int, error) {
	if c.unanswered.Load() > maxUnanswered && !c.inMail.Load() {
		return 0, smtp.ErrTooLongLine
	}
	n, err := c.Conn.Read(b)
	c.unanswered.Add(int64(n))
	return n, err
}

func (c *guardedConn) Write(b []byte) (int, error) {
	c.unanswered.Store(0)
	return c.Conn.Write(b)
}

func (c *guardedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { c.peers.closed(c) })
	return err
}
