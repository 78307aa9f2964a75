package email

import (
	"context"
	"fmt"
	"html"
	"io"
	"mime"
	"regexp"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"

	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/text"
)

// Letter is one mail to be sent.
type Letter struct {
	FromName, From string
	To, ReplyTo    string
	Subject        string
	Body           string
	// MessageID, InReplyTo and References are without angle brackets.
	MessageID, InReplyTo string
	References           []string
	Date                 time.Time
	// Automatic is true when no person wrote it; answering machines then stay
	// silent (RFC 3834).
	Automatic bool
	Files     []File
	// Unsubscribe is the address of a page at which the recipient leaves the list
	// with one click (RFC 8058), UnsubscribeTo the mail address that does the same;
	// the mail ends with a link in the Languages. Empty: it is no list's mail.
	Unsubscribe, UnsubscribeTo string
	Languages                  []string
}

// File is an attachment of a Letter.
type File struct {
	Name, ContentType string
	Open              func(context.Context) (io.ReadCloser, error)
}

// Write writes the mail in its form for the wire. Nothing in the letter can
// add a line to the header.
func (l *Letter) Write(ctx context.Context, w io.Writer) error {
	h := l.header()
	if len(l.Files) == 0 {
		iw, err := mail.CreateInlineWriter(w, h)
		if err != nil {
			return fmt.Errorf("write the mail: %w", err)
		}
		return l.bodies(iw)
	}
	mw, err := mail.CreateWriter(w, h)
	if err != nil {
		return fmt.Errorf("write the mail: %w", err)
	}
	iw, err := mw.CreateInline()
	if err != nil {
		return fmt.Errorf("write the mail: %w", err)
	}
	if err := l.bodies(iw); err != nil {
		return err
	}
	for _, f := range l.Files {
		if err := f.write(ctx, mw); err != nil {
			return err
		}
	}
	return mw.Close()
}

func (l *Letter) header() mail.Header {
	var h mail.Header
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	// Fields are written in reverse order of their setting.
	if l.Automatic {
		set("X-Loop", oneLine(l.From))
		set("X-Auto-Response-Suppress", "All")
		set("Auto-Submitted", "auto-generated")
	}
	if l.Unsubscribe != "" {
		set("Precedence", "bulk")
		set("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
		way := "<" + oneLine(l.Unsubscribe) + ">"
		if l.UnsubscribeTo != "" {
			way += ", <mailto:" + oneLine(l.UnsubscribeTo) + "?subject=unsubscribe>"
		}
		set("List-Unsubscribe", way)
	}
	refs := messageIDList(l.References)
	if id := messageIDList([]string{l.InReplyTo}); len(id) > 0 {
		set("In-Reply-To", id[0])
		if len(refs) == 0 || refs[len(refs)-1] != id[0] {
			refs = append(refs, id[0])
		}
	}
	set("References", strings.Join(refs, " "))
	if id := messageIDList([]string{l.MessageID}); len(id) > 0 {
		set("Message-Id", id[0])
	}
	h.SetDate(l.Date)
	set("Subject", headerText(l.Subject))
	if l.ReplyTo != "" {
		h.SetAddressList("Reply-To", []*mail.Address{{Name: text.CleanLine(l.FromName), Address: oneLine(l.ReplyTo)}})
	}
	h.SetAddressList("To", []*mail.Address{{Address: oneLine(l.To)}})
	h.SetAddressList("From", []*mail.Address{{Name: text.CleanLine(l.FromName), Address: oneLine(l.From)}})
	return h
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), "") }

// headerText encodes what is not ASCII: in base64 where most of it is not.
func headerText(s string) string {
	s = text.CleanLine(s)
	foreign := 0
	for _, r := range s {
		if r > '~' {
			foreign++
		}
	}
	if foreign*3 > len(s)/2 {
		return mime.BEncoding.Encode("utf-8", s)
	}
	return mime.QEncoding.Encode("utf-8", s)
}

var messageIDForm = regexp.MustCompile(`^[^\s<>\x00-\x1f\x7f]{1,250}$`)

// messageIDList puts ids into brackets and drops what is none. Of a long list
// the first, which names the thread, and the last ones stay.
func messageIDList(ids []string) (out []string) {
	for _, id := range ids {
		if messageIDForm.MatchString(id) {
			out = append(out, "<"+id+">")
		}
	}
	if len(out) > 20 {
		out = append(out[:1:1], out[len(out)-19:]...)
	}
	return out
}

func (l *Letter) bodies(iw *mail.InlineWriter) error {
	body := text.Clean(l.Body)
	plain, rich := l.footer()
	for _, part := range []struct{ kind, content string }{{"text/plain", body + plain}, {"text/html", simpleHTML(body, rich)}} {
		var h mail.InlineHeader
		h.SetContentType(part.kind, map[string]string{"charset": "utf-8"})
		h.Set("Content-Transfer-Encoding", encodingOf(part.content))
		w, err := iw.CreatePart(h)
		if err != nil {
			return fmt.Errorf("write the mail: %w", err)
		}
		if _, err := io.WriteString(w, strings.ReplaceAll(part.content, "\n", "\r\n")+"\r\n"); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return iw.Close()
}

// encodingOf is the shorter of the two encodings.
func encodingOf(s string) string {
	foreign := 0
	for i := range len(s) {
		if s[i] >= 0x80 {
			foreign++
		}
	}
	if foreign > len(s)/6 {
		return "base64"
	}
	return "quoted-printable"
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"'，。；）】》]+[^\s<>"'，。；）】》.,;:!?)\]]`)

// simpleHTML is the text as plain paragraphs with links; some programs show
// only HTML well.
func simpleHTML(body, footer string) string {
	var b strings.Builder
	b.WriteString("<!doctype html>\n<html><body><div>")
	for i, line := range strings.Split(body, "\n") {
		if i > 0 {
			b.WriteString("<br>\n")
		}
		last := 0
		for _, at := range webAddress.FindAllStringIndex(line, -1) {
			address := html.EscapeString(line[at[0]:at[1]])
			b.WriteString(html.EscapeString(line[last:at[0]]) + `<a href="` + address + `">` + address + `</a>`)
			last = at[1]
		}
		b.WriteString(html.EscapeString(line[last:]))
	}
	b.WriteString("</div>" + footer + "</body></html>")
	return b.String()
}

// footer says, as text and as HTML, why the mail came and how to get no more.
func (l *Letter) footer() (plain, rich string) {
	if l.Unsubscribe == "" {
		return "", ""
	}
	name := map[string]any{"name": text.CleanLine(l.FromName)}
	if l.FromName == "" {
		name["name"] = l.From
	}
	for _, lang := range l.Languages {
		why, leave := locale.Sentence(lang, "pages.mail.why", name), locale.Sentence(lang, "pages.mail.leave", nil)
		address := oneLine(l.Unsubscribe) + "?lang=" + lang
		plain += "\n" + why + "\n" + leave + ": " + address + "\n"
		rich += "<p>" + html.EscapeString(why) + ` <a href="` + html.EscapeString(address) + `">` + html.EscapeString(leave) + "</a></p>\n"
	}
	return "\n\n\n" + strings.TrimSpace(plain), `<div style="margin-top:32px;padding-top:8px;border-top:1px solid #d1d7de;color:#59636e;font-size:12px">` + "\n" + rich + "</div>"
}

func (f *File) write(ctx context.Context, mw *mail.Writer) error {
	r, err := f.Open(ctx)
	if err != nil {
		return &fileError{err}
	}
	defer r.Close()
	name := text.CleanLine(f.Name)
	kind, _, err := mime.ParseMediaType(f.ContentType)
	if err != nil || strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "message/") {
		kind = "application/octet-stream"
	}
	var h mail.AttachmentHeader
	h.Set("Content-Transfer-Encoding", "base64")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	// The older name beside it: not everybody reads RFC 2231.
	h.Set("Content-Type", mime.FormatMediaType(kind, map[string]string{"name": mime.BEncoding.Encode("utf-8", name)}))
	w, err := mw.CreateAttachment(h)
	if err != nil {
		return fmt.Errorf("write an attachment: %w", err)
	}
	if _, err := io.Copy(w, &fileReader{r}); err != nil {
		return err
	}
	return w.Close()
}

// fileError tells a failing attachment from a failing line.
type fileError struct{ err error }

func (e *fileError) Error() string { return "read an attachment: " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

type fileReader struct{ r io.Reader }

func (f *fileReader) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF {
		err = &fileError{err}
	}
	return n, err
}

var replyMark = regexp.MustCompile(`(?i)^\s*(re|aw|sv|回复|答复|回覆|答覆|fw|fwd|转发|轉寄)(\[\d+\]|\(\d+\))?\s*[:：]\s*`)

// ReplySubject is the subject of an answer: one "Re: ", however many there
// were. Of a mail without a subject it is fallback.
func ReplySubject(subject, fallback string) string {
	s := text.CleanLine(subject)
	if s == "" {
		return text.CleanLine(fallback)
	}
	for {
		short := replyMark.ReplaceAllString(s, "")
		if short == s || short == "" {
			break
		}
		s = short
	}
	return "Re: " + s
}
