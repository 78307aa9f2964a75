package testkit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/tied"
)

// ProgramOption changes how Program starts the program.
type ProgramOption func(*Process)

// WithEnv sets an environment variable.
func WithEnv(name, value string) ProgramOption {
	return func(p *Process) { p.env = append(p.env, name+"="+value) }
}

// WithPostgres keeps the rows in this PostgreSQL database.
func WithPostgres(url string) ProgramOption { return WithEnv("FANWARD_DATABASE_URL", url) }

// WithRedis joins the node to this Redis.
func WithRedis(url string) ProgramOption { return WithEnv("FANWARD_REDIS_URL", url) }

// WithDir uses this data folder instead of a fresh one.
func WithDir(dir string) ProgramOption { return func(p *Process) { p.Dir = dir } }

// WithBinary runs this program instead of the one built from cmd/fanward.
func WithBinary(path string) ProgramOption { return func(p *Process) { p.binary = path } }

// WithArgs runs these arguments instead of "serve".
func WithArgs(args ...string) ProgramOption { return func(p *Process) { p.args = args } }

// WithTracer runs the program below another one: argv, then the program. Kill
// and Stop still reach the program itself.
func WithTracer(argv ...string) ProgramOption { return func(p *Process) { p.tracer = argv } }

// Process is a running program.
type Process struct {
	// URL is where it serves, without a slash at the end.
	URL string
	// Dir is its data folder.
	Dir string

	t      testing.TB
	binary string
	args   []string
	env    []string
	tracer []string
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error
	log    lockedBuffer
}

// Program builds cmd/fanward once per test process, starts it on a free
// loopback port with a data folder of its own and returns when /readyz answers
// 200. It is killed when the test ends; a failed test shows its log.
func Program(t testing.TB, options ...ProgramOption) *Process {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{t: t, URL: "http://127.0.0.1:" + strconv.Itoa(port), args: []string{"serve"}}
	p.env = []string{"FANWARD_HTTP_ADDR=127.0.0.1:" + strconv.Itoa(port), "FANWARD_SANDBOX_SHOP_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_PHONE_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_MAIL_ADDR=127.0.0.1:0"}
	for _, o := range options {
		o(p)
	}
	if p.Dir == "" {
		p.Dir = t.TempDir()
	}
	if p.binary == "" {
		p.binary = Binary(t)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of the program:\n%s", p.Log())
		}
	})
	p.Start()
	return p
}

// Start starts the program again with the same folder and port.
func (p *Process) Start() {
	p.t.Helper()
	argv := append(append(append([]string{}, p.tracer...), p.binary), p.args...)
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir = p.Dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir, "TMPDIR=" + os.TempDir(), "LANG=C.UTF-8",
		"FANWARD_DATA_DIR=" + p.Dir}, p.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := tied.Start(p.cmd); err != nil {
		p.t.Fatalf("start %v: %v", argv, err)
	}
	ended := make(chan struct{})
	p.ended = ended
	go func(cmd *exec.Cmd) {
		p.err = cmd.Wait()
		close(ended)
	}(p.cmd)
	Eventually(p.t, 30*time.Second, "the program is ready", func() bool {
		select {
		case <-ended:
			p.t.Fatalf("the program ended before it was ready: %v\n%s", p.err, p.Log())
		default:
		}
		return p.ready() == nil
	})
}

func (p *Process) ready() error {
	c := http.Client{Timeout: time.Second}
	r, err := c.Get(p.URL + "/readyz")
	if err != nil {
		return err
	}
	defer func() { _ = r.Body.Close() }()
	_, _ = io.Copy(io.Discard, r.Body)
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answered %d", r.StatusCode)
	}
	return nil
}

// PID is the process id of the program, below a tracer too.
func (p *Process) PID() int {
	pid := p.cmd.Process.Pid
	if len(p.tracer) == 0 {
		return pid
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if first, err := strconv.Atoi(strings.SplitN(strings.TrimSpace(string(children))+" ", " ", 2)[0]); err == nil {
		return first
	}
	return pid
}

// Kill ends the program with SIGKILL and waits until it is gone.
func (p *Process) Kill() { _ = p.end(syscall.SIGKILL) }

// Stop ends the program with SIGTERM, waits until it is gone and returns how
// it ended; nil is exit code 0.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Pause stops the program with SIGSTOP: its lines stay open, its clock goes on.
func (p *Process) Pause() { _ = syscall.Kill(p.PID(), syscall.SIGSTOP) }

// Resume lets a paused program go on.
func (p *Process) Resume() { _ = syscall.Kill(p.PID(), syscall.SIGCONT) }

// Restart ends the program with sig and starts it again.
func (p *Process) Restart(sig syscall.Signal) {
	p.t.Helper()
	_ = p.end(sig)
	p.Start()
}

// Become runs another program from the next Start on.
func (p *Process) Become(binary string) { p.binary = binary }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.ended }

func (p *Process) end(sig syscall.Signal) error {
	if p.cmd == nil || p.ended == nil {
		return nil
	}
	select {
	case <-p.ended:
		return p.err
	default:
	}
	_ = syscall.Kill(p.PID(), sig)
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case <-p.ended:
		return p.err
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("the program did not end within 30 s of " + sig.String())
	}
}

// Log is everything the program has written so far.
func (p *Process) Log() string { return p.log.String() }

var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// Binary builds cmd/fanward, once per test process, and gives its path.
func Binary(t testing.TB) string { return Build(t, "./cmd/fanward") }

// Build builds a package of this module with the given flags, once per test
// process, and gives the path of the program.
func Build(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	key := strings.Join(append(flags, pkg), " ")
	if path, ok := built.paths[key]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := folder("bin", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (child{dir: dir}).start(); err != nil {
			t.Fatal(err)
		}
		built.dir, built.paths = dir, map[string]string{}
	}
	out := filepath.Join(built.dir, strconv.Itoa(len(built.paths)))
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, flags...), pkg)...)
	cmd.Dir = Root()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", key, err, text)
	}
	built.paths[key] = out
	return out
}

// Root is the module's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
