package flushtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
)

const (
	ackerPackage   = "./internal/store/flushtest/acker"
	weaken         = "-X github.com/fanward/fanward/internal/store.synchronous="
	markers        = 60
	parallelWrites = 4
)

// ackerTrace runs the acker below strace.
func ackerTrace(t *testing.T, flags ...string) []call {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	argv := append(tracer(t, out), testkit.Build(t, ackerPackage, flags...), t.TempDir(), fmt.Sprint(markers), fmt.Sprint(parallelWrites))
	cmd := exec.Command(argv[0], argv[1:]...)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if n := strings.Count(string(text), "ack marker-"); n != markers {
		t.Fatalf("%d acknowledgements", n)
	}
	return readTrace(t, out)
}

func ackerMarkers() []string {
	out := make([]string, markers)
	for i := range out {
		out[i] = fmt.Sprintf("marker-%06d;", i)
	}
	return out
}

// Every acknowledgement follows the flush of what it acknowledges.
func TestWriteReturnsAfterTheFlush(t *testing.T) {
	for _, wrong := range check(ackerTrace(t), ackerMarkers()) {
		t.Error(wrong)
	}
}

// A program that flushes less is caught: the check above can fail.
func TestLessDurabilityIsCaught(t *testing.T) {
	for _, level := range []string{"NORMAL", "OFF"} {
		t.Run(level, func(t *testing.T) {
			wrong := check(ackerTrace(t, "-ldflags", weaken+level), ackerMarkers())
			if len(wrong) < markers/2 {
				t.Errorf("with synchronous=%s only %d of %d acknowledgements look early: %v", level, len(wrong), markers, wrong)
			}
		})
	}
}

// The checker itself, on traces whose verdict is plain.
func TestChecker(t *testing.T) {
	write := func(n int, file, data string) call {
		return call{name: "pwrite64", file: file, data: data, begin: n, end: n}
	}
	flush := func(begin, end int) call {
		return call{name: "fdatasync", file: "/d/fanward.db-wal", begin: begin, end: end}
	}
	wal, sock := "/d/fanward.db-wal", "socket:[1]"
	for name, c := range map[string]struct {
		calls []call
		ok    bool
	}{
		"in order":               {[]call{write(1, wal, "m"), flush(2, 3), write(4, sock, "m")}, true},
		"no flush":               {[]call{write(1, wal, "m"), write(4, sock, "m")}, false},
		"flush too late":         {[]call{write(1, wal, "m"), write(2, sock, "m"), flush(3, 3)}, false},
		"flush not ended":        {[]call{write(1, wal, "m"), flush(2, 5), write(4, sock, "m")}, false},
		"flush began too early":  {[]call{flush(0, 2), write(1, wal, "m"), write(4, sock, "m")}, false},
		"flush of the database":  {[]call{write(1, wal, "m"), {name: "fsync", file: "/d/fanward.db", begin: 2, end: 2}, write(4, sock, "m")}, false},
		"failed flush":           {[]call{write(1, wal, "m"), {name: "fsync", file: wal, begin: 2, end: 2, failed: true}, write(4, sock, "m")}, false},
		"never written":          {[]call{flush(2, 2), write(4, sock, "m")}, false},
		"never acknowledged":     {[]call{write(1, wal, "m"), flush(2, 2)}, false},
		"acknowledged and again": {[]call{write(1, wal, "m"), flush(2, 2), write(3, sock, "m"), write(4, sock, "m")}, true},
		"somebody else's flush":  {[]call{write(1, wal, "other"), flush(2, 2), write(3, wal, "m"), write(4, sock, "m")}, false},
	} {
		if wrong := check(c.calls, []string{"m"}); (len(wrong) == 0) != c.ok {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}
