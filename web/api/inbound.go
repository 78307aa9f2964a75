package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/internal/auth"
)

func (s *Server) addInbound() {
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
