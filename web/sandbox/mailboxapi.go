package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// list answers with everything, newest first: a mailbox of this size is quick
// to send, and the page needs no second call.
func (m *Mailbox) list(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	mails := slices.Clone(m.mails)
	m.mu.Unlock()
	slices.Reverse(mails)
	if mails == nil {
		mails = []*letter{}
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"owner": m.o.Owner, "company": m.o.Company, "mails": mails})
}

const (
	// pollTime is how long a page waits for a change before it asks again.
	pollTime = 25 * time.Second
	// maxText is the longest text that can be written, in bytes.
	maxText = 100 << 10
)

// changes answers when the mailbox has changed, at the latest after pollTime.
func (m *Mailbox) changes(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	changed := m.changed
	count := len(m.mails)
	newest := ""
	if count > 0 {
		newest = m.mails[count-1].ID
	}
	m.mu.Unlock()
	if r.URL.Query().Get("newest") == newest {
		limit := time.NewTimer(pollTime)
		defer limit.Stop()
		select {
		case <-changed:
		case <-limit.C:
		case <-r.Context().Done():
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// post sends a mail to the company, with the files and as an answer where one
// is named.
func (m *Mailbox) post(w http.ResponseWriter, r *http.Request) {
	l, problem := m.compose(w, r)
	if problem != "" {
		mailProblem(w, http.StatusUnprocessableEntity, problem, "")
		return
	}
	if err := m.send(l); err != nil {
		var said *smtp.SMTPError
		if errors.As(err, &said) {
			mailProblem(w, http.StatusBadGateway, "mail_refused", fmt.Sprintf("%d %s", said.Code, said.Message))
			return
		}
		mailProblem(w, http.StatusBadGateway, "mail_unreachable", "")
		return
	}
	m.add(l)
	writeJSON(w, http.StatusCreated, "application/json", l)
}

func mailProblem(w http.ResponseWriter, status int, code, detail string) {
	writeJSON(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail, "params": map[string]string{"reply": detail},
	})
}

func (m *Mailbox) compose(w http.ResponseWriter, r *http.Request) (_ *letter, problem string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxMailBytes*3/4)
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return nil, "mail_too_large"
		}
		return nil, "malformed"
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }()
	l := &letter{
		Sent: true, From: m.o.Owner, To: m.o.Company, At: m.o.Now().UTC(), Files: []file{}, MessageID: randomID() + randomID() + "@mail.example.com",
		Subject: strings.Join(strings.Fields(r.FormValue("subject")), " "), Text: strings.TrimSpace(strings.ReplaceAll(r.FormValue("text"), "\r\n", "\n")),
	}
	for _, h := range r.MultipartForm.File["file"] {
		f, err := h.Open()
		if err != nil {
			return nil, "malformed"
		}
		content, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			return nil, "malformed"
		}
		kind, _, err := mime.ParseMediaType(h.Header.Get("Content-Type"))
		if err != nil {
			kind = "application/octet-stream"
		}
		l.Files = append(l.Files, file{Name: strings.Join(strings.Fields(h.Filename), " "), Type: kind, Size: len(content), content: content})
	}
	switch {
	case l.Text == "" && len(l.Files) == 0:
		return nil, "mail_empty"
	case len(l.Text) > maxText || len(l.Subject) > 900:
		return nil, "mail_too_large"
	}
	if id := r.FormValue("answers"); id != "" {
		first := m.find(id)
		if first == nil {
			return nil, "not_found"
		}
		l.answer(first, r.FormValue("lang"))
	}
	return l, ""
}

// answer makes l the answer to first, as mail programs do: same thread, "Re: ",
// the old text quoted below.
func (l *letter) answer(first *letter, lang string) {
	l.InReplyTo = []string{first.MessageID}
	l.References = append(slices.Clone(first.References), first.MessageID)
	if len(first.References) == 0 {
		l.References = append(slices.Clone(first.InReplyTo), first.MessageID)
	}
	if !first.Sent {
		l.To.Address = first.replyTo
	}
	if l.Subject == "" {
		if l.Subject = first.Subject; !strings.HasPrefix(strings.ToLower(l.Subject), "re:") {
			l.Subject = "Re: " + l.Subject
		}
	}
	at := first.At.Format("2006-01-02 15:04")
	mark := fmt.Sprintf("On %s, %s <%s> wrote:", at, first.From.Name, first.From.Address)
	if lang == "zh-CN" {
		mark = fmt.Sprintf("在 %s，%s <%s> 写道：", at, first.From.Name, first.From.Address)
	}
	l.Text += "\n\n" + mark + "\n> " + strings.ReplaceAll(first.Text, "\n", "\n> ")
}

// send hands a mail to the hub.
func (m *Mailbox) send(l *letter) error {
	var raw bytes.Buffer
	if err := l.write(&raw); err != nil {
		return err
	}
	c, err := smtp.Dial(m.o.HubSMTP)
	if err != nil {
		return fmt.Errorf("reach the hub: %w", err)
	}
	defer c.Close()
	c.CommandTimeout, c.SubmissionTimeout = 10*time.Second, time.Minute
	if err := c.Hello("mail.example.com"); err != nil {
		return err
	}
	if err := c.SendMail(l.From.Address, []string{l.To.Address}, &raw); err != nil {
		return err
	}
	_ = c.Quit() // taken, whatever becomes of the good-bye
	return nil
}

// file serves an attachment: pictures to be looked at, all else to be saved.
func (m *Mailbox) file(w http.ResponseWriter, r *http.Request) {
	l := m.find(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("n"))
	if l == nil || err != nil || n < 0 || n >= len(l.Files) {
		mailProblem(w, http.StatusNotFound, "not_found", "")
		return
	}
	f := l.Files[n]
	kind, disposition := "application/octet-stream", "attachment"
	if sniffed := http.DetectContentType(f.content); slices.Contains([]string{"image/png", "image/jpeg", "image/gif", "image/webp"}, sniffed) {
		kind, disposition = sniffed, "inline"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType(disposition, map[string]string{"filename": f.Name}))
	w.Header().Set("Cache-Control", "private, max-age=3600")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
