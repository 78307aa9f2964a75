// Command echo measures the floor beneath every socket: bare gorilla/websocket
// that sends back what it gets, in a process of its own, with the load
// generator in this one.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/bench/load"
	"github.com/fanward/fanward/bench/table"
)

type options struct {
	serve    bool
	sockets  int
	idle     int
	duration time.Duration
	size     int
}

func main() {
	var o options
	flag.BoolVar(&o.serve, "serve", false, "be the server (the command starts itself so)")
	flag.IntVar(&o.sockets, "sockets", 64, "sockets that send at once")
	flag.IntVar(&o.idle, "idle", 10000, "idle sockets for the memory row")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "how long each row is measured")
	flag.IntVar(&o.size, "size", 200, "bytes per message")
	flag.Parse()
	run := measure
	if o.serve {
		run = serve
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(o options) error {
	s, err := startServer()
	if err != nil {
		return err
	}
	defer s.stop()
	t := table.New("Bare gorilla/websocket echo, server in its own process", "load", "messages/s", "p50", "p99", "max", "server bytes/socket")
	if err := echoAtOnce(o, s, t); err != nil {
		return err
	}
	if err := echoAtRate(o, s, t, 2000); err != nil {
		return err
	}
	if err := idle(o, s, t); err != nil {
		return err
	}
	t.Print(os.Stdout)
	return nil
}

// server is the echoing process. It ends when in is closed, however this one ends.
type server struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	addr string
}

func startServer() (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(self, "-serve")}
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.out = bufio.NewReader(out)
	line, err := s.out.ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	s.addr = strings.TrimSpace(line)
	return s, nil
}

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// resident is the server's resident memory in bytes after it has collected its
// garbage: idle as it is it would keep that of the handshakes for minutes.
func (s *server) resident() (int64, error) {
	if _, err := fmt.Fprintln(s.in); err != nil {
		return 0, err
	}
	if _, err := s.out.ReadString('\n'); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(s.cmd.Process.Pid), "statm"))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, err
	}
	return resident * int64(os.Getpagesize()), nil
}

func (s *server) dial() (*websocket.Conn, error) {
	d := websocket.Dialer{ReadBufferSize: 512, WriteBufferSize: 512, HandshakeTimeout: 20 * time.Second}
	c, _, err := d.Dial("ws://"+s.addr+"/", nil)
	return c, err
}

func (s *server) dialMany(n int) ([]*websocket.Conn, error) {
	conns := make([]*websocket.Conn, n)
	errs := make(chan error, n)
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := w; i < n; i += 32 {
				c, err := s.dial()
				if err != nil {
					errs <- err
					return
				}
				conns[i] = c
			}
		})
	}
	wg.Wait()
	close(errs)
	return conns, <-errs
}

func closeAll(conns []*websocket.Conn) {
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
}

// roundTrip sends a message and waits for its echo.
func roundTrip(c *websocket.Conn, message []byte) error {
	if err := c.WriteMessage(websocket.TextMessage, message); err != nil {
		return err
	}
	_, _, err := c.ReadMessage()
	return err
}

func echoAtOnce(o options, s *server, t *table.Table) error {
	conns, err := s.dialMany(o.sockets)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	message := []byte(strings.Repeat("x", o.size))
	free := make(chan *websocket.Conn, len(conns))
	for _, c := range conns {
		free <- c
	}
	r := load.Closed(o.sockets, o.duration, func(int) error {
		c := <-free
		defer func() { free <- c }()
		return roundTrip(c, message)
	})
	t.Add(fmt.Sprintf("%d sockets, one message each", o.sockets), r.Rate(), r.Quantile(.5), r.Quantile(.99), r.Quantile(1), "")
	return r.First
}

func echoAtRate(o options, s *server, t *table.Table, rate int) error {
	conns, err := s.dialMany(max(o.sockets, rate/4))
	if err != nil {
		return err
	}
	defer closeAll(conns)
	message := []byte(strings.Repeat("x", o.size))
	free := make(chan *websocket.Conn, len(conns))
	for _, c := range conns {
		free <- c
	}
	r := load.Open(rate, o.duration, func(int) error {
		c := <-free
		defer func() { free <- c }()
		return roundTrip(c, message)
	})
	t.Add(fmt.Sprintf("%d/s", rate), r.Rate(), r.Quantile(.5), r.Quantile(.99), r.Quantile(1), "")
	return r.First
}

// idle opens sockets that say nothing and sees what they cost the server.
func idle(o options, s *server, t *table.Table) error {
	n := o.idle
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil {
		n = min(n, int(limit.Cur)-200)
	}
	before, err := s.resident()
	if err != nil {
		return err
	}
	conns, err := s.dialMany(n)
	defer closeAll(conns)
	if err != nil {
		return err
	}
	after, err := s.resident()
	if err != nil {
		return err
	}
	t.Add(fmt.Sprintf("%d idle sockets", n), "", "", "", "", (after-before)/int64(n))
	return nil
}
