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

// dial opens the line, secures it and signs in. It never goes on in the clear
// where TLS was asked for, and names the stage at which it failed.
func (s server) dial(ctx context.Context) (*smtp.Client, stage, error) {
	d := net.Dialer{Timeout: dialTime}
	conn, err := d.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, connecting, err
	}
	// The client knows no contexts: the end of ctx cuts the line. close is
	// called again by the client's own Close, which is harmless.
	context.AfterFunc(ctx, func() { _ = conn.Close() })
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
	return c, naming, nil
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
	c, at, err := s.dial(ctx)
	if err == nil {
		defer func() { _ = c.Close() }()
		if err = c.Mail(from, nil); err == nil {
			_ = c.Quit()
			return "", nil
		}
		at = sender
	}
	var e *channels.SendError
	errors.As(sendError(at, err), &e)
	return at, e
}

// send hands one mail over. The error is a *channels.SendError.
func (s server) send(ctx context.Context, from, to string, write func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, at, err := s.dial(ctx)
	if err != nil {
		return sendError(at, err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Mail(from, nil); err != nil {
		return sendError(sender, err)
	}
	if err := c.Rcpt(to, nil); err != nil {
		return sendError(naming, err)
	}
	w, err := c.Data()
	if err != nil {
		return sendError(naming, err)
	}
	if err := write(w); err != nil {
		return sendError(writing, err) // without the final dot nothing is taken
	}
	if _, err := w.CloseWithResponse(); err != nil {
		return sendError(ending, err)
	}
	_ = c.Quit() // the mail is taken, whatever becomes of the good-bye
	return nil
}

// sendError says what a failure means for the mail (law 5): an answer of the
// far side counts for what it says; a line lost before the final dot means
// that nothing was taken, and one lost after it that nobody knows.
func sendError(at stage, err error) error {
	e := &channels.SendError{Err: fmt.Errorf("%s: %w", at, err)}
	var said *smtp.SMTPError
	var file *fileError
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
		e.Suppress = at == naming && said.EnhancedCode[1] == 1 // the address, says its own server
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
	case said.Code == 552 || said.EnhancedCode[1] == 3 && said.EnhancedCode[2] == 4:
		return "mail_too_large_for_server"
	case said.EnhancedCode[1] == 1 || said.Code == 550 && at == naming && said.EnhancedCode[1] != 7:
		return "mail_address_unknown"
	}
	return "mail_refused"
}
