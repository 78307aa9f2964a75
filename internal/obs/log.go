// Package obs lets operators see what the program does: logs, metrics, health
// checks and the version of the build.
package obs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"
)

// NewLogger writes to w at a level (debug, info, warn, error) in a format
// (text, json), as config.yaml names them. Records carry the request id of
// their context. Values of attributes that are named like secrets are hidden,
// as a second guard: no caller should pass one.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(level)) != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l, ReplaceAttr: hideSecrets}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if format == "json" {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(requestHandler{h})
}

// Component is log for one part of the program.
func Component(log *slog.Logger, name string) *slog.Logger {
	return log.With(slog.String("component", name))
}

func hideSecrets(_ []string, a slog.Attr) slog.Attr {
	switch strings.ToLower(a.Key) {
	case "password", "secret", "token", "secret_key", "authorization", "cookie":
		return slog.String(a.Key, "(hidden)")
	}
	return a
}

type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(as)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}

type requestKey struct{}

// NewRequestID makes the id by which a person can quote a request.
func NewRequestID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// WithRequestID puts id into the context of a request.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestID is the id in ctx, "" outside of requests.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}
