package conformance

import (
	"context"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

const module = "github.com/fanward/fanward/"

// A main package cannot be imported, so its statements are loaded from the file.
func TestMain(m *testing.M) {
	files, _ := filepath.Glob(filepath.Join(testkit.Root(), "cmd", "*", "queries*.sql"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		store.Load("cmd-"+filepath.Base(filepath.Dir(file)), string(text))
	}
	os.Exit(m.Run())
}

// domains are the import paths of the packages that have a queries.sql.
func domains(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	err := filepath.WalkDir(testkit.Root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasPrefix(d.Name(), "queries") && strings.HasSuffix(d.Name(), ".sql") {
			dir, err := filepath.Rel(testkit.Root(), filepath.Dir(path))
			out[module+filepath.ToSlash(dir)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNoDomainIsForgotten(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "domains_test.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	imported := map[string]bool{}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imported[path] = true
	}
	found := domains(t)
	if len(found) == 0 {
		t.Fatal("no queries.sql found")
	}
	for path := range found {
		if !imported[path] && !strings.HasPrefix(path, module+"cmd/") {
			t.Errorf("%s has a queries.sql: add it to domains_test.go", path)
		}
	}
	for path := range imported {
		if !found[path] {
			t.Errorf("%s has no queries.sql", path)
		}
	}
}

// A queries.sql that is embedded but never loaded, or loaded in part, shows
// here: every name in it is a statement of the house.
func TestEveryFileIsLoaded(t *testing.T) {
	loaded := map[string]bool{}
	for _, q := range store.All() {
		_, name, _ := strings.Cut(q.Name(), "/")
		loaded[name] = true
	}
	for path := range domains(t) {
		files, _ := filepath.Glob(filepath.Join(testkit.Root(), strings.TrimPrefix(path, module), "queries*.sql"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(string(text), "\n") {
				if name, ok := strings.CutPrefix(line, "-- name:"); ok {
					name, _, _ = strings.Cut(strings.TrimSpace(name), " ")
					if !loaded[name] {
						t.Errorf("%s: %s is not loaded", file, name)
					}
				}
			}
		}
	}
}

// Every statement is prepared on both engines, so that a mistake shows here
// and not when the statement first runs.
func TestEveryStatementIsValidOnBothEngines(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		seen := map[string]bool{}
		for _, q := range store.All() {
			if seen[q.Name()] {
				t.Errorf("two statements are called %s", q.Name())
			}
			seen[q.Name()] = true
			st, err := db.SQL().PrepareContext(context.Background(), q.Text(db.Engine()))
			if err != nil {
				t.Errorf("%s: %v", q.Name(), err)
				continue
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
			if strings.Contains(q.Text(db.Engine()), ";") {
				t.Errorf("%s holds more than one statement", q.Name())
			}
		}
		if len(seen) < 8 {
			t.Errorf("only %d statements", len(seen))
		}
	})
}
