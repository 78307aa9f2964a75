package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
)

// server is the sending server of one account, with the password in the clear.
type server struct {
	SMTP
	password  string
	localName string
	tls       *tls.Config
}

const (
	dialTime    = 15 * time.Second
	commandTime = time.Minute
	// submitTime is how long the far side may think after the final dot
	// (RFC 5321 asks for ten minutes).
	submitTime = 10 * time.Minute
)

func (s server) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// stage is how far a dialogue came; it tells what a lost line means.
type stage string

const (
	connecting stage = "connect"
	securing   stage = "secure"
	signingIn  stage = "sign_in"
	sender     stage = "sender"
	naming     stage = "recipients"
	writing    stage = "data"
	ending     stage = "end"
)

// dial opens a line, secures it and signs in. It never goes on in the clear
// where TLS was asked for, and names the stage at which it failed.
func (s server) dial(ctx context.Context) (*line, stage, error) {
	d := net.Dialer{Timeout: dialTime}
	conn, err := d.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, connecting, err
	}
	l := &line{conn: conn, of: s.key()}
	// The client knows no contexts: the end of ctx cuts the line. close is
	// called again by the client's own Close, which is harmless.
	defer l.cutWith(ctx)()
	_ = conn.SetDeadline(time.Now().Add(dialTime + commandTime))
	var c *smtp.Client
	switch s.TLS {
	case TLSImplicit:
		secured := tls.Client(conn, s.tlsConfig())
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, securing, err
		}
		c = smtp.NewClient(secured)
	case TLSStart:
		if c, err = smtp.NewClientStartTLS(conn, s.tlsConfig()); err != nil {
			_ = conn.Close()
			return nil, securing, err
		}
	default:
		c = smtp.NewClient(conn)
	}
	c.CommandTimeout, c.SubmissionTimeout = commandTime, submitTime
	l.c = c
	if err := c.Hello(s.localName); err != nil {
		_ = c.Close()
		if s.TLS == TLSStart { // the greeting is the first thing under TLS
			return nil, securing, err
		}
		return nil, connecting, err
	}
	if s.User != "" {
		if err := s.signIn(c); err != nil {
			_ = c.Close()
			return nil, signingIn, err
		}
	}
	_ = conn.SetDeadline(time.Time{})
	return l, naming, nil
}

func (s server) tlsConfig() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tls != nil {
		c = s.tls.Clone()
	}
	c.ServerName = s.Host
	return c
}

func (s server) signIn(c *smtp.Client) error {
	if s.TLS == TLSNone && !loopback(s.Host) {
		return errors.New("a password is never sent in the clear")
	}
	if c.SupportsAuth(sasl.Login) && !c.SupportsAuth(sasl.Plain) {
		return c.Auth(sasl.NewLoginClient(s.User, s.password))
	}
	return c.Auth(sasl.NewPlainClient("", s.User, s.password))
}

// try goes through a dialogue up to the sender's name, and sends nothing.
func (s server) try(ctx context.Context, from string) (stage, *channels.SendError) {
	l, at, err := s.dial(ctx)
	if err == nil {
		defer l.cutWith(ctx)()
		defer func() { _ = l.c.Close() }()
		if err = l.c.Mail(from, nil); err == nil {
			_ = l.c.Quit()
			return "", nil
		}
		at = sender
	}
	var e *channels.SendError
	errors.As(sendError(at, err), &e)
	return at, e
}

// send hands one mail over, by a line that is open already where there is one.
// The error is a *channels.SendError.
func (s server) send(ctx context.Context, kept *lines, from, to string, write func(io.Writer) error) error {
	for {
		l := kept.take(s.key())
		old := l != nil
		if !old {
			var at stage
			var err error
			if l, at, err = s.dial(ctx); err != nil {
				return sendError(at, err)
			}
		}
		at, err := l.mail(ctx, from, to, write)
		if err == nil || at != writing && at != ending && answered(err) && !closing(err) && l.begin(s.localName) == nil {
			kept.give(l)
		} else {
			_ = l.c.Close()
		}
		// The far side may have hung up while the line rested: as long as nothing
		// of the mail has been sent, another line is no repetition.
		if old && err != nil && at != writing && at != ending && ctx.Err() == nil && (!answered(err) || closing(err)) {
			continue
		}
		if err != nil {
			return sendError(at, err)
		}
		return nil
	}
}

// mail goes through the dialogue of one mail, and names the stage at which it
// failed.
func (l *line) mail(ctx context.Context, from, to string, write func(io.Writer) error) (stage, error) {
	defer l.cutWith(ctx)()
	l.mails++
	if err := l.c.Mail(from, nil); err != nil {
		return sender, err
	}
	if err := l.c.Rcpt(to, nil); err != nil {
		return naming, err
	}
	w, err := l.c.Data()
	if err != nil {
		return naming, err
	}
	if err := write(w); err != nil {
		return writing, err // without the final dot nothing is taken
	}
	if _, err := w.CloseWithResponse(); err != nil {
		return ending, err
	}
	return "", nil
}

// begin takes the mail back of which the far side has refused a part.
func (l *line) begin(localName string) error {
	if err := l.c.Reset(); err != nil {
		return err
	}
	return l.c.Hello(localName) // the client forgets its greeting with the mail
}

// answered tells whether an error is what the far side said.
func answered(err error) bool {
	var said *smtp.SMTPError
	return errors.As(err, &said)
}

// closing tells whether the far side said that it hangs up.
func closing(err error) bool {
	var said *smtp.SMTPError
	return errors.As(err, &said) && said.Code == 421
}

// sendError says what a failure means for the mail (law 5): an answer of the
// far side counts for what it says; a line lost before the final dot means
// that nothing was taken, and one lost after it that nobody knows.
func sendError(at stage, err error) error {
	e := &channels.SendError{Err: fmt.Errorf("%s: %w", at, err)}
	var said *smtp.SMTPError
	var file *fileError
	if errors.As(err, &said) {
		e.Detail = words(said)
	}
	switch {
	case errors.As(err, &file):
		e.Outcome, e.Code = channels.Temporary, "mail_attachment_unreadable"
		if fault.KindOf(err) == fault.NotFound {
			e.Outcome = channels.Refused
		}
	case errors.As(err, &said) && said.Code/100 == 4:
		e.Outcome, e.Code = channels.Temporary, "mail_server_busy"
	case errors.As(err, &said) && said.Code/100 == 5:
		e.Outcome, e.Code = channels.Refused, refusal(at, said)
		e.Suppress = at == naming && addressGone(said.EnhancedCode) // says its own server
	case at == ending:
		e.Outcome, e.Code = channels.Ambiguous, "send_unknown"
	case at == securing:
		e.Outcome, e.Code = channels.Temporary, "mail_tls_failed"
	case at == signingIn:
		e.Outcome, e.Code = channels.Temporary, "mail_login_refused"
	default:
		e.Outcome, e.Code = channels.Temporary, "mail_server_unreachable"
	}
	return e
}

func refusal(at stage, said *smtp.SMTPError) string {
	switch {
	case at == securing:
		return "mail_tls_failed"
	case at == signingIn:
		return "mail_login_refused"
	case mailboxFull(said.EnhancedCode) || said.Code == 552 && at == naming && said.EnhancedCode[1] <= 0:
		return "mail_mailbox_full"
	case needsUTF8(said.EnhancedCode):
		return "mail_address_international"
	case tooLargeFor(said.EnhancedCode) || said.Code == 552 && said.EnhancedCode[1] <= 0:
		return "mail_too_large_for_server"
	case at == sender || aboutSender(said.EnhancedCode):
		return "mail_refused"
	case said.EnhancedCode[1] == 1 || said.Code == 550 && at == naming && said.EnhancedCode[1] != 7:
		return "mail_address_unknown"
	}
	return "mail_refused"
}

// addressGone tells whether a status means that mail can never reach the
// recipient's address (RFC 3463, section 3.2; RFC 7505). Others of the same
// subject speak of any address, or of the sender's, which is ours.
func addressGone(status smtp.EnhancedCode) bool {
	if status[0] != 5 || status[1] != 1 {
		return false
	}
	switch status[2] {
	case 1, 2, 3, 6, 10:
		return true
	}
	return false
}

// mailboxFull tells whether a status speaks of the recipient's full mailbox,
// tooLargeFor of the mail's size (RFC 3463, sections 3.3 and 3.4), needsUTF8 of an
// address that only some servers take (RFC 6531, section 3.2).
func mailboxFull(status smtp.EnhancedCode) bool { return status[1] == 2 && status[2] == 2 }

func tooLargeFor(status smtp.EnhancedCode) bool {
	return status[1] == 3 && status[2] == 4 || status[1] == 2 && status[2] == 3
}

func needsUTF8(status smtp.EnhancedCode) bool { return status[1] == 6 && status[2] == 7 }

// words is what a server said, as it said it.
func words(said *smtp.SMTPError) string {
	s := strconv.Itoa(said.Code)
	if c := said.EnhancedCode; c[0] > 0 {
		s += fmt.Sprintf(" %d.%d.%d", c[0], c[1], c[2])
	}
	return s + " " + said.Message
}

// aboutSender tells whether a status speaks of the sender's address.
func aboutSender(status smtp.EnhancedCode) bool {
	return status[1] == 1 && (status[2] == 7 || status[2] == 8)
}
