package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
)

// hearMail lets the customer write a mail, as mail programs do: later ones answer
// the conversation and repeat what was said.
func (w *world) hearMail(ctx context.Context, t *thread, l line) (channels.Received, error) {
	raw, err := w.mail(ctx, t, l)
	if err != nil {
		return channels.Received{}, err
	}
	return w.Letter(ctx, raw)
}

const mailbox = "help@tea.example"

func (w *world) mail(ctx context.Context, t *thread, l line) ([]byte, error) {
	var b bytes.Buffer
	id := "<" + w.key("mail") + "@example.com>"
	to, subject, text := mailbox, t.subject, l.Text
	if t.conversation != 0 {
		c, err := w.Inbox.Get(ctx, w.staff["manager"], t.conversation)
		if err != nil {
			return nil, err
		}
		to, subject = w.ReplyTo(c), "Re: "+t.subject
		text += "\r\n\r\n" + strings.NewReplacer("{date}", c.LastActivityAt.In(w.zone).Format("2006-01-02 15:04"), "{who}", w.words.Site).Replace(w.words.Quoted)
		if c.LastMessage != nil {
			text += "\r\n> " + c.LastMessage.Preview
		}
	}
	now := w.Clock.Now().In(w.zone)
	fmt.Fprintf(&b, "From: %s <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: %s\r\n", mime.QEncoding.Encode("utf-8", t.p.name), t.p.address, to,
		mime.BEncoding.Encode("utf-8", subject), now.Format(time.RFC1123Z), id)
	if t.letter != "" {
		fmt.Fprintf(&b, "In-Reply-To: %s\r\n", t.letter)
	}
	t.letter = id
	err := w.body(&b, text, l.File)
	return b.Bytes(), err
}

// body writes the text of a mail and, when there is one, its file.
func (w *world) body(b *bytes.Buffer, text, file string) error {
	b.WriteString("MIME-Version: 1.0\r\n")
	const plain = "text/plain; charset=utf-8"
	if file == "" {
		fmt.Fprintf(b, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n", plain)
		return encode(b, strings.NewReader(text))
	}
	a, err := w.file(file)
	if err != nil {
		return err
	}
	parts := multipart.NewWriter(b)
	if err := parts.SetBoundary("demo-" + w.key("part")); err != nil {
		return err
	}
	fmt.Fprintf(b, "Content-Type: multipart/mixed; boundary=%q\r\n\r\n", parts.Boundary())
	for _, p := range []struct {
		head    textproto.MIMEHeader
		content io.Reader
	}{
		{textproto.MIMEHeader{"Content-Type": {plain}}, strings.NewReader(text)},
		{textproto.MIMEHeader{"Content-Type": {a.kind}, "Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": a.name})}}, a.content},
	} {
		p.head.Set("Content-Transfer-Encoding", "base64")
		to, err := parts.CreatePart(p.head)
		if err != nil {
			return err
		}
		if err := encode(to, p.content); err != nil {
			return err
		}
	}
	return parts.Close()
}

// encode writes base64 in the lines that mail allows.
func encode(to io.Writer, from io.Reader) error {
	raw, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	text := base64.StdEncoding.EncodeToString(raw)
	for len(text) > 76 {
		if _, err := io.WriteString(to, text[:76]+"\r\n"); err != nil {
			return err
		}
		text = text[76:]
	}
	_, err = io.WriteString(to, text+"\r\n")
	return err
}
