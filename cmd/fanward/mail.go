package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/web/sandbox"
)

func (a *app) newMail() *email.Adapter {
	return email.NewAdapter(a.keys, a.db.clk, obs.Component(a.log, "email"))
}

// joinMail connects the adapter with what came after it, and understands the
// mails that are taken in.
func (a *app) joinMail(adapter *email.Adapter) {
	adapter.Attach(a.accounts)
	a.directory = email.NewDirectory(a.accounts, a.keys, a.db.clk)
	a.intake.Register(email.Channel, a.mailHandler(a.inbox))
}

// mailHandler makes messages of mails and hands them to sink.
func (a *app) mailHandler(sink channels.Sink) *email.Handler {
	limits := mime.DefaultLimits()
	limits.Bytes = a.mailBytes() + 64<<10 // with the lines that the receipt adds
	return email.NewHandler(email.HandlerOptions{
		Sink: sink, Uploads: a.inbox, Receipts: a.outbox, Files: a.files, Directory: a.directory, Signer: a.keys,
		Unsubscribe: func(ctx context.Context, identity ids.ID) error {
			err := a.customers.Say(ctx, identity, email.Channel, customers.PurposeMarketing, customers.Withdrawn, "unsubscribe mail")
			if fault.KindOf(err) == fault.NotFound {
				return nil // whoever it was is not known any more
			}
			return err
		},
		Log: obs.Component(a.log, "email"), MaxBody: a.config.Limits.BodyChars, MaxFile: a.config.Limits.FileBytes, Limits: limits,
	})
}

// mailBytes is the largest mail: a file of the largest size in its encoding,
// and room for text.
func (a *app) mailBytes() int64 {
	return a.config.Limits.FileBytes/3*4 + a.config.Limits.FileBytes/50 + 2<<20
}

// postOffice takes mail in by SMTP.
type postOffice struct {
	receipt  *email.Receipt
	listener net.Listener
}

// openPost listens for mail; without an address it returns nil.
func (a *app) openPost(addr string) (*postOffice, error) {
	if addr == "" {
		return nil, nil
	}
	secure, err := certificates(a.config.Email.TLSCert, a.config.Email.TLSKey)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on email.smtp_addr (FANWARD_EMAIL_SMTP_ADDR): %w", err)
	}
	p := &postOffice{listener: listener, receipt: email.NewReceipt(email.ReceiptOptions{
		Domain: a.mailHost(), TLS: secure, MaxBytes: a.mailBytes(), Mailbox: a.directory.Mailbox, Files: a.files, Clock: a.db.clk, Log: obs.Component(a.log, "smtp"),
		Keep: func(ctx context.Context, in email.Incoming) error {
			_, err := a.intake.Keep(ctx, intake.Raw{Account: in.Account, Key: in.Key, Lane: in.Lane, Body: in.Body, BlobKey: in.BlobKey})
			return err
		},
	})}
	go func() {
		if err := p.receipt.Serve(listener); err != nil {
			a.fail(fmt.Errorf("take mail in: %w", err))
		}
	}()
	return p, nil
}

// mailHost is how this server calls itself to others.
func (a *app) mailHost() string {
	if u, err := url.Parse(a.config.PublicURL); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "localhost"
}

func (p *postOffice) stop(ctx context.Context) {
	if p != nil {
		p.receipt.Shutdown(ctx)
	}
}

// certificates serves the certificate of two files and follows their renewal;
// nil without files.
func certificates(cert, key string) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	r := &renewed{cert: cert, key: key}
	if _, err := r.current(nil); err != nil {
		return nil, fmt.Errorf("read email.tls_cert and email.tls_key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: r.current}, nil
}

// renewed is a certificate that is read again when its file has changed.
type renewed struct {
	cert, key string

	mu   sync.Mutex
	read time.Time
	pair *tls.Certificate
}

func (r *renewed) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.cert)
	if err == nil && !info.ModTime().Equal(r.read) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(r.cert, r.key); err == nil {
			r.pair, r.read = &pair, info.ModTime()
		}
	}
	if r.pair != nil { // half a renewal: the old one goes on
		return r.pair, nil
	}
	return nil, err
}

const sandboxAddress = "help@tea.example"

// mailSide is the sandbox's mailbox of a customer: its page and the SMTP server
// to which answers go.
type mailSide struct {
	box      *sandbox.Mailbox
	server   *http.Server
	listener net.Listener
}

// startMailbox opens the mailbox, which writes to post, and makes the sandbox's
// mail account at the first start.
func (a *app) startMailbox(ctx context.Context, post *postOffice) (_ *mailSide, err error) {
	listener, err := net.Listen("tcp", a.config.Sandbox.MailAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on sandbox.mail_addr (FANWARD_SANDBOX_MAIL_ADDR): %w", err)
	}
	answers, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("listen for the sandbox's answers: %w", err)
	}
	account, err := a.sandboxMail(ctx, answers.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return nil, errors.Join(err, listener.Close(), answers.Close())
	}
	m := &mailSide{listener: listener, box: sandbox.NewMailbox(sandbox.MailboxOptions{
		HubSMTP: post.listener.Addr().String(), Company: sandbox.Person{Name: account.Name, Address: sandboxAddress}, Now: a.db.clk.Now,
	})}
	m.server = a.serveLocal(listener, m.box.Handler(), "the mailbox")
	go func() {
		if err := m.box.ServeSMTP(answers); err != nil {
			a.fail(fmt.Errorf("take the sandbox's answers: %w", err))
		}
	}()
	return m, nil
}

// sandboxMail is the sandbox's mail account, which sends to a port of this
// machine.
func (a *app) sandboxMail(ctx context.Context, port int) (*channels.Account, error) {
	return a.sandboxAccount(ctx, email.Channel, nil, func(stored json.RawMessage) (any, error) {
		c := email.Config{Address: sandboxAddress, Name: "Lin's Tea · 林记茶铺"}
		err := channels.DecodeConfig(stored, &c)
		c.SMTP = email.SMTP{Host: "127.0.0.1", Port: port, TLS: email.TLSNone} // the port differs from start to start
		return c, err
	})
}

func (m *mailSide) url() string { return "http://" + m.listener.Addr().String() }

func (m *mailSide) stop(ctx context.Context) {
	m.box.Close() // ends the pages' waiting
	shut(ctx, m.server)
}
