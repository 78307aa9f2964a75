package main

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/model"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/testkit"
)

// shipped is a file that operators take from docs/operate.
func shipped(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operate", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// valid holds that an environment is one with which the program would start.
func valid(t *testing.T, what string, environ []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	r, err := config.Load("", environ)
	if err != nil || len(r.UnknownEnv) > 0 {
		t.Errorf("%s: %v, unknown %v", what, err, r.UnknownEnv)
	}
}

// TestUnits: systemd takes the units, finds little to fear in them, and their
// environment is one with which the program starts.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"fanward.service", "fanward-backup.service", "fanward-backup.timer"} {
		// What systemd asks of a program that is not installed here.
		text := strings.ReplaceAll(shipped(t, name), "/usr/local/bin/fanward", testkit.Binary(t))
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
		var environ []string
		for _, line := range strings.Split(text, "\n") {
			if pair, ok := strings.CutPrefix(line, "Environment="); ok {
				environ = append(environ, pair)
			}
		}
		valid(t, name, environ)
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not here: what systemd itself thinks was not asked")
		return
	}
	if out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, paths...)...).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	for _, path := range paths[:2] {
		if out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--threshold=50", path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(path), err, out)
		}
	}
}

// TestCompose: the file fits the schema, its nodes differ in nothing but their
// folders, and each starts with what it is given.
func TestCompose(t *testing.T) {
	details := types.ConfigDetails{
		WorkingDir:  filepath.Join(testkit.Root(), "docs", "operate"),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(shipped(t, "compose.yaml"))}},
		Environment: types.Mapping{"POSTGRES_PASSWORD": "secret", "FANWARD_SECRET_KEY": anyKey, "FANWARD_PUBLIC_URL": "https://support.example.com"},
	}
	p, err := loader.LoadWithContext(context.Background(), details)
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range []string{"POSTGRES_PASSWORD", "FANWARD_SECRET_KEY", "FANWARD_PUBLIC_URL"} {
		without := details
		without.Environment = details.Environment.Clone()
		delete(without.Environment, missing)
		if _, err := loader.LoadWithContext(context.Background(), without); err == nil {
			t.Errorf("without %s it is taken all the same", missing)
		}
	}
	one, two := p.Services["node1"], p.Services["node2"]
	var environ []string
	for k, v := range one.Environment {
		environ = append(environ, k+"="+*v)
		if w := two.Environment[k]; w == nil || *w != *v {
			t.Errorf("the nodes differ in %s", k)
		}
	}
	valid(t, "node1", environ)
	if one.Volumes[0].Source == two.Volumes[0].Source || one.Volumes[1].Source != two.Volumes[1].Source {
		t.Error("nodes need data folders of their own and share the files")
	}
	address := p.Services["balancer"].Networks["inside"].Ipv4Address
	if *one.Environment["FANWARD_TRUSTED_PROXIES"] != address || address == "" {
		t.Errorf("the nodes trust %s and the balancer is %s", *one.Environment["FANWARD_TRUSTED_PROXIES"], address)
	}
	balancer := shipped(t, "haproxy.cfg")
	for _, node := range []string{"server node1 node1:8080", "server node2 node2:8080", "GET /readyz"} {
		if !strings.Contains(balancer, node) {
			t.Errorf("the balancer lacks %q", node)
		}
	}
	if _, err := os.Stat(filepath.Join(one.Build.Context, one.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
}

// TestContainerfile: what it copies is there, what it runs is what this
// repository has, and, in the long run, its build gives a program that needs no
// other file.
func TestContainerfile(t *testing.T) {
	text := shipped(t, "Containerfile")
	var build string
	for _, line := range strings.Split(text, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		fields := strings.Fields(rest)
		switch word {
		case "COPY":
			if strings.HasPrefix(rest, "--from=") {
				continue
			}
			for _, source := range fields[:len(fields)-1] {
				if _, err := os.Stat(filepath.Join(testkit.Root(), source)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		case "RUN":
			if i := strings.Index(rest, "npm run "); i >= 0 {
				script := strings.Fields(rest[i:])[2]
				if b, err := os.ReadFile(filepath.Join(testkit.Root(), "web", "package.json")); err != nil || !bytes.Contains(b, []byte(`"`+script+`":`)) {
					t.Errorf("there is no script %s: %v", script, err)
				}
			}
			if strings.Contains(rest, "go build") {
				build = rest
			}
		case "ENV":
			valid(t, line, fields)
		}
	}
	if !strings.HasPrefix(build, "CGO_ENABLED=0 go build ") || !strings.HasSuffix(build, " ./cmd/fanward") {
		t.Errorf("the program is built by %q", build)
	}
	if os.Getenv("FANWARD_SOAK") == "1" {
		buildsAlone(t, build) // all of it anew, since other flags fit no cache
	}
	if mod, err := os.ReadFile(filepath.Join(testkit.Root(), "go.mod")); err != nil || !strings.Contains(string(mod), "\ngo "+regexp.MustCompile(`golang:([0-9.]+)`).FindStringSubmatch(text)[1]) {
		t.Errorf("the image's Go is not that of go.mod: %v", err)
	}
}

// buildsAlone runs a build and holds that what it makes needs no other file.
func buildsAlone(t *testing.T, build string) {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(build, "/out/", out+"/"))
	cmd.Dir = testkit.Root()
	cmd.Env = append(os.Environ(), "VERSION=1.2.3")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, text)
	}
	program := filepath.Join(out, "fanward")
	version, err := exec.Command(program, "version").Output()
	if err != nil || strings.TrimSpace(string(version)) != "1.2.3" {
		t.Errorf("the version is %q: %v", version, err)
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program needs libraries that an empty image has not")
	}
}

type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

var (
	metricName = regexp.MustCompile(`\b(?:fanward|go|process)_[a-z0-9_]+\b`)
	tableNames = regexp.MustCompile("`(fanward_[a-z_]+)`")
)

// TestAlerts: every rule says what is wrong and the cure, and stands on numbers
// that a program shows, on SQLite or as a node of a cluster; so does the guide.
func TestAlerts(t *testing.T) {
	var r rules
	if err := yaml.UnmarshalWithOptions([]byte(shipped(t, "alerts.yaml")), &r, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	alone, node := testkit.Program(t), testkit.Cluster(t, 1)[0]
	var shown string
	testkit.Eventually(t, 30*time.Second, "both show what they have sampled", func() bool {
		shown = metrics(t, alone.URL) + metrics(t, node.URL)
		return strings.Count(shown, "\nfanward_database_up 1\n") == 2 && strings.Contains(shown, "\nfanward_redis_up 1") && strings.Contains(shown, "\nfanward_http_requests_total")
	})
	known := func(name string) bool {
		return strings.Contains(shown, "\n"+name+" ") || strings.Contains(shown, "\n"+name+"{")
	}
	seen := map[string]bool{}
	for _, rule := range r.Groups[0].Rules {
		if seen[rule.Alert] {
			t.Errorf("%s stands twice", rule.Alert)
		}
		seen[rule.Alert] = true
		names := metricName.FindAllString(rule.Expr, -1)
		if len(names) == 0 && !strings.Contains(rule.Expr, "up{") {
			t.Errorf("%s stands on nothing", rule.Alert)
		}
		for _, n := range names {
			if !known(n) {
				t.Errorf("%s: nobody shows %s", rule.Alert, n)
			}
		}
		if _, err := model.ParseDuration(rule.For); err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
		}
		if strings.Count(rule.Expr, "(") != strings.Count(rule.Expr, ")") || rule.Annotations["summary"] == "" || rule.Annotations["cure"] == "" || !slices.Contains([]string{"warning", "critical"}, rule.Labels["severity"]) {
			t.Errorf("%s is not whole: %+v", rule.Alert, rule)
		}
	}
	guide, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "operate.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tableNames.FindAllStringSubmatch(string(guide), -1) {
		if !known(m[1]) && !known(m[1]+"_count") && m[1] != "fanward_sockets" {
			t.Errorf("the guide speaks of %s, which nobody shows", m[1])
		}
	}
}

// TestGauges: what waits, fails and is late shows in the numbers.
func TestGauges(t *testing.T) {
	dir := installation(t)
	must(t, "migrate")
	long := time.Now().Add(-time.Hour).UnixMilli()
	rows(t, dir,
		`INSERT INTO accounts (id, channel, name, public_key, status, config, created_at, updated_at) VALUES (1, 'email', 'Mail', 'k', 'disabled', '{}', 1, 1), (2, 'email', 'Mail', 'l', 'active', '{}', 1, 1)`,
		`INSERT INTO customers (id, created_at, updated_at) VALUES (1, 1, 1)`,
		`INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, created_at) VALUES (1, 1, 1, 'email', '', 'a@example.com', 1)`,
		fmt.Sprintf(`INSERT INTO deliveries (id, idempotency_key, account_id, identity_id, lane, purpose, state, next_at, created_at, updated_at) VALUES
			(1, 'a', 1, 1, 1, 'reply', 'queued', %[1]d, 1, 1), (2, 'b', 1, 1, 2, 'reply', 'unknown', %[1]d, 1, 1), (3, 'c', 1, 1, 3, 'reply', 'failed', %[1]d, 1, 1)`, long),
		fmt.Sprintf(`INSERT INTO inbound (id, account_id, lane, dedup_key, body, state, next_at, received_at) VALUES (1, 1, 'x', 'x', 'x', 'failed', %[1]d, %[1]d)`, long))
	p := testkit.Program(t, testkit.WithDir(dir))
	testkit.Eventually(t, 30*time.Second, "the rows show", func() bool {
		m := metrics(t, p.URL)
		return strings.Contains(m, "\nfanward_outbox_unknown 1\n") && strings.Contains(m, "\nfanward_outbox_failed 1\n") && strings.Contains(m, "\nfanward_intake_failed 1\n") &&
			strings.Contains(m, "\nfanward_outbox_late_seconds 0\n") && strings.Contains(m, "\nfanward_backup_last_timestamp_seconds 0\n")
	})
	if now := time.Now().UnixMilli(); age(long, now) < 3600 || age(0, now) != 0 || age(now+5000, now) != 0 {
		t.Error("ages are not told rightly")
	}
}
