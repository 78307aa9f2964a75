package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is the built binary, running on free loopback ports.
type program struct {
	url  string
	dir  string
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// launch starts the program without waiting for it; env is set beside what it
// needs anyway.
func launch(binary, dir string, env ...string) (*program, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	shop, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &program{url: "http://" + addr, dir: dir, done: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve")
	p.cmd.Env = append(os.Environ(), "FANWARD_HTTP_ADDR="+addr, "FANWARD_SANDBOX_SHOP_ADDR="+shop, "FANWARD_SANDBOX_PHONE_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_MAIL_ADDR=127.0.0.1:0", "FANWARD_DATA_DIR="+dir)
	p.cmd.Env = append(p.cmd.Env, env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = p.cmd.Stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			p.mu.Lock()
			p.log.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// start launches the program and waits until it is ready.
func start(binary, dir string, env ...string) (*program, error) {
	p, err := launch(binary, dir, env...)
	if err != nil {
		return nil, err
	}
	for begun := time.Now(); time.Since(begun) < 30*time.Second; time.Sleep(2 * time.Millisecond) {
		if r, err := http.Get(p.url + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return p, nil
			}
		}
		select {
		case <-p.done:
			return nil, errors.New("the program ended: " + p.output())
		default:
		}
	}
	p.stop()
	return nil, errors.New("the program is not ready: " + p.output())
}

func (p *program) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

var signInLink = regexp.MustCompile(`/sign-in/link#token=(\S+)`)

// ownerToken is the one-time token of the printed sign-in link; "" until then.
func (p *program) ownerToken() string {
	if m := signInLink.FindStringSubmatch(p.output()); m != nil {
		return m[1]
	}
	return ""
}

// token creates an API token through the running program's admin socket.
func (p *program) token(binary string) (string, error) {
	cmd := exec.Command(binary, "token", "create", "--role", "owner", "--name", "bench")
	cmd.Env = append(os.Environ(), "FANWARD_DATA_DIR="+p.dir)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// resident is the program's resident memory in bytes.
func (p *program) resident() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("no VmRSS")
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}}

func call(method, url string, header http.Header, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %.300s", method, url, res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// profile fetches a CPU profile through the admin socket and keeps it.
func (p *program) profile(file string, d time.Duration) error {
	unix := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.dir, "admin.sock"))
	}}}
	res, err := unix.Get(fmt.Sprintf("http://program/debug/pprof/profile?seconds=%d", int(d.Seconds())))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}
