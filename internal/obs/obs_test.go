package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/obs"
)

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := obs.Component(obs.NewLogger(&b, "warn", "json"), "outbox")
	ctx := obs.WithRequestID(context.Background(), "r1")
	log.InfoContext(ctx, "quiet")
	log.WarnContext(ctx, "loud", slog.String("Password", "hunter2"), slog.Int("n", 1))
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("not one JSON record: %v in %s", err, b.String())
	}
	for k, want := range map[string]any{"msg": "loud", "component": "outbox", "request_id": "r1", "Password": "(hidden)", "n": 1.0} {
		if got[k] != want {
			t.Errorf("%s = %v, want %v", k, got[k], want)
		}
	}
	b.Reset()
	obs.NewLogger(&b, "debug", "text").With("k", "v").Debug("shown")
	if !strings.Contains(b.String(), "msg=shown k=v") {
		t.Errorf("text log: %s", b.String())
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	if a, b := obs.NewRequestID(), obs.NewRequestID(); a == b || len(a) != 20 {
		t.Error(a, b)
	}
}

func TestHealth(t *testing.T) {
	var logged bytes.Buffer
	h := obs.NewHealth(obs.NewLogger(&logged, "info", "text"))
	var broken error
	h.Add("storage", func(context.Context) error { return broken })
	h.Add("bus", func(context.Context) error { return nil })

	get := func(serve func(*httptest.ResponseRecorder)) (int, string) {
		w := httptest.NewRecorder()
		serve(w)
		return w.Code, w.Body.String()
	}
	ready := func() (int, string) {
		return get(func(w *httptest.ResponseRecorder) { h.Ready(w, httptest.NewRequest("GET", "/readyz", nil)) })
	}
	if code, body := ready(); code != 200 || !strings.Contains(body, `{"ready":true,"checks":[{"name":"storage","ok":true},{"name":"bus","ok":true}]}`) {
		t.Error(code, body)
	}
	broken = fault.Wrap(errors.New("disk of 10.0.0.7"), fault.Unavailable, "storage_unavailable", nil)
	if code, body := ready(); code != 503 || !strings.Contains(body, `"code":"storage_unavailable"`) || strings.Contains(body, "10.0.0.7") {
		t.Error(code, body)
	}
	if !strings.Contains(logged.String(), "10.0.0.7") {
		t.Error("the cause is not in the log")
	}
	broken = nil
	h.Drain()
	if code, body := ready(); code != 503 || !strings.Contains(body, "shutting_down") {
		t.Error(code, body)
	}
	if code, body := get(func(w *httptest.ResponseRecorder) { h.Live(w, nil) }); code != 200 || !strings.Contains(body, obs.Version()) {
		t.Error(code, body)
	}
}

func TestHealthDoesNotWaitForever(t *testing.T) {
	h := obs.NewHealth(slog.New(slog.DiscardHandler))
	h.Add("hangs", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r := h.Run(ctx); r.Ready {
		t.Error("ready although a check did not end")
	}
}

func TestMetrics(t *testing.T) {
	m := obs.NewMetrics()
	m.Request("GET", "/api/v1/me", 200, 3*time.Millisecond)
	m.Batch(7, time.Millisecond, 2*time.Millisecond)
	closed := m.SocketOpened("visitor")
	m.SocketOpened("visitor")
	closed(4002)
	m.Delivery("webchat", "sent")
	m.Send("webchat", time.Millisecond)
	m.Job("sweep", "done", time.Millisecond)
	m.Gauge("feed_watermark_age_seconds", "Age.", func() float64 { return 1.5 })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`fanward_http_requests_total{method="GET",route="/api/v1/me",status="200"} 1`,
		`fanward_http_request_seconds_bucket{method="GET",route="/api/v1/me",le="0.005"} 1`,
		`fanward_writer_batch_members_sum 7`, `fanward_writer_batch_seconds_count{phase="commit"} 1`,
		`fanward_sockets{kind="visitor"} 1`, `fanward_socket_closes_total{code="4002",kind="visitor"} 1`,
		`fanward_outbox_deliveries_total{channel="webchat",state="sent"} 1`, `fanward_outbox_send_seconds_count{channel="webchat"} 1`,
		`fanward_jobs_total{kind="sweep",outcome="done"} 1`, `fanward_feed_watermark_age_seconds 1.5`,
		`fanward_build_info{version="`, `go_goroutines`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("/metrics does not show %s", want)
		}
	}
}
