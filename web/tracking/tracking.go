// Package tracking takes the calls of the Segment SDKs and of those that speak
// like them: what somebody did, and who they are. It answers 200 only when every
// call that can be stored is durable; a call that cannot be stored is noted for
// those who connect a site and never keeps the others of its batch out.
package tracking

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/web/problem"
)

// Limits of a request. They hold for what a body is after it has been unpacked;
// MaxCall for a call with what it inherits of its batch, MaxBatch for a batch with
// that written out in each of its calls.
const (
	MaxBody  = 4 << 20
	MaxBatch = 8 << 20
	MaxCall  = 32 << 10
	MaxCalls = 10_000
)

const readTimeout = 30 * time.Second

// Options are the parts behind the calls; all are needed.
type Options struct {
	Customers *customers.Service
	Clock     clock.Clock
	Problems  *problem.Reporter
	// Throttle counts a request; rate_limited when there were too many.
	Throttle func(r *http.Request) error
	// Local refuses a request that does not come from this machine directly.
	Local func(r *http.Request) error
	// Client is the address that a request comes from.
	Client func(r *http.Request) netip.Addr
	// Origin is where a request has reached us, "https://hub.example".
	Origin func(r *http.Request) string
}

// Handler answers tracking calls. It is safe for concurrent use.
type Handler struct {
	o Options

	mu      sync.Mutex
	noticed time.Time // when a call by an unknown key was last kept
}

// New returns the handler.
func New(o Options) *Handler { return &Handler{o: o} }

// kinds are the calls by the last part of their path: the full name, and the
// letter that browsers use.
var kinds = map[string]string{
	"identify": customers.CallIdentify, "track": customers.CallTrack, "page": customers.CallPage, "screen": customers.CallScreen,
	"group": customers.CallGroup, "alias": customers.CallAlias, "batch": batchCall, "import": importCall,
	"i": customers.CallIdentify, "t": customers.CallTrack, "p": customers.CallPage, "s": customers.CallScreen,
	"g": customers.CallGroup, "a": customers.CallAlias, "b": batchCall, "m": measureCall,
}

const (
	batchCall   = "batch"
	importCall  = "import"
	measureCall = "m" // what browser SDKs count of themselves
)

// Paths are those that take calls by POST and answer a browser's OPTIONS.
func Paths() []string {
	var out []string
	for name := range kinds {
		out = append(out, "/v1/"+name)
		if len(name) == 1 {
			out = append(out, "/"+name)
		}
	}
	return out
}

// allow lets pages of every origin call: a browser key is public, and cookies
// are not looked at.
func allow(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Retry-After, X-RateLimit-Reset, X-Request-Id")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// Preflight answers a browser that asks whether it may call.
func (h *Handler) Preflight(w http.ResponseWriter, _ *http.Request) {
	allow(w.Header())
	w.Header().Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, AnonymousId, X-Strict-Mode")
	w.Header().Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// ServeHTTP takes the call, or the batch of calls, of a POST.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allow(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	kind := kinds[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
	if kind == measureCall {
		answer(w, http.StatusOK, map[string]any{"success": true})
		return
	}
	records, err := h.take(w, r, kind)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	if refused := refusals(records); r.Header.Get("X-Strict-Mode") == "1" && len(refused) > 0 {
		answer(w, http.StatusBadRequest, map[string]any{"success": false, "stored": len(records) - len(refused), "errors": refused})
		return
	}
	answer(w, http.StatusOK, map[string]any{"success": true})
}

// take reads a request and stores what it brings.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, kind string) ([]customers.CallRecord, error) {
	if err := h.o.Throttle(r); err != nil {
		return nil, err
	}
	if err := h.o.Customers.AdmitCalls(r.Context()); err != nil {
		return nil, err
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout)) // a test's recorder has none
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	env, err := openEnvelope(body, kind)
	if err != nil {
		return nil, err
	}
	key, err := h.key(r, env)
	if err != nil {
		return nil, err
	}
	env.received = h.o.Clock.Now()
	if key.Kind == customers.BrowserKey {
		env.ip, env.agent = h.o.Client(r).String(), r.UserAgent()
	}
	return h.o.Customers.Ingest(r.Context(), key, env.calls())
}

// key finds out by which write key a request is made.
func (h *Handler) key(r *http.Request, env *envelope) (customers.WriteKey, error) {
	given := basicKey(r.Header.Get("Authorization"))
	if given == "" {
		given = env.WriteKey
	}
	key, err := h.o.Customers.WriteKeyBy(r.Context(), given)
	switch {
	case fault.CodeOf(err) == "unknown_write_key":
		h.notice(env)
		return key, err
	case err == nil && key.Sandbox:
		return key, h.o.Local(r)
	}
	return key, err
}

// notice keeps a call by an unknown key, at most one a second: anybody can make
// them, and they must not push the others out.
func (h *Handler) notice(env *envelope) {
	now := h.o.Clock.Now()
	h.mu.Lock()
	often := now.Sub(h.noticed) < time.Second && !now.Before(h.noticed)
	if !often {
		h.noticed = now
	}
	h.mu.Unlock()
	if often {
		return
	}
	env.received = now
	record := customers.CallRecord{Type: env.kind, Status: customers.CallRefused, Reasons: []fault.Field{{Field: "writeKey", Code: "unknown_write_key"}}}
	if calls := env.calls(); len(calls) > 0 {
		c := calls[0]
		record.Type, record.MessageID, record.UserID, record.AnonymousID, record.Event, record.Body = c.Type, c.MessageID, c.UserID, c.AnonymousID, c.Event, c.Body
	}
	h.o.Customers.RecordCall(record)
}

// basicKey reads the key of an Authorization header: "Basic", and the key before
// a colon in base 64. Some programs leave the colon out.
func basicKey(header string) string {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	encoded = strings.TrimRight(strings.TrimSpace(encoded), "=")
	plain, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	key, _, _ := strings.Cut(string(plain), ":")
	return strings.TrimSpace(key)
}

// readBody reads a body of at most MaxBody, packed or not: programs say it in
// different headers, and some in none.
func readBody(r *http.Request) ([]byte, error) {
	tooLarge := fault.New(fault.Malformed, "body_too_large", fault.Params{"max": MaxBody})
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "body_incomplete", nil)
	case len(body) > MaxBody:
		return nil, tooLarge
	case !bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		return body, nil
	}
	packed, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Malformed, "body_malformed", nil)
	}
	out, err := io.ReadAll(io.LimitReader(packed, MaxBody+1))
	switch {
	case len(out) > MaxBody:
		return nil, tooLarge
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault.Wrap(err, fault.Malformed, "body_incomplete", nil)
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "body_malformed", nil)
	}
	return out, nil
}

// refusal is a call that was not stored, for those who ask for it.
type refusal struct {
	Index     int           `json:"index"`
	MessageID string        `json:"messageId"`
	Errors    []fault.Field `json:"errors"`
}

func refusals(records []customers.CallRecord) (out []refusal) {
	for i, c := range records {
		if c.Status == customers.CallRefused {
			out = append(out, refusal{i, c.MessageID, c.Reasons})
		}
	}
	return out
}

// refuse answers with a problem. Programs that are to come back are told when, in
// the headers of both families of SDK.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := fault.As(err); ok && e.Kind == fault.RateLimited {
		w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(clock.Millis(h.o.Clock.Now().Add(e.RetryAfter)), 10))
	}
	h.o.Problems.Write(w, r, err)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
