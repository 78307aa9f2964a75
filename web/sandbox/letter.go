package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // every common character set
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

// letter is one mail of the mailbox, received or sent.
type letter struct {
	ID         string    `json:"id"`
	Thread     string    `json:"thread"`
	Sent       bool      `json:"sent"`
	From       Person    `json:"from"`
	To         Person    `json:"to"`
	Subject    string    `json:"subject"`
	Text       string    `json:"text"`
	At         time.Time `json:"at"`
	MessageID  string    `json:"message_id"`
	InReplyTo  []string  `json:"in_reply_to,omitempty"`
	References []string  `json:"references,omitempty"`
	Files      []file    `json:"files"`

	replyTo string
}

type file struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Size    int    `json:"size"`
	content []byte
}

func (l *letter) size() int {
	n := len(l.Text) + 1000
	for _, f := range l.Files {
		n += len(f.content)
	}
	return n
}

// inbound is one SMTP connection to the mailbox.
type inbound struct{ m *Mailbox }

func (s *inbound) Reset()                               {}
func (s *inbound) Logout() error                        { return nil }
func (s *inbound) Mail(string, *smtp.MailOptions) error { return nil }
func (s *inbound) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !strings.EqualFold(to, s.m.o.Owner.Address) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "Only " + s.m.o.Owner.Address + " has a mailbox here"}
	}
	return nil
}

func (s *inbound) Data(r io.Reader) error {
	l, err := readLetter(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "This is not a legible mail"}
	}
	l.To, l.At = s.m.o.Owner, s.m.o.Now().UTC()
	s.m.add(l)
	return nil
}

// readLetter reads a mail as the mailbox shows it: its text and its files.
func readLetter(r io.Reader) (*letter, error) {
	mr, err := mail.CreateReader(r)
	if err != nil && !message.IsUnknownCharset(err) {
		return nil, fmt.Errorf("read a mail: %w", err)
	}
	l := &letter{Files: []file{}}
	l.Subject, _ = mr.Header.Subject()
	l.MessageID, _ = mr.Header.MessageID()
	l.InReplyTo, _ = mr.Header.MsgIDList("In-Reply-To")
	l.References, _ = mr.Header.MsgIDList("References")
	if from, err := mr.Header.AddressList("From"); err == nil && len(from) > 0 {
		l.From, l.replyTo = Person{from[0].Name, from[0].Address}, from[0].Address
	}
	if to, err := mr.Header.AddressList("Reply-To"); err == nil && len(to) > 0 {
		l.replyTo = to[0].Address
	}
	for {
		p, err := mr.NextPart()
		if err == io.EOF {
			return l, nil
		}
		if err != nil && !message.IsUnknownCharset(err) {
			return nil, fmt.Errorf("read a mail: %w", err)
		}
		if err := l.part(p); err != nil {
			return nil, err
		}
	}
}

func (l *letter) part(p *mail.Part) error {
	content, err := io.ReadAll(p.Body)
	if err != nil {
		return fmt.Errorf("read a mail: %w", err)
	}
	switch h := p.Header.(type) {
	case *mail.InlineHeader:
		if kind, _, _ := h.ContentType(); kind == "text/plain" && l.Text == "" {
			l.Text = strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n"))
		}
	case *mail.AttachmentHeader:
		name, _ := h.Filename()
		kind, _, _ := h.ContentType()
		l.Files = append(l.Files, file{Name: path.Base("/" + name), Type: kind, Size: len(content), content: content})
	}
	return nil
}

// write writes a mail for the wire.
func (l *letter) write(w io.Writer) error {
	var h mail.Header
	h.SetDate(l.At)
	h.SetMessageID(l.MessageID)
	h.SetMsgIDList("In-Reply-To", l.InReplyTo)
	h.SetMsgIDList("References", l.References)
	h.Set("Subject", mime.BEncoding.Encode("utf-8", l.Subject))
	h.SetAddressList("To", []*mail.Address{{Name: l.To.Name, Address: l.To.Address}})
	h.SetAddressList("From", []*mail.Address{{Name: l.From.Name, Address: l.From.Address}})
	mw, err := mail.CreateWriter(w, h)
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	var th mail.InlineHeader
	th.SetContentType("text/plain", map[string]string{"charset": "utf-8"})
	tw, err := mw.CreateSingleInline(th)
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	if _, err := io.WriteString(tw, strings.ReplaceAll(l.Text, "\n", "\r\n")+"\r\n"); err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	for _, f := range l.Files {
		var fh mail.AttachmentHeader
		fh.Set("Content-Type", f.Type)
		fh.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
		fw, err := mw.CreateAttachment(fh)
		if err != nil {
			return fmt.Errorf("write a mail: %w", err)
		}
		if _, err := io.Copy(fw, bytes.NewReader(f.content)); err != nil {
			return err
		}
		if err := fw.Close(); err != nil {
			return err
		}
	}
	return mw.Close()
}
