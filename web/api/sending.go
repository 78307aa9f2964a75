package api

import (
	"context"
	"net/http"

	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/internal/auth"
)

func (s *Server) addSending() {
	const path = root + "/sending"
	add(s, operation{
		id: "getSending", method: http.MethodGet, path: path, tag: "sending", access: needs(auth.JourneysRead),
		summary: "The rules that hold back marketing: quiet hours and the cap",
	}, func(ctx context.Context, _ *struct{}) (*answer[outbox.Sending], error) {
		return answered(s.o.Outbox.Sending(ctx))
	})
	add(s, operation{
		id: "setSending", method: http.MethodPut, path: path, tag: "sending", access: needs(auth.JourneysManage),
		summary: "Change the rules", description: "What waits is judged by them when its time comes.",
	}, func(ctx context.Context, in *struct{ Body outbox.Sending }) (*answer[outbox.Sending], error) {
		return answered(s.o.Outbox.SetSending(ctx, principal(ctx), in.Body))
	})
}
