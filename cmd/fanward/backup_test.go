package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/backup"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

// installed points the commands of this process at another installation.
func installed(t *testing.T, p *testkit.Process) {
	t.Helper()
	installation(t)
	t.Setenv("FANWARD_DATA_DIR", p.Dir)
}

func output(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := run(args...)
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, errs)
	}
	return strings.TrimSpace(out)
}

// track makes a tracking call and returns once it is acknowledged.
func track(base, key, event, id string) error {
	body := fmt.Sprintf(`{"userId":"u1","event":%q,"messageId":%q}`, event, id)
	r, err := http.NewRequest("POST", base+"/v1/track", strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(key, "")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return errors.New(a.Status)
	}
	return nil
}

// totalEvents asks the API, exactly.
func totalEvents(t *testing.T, base, token, name string) (n int) {
	t.Helper()
	r, err := http.NewRequest("GET", base+"/api/v1/events?total=true&limit=1&name="+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	var page struct{ Total int }
	if err := json.NewDecoder(a.Body).Decode(&page); err != nil || a.StatusCode != 200 {
		t.Fatal(a.Status, err)
	}
	return page.Total
}

// TestBackupWhileServing: what was acknowledged before the backup began is in
// it, whatever is written meanwhile; what is restored serves with the same key
// and nowhere else; the server knows when its latest backup was.
func TestBackupWhileServing(t *testing.T) {
	p := testkit.Program(t)
	installed(t, p)
	key, token := output(t, "writekey", "create"), output(t, "token", "create", "--role", "admin")
	const before = 40
	for i := range before {
		if err := track(p.URL, key, "Before", fmt.Sprint("b", i)); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					if err := track(p.URL, key, "Meanwhile", fmt.Sprint(w, "/", i)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	archive := filepath.Join(t.TempDir(), "a.tar.zst")
	_, errs, err := run("backup", "--to", archive, "--rate", "0")
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err, errs)
	}
	if !strings.Contains(errs, "does not contain the secret key") {
		t.Errorf("nothing is said of the key: %s", errs)
	}
	if st, err := os.Stat(archive); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	whole, err := os.ReadFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := run("backup", "--to", "-")
	if m, bad := backup.Verify(strings.NewReader(out)); err != nil || bad != nil || m.Quiet || m.KeyID == "" {
		t.Errorf("to standard output: %+v, %v, %v", m.Header, bad, err)
	}
	secret, err := os.ReadFile(filepath.Join(p.Dir, seal.FileName))
	if err != nil || bytes.Contains(whole, bytes.TrimSpace(secret)) {
		t.Error("the archive holds the key", err)
	}
	if text, _, err := run("restore", "--from", archive, "--check"); err != nil {
		t.Error(text, err)
	}
	if _, _, err := run("restore", "--from", archive, "--replace"); !errors.Is(err, store.ErrLocked) {
		t.Errorf("restored under a running server: %v", err)
	}
	fresh := t.TempDir()
	t.Setenv("FANWARD_DATA_DIR", fresh)
	var wants wantsKey
	if _, _, err := run("restore", "--from", archive); !errors.As(err, &wants) {
		t.Errorf("restored without the key: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(fresh, "*")); len(left) > 0 {
		t.Errorf("a refusal left %v", left)
	}
	if err := os.WriteFile(filepath.Join(fresh, seal.FileName), secret, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run("restore", "--from", archive, "--moved"); !errors.Is(err, errNotQuiet) {
		t.Errorf("moved from a running server: %v", err)
	}
	output(t, "restore", "--from", archive)
	again := testkit.Program(t, testkit.WithDir(fresh))
	if n := totalEvents(t, again.URL, token, "Before"); n != before {
		t.Errorf("%d of %d events that were acknowledged before the backup", n, before)
	}
	if err := track(again.URL, key, "Before", "b0"); err != nil {
		t.Error(err)
	}
	if n := totalEvents(t, again.URL, token, "Before"); n != before {
		t.Errorf("a repeat of before the backup is counted anew: %d", n)
	}
	testkit.Eventually(t, 20*time.Second, "the age of the backup is shown", func() bool {
		return strings.Contains(metrics(t, p.URL), "\nfanward_backup_last_timestamp_seconds 1")
	})
}

func metrics(t *testing.T, base string) string {
	t.Helper()
	a, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	var b bytes.Buffer
	if _, err := b.ReadFrom(a.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGrowing: an installation moves from SQLite and a folder onto PostgreSQL
// and a bucket, works there, and can go back.
func TestGrowing(t *testing.T) {
	bucket := testkit.Bucket(t)
	p := testkit.Program(t)
	installed(t, p)
	key, token := output(t, "writekey", "create"), output(t, "token", "create", "--role", "owner")
	if err := track(p.URL, key, "Small", "1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "move.tar.zst")
	output(t, "backup", "--to", archive)
	secret, err := os.ReadFile(filepath.Join(p.Dir, seal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	url := testkit.PostgresURL(t)
	large := t.TempDir()
	t.Setenv("FANWARD_DATA_DIR", large)
	t.Setenv("FANWARD_DATABASE_URL", url)
	t.Setenv("FANWARD_FILES_URL", bucket.URL())
	t.Setenv("FANWARD_SECRET_KEY", strings.TrimSpace(string(secret)))
	output(t, "restore", "--from", archive, "--moved")
	if _, _, err := run("restore", "--from", archive, "--moved"); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a second time: %v", err)
	}
	env := []testkit.ProgramOption{testkit.WithDir(large), testkit.WithPostgres(url)}
	for _, name := range []string{"FANWARD_SECRET_KEY", "FANWARD_FILES_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} {
		env = append(env, testkit.WithEnv(name, os.Getenv(name)))
	}
	grown := testkit.Program(t, env...)
	if err := errors.Join(track(grown.URL, key, "Small", "1"), track(grown.URL, key, "Large", "2")); err != nil {
		t.Fatal(err)
	}
	if a, b := totalEvents(t, grown.URL, token, "Small"), totalEvents(t, grown.URL, token, "Large"); a != 1 || b != 1 {
		t.Errorf("%d and %d events", a, b)
	}
	output(t, "backup", "--to", archive) // by the running node
	if err := grown.Stop(); err != nil {
		t.Fatal(err)
	}
	output(t, "backup", "--to", archive)
	t.Setenv("FANWARD_DATABASE_URL", "")
	t.Setenv("FANWARD_FILES_URL", "")
	t.Setenv("FANWARD_SECRET_KEY", "")
	t.Setenv("FANWARD_DATA_DIR", p.Dir)
	output(t, "restore", "--from", archive, "--moved", "--replace")
	p.Start()
	if a, b := totalEvents(t, p.URL, token, "Small"), totalEvents(t, p.URL, token, "Large"); a != 1 || b != 1 {
		t.Errorf("back: %d and %d events", a, b)
	}
}

// TestAftermath: what was under way when an archive was made is in doubt after
// a restore, and goes on after a move.
func TestAftermath(t *testing.T) {
	dir := installation(t)
	must(t, "migrate")
	rows(t, dir,
		`INSERT INTO accounts (id, channel, name, public_key, status, config, created_at, updated_at) VALUES (1, 'email', 'Mail', 'k', 'active', '{}', 1, 1)`,
		`INSERT INTO customers (id, created_at, updated_at) VALUES (1, 1, 1)`,
		`INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, created_at) VALUES (1, 1, 1, 'email', '', 'a@example.com', 1)`,
		`INSERT INTO journeys (id, name, state, draft, created_at, updated_at) VALUES (1, 'Live', 'live', '{}', 1, 1), (2, 'Draft', 'draft', '{}', 1, 1)`,
		`INSERT INTO teammates (id, email, name, role, locale, created_at, updated_at) VALUES (1, 'a@example.com', 'A', 'owner', 'en', 1, 1)`,
		`INSERT INTO sessions (token_hash, teammate_id, created_at, expires_at, last_seen_at, via) VALUES ('x', 1, 1, 9999999999999, 1, 'link')`)
	for i, state := range []string{"queued", "claimed", "sending", "sent", "failed"} {
		rows(t, dir,
			fmt.Sprintf(`INSERT INTO deliveries (id, idempotency_key, account_id, identity_id, lane, purpose, state, next_at, lease_until, created_at, updated_at) VALUES (%d, 'k%d', 1, 1, %d, 'marketing', '%s', 99999999999999, 99999999999999, 1, 1)`, i+1, i, i+1, state),
			fmt.Sprintf(`INSERT INTO delivery_contents (delivery_id, identity_id, account_id, channel, purpose, body, created_at) VALUES (%d, 1, 1, 'email', 'marketing', 'Hi', 1)`, i+1))
	}
	archive := filepath.Join(t.TempDir(), "a.tar.zst")
	output(t, "backup", "--to", archive)
	for _, c := range []struct {
		args                      []string
		deliveries, live, session string
	}{
		{nil, "unknown unknown unknown sent failed", "paused draft", "0"},
		{[]string{"--moved"}, "queued any unknown sent failed", "live draft", "1"},
	} {
		to := t.TempDir()
		t.Setenv("FANWARD_DATA_DIR", to)
		output(t, append([]string{"restore", "--from", archive}, c.args...)...)
		p := testkit.Program(t, testkit.WithDir(to))
		testkit.Eventually(t, 20*time.Second, "the deliveries are "+c.deliveries, func() bool {
			// After a move the claimed one is due at once; all that counts is that it is not in doubt.
			got := strings.Fields(ask(t, to, "SELECT group_concat(state, ' ') FROM (SELECT state FROM deliveries ORDER BY id)"))
			want := strings.Fields(c.deliveries)
			if want[1] == "any" && got[1] != "unknown" {
				got[1] = "any"
			}
			return slices.Equal(got, want)
		})
		if got := ask(t, to, "SELECT group_concat(state, ' ') FROM (SELECT state FROM journeys ORDER BY id)"); got != c.live {
			t.Errorf("%v: journeys are %s", c.args, got)
		}
		if got := ask(t, to, "SELECT count(*) FROM sessions WHERE token_hash = 'x'"); got != c.session {
			t.Errorf("%v: %s sessions", c.args, got)
		}
		if c.args == nil {
			// Who may have been written to has been, for the cap.
			if got := ask(t, to, "SELECT count(*) FROM delivery_contents WHERE sent_at > 0"); got != "3" {
				t.Errorf("%s may have gone out", got)
			}
		}
		_ = p.Stop()
	}
}

// TestWithoutTheKey: secrets that cannot be opened any more are named.
func TestWithoutTheKey(t *testing.T) {
	dir := installation(t)
	sealed(t, dir)
	rows(t, dir, `INSERT INTO accounts (id, channel, name, public_key, status, config, sealed_credentials, created_at, updated_at)
		VALUES (1, 'email', 'Support mail', 'k', 'active', '{}', 'password:s1.`+keyFile(t, dir).ID()+`.xyz', 1, 1)`)
	archive := filepath.Join(t.TempDir(), "a.tar.zst")
	output(t, "backup", "--to", archive)
	t.Setenv("FANWARD_DATA_DIR", t.TempDir())
	if _, errs, err := run("restore", "--from", archive, "--without-key"); err != nil || !strings.Contains(errs, "enter the credentials") {
		t.Fatal(errs, err)
	}
	if out, _, err := run("doctor"); err == nil || !strings.Contains(out, "Support mail") {
		t.Errorf("the doctor does not name the account: %v\n%s", err, out)
	}
}

// TestBackupThatCannotBe: each refusal says its cure in both languages, and
// leaves nothing behind.
func TestBackupThatCannotBe(t *testing.T) {
	dir := installation(t)
	odd := filepath.Join(t.TempDir(), "odd")
	if err := os.WriteFile(odd, []byte("odd"), 0o600); err != nil {
		t.Fatal(err)
	}
	for key, args := range map[string][]string{
		"cli.backup.nothing":  {"backup", "--to", filepath.Join(dir, "a")},
		"cli.restore.damaged": {"restore", "--from", odd},
	} {
		_, _, err := run(args...)
		if err == nil {
			t.Fatalf("%v succeeds", args)
		}
		for lang, env := range map[string]string{locale.English: "en_US.UTF-8", locale.Chinese: "zh_CN.UTF-8"} {
			t.Setenv("LC_ALL", env)
			want, _, _ := strings.Cut(locale.Sentence(lang, key, nil), "{{")
			if got := sentence(err); !strings.HasPrefix(got, want) || strings.Contains(got, "{{") {
				t.Errorf("%v says %q", args, got)
			}
		}
	}
	if present(dir) {
		t.Error("a refusal made the data folder")
	}
}

func open(t *testing.T, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// ask reads one value while others may be writing.
func ask(t *testing.T, dir, query string) (s string) {
	t.Helper()
	db := open(t, dir)
	defer func() { _ = db.Close() }()
	if err := db.SQL().QueryRow(query).Scan(&s); err != nil {
		t.Fatal(query, err)
	}
	return s
}

func rows(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db := open(t, dir)
	defer func() { _ = db.Close() }()
	for i, s := range statements {
		q := store.Load(fmt.Sprintf("exec%d", i), "-- name: it\n"+strings.ReplaceAll(s, "?", "")).Get("it")
		if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(q); return err }); err != nil {
			t.Fatal(s, err)
		}
	}
}

// TestBackupBreaksOff: a server that stops amid a backup leaves no archive that
// somebody could take for one, and the one before stays.
func TestBackupBreaksOff(t *testing.T) {
	dir := installation(t)
	must(t, "migrate")
	kept, err := files.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = kept.Close() }()
	db := open(t, dir)
	defer func() { _ = db.Close() }()
	d := directBackup{db: db, files: kept, clk: clock.NewSystem(), serving: true}
	life, stopping := context.WithCancel(t.Context())
	stopping()
	a, err := startAdmin(dir, direct{}, quiet, func(mux *http.ServeMux) {
		mux.HandleFunc("GET /backup", func(w http.ResponseWriter, r *http.Request) { d.serve(life, quiet, w, r) })
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.stop(t.Context()) }()
	to := t.TempDir()
	path := filepath.Join(to, "a.tar.zst")
	if err := os.WriteFile(path, []byte("the one before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run("backup", "--to", path); err == nil {
		t.Error("a backup that broke off succeeds")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "the one before" {
		t.Errorf("the one before is %q: %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(to, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if at, err := lastBackupAt(t.Context(), db); err != nil || !at.IsZero() {
		t.Errorf("it counts as made at %v: %v", at, err)
	}
}
