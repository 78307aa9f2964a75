package config_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/locale"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(c *config.Config) map[string]string {
	out := map[string]string{}
	for _, k := range c.Keys() {
		out[k.Name] = k.Text()
	}
	return out
}

func TestShippedFileEqualsDefaults(t *testing.T) {
	const shipped = "../../config.yaml"
	got, err := config.Load(shipped, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := texts(config.Default()); !reflect.DeepEqual(texts(got.Config), want) {
		t.Errorf("config.yaml gives %v, the defaults are %v", texts(got.Config), want)
	}
	// Every key must be written out: break each in turn and see it noticed.
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Default().Keys() {
		leaf := k.Name[strings.LastIndex(k.Name, ".")+1:]
		section, _, nested := strings.Cut(k.Name, ".")
		if !hasKey(string(text), section, leaf, nested) {
			t.Errorf("config.yaml does not show %s", k.Name)
		}
	}
}

// hasKey looks for the line of a key below its section.
func hasKey(text, section, leaf string, nested bool) bool {
	inside := false
	for line := range strings.SplitSeq(text, "\n") {
		if !nested && strings.HasPrefix(line, leaf+":") {
			return true
		}
		if line != "" && line[0] != ' ' && line[0] != '#' {
			inside = strings.HasPrefix(line, section+":")
		}
		if nested && inside && strings.HasPrefix(line, "  "+leaf+":") {
			return true
		}
	}
	return false
}

func TestEverySourceOverridesTheOneBefore(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	file := write(t, "\ufeffhttp:\n  addr: 127.0.0.1:9000\ntrusted_proxies: [10.0.0.0/8, '192.0.2.7']\nsession: {lifetime: 7d}\nlog:\n  level: \"warn\"\nlimits:\n  body_chars: 5_000\n")
	got, err := config.Load(file, []string{
		"FANWARD_HTTP_ADDR=127.0.0.1:9001", "FANWARD_LOG_LEVEL=", "FANWARD_SECRET_KEY=" + key, "FANWARD_DATABASE_URL=postgres://u:p@h/db",
		"FANWARD_RETENTION_CHANGES=90m", "FANWARD_PORT=tcp://10.0.0.1", "HOME=/root", "FANWARD_PUBLIC_URL=https://support.example.com/",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := got.Config
	if c.HTTP.Addr != "127.0.0.1:9001" || c.Log.Level != "warn" || c.Limits.BodyChars != 5000 || c.Session.Lifetime != 7*24*time.Hour ||
		c.Retention.Changes != 90*time.Minute || c.PublicURL != "https://support.example.com" || len(c.SecretKeyBytes()) != 32 {
		t.Errorf("got %+v", c)
	}
	if p := c.TrustedPrefixes(); len(p) != 2 || p[0].String() != "10.0.0.0/8" || p[1].String() != "192.0.2.7/32" {
		t.Errorf("trusted prefixes are %v", p)
	}
	if len(got.UnknownEnv) != 1 || got.UnknownEnv[0] != "FANWARD_PORT" {
		t.Errorf("unknown variables are %v", got.UnknownEnv)
	}
}

func TestEveryKeyHasAVariable(t *testing.T) {
	set := map[string]string{
		"http.addr": "127.0.0.1:1", "http.drain_wait": "7s", "public_url": "https://a.example", "trusted_proxies": "10.0.0.1", "data_dir": "elsewhere",
		"database.url": "postgres://h/d", "redis.url": "redis://h", "files.url": "file:///shared", "secret_key": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		"sandbox.mode": "off", "sandbox.shop_addr": "127.0.0.1:2", "sandbox.phone_addr": "127.0.0.1:3", "sandbox.mail_addr": "127.0.0.1:4",
		"email.smtp_addr": "127.0.0.1:5", "email.tls_cert": "c.pem", "email.tls_key": "k.pem", "log.level": "debug", "log.format": "json", "limits.file_bytes": "2048",
		"limits.body_chars": "200", "limits.request_bytes": "70000", "retention.changes": "2h", "retention.membership_changes": "31d", "retention.journey_steps": "32d", "retention.stage_changes": "33d", "session.lifetime": "9d",
		"installation.locale": "zh-CN", "installation.timezone": "Asia/Shanghai",
	}
	var environ []string
	for _, k := range config.Default().Keys() {
		v, ok := set[k.Name]
		if !ok {
			t.Errorf("the test has no value for %s", k.Name)
		}
		environ = append(environ, "FANWARD_"+strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_"))+"="+v)
	}
	got, err := config.Load(write(t, ""), environ)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range got.Keys() {
		if want := set[k.Name]; k.Text() != want && k.Text() != "(hidden)" {
			t.Errorf("%s = %q, want %q", k.Name, k.Text(), want)
		}
	}
	if got.Database.URL != set["database.url"] || got.Redis.URL != set["redis.url"] || got.SecretKey != set["secret_key"] {
		t.Error("a secret was not taken over")
	}
}

// TestProblems: each row is a file, its environment and what must be said, all
// at once and in this order.
func TestProblems(t *testing.T) {
	cases := map[string]struct {
		yaml string
		env  []string
		want []string // code key@line, or code key@ENV
	}{
		"unknown key":       {"http:\n  adr: x\n", nil, []string{"unknown_key http.adr@2"}},
		"unknown section":   {"htp:\n  addr: x\n", nil, []string{"unknown_key htp@1"}},
		"two unknown":       {"a: 1\nlog:\n  colour: red\n", nil, []string{"unknown_key a@1", "unknown_key log.colour@3"}},
		"everything wrong":  {"http:\n  addr: nowhere\nlog:\n  level: loud\nlimits:\n  body_chars: many\n", []string{"FANWARD_SESSION_LIFETIME=long"}, []string{"not_a_number limits.body_chars@6", "not_a_duration session.lifetime@FANWARD_SESSION_LIFETIME", "not_an_address http.addr@2", "not_a_choice log.level@4"}},
		"broken yaml":       {"http: [\n", nil, []string{"syntax @1"}},
		"duplicate key":     {"data_dir: a\ndata_dir: b\n", nil, []string{"syntax @2"}},
		"two documents":     {"data_dir: a\n---\ndata_dir: b\n", nil, []string{"several_documents @3"}},
		"a list":            {"- a\n", nil, []string{"not_a_mapping @1"}},
		"value for section": {"http: 8080\n", nil, []string{"not_a_mapping http@1"}},
		"list for value":    {"data_dir: [a]\n", nil, []string{"not_a_scalar data_dir@1"}},
		"map for value":     {"data_dir:\n  a: b\n", nil, []string{"not_a_scalar data_dir@2"}},
		"range":             {"", []string{"FANWARD_LIMITS_FILE_BYTES=1", "FANWARD_RETENTION_CHANGES=1m"}, []string{"out_of_range limits.file_bytes@FANWARD_LIMITS_FILE_BYTES", "out_of_range retention.changes@FANWARD_RETENTION_CHANGES"}},
		"public url":        {"public_url: https://x.example/path", nil, []string{"not_a_public_url public_url@1"}},
		"public url scheme": {"public_url: ftp://x.example", nil, []string{"not_a_public_url public_url@1"}},
		"network":           {"trusted_proxies: [10.0.0.1, proxy]", nil, []string{"not_a_network trusted_proxies@1"}},
		"database":          {"", []string{"FANWARD_DATABASE_URL=mysql://h/db", "FANWARD_SECRET_KEY=c2hvcnQ="}, []string{"not_postgres database.url@FANWARD_DATABASE_URL", "not_a_secret_key secret_key@FANWARD_SECRET_KEY"}},
		"secret required":   {"", []string{"FANWARD_DATABASE_URL=postgres://h/db"}, []string{"secret_required secret_key@"}},
		"redis":             {"redis: {url: 'http://h'}", nil, []string{"not_redis redis.url@1"}},
		"files folder":      {"files: {url: 'file://relative'}", nil, []string{"not_files files.url@1"}},
		"files bucket":      {"", []string{"FANWARD_FILES_URL=s3://key:secret@bucket"}, []string{"not_files files.url@FANWARD_FILES_URL"}},
		"time zone":         {"installation: {timezone: Mars/Base, locale: fr}", nil, []string{"not_a_choice installation.locale@1", "not_a_timezone installation.timezone@1"}},
		"port":              {"http: {addr: 'localhost:99999'}\nsandbox: {mode: maybe, shop_addr: x}", nil, []string{"not_an_address http.addr@1", "not_a_choice sandbox.mode@2", "not_an_address sandbox.shop_addr@2"}},
		"request below":     {"limits: {body_chars: 100000, request_bytes: 100000}", nil, []string{"request_below_body limits.request_bytes@1"}},
		"empty folder":      {"data_dir: ''", nil, []string{"not_a_folder data_dir@1"}},
		"format":            {"log: {format: xml}", nil, []string{"not_a_choice log.format@1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(write(t, c.yaml), c.env)
			var ps config.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("no problems but %v", err)
			}
			var got []string
			for _, p := range ps {
				where := p.Env
				if p.Line > 0 {
					where = itoa(p.Line)
				}
				got = append(got, p.Code+" "+p.Key+"@"+where)
				for _, lang := range locale.Languages {
					s := p.Sentence(lang)
					if strings.Contains(s, "cli.config") || strings.Contains(s, "{{") {
						t.Errorf("%s is not spoken in %s: %s", p.Code, lang, s)
					}
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v\n%v", got, c.want, err)
			}
		})
	}
}

func itoa(n int) string { return string(rune('0' + n)) }

func TestFileThatCannotBeRead(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	var ps config.Problems
	if !errors.As(err, &ps) || ps[0].Code != "file_missing" {
		t.Errorf("got %v", err)
	}
	if _, err = config.Load(t.TempDir(), nil); !errors.As(err, &ps) || ps[0].Code != "file_unreadable" {
		t.Errorf("got %v", err)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	_, err := config.Load(write(t, ""), []string{"FANWARD_DATABASE_URL=mysql://u:hunter2@h/db", "FANWARD_SECRET_KEY=hunter2", "FANWARD_REDIS_URL=hunter2"})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "(hidden)") {
		t.Errorf("the problems say: %v", err)
	}
}

func TestSandboxRule(t *testing.T) {
	cases := []struct {
		env  []string
		real bool
		on   bool
		fail string // codes
	}{
		{nil, false, true, ""},
		{nil, true, false, ""},
		{[]string{"FANWARD_HTTP_ADDR=localhost:8080"}, false, true, ""},
		{[]string{"FANWARD_HTTP_ADDR=[::1]:8080"}, false, true, ""},
		{[]string{"FANWARD_HTTP_ADDR=:8080"}, false, false, ""},
		{[]string{"FANWARD_HTTP_ADDR=0.0.0.0:8080"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_SHOP_ADDR=:8081"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_PHONE_ADDR=:8082"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_MODE=on", "FANWARD_SANDBOX_PHONE_ADDR=0.0.0.0:8082"}, false, false, "sandbox_not_loopback"},
		{[]string{"FANWARD_SANDBOX_MAIL_ADDR=:8083"}, false, false, ""},
		{[]string{"FANWARD_EMAIL_SMTP_ADDR=:25"}, false, false, ""},
		{[]string{"FANWARD_EMAIL_SMTP_ADDR=127.0.0.1:2525"}, false, true, ""},
		{[]string{"FANWARD_SANDBOX_MODE=on", "FANWARD_EMAIL_SMTP_ADDR=:25"}, false, false, "sandbox_not_loopback"},
		{[]string{"FANWARD_PUBLIC_URL=https://a.example"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_MODE=off"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_MODE=off", "FANWARD_HTTP_ADDR=:1"}, true, false, ""},
		{[]string{"FANWARD_SANDBOX_MODE=on"}, false, true, ""},
		{[]string{"FANWARD_SANDBOX_MODE=on", "FANWARD_PUBLIC_URL=http://127.0.0.1:9000"}, false, true, ""},
		{[]string{"FANWARD_PUBLIC_URL=http://localhost"}, false, true, ""},
		{[]string{"FANWARD_PUBLIC_URL=http://localhost.example"}, false, false, ""},
		{[]string{"FANWARD_SANDBOX_MODE=on"}, true, false, "sandbox_real_accounts"},
		{[]string{"FANWARD_SANDBOX_MODE=on", "FANWARD_HTTP_ADDR=192.0.2.1:80", "FANWARD_PUBLIC_URL=https://a.example", "FANWARD_SANDBOX_SHOP_ADDR=:0"}, false, false, "sandbox_not_loopback sandbox_not_loopback sandbox_public_url"},
	}
	for _, c := range cases {
		r, err := config.Load(write(t, ""), c.env)
		if err != nil {
			t.Fatal(err)
		}
		on, err := r.SandboxOn(c.real)
		var codes []string
		var ps config.Problems
		if errors.As(err, &ps) {
			for _, p := range ps {
				codes = append(codes, p.Code)
			}
		}
		if on != c.on || strings.Join(codes, " ") != c.fail {
			t.Errorf("%v real=%v: on=%v codes=%v, want on=%v %q", c.env, c.real, on, codes, c.on, c.fail)
		}
	}
}

// TestGuide keeps the table of the guide as the code has it. On failure the
// right text is printed.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), config.Table()) {
		t.Errorf("docs/configuration.md must contain this table:\n%s", config.Table())
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"30d": 720 * time.Hour, "72h": 72 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "0d": 0} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%s = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "1.5d", "10", "99999d"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
