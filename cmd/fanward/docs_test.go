package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
)

// notRun are what the first line of a block says, before the reason, that cannot
// run here.
var notRun = []string{"# not run by the tests: ", "# 测试不运行："}

// commands are a document's sh blocks in their order, but those that say why they
// are not run; each after the line of the document at which it begins.
func commands(t *testing.T, file string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i < len(lines); i++ {
		if strings.TrimSpace(lines[i]) != "```sh" {
			continue
		}
		at := i + 2
		var block []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			block = append(block, lines[i])
		}
		if len(block) == 0 {
			t.Errorf("%s:%d: an empty block", file, at)
			continue
		}
		reason, skipped := "", false
		for _, mark := range notRun {
			if rest, found := strings.CutPrefix(strings.TrimSpace(block[0]), mark); found {
				reason, skipped = rest, true
			}
		}
		switch {
		case skipped && strings.TrimSpace(reason) == "":
			t.Errorf("%s:%d: no reason why it is not run", file, at)
		case !skipped:
			out = append(out, fmt.Sprintf("line=%d\n%s\n", at, strings.Join(block, "\n")))
		}
	}
	return out
}

// documents are the README and everything below docs.
func documents(t *testing.T) []string {
	t.Helper()
	root := testkit.Root()
	out := []string{filepath.Join(root, "README.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// prologue lets "fanward serve" start another server, on another address, see it
// ready and stop it, and says where a document's command failed.
const prologue = `set -Eeuo pipefail
trap 'echo "$DOCUMENT: a command of the block at line $line failed" >&2' ERR
fanward() {
  if [ "${1:-}" != serve ]; then command fanward "$@"; return; fi
  if [ "$FANWARD_DATA_DIR" = "$RUNNING" ]; then curl -fsS "http://$FANWARD_HTTP_ADDR/readyz" >/dev/null; return; fi # it runs
  FANWARD_HTTP_ADDR=$OTHER command fanward "$@" & local server=$!
  for _ in $(seq 400); do curl -fs "http://$OTHER/readyz" >/dev/null && break; sleep 0.05; done
  curl -fsS "http://$OTHER/readyz" >/dev/null
  kill $server; wait $server
}
`

// Each command that the README and the documents show does what it says, in a
// folder of its own beside a server that runs.
func TestCommandsInDocuments(t *testing.T) {
	bin := t.TempDir()
	if err := os.Symlink(testkit.Binary(t), filepath.Join(bin, "fanward")); err != nil {
		t.Fatal(err)
	}
	for _, file := range documents(t) {
		name, blocks := filepath.Base(file), commands(t, file)
		if len(blocks) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			server := testkit.Program(t)
			port, err := testkit.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			addr := strings.TrimPrefix(server.URL, "http://")
			cmd := exec.CommandContext(t.Context(), "bash", "-c", prologue+strings.ReplaceAll(strings.Join(blocks, ""), "127.0.0.1:8080", addr))
			cmd.Dir = t.TempDir()
			cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8", "DOCUMENT=" + name, "OTHER=127.0.0.1:" + strconv.Itoa(port),
				"RUNNING=" + server.Dir, "FANWARD_DATA_DIR=" + server.Dir, "FANWARD_HTTP_ADDR=" + addr, "FANWARD_SANDBOX_SHOP_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_PHONE_ADDR=127.0.0.1:0", "FANWARD_SANDBOX_MAIL_ADDR=127.0.0.1:0"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
