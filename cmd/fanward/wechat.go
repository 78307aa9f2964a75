package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/channels/wechat/simulator"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/store"
)

// newWechat makes the WeChat adapter; its accounts may have their API on this
// machine only where the sandbox may run.
func (a *app) newWechat() *wechat.Adapter {
	a.wechat = wechat.NewClient(a.db.clk, nil)
	if a.db.redis != nil {
		a.wechat.Share(wechat.Common{Nodes: a.db.redis, Sealer: a.keys})
	}
	return wechat.NewAdapter(wechat.AdapterOptions{
		Client: a.wechat, Clock: a.db.clk, Log: obs.Component(a.log, "wechat"),
		LocalBase: a.config.Sandbox.Mode != "off" && config.Loopback(a.config.HTTP.Addr),
	})
}

// joinWechat connects the adapter with what came after it, and understands what
// WeChat pushes. It returns what answers WeChat.
func (a *app) joinWechat(adapter *wechat.Adapter) *wechat.Receiver {
	log := obs.Component(a.log, "wechat")
	adapter.SetAccounts(a.accounts)
	a.intake.Register(wechat.Channel, wechat.NewHandler(wechat.HandlerOptions{
		Adapter: adapter, Sink: a.inbox, Keeper: a.intake, Files: a.inbox, Eraser: a.inbox, Hash: a.keys.MAC, People: followers{a.customers}, Clock: a.db.clk, Log: log,
		FileBytes: a.config.Limits.FileBytes, MaxBody: a.config.Limits.BodyChars,
	}))
	return wechat.NewReceiver(a.accounts, a.intake, a.db.clk, log)
}

const (
	sandboxAppID  = "wx5andb0xfanward00"
	sandboxWechat = "gh_sandbox"
	sandboxSeed   = 1
	// sandboxPhones keeps the phones from start to start, in the data folder of a
	// single node.
	sandboxPhones = "sandbox-phones.json"
)

// sandboxMenu is what the sandbox's account has at the foot of its chat.
const sandboxMenu = `{"button":[{"type":"click","name":"帮助 Help","key":"HELP"},{"name":"茶铺 Tea","sub_button":[{"type":"click","name":"今日新茶 New tea","key":"NEW_TEA"},{"type":"click","name":"我的订单 My order","key":"MY_ORDER"}]}]}`

// phoneSide is the sandbox's WeChat: the platform and the page with the phones
// of its followers, on a listener of their own.
type phoneSide struct {
	server   *http.Server
	listener net.Listener
	sim      *simulator.Simulator
}

// startPhones opens the sandbox's WeChat and makes its account at the first
// start. Its clock is the program's.
func (a *app) startPhones(ctx context.Context) (_ *phoneSide, err error) {
	listener, err := net.Listen("tcp", a.config.Sandbox.PhoneAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on sandbox.phone_addr (FANWARD_SANDBOX_PHONE_ADDR): %w", err)
	}
	p := &phoneSide{listener: listener}
	p.sim = simulator.New(simulator.Options{
		Clock: a.db.clk, Move: a.sandbox.move, Seed: sandboxSeed, BaseURL: p.url(), Log: obs.Component(a.log, "wechat-simulator"),
	})
	if err := a.furnishPhones(ctx, p); err != nil {
		p.sim.Close()
		_ = listener.Close()
		return nil, err
	}
	p.server = a.serveLocal(listener, p.sim.Handler(), "the WeChat phones")
	return p, nil
}

func (a *app) furnishPhones(ctx context.Context, p *phoneSide) error {
	account, err := a.sandboxWechat(ctx, p.url())
	if err != nil {
		return err
	}
	secrets, err := a.accounts.Secrets(account)
	if err != nil {
		return err
	}
	err = p.sim.SetAccount(simulator.Account{
		AppID: sandboxAppID, Secret: secrets[wechat.SecretApp], OriginalID: sandboxWechat, Name: account.Name, Token: secrets[wechat.SecretToken],
		AESKey: secrets[wechat.SecretKey], Mode: simulator.Safe, PushURL: a.url() + "/channels/wechat/" + account.Key,
	})
	if err != nil {
		return err
	}
	if err := p.sim.Persist(a.phonesKept()); err != nil {
		return err
	}
	if err := p.sim.SetMenu(sandboxAppID, []byte(sandboxMenu)); err != nil {
		return err
	}
	for _, name := range []string{"Ming", "Fang"} {
		if _, err := p.sim.AddPerson(sandboxAppID, name); err != nil && !errors.Is(err, simulator.ErrNameTaken) {
			return err
		}
	}
	return nil
}

// phonesKept is where the phones are kept: a file, or, where another node may
// take them over, a row.
func (a *app) phonesKept() simulator.Keeper {
	if a.db.Engine() == store.SQLite {
		return simulator.File(filepath.Join(a.config.DataDir, sandboxPhones))
	}
	return a.sandbox.row
}

// sandboxWechat is the sandbox's WeChat account, whose API is at base.
func (a *app) sandboxWechat(ctx context.Context, base string) (*channels.Account, error) {
	secrets := channels.Secrets{wechat.SecretApp: randomHex(16), wechat.SecretToken: randomHex(16), wechat.SecretKey: randomHex(22)[:43]}
	return a.sandboxAccount(ctx, wechat.Channel, secrets, func(stored json.RawMessage) (any, error) {
		c := wechat.DefaultConfig()
		c.Welcome = channels.Words{En: "Welcome to Lin's Tea. Write to us here, a person answers.", Zh: "欢迎关注林记茶铺！有什么想问的，直接留言，客服会回复您。"}
		err := channels.DecodeConfig(stored, &c)
		c.AppID, c.APIBase = sandboxAppID, base // the port may differ from start to start
		return c, err
	})
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (p *phoneSide) url() string { return "http://" + p.listener.Addr().String() }

func (p *phoneSide) stop(ctx context.Context) {
	p.sim.Close() // ends the pages' streams, which the shutdown waits for
	shut(ctx, p.server)
}
