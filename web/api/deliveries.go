package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
)

type listDeliveriesInput struct {
	State string `query:"state" enum:"failed,unknown,all" default:"all"`
	PageInput
}

// troublePlace is where a page of deliveries ended.
type troublePlace struct {
	At int64  `json:"a"`
	ID ids.ID `json:"i"`
}

const troubleKind = "deliveries"

func (s *Server) addDeliveries() {
	add(s, operation{
		id: "listDeliveries", method: http.MethodGet, path: root + "/deliveries", tag: "inbox", access: needs(auth.InboxRead),
		summary:     "Deliveries that need a person, newest first",
		description: "failed: certainly not delivered. unknown: nobody knows, and it is never repeated by itself. Only of conversations that the caller sees and that are not resolved.",
	}, s.listDeliveries)
	add(s, operation{
		id: "liftSuppression", method: http.MethodDelete, path: root + "/identities/{id}/suppression", tag: "customers", access: needs(auth.CustomersWrite), status: http.StatusNoContent,
		summary: "Let an identity be written to again that had blocked us or bounced",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Outbox.Unsuppress(ctx, in.ID.ID)
	})
	add(s, operation{
		id: "listInbound", method: http.MethodGet, path: root + "/inbound", tag: "accounts", access: needs(auth.AccountsManage),
		summary: "What arrived and could not be understood, newest first; at most 200",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[intake.Failed]], error) {
		return all(s.o.Intake.Failed(ctx, 200))
	})
	add(s, operation{
		id: "retryInbound", method: http.MethodPost, path: root + "/inbound/{id}/retry", tag: "accounts", access: needs(auth.AccountsManage), status: http.StatusNoContent,
		summary: "Try again to understand something that arrived",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Intake.Retry(ctx, in.ID.ID)
	})
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*answer[Page[inbox.Trouble]], error) {
	at, err := decodeCursor[troublePlace](troubleKind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := inbox.TroubleFilter{State: in.State, Limit: in.Limit + 1}
	if f.State == "all" {
		f.State = ""
	}
	if at.ID != 0 {
		f.Before = inbox.Position{At: time.UnixMilli(at.At), ID: at.ID}
	}
	p := principal(ctx)
	list, err := s.o.Inbox.Troubles(ctx, p, f)
	if err != nil {
		return nil, err
	}
	page := paged(list, in.Limit, troubleKind, func(t inbox.Trouble) troublePlace {
		return troublePlace{clock.Millis(t.Delivery.UpdatedAt), t.Delivery.ID}
	})
	return counted(page, in.PageInput, func() (int64, error) { return s.o.Inbox.CountTroubles(ctx, p, f) })
}
