// Package email is the mail channel: it takes mail by SMTP, reads it, and
// sends the answers by SMTP. What came is kept before it is acknowledged, and
// an answer carries an address and a name by which its own answer finds the
// conversation again.
package email

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/locale"
)

// Channel is the adapter's name.
const Channel = "email"

// MaxBody is the longest text of one mail, in characters.
const MaxBody = 100_000

// Accounts are what the adapter needs of the channel accounts;
// channels.Accounts is one.
type Accounts interface {
	Secrets(*channels.Account) (channels.Secrets, error)
	Report(context.Context, ids.ID, channels.Health) error
}

// Adapter implements channels.Adapter and channels.Checker.
type Adapter struct {
	signer Signer
	clk    clock.Clock
	log    *slog.Logger
	// TLS is the base of every secured line; nil trusts the machine's roots.
	TLS *tls.Config

	accounts Accounts
	lines    lines
}

// NewAdapter makes the adapter. Attach gives it the accounts, which are made
// after it.
func NewAdapter(s Signer, clk clock.Clock, log *slog.Logger) *Adapter {
	return &Adapter{signer: s, clk: clk, log: log}
}

// Attach is called once, before the first Send.
func (a *Adapter) Attach(accounts Accounts) { a.accounts = accounts }

// Channel implements channels.Adapter.
func (*Adapter) Channel() string { return Channel }

// Capabilities implements channels.Adapter. A mail server does not recognise a
// repeat, whatever its Message-ID.
func (*Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{MaxBody: MaxBody, Identity: customers.KindEmail, OptIn: true}
}

// Configure implements channels.Adapter.
func (*Adapter) Configure(raw json.RawMessage, secrets channels.Secrets) (json.RawMessage, error) {
	c := Config{SMTP: SMTP{TLS: TLSStart}}
	if err := channels.DecodeConfig(raw, &c); err != nil {
		return nil, err
	}
	if err := secrets.Check([]string{PasswordSecret}, nil); err != nil {
		return nil, err
	}
	if err := c.check(secrets[PasswordSecret] != ""); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}

// Claim implements channels.Claimer: a mailbox is one account's.
func (*Adapter) Claim(config json.RawMessage) (field, value string, err error) {
	c, err := ParseConfig(config)
	return "config.address", c.Address, err
}

func (a *Adapter) server(c Config, secrets channels.Secrets) server {
	return server{SMTP: c.SMTP, password: secrets[PasswordSecret], localName: c.Domain, tls: a.TLS}
}

// Send implements channels.Adapter.
func (a *Adapter) Send(ctx context.Context, out channels.Outbound) (channels.Sent, error) {
	c, err := ParseConfig(out.Account.Config)
	if err != nil {
		return channels.Sent{}, refusedSend("mail_refused", err)
	}
	if out.Account.Sandbox && !loopback(c.SMTP.Host) {
		return channels.Sent{}, refusedSend("sandbox_local_only", errors.New("a sandbox account sends only to this machine"))
	}
	if international(out.Identity.Value) {
		return channels.Sent{}, refusedSend("mail_address_international", errors.New("an address in letters that few servers take"))
	}
	if !validAddress(out.Identity.Value) {
		return channels.Sent{}, refusedSend("mail_address_unknown", errors.New("not an address that mail can be sent to"))
	}
	secrets, err := a.accounts.Secrets(out.Account)
	if err != nil {
		return channels.Sent{}, refusedSend("mail_login_refused", err)
	}
	l := a.letter(c, out)
	err = a.server(c, secrets).send(ctx, &a.lines, c.Address, l.To, func(w io.Writer) error { return l.Write(ctx, w) })
	a.report(ctx, out.Account, err)
	if err != nil {
		return channels.Sent{}, err
	}
	return channels.Sent{ProviderRef: l.MessageID}, nil
}

// languages are those in which a mail says how to leave: the recipient's, or
// every one where it is not known.
func languages(recipient string) []string {
	switch {
	case recipient == "":
		return locale.Languages
	case strings.HasPrefix(strings.ToLower(recipient), "zh"):
		return []string{locale.Chinese}
	}
	return []string{locale.English}
}

func refusedSend(code string, err error) error {
	return &channels.SendError{Outcome: channels.Refused, Code: code, Err: err}
}

// letter is the mail of a delivery.
func (a *Adapter) letter(c Config, out channels.Outbound) *Letter {
	l := &Letter{
		FromName: c.Name, From: c.Address, To: out.Identity.Value, Subject: out.Subject, Body: out.Body, Date: a.clk.Now(), Automatic: out.Automated,
		MessageID: MessageID(a.signer, out.Account.ID, out.Conversation, out.Delivery, c.Domain), InReplyTo: messageIDOf(out.InReplyTo),
	}
	if out.Conversation != 0 {
		l.ReplyTo = ReplyAddress(a.signer, out.Account.ID, out.Conversation, c.Domain)
	}
	for _, id := range out.References {
		l.References = append(l.References, messageIDOf(id)) // what is none is left out
	}
	switch {
	case out.InReplyTo != "":
		l.Subject = ReplySubject(out.Subject, c.Name)
	case l.Subject == "":
		l.Subject = c.Name
	}
	if out.Unsubscribe != "" {
		l.Unsubscribe = out.Unsubscribe
		l.UnsubscribeTo = UnsubscribeAddress(a.signer, out.Account.ID, out.Recipient, c.Domain)
		l.Languages = languages(out.Locale)
	}
	for _, f := range out.Files {
		l.Files = append(l.Files, File{Name: f.Name, ContentType: f.ContentType, Open: f.Open})
	}
	return l
}

// externalID is the inbox's key of a mail: its name and, behind a space, a digest
// of what it says. Some programs give all their mails one Message-ID, and two
// mails that say different things are never one.
func externalID(sender, messageID, digest string) string {
	return mailName(sender, messageID) + " " + digest
}

// mailName is a mail's name. Message-IDs are chosen by senders, so they count for
// each sender apart: nobody can hide another's mail behind an id of his own.
func mailName(sender, messageID string) string {
	if messageID == "" {
		messageID = nameless
	}
	return sender + " " + messageID
}

// nameless stands in the place of a Message-ID that is missing.
const nameless = "-"

// messageIDOf is the Message-ID in an external id, "" where the mail had none.
func messageIDOf(external string) string {
	if parts := strings.Split(external, " "); len(parts) > 1 && parts[1] != nameless {
		return parts[1]
	}
	return ""
}

// report tells the account's health when it has changed: what one mail or one
// recipient met with says nothing about the account.
func (a *Adapter) report(ctx context.Context, account *channels.Account, err error) {
	h := channels.Health{OK: true}
	var e *channels.SendError
	if errors.As(err, &e) {
		switch e.Code {
		case "mail_server_unreachable", "mail_tls_failed", "mail_login_refused":
			h = channels.Health{Code: e.Code}
		default:
			return
		}
	}
	if h.OK && account.Health.OK {
		return
	}
	if err := a.accounts.Report(context.WithoutCancel(ctx), account.ID, h); err != nil {
		a.log.Error("store a mail account's health", "account_id", account.ID, "error", err)
	}
}

// Check implements channels.Checker: connect, secure, sign_in, sender.
func (a *Adapter) Check(ctx context.Context, config json.RawMessage, secrets channels.Secrets) []channels.Step {
	c, err := ParseConfig(config)
	if err != nil {
		return []channels.Step{{Name: "connect", Code: "malformed"}}
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime+commandTime)
	defer cancel()
	names := []stage{connecting}
	if c.SMTP.TLS != TLSNone {
		names = append(names, securing)
	}
	if c.SMTP.User != "" {
		names = append(names, signingIn)
	}
	names = append(names, sender)
	failedAt, failure := a.server(c, secrets).try(ctx, c.Address)
	steps := []channels.Step{}
	for _, name := range names {
		step := channels.Step{Name: string(name), OK: true}
		if failure != nil && name == failedAt {
			step.OK, step.Code = false, failure.Code
			return append(steps, step)
		}
		steps = append(steps, step)
	}
	return steps
}
