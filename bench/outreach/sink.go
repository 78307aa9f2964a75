package main

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// sink is the mail server of all recipients: it takes every mail and notes whom it
// was for.
type sink struct {
	server *smtp.Server
	addr   *net.TCPAddr

	mu          sync.Mutex
	had         map[string]int
	mails       int
	first, last time.Time
	lines, most int // open now, and at most
}

func listen() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{addr: l.Addr().(*net.TCPAddr), had: map[string]int{}}
	s.server = smtp.NewServer(s)
	s.server.Domain = "far.example"
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// NewSession implements smtp.Backend.
func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines++
	s.most = max(s.most, s.lines)
	return &line{sink: s}, nil
}

// count is how many mails have come, for how many recipients.
func (s *sink) count() (mails, recipients int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails, len(s.had)
}

// line is one connection.
type line struct {
	sink *sink
	to   []string
}

// Mail implements smtp.Session.
func (l *line) Mail(string, *smtp.MailOptions) error { return nil }

// Rcpt implements smtp.Session.
func (l *line) Rcpt(to string, _ *smtp.RcptOptions) error {
	l.to = append(l.to, to)
	return nil
}

// Data implements smtp.Session.
func (l *line) Data(r io.Reader) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	s := l.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	if s.mails == 0 {
		s.first = s.last
	}
	s.mails++
	for _, to := range l.to {
		s.had[to]++
	}
	return nil
}

// Reset implements smtp.Session.
func (l *line) Reset() { l.to = nil }

// Logout implements smtp.Session.
func (l *line) Logout() error {
	l.sink.mu.Lock()
	defer l.sink.mu.Unlock()
	l.sink.lines--
	return nil
}
