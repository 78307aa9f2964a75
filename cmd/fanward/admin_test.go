package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

var quiet = slog.New(slog.DiscardHandler)

// installation is a data folder of its own in the environment.
func installation(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	t.Chdir(t.TempDir()) // no config.yaml here
	t.Setenv("FANWARD_DATA_DIR", dir)
	t.Setenv("FANWARD_HTTP_ADDR", "127.0.0.1:0")
	t.Setenv("FANWARD_SANDBOX_SHOP_ADDR", "127.0.0.1:0")
	t.Setenv("FANWARD_SANDBOX_PHONE_ADDR", "127.0.0.1:0")
	t.Setenv("FANWARD_SANDBOX_MAIL_ADDR", "127.0.0.1:0")
	t.Setenv("LC_ALL", "en_US.UTF-8")
	return dir
}

// run is the program with args, up to its exit.
func run(args ...string) (stdout, stderr string, err error) {
	var o, e bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&o)
	root.SetErr(&e)
	err = root.ExecuteContext(context.Background())
	return o.String(), e.String(), err
}

func service(t *testing.T, db *store.DB) *auth.Service {
	t.Helper()
	clk := clock.NewSystem()
	return auth.New(auth.Options{DB: db, Clock: clk, IDs: testkit.IDs(t, clk), SessionLifetime: time.Hour})
}

func TestSecretAloneOnStandardOutput(t *testing.T) {
	dir := installation(t)
	out, errs, err := run("token", "create", "--role", "admin", "--name", "ci")
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSuffix(out, "\n")
	if !strings.HasPrefix(secret, "fwt_") || strings.ContainsAny(secret, " \n") || strings.Contains(errs, secret) || !strings.Contains(errs, "ci") {
		t.Errorf("standard output %q, standard error %q", out, errs)
	}
	out, errs, err = run("agent", "add", "--email", "lin@example.com", "--name", "Lin")
	if err != nil {
		t.Fatal(err)
	}
	link, ok := strings.CutPrefix(strings.TrimSuffix(out, "\n"), "http://127.0.0.1:0/sign-in/link#token=")
	if !ok || strings.Contains(errs, link) || !strings.Contains(errs, "lin@example.com") {
		t.Errorf("standard output %q, standard error %q", out, errs)
	}
	for _, kind := range []string{"server", "browser"} {
		out, errs, err = run("writekey", "create", "--name", "Shop", "--kind", kind)
		if err != nil {
			t.Fatal(err)
		}
		key := strings.TrimSuffix(out, "\n")
		if !strings.HasPrefix(key, "fw"+kind[:1]+"_") || strings.ContainsAny(key, " \n") || strings.Contains(errs, key) || !strings.Contains(errs, "Shop") {
			t.Errorf("standard output %q, standard error %q", out, errs)
		}
	}
	if out, _, err := run("writekey", "create", "--kind", "app"); err == nil || out != "" {
		t.Errorf("a key of no kind: %q %v", out, err)
	}
	// Both work.
	db, err := store.Open(context.Background(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := service(t, db)
	if p, err := s.ByToken(context.Background(), secret); err != nil || p.Role != auth.Admin {
		t.Error(p, err)
	}
	if in, err := s.SignInByLink(context.Background(), link, auth.Client{}); err != nil || in.Teammate.Role != auth.Agent {
		t.Error(in, err)
	}
}

func TestCommandsRefuseNonsense(t *testing.T) {
	installation(t)
	for _, c := range []struct {
		args string
		code string
		say  string
	}{
		{"token create --role king", "invalid_value", "role:"},
		{"agent add --email nobody --name Lin", "invalid_email", "email:"},
		{"agent add --email a@example.com --name Lin --role king", "invalid_value", "role:"},
		{"demo --people 99", "too_small", "people:"},
		{"demo --until tomorrow", "wrong_type", "until:"},
		{"demo --language fr", "not_one_of", "language:"},
		{"backup --to a --rate -1", "too_small", "rate:"},
		{"demo --people abc", "internal", `"--people" flag: it takes a whole number`},
		{"restore --check=x", "internal", `"--check" flag: it takes true or false`},
		{"token create", "internal", `"role"`},
		{"agent add --name Lin", "internal", `"email"`},
	} {
		out, _, err := run(strings.Fields(c.args)...)
		if err == nil {
			t.Errorf("%s: done, standard output %q", c.args, out)
			continue
		}
		if fault.CodeOf(err) != c.code || out != "" || !strings.Contains(sentence(err), c.say) {
			t.Errorf("%s: %v, says %q, standard output %q", c.args, err, sentence(err), out)
		}
	}
}

// serving is a database that is open as in a running server, with its socket.
func serving(t *testing.T, dir string) (*auth.Service, *adminServer) {
	t.Helper()
	unlock, err := store.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unlock)
	db, err := store.Open(context.Background(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := service(t, db)
	a, err := startAdmin(dir, direct{auth: s, signInURL: func(secret string) string { return api.SignInLink("https://here.example", secret) }}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.stop(context.Background()) })
	return s, a
}

func TestRunningServerCarriesCommandsOut(t *testing.T) {
	dir := installation(t)
	s, a := serving(t, dir)
	st, err := os.Stat(filepath.Join(dir, adminSocketName))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", st.Mode(), err)
	}
	out, _, err := run("token", "create", "--role", "viewer")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.ByToken(context.Background(), strings.TrimSpace(out)); err != nil || p.Role != auth.Viewer {
		t.Error(p, err)
	}
	if out, _, err = run("agent", "add", "--email", "lin@example.com", "--name", "Lin"); err != nil || !strings.HasPrefix(out, "https://here.example/sign-in/link#token=") {
		t.Error(out, err)
	}
	_, _, err = run("agent", "add", "--email", "LIN@example.com", "--name", "Lin")
	if e, ok := fault.As(err); !ok || e.Code != "email_taken" || len(e.Fields) != 1 {
		t.Errorf("the refusal comes through as %v", err)
	}
	if err := a.stop(context.Background()); err != nil {
		t.Error(err)
	}
	if present(filepath.Join(dir, adminSocketName)) {
		t.Error("the socket is left behind")
	}
	// The server holds the folder without answering: starting up or hanging.
	if _, _, err := run("token", "create", "--role", "viewer"); !errors.Is(err, store.ErrLocked) || !strings.Contains(sentence(err), "Another fanward process") {
		t.Errorf("with the folder locked: %v", err)
	}
}

func TestSocketOfADeadProcessIsReplaced(t *testing.T) {
	dir := installation(t)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, adminSocketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	serving(t, dir)
	if _, err := newRemote(dir).status(context.Background()); err != nil {
		t.Error(err)
	}
	if second, err := startAdmin(dir, direct{}, quiet); second != nil || err != nil {
		t.Errorf("a second node takes the socket away: %v, %v", second, err)
	}
}

// A node whose rows and files are elsewhere has no folder before this one.
func TestSocketMakesItsFolder(t *testing.T) {
	a, err := startAdmin(filepath.Join(t.TempDir(), "none", "yet"), direct{}, quiet)
	if err != nil || a == nil {
		t.Fatal(err)
	}
	if err := a.stop(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSocketInADeepFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep/", 30))
	serving(t, dir)
	if version, err := newRemote(dir).status(context.Background()); err != nil || version == "" {
		t.Error(version, err)
	}
}

func TestSiteURL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080", ":8080": "http://localhost:8080", "0.0.0.0:80": "http://localhost:80", "[::]:8080": "http://localhost:8080", "[::1]:1": "http://[::1]:1",
	} {
		if got := siteURL(config.Default(), addr); got != want {
			t.Errorf("%s gives %s, want %s", addr, got, want)
		}
	}
	c := config.Default()
	c.PublicURL = "https://a.example"
	if got := siteURL(c, ":1"); got != c.PublicURL {
		t.Error(got)
	}
}

func TestKeyIsRemembered(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		key := func(fill byte) *seal.Keys {
			k, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		ctx := context.Background()
		if err := errors.Join(rememberKey(ctx, db, key(1)), rememberKey(ctx, db, key(1))); err != nil {
			t.Fatal(err)
		}
		err := rememberKey(ctx, db, key(2))
		if !errors.As(err, &otherKey{}) || !strings.Contains(sentence(err), "FANWARD_SECRET_KEY") {
			t.Errorf("another key: %v", err)
		}
	})
}

// TestClockSetBack: whatever table holds the newest row, a program that starts
// with its clock set back makes no id a second time.
func TestClockSetBack(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		if high, err := highWater(ctx, db); err != nil || high != 0 {
			t.Fatal("an empty database has the high-water mark", high, err)
		}
		now := testkit.Clock(t)
		before, err := ids.NewSource(now, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		exec := func(text string, args ...any) {
			t.Helper()
			q, args := new(store.Builder).Add(text, args...).Query()
			if err := db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Exec(q, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		// Numbers that are no ids, as large as they get.
		exec("INSERT INTO cursors (name, xact, id) VALUES ('c', 0, 9223372036854775807)")
		exec("INSERT INTO changes (id, at, kind, audience, payload) " + overriding(db) + " VALUES (9000000000000000000, 0, 'x', 'staff', '{}')")
		exec("INSERT INTO event_names (id, name) " + overriding(db) + " VALUES (9000000000000000000, 'n')")
		for _, insert := range []string{
			"INSERT INTO teams (id, name, created_at) VALUES (?, 'a', 0)",
			"INSERT INTO jobs (id, kind, payload, state, max_attempts, run_at, created_at) VALUES (?, 'k', '{}', 'done', 1, 0, 0)",
			"INSERT INTO audit (id, at, actor_kind, action) VALUES (?, 0, 'system', 'a')",
			"INSERT INTO customers (id, created_at, updated_at) VALUES (?, 0, 0)",
		} {
			now.Advance(time.Hour)
			id := before.Next()
			exec(insert, int64(id))
			high, err := highWater(ctx, db)
			if err != nil || high != id {
				t.Errorf("the mark is %v, want %v (%v)", high, id, err)
			}
			now.Advance(-48 * time.Hour)
			after, err := ids.NewSource(now, 0, high)
			if err != nil {
				t.Fatal(err)
			}
			if next := after.Next(); next <= id {
				t.Errorf("after %v comes %v", id, next)
			}
			now.Advance(48 * time.Hour)
		}
	})
}

// overriding lets PostgreSQL take a number for a column that counts itself.
func overriding(db *store.DB) string {
	if db.Engine() == store.Postgres {
		return "OVERRIDING SYSTEM VALUE"
	}
	return ""
}
