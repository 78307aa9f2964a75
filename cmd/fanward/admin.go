package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/web/api"
)

// terminalLanguage is the language of whoever sits at the terminal.
func terminalLanguage() string { return locale.FromEnvironment(os.Getenv, locale.English) }

// newToken is "fanward token create".
func newToken() *cobra.Command {
	root := &cobra.Command{Use: "token", Short: "API tokens"}
	var role, name string
	create := &cobra.Command{
		Use: "create --role ROLE", Short: "Make an API token; the secret alone goes to standard output", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, func(ctx context.Context, a administration) error {
				made, err := a.CreateToken(ctx, tokenRequest{Name: name, Role: auth.Role(role)})
				if err != nil {
					return err
				}
				return show(cmd, made, "cli.admin.token_made", map[string]any{"name": name, "role": role})
			})
		},
	}
	create.Flags().StringVar(&role, "role", "", "what the token may do: owner, admin, manager, agent, marketer or viewer")
	create.Flags().StringVar(&name, "name", "command line", "what the token is for")
	_ = create.MarkFlagRequired("role") // the flag exists
	root.AddCommand(create)
	return root
}

// newAgent is "fanward agent add".
func newAgent() *cobra.Command {
	root := &cobra.Command{Use: "agent", Short: "Teammates"}
	var r agentRequest
	var role string
	add := &cobra.Command{
		Use: "add --email E --name N", Short: "Invite a teammate; the one-time sign-in link alone goes to standard output", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.Role = auth.Role(role)
			return administer(cmd, func(ctx context.Context, a administration) error {
				made, err := a.AddAgent(ctx, r)
				if err != nil {
					return err
				}
				return show(cmd, made, "cli.admin.agent_added", map[string]any{"email": r.Email, "role": role})
			})
		},
	}
	add.Flags().StringVar(&r.Email, "email", "", "the teammate's e-mail address")
	add.Flags().StringVar(&r.Name, "name", "", "the teammate's name")
	add.Flags().StringVar(&role, "role", string(auth.Agent), "owner, admin, manager, agent, marketer or viewer")
	_ = errors.Join(add.MarkFlagRequired("email"), add.MarkFlagRequired("name")) // both exist
	root.AddCommand(add)
	return root
}

// newWriteKey is "fanward writekey create".
func newWriteKey() *cobra.Command {
	root := &cobra.Command{Use: "writekey", Short: "Keys of tracking calls"}
	var r writeKeyRequest
	create := &cobra.Command{
		Use: "create --name NAME --kind server|browser", Short: "Make a write key; the key alone goes to standard output", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return administer(cmd, func(ctx context.Context, a administration) error {
				made, err := a.CreateWriteKey(ctx, r)
				if err != nil {
					return err
				}
				return show(cmd, made, "cli.admin.write_key_made_"+r.Kind, map[string]any{"name": r.Name})
			})
		},
	}
	create.Flags().StringVar(&r.Name, "name", "command line", "what the key is for")
	create.Flags().StringVar(&r.Kind, "kind", customers.ServerKey, "server (a secret, which is believed) or browser (public, which proves nothing)")
	root.AddCommand(create)
	return root
}

// show prints the secret alone on standard output, so that a script can take
// it, and what a person wants to know on standard error.
func show(cmd *cobra.Command, a secretAnswer, sentence string, params map[string]any) error {
	if a.ExpiresAt != nil {
		params["until"] = a.ExpiresAt.Local().Format("2006-01-02 15:04 MST")
	}
	cmd.PrintErrln(locale.Sentence(terminalLanguage(), sentence, params))
	_, err := fmt.Fprintln(cmd.OutOrStdout(), a.Secret)
	return err
}

// administer finds who can carry out an admin command: the server that runs on
// this data folder, else the database itself, which is then this process's
// alone.
func administer(cmd *cobra.Command, do func(ctx context.Context, a administration) error) (err error) {
	s, err := settings(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	server := newRemote(s.DataDir)
	if _, err := server.status(ctx); err == nil {
		return do(ctx, server)
	}
	d, err := openDatabase(ctx, s.Config, obs.NewLogger(cmd.ErrOrStderr(), "warn", "text"), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	service := auth.New(auth.Options{DB: d.DB, Clock: d.clk, IDs: d.ids, SessionLifetime: s.Session.Lifetime, Locale: s.Installation.Locale})
	base := siteURL(s.Config, s.HTTP.Addr)
	people := customers.New(d.DB, d.clk, d.ids)
	people.OnAudit(service)
	return do(ctx, direct{auth: service, customers: people, signInURL: func(secret string) string { return api.SignInLink(base, secret) }})
}

// siteURL is where people reach the installation that listens on addr.
func siteURL(c *config.Config, addr string) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // every interface: this machine is one of them
	}
	return "http://" + net.JoinHostPort(host, port)
}
