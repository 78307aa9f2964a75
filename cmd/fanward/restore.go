package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/backup"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
)

// wantsKey refuses a restore whose secrets could not be opened afterwards.
type wantsKey struct{ want, have string }

func (e wantsKey) Error() string {
	return fmt.Sprintf("the archive's secrets are sealed with the key %s and the key here is %q", e.want, e.have)
}

// errNotQuiet refuses to go on with what a running server went on with itself.
var errNotQuiet = errors.New("the archive was made while a server was running")

type restoreFlags struct {
	from                             string
	replace, moved, withoutKey, look bool
}

// newRestore is "fanward restore".
func newRestore() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use: "restore --from FILE", Short: "Bring an archive back, onto SQLite or PostgreSQL, as the settings say", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			archive, err := os.Open(f.from)
			if err != nil {
				return fmt.Errorf("open the archive: %w", err)
			}
			defer func() { _ = archive.Close() }()
			if f.look {
				m, err := backup.Verify(archive)
				if err != nil {
					return err
				}
				tellArchive(cmd, "sound", m)
				return nil
			}
			s, err := settings(cmd)
			if err != nil {
				return err
			}
			return restore(cmd, s.Config, archive, f)
		},
	}
	cmd.Flags().StringVar(&f.from, "from", "", "the archive to read")
	cmd.Flags().BoolVar(&f.look, "check", false, "only verify the archive and tell what is in it")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "replace what the target holds")
	cmd.Flags().BoolVar(&f.moved, "moved", false, "the installation moves: nothing has run on the old one since the archive was made, so go on where it stopped")
	cmd.Flags().BoolVar(&f.withoutKey, "without-key", false, "the archive's secret key is lost: channel accounts need their credentials again")
	_ = cmd.MarkFlagRequired("from") // the flag exists
	return cmd
}

func restore(cmd *cobra.Command, c *config.Config, archive *os.File, f restoreFlags) (err error) {
	ctx, clk := cmd.Context(), clock.NewSystem()
	if _, err := newRemote(c.DataDir).status(ctx); err == nil {
		return store.ErrLocked
	}
	have, err := presentKey(c)
	if err != nil {
		return err
	}
	// Asked before the long work; the archive itself is verified by Restore.
	h, err := backup.ReadHeader(archive)
	if err != nil {
		return err
	}
	if f.moved && !h.Quiet {
		return errNotQuiet
	}
	if h.KeyID != "" && h.KeyID != have && !f.withoutKey {
		return wantsKey{want: h.KeyID, have: have}
	}
	kept, err := files.OpenURL(ctx, c.Files.URL, c.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	var after aftermath
	m, err := backup.Restore(ctx, backup.Target{
		Dir: c.DataDir, URL: c.Database.URL, Files: kept, Log: obs.NewLogger(cmd.ErrOrStderr(), "warn", "text"), Replace: f.replace, Now: clock.Millis(clk.Now()),
		Told: func(table string, rows int64) {
			cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.restore.table", map[string]any{"table": table, "rows": rows}))
		},
		Settle: func(tx *store.Tx, m backup.Manifest) error {
			after = aftermath{}
			if err := feed.Restart(tx, clk.Now()); err != nil {
				return err
			}
			if m.KeyID != "" && m.KeyID != have {
				if _, err := tx.Exec(qForgetKey); err != nil {
					return err
				}
			}
			if f.moved {
				return nil
			}
			return after.settle(tx, clock.Millis(clk.Now()))
		},
	}, archive)
	if err != nil {
		return err
	}
	tellArchive(cmd, "restored", m)
	after.tell(cmd, f, m, have)
	return nil
}

// presentKey is the id of the key in the settings or the data folder, "" when
// there is none.
func presentKey(c *config.Config) (string, error) {
	root := c.SecretKeyBytes()
	if root == nil {
		var err error
		if root, err = seal.ReadFile(c.DataDir); errors.Is(err, seal.ErrNoKey) {
			return "", nil
		} else if err != nil {
			return "", err
		}
	}
	k, err := seal.New(root)
	if err != nil {
		return "", err
	}
	return k.ID(), nil
}

// aftermath is what becomes of what was under way when the archive was made, as
// long as nobody has said that the installation only moves: the old one went
// on, so doing it here would do it twice.
type aftermath struct{ deliveries, journeys int64 }

func (a *aftermath) settle(tx *store.Tx, now int64) (err error) {
	// The next start finds them as a crash would have left them: nobody knows
	// whether they went out, people decide.
	if a.deliveries, err = tx.Exec(qDoubtDeliveries); err != nil {
		return err
	}
	if _, err = tx.Exec(qDoubtContents, now); err != nil {
		return err
	}
	if a.journeys, err = tx.Exec(qPauseJourneys, now); err != nil {
		return err
	}
	// Whoever has signed out, or was disabled, since then shall stay so.
	for _, q := range []*store.Query{qDropSessions, qDropLinks} {
		if _, err = tx.Exec(q); err != nil {
			return err
		}
	}
	return nil
}

func (a *aftermath) tell(cmd *cobra.Command, f restoreFlags, m backup.Manifest, have string) {
	say := func(key string, params map[string]any) {
		cmd.PrintErrln(locale.Sentence(terminalLanguage(), "cli.restore."+key, params))
	}
	if f.moved {
		say("moved", nil)
	} else {
		say("aftermath", map[string]any{"deliveries": a.deliveries, "journeys": a.journeys})
	}
	if m.KeyID != "" && m.KeyID != have {
		say("without_key", nil)
	}
}
