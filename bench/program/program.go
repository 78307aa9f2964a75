// Package program starts the built program for benchmarks and speaks to it from
// outside.
package program

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
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
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fanward/fanward/internal/tied"
)

// Program is the built binary, running on free loopback ports.
type Program struct {
	// URL is the address of its API, Dir its data folder.
	URL string
	Dir string
	// Begun is when its process was started: all that it needs was there.
	Begun time.Time

	cmd  *exec.Cmd
	env  []string
	done chan struct{}
	// others are the nodes beside this one.
	others []*Program

	mu  sync.Mutex
	log bytes.Buffer
}

// ports counts the ports that this process has looked at.
var ports atomic.Int64

// FreePort is a loopback address that nobody listened on a moment ago. It lies
// below those from which the system takes the near ends of lines, thousands of
// which come and go here.
func FreePort() (addr string, err error) {
	for range 100 {
		addr = net.JoinHostPort("127.0.0.1", strconv.FormatInt(20_000+(int64(os.Getpid())*64+ports.Add(1))%12_000, 10))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", err
}

// Launch starts the program without waiting for it; env is set beside what it
// needs anyway.
func Launch(binary, dir string, env ...string) (*Program, error) {
	return launch(binary, dir, dir, env)
}

// launch starts a node whose rows are those of the data folder home.
func launch(binary, dir, home string, env []string) (*Program, error) {
	if cluster != nil {
		more, err := cluster.env(home)
		if err != nil {
			return nil, err
		}
		env = append(more, env...)
	}
	addr, err := FreePort()
	if err != nil {
		return nil, err
	}
	shop, err := FreePort()
	if err != nil {
		return nil, err
	}
	p := &Program{URL: "http://" + addr, Dir: dir, env: env, done: make(chan struct{})}
	p.cmd = exec.Command(binary, "serve")
	p.cmd.Env = append(os.Environ(), "FANWARD_HTTP_ADDR="+addr, "FANWARD_SANDBOX_SHOP_ADDR="+shop, "FANWARD_SANDBOX_PHONE_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_MAIL_ADDR=127.0.0.1:0", "FANWARD_DATA_DIR="+dir)
	p.cmd.Env = append(p.cmd.Env, env...)
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout = p.cmd.Stderr
	p.Begun = time.Now()
	if err := tied.Start(p.cmd); err != nil {
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

// Start launches the program, in a cluster all of its nodes, and waits until it is
// ready.
func Start(binary, dir string, env ...string) (*Program, error) {
	p, err := Launch(binary, dir, env...)
	if err != nil {
		return nil, err
	}
	if err = p.ready(); err == nil {
		err = p.join(binary, env)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// ready waits until the program serves.
func (p *Program) ready() error {
	for begun := time.Now(); time.Since(begun) < 60*time.Second; time.Sleep(2 * time.Millisecond) {
		if r, err := http.Get(p.URL + "/readyz"); err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		if p.Ended() {
			return errors.New("the program ended: " + p.Output())
		}
	}
	return errors.New("the program is not ready: " + p.Output())
}

// Ended tells whether the program is no more.
func (p *Program) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Output is what it has written to its log.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Stop ends the program and the nodes beside it.
func (p *Program) Stop() {
	for _, one := range p.others {
		one.Stop()
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

var signInLink = regexp.MustCompile(`/sign-in/link#token=(\S+)`)

// OwnerToken is the one-time token of the printed sign-in link; "" until then.
func (p *Program) OwnerToken() string {
	if m := signInLink.FindStringSubmatch(p.Output()); m != nil {
		return m[1]
	}
	return ""
}

// Token creates an API token through the running program's admin socket.
func (p *Program) Token(binary string) (string, error) {
	return p.Admin(binary, "token", "create", "--role", "owner", "--name", "bench")
}

// Keys creates an API token and a server's write key.
func (p *Program) Keys(binary string) (token, key string, err error) {
	if token, err = p.Token(binary); err == nil {
		key, err = p.Admin(binary, "writekey", "create", "--name", "bench", "--kind", "server")
	}
	return token, key, err
}

// Admin runs one of the program's commands on the same data and returns what it
// prints: the secret alone.
func (p *Program) Admin(binary string, args ...string) (string, error) {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(append(os.Environ(), "FANWARD_DATA_DIR="+p.Dir), p.env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// Resident is the resident memory of this node in bytes.
func (p *Program) Resident() (int64, error) {
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

// ticks is how many a second /proc counts in; Linux fixes it.
const ticks = 100

// CPU is the processor time that the program, all of its nodes, has used so far;
// that of PostgreSQL and Redis is not in it.
func (p *Program) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("no times in stat")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	for _, one := range p.others {
		other, failed := one.CPU()
		user, err = user+int64(other*ticks/time.Second), errors.Join(err, failed)
	}
	return time.Duration(user+system) * time.Second / ticks, err
}

// Client keeps enough connections open for every call of a benchmark.
var Client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}}

// Call sends body as JSON and reads the answer into out; either may be nil. Any
// status but 2xx is an error.
func Call(method, url string, header http.Header, body, out any) error {
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
	res, err := Client.Do(req)
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

// Bearer signs API calls with a token.
func Bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// Basic signs tracking calls with a write key.
func Basic(key string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))}}
}

// Profile fetches a CPU profile of this node through the admin socket and keeps it.
func (p *Program) Profile(file string, d time.Duration) error {
	unix := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.Dir, "admin.sock"))
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
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("profile: %d %.300s", res.StatusCode, b)
	}
	return os.WriteFile(file, b, 0o600)
}
