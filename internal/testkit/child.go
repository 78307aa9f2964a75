package testkit

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// child describes a server that lives as long as the test process.
type child struct {
	// dir is removed when the test process has ended.
	dir string
	// argv is the server's command; empty keeps nothing but the folder.
	argv []string
	cred *syscall.Credential
	// end is the signal that stops the server at once; QUIT when empty.
	end string
}

// keep holds the writing ends of the pipes on which the children's guards wait.
var keep struct {
	sync.Mutex
	pipes map[*exec.Cmd]*os.File
}

// guard stops the server and removes its folder once its standard input ends,
// which the kernel sees to however the test process ends.
const guard = `dir=$1; end=$2; shift 2
if [ $# -gt 0 ]; then "$@" >"$dir/log" 2>&1 & pid=$!; fi
cat >/dev/null
if [ -n "$pid" ]; then kill -$end $pid; wait $pid; fi
rm -rf "$dir"`

// start runs the child beside the test process.
func (c child) start() (*exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("a pipe for %s: %w", c.dir, err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", guard, "guard", c.dir, cmp.Or(c.end, "QUIT")}, c.argv...)...)
	cmd.Stdin, cmd.Dir = r, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: c.cred}
	err = cmd.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("start %v: %w", c.argv, err)
	}
	keep.Lock()
	if keep.pipes == nil {
		keep.pipes = map[*exec.Cmd]*os.File{}
	}
	keep.pipes[cmd] = w
	keep.Unlock()
	return cmd, nil
}

// stop ends the child early.
func (c child) stop(cmd *exec.Cmd) {
	keep.Lock()
	_ = keep.pipes[cmd].Close()
	delete(keep.pipes, cmd)
	keep.Unlock()
	_ = cmd.Wait()
}

func (c child) log() string {
	text, _ := os.ReadFile(filepath.Join(c.dir, "log"))
	return string(text)
}

// unprivileged is who runs servers that refuse root; nil means the current user.
func unprivileged(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("the server refuses to run as root: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("user %s has no numeric ids", name)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// folder makes a folder that belongs to cred.
func folder(name string, cred *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", "fanward-test-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("a folder for %s: %w", name, err)
	}
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return "", fmt.Errorf("give %s to %s: %w", dir, name, err)
		}
	}
	return dir, nil
}

// ports counts the ports that this process has looked at.
var ports atomic.Int64

// FreePort gives a loopback port that was free a moment ago. It lies below those
// from which the system takes the near ends of lines: one of these, on a busy
// machine, would else be there first, now or while whoever listens is restarted.
// Test processes that run beside each other look at different ones.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := 20_000 + (os.Getpid()*64+int(ports.Add(1)))%12_000
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("a free port: %w", err)
}
