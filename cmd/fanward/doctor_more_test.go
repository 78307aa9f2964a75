package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

const anyKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// TestDoctorOfAnInstallation: what the settings, the machine and the rows of an
// installation can be wrong about, each said in both languages.
func TestDoctorOfAnInstallation(t *testing.T) {
	owner := `INSERT INTO teammates (id, email, name, role, locale, created_at, updated_at) VALUES (1, 'a@example.com', 'A', 'owner', 'en', 1, 1)`
	account := func(channel, config, credentials string) string {
		return `INSERT INTO accounts (id, channel, name, public_key, status, config, sealed_credentials, created_at, updated_at) VALUES (1, '` + channel + `', 'Shop mail', 'k', 'active', '` + config + `', '` + credentials + `', 1, 1)`
	}
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		code  string
		fails bool
	}{
		{"http for others", func(t *testing.T, _ string) { t.Setenv("FANWARD_PUBLIC_URL", "http://chat.example.com") }, "doctor.public_plain", false},
		{"a public address with a path", func(t *testing.T, _ string) { t.Setenv("FANWARD_PUBLIC_URL", "https://example.com/chat") }, "config.not_a_public_url", true},
		{"everybody is a proxy", func(t *testing.T, _ string) { t.Setenv("FANWARD_TRUSTED_PROXIES", "0.0.0.0/0") }, "doctor.proxies_everyone", false},
		{"no such time zone", func(t *testing.T, _ string) { t.Setenv("FANWARD_INSTALLATION_TIMEZONE", "Asia/Peking") }, "config.not_a_timezone", true},
		{"settings that others read", func(t *testing.T, _ string) {
			if err := os.WriteFile("config.yaml", []byte("redis:\n  url: redis://user:secret@127.0.0.1:1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "doctor.config_exposed", true},
		{"the sandbox in earnest", func(t *testing.T, dir string) {
			must(t, "migrate")
			rows(t, dir, account("email", "{}", ""))
			t.Setenv("FANWARD_SANDBOX_MODE", "on")
		}, "config.sandbox_real_accounts", true},
		{"data in memory", func(t *testing.T, _ string) {
			dir, err := os.MkdirTemp("/dev/shm", "fanward-test-*")
			if err != nil {
				testkit.Missing(t, "/dev/shm is needed: mount a tmpfs there")
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			t.Setenv("FANWARD_DATA_DIR", dir)
		}, "doctor.folder_memory", true},
		{"a log that never shrinks", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			f, err := os.Create(filepath.Join(dir, store.FileName+"-wal"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Truncate(2<<30), f.Close()); err != nil { // sparse
				t.Fatal(err)
			}
		}, "doctor.wal_large", false},
		{"mail in the clear", func(t *testing.T, _ string) { t.Setenv("FANWARD_EMAIL_SMTP_ADDR", ":0") }, "doctor.smtp_plain", false},
		{"a certificate that ended", func(t *testing.T, _ string) { certificate(t, time.Now().Add(-time.Hour)) }, "doctor.certificate_over", true},
		{"a certificate that ends", func(t *testing.T, _ string) { certificate(t, time.Now().Add(72*time.Hour)) }, "doctor.certificate_due", false},
		{"a certificate", func(t *testing.T, _ string) { certificate(t, time.Now().Add(720*time.Hour)) }, "doctor.certificate", false},
		{"no certificate", func(t *testing.T, _ string) {
			certificate(t, time.Now().Add(time.Hour))
			t.Setenv("FANWARD_EMAIL_TLS_CERT", "/nowhere.pem")
		}, "doctor.certificate_bad", true},
		{"never backed up", func(t *testing.T, dir string) { must(t, "migrate"); rows(t, dir, owner) }, "doctor.backup_never", false},
		{"backed up long ago", func(t *testing.T, dir string) {
			must(t, "migrate")
			rows(t, dir, owner, `INSERT INTO settings (name, value) VALUES ('backup/last', '1767225600000')`)
		}, "doctor.backup_old", false},
		{"backed up", func(t *testing.T, dir string) {
			must(t, "migrate")
			rows(t, dir, owner)
			must(t, "backup", "--to", filepath.Join(t.TempDir(), "a"))
		}, "doctor.backup", false},
		{"people who live by a clock that nobody chose", func(t *testing.T, dir string) {
			must(t, "migrate")
			rows(t, dir, account("email", "{}", ""))
		}, "doctor.timezone_unset", false},
		{"credentials of another key", func(t *testing.T, dir string) {
			sealed(t, dir)
			rows(t, dir, account("wechat", "{}", "secret:s1.0123456789ab.xyz"))
		}, "doctor.sealed_elsewhere", true},
		{"a sandbox that is demanded of a public server", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_SANDBOX_MODE", "on")
			t.Setenv("FANWARD_PUBLIC_URL", "https://chat.example.com")
		}, "config.sandbox_public_url", true},
		{"one address for two", func(t *testing.T, _ string) {
			port, err := testkit.FreePort()
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("FANWARD_HTTP_ADDR", "127.0.0.1:"+strconv.Itoa(port))
			t.Setenv("FANWARD_SANDBOX_MAIL_ADDR", "127.0.0.1:"+strconv.Itoa(port))
		}, "doctor.port_taken", true},
		{"a database that is none", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			if err := os.WriteFile(filepath.Join(dir, store.FileName), bytes.Repeat([]byte("odd"), 4096), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "doctor.database_unopened", true},
		{"a database with a damaged page", func(t *testing.T, dir string) {
			must(t, "migrate")
			damage(t, filepath.Join(dir, store.FileName))
		}, "doctor.database_damaged", true},
		{"a certificate of no use before mail is taken in", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_EMAIL_TLS_CERT", "/nowhere.pem")
			t.Setenv("FANWARD_EMAIL_TLS_KEY", "/nowhere.pem")
		}, "doctor.certificate_bad", true},
		{"a folder for files that is not there yet", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			place := filepath.Join(t.TempDir(), "files")
			t.Setenv("FANWARD_FILES_URL", "file://"+place)
			t.Cleanup(func() {
				if present(place) {
					t.Error("the doctor made it")
				}
			})
		}, "doctor.files_new", false},
		{"a folder for files that cannot be", func(t *testing.T, dir string) {
			mkdir(t, dir, 0o700)
			write(t, filepath.Join(dir, files.FolderName), 0o600)
		}, "doctor.files_folder_unusable", true},
		{"a bucket that is not there", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_FILES_URL", testkit.Bucket(t).Address("elsewhere"))
		}, "doctor.files_unreachable", true},
		{"a bucket", func(t *testing.T, _ string) { t.Setenv("FANWARD_FILES_URL", testkit.Bucket(t).URL()) }, "doctor.files", false},
		{"files that are elsewhere", func(t *testing.T, dir string) {
			must(t, "migrate")
			rows(t, dir, `INSERT INTO attachments (id, message_id, owner_kind, owner_key, blob_key, name, content_type, size, sha256, created_at) VALUES (1, 1, 'x', 'x', 'ab/0123456789abcdef0123456789abcd', 'x', 'x', 1, 'x', 1)`)
			t.Setenv("FANWARD_FILES_URL", "file://"+t.TempDir())
		}, "doctor.files_elsewhere", true},
		{"files of one node", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_DATABASE_URL", testkit.PostgresURL(t))
			t.Setenv("FANWARD_SECRET_KEY", anyKey)
		}, "doctor.files_local", false},
		{"PostgreSQL that forgets", func(t *testing.T, _ string) {
			t.Setenv("FANWARD_SECRET_KEY", anyKey)
			t.Setenv("FANWARD_DATABASE_URL", forgetful(t))
		}, "doctor.database_lossy", true},
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
				said(t, lang, c.code, out)
			}
		})
	}
}

// said holds that a sentence is spoken: each of its parts between values.
func said(t *testing.T, lang, code, out string) {
	t.Helper()
	key := "cli." + code
	if rest, ok := strings.CutPrefix(code, "doctor."); ok && locale.Has(lang, "errors."+rest) {
		key = "errors." + rest
	}
	for i, part := range strings.Split(locale.Sentence(lang, key, nil), "{{") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "}}")
		}
		if !strings.Contains(out, part) {
			t.Errorf("%q is not said in\n%s", part, out)
		}
	}
	if strings.Contains(out, "{{") || strings.Contains(out, "cli.") {
		t.Errorf("an unfinished sentence in\n%s", out)
	}
}

// certificate sets one of its own for incoming mail.
func certificate(t *testing.T, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.com"}, NotBefore: until.Add(-9000 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for env, block := range map[string]*pem.Block{"FANWARD_EMAIL_TLS_CERT": {Type: "CERTIFICATE", Bytes: der}, "FANWARD_EMAIL_TLS_KEY": {Type: "EC PRIVATE KEY", Bytes: private}} {
		path := filepath.Join(t.TempDir(), "pem")
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(env, path)
	}
	t.Setenv("FANWARD_EMAIL_SMTP_ADDR", "127.0.0.1:0")
}

// forgetful is a database whose commits answer before they are on disk.
func forgetful(t *testing.T) string {
	t.Helper()
	url := testkit.PostgresURL(t)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var name string
	if err := db.QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`ALTER DATABASE "` + name + `" SET synchronous_commit = off`); err != nil {
		t.Fatal(err)
	}
	return url
}

// TestDoctorOfAMachine: what this machine cannot be made to be is judged by the
// numbers that others would give.
func TestDoctorOfAMachine(t *testing.T) {
	find := func(look func(x *examination)) string {
		x := newExamination(locale.English)
		look(x)
		var codes []string
		for _, f := range x.findings {
			codes = append(codes, string(f.Severity)+" "+f.Code)
			for _, lang := range locale.Languages {
				if s := locale.Sentence(lang, "cli.doctor."+f.Code, f.Params); strings.Contains(s, "{{") || strings.Contains(s, "cli.") {
					t.Errorf("%s is not spoken in %s: %s", f.Code, lang, s)
				}
			}
		}
		return strings.Join(codes, ", ")
	}
	ctx := context.Background()
	names := func(answer []*net.MX, err error) func(x *examination) {
		return func(x *examination) {
			x.lookupMX = func(context.Context, string) ([]*net.MX, error) { return answer, err }
			x.mailName(ctx, "example.com")
		}
	}
	pg := testkit.Open(t, store.Postgres)
	for want, look := range map[string]func(x *examination){
		"error folder_network": func(x *examination) { x.fileSystem("d", 0x6969, true) },
		"error folder_memory":  func(x *examination) { x.fileSystem("d", 0x01021994, false) },
		"warning folder_layer": func(x *examination) { x.fileSystem("d", overlaySystem, true) },
		"": func(x *examination) {
			x.fileSystem("d", 0xef53, true)  // ext4
			x.fileSystem("d", 0x6969, false) // rows are in PostgreSQL
			x.openFiles(func() (uint64, error) { return enoughFiles, nil })
			x.addresses(&config.Config{PublicURL: "http://localhost:8080", TrustedProxies: []string{"10.0.0.0/8"}})
			x.clocks(ctx, pg)
			x.now, x.began = x.now.Add(-time.Minute), x.began.Add(-time.Minute) // what was looked at before took long
			x.clocks(ctx, pg)
		},
		"warning disk_unknown": func(x *examination) {
			x.disk("\x00")
			// A running server tells its findings as JSON.
			if reason := x.findings[0].Params["reason"]; reason != syscall.EINVAL.Error() {
				t.Errorf("the reason is %v", reason)
			}
		},
		"warning open_files":        func(x *examination) { x.openFiles(func() (uint64, error) { return 1024, nil }) },
		"warning clocks_apart":      func(x *examination) { x.now = x.now.Add(time.Minute); x.clocks(ctx, pg) },
		"ok mail_name":              names([]*net.MX{{Host: "mx.example.com."}}, nil),
		"warning mail_name_missing": names(nil, &net.DNSError{IsNotFound: true}),
		"ok mail_name_skipped":      names(nil, &net.DNSError{IsTimeout: true}),
	} {
		if got := find(look); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
}

// TestRunningServerIsExamined: a server tells the doctor what only it has seen,
// such as a proxy that it does not trust.
func TestRunningServerIsExamined(t *testing.T) {
	p := testkit.Program(t)
	testkit.Eventually(t, 10*time.Second, "the owner is welcome", func() bool { return strings.Contains(p.Log(), "#token=") })
	installed(t, p)
	r, err := http.NewRequest("GET", p.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Body.Close()
	testkit.Eventually(t, 10*time.Second, "the log tells of it", func() bool { return strings.Contains(p.Log(), "trusted_proxies") })
	for lang, env := range map[string]string{locale.English: "en_US.UTF-8", locale.Chinese: "zh_CN.UTF-8"} {
		t.Setenv("LC_ALL", env)
		out, _, err := run("doctor")
		if err != nil {
			t.Error(err)
		}
		said(t, lang, "doctor.forwarded_untrusted", out)
		said(t, lang, "doctor.backup_never", out)
	}
	if _, err := os.Stat(filepath.Join(p.Dir, seal.FileName)); err != nil {
		t.Error(err)
	}
}

// damage overwrites the middle of every seventh page behind the first ones.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := int64(20 * page); at < info.Size(); at += 7 * page {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xA5}, 64), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// What never returns does not keep the program from ending.
func TestTheEndIsBounded(t *testing.T) {
	stuck := make(chan struct{})
	defer close(stuck)
	if err := within(time.Millisecond, func() error { <-stuck; return nil }); err == nil || !strings.Contains(err.Error(), "still runs") {
		t.Errorf("%v", err)
	}
	if err := within(time.Minute, func() error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v", err)
	}
}
