package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
)

// wechatChannel is the kind of account whose followers bind themselves.
const wechatChannel = "wechat"

// QRCode is what shows a scene to a phone's camera.
type QRCode struct {
	// URL is what the code holds; a page that draws codes itself draws this.
	URL string `json:"url" doc:"What the code holds, for pages that draw it themselves"`
	// Ticket names the code at the platform; ImageURL is its picture there, "" when it
	// gives none.
	Ticket   string `json:"ticket"`
	ImageURL string `json:"image_url" doc:"The platform's picture of the code; may be empty"`
}

// QRCodes makes codes that bring a scene back through a WeChat account: the
// channel's adapter is one. The code need not outlive lifetime.
type QRCodes interface {
	QR(ctx context.Context, account *channels.Account, scene string, lifetime time.Duration) (QRCode, error)
}

type bindAnswer struct {
	Scene     string    `json:"scene" doc:"What the code brings back; single use"`
	ExpiresAt time.Time `json:"expires_at"`
	QR        *QRCode   `json:"qr" doc:"null when no WeChat account is connected"`
}

func (s *Server) addBind() {
	add(s, operation{
		id: "bindVisitor", method: http.MethodPost, path: visitorRoot + "/bind", tag: "visitors", access: visitor, limit: s.limits.bind,
		status: http.StatusCreated, errors: []int{http.StatusUnauthorized},
		summary:     "Ask for a code by which a signed-in visitor joins their WeChat to the customer that they are",
		description: "For visitors with signed identity only: 403 identity_required. The scene can be used once, within five minutes.",
	}, s.bindVisitor)
}

func (s *Server) bindVisitor(ctx context.Context, in *AsVisitor) (*answer[bindAnswer], error) {
	v, err := s.open(ctx, *in)
	if err != nil {
		return nil, err
	}
	whose, ok, err := s.thread(ctx, v)
	if err != nil {
		return nil, err
	}
	if !ok || !whose.Known {
		return nil, fault.New(fault.Forbidden, "identity_required", nil)
	}
	account, err := s.bindAccount(ctx, v.Account.Sandbox)
	if err != nil {
		return nil, err
	}
	through := &channels.Account{}
	if account != nil {
		through = account
	}
	token, err := s.o.Customers.BindToken(ctx, whose.Customer, whose.Identity, through.ID)
	if err != nil {
		return nil, err
	}
	out := bindAnswer{Scene: token.Scene, ExpiresAt: token.ExpiresAt}
	if account != nil {
		code, err := s.o.QR.QR(ctx, account, token.Scene, token.ExpiresAt.Sub(s.o.Clock.Now()))
		if err != nil {
			return nil, err
		}
		out.QR = &code
	}
	return &answer[bindAnswer]{out}, nil
}

// bindAccount is the oldest active WeChat account on the same side of the
// sandbox's fence; nil when there is none.
func (s *Server) bindAccount(ctx context.Context, sandbox bool) (*channels.Account, error) {
	if s.o.QR == nil {
		return nil, nil
	}
	list, err := s.o.Accounts.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Channel == wechatChannel && a.Status == channels.Active && a.Sandbox == sandbox {
			return a, nil
		}
	}
	return nil, nil
}
