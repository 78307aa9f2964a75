package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/backup"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
)

const (
	// backupRate is how many MiB of rows and files a backup reads in a second,
	// unless told otherwise: so much that a few gigabytes take minutes, so little
	// that those who chat do not notice.
	backupRate = 32
	// lastBackup is the setting that tells when the latest backup was of.
	lastBackup = "backup/last"
	// manifestTrailer follows an archive on the admin socket when it is whole.
	manifestTrailer = "Fanward-Manifest"
)

// newBackup is "fanward backup".
func newBackup() *cobra.Command {
	var to string
	var mib int64
	cmd := &cobra.Command{
		Use: "backup --to FILE|-", Short: "Write everything but the secret key into one archive, while serving", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if mib < 0 {
				return fault.AtField("rate", "too_small", fault.Params{"min": 0})
			}
			s, err := settings(cmd)
			if err != nil {
				return err
			}
			m, err := takeBackup(cmd, s.Config, to, mib<<20)
			if err != nil {
				return err
			}
			tellArchive(cmd, "made", m)
			if m.KeyID != "" {
				cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.backup.key_apart", map[string]any{"key": m.KeyID}))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the archive to write; - is standard output")
	cmd.Flags().Int64Var(&mib, "rate", backupRate, "at most so many MiB a second; 0 is as many as can be")
	_ = cmd.MarkFlagRequired("to") // the flag exists
	return cmd
}

// tellArchive says what an archive holds.
func tellArchive(cmd *cobra.Command, key string, m backup.Manifest) {
	cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.backup."+key, map[string]any{
		"rows": m.Rows(), "files": m.Files.Count, "at": m.CreatedAt.Local().Format("2006-01-02 15:04:05 MST"), "schema": m.Schema, "engine": m.Engine, "version": m.Version,
	}))
	if m.Files.Missing > 0 {
		cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.backup.missing", map[string]any{"count": m.Files.Missing}))
	}
}

// takeBackup writes the archive, by the running server or from the database
// itself, and notes that it was made once it is on disk.
func takeBackup(cmd *cobra.Command, c *config.Config, to string, rate int64) (m backup.Manifest, err error) {
	ctx := cmd.Context()
	source, done, err := backupSource(ctx, c, rate)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, done()) }()
	if to == "-" {
		m, err = source.write(ctx, cmd.OutOrStdout())
	} else {
		err = intoFile(to, func(w io.Writer) error {
			m, err = source.write(ctx, w)
			return err
		})
	}
	if err != nil {
		return m, err
	}
	return m, source.made(ctx, m.CreatedAt)
}

// backupWriter writes archives and is told which of them have arrived.
type backupWriter interface {
	write(ctx context.Context, w io.Writer) (backup.Manifest, error)
	made(ctx context.Context, at time.Time) error
}

// backupSource is the server that runs on this data folder, else the database.
func backupSource(ctx context.Context, c *config.Config, rate int64) (backupWriter, func() error, error) {
	nothing := func() error { return nil }
	if _, err := newRemote(c.DataDir).status(ctx); err == nil {
		return remoteBackup{newRemote(c.DataDir), rate}, nothing, nil
	}
	unlock := func() {}
	if c.Database.URL == "" {
		if _, err := os.Stat(filepath.Join(c.DataDir, store.FileName)); err != nil {
			return nil, nothing, noInstallation{c.DataDir}
		}
		var err error
		if unlock, err = store.Lock(c.DataDir); err != nil {
			return nil, nothing, err
		}
	}
	db, err := store.Open(ctx, store.Options{Dir: c.DataDir, URL: c.Database.URL})
	if err != nil {
		unlock()
		return nil, nothing, err
	}
	kept, err := files.OpenURL(ctx, c.Files.URL, c.DataDir)
	if err != nil {
		unlock()
		return nil, nothing, errors.Join(err, db.Close())
	}
	done := func() error {
		defer unlock()
		return errors.Join(kept.Close(), db.Close())
	}
	return directBackup{db: db, files: kept, clk: clock.NewSystem(), rate: rate}, done, nil
}

// noInstallation: there is nothing to back up.
type noInstallation struct{ dir string }

func (e noInstallation) Error() string { return "there is no database in " + e.dir }

// intoFile writes a file that is there as a whole or not at all.
func intoFile(path string, write func(w io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part") // 0600
	if err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	err = write(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write the archive: %w", err)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// directBackup reads the database itself.
type directBackup struct {
	db      *store.DB
	files   *files.Store
	clk     clock.Clock
	serving bool
	rate    int64
}

func (d directBackup) write(ctx context.Context, w io.Writer) (backup.Manifest, error) {
	have, _, err := d.db.Schema(ctx)
	if err != nil {
		return backup.Manifest{}, err
	}
	h := backup.Header{Version: obs.Version(), CreatedAt: d.clk.Now(), Quiet: !d.serving}
	if have > 0 {
		if err := d.db.Reader(ctx).QueryRow(qReadKey).Scan(&h.KeyID); err != nil && !errors.Is(err, store.ErrNoRows) {
			return backup.Manifest{}, err
		}
		if !d.serving && d.db.Engine() == store.Postgres {
			var alive int64
			if err := d.db.Reader(ctx).QueryRow(qNodesAlive, clock.Millis(d.clk.Now())).Scan(&alive); err != nil {
				return backup.Manifest{}, err
			}
			h.Quiet = alive == 0
		}
	}
	return backup.Dump(ctx, backup.Source{DB: d.db, Files: d.files, Header: h, Rate: d.rate}, w)
}

func (d directBackup) made(ctx context.Context, at time.Time) error {
	return d.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(qSetSetting, lastBackup, strconv.FormatInt(clock.Millis(at), 10))
		return err
	})
}

// remoteBackup asks the running server.
type remoteBackup struct {
	remote
	rate int64
}

func (r remoteBackup) write(ctx context.Context, w io.Writer) (m backup.Manifest, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://fanward/backup?rate="+strconv.FormatInt(r.rate, 10), nil)
	if err != nil {
		return m, err
	}
	patient := *r.client
	patient.Timeout = 0 // it takes as long as it takes
	a, err := patient.Do(q)
	if err != nil {
		return m, fmt.Errorf("ask the running server: %w", err)
	}
	defer func() { _ = a.Body.Close() }()
	if a.StatusCode != http.StatusOK {
		return m, fmt.Errorf("the running server answers %s", a.Status)
	}
	if _, err := io.Copy(w, a.Body); err != nil {
		return m, fmt.Errorf("the backup has broken off, see the server's log: %w", err)
	}
	if err := json.Unmarshal([]byte(a.Trailer.Get(manifestTrailer)), &m); err != nil {
		return m, errors.New("the backup has broken off, see the server's log")
	}
	return m, nil
}

func (r remoteBackup) made(ctx context.Context, at time.Time) error {
	return r.call(ctx, http.MethodPost, "/backup", backupMade{at}, &struct{}{})
}

type backupMade struct {
	At time.Time `json:"at"`
}

// backups adds to the admin socket what a backup asks for, until breakBackups.
func (a *app) backups() func(*http.ServeMux) {
	var life context.Context
	life, a.breakBackups = context.WithCancel(context.Background())
	d := directBackup{db: a.db.DB, files: a.files, clk: a.db.machine, serving: true}
	return func(mux *http.ServeMux) {
		mux.HandleFunc("GET /backup", func(w http.ResponseWriter, r *http.Request) { d.serve(life, a.log, w, r) })
		mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
			serveAdmin(w, r, func(ctx context.Context, b backupMade) (struct{}, error) { return struct{}{}, d.made(ctx, b.At) })
		})
	}
}

// serve answers with an archive; without the trailer it is none.
func (d directBackup) serve(life context.Context, log *slog.Logger, w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	if life.Err() != nil { // AfterFunc takes its time
		cancel()
	}
	d.rate, _ = strconv.ParseInt(r.URL.Query().Get("rate"), 10, 64)
	w.Header().Set("Content-Type", "application/zstd")
	w.Header().Set("Trailer", manifestTrailer)
	m, err := d.write(ctx, w)
	if err != nil {
		if r.Context().Err() == nil {
			log.Error("the backup has broken off", "error", err)
		}
		panic(http.ErrAbortHandler) // cuts the connection: nobody takes it for whole
	}
	m.Tables = []backup.Table{{Name: "*", Rows: m.Rows()}} // the list is in the archive
	text, err := json.Marshal(m)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set(manifestTrailer, string(text))
}
