package testkit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const migrationsDir = "internal/store/migrations/postgres"

// Previous is the version before the newest migration, by the history of this
// copy: the latest tag before it, else the latest commit that has some of today's
// migrations, as they are today, and no others. A copy without history skips the
// test.
func Previous(t testing.TB) (commit string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Root(), filepath.FromSlash(migrationsDir), "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	sums, err := git(append([]string{"hash-object"}, files...)...)
	today := map[string]bool{}
	for _, sum := range strings.Fields(string(sums)) {
		today[sum] = true
	}
	changes, err2 := git("log", "--format=%H^", "--", migrationsDir)
	if err = errors.Join(err, err2); err != nil {
		t.Skipf("this copy has no history to take the version before from: %v", err)
	}
	for _, commit := range append([]string{"HEAD"}, strings.Fields(string(changes))...) {
		list, err := git("ls-tree", "--format=%(objectname)", commit+":"+migrationsDir)
		if err != nil {
			break // the history begins later
		}
		then := strings.Fields(string(list))
		if len(then) == len(today) || slices.ContainsFunc(then, func(sum string) bool { return !today[sum] }) {
			continue
		}
		if tag, err := git("describe", "--tags", "--abbrev=0", commit); err == nil {
			commit = strings.TrimSpace(string(tag))
		}
		return commit
	}
	t.Skip("the history of this copy holds no version before the newest migration")
	return ""
}

// PreviousFile is a file of that version.
func PreviousFile(t testing.TB, commit, path string) string {
	t.Helper()
	text, err := git("show", commit+":"+path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// PreviousFiles are the paths of that version.
func PreviousFiles(t testing.TB, commit string) []string {
	t.Helper()
	list, err := git("ls-tree", "-r", "--name-only", commit)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(list))
}

// PreviousBinary builds that version's program.
func PreviousBinary(t testing.TB, commit string) string {
	t.Helper()
	dir := t.TempDir()
	archive, err := git("archive", commit)
	if err != nil {
		t.Fatal(err)
	}
	unpack := exec.Command("tar", "x", "-C", dir)
	unpack.Stdin = bytes.NewReader(archive)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", commit, err, out)
	}
	path := filepath.Join(dir, "previous")
	build := exec.Command("go", "build", "-o", path, "./cmd/fanward")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", commit, err, out)
	}
	return path
}

func git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = Root()
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = errors.New("git " + args[0] + ": " + strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}
