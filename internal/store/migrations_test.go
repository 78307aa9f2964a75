package store_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A migration that anybody may have run never changes: whoever has run it would be
// without what was added. What is new is a migration of its own, with a line of its
// own in testdata/migrations.sum (sha256sum's form).
func TestMigrationsStay(t *testing.T) {
	f, err := os.Open("testdata/migrations.sum")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	known := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		known[name] = sum
	}
	files, err := filepath.Glob("migrations/*/*.sql")
	if err != nil || len(files) != len(known) {
		t.Errorf("%d migrations, %d sums: %v", len(files), len(known), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != known[filepath.ToSlash(name)] {
			t.Errorf("%s is another one", name)
		}
	}
}
