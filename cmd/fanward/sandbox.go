package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/web/api"
	"github.com/fanward/fanward/web/sandbox"
)

// sandboxSide is the demo shop, the WeChat phones and the customer's mailbox,
// each on a listener of its own that speaks public protocols only.
type sandboxSide struct {
	server   *http.Server
	listener net.Listener
	phones   *phoneSide
	mail     *mailSide
	// post takes the mailbox's mail in where the settings name no address; else nil.
	post *postOffice
}

// startSandbox makes the sandbox's web chat account at the first start and
// opens the shop that carries its widget.
func (a *app) startSandbox(ctx context.Context) (_ *sandboxSide, err error) {
	listener, err := net.Listen("tcp", a.config.Sandbox.ShopAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on sandbox.shop_addr (FANWARD_SANDBOX_SHOP_ADDR): %w", err)
	}
	s := &sandboxSide{listener: listener}
	defer func() {
		if err != nil {
			_ = listener.Close()
			s.stop(ctx)
		}
	}()
	account, secret, err := a.shopAccount(ctx, s.origins())
	if err != nil {
		return nil, err
	}
	if err := a.customers.EnsureSandboxKeys(ctx); err != nil {
		return nil, err
	}
	if s.phones, err = a.startPhones(ctx); err != nil {
		return nil, err
	}
	post := a.post
	if post == nil {
		if s.post, err = a.openPost("127.0.0.1:0"); err != nil {
			return nil, err
		}
		post = s.post
	}
	if s.mail, err = a.startMailbox(ctx, post); err != nil {
		return nil, err
	}
	shop := sandbox.NewShop(sandbox.ShopOptions{HubURL: a.url(), AccountKey: account.Key, QRHost: wechat.PictureHost(s.phones.url()), IdentitySecret: secret, BrowserKey: customers.SandboxBrowserKey, ServerKey: customers.SandboxKey})
	s.server = a.serveLocal(listener, shop, "the demo shop")
	return s, nil
}

// origins are the names under which a browser on this machine may call the shop.
func (s *sandboxSide) origins() []string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return []string{"http://127.0.0.1:" + port, "http://localhost:" + port, "http://[::1]:" + port}
}

func (s *sandboxSide) url() string { return "http://" + s.listener.Addr().String() }

func (s *sandboxSide) pages() *api.SandboxPages {
	return &api.SandboxPages{Shop: s.url(), Phones: s.phones.url(), Mailbox: s.mail.url()}
}

// stop ends the pages, those of them that are there.
func (s *sandboxSide) stop(ctx context.Context) {
	if s.server != nil {
		shut(ctx, s.server)
	}
	if s.phones != nil {
		s.phones.stop(ctx)
	}
	if s.mail != nil {
		s.mail.stop(ctx)
	}
	s.post.stop(ctx)
}

// shut ends a server in order, and at the end of ctx without: another node may
// wait for its address.
func shut(ctx context.Context, server *http.Server) {
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// shopAccount is the web chat account whose widget the shop carries, with its
// identity secret.
func (a *app) shopAccount(ctx context.Context, origins []string) (*channels.Account, []byte, error) {
	account, err := a.sandboxAccount(ctx, webchat.Channel, nil, func(stored json.RawMessage) (any, error) {
		config := webchat.DefaultConfig()
		config.Color = "#2f7d4f"
		config.Title = channels.Words{En: "Lin's Tea", Zh: "林记茶铺"}
		config.Greeting = channels.Words{En: "Welcome. Ask us anything about tea, orders or delivery.", Zh: "欢迎光临。关于茶叶、订单或配送，随时问我们。"}
		err := channels.DecodeConfig(stored, &config)
		config.Origins = origins // the shop's port may differ from start to start
		return config, err
	})
	if err != nil {
		return nil, nil, err
	}
	if secret, ok, err := a.accounts.Secret(account); err != nil || ok {
		return account, secret, err
	}
	secret, err := a.accounts.NewSecret(ctx, auth.System, account.ID)
	return account, []byte(secret), err
}

// sandboxAccount is the sandbox's account of a channel, made at the first start.
// configure gives its configuration, from the stored one (nil at first): what
// follows from this start replaces what is stored. secrets are for a new one.
func (a *app) sandboxAccount(ctx context.Context, channel string, secrets channels.Secrets, configure func(stored json.RawMessage) (any, error)) (*channels.Account, error) {
	account, found, err := a.accounts.Sandbox(ctx, channel)
	if err != nil {
		return nil, err
	}
	var stored json.RawMessage
	if found {
		stored = account.Config
	}
	config, err := configure(stored)
	if err != nil {
		return nil, fmt.Errorf("the sandbox's %s account: %w", channel, err)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	if found {
		return a.accounts.Update(ctx, account.ID, channels.Patch{Config: raw})
	}
	return a.accounts.Create(ctx, channels.New{Channel: channel, Name: "Lin's Tea · 林记茶铺", Config: raw, Secrets: secrets, Sandbox: true})
}

// serveLocal serves one of the sandbox's pages to this machine alone. what names
// it when it fails.
func (a *app) serveLocal(listener net.Listener, page http.Handler, what string) *http.Server {
	server := &http.Server{Handler: sandbox.Guard(page), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve %s: %w", what, err))
		}
	}()
	return server
}
