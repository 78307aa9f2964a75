package email

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Incoming is one raw mail for one account, to be kept.
type Incoming struct {
	Account ids.ID
	// Key is the same for every repeat of the mail.
	Key string
	// Lane is the sender; mails of one lane are handled in their order.
	Lane string
	// Body is the mail, with the lines that this station added on top; nil
	// when it is large and lies in the file named BlobKey instead.
	Body    []byte
	BlobKey string
}

// ReceiptOptions are what a Receipt needs.
type ReceiptOptions struct {
	// Domain is how the server calls itself.
	Domain string
	// TLS offers STARTTLS; nil: the lines stay in the clear.
	TLS *tls.Config
	// MaxBytes is the largest mail.
	MaxBytes int64
	// Mailbox finds the account behind an address of ours, reply addresses
	// included; ok is false for every other address: nothing is relayed. local
	// tells that the peer is on this machine.
	Mailbox func(ctx context.Context, address string, local bool) (account ids.ID, ok bool, err error)
	// Keep makes a mail durable before it returns. A repeat is no error.
	Keep  func(context.Context, Incoming) error
	Files *files.Store
	Clock clock.Clock
	Log   *slog.Logger
	// Limits; the zero value means DefaultReceiptLimits.
	Limits ReceiptLimits
}

// ReceiptLimits keep one peer from taking everything. Peers on this machine
// are only held to Connections.
type ReceiptLimits struct {
	// Connections at once, over all and of one peer.
	Connections, PeerConnections int
	// MailsPerMinute of one peer.
	MailsPerMinute int
	// Unknown is how many wrong recipients a connection may try.
	Unknown int
}

// DefaultReceiptLimits suit a company's mail.
func DefaultReceiptLimits() ReceiptLimits {
	return ReceiptLimits{Connections: 500, PeerConnections: 20, MailsPerMinute: 300, Unknown: 20}
}

// Receipt takes mail by SMTP for the accounts of this installation and for
// nobody else. It answers 250 to a mail only after Keep has returned.
type Receipt struct {
	o      ReceiptOptions
	server *smtp.Server
	peers  peers
	// base ends what is under way when the server is shut down hard.
	base   context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	draining bool
	busy     sync.WaitGroup
}

const (
	// inlineBytes is the largest mail that is kept in a row.
	inlineBytes   = 256 << 10
	maxRecipients = 50
	maxHops       = 60
	keepTime      = time.Minute
	// keepPatience is how long a mail waits for its turn to be written; then its
	// sender is asked to come again.
	keepPatience = 10 * time.Second
	// lineTime is how long a peer may take for a command, or for a whole mail.
	lineTime = 5 * time.Minute
)

// NewReceipt makes a server that listens to nobody yet.
func NewReceipt(o ReceiptOptions) *Receipt {
	if o.Limits == (ReceiptLimits{}) {
		o.Limits = DefaultReceiptLimits()
	}
	r := &Receipt{o: o, peers: newPeers(o.Clock, o.Limits)}
	r.base, r.cancel = context.WithCancel(context.Background())
	s := smtp.NewServer(smtp.BackendFunc(r.session))
	s.Domain, s.TLSConfig, s.MaxMessageBytes, s.MaxRecipients = o.Domain, o.TLS, o.MaxBytes, maxRecipients
	s.ReadTimeout, s.WriteTimeout = lineTime, time.Minute
	s.MaxLineLength = 0 // guardedConn bounds commands; a mail may be one line
	s.EnableSMTPUTF8 = true
	s.ErrorLog = smtpLog{o.Log}
	r.server = s
	return r
}

// Serve takes connections from l until Shutdown.
func (r *Receipt) Serve(l net.Listener) error {
	if err := r.server.Serve(&guardedListener{Listener: l, peers: &r.peers}); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Shutdown lets mails that are being taken finish until ctx ends, then cuts
// every line, idle ones at once: what was not acknowledged comes again.
func (r *Receipt) Shutdown(ctx context.Context) {
	defer r.cancel()
	r.peers.drain()
	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		r.busy.Wait()
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	_ = r.server.Close()
}

// begin counts a mail that is being taken; false once the server goes down.
func (r *Receipt) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining {
		r.busy.Add(1)
	}
	return !r.draining
}

// smtpLog takes what the server reports: broken lines, mostly.
type smtpLog struct{ log *slog.Logger }

func (l smtpLog) Printf(format string, v ...any) { l.log.Debug("smtp", "event", sprintf(format, v...)) }
func (l smtpLog) Println(v ...any)               { l.log.Debug("smtp", "event", sprintf("%v", v)) }

// recipient is one account that a mail is for.
type recipient struct {
	account   ids.ID
	addresses []string
}

// session is one connection.
type session struct {
	r       *Receipt
	conn    *smtp.Conn
	peer    string
	from    string
	to      []recipient
	unknown int
	// taking is true from the beginning of a mail until it has been answered.
	taking atomic.Bool
}

func (r *Receipt) session(c *smtp.Conn) (smtp.Session, error) {
	return &session{r: r, conn: c, peer: peerOf(c.Conn().RemoteAddr())}, nil
}

// Reset follows every answer to a mail.
func (s *session) Reset() {
	s.from, s.to = "", nil
	s.answered()
}

// Logout follows the end of the line.
func (s *session) Logout() error {
	s.answered()
	return nil
}

func (s *session) answered() {
	guardOf(s.conn.Conn()).mail(false)
	if s.taking.CompareAndSwap(true, false) {
		s.r.busy.Done()
	}
}

func reply(code int, class, subject, detail int, message string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: message}
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.r.peers.allow(s.peer) {
		return reply(451, 4, 7, 1, "Too many mails from your address, try again in a minute")
	}
	s.from = from
	return nil
}

// Rcpt accepts the addresses of our accounts and no other.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.unknown >= s.r.o.Limits.Unknown {
		return reply(421, 4, 7, 0, "Too many unknown recipients")
	}
	ctx, cancel := context.WithTimeout(s.r.base, keepTime)
	defer cancel()
	account, ok, err := s.r.o.Mailbox(ctx, to, isLocal(s.peer))
	if err != nil {
		s.r.o.Log.Error("look up a mail address", "error", err)
		return reply(451, 4, 3, 0, "The mailbox cannot be looked up now, try again later")
	}
	if !ok {
		s.unknown++
		return reply(550, 5, 1, 1, "No such mailbox here")
	}
	for i := range s.to {
		if s.to[i].account == account {
			s.to[i].addresses = append(s.to[i].addresses, to)
			return nil
		}
	}
	s.to = append(s.to, recipient{account, []string{to}})
	return nil
}

// Data takes the mail. Its acknowledgement names the key under which it is
// kept.
func (s *session) Data(r io.Reader) error {
	guardOf(s.conn.Conn()).mail(true)
	if !s.r.begin() {
		return reply(421, 4, 3, 2, "The server is restarting, try again in a minute")
	}
	s.taking.Store(true)
	began := s.r.o.Clock.Now()
	body := &heard{r: r}
	head, err := io.ReadAll(io.LimitReader(body, inlineBytes+1))
	if err != nil {
		return s.failed(err, body.err)
	}
	h, err := mime.ParseHead(head, mime.DefaultLimits())
	if err != nil {
		_, _ = io.Copy(io.Discard, body)
		return reply(554, 5, 6, 0, "This is not a legible mail: "+shortCode(err))
	}
	if h.Hops > maxHops {
		_, _ = io.Copy(io.Discard, body)
		return reply(554, 5, 4, 6, "Routing loop: too many Received lines")
	}
	ctx, cancel := context.WithTimeout(store.Patience(s.r.base, keepPatience), keepTime)
	defer cancel()
	var key string
	if len(head) <= inlineBytes {
		key, err = s.keepSmall(ctx, h, head)
	} else {
		key, err = s.keepLarge(ctx, h, head, body)
	}
	if err != nil {
		return s.failed(err, body.err)
	}
	s.r.o.Log.Debug("mail received", "accounts", len(s.to), "bytes", len(head), "took", s.r.o.Clock.Now().Sub(began))
	return reply(250, 2, 0, 0, "Kept as "+key)
}

// heard remembers how a mail that is being taken broke off.
type heard struct {
	r   io.Reader
	err error
}

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	return n, err
}

// failed answers what went wrong: the sender's size or line (heard), or our
// storage.
func (s *session) failed(err, heard error) error {
	var said *smtp.SMTPError
	if errors.As(err, &said) {
		return said
	}
	if heard != nil {
		return reply(451, 4, 4, 2, "The mail broke off")
	}
	s.r.o.Log.Error("keep a mail", "error", err)
	return reply(451, 4, 3, 0, "The mail cannot be stored now, try again later")
}
