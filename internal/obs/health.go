package obs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// checkTimeout bounds one check: a load balancer's probe does not wait for a
// storage that hangs.
const checkTimeout = 2 * time.Second

// Health tells whether this process lives and is ready for requests. It is
// safe for concurrent use.
type Health struct {
	log      *slog.Logger
	draining atomic.Bool
	mu       sync.Mutex
	checks   []check
}

type check struct {
	name string
	run  func(ctx context.Context) error
}

// NewHealth returns a Health without checks, which is ready.
func NewHealth(log *slog.Logger) *Health { return &Health{log: log} }

// Add registers a check of /readyz. run must respect ctx.
func (h *Health) Add(name string, run func(ctx context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check{name, run})
}

// Drain makes /readyz refuse from now on, so that a load balancer sends no
// more requests while the process stops.
func (h *Health) Drain() { h.draining.Store(true) }

// CheckResult is the outcome of one check. Code is that of the error, "" when
// all is well.
type CheckResult struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Code string `json:"code,omitempty"`
}

// Report is the answer of /readyz.
type Report struct {
	Ready  bool          `json:"ready"`
	Checks []CheckResult `json:"checks"`
}

// Run runs every check at once and waits for all, in the order of Add.
func (h *Health) Run(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	h.mu.Lock()
	checks := h.checks
	h.mu.Unlock()
	r := Report{Ready: true, Checks: make([]CheckResult, len(checks))}
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() {
			err := c.run(ctx)
			if err != nil {
				h.log.WarnContext(ctx, "not ready", slog.String("check", c.name), slog.Any("error", err))
			}
			r.Checks[i] = CheckResult{Name: c.name, OK: err == nil, Code: fault.CodeOf(err)}
		})
	}
	wg.Wait()
	for _, c := range r.Checks {
		r.Ready = r.Ready && c.OK
	}
	if h.draining.Load() {
		r.Ready = false
		r.Checks = append(r.Checks, CheckResult{Name: "draining", Code: "shutting_down"})
	}
	return r
}

// Live serves /healthz: the process answers.
func (h *Health) Live(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "ok", "version": Version()})
}

// Ready serves /readyz: 200 when every check passes, else 503. It names checks
// and codes; causes are only in the log.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	report := h.Run(r.Context())
	status := http.StatusOK
	if !report.Ready {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	}
	answer(w, status, report)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
