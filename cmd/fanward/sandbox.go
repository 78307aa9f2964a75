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
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/web/sandbox"
)

// sandboxSide is the demo shop, the WeChat phones and the customer's mailbox,
// each on a listener of its own that speaks public protocols only.
type sandboxSide struct {
	server   *http.Server
	listener net.Listener
	phones   *phoneSide
	mail     *mailSide
}

func (a *app) sandboxOn(ctx context.Context) (bool, error) {
	real, err := a.accounts.HasReal(ctx)
	if err != nil {
		return false, err
	}
	return a.config.SandboxOn(real)
}

// startSandbox makes the sandbox's web chat account at the first start and
// opens the shop that carries its widget.
func (a *app) startSandbox(ctx context.Context) (*sandboxSide, error) {
	listener, err := net.Listen("tcp", a.config.Sandbox.ShopAddr)
	if err != nil {
		return nil, fmt.Errorf("listen on sandbox.shop_addr (FANWARD_SANDBOX_SHOP_ADDR): %w", err)
	}
	s := &sandboxSide{listener: listener}
	account, secret, err := a.sandboxAccount(ctx, s.origins())
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	if s.phones, err = a.startPhones(ctx); err != nil {
		_ = listener.Close()
		return nil, err
	}
	if s.mail, err = a.startMailbox(ctx); err != nil {
		s.phones.stop(ctx)
		_ = listener.Close()
		return nil, err
	}
	shop := sandbox.NewShop(sandbox.ShopOptions{HubURL: a.url(), AccountKey: account.Key, QRHost: wechat.PictureHost(s.phones.url()), IdentitySecret: secret})
	s.server = &http.Server{Handler: sandbox.Guard(shop), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve the demo shop: %w", err))
		}
	}()
	return s, nil
}

// origins are the names under which a browser on this machine may call the shop.
func (s *sandboxSide) origins() []string {
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return []string{"http://127.0.0.1:" + port, "http://localhost:" + port, "http://[::1]:" + port}
}

func (s *sandboxSide) url() string { return "http://" + s.listener.Addr().String() }

func (s *sandboxSide) stop(ctx context.Context) {
	_ = s.server.Shutdown(ctx)
	s.phones.stop(ctx)
	s.mail.stop(ctx)
}

func (a *app) sandboxAccount(ctx context.Context, origins []string) (*channels.Account, []byte, error) {
	account, found, err := a.accounts.Sandbox(ctx, webchat.Channel)
	if err != nil {
		return nil, nil, err
	}
	config := webchat.DefaultConfig()
	if found {
		if config, err = webchat.ParseConfig(account.Config); err != nil {
			return nil, nil, err
		}
	} else {
		config.Color = "#2f7d4f"
		config.Title = webchat.Words{En: "Lin's Tea", Zh: "林记茶铺"}
		config.Greeting = webchat.Words{En: "Welcome. Ask us anything about tea, orders or delivery.", Zh: "欢迎光临。关于茶叶、订单或配送，随时问我们。"}
	}
	config.Origins = origins // the shop's port may differ from start to start
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, nil, err
	}
	if found {
		account, err = a.accounts.Update(ctx, account.ID, channels.Patch{Config: raw})
	} else {
		account, err = a.accounts.Create(ctx, channels.New{Channel: webchat.Channel, Name: "Lin's Tea · 林记茶铺", Config: raw, Sandbox: true})
	}
	if err != nil {
		return nil, nil, err
	}
	if secret, ok, err := a.accounts.Secret(account); err != nil || ok {
		return account, secret, err
	}
	secret, err := a.accounts.NewSecret(ctx, auth.System, account.ID)
	return account, []byte(secret), err
}

// demoURL is where the demo shop can be visited; "" without sandbox.
func (a *app) demoURL() string {
	if a.sandbox == nil {
		return ""
	}
	return a.sandbox.url()
}
