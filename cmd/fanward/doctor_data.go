package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/store"
)

const (
	// clocksApart is how far this machine's clock may be from the database's.
	clocksApart = 2 * time.Second
	backupDue   = 8 * 24 * time.Hour
	dnsWait     = 3 * time.Second
)

// content judges what an up-to-date database tells, for the doctor's own eyes
// and those of a running server.
func (x *examination) content(ctx context.Context, db *store.DB, c *config.Config, key string) {
	for _, look := range []func() error{
		func() error { return x.backups(ctx, db) },
		func() error { return x.sealed(ctx, db, key) },
		func() error { return x.sandboxInEarnest(ctx, db, c) },
		func() error { return x.clocks(ctx, db) },
		func() error { return x.mailNames(ctx, db) },
		func() error { return x.timezone(ctx, db, c) },
	} {
		if err := look(); err != nil {
			x.note(broken, "database_unreachable", map[string]any{"reason": err})
			return
		}
	}
	if db.Pooled() {
		x.note(fine, "pooler", nil)
	}
}

// backups judges when the latest backup was, once there is something to lose.
func (x *examination) backups(ctx context.Context, db *store.DB) error {
	var people int64
	if err := db.Reader(ctx).QueryRow(qAnybody).Scan(&people); err != nil || people == 0 {
		return err
	}
	at, err := lastBackupAt(ctx, db)
	p := map[string]any{"at": at.UTC().Format("2006-01-02 15:04 UTC")}
	switch {
	case err != nil:
		return err
	case at.IsZero():
		x.note(warning, "backup_never", nil)
	case x.now.Sub(at) > backupDue:
		x.note(warning, "backup_old", p)
	default:
		x.note(fine, "backup", p)
	}
	return nil
}

// sealed names the accounts whose secrets another key has sealed.
func (x *examination) sealed(ctx context.Context, db *store.DB, key string) error {
	mine := "%s1." + key + ".%"
	rows, err := db.Reader(ctx).Query(qSealedElsewhere, mine, mine)
	names, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var name string
		return name, r.Scan(&name)
	})
	if err == nil && len(names) > 0 {
		x.note(broken, "sealed_elsewhere", map[string]any{"accounts": strings.Join(names, ", ")})
	}
	return err
}

// sandboxInEarnest finds a sandbox that would refuse the next start, if it is not
// the settings already.
func (x *examination) sandboxInEarnest(ctx context.Context, db *store.DB, c *config.Config) error {
	var real int64
	if err := db.Reader(ctx).QueryRow(qRealAccounts).Scan(&real); err != nil {
		return err
	}
	if _, err := c.SandboxOn(false); err != nil {
		return nil //nolint:nilerr // said of the settings
	}
	var problems config.Problems
	if _, err := c.SandboxOn(real > 0); errors.As(err, &problems) {
		x.problems(problems)
	}
	return nil
}

// timezone finds an installation in earnest whose time zone nobody has chosen.
func (x *examination) timezone(ctx context.Context, db *store.DB, c *config.Config) error {
	if c.Installation.Timezone != config.Default().Installation.Timezone {
		return nil
	}
	var real int64
	err := db.Reader(ctx).QueryRow(qRealAccounts).Scan(&real)
	if err == nil && real > 0 {
		x.note(warning, "timezone_unset", nil)
	}
	return err
}

// clocks compares this machine's with the database's, where that has one.
func (x *examination) clocks(ctx context.Context, db *store.DB) error {
	if db.Engine() == store.SQLite {
		return nil
	}
	before := time.Now()
	var ms int64
	if err := db.Reader(ctx).QueryRow(qDatabaseClock).Scan(&ms); err != nil {
		return err
	}
	here := x.now.Add(before.Sub(x.began) + time.Since(before)/2)
	if apart := here.Sub(time.UnixMilli(ms)); apart.Abs() > clocksApart {
		x.note(warning, "clocks_apart", map[string]any{"seconds": fmt.Sprintf("%.0f", apart.Abs().Seconds())})
	}
	return nil
}

// durability judges a PostgreSQL server that would lose what it has answered
// for; it tells so itself before anything is opened.
func (x *examination) durability(err error) bool {
	if !strings.Contains(err.Error(), "would lose acknowledged writes") {
		return false
	}
	x.note(broken, "database_lossy", nil)
	return true
}

// mailNames asks whether mail to the accounts' domains finds anybody.
func (x *examination) mailNames(ctx context.Context, db *store.DB) error {
	rows, err := db.Reader(ctx).Query(qMailAccounts)
	domains, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var raw []byte
		if err := r.Scan(&raw); err != nil {
			return "", err
		}
		var c email.Config
		if err := channels.DecodeConfig(json.RawMessage(raw), &c); err != nil {
			return "", nil //nolint:nilerr // an account that cannot be read is judged where it is used
		}
		return c.Domain, nil
	})
	if err != nil {
		return err
	}
	seen := map[string]bool{"": true}
	for _, d := range domains {
		if !seen[d] {
			seen[d] = true
			x.mailName(ctx, d)
		}
	}
	return nil
}

func (x *examination) mailName(ctx context.Context, domain string) {
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	p := map[string]any{"domain": domain}
	found, err := x.lookupMX(ctx, domain)
	var dns *net.DNSError
	switch {
	case err == nil && len(found) > 0:
		p["server"] = strings.TrimSuffix(found[0].Host, ".")
		x.note(fine, "mail_name", p)
	case err == nil, errors.As(err, &dns) && dns.IsNotFound:
		x.note(warning, "mail_name_missing", p)
	default:
		x.note(fine, "mail_name_skipped", p)
	}
}

// place judges where files are kept.
func (x *examination) place(ctx context.Context, c *config.Config, newest string) {
	if c.Database.URL != "" && c.Files.URL == "" {
		x.note(warning, "files_local", nil)
	}
	if dir := files.Folder(c.Files.URL, c.DataDir); dir != "" {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			x.newPlace(c, dir, newest)
			return // opening it would make it
		}
	}
	kept, err := files.OpenURL(ctx, c.Files.URL, c.DataDir)
	if err == nil {
		defer func() { _ = kept.Close() }()
		err = kept.Probe(ctx)
	}
	if err != nil {
		x.findings = append(x.findings, finding{Severity: broken, Text: sentenceIn(x.lang, unusable(c, err))})
		return
	}
	if newest != "" {
		r, err := kept.Open(ctx, newest)
		if fault.KindOf(err) == fault.NotFound {
			x.note(broken, "files_elsewhere", nil)
			return
		}
		if err == nil {
			_ = r.Close()
		}
	}
	if c.Files.URL != "" {
		x.note(fine, "files", map[string]any{"url": c.Files.URL})
	}
}

// newPlace judges a folder for files that is not there yet.
func (x *examination) newPlace(c *config.Config, dir, newest string) {
	switch {
	case newest != "":
		x.note(broken, "files_elsewhere", nil)
	case c.Files.URL != "": // else it is made together with the data folder
		x.note(fine, "files_new", map[string]any{"dir": dir})
	}
}

// unusable is what is said of a place that refuses a file.
func unusable(c *config.Config, err error) error {
	if code := fault.CodeOf(err); code == "files_unreachable" || code == "files_folder_unusable" {
		return err
	}
	if dir := files.Folder(c.Files.URL, c.DataDir); dir != "" {
		return files.Unusable(dir, err)
	}
	return fault.New(fault.Unavailable, "files_unreachable", fault.Params{"bucket": c.Files.URL, "reason": err.Error()})
}

// findings is what a running server says of itself.
func (a *app) findings(ctx context.Context) []finding {
	x := newExamination("")
	x.content(ctx, a.db.DB, a.config, a.keys.ID())
	if peer := a.forwarded.Load(); peer != nil {
		x.note(warning, "forwarded_untrusted", map[string]any{"peer": *peer})
	}
	return x.findings
}

// examined adds to the admin socket what the doctor asks a running server.
func (a *app) examined(mux *http.ServeMux) {
	mux.HandleFunc("GET /findings", func(w http.ResponseWriter, r *http.Request) {
		writeAdmin(w, http.StatusOK, a.findings(r.Context()))
	})
}

func (r remote) findings(ctx context.Context) (f []finding, err error) {
	return f, r.call(ctx, http.MethodGet, "/findings", nil, &f)
}

// noticeForwarded remembers a proxy whose headers are not believed: behind it
// everybody has its address, and nobody is known to speak TLS.
func (a *app) noticeForwarded(next http.Handler) http.Handler {
	trusted := a.config.TrustedPrefixes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") != "" && a.forwarded.Load() == nil {
			if peer := untrustedPeer(r.RemoteAddr, trusted); peer != "" && a.forwarded.CompareAndSwap(nil, &peer) {
				a.log.Warn("a proxy forwards requests but is not in trusted_proxies, so its headers are not believed", "proxy", peer)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// untrustedPeer is who sent a request, "" when what it forwards is believed.
func untrustedPeer(remote string, trusted []netip.Prefix) string {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	peer := from.Addr().Unmap()
	if slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(peer) }) {
		return ""
	}
	return peer.String()
}
