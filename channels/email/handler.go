package email

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/text"
)

// Receipts takes what is heard of sent mails; the outbox does.
type Receipts interface {
	Receipt(ctx context.Context, account ids.ID, ref string, r outbox.Receipt) (found bool, err error)
}

// HandlerOptions are what a Handler needs.
type HandlerOptions struct {
	Sink      channels.Sink
	Uploads   channels.Files
	Receipts  Receipts
	Files     *files.Store
	Directory *Directory
	Signer    Signer
	Log       *slog.Logger
	// Unsubscribe takes the consent back of whom an address of UnsubscribeAddress
	// names; nil: such mail is a message like any other.
	Unsubscribe func(ctx context.Context, identity ids.ID) error
	// MaxBody is the longest message in characters, MaxFile the largest file in
	// bytes.
	MaxBody int
	MaxFile int64
	Limits  mime.Limits
}

// Handler makes messages of raw mails; it implements intake.Handler.
type Handler struct {
	o HandlerOptions
	// large holds a place for each large mail that is in memory.
	large chan struct{}
}

// largeAtOnce is how many large mails are read at the same time: each may take
// several times the largest file's size in memory.
const largeAtOnce = 2

// NewHandler makes a handler.
func NewHandler(o HandlerOptions) *Handler {
	if o.Limits == (mime.Limits{}) {
		o.Limits = mime.DefaultLimits()
	}
	o.MaxBody = min(o.MaxBody, MaxBody)
	return &Handler{o: o, large: make(chan struct{}, largeAtOnce)}
}

// maxFiles is how many files a message has at most.
const maxFiles = 10

// Handle implements intake.Handler.
func (h *Handler) Handle(ctx context.Context, account *channels.Account, raw intake.Raw) error {
	if raw.BlobKey != "" {
		select {
		case h.large <- struct{}{}:
			defer func() { <-h.large }()
		default:
			return intake.Later(time.Second, nil)
		}
	}
	m, err := h.parse(ctx, raw)
	if err != nil {
		return err
	}
	if done, err := h.heard(ctx, account, m); done || err != nil {
		return err
	}
	from, ours, err := h.writer(ctx, m)
	switch {
	case err != nil:
		return err
	case from.address == "":
		return intake.Refuse("mail_sender_missing", nil)
	case ours:
		return intake.Refuse("mail_loop", nil)
	}
	if identity, ok := h.leaves(account, m); ok && h.o.Unsubscribe != nil {
		return h.o.Unsubscribe(ctx, identity)
	}
	in, err := h.inbound(ctx, account, raw, m, from)
	if err != nil {
		return err
	}
	_, err = h.o.Sink.Receive(ctx, in)
	return verdict(err)
}

// verdict tells what no repeat can cure from what may pass.
func verdict(err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Malformed, fault.TooLarge:
		return intake.Refuse(fault.CodeOf(err), err)
	}
	return err
}

func (h *Handler) open(ctx context.Context, raw intake.Raw) (io.ReadCloser, error) {
	if raw.BlobKey == "" {
		return io.NopCloser(bytes.NewReader(raw.Body)), nil
	}
	return h.o.Files.Open(ctx, raw.BlobKey)
}

func (h *Handler) parse(ctx context.Context, raw intake.Raw) (*mime.Mail, error) {
	r, err := h.open(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("open a raw mail: %w", err)
	}
	defer r.Close()
	m, err := mime.Parse(r, h.o.Limits)
	if err != nil {
		return nil, verdict(err)
	}
	return m, nil
}

// heard takes reports about mails of ours: they belong to the delivery and are
// no message of anybody.
func (h *Handler) heard(ctx context.Context, account *channels.Account, m *mime.Mail) (bool, error) {
	about := h.reported(account, m)
	if about == "" {
		return false, nil
	}
	var r outbox.Receipt
	switch m.Report.Action {
	case "failed", "":
		r = outbox.Receipt{State: channels.Failed, Code: "mail_bounced", Detail: m.Report.Diagnostic}
		if r.Detail == "" {
			r.Detail = m.Report.Status
		}
		switch status := statusOf(m.Report.Status); {
		case addressGone(status):
			r.Code, r.Suppress = "mail_address_unknown", true
		case mailboxFull(status):
			r.Code = "mail_mailbox_full"
		}
	case "delivered":
		r.State = channels.Delivered
	case "displayed":
		r.State = channels.Read
	default: // delayed, relayed, expanded: nothing is decided yet
		return true, nil
	}
	found, err := h.o.Receipts.Receipt(ctx, account.ID, about, r)
	if err == nil && !found {
		h.o.Log.Warn("a report names a mail that is not known here", "account_id", account.ID)
	}
	return true, err
}

// reported is the name of the mail of ours that a report is about, "" for none.
// The names cannot be guessed, so whoever reports has the mail. Where a bounce
// does not enclose what it returns, it may be named in a copy within its text,
// or as what the bounce answers.
func (h *Handler) reported(account *channels.Account, m *mime.Mail) string {
	if m.Report == nil {
		return ""
	}
	named := []string{m.Report.MessageID}
	if m.Automatic == mime.Bounce {
		named = append(append(named, m.Report.Copied...), m.Thread()...)
	}
	for _, id := range named {
		if _, ours := ParseMessageID(h.o.Signer, account.ID, id); ours {
			return id
		}
	}
	return ""
}

// statusOf reads a status; what is none is all zeros.
func statusOf(s string) (status smtp.EnhancedCode) {
	if _, err := fmt.Sscanf(s, "%d.%d.%d", &status[0], &status[1], &status[2]); err != nil {
		return smtp.EnhancedCode{}
	}
	return status
}

// inbound is the mail as the inbox takes it.
func (h *Handler) inbound(ctx context.Context, account *channels.Account, raw intake.Raw, m *mime.Mail, from writer) (channels.Inbound, error) {
	id, digest := m.MessageID, m.Digest
	if _, ours := ParseMessageID(h.o.Signer, account.ID, id); ours {
		id = "" // a name of ours cannot be somebody else's
	}
	if id == "" || m.Date.IsZero() || unreadable(m) {
		digest = raw.Key // nothing else tells two mails of the same words, or of the same beginning, apart
	}
	in := channels.Inbound{
		Account: account, Identity: channels.Identity{Kind: customers.KindEmail, Namespace: customers.Installation, Value: from.address},
		ExternalID: externalID(from.address, id, digest), Name: from.name, Subject: m.Subject, HTML: m.HTML, Quoted: m.Quoted, ProviderAt: m.Date,
		NewThread: true, Automatic: m.Automatic != mime.Human || h.comesBack(account, m), Silent: m.Silent, AttachmentOwner: "mail:" + raw.ID.String(),
	}
	for _, ref := range m.Thread() {
		in.Thread = append(in.Thread, mailName(from.address, ref))
	}
	in.Conversation = h.conversation(account, m)
	if m.Automatic == mime.Human && in.Automatic {
		m.Automatic = mime.Generated
	}
	e := envelope{Type: "mail", From: named(m.From), To: allNamed(m.To), Cc: allNamed(m.Cc), Subject: m.Subject, Automatic: m.Automatic, Report: m.Report}
	if from.through {
		e.ReplyTo = from.address
	}
	var err error
	if in.Payload, err = json.Marshal(e); err != nil {
		return in, err
	}
	return in, h.fill(ctx, raw, m, &in)
}

// envelope is the payload of a mail: what its text does not say.
type envelope struct {
	Type      string         `json:"type"`
	From      string         `json:"from"`
	To        []string       `json:"to"`
	Cc        []string       `json:"cc"`
	ReplyTo   string         `json:"reply_to,omitempty"` // where answers go when that is not the From line's address
	Subject   string         `json:"subject"`
	Automatic mime.Automatic `json:"automatic"` // "" = written by a person
	Report    *mime.Report   `json:"report,omitempty"`
}

// maxNamed is how many recipients an envelope names.
const maxNamed = 20

func named(a mime.Address) string {
	switch {
	case a.Address == "":
		return a.Name
	case a.Name == "":
		return a.Address
	}
	return a.Name + " <" + a.Address + ">"
}

// allNamed leaves our reply addresses out: they mean nothing to people.
func allNamed(list []mime.Address) []string {
	out := []string{}
	for _, a := range list {
		if !IsReply(a.Address) && len(out) < maxNamed {
			out = append(out, named(a))
		}
	}
	return out
}

// comesBack tells whether a mail bears the mark of our own machines: it is an
// answer that a machine gave to them.
func (h *Handler) comesBack(account *channels.Account, m *mime.Mail) bool {
	c, err := ParseConfig(account.Config)
	return err == nil && slices.Contains(m.Loop, c.Address)
}

// conversation is the one that the mail proves to answer: by a reply address
// that we signed, else by the name of a mail of ours.
func (h *Handler) conversation(account *channels.Account, m *mime.Mail) ids.ID {
	for _, a := range recipients(m) {
		if id, ok := ParseReply(h.o.Signer, account.ID, a); ok {
			return id
		}
	}
	for _, ref := range m.Thread() {
		if id, ok := ParseMessageID(h.o.Signer, account.ID, ref); ok && id != 0 {
			return id
		}
	}
	return 0
}

func recipients(m *mime.Mail) []string {
	addresses := append([]string{}, m.Delivered...)
	for _, list := range [][]mime.Address{m.To, m.Cc} {
		for _, a := range list {
			addresses = append(addresses, a.Address)
		}
	}
	return addresses
}

// leaves tells whose consent the mail takes back.
func (h *Handler) leaves(account *channels.Account, m *mime.Mail) (ids.ID, bool) {
	for _, a := range recipients(m) {
		if identity, ok := ParseUnsubscribe(h.o.Signer, account.ID, a); ok {
			return identity, true
		}
	}
	return 0, false
}

// fill puts text and files in. What has no place in a message, because it is
// too long, too many or not legible, is kept as the whole mail in a file.
func (h *Handler) fill(ctx context.Context, raw intake.Raw, m *mime.Mail, in *channels.Inbound) error {
	whole := unreadable(m)
	in.Body = m.Body
	if text.Length(in.Body) > h.o.MaxBody {
		in.Body, whole = string([]rune(in.Body)[:h.o.MaxBody-1])+"…", true
	}
	if text.Length(in.Quoted) > MaxBody {
		in.Quoted, whole = text.Cut(in.Quoted, MaxBody), true
	}
	place := maxFiles
	if whole || len(m.Attachments) > maxFiles {
		whole, place = true, maxFiles-1
	}
	byCid := map[string]ids.ID{}
	for _, a := range m.Attachments {
		if len(a.Content) == 0 {
			continue
		}
		if len(in.Attachments) == place {
			break
		}
		id, err := h.o.Uploads.KeepFile(ctx, in.AttachmentOwner, a.Name, bytes.NewReader(a.Content), h.o.MaxFile)
		if fault.CodeOf(err) == "file_too_large" {
			whole = true
			continue
		}
		if err != nil {
			return fmt.Errorf("keep a file of a mail: %w", err)
		}
		in.Attachments = append(in.Attachments, id)
		if a.ContentID != "" {
			byCid[a.ContentID] = id
		}
	}
	in.HTML = mime.LinkPictures(in.HTML, byCid)
	if in.Body == "" && len(in.Attachments) == 0 {
		if in.Body = text.Preview(m.Subject, h.o.MaxBody); in.Body == "" {
			whole = true // an empty mail is shown as what it is
		}
	}
	if !whole {
		return nil
	}
	return h.keepWhole(ctx, raw, in)
}

// unreadable tells whether something of the mail got lost in reading.
func unreadable(m *mime.Mail) bool {
	for _, d := range m.Defects {
		switch d {
		case mime.DefectPart, mime.DefectEncoding, mime.DefectIllegible, mime.DefectParts, mime.DefectDepth, mime.DefectText, mime.DefectHTML, mime.DefectTrunc:
			return true
		}
	}
	return false
}

func (h *Handler) keepWhole(ctx context.Context, raw intake.Raw, in *channels.Inbound) error {
	r, err := h.open(ctx, raw)
	if err != nil {
		return fmt.Errorf("open a raw mail: %w", err)
	}
	defer r.Close()
	id, err := h.o.Uploads.KeepFile(ctx, in.AttachmentOwner, "mail.eml", r, h.o.Limits.Bytes)
	if err != nil {
		return fmt.Errorf("keep a raw mail: %w", err)
	}
	in.Attachments = append(in.Attachments, id)
	return nil
}

var _ intake.Handler = (*Handler)(nil)
