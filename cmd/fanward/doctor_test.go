package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// TestDoctor: each case breaks one thing; the doctor names it and its cure, in
// both languages, and fails only for errors.
func TestDoctor(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		code  string // of the sentence expected, "" for none
		fails bool
	}{
		{"a new machine", func(*testing.T, string) {}, "doctor.database_new", false},
		{"a database that the command line made", func(t *testing.T, _ string) { must(t, "migrate") }, "doctor.schema", false},
		{"settings", func(t *testing.T, _ string) { t.Setenv("FANWARD_LOG_LEVEL", "loud") }, "config.not_a_choice", true},
		{"a misspelt variable", func(t *testing.T, _ string) { t.Setenv("FANWARD_HTTP_ADR", "x") }, "doctor.unknown_variable", false},
		{"a file for the folder", func(t *testing.T, dir string) { write(t, dir, 0o600) }, "doctor.folder_bad", true},
		{"an open folder", func(t *testing.T, dir string) { mkdir(t, dir, 0o755) }, "doctor.folder_open", false},
		{"an exposed key", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			write(t, filepath.Join(dir, seal.FileName), 0o644)
		}, "key.exposed", true},
		{"a broken key", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			write(t, filepath.Join(dir, seal.FileName), 0o600)
		}, "key.bad", true},
		{"a lost key", func(t *testing.T, dir string) { sealed(t, dir); remove(t, dir) }, "doctor.key_lost", true},
		{"another key", func(t *testing.T, dir string) { sealed(t, dir); remove(t, dir); keyFile(t, dir) }, "key.other", true},
		{"a folder that is held", func(t *testing.T, dir string) { must(t, "migrate"); lock(t, dir) }, "doctor.database_locked", true},
		{"a running server", func(t *testing.T, dir string) { serving(t, dir) }, "doctor.running", false},
		{"a port that is taken", func(t *testing.T, _ string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			t.Setenv("FANWARD_HTTP_ADDR", l.Addr().String())
		}, "doctor.port_taken", true},
		{"no public address", func(t *testing.T, _ string) { t.Setenv("FANWARD_HTTP_ADDR", ":0") }, "doctor.no_public_url", false},
		{"PostgreSQL away", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_DATABASE_URL", "postgres://127.0.0.1:1/none?connect_timeout=1")
			t.Setenv("FANWARD_SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
		}, "doctor.database_unreachable", true},
		{"Redis away", func(t *testing.T, _ string) { t.Setenv("FANWARD_REDIS_URL", "redis://127.0.0.1:1") }, "doctor.redis_unreachable", true},
		{"Redis there", func(t *testing.T, _ string) { t.Setenv("FANWARD_REDIS_URL", testkit.Redis(t).URL()) }, "doctor.redis_alone", false},
		{"Sentinels away", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_REDIS_URL", "redis://127.0.0.1:1?addr=127.0.0.1:2&master_name=hub")
		}, "doctor.redis_unreachable", true},
		{"a cluster as if it were one server", func(t *testing.T, _ string) { t.Setenv("FANWARD_REDIS_URL", testkit.RedisRing(t)[0].URL()) }, "doctor.redis_clustered", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := installation(t)
			c.spoil(t, dir)
			for lang, env := range map[string]string{locale.English: "en_US.UTF-8", locale.Chinese: "zh_CN.UTF-8"} {
				t.Setenv("LC_ALL", env)
				out, _, err := run("doctor")
				if (err != nil) != c.fails {
					t.Errorf("the outcome is %v\n%s", err, out)
				}
				// The part of the sentence before its first value.
				want, _, _ := strings.Cut(locale.Sentence(lang, "cli."+c.code, nil), "{{")
				if !strings.Contains(out, want) || strings.Contains(out, "{{") || strings.Contains(out, "cli.") {
					t.Errorf("%q is not said in\n%s", want, out)
				}
			}
		})
	}
}

func must(t *testing.T, args ...string) {
	t.Helper()
	if _, _, err := run(args...); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), mode); err != nil {
		t.Fatal(err)
	}
}

func keyFile(t *testing.T, dir string) *seal.Keys {
	t.Helper()
	root, _, err := seal.EnsureFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.New(root)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sealed is an installation whose secrets are sealed with its key.
func sealed(t *testing.T, dir string) {
	t.Helper()
	must(t, "migrate")
	db, err := store.Open(context.Background(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := rememberKey(context.Background(), db, keyFile(t, dir)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, seal.FileName)); err != nil {
		t.Fatal(err)
	}
}

func lock(t *testing.T, dir string) {
	t.Helper()
	unlock, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
}
