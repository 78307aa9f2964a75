package api

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/internal/fault"
)

// Keys of an operation's metadata.
const (
	accessKey = "access"
	limitKey  = "limit"
)

// root is where the REST interface lies.
const root = "/api/v1"

// readTimeout is how long a client may take to send a request's body.
const readTimeout = 30 * time.Second

// operation declares one call of the document.
type operation struct {
	id, method, path string
	tag, summary     string
	description      string
	access           access
	// status of success; 0 means 200, or 204 without an answer.
	status int
	// errors are the statuses beside those that follow from the rest.
	errors []int
	limit  *limiter
}

// add registers an operation. What it does not declare nobody may call: the
// zero access is no permission that any role has.
func add[I, O any](s *Server, o operation, handle func(context.Context, *I) (*O, error)) *huma.Operation {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Description: o.description, Tags: []string{o.tag},
		DefaultStatus: o.status, Errors: o.statuses(), Metadata: map[string]any{accessKey: o.access},
		// Reading stops one byte behind what is allowed.
		MaxBodyBytes: s.o.Config.Limits.RequestBytes + 1, BodyReadTimeout: readTimeout,
	}
	if o.limit != nil {
		op.Metadata[limitKey] = o.limit
	}
	switch o.access {
	case public:
	case visitor:
		op.Security = []map[string][]string{{"visitor": {}}}
	default:
		op.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
		if o.access != signedIn {
			op.Extensions = map[string]any{"x-permission": string(o.access)}
		}
	}
	huma.Register(s.huma, op, handle)
	item := s.huma.OpenAPI().Paths[o.path]
	return map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[o.method]
}

// statuses are the errors that callers have to expect.
func (o operation) statuses() []int {
	// Unknown and illegible query parameters are refused everywhere.
	out := append([]int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable}, o.errors...)
	switch o.access {
	case public:
	case visitor:
		out = append(out, http.StatusForbidden, http.StatusNotFound)
	default:
		out = append(out, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(o.path, "{id}") {
		out = append(out, http.StatusNotFound)
	}
	if o.method != http.MethodGet && o.method != http.MethodDelete {
		out = append(out, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.limit != nil {
		out = append(out, http.StatusTooManyRequests)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// acceptable refuses bodies that do not say they are JSON: those are what
// browsers can be made to send to other origins without asking.
func (s *Server) acceptable(ctx huma.Context) error {
	body := ctx.Operation().RequestBody
	if body == nil || body.Content["application/json"] == nil {
		return nil
	}
	kind, _, err := mime.ParseMediaType(ctx.Header("Content-Type"))
	if err != nil || kind != "application/json" {
		return fault.New(fault.Unsupported, "unsupported_type", fault.Params{"expected": "application/json"})
	}
	return nil
}

// answer wraps a body for huma.
type answer[T any] struct{ Body T }

func answered[T any](body T, err error) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return &answer[T]{body}, nil
}

// nothing is the answer of calls that only do.
type nothing struct{}

// items is the answer of lists that are given whole.
type items[T any] struct {
	Items []T `json:"items"`
}

func all[T any](list []T, err error) (*answer[items[T]], error) {
	if list == nil {
		list = []T{}
	}
	return answered(items[T]{list}, err)
}
