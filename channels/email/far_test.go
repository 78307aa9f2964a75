package email_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
)

// far is a sending server that follows a script: what it answers to each
// command, and to the end of the mail under "."; "greeting" is its first line.
// The answer "cut" cuts the line, "hang" never comes.
type far struct {
	host string
	port int

	mu     sync.Mutex
	script map[string]string
	lines  []string
	mails  []string
	open   map[net.Conn]bool
	calls  int // lines that were ever opened
}

// hangUp cuts every line.
func (f *far) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.open {
		_ = c.Close()
	}
}

// says changes what is answered to a command; "" is the usual answer.
func (f *far) says(command, answer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.script == nil {
		f.script = map[string]string{}
	}
	if f.script[command] = answer; answer == "" {
		delete(f.script, command)
	}
}

// times counts the lines that begin with a command.
func (f *far) times(command string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		if strings.HasPrefix(l, command) {
			n++
		}
	}
	return n
}

func newFar(t *testing.T, script map[string]string, secure *tls.Config, implicit bool) *far {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if implicit {
		l = tls.NewListener(l, secure)
	}
	at := l.Addr().(*net.TCPAddr)
	f := &far{host: "127.0.0.1", port: at.Port, script: script, open: map[net.Conn]bool{}}
	stop := make(chan struct{})
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				f.mu.Lock()
				f.open[c] = true
				f.calls++
				f.mu.Unlock()
				defer c.Close()
				f.serve(c, secure, stop)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		close(stop)
		f.hangUp()
		serving.Wait()
	})
	return f
}

var usual = map[string]string{
	"greeting": "220 far.example", "EHLO": "250-far.example\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME", "AUTH": "235 2.7.0 ok", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
	"DATA": "354 go on", ".": "250 2.0.0 taken", "QUIT": "221 bye", "RSET": "250 2.0.0 ok", "STARTTLS": "220 go on",
}

func (f *far) answer(command string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.script[command]; ok {
		return a
	}
	if a, ok := usual[command]; ok {
		return a
	}
	return "500 what?"
}

func (f *far) serve(c net.Conn, secure *tls.Config, stop <-chan struct{}) {
	r := bufio.NewReader(c)
	say := func(command string) bool {
		switch a := f.answer(command); a {
		case "cut":
			return false
		case "hang":
			// The peer's end of the line, or the test's.
			gone := make(chan struct{})
			go func() { defer close(gone); _, _ = r.ReadByte() }()
			select {
			case <-gone:
			case <-stop:
			}
			return false
		default:
			_, err := c.Write([]byte(a + "\r\n"))
			return err == nil
		}
	}
	if !say("greeting") {
		return
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f.mu.Lock()
		f.lines = append(f.lines, line)
		f.mu.Unlock()
		command, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if !say(command) || command == "QUIT" {
			return
		}
		switch {
		case command == "STARTTLS" && secure != nil:
			c = tls.Server(c, secure)
			r = bufio.NewReader(c)
		case command == "DATA" && strings.HasPrefix(f.answer("DATA"), "354"):
			if !f.mail(r) || !say(".") {
				return
			}
		}
	}
}

func (f *far) mail(r *bufio.Reader) bool {
	var mail strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		mail.WriteString(strings.TrimPrefix(line, "."))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mails = append(f.mails, mail.String())
	return true
}

// heard tells whether any line holds s.
func (f *far) heard(s string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.lines {
		if strings.Contains(l, s) {
			return true
		}
	}
	return false
}
