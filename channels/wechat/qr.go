package wechat

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
)

// showPage is where WeChat draws its codes, apart from its API.
const showPage = "https://mp.weixin.qq.com"

// QR makes a code whose scene comes back when somebody scans it, and the address
// of its picture.
func (a *Adapter) QR(ctx context.Context, acc *channels.Account, scene string, lifetime time.Duration) (code Code, picture string, err error) {
	l, _, err := a.login(acc)
	if err != nil {
		return Code{}, "", err
	}
	if code, err = a.client.CreateCode(ctx, l, scene, lifetime); err != nil {
		a.report(ctx, acc, err)
		return Code{}, "", err
	}
	return code, PictureHost(l.Base) + "/cgi-bin/showqrcode?ticket=" + url.QueryEscape(code.Ticket), nil
}

// PictureHost is where the pictures of an account's codes come from: WeChat's
// own page, or for an account on this machine its API.
func PictureHost(base string) string {
	if strings.HasPrefix(base, "http://") {
		return base
	}
	return showPage
}
