package outside

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Postbox takes the program's mail; a mail it has said 250 to is in received.
type Postbox struct {
	mu       sync.Mutex
	received map[string]int // body → times
}

// NewSession implements smtp.Backend.
func (b *Postbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &visit{b}, nil }

type visit struct{ b *Postbox }

func (v *visit) Mail(string, *smtp.MailOptions) error { return nil }
func (v *visit) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (v *visit) Reset()                               {}
func (v *visit) Logout() error                        { return nil }

func (v *visit) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	for _, line := range strings.Split(string(raw), "\r\n") {
		if (strings.HasPrefix(line, "answer to ") || strings.HasPrefix(line, Invitation)) && m.Header.Get("Message-ID") != "" {
			v.b.received[strings.TrimSpace(line)]++
			break
		}
	}
	return nil
}

// Received is what has arrived: how often each body.
func (b *Postbox) Received() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.received)
}

// NewPostbox starts a mail server on a loopback port, which comes second.
func NewPostbox(t *testing.T) (*Postbox, int) {
	t.Helper()
	b := &Postbox{received: map[string]int{}}
	s := smtp.NewServer(b)
	s.Domain, s.ErrorLog = "far.example", log.New(io.Discard, "", 0) // lines break all the time here
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return b, l.Addr().(*net.TCPAddr).Port
}

// Writer sends mail to the program and repeats each until it hears 250.
type Writer struct {
	Name  string
	Addr  At // host:port
	Quiet chan struct{}
	// Between is the shortest pause between two mails; 0 means 20 ms.
	Between time.Duration

	stopped sync.WaitGroup

	mu    sync.Mutex
	acked []string
}

// Start begins to write.
func (w *Writer) Start() { w.stopped.Go(w.run) }

// Wait returns when the writer has ended, after Quiet.
func (w *Writer) Wait() { w.stopped.Wait() }

// Acked are the bodies of the mails that were taken.
func (w *Writer) Acked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.acked...)
}

func (w *Writer) run() {
	for n := 0; !Ended(w.Quiet); n++ {
		body := fmt.Sprintf("mail %d from %s", n, w.Name)
		text := fmt.Sprintf("From: %[1]s@far.example\r\nTo: shop@crash.example\r\nSubject: Question %[2]d\r\nMessage-ID: <%[1]s-%[2]d@far.example>\r\n\r\n%[3]s\r\n", w.Name, n, body)
		for {
			if err := w.send(text); err == nil {
				break
			}
			if Ended(w.Quiet) {
				return
			}
			Pause(w.Quiet)
		}
		w.mu.Lock()
		w.acked = append(w.acked, body)
		w.mu.Unlock()
		select {
		case <-w.Quiet:
		case <-time.After(max(w.Between, 20*time.Millisecond) + rand.N(40*time.Millisecond)):
		}
	}
}

func (w *Writer) send(text string) error {
	line, err := net.DialTimeout("tcp", w.Addr(), RequestTimeout)
	if err != nil {
		return err
	}
	c := smtp.NewClient(line)
	defer func() { _ = c.Close() }()
	c.CommandTimeout, c.SubmissionTimeout = RequestTimeout, RequestTimeout
	return c.SendMail(w.Name+"@far.example", []string{"shop@crash.example"}, strings.NewReader(text))
}
