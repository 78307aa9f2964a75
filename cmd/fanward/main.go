// Command fanward is the whole program: the server and the commands that
// administer it. This package only parses, builds, joins the floors and closes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	_ "time/tzdata" // zones on machines that have none

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/internal/obs"
)

func main() {
	// The database, keys and files are nobody else's, whatever the folder's mode.
	syscall.Umask(0o077)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fanward: "+sentence(err))
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use: "fanward", Short: "One inbox for every channel, and journeys from lead to fan",
		SilenceUsage: true, SilenceErrors: true, Version: obs.Version(),
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		var value *strconv.NumError
		said, _, found := strings.Cut(err.Error(), ": strconv.")
		if !found || !errors.As(err, &value) {
			return err
		}
		takes := "a whole number"
		if value.Func == "ParseBool" {
			takes = "true or false"
		}
		return errors.New(said + ": it takes " + takes)
	})
	root.PersistentFlags().StringP("config", "c", "", "configuration file (default: config.yaml when it exists)")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newServe(), newMigrate(), newDoctor(), newBackup(), newRestore(), newToken(), newWriteKey(), newAgent(), newOpenAPI(), newDemo(), newWechatSimulator(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), obs.Version())
			return err
		},
	}
}
