package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/web/tracking"
)

// tracker: whoever has a write key; the handler checks it.
const tracker access = "write_key"

const settingsRoute = "/v1/projects/:key/settings"

// tracked are the routes whose bodies are bounded by tracking.MaxBody.
var tracked = map[string]bool{}

func init() {
	for _, path := range tracking.Paths() {
		tracked[path] = true
	}
}

func (s *Server) addTracking() {
	h := tracking.New(tracking.Options{
		Customers: s.o.Customers, Clock: s.o.Clock, Problems: s.problems, Throttle: func(r *http.Request) error { return s.throttle(s.limits.tracking, r) },
		Local: s.sandboxed, Client: s.proxies.client, Origin: s.proxies.origin,
	})
	for _, path := range tracking.Paths() {
		s.guarded(http.MethodPost, path, tracker, gin.WrapH(h))
		s.guarded(http.MethodOptions, path, tracker, gin.WrapF(h.Preflight))
	}
	s.guarded(http.MethodGet, settingsRoute, tracker, func(c *gin.Context) { h.ServeSettings(c.Writer, c.Request, c.Param("key")) })
	s.guarded(http.MethodOptions, settingsRoute, tracker, gin.WrapF(h.Preflight))
}

type newWriteKey struct {
	Name string `json:"name" example:"Shop"`
	Kind string `json:"kind" enum:"server,browser"`
}

func (s *Server) addWriteKeys() {
	path := root + "/write-keys"
	add(s, operation{
		id: "listWriteKeys", method: http.MethodGet, path: path, tag: "tracking", access: needs(auth.TrackingManage), summary: "The keys of tracking calls",
		description: "A browser key is public and shown; a server key is not. Revoked ones stand last.",
	}, func(ctx context.Context, _ *struct{}) (*answer[items[customers.WriteKey]], error) {
		return all(s.o.Customers.WriteKeys(ctx))
	})
	add(s, operation{
		id: "createWriteKey", method: http.MethodPost, path: path, tag: "tracking", access: needs(auth.TrackingManage), status: http.StatusCreated, summary: "Make a write key",
		description: "key is the secret; that of a server key is shown this once.",
	}, func(ctx context.Context, in *struct {
		Body newWriteKey `nameHint:"NewWriteKey"`
	}) (*answer[customers.WriteKey], error) {
		return answered(s.o.Customers.CreateWriteKey(ctx, principal(ctx), in.Body.Name, in.Body.Kind))
	})
	add(s, operation{
		id: "revokeWriteKey", method: http.MethodDelete, path: path + "/{id}", tag: "tracking", access: needs(auth.TrackingManage), summary: "End a write key at once",
	}, func(ctx context.Context, in *ByID) (*nothing, error) {
		return nil, s.o.Customers.RevokeWriteKey(ctx, principal(ctx), in.ID.ID)
	})
	add(s, operation{
		id: "listTrackingCalls", method: http.MethodGet, path: root + "/tracking/calls", tag: "tracking", access: needs(auth.TrackingManage), summary: "The latest tracking calls and what became of each, newest first",
		description: "The last thousand are kept.",
	}, s.listTrackingCalls)
}

func (s *Server) listTrackingCalls(ctx context.Context, in *struct {
	Status   string  `query:"status" enum:"accepted,duplicate,refused,adjusted"`
	WriteKey idParam `query:"write_key_id"`
	PageInput
}) (*answer[Page[customers.CallRecord]], error) {
	const kind = "tracking_calls"
	at, err := decodeCursor[idPlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	f := customers.CallFilter{Status: in.Status, WriteKey: in.WriteKey.ID, Before: at.ID, Limit: in.Limit + 1}
	list, err := s.o.Customers.Calls(ctx, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, func(c customers.CallRecord) idPlace { return idPlace{c.ID} }), in.PageInput,
		func() (int64, error) { return s.o.Customers.CountCalls(ctx, f) })
}
