package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/web/problem"
)

func TestProblems(t *testing.T) {
	cause := errors.New("password=hunter2")
	for _, c := range []struct {
		name   string
		err    error
		status int
		code   string
		retry  string
		level  string // of what is logged; "" = nothing
	}{
		{"malformed", fault.New(fault.Malformed, "body_malformed", nil), 400, "body_malformed", "", ""},
		{"invalid", fault.AtField("name", "required", nil), 422, "required", "", ""},
		{"wrapped", fmt.Errorf("while saving: %w", fault.Missing("team")), 404, "not_found", "", ""},
		{"unauthenticated", fault.New(fault.Unauthenticated, "not_signed_in", nil), 401, "not_signed_in", "", ""},
		{"forbidden", fault.New(fault.Forbidden, "forbidden", nil), 403, "forbidden", "", ""},
		{"conflict", fault.New(fault.Conflict, "conflict", nil), 409, "conflict", "", ""},
		{"too large", &http.MaxBytesError{Limit: 7}, 413, "body_too_large", "", ""},
		{"unsupported", fault.New(fault.Unsupported, "unsupported_type", nil), 415, "unsupported_type", "", ""},
		{"limited", fault.New(fault.RateLimited, "rate_limited", nil).RetryIn(1500 * time.Millisecond), 429, "rate_limited", "2", ""},
		{"unavailable", fault.Wrap(cause, fault.Unavailable, "storage_full", nil).RetryIn(5 * time.Second), 503, "storage_full", "5", "WARN"},
		{"uncoded", cause, 500, "internal", "", "ERROR"},
		{"gone", fault.New(fault.NotFound, "file_link_expired", nil), 410, "file_link_expired", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			r := httptest.NewRequest("POST", "/x?secret=1", nil)
			r = r.WithContext(obs.WithRequestID(r.Context(), "request-7"))
			w := httptest.NewRecorder()
			problem.NewReporter(obs.NewLogger(&log, "info", "text")).Write(w, r, c.err)
			var body map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || body["code"] != c.code || body["status"] != float64(c.status) || body["request_id"] != "request-7" || body["title"] != http.StatusText(c.status) {
				t.Errorf("%d %v", w.Code, body)
			}
			if w.Header().Get("Content-Type") != problem.ContentType || w.Header().Get("Retry-After") != c.retry {
				t.Errorf("%v", w.Header())
			}
			if strings.Contains(w.Body.String(), "hunter2") || strings.Contains(log.String(), "secret=1") {
				t.Errorf("tells too much: %s %s", w.Body, log.String())
			}
			if ok := c.level == "" && log.Len() == 0 || c.level != "" && strings.Contains(log.String(), "level="+c.level); !ok {
				t.Errorf("log %q, want level %q", log.String(), c.level)
			}
		})
	}
}

// TestClientGone: nobody waits for the answer, and nothing has gone wrong.
func TestClientGone(t *testing.T) {
	var log strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	p := problem.NewReporter(obs.NewLogger(&log, "info", "text")).Of(r, fmt.Errorf("read: %w", context.Canceled))
	if p.Status != problem.StatusClientGone || log.Len() > 0 {
		t.Errorf("%+v %s", p, log.String())
	}
}
