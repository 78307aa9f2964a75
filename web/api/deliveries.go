package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
)

type listDeliveriesInput struct {
	State string `query:"state" enum:"failed,unknown,all" default:"all"`
	PageInput
}

const troubleKind = "deliveries"

func (s *Server) addDeliveries() {
	add(s, operation{
		id: "listDeliveries", method: http.MethodGet, path: root + "/deliveries", tag: "inbox", access: needs(auth.InboxRead),
		summary:     "Deliveries that need a person, newest first",
		description: "failed: certainly not delivered. unknown: nobody knows, and it is never repeated by itself. Of conversations that the caller sees and that are not resolved, and of journeys' messages, for those who see every conversation of the account; what consent, caps and allowances held back is not listed.",
	}, s.listDeliveries)
	add(s, operation{
		id: "dismissDelivery", method: http.MethodPost, path: root + "/deliveries/{id}/dismiss", tag: "inbox", access: needs(auth.InboxReply),
		summary:     "Take a journey's message that failed, or of which nobody knows, off the list",
		description: "Those of a conversation leave it when the conversation is resolved.",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Inbox.Dismiss(ctx, principal(ctx), in.ID.ID)
	})
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*answer[Page[inbox.Trouble]], error) {
	at, err := decodeCursor[instantPlace](troubleKind, in.Cursor)
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
	page := paged(list, in.Limit, troubleKind, func(t inbox.Trouble) instantPlace {
		return instantPlace{clock.Millis(t.Delivery.UpdatedAt), t.Delivery.ID}
	})
	return counted(page, in.PageInput, func() (int64, error) { return s.o.Inbox.CountTroubles(ctx, p, f) })
}
