package email_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/email/mime"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit"
)

// station is a Receipt that keeps in memory and fails on demand.
type station struct {
	t     *testing.T
	addr  string
	files *files.Store

	receipt *email.Receipt

	mu   sync.Mutex
	kept []email.Incoming
	fail error
}

func newStation(t *testing.T, change func(*email.ReceiptOptions)) *station {
	t.Helper()
	st, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &station{t: t, files: st}
	o := email.ReceiptOptions{
		Domain: "tea.example", MaxBytes: 2 << 20, Files: st, Clock: testkit.Clock(t), Log: slog.New(slog.DiscardHandler),
		Mailbox: func(_ context.Context, address string, _ bool) (ids.ID, bool, error) {
			switch strings.ToLower(address) {
			case "help@tea.example":
				return 1, true, nil
			case "sales@tea.example":
				return 2, true, nil
			case "broken@tea.example":
				return 0, false, errors.New("the database is gone")
			}
			return 0, false, nil
		},
		Keep: s.keep,
	}
	if change != nil {
		change(&o)
	}
	r := email.NewReceipt(o)
	s.receipt = r
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	s.addr = l.Addr().String()
	return s
}

func (s *station) keep(_ context.Context, in email.Incoming) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.kept = append(s.kept, in)
	return nil
}

func (s *station) all() []email.Incoming {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]email.Incoming(nil), s.kept...)
}

func (s *station) failing(err error) {
	s.mu.Lock()
	s.fail = err
	s.mu.Unlock()
}

func (s *station) dial() *smtp.Client {
	s.t.Helper()
	c, err := smtp.Dial(s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	if err := c.Hello("client.example"); err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *station) send(from string, to []string, raw string) error {
	return s.dial().SendMail(from, to, strings.NewReader(raw))
}

func simple(id, body string) string {
	return "From: Ming <ming@example.com>\r\nTo: help@tea.example\r\nSubject: hi\r\nMessage-ID: <" + id + ">\r\n\r\n" + body + "\r\n"
}

// refused checks an answer's code and enhanced code.
func refused(t *testing.T, err error, code int, enhanced string) {
	t.Helper()
	var said *smtp.SMTPError
	if !errors.As(err, &said) || said.Code != code || fmt.Sprintf("%d.%d.%d", said.EnhancedCode[0], said.EnhancedCode[1], said.EnhancedCode[2]) != enhanced {
		t.Errorf("%v (%+v), want %d %s", err, said, code, enhanced)
	}
}

func TestReceipt(t *testing.T) {
	s := newStation(t, nil)
	if err := s.send("ming@example.com", []string{"Help@Tea.example"}, simple("1@example.com", "hello")); err != nil {
		t.Fatal(err)
	}
	kept := s.all()
	if len(kept) != 1 || kept[0].Account != 1 || kept[0].Lane != "ming@example.com" || kept[0].Key == "" || kept[0].BlobKey != "" {
		t.Fatalf("%+v", kept)
	}
	m, err := mime.Parse(bytes.NewReader(kept[0].Body), mime.DefaultLimits())
	if err != nil || m.Body != "hello" || m.ReturnPath != "ming@example.com" || len(m.Delivered) != 1 || m.Delivered[0] != "help@tea.example" || m.Hops != 1 {
		t.Errorf("%+v %v", m, err)
	}
}

// A repeat has the same key; another mail never has, whatever it is called.
func TestReceiptKeys(t *testing.T) {
	s := newStation(t, nil)
	for _, raw := range []string{simple("1@x", "a"), simple("1@x", "a"), simple("2@x", "a"), simple("1@x", "b"), strings.Replace(simple("1@x", "a"), "ming@", "wang@", 1),
		strings.Replace(simple("", "a"), "Message-ID: <>\r\n", "", 1), strings.Replace(simple("", "a"), "Message-ID: <>\r\n", "", 1), strings.Replace(simple("", "b"), "Message-ID: <>\r\n", "", 1)} {
		if err := s.send("ming@example.com", []string{"help@tea.example"}, raw); err != nil {
			t.Fatal(err)
		}
	}
	number := map[string]int{}
	var got []int
	for _, k := range s.all() {
		if number[k.Key] == 0 {
			number[k.Key] = len(number) + 1
		}
		got = append(got, number[k.Key])
	}
	if fmt.Sprint(got) != "[1 1 2 3 4 5 5 6]" {
		t.Errorf("%v", got)
	}
}

func TestReceiptOfLargeMail(t *testing.T) {
	s := newStation(t, nil)
	body := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 12000)
	if err := s.send("ming@example.com", []string{"help@tea.example", "sales@tea.example"}, simple("1@x", body)); err != nil {
		t.Fatal(err)
	}
	kept := s.all()
	if len(kept) != 2 || kept[0].Key != kept[1].Key || kept[0].BlobKey == kept[1].BlobKey {
		t.Fatalf("%d kept", len(kept))
	}
	for i, to := range []string{"help@tea.example", "sales@tea.example"} {
		if kept[i].Body != nil {
			t.Error("kept twice")
		}
		f, err := s.files.Open(context.Background(), kept[i].BlobKey)
		if err != nil {
			t.Fatal(err)
		}
		m, err := mime.Parse(f, mime.DefaultLimits())
		_ = f.Close()
		if err != nil || m.Delivered[0] != to || len(m.Body) != 12000*71-1 {
			t.Errorf("%s: %v, %d characters", to, err, len(m.Body))
		}
	}
}

func TestReceiptRefuses(t *testing.T) {
	s := newStation(t, nil)
	helps := []string{"help@tea.example"}
	refused(t, s.send("ming@example.com", []string{"somebody@elsewhere.example"}, simple("1@x", "")), 550, "5.1.1") // no relay
	refused(t, s.send("ming@example.com", []string{"nobody@tea.example"}, simple("1@x", "")), 550, "5.1.1")
	refused(t, s.send("ming@example.com", []string{"broken@tea.example"}, simple("1@x", "")), 451, "4.3.0")
	refused(t, s.send("ming@example.com", helps, "this is no mail at all\r\n"), 554, "5.6.0")
	refused(t, s.send("ming@example.com", helps, simple("1@x", strings.Repeat(strings.Repeat("x", 70)+"\r\n", 40000))), 552, "5.3.4")
	refused(t, s.send("ming@example.com", helps, strings.Repeat("Received: from a by b\r\n", 70)+simple("1@x", "")), 554, "5.4.6")
	refused(t, s.send("ming@example.com", helps, "X-A: "+strings.Repeat("a", 1900)+"\r\n"+strings.Repeat(" "+strings.Repeat("a", 1900)+"\r\n", 150)+simple("1@x", "")), 554, "5.6.0")
	if n := len(s.all()); n != 0 {
		t.Errorf("%d mails are kept", n)
	}
}

// A mail may have lines of any length, a command may not.
func TestReceiptOfLongLines(t *testing.T) {
	pair, pool := certificate(t)
	s := newStation(t, func(o *email.ReceiptOptions) { o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	for i, n := range []int{2001, 5000, 1_000_000} {
		if err := s.send("ming@example.com", []string{"help@tea.example"}, simple(fmt.Sprintf("%d@x", i), strings.Repeat("x", n))); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	if err := s.send("ming@example.com", []string{"help@tea.example"}, "Subject: "+strings.Repeat("s", 5000)+"\r\n"+simple("s@x", "")); err != nil {
		t.Error(err)
	}
	refused(t, s.send("ming@example.com", []string{"help@tea.example"}, "Subject: "+strings.Repeat("s", 300_000)+"\r\n"+simple("l@x", "")), 554, "5.6.0")
	c, err := smtp.DialStartTLS(s.addr, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendMail("ming@example.com", []string{"help@tea.example"}, strings.NewReader(simple("t@x", strings.Repeat("x", 1_000_000)))); err != nil {
		t.Errorf("secured: %v", err)
	}
	if n := len(s.all()); n != 5 {
		t.Errorf("%d are kept", n)
	}
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		for range 1000 {
			if _, err := io.WriteString(conn, strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}()
	answer, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) || err == nil && !strings.Contains(string(answer), "500 5.4.0") { // a line that is cut may take its last words along
		t.Errorf("%q, %v", answer, err)
	}
}

// A line that is lost is the sender's matter, and nothing for our log.
func TestReceiptLogsNoBrokenLine(t *testing.T) {
	var said bytes.Buffer
	s := newStation(t, func(o *email.ReceiptOptions) { o.Log = slog.New(slog.NewTextHandler(&said, nil)) })
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<help@tea.example>\r\nDATA\r\n"); err != nil {
		t.Fatal(err)
	}
	for answers := bufio.NewScanner(conn); answers.Scan() && !strings.HasPrefix(answers.Text(), "354"); {
	}
	if _, err := io.WriteString(conn, simple("1@x", "half")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // a line that is reset, not ended
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := s.send("ming@example.com", []string{"help@tea.example"}, simple("2@x", "whole")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.receipt.Shutdown(ctx)
	if said.Len() > 0 {
		t.Errorf("%s", said.String())
	}
}

// What cannot be stored is not acknowledged, and nothing of it stays behind
// that the next attempt would trip over.
func TestReceiptWhenStorageFails(t *testing.T) {
	s := newStation(t, nil)
	s.failing(errors.New("disk full"))
	refused(t, s.send("ming@example.com", []string{"help@tea.example"}, simple("1@x", "kept")), 451, "4.3.0")
	s.failing(nil)
	if err := s.send("ming@example.com", []string{"help@tea.example"}, simple("1@x", "kept")); err != nil || len(s.all()) != 1 {
		t.Errorf("%v, %d kept", err, len(s.all()))
	}
}

func TestReceiptOfHalfAMail(t *testing.T) {
	s := newStation(t, nil)
	c := s.dial()
	if err := errors.Join(c.Mail("ming@example.com", nil), c.Rcpt("help@tea.example", nil)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, simple("1@x", "half")); err != nil {
		t.Fatal(err)
	}
	_ = c.Close() // without the final dot
	if err := s.send("ming@example.com", []string{"help@tea.example"}, simple("2@x", "whole")); err != nil {
		t.Fatal(err)
	}
	if kept := s.all(); len(kept) != 1 || !bytes.Contains(kept[0].Body, []byte("whole")) {
		t.Errorf("%d kept", len(kept))
	}
}

// A line end of its own kind inside of a mail never ends it: what follows is
// text and no command.
func TestReceiptIsNotSmuggledThrough(t *testing.T) {
	for _, end := range []string{"\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r", "\r\n.\n"} {
		s := newStation(t, nil)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		script := "EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<help@tea.example>\r\nDATA\r\n" + simple("1@x", "first") + end +
			"MAIL FROM:<forged@bank.example>\r\nRCPT TO:<help@tea.example>\r\nDATA\r\n" + simple("2@x", "second") + "\r\n.\r\nQUIT\r\n"
		if _, err := io.WriteString(conn, script); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if n := len(s.all()); n != 1 {
			t.Errorf("%q: %d mails", end, n)
		}
	}
}

func TestReceiptGivesUpOnGuessing(t *testing.T) {
	s := newStation(t, func(o *email.ReceiptOptions) {
		o.Limits = email.DefaultReceiptLimits()
		o.Limits.Unknown = 3
	})
	c := s.dial()
	if err := c.Mail("ming@example.com", nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		refused(t, c.Rcpt(fmt.Sprintf("guess%d@tea.example", i), nil), 550, "5.1.1")
	}
	refused(t, c.Rcpt("help@tea.example", nil), 421, "4.7.0")
}

func TestReceiptHoldsConnectionsToTheLimit(t *testing.T) {
	s := newStation(t, func(o *email.ReceiptOptions) {
		o.Limits = email.DefaultReceiptLimits()
		o.Limits.Connections = 2
	})
	first, _ := s.dial(), s.dial()
	third, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(third)
	_ = third.Close()
	if !strings.HasPrefix(string(answer), "421 4.7.0") {
		t.Errorf("%q", answer)
	}
	if err := first.Quit(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 5*time.Second, "a place is free again", func() bool {
		c, err := smtp.Dial(s.addr)
		if err != nil {
			return false
		}
		defer c.Close()
		return c.Hello("client.example") == nil
	})
}

func TestReceiptSecuresTheLine(t *testing.T) {
	pair, pool := certificate(t)
	s := newStation(t, func(o *email.ReceiptOptions) { o.TLS = &tls.Config{Certificates: []tls.Certificate{pair}} })
	c, err := smtp.DialStartTLS(s.addr, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendMail("ming@example.com", []string{"help@tea.example"}, strings.NewReader(simple("1@x", "secret"))); err != nil {
		t.Fatal(err)
	}
	if kept := s.all(); len(kept) != 1 || !bytes.Contains(kept[0].Body, []byte("with ESMTPS")) {
		t.Errorf("%d kept", len(kept))
	}
}

// A mail that is being taken is finished when the server goes down; a line on
// which nothing happens does not delay it.
func TestReceiptShutsDown(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	s := newStation(t, func(o *email.ReceiptOptions) {
		keep := o.Keep
		o.Keep = func(ctx context.Context, in email.Incoming) error {
			close(begun)
			<-release
			return keep(ctx, in)
		}
	})
	idle := s.dial()
	sent, down := make(chan error, 1), make(chan struct{})
	go func() { sent <- s.send("ming@example.com", []string{"help@tea.example"}, simple("1@x", "in time")) }()
	<-begun
	go func() {
		defer close(down)
		s.receipt.Shutdown(context.Background())
	}()
	testkit.Eventually(t, 5*time.Second, "no new line is taken", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return true
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		answer, _ := io.ReadAll(c)
		return strings.HasPrefix(string(answer), "421 4.3.2")
	})
	close(release)
	if err := <-sent; err != nil {
		t.Errorf("the mail: %v", err)
	}
	<-down
	if err := idle.Noop(); err == nil || len(s.all()) != 1 {
		t.Errorf("the idle line: %v, %d kept", err, len(s.all()))
	}
}

// What the peer says of itself cannot add lines on top of a mail.
func TestReceiptTrace(t *testing.T) {
	s := newStation(t, nil)
	if err := s.send("", []string{"help@tea.example"}, simple("1@x", "bounce")); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(s.all()[0].Body, []byte("Return-Path: <>\r\nDelivered-To: help@tea.example\r\nReceived: from client.example ([127.0.0.1])\r\n\tby tea.example with ESMTP;\r\n\t")) {
		t.Errorf("%q", s.all()[0].Body)
	}
}
