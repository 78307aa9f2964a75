package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/web/sandbox"
)

// simulatorOptions are the flags of "fanward wechat-simulator".
type simulatorOptions struct {
	addr, secret, profile, state string
	seed                         uint64
	account                      simulator.Account
	people                       []string
}

// newWechatSimulator is "fanward wechat-simulator": the WeChat platform of the
// sandbox as a program of its own.
func newWechatSimulator() *cobra.Command {
	var o simulatorOptions
	cmd := &cobra.Command{
		Use: "wechat-simulator", Short: "Play the WeChat platform on this machine: its API, its pushes and a page with phones", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulator(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8090", "loopback address to listen on")
	f.StringVar(&o.secret, "control-secret", "", "bearer token that control calls must carry; empty: none")
	f.StringVar(&o.profile, "profile", simulator.DefaultProfile, "allowance rules: 2021, 2023 or guide-2025")
	f.StringVar(&o.state, "state", "", "file that keeps the platform from start to start; empty: none")
	f.Uint64Var(&o.seed, "seed", 1, "decides the names that the platform makes up")
	f.StringVar(&o.account.AppID, "app-id", "wx0000000000000001", "app id of the service account")
	f.StringVar(&o.account.Secret, "app-secret", "simulator-secret-0000000000000001", "secret of the service account")
	f.StringVar(&o.account.Name, "name", "Lin's Tea 林记茶铺", "name of the service account")
	f.StringVar(&o.account.OriginalID, "original-id", "gh_000000000001", "original id of the service account")
	f.StringVar(&o.account.Token, "token", "simulatortoken", "token that signs the pushes")
	f.StringVar(&o.account.AESKey, "aes-key", "", "EncodingAESKey, 43 characters; needed by the modes compat and safe")
	f.StringVar(&o.account.Mode, "mode", simulator.Plain, "how messages are pushed: plain, compat or safe")
	f.StringVar(&o.account.PushURL, "push-url", "http://127.0.0.1:8080/channels/wechat/", "where messages are pushed to")
	f.StringSliceVar(&o.people, "person", []string{"Ming", "Lin"}, "a person with a phone; may be repeated")
	return cmd
}

func runSimulator(cmd *cobra.Command, o simulatorOptions) error {
	if !config.Loopback(o.addr) {
		return errors.New(locale.Sentence(terminalLanguage(), "cli.simulator_not_loopback", map[string]any{"addr": o.addr}))
	}
	switch o.profile {
	case "2021", "2023", "guide-2025":
	default:
		return errors.New(locale.Sentence(terminalLanguage(), "cli.simulator_profile", map[string]any{"profile": o.profile}))
	}
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("listen on --addr: %w", err)
	}
	clk := clock.NewSystem()
	sim := simulator.New(simulator.Options{
		Clock: clk, Move: func(d time.Duration) error { clk.Move(d); return nil }, Seed: o.seed, Profile: o.profile, BaseURL: "http://" + listener.Addr().String(), ControlSecret: o.secret,
		Log: obs.NewLogger(cmd.ErrOrStderr(), "debug", "text"),
	})
	defer sim.Close()
	if err := sim.SetAccount(o.account); err != nil {
		_ = listener.Close()
		return errors.New(locale.Sentence(terminalLanguage(), "cli.simulator_account", nil))
	}
	if o.state != "" {
		if err := sim.Persist(simulator.File(o.state)); err != nil {
			_ = listener.Close()
			return err
		}
	}
	for _, name := range o.people {
		if _, err := sim.AddPerson(o.account.AppID, name); err != nil && !errors.Is(err, simulator.ErrNameTaken) {
			_ = listener.Close()
			return errors.New(locale.Sentence(terminalLanguage(), "cli.simulator_person", map[string]any{"name": name}))
		}
	}
	if _, err := fmt.Fprintln(cmd.ErrOrStderr(), locale.Sentence(terminalLanguage(), "cli.simulator", map[string]any{"url": "http://" + listener.Addr().String()})); err != nil {
		return err
	}
	return serveSimulator(cmd.Context(), listener, sim)
}

// serveSimulator serves until ctx ends.
func serveSimulator(ctx context.Context, listener net.Listener, sim *simulator.Simulator) error {
	server := &http.Server{Handler: sandbox.Guard(sim.Handler()), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	sim.Close() // ends the pages' streams, which the shutdown waits for
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	return server.Shutdown(stop)
}
