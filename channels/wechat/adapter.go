package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
)

// Channel is the adapter's name.
const Channel = "wechat"

// MaxBody is the longest message in characters. What is sent must also fit
// into MaxText bytes.
const MaxBody = 2048

// imageTypes are the pictures that WeChat takes.
var imageTypes = []string{"image/jpeg", "image/png", "image/gif"}

// Accounts opens an account's secrets and keeps its health; channels.Accounts
// is one.
type Accounts interface {
	Secrets(acc *channels.Account) (channels.Secrets, error)
	Report(ctx context.Context, id ids.ID, h channels.Health) error
}

// Adapter implements channels.Adapter and channels.Checker. It is safe for
// concurrent use.
type Adapter struct {
	client    *Client
	clk       clock.Clock
	log       *slog.Logger
	localBase bool
	accounts  Accounts
}

// AdapterOptions are what an Adapter needs.
type AdapterOptions struct {
	Client *Client
	Clock  clock.Clock
	Log    *slog.Logger // nil: nothing is logged
	// LocalBase lets accounts have their API on this machine, as the sandbox's do.
	LocalBase bool
}

// NewAdapter returns the adapter; SetAccounts completes it.
func NewAdapter(o AdapterOptions) *Adapter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Adapter{client: o.Client, clk: o.Clock, log: o.Log, localBase: o.LocalBase}
}

// SetAccounts says where accounts are kept, which itself needs the adapter.
// Call it before anything is sent.
func (a *Adapter) SetAccounts(accounts Accounts) { a.accounts = accounts }

// Channel implements channels.Adapter.
func (a *Adapter) Channel() string { return Channel }

// Capabilities implements channels.Adapter.
func (a *Adapter) Capabilities() channels.Capabilities {
	return channels.Capabilities{MaxBody: MaxBody, Allowance: true, PerIdentity: true, Identity: customers.KindOpenID, PerAccount: true}
}

// Claim implements channels.Claimer: an official account pushes to one address.
func (a *Adapter) Claim(config json.RawMessage) (field, value string, err error) {
	c, err := ParseConfig(config)
	return "config.app_id", c.AppID, err
}

// login opens what an account signs in with.
func (a *Adapter) login(acc *channels.Account) (Login, Config, error) {
	c, err := ParseConfig(acc.Config)
	if err != nil {
		return Login{}, c, err
	}
	secrets, err := a.accounts.Secrets(acc)
	if err != nil {
		return Login{}, c, err
	}
	return Login{Base: c.APIBase, AppID: c.AppID, Secret: secrets[SecretApp]}, c, nil
}

// Send implements channels.Adapter. Pictures are uploaded before anything is
// sent, so that nothing is sent when one cannot be.
func (a *Adapter) Send(ctx context.Context, out channels.Outbound) (channels.Sent, error) {
	if len(out.Body) > MaxText {
		return channels.Sent{}, refused("wechat_text_too_long", nil)
	}
	if i := slices.IndexFunc(out.Files, func(f channels.OutFile) bool {
		return f.Size > MaxImage || !slices.Contains(imageTypes, f.ContentType)
	}); i >= 0 {
		return channels.Sent{}, refused("wechat_picture_refused", nil)
	}
	l, _, err := a.login(out.Account)
	if err != nil {
		return channels.Sent{}, &channels.SendError{Outcome: channels.Temporary, Code: "internal", Err: err}
	}
	err = a.send(ctx, l, out)
	a.report(ctx, out.Account, err)
	if err != nil {
		var told *channels.SendError
		if !errors.As(err, &told) {
			told = sendError(err, a.clk.Now())
		}
		return channels.Sent{}, told
	}
	// WeChat gives customer messages no name of its own.
	return channels.Sent{ProviderRef: "wechat-" + out.Delivery.String()}, nil
}

func refused(code string, err error) *channels.SendError {
	return &channels.SendError{Outcome: channels.Refused, Code: code, Err: err}
}

func (a *Adapter) send(ctx context.Context, l Login, out channels.Outbound) error {
	media := make([]string, len(out.Files))
	for i, f := range out.Files {
		id, err := a.upload(ctx, l, f)
		if err != nil {
			return beforehand(err, a.clk.Now())
		}
		media[i] = id
	}
	sent := 0
	if out.Body != "" {
		if err := a.client.SendText(ctx, l, out.Identity.Value, out.Body); err != nil {
			return err
		}
		sent++
	}
	for i, id := range media {
		err := a.client.SendImage(ctx, l, out.Identity.Value, id)
		if codeOf(err) == 40007 { // WeChat has lost it: once more
			if id, err = a.upload(ctx, l, out.Files[i]); err == nil {
				err = a.client.SendImage(ctx, l, out.Identity.Value, id)
			}
		}
		if err != nil && sent > 0 {
			// A part is there, so another try would send that twice.
			r := reactionTo(err, a.clk.Now())
			return &channels.SendError{Outcome: channels.Ambiguous, Code: "wechat_sent_in_part", Suppress: r.suppress, Spent: r.spent, Err: err}
		}
		if err != nil {
			return err
		}
		sent++
	}
	return nil
}

// beforehand turns what went wrong before anything was sent: nothing can be in
// doubt then.
func beforehand(err error, now time.Time) error {
	told := sendError(err, now)
	if told.Outcome == channels.Ambiguous {
		told.Outcome, told.Code = channels.Temporary, "wechat_unreachable"
	}
	return told
}

func (a *Adapter) upload(ctx context.Context, l Login, f channels.OutFile) (string, error) {
	r, err := f.Open(ctx)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxImage+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	if len(data) > MaxImage {
		return "", refused("wechat_picture_refused", nil)
	}
	return a.client.UploadImage(ctx, l, f.Name, f.ContentType, data)
}

// report keeps the account's health: what ails the account is shown until a
// call succeeds or WeChat says something else.
func (a *Adapter) report(ctx context.Context, acc *channels.Account, err error) {
	h := channels.Health{OK: true}
	if err != nil {
		if h = healthOf(err, a.clk.Now()); h.OK {
			return // says nothing of the account
		}
	}
	if h.OK && acc.Health.OK {
		return
	}
	if err := a.accounts.Report(context.WithoutCancel(ctx), acc.ID, h); err != nil {
		a.log.Error("store an account's health", "account_id", acc.ID, "error", err)
	}
}

func healthOf(err error, now time.Time) channels.Health {
	if !reactionTo(err, now).account {
		return channels.Health{OK: true}
	}
	h := channels.Health{}
	h.Code, h.Params = diagnosis(err, now)
	return h
}

// Check implements channels.Checker: signing in proves app id, secret and the
// list of allowed addresses.
func (a *Adapter) Check(ctx context.Context, config json.RawMessage, secrets channels.Secrets) []channels.Step {
	step := channels.Step{Name: "sign_in"}
	c, err := ParseConfig(config)
	if err == nil {
		err = a.client.Probe(ctx, Login{Base: c.APIBase, AppID: c.AppID, Secret: secrets[SecretApp]})
	}
	if err == nil {
		step.OK = true
		return []channels.Step{step}
	}
	if step.Code, step.Params = diagnosis(err, a.clk.Now()); step.Code == "send_unknown" {
		step.Code = "wechat_unreachable"
	}
	return []channels.Step{step}
}
