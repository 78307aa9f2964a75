package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
)

const (
	diskWarning = 1 << 30
	diskError   = 100 << 20
	// clockSlack is how far the newest row may lie ahead of the clock.
	clockSlack = time.Minute
	dialWait   = 3 * time.Second
	// checkWait is how long a database file is looked through.
	checkWait = 30 * time.Second
)

// released is before every build: a clock that shows less is not set.
var released = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

type severity string

const (
	fine    severity = "ok"
	warning severity = "warning"
	broken  severity = "error"
)

// finding is one thing that doctor looked at. Its sentence is
// "cli.doctor.<code>" and, unless all is well, says the cure.
type finding struct {
	Severity severity       `json:"severity"`
	Code     string         `json:"code,omitempty"`
	Params   map[string]any `json:"params,omitempty"`
	Text     string         `json:"text,omitempty"` // instead of a sentence, for problems that bring their own
}

// examination looks around the installation without changing it.
type examination struct {
	lang     string
	findings []finding
	running  bool // a server answers on the admin socket
	// now is this machine's time when the examination began.
	now, began time.Time
	lookupMX   func(ctx context.Context, domain string) ([]*net.MX, error)
	// newest is the key of the newest file that a row refers to.
	newest string
}

func newExamination(lang string) *examination {
	return &examination{lang: lang, now: clock.NewSystem().Now(), began: time.Now(), lookupMX: net.DefaultResolver.LookupMX}
}

// note adds a finding. Errors among its params become what they say: a running
// server tells its findings as JSON.
func (x *examination) note(s severity, code string, params map[string]any) {
	for name, value := range params {
		if err, ok := value.(error); ok {
			params[name] = err.Error()
		}
	}
	x.findings = append(x.findings, finding{Severity: s, Code: code, Params: params})
}

// newDoctor is "fanward doctor".
func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check settings, folders, keys, database and ports", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			x := newExamination(terminalLanguage())
			x.all(cmd)
			errs := 0
			for _, f := range x.findings {
				text := f.Text
				if text == "" {
					text = locale.Sentence(x.lang, "cli.doctor."+f.Code, f.Params)
				}
				if f.Severity == broken {
					errs++
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-8s %s\n", locale.Sentence(x.lang, "cli.doctor.severity."+string(f.Severity), nil), text); err != nil {
					return err
				}
			}
			if errs > 0 {
				return errors.New(locale.Sentence(x.lang, "cli.doctor.summary", map[string]any{"count": errs}))
			}
			return nil
		},
	}
}

// problems are settings that keep the program from starting.
func (x *examination) problems(ps config.Problems) {
	for _, p := range ps {
		x.findings = append(x.findings, finding{Severity: broken, Text: p.Sentence(x.lang)})
	}
}

func (x *examination) all(cmd *cobra.Command) {
	s, err := settings(cmd)
	var problems config.Problems
	if errors.As(err, &problems) {
		x.problems(problems)
		return // everything else depends on them
	}
	if err != nil {
		x.note(broken, "config_failed", map[string]any{"reason": err})
		return
	}
	if s.File == "" {
		x.note(fine, "config_defaults", nil)
	} else {
		x.note(fine, "config", map[string]any{"file": s.File})
	}
	for _, name := range s.UnknownEnv {
		x.note(warning, "unknown_variable", map[string]any{"name": name})
	}
	ctx := cmd.Context()
	c := s.Config
	if version, err := newRemote(c.DataDir).status(ctx); err == nil {
		x.running = true
		x.note(fine, "running", map[string]any{"version": version})
	}
	if x.now.Before(released) {
		x.note(broken, "clock_unset", map[string]any{"now": x.now.Format(time.RFC3339)})
	} else {
		x.note(fine, "clock", map[string]any{"now": x.now.Format(time.RFC3339)})
	}
	x.exposedSecrets(s)
	if _, err := c.SandboxOn(false); errors.As(err, &problems) {
		x.problems(problems)
	}
	x.addresses(c)
	x.openFiles(hardLimit)
	usable := x.folder(c.DataDir)
	x.ground(c)
	if usable || c.Database.URL != "" {
		x.database(ctx, c, x.key(c))
		x.place(ctx, c, x.newest)
	}
	x.redis(ctx, c)
	x.ports(c)
	x.mailServer(c)
}

// ground judges what lies under the data folder.
func (x *examination) ground(c *config.Config) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(nearest(c.DataDir), &st); err == nil {
		x.fileSystem(c.DataDir, int64(st.Type), c.Database.URL == "")
	}
	if c.Database.URL == "" {
		x.walSize(c.DataDir)
	}
}

// folder checks the data folder, and tells whether there can be anything in it.
func (x *examination) folder(dir string) bool {
	p := map[string]any{"dir": dir}
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.note(fine, "folder_new", p)
		x.disk(nearest(dir))
		return true
	case err != nil || !st.IsDir():
		x.note(broken, "folder_bad", p)
		return false
	case st.Mode().Perm()&0o077 != 0:
		x.note(warning, "folder_open", map[string]any{"dir": dir, "mode": fmt.Sprintf("%04o", st.Mode().Perm())})
	}
	// The rights bits do not tell about read-only mounts: try.
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		x.note(broken, "folder_unwritable", map[string]any{"dir": dir, "reason": cause(err)})
		return true
	}
	_ = errors.Join(f.Close(), os.Remove(f.Name()))
	x.note(fine, "folder", p)
	x.disk(dir)
	return true
}

// nearest is the closest folder above dir that exists.
func nearest(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "."
	}
	for {
		if _, err := os.Stat(abs); err == nil || filepath.Dir(abs) == abs {
			return abs
		}
		abs = filepath.Dir(abs)
	}
}

func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func (x *examination) disk(dir string) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		x.note(warning, "disk_unknown", map[string]any{"dir": dir, "reason": err})
		return
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	p := map[string]any{"dir": dir, "free": fmt.Sprintf("%.1f", float64(free)/(1<<30))}
	switch {
	case free < diskError:
		x.note(broken, "disk_full", p)
	case free < diskWarning:
		x.note(warning, "disk_low", p)
	default:
		x.note(fine, "disk", p)
	}
}

// key checks the secret key without making one; it returns its id, "" when
// there is none that works.
func (x *examination) key(c *config.Config) string {
	root := c.SecretKeyBytes()
	if root != nil {
		x.note(fine, "key_environment", nil)
	} else {
		var err error
		root, err = seal.ReadFile(c.DataDir)
		switch {
		case err == nil:
			x.note(fine, "key", map[string]any{"path": filepath.Join(c.DataDir, seal.FileName)})
		case errors.Is(err, seal.ErrNoKey):
			x.note(fine, "key_new", nil)
			return ""
		default:
			x.findings = append(x.findings, finding{Severity: broken, Text: sentence(err)})
			return ""
		}
	}
	keys, err := seal.New(root)
	if err != nil {
		return "" // refused by the settings already
	}
	return keys.ID()
}

func present(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// database checks lock, reachability and schema. A running server has done so
// itself, and its database is left alone.
func (x *examination) database(ctx context.Context, c *config.Config, key string) {
	if x.running {
		x.note(fine, "database_running", nil)
		told, err := newRemote(c.DataDir).findings(ctx)
		if err != nil {
			x.note(warning, "server_silent", map[string]any{"reason": err})
		}
		x.findings = append(x.findings, told...)
		return
	}
	path := filepath.Join(c.DataDir, store.FileName)
	if c.Database.URL == "" {
		if !present(path) {
			x.note(fine, "database_new", nil)
			return
		}
		unlock, err := store.Lock(c.DataDir)
		if err != nil {
			x.note(broken, "database_locked", map[string]any{"dir": c.DataDir})
			return
		}
		defer unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, 4*dialWait)
	defer cancel()
	db, err := store.Open(ctx, store.Options{Dir: c.DataDir, URL: c.Database.URL, Log: slog.New(slog.DiscardHandler)})
	switch {
	case err == nil:
	case x.durability(err):
		return
	case c.Database.URL == "":
		x.note(broken, "database_unopened", map[string]any{"path": path, "reason": err})
		return
	default:
		x.note(broken, "database_unreachable", map[string]any{"reason": err})
		return
	}
	defer func() { _ = db.Close() }()
	x.damage(db, path)
	x.schema(ctx, db, c, key)
}

// damage has SQLite look through its own pages. A file so large that this takes
// longer is not gone through to its end.
func (x *examination) damage(db *store.DB, path string) {
	ctx, cancel := context.WithTimeout(context.Background(), checkWait)
	defer cancel()
	found, err := db.Damage(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		found = err.Error()
	}
	if found != "" {
		x.note(broken, "database_damaged", map[string]any{"path": path, "reason": found})
	}
}

func (x *examination) schema(ctx context.Context, db *store.DB, c *config.Config, key string) {
	have, know, err := db.Schema(ctx)
	p := map[string]any{"have": have, "know": know}
	switch {
	case err != nil:
		x.note(broken, "database_unreachable", map[string]any{"reason": err})
		return
	case have > know:
		x.findings = append(x.findings, finding{Severity: broken, Text: sentence(store.SchemaTooNew{Have: have, Know: know})})
		return
	case have < know:
		x.note(fine, "schema_older", p)
		return
	}
	x.note(fine, "schema", p)
	var want string
	err = db.Reader(ctx).QueryRow(qReadKey).Scan(&want)
	switch {
	case err != nil && !errors.Is(err, store.ErrNoRows):
		x.note(broken, "database_unreachable", map[string]any{"reason": err})
		return
	case err == nil && key == "":
		x.note(broken, "key_lost", map[string]any{"path": filepath.Join(c.DataDir, seal.FileName)})
	case err == nil && key != want:
		x.findings = append(x.findings, finding{Severity: broken, Text: sentence(otherKey{have: key, want: want})})
	}
	high, err := highWater(ctx, db)
	if err != nil {
		x.note(broken, "database_unreachable", map[string]any{"reason": err})
		return
	}
	if newest := high.Time(); newest.After(x.now.Add(clockSlack)) {
		x.note(warning, "clock_behind", map[string]any{"now": x.now.Format(time.RFC3339), "newest": newest.Format(time.RFC3339)})
	}
	if err := db.Reader(ctx).QueryRow(qNewestFile).Scan(&x.newest); err != nil && !errors.Is(err, store.ErrNoRows) {
		x.note(broken, "database_unreachable", map[string]any{"reason": err})
		return
	}
	x.content(ctx, db, c, key)
}

// redis tries what the nodes do with each other, at whatever the address names:
// one server, Sentinels or a cluster.
func (x *examination) redis(ctx context.Context, c *config.Config) {
	if c.Redis.URL == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	found, err := bus.Check(ctx, c.Redis.URL)
	p := map[string]any{"host": found.Hosts, "reason": err}
	switch {
	case found.Clustered:
		x.note(broken, "redis_clustered", p)
	case err != nil:
		x.note(broken, "redis_unreachable", p)
	default:
		x.note(fine, "redis", p)
	}
	if c.Database.URL == "" {
		x.note(warning, "redis_alone", nil)
	}
}
