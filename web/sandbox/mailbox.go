package sandbox

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

//go:embed mailbox
var mailboxFiles embed.FS

// MailboxOptions say whose mailbox it is and which company it can write to.
type MailboxOptions struct {
	// HubSMTP is where the hub takes mail ("127.0.0.1:2525").
	HubSMTP string
	// Company is the hub's mail account.
	Company Person
	// Owner of the mailbox; the zero value is Ming.
	Owner Person
	// Now is the sandbox's clock; nil: the machine's.
	Now func() time.Time
}

// Person is a name with a mail address.
type Person struct {
	Name    string `json:"name"`
	Address string `json:"address"`
}

// What the mailbox keeps at most; the oldest mails go first.
const (
	maxKept      = 500
	maxKeptBytes = 128 << 20
	maxMailBytes = 40 << 20
)

// Mailbox is a customer's mailbox: it takes mail by SMTP, sends mail by SMTP,
// and shows both on a page. It keeps everything in memory and is safe for
// concurrent use.
type Mailbox struct {
	o    MailboxOptions
	smtp *smtp.Server

	mu      sync.Mutex
	mails   []*letter // oldest first
	bytes   int
	changed chan struct{}
	ended   bool
}

// NewMailbox makes an empty mailbox that listens to nobody yet.
func NewMailbox(o MailboxOptions) *Mailbox {
	if o.Owner.Address == "" {
		o.Owner = Person{Name: "Ming", Address: "ming@example.com"}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Mailbox{o: o, changed: make(chan struct{})}
	m.smtp = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &inbound{m: m}, nil }))
	m.smtp.Domain, m.smtp.MaxMessageBytes, m.smtp.MaxRecipients = "mail.example.com", maxMailBytes, 10
	m.smtp.ReadTimeout, m.smtp.WriteTimeout = time.Minute, time.Minute
	m.smtp.ErrorLog = silence{}
	return m
}

// silence: what a broken line says helps nobody here.
type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}

// ServeSMTP takes mail for the owner from l until Close.
func (m *Mailbox) ServeSMTP(l net.Listener) error {
	if err := m.smtp.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close ends the taking of mail and the pages' waiting.
func (m *Mailbox) Close() {
	_ = m.smtp.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.ended = true
		close(m.changed)
	}
}

// add keeps a mail and joins it to its thread.
func (m *Mailbox) add(l *letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	l.ID, l.Thread = randomID(), ""
	for _, one := range m.mails {
		if one.MessageID != "" && (slices.Contains(l.InReplyTo, one.MessageID) || slices.Contains(l.References, one.MessageID)) {
			l.Thread = one.Thread
		}
	}
	if l.Thread == "" {
		l.Thread = l.ID
	}
	m.mails = append(m.mails, l)
	m.bytes += l.size()
	for len(m.mails) > maxKept || m.bytes > maxKeptBytes && len(m.mails) > 1 {
		m.bytes -= m.mails[0].size()
		m.mails = m.mails[1:]
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *Mailbox) find(id string) *letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.mails {
		if l.ID == id {
			return l
		}
	}
	return nil
}

func randomID() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Handler serves the page. It is not guarded by itself; wrap it in Guard.
func (m *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, name := range map[string]string{"/{$}": "index.html", "/mailbox.js": "mailbox.js", "/words.js": "words.js", "/mailbox.css": "mailbox.css", "/icon.svg": "icon.svg"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache")
			http.ServeFileFS(w, r, mailboxFiles, "mailbox/"+name)
		})
	}
	mux.HandleFunc("GET /api/mailbox", m.list)
	mux.HandleFunc("GET /api/changes", m.changes)
	mux.HandleFunc("POST /api/mails", m.post)
	mux.HandleFunc("GET /api/mails/{id}/files/{n}", m.file)

	policy := strings.Join([]string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}, "; ")
	protected := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		protected.ServeHTTP(w, r)
	})
}
