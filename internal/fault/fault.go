// Package fault is the one error vocabulary of the house.
//
// A domain returns a coded *Error for everything a caller can cure; the edges
// (HTTP, sockets, SMTP, the command line) translate it once, with the sentences
// of internal/locale. Everything else is an ordinary wrapped error and counts
// as Internal. Codes are snake_case, part of the public contract, and each has
// a sentence in every catalogue (held by a test in internal/locale).
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure it is; each edge maps it to its own status.
type Kind uint8

// The kinds, with the HTTP status the web edge gives them.
const (
	Internal        Kind = iota // 500: a defect or an unexpected failure
	Malformed                   // 400: cannot be parsed
	Invalid                     // 422: parsed, but against a rule
	Unauthenticated             // 401
	Forbidden                   // 403
	NotFound                    // 404: absent, or not visible to the caller
	Conflict                    // 409
	TooLarge                    // 413
	Unsupported                 // 415
	RateLimited                 // 429
	Unavailable                 // 503: storage, shutdown; safe to repeat
)

// Params are the values a sentence needs. They are shown to people: never put
// secrets or message bodies in them.
type Params map[string]any

// Field is one request field at fault.
type Field struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Params Params `json:"params,omitempty"`
}

// Error is a coded failure. It is immutable once returned.
type Error struct {
	Kind       Kind
	Code       string
	Params     Params
	Fields     []Field
	RetryAfter time.Duration // 0 = not said
	cause      error
}

// New makes a coded error.
func New(kind Kind, code string, params Params) *Error {
	return &Error{Kind: kind, Code: code, Params: params}
}

// Wrap makes a coded error that keeps its cause for the log; the cause is
// never shown to callers.
func Wrap(cause error, kind Kind, code string, params Params) *Error {
	return &Error{Kind: kind, Code: code, Params: params, cause: cause}
}

// AtField is an Invalid error about one field; code and params stand for the
// whole error too.
func AtField(field, code string, params Params) *Error {
	return &Error{Kind: Invalid, Code: code, Params: params, Fields: []Field{{Field: field, Code: code, Params: params}}}
}

// AtFields is an Invalid error about several fields; the first gives the code.
// It returns nil when there are none, so that it can end a validation.
func AtFields(fields ...Field) error {
	if len(fields) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Code: fields[0].Code, Params: fields[0].Params, Fields: fields}
}

// RetryIn returns a copy that tells the caller when to come back.
func (e *Error) RetryIn(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is for logs; people read the catalogue's sentence.
func (e *Error) Error() string {
	s := e.Code
	for _, f := range e.Fields {
		s += fmt.Sprintf(" [%s: %s]", f.Field, f.Code)
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, fault.New(k, code, nil)) compare by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// As finds the coded error in err's chain; ok is false for uncoded ones.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// KindOf is the kind of err, Internal for uncoded ones.
func KindOf(err error) Kind {
	if e, ok := As(err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf is the code of err, "internal" for uncoded ones, "" for nil.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := As(err); ok {
		return e.Code
	}
	return "internal"
}

// Missing is the NotFound error for one kind of thing ("conversation").
func Missing(what string) *Error {
	return New(NotFound, "not_found", Params{"what": what})
}
