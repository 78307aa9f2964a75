package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/web/api"
)

func newServe() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Start the server", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := settings(cmd)
			if err != nil {
				return err
			}
			log := obs.NewLogger(cmd.ErrOrStderr(), s.Log.Level, s.Log.Format)
			for _, name := range s.UnknownEnv {
				log.Warn("an environment variable belongs to no setting", "name", name)
			}
			ctx := cmd.Context()
			a, err := newApp(ctx, s.Config, log)
			if err != nil {
				return err
			}
			if err := a.start(ctx); err != nil {
				return joinStop(err, a)
			}
			if err := a.welcome(cmd); err != nil {
				return joinStop(err, a)
			}
			letGo()
			select {
			case <-ctx.Done():
				err = a.turnAway()
			case err = <-a.failed:
			}
			return joinStop(err, a)
		},
	}
}

// joinStop takes the program down; what went wrong first is what counts.
func joinStop(err error, a *app) error {
	if stopped := within(stopLimit, a.stop); err == nil {
		return stopped
	}
	return err
}

// within bounds what may never return, such as a statement on a damaged database
// file: the process ends without it. Whatever was acknowledged is stored.
func within(limit time.Duration, stop func() error) error {
	done := make(chan error, 1)
	go func() { done <- stop() }()
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case err := <-done:
		return err
	case <-over.C:
		return fmt.Errorf("something still runs %s after the program was told to end; it ends without it", limit)
	}
}

// welcome tells whoever started the program where it is, and, as long as no
// owner has signed in, how the first one does.
func (a *app) welcome(cmd *cobra.Command) error {
	lang := locale.FromEnvironment(os.Getenv, a.config.Installation.Locale)
	var lines []string
	say := func(key string, params map[string]any) {
		lines = append(lines, locale.Sentence(lang, "cli."+key, params))
	}
	say("serving", map[string]any{"url": a.url()})
	if side := a.sandbox.here(); side != nil {
		say("demo_shop", map[string]any{"url": side.url()})
		say("phones", map[string]any{"url": side.phones.url()})
		say("mailbox", map[string]any{"url": side.mail.url()})
	}
	link, needed, err := a.auth.OwnerLink(cmd.Context())
	if fault.KindOf(err) == fault.Unavailable { // it serves already, and goes on by itself
		a.log.Warn("make the owner's sign-in link", "error", err)
		err = nil
	}
	if err != nil {
		return err
	}
	if needed {
		say("owner_link", map[string]any{"url": a.signInURL(link.Secret)})
	}
	_, err = fmt.Fprintln(cmd.ErrOrStderr(), strings.Join(lines, "\n"))
	return err
}

// signInURL is the address of a one-time sign-in link to this server.
func (a *app) signInURL(secret string) string { return api.SignInLink(a.url(), secret) }
