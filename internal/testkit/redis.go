package testkit

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/tied"
)

// RedisServer is one Redis of a test's own.
type RedisServer struct {
	// Addr is host:port.
	Addr string
	port int
	dir  string
	bin  string
	cmd  *exec.Cmd
	// settings follow the usual ones; argv stands in the place of all.
	settings, argv []string
}

// URL is the address in the form of FANWARD_REDIS_URL.
func (r *RedisServer) URL() string { return "redis://" + r.Addr + "/0" }

// Redis starts a Redis of the test's own, so that the test may stop it. It is
// ended when the test ends.
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	return redisWith(t)
}

// Start starts the server again at the same address, empty.
func (r *RedisServer) Start(t testing.TB) {
	t.Helper()
	argv := r.argv
	if argv == nil {
		argv = append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir}, r.settings...)
	}
	r.cmd = exec.Command(r.bin, argv...)
	if err := tied.Start(r.cmd); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	Eventually(t, 20*time.Second, "Redis answers a ping", func() bool { return r.ping() == nil })
}

// Stop ends the server at once; what it held is gone.
func (r *RedisServer) Stop(t testing.TB) {
	t.Helper()
	if r.cmd == nil {
		return
	}
	if err := r.cmd.Process.Signal(os.Kill); err != nil {
		t.Errorf("stop redis-server: %v", err)
	}
	_ = r.cmd.Wait()
	r.cmd = nil
}

// Pause stops the server with SIGSTOP: lines stay open and nobody answers.
func (r *RedisServer) Pause() { _ = r.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (r *RedisServer) Resume() { _ = r.cmd.Process.Signal(syscall.SIGCONT) }

func (r *RedisServer) ping() error {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "+PONG") {
		err = fmt.Errorf("answered %q", line)
	}
	return err
}
