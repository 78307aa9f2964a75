package main

import (
	"context"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/web/api"
)

// followers lets the WeChat channel join people by what they prove.
type followers struct{ *customers.Service }

// Binds implements wechat.People.
func (f followers) Binds(scene string) bool { return customers.IsBindScene(scene) }

// Bind implements wechat.People.
func (f followers) Bind(ctx context.Context, scene string, follower customers.Key) error {
	_, err := f.Service.Bind(ctx, scene, follower)
	return err
}

// Union implements wechat.People.
func (f followers) Union(ctx context.Context, follower, union customers.Key) error {
	_, err := f.Service.Union(ctx, follower, union)
	return err
}

// codes makes the QR codes by which visitors bind their WeChat.
type codes struct{ adapter *wechat.Adapter }

// QR implements api.QRCodes.
func (c codes) QR(ctx context.Context, account *channels.Account, scene string, lifetime time.Duration) (api.QRCode, error) {
	code, picture, err := c.adapter.QR(ctx, account, scene, lifetime)
	if err != nil {
		return api.QRCode{}, fault.Wrap(err, fault.Unavailable, "wechat_unreachable", nil)
	}
	return api.QRCode{URL: code.URL, Ticket: code.Ticket, ImageURL: picture}, nil
}
