// Package flushtest proves law 1 from outside: a killed process keeps the page
// cache, so only its system calls show whether what it acknowledged had reached
// the disk.
package flushtest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
)

// call is one system call of the traced program. begin and end are positions
// in the trace: a call that ended before another began was over by then.
type call struct {
	name, file, data string
	begin, end       int
	failed           bool
}

// tracer is the command line that records a program's writes and flushes.
func tracer(t testing.TB, out string) []string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		testkit.Missing(t, "strace is not in PATH: install strace")
	}
	return []string{strace, "-f", "-y", "-qq", "-s", "100000", "-o", out,
		"-e", "trace=pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,sendmmsg,sendfile,fsync,fdatasync,sync_file_range"}
}

// readTrace reads what strace wrote.
func readTrace(t testing.TB, path string) []call {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var calls []call
	open := map[string]int{} // thread → its unfinished call
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for n := 0; lines.Scan(); n++ {
		thread, text, ok := strings.Cut(lines.Text(), " ")
		text = strings.TrimSpace(text)
		if !ok || strings.HasPrefix(text, "---") || strings.HasPrefix(text, "+++") {
			continue
		}
		if strings.HasPrefix(text, "<... ") {
			if i, ok := open[thread]; ok {
				calls[i].end = n
				calls[i].failed = strings.Contains(text[strings.LastIndex(text, "=")+1:], "-1 ")
				delete(open, thread)
			}
			continue
		}
		name, args, ok := strings.Cut(text, "(")
		if !ok {
			continue
		}
		c := call{name: name, data: args, begin: n, end: n}
		if _, rest, ok := strings.Cut(args, "<"); ok {
			c.file, _, _ = strings.Cut(rest, ">")
		}
		if strings.HasSuffix(text, "<unfinished ...>") {
			c.end = 1 << 60 // until it is resumed
			open[thread] = len(calls)
		} else {
			c.failed = strings.Contains(text[strings.LastIndex(text, "=")+1:], "-1 ")
		}
		calls = append(calls, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return calls
}

// check finds, for each marker, the write of it into the log, a flush of the log
// that began after that write had ended, and the first acknowledgement that
// carries it, begun after the flush had ended. It returns what is wrong.
func check(calls []call, markers []string) (wrong []string) {
	for _, m := range markers {
		if problem := checkOne(calls, m); problem != "" {
			wrong = append(wrong, m+": "+problem)
		}
	}
	return wrong
}

func checkOne(calls []call, marker string) string {
	ack := first(calls, func(c call) bool { return !c.flush() && !c.database() && strings.Contains(c.data, marker) })
	if ack == nil {
		return "was never acknowledged"
	}
	reason := "was never written into the log"
	for _, written := range calls {
		if written.flush() || !written.log() || written.failed || !strings.Contains(written.data, marker) {
			continue
		}
		flushed := first(calls, func(c call) bool {
			return c.flush() && c.log() && !c.failed && c.begin > written.end && c.end < ack.begin
		})
		if flushed != nil {
			return ""
		}
		reason = fmt.Sprintf("was acknowledged (line %d) before a flush of the log that followed its write (line %d) had ended", ack.begin+1, written.end+1)
	}
	return reason
}

func (c call) flush() bool { return c.name == "fsync" || c.name == "fdatasync" }

func (c call) log() bool { return strings.HasSuffix(c.file, "fanward.db-wal") }

func (c call) database() bool { return strings.Contains(c.file, "fanward.db") }

func first(calls []call, is func(call) bool) *call {
	for i := range calls {
		if is(calls[i]) {
			return &calls[i]
		}
	}
	return nil
}
