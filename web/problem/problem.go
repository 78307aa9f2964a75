// Package problem turns errors into answers: RFC 9457 documents with the codes
// of internal/fault and the sentences of internal/locale. Nothing else on the
// web floor decides what a failure looks like.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
	"github.com/fanward/fanward/internal/obs"
)

// ContentType of every problem document.
const ContentType = "application/problem+json"

// StatusClientGone stands in logs and metrics for a client that left before it
// had its answer; nobody receives it.
const StatusClientGone = 499

// Problem is the body of every error answer.
type Problem struct {
	Type      string        `json:"type" example:"about:blank" doc:"Always about:blank; code tells problems apart"`
	Title     string        `json:"title" example:"Unprocessable Entity" doc:"The status in words"`
	Status    int           `json:"status" example:"422"`
	Code      string        `json:"code" example:"body_too_long" doc:"What went wrong; part of the contract"`
	Params    fault.Params  `json:"params,omitempty" doc:"Values that belong to the code"`
	Detail    string        `json:"detail" example:"The message is longer than 10000 characters. Shorten it or send it in parts." doc:"The same for people, in the language of Accept-Language"`
	RequestID string        `json:"request_id" doc:"Quote it when you report the problem"`
	Errors    []fault.Field `json:"errors,omitempty" doc:"Each request field at fault"`

	retryAfter time.Duration
}

// Error is the code; people read Detail.
func (p *Problem) Error() string { return p.Code }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType answers with the media type of problems instead of plain JSON.
func (p *Problem) ContentType(string) string { return ContentType }

// SetHeaders adds the headers that belong to the problem.
func (p *Problem) SetHeaders(h http.Header) {
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="fanward"`)
	}
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
}

var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.RateLimited:     http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// byCode are codes whose status says more than their kind's.
var byCode = map[string]int{
	"method_not_allowed": http.StatusMethodNotAllowed,
	"file_link_expired":  http.StatusGone,
	"host_unknown":       http.StatusMisdirectedRequest,
}

// Status is the HTTP status of err.
func Status(err error) int {
	if s, ok := byCode[fault.CodeOf(err)]; ok {
		return s
	}
	return statuses[fault.KindOf(err)]
}

// Reporter makes problems and logs what only operators may see. It is safe for
// concurrent use.
type Reporter struct{ log *slog.Logger }

// NewReporter logs to log.
func NewReporter(log *slog.Logger) *Reporter { return &Reporter{log: log} }

// Of is the problem that err means for r. It logs unexpected errors, so call it
// once per failed request; r.Pattern names the route in the log.
func (p *Reporter) Of(r *http.Request, err error) *Problem {
	ctx := r.Context()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return &Problem{Type: "about:blank", Title: "Client Closed Request", Status: StatusClientGone, Code: "client_gone"}
	}
	err = known(err)
	e, coded := fault.As(err)
	if !coded {
		e = fault.New(fault.Internal, "internal", nil)
	}
	switch e.Kind {
	case fault.Internal:
		p.log.ErrorContext(ctx, "request failed", slog.String("method", r.Method), slog.String("route", r.Pattern), slog.Any("error", err))
	case fault.Unavailable:
		p.log.WarnContext(ctx, "request refused", slog.String("method", r.Method), slog.String("route", r.Pattern), slog.Any("error", err))
	}
	lang := locale.Match(r.Header.Get("Accept-Language"))
	status := Status(e)
	return &Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: e.Code, Params: e.Params,
		Detail: locale.Sentence(lang, "errors."+e.Code, e.Params), RequestID: obs.RequestID(ctx), Errors: e.Fields, retryAfter: e.RetryAfter,
	}
}

// known gives the errors of the standard library that callers can cure their codes.
func known(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.Wrap(err, fault.TooLarge, "body_too_large", fault.Params{"max": large.Limit})
	}
	return err
}

// Write answers r with the problem that err means.
func (p *Reporter) Write(w http.ResponseWriter, r *http.Request, err error) { p.Of(r, err).Write(w) }

// Write sends the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	p.SetHeaders(w.Header())
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}
