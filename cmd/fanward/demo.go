package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/cmd/fanward/demo"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
)

// newDemo is "fanward demo".
func newDemo() *cobra.Command {
	var o demo.Options
	var until string
	cmd := &cobra.Command{
		Use: "demo", Short: "Fill an empty database with a believable year of a shop", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Now = time.Now(); until != "" {
				at, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return fault.AtField("until", "wrong_type", fault.Params{"expected": "date-time"})
				}
				o.Now = at
			}
			return runDemo(cmd, o)
		},
	}
	cmd.Flags().StringVar(&o.Language, "language", "", "of the shop and its people: en or zh-CN (default: the installation's)")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 1, "another number makes another year")
	cmd.Flags().IntVar(&o.People, "people", demo.DefaultPeople, "how many customers the year brings, about; at least 100")
	cmd.Flags().StringVar(&until, "until", "", "when the year ends, such as 2026-11-22T10:00:00Z (default: now)")
	return cmd
}

const fewest = 100

func runDemo(cmd *cobra.Command, o demo.Options) (err error) {
	s, err := settings(cmd)
	if err != nil {
		return err
	}
	if o.Language == "" {
		o.Language = s.Installation.Locale
	}
	if o.Language != locale.English && o.Language != locale.Chinese {
		return fault.AtField("language", "not_one_of", fault.Params{"allowed": "en, zh-CN"})
	}
	if o.People < fewest {
		return fault.AtField("people", "too_small", fault.Params{"min": fewest})
	}
	ctx := cmd.Context()
	platform, post := new(demo.Pretender), new(demo.Pretender)
	a, err := newApp(ctx, s.Config, obs.NewLogger(cmd.ErrOrStderr(), "error", "text"), func(a *app) {
		a.pretend = func(real channels.Adapter) channels.Adapter {
			p := map[string]*demo.Pretender{wechat.Channel: platform, email.Channel: post}[real.Channel()]
			p.Adapter = real
			return p
		}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.demoFits(ctx); err != nil {
		return err
	}
	began := time.Now()
	h, err := a.demoHouse(ctx, o, platform, post)
	if err != nil {
		return err
	}
	o.Progress = progressTo(cmd.ErrOrStderr())
	if err := demo.Run(ctx, h, o); err != nil {
		obs.NewLogger(cmd.ErrOrStderr(), "error", "text").Error("play the year", "error", err)
		return err
	}
	lang := terminalLanguage()
	_, err = fmt.Fprintln(cmd.ErrOrStderr(), locale.Sentence(lang, "cli.demo.done", map[string]any{"seconds": int(time.Since(began).Seconds()), "folder": s.DataDir}))
	return err
}

// progressTo shows how far the year has come.
func progressTo(out io.Writer) func(int) {
	return func(percent int) {
		if percent%10 == 0 {
			_, _ = fmt.Fprintf(out, "%d%%\n", percent)
		}
	}
}

// demoFits refuses a database that holds anything, and an installation that is
// not the sandbox's: what the demo leaves would look like real people.
func (a *app) demoFits(ctx context.Context) error {
	real, err := a.accounts.HasReal(ctx)
	if err != nil {
		return err
	}
	on, err := a.config.SandboxOn(real)
	if err != nil {
		return err
	}
	if !on {
		return fault.New(fault.Conflict, "demo_needs_sandbox", nil)
	}
	var rows int64
	if err := a.db.Reader(ctx).QueryRow(qAnything).Scan(&rows); err != nil {
		return err
	}
	if rows > 0 {
		return fault.New(fault.Conflict, "demo_needs_empty", nil)
	}
	var others int64
	if err := a.db.Reader(ctx).QueryRow(qOthers, a.db.node.Name, clock.Millis(time.Now())).Scan(&others); err != nil {
		return err
	}
	if others > 0 {
		return fault.New(fault.Conflict, "demo_needs_quiet", nil)
	}
	return a.sandbox.row.own(ctx) // the phones are kept there
}

// demoHouse makes the sandbox's accounts, as its first start would, and the owner.
func (a *app) demoHouse(ctx context.Context, o demo.Options, platform, post *demo.Pretender) (h demo.House, err error) {
	a.db.clk.Stand(o.Now.Add(-demo.Year))
	_, port, err := net.SplitHostPort(a.config.Sandbox.ShopAddr)
	if err != nil {
		return h, err
	}
	h = demo.House{
		Clock: a.db.clk, Auth: a.auth, Customers: a.customers, Segments: a.segments, Journeys: a.journeys, Inbox: a.inbox, Outbox: a.outbox, Visitors: a.visitors,
		Tracking: a.server, Platform: platform, Post: post, Upkeep: a.demoUpkeep,
		Find: func(ctx context.Context, k customers.Key) (customers.Resolved, bool, error) {
			return customers.FindTx(a.db.Reader(ctx), k)
		},
	}
	if h.Shop, h.ShopSecret, err = a.shopAccount(ctx, []string{"http://127.0.0.1:" + port, "http://localhost:" + port, "http://[::1]:" + port}); err != nil {
		return h, err
	}
	if h.Shop, err = a.accounts.Get(ctx, h.Shop.ID); err != nil { // with its secret
		return h, err
	}
	if h.Wechat, err = a.sandboxWechat(ctx, "http://"+a.config.Sandbox.PhoneAddr); err != nil {
		return h, err
	}
	if h.Mail, err = a.sandboxMail(ctx, 25); err != nil {
		return h, err
	}
	if err := a.customers.EnsureSandboxKeys(ctx); err != nil {
		return h, err
	}
	if h.Owner, err = a.demoOwner(ctx, o.Language); err != nil {
		return h, err
	}
	a.demoChannels(&h)
	return h, a.demoPhones(&h)
}

// demoOwner is the owner that the first start makes; the link to sign in with is
// printed by the next one.
func (a *app) demoOwner(ctx context.Context, language string) (auth.Principal, error) {
	if _, _, err := a.auth.OwnerLink(ctx); err != nil {
		return auth.Principal{}, err
	}
	all, err := a.auth.Teammates(ctx)
	if err != nil {
		return auth.Principal{}, err
	}
	for _, t := range all {
		if t.Role == auth.Owner {
			p, err := a.auth.PrincipalOf(ctx, t.ID)
			if err == nil {
				_, err = a.auth.UpdateMe(ctx, p, auth.MePatch{Locale: &language})
			}
			return p, err
		}
	}
	return auth.Principal{}, errors.New("there is no owner")
}

// demoChannels let mails in as they come, and name what goes out as the channels do.
func (a *app) demoChannels(h *demo.House) {
	account, shop := h.Wechat, h.Mail
	h.Follower = func(openID string) channels.Identity { return wechat.FollowerOf(account, openID, a.keys.MAC) }
	h.ReplyTo = func(c *inbox.Conversation) string { return email.ReplyAddress(a.keys, shop.ID, c.ID, "tea.example") }
	heard := &hearing{Sink: a.inbox}
	handler := a.mailHandler(heard)
	h.Letter = func(ctx context.Context, raw []byte) (channels.Received, error) {
		id := a.db.ids.Next()
		err := handler.Handle(ctx, shop, intake.Raw{Account: shop.ID, ID: id, Key: "demo-" + id.String(), Body: raw, Attempt: 1, ReceivedAt: a.db.clk.Now()})
		return heard.last, err
	}
	h.Post.Ref = func(out channels.Outbound) string {
		return email.MessageID(a.keys, shop.ID, out.Conversation, out.Delivery, "tea.example")
	}
	h.Platform.Ref = func(out channels.Outbound) string { return out.Delivery.String() }
}

// hearing remembers where the last message went.
type hearing struct {
	channels.Sink
	last channels.Received
}

// Receive implements channels.Sink.
func (h *hearing) Receive(ctx context.Context, in channels.Inbound) (r channels.Received, err error) {
	h.last, err = h.Sink.Receive(ctx, in)
	return h.last, err
}

// demoPhones keep the phones for the sandbox's next start.
func (a *app) demoPhones(h *demo.House) error {
	sim := simulator.New(simulator.Options{Clock: a.db.clk, Seed: sandboxSeed, BaseURL: "http://" + a.config.Sandbox.PhoneAddr})
	if err := sim.SetAccount(simulator.Account{AppID: sandboxAppID, OriginalID: sandboxWechat, Name: h.Wechat.Name}); err != nil {
		return err
	}
	for _, name := range []string{"Ming", "Fang"} {
		if _, err := sim.AddPerson(sandboxAppID, name); err != nil {
			return err
		}
	}
	h.Phone = func(name string) (string, error) { return sim.AddPerson(sandboxAppID, name) }
	h.Remember = func(openID string, since time.Time, chat []demo.Line) error {
		lines := make([]simulator.Line, len(chat))
		for i, l := range chat {
			lines[i] = simulator.Line{At: l.At, From: map[bool]string{true: "account", false: "person"}[l.Ours], Kind: "text", Text: l.Text}
		}
		if err := sim.Recall(sandboxAppID, openID, since, lines); err != nil {
			return err
		}
		return sim.Save(a.phonesKept())
	}
	return nil
}

// demoUpkeep is what the hourly jobs of a server do.
func (a *app) demoUpkeep(ctx context.Context) error {
	return errors.Join(a.pruneChanges(ctx), a.customers.SweepMessages(ctx), a.auth.Sweep(ctx))
}
