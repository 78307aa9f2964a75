package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/web/problem"
)

// huma's settings are the process's. Every error that it would word itself
// becomes one of ours; names of fields are exact; lists are never null.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, msg string, _ ...error) huma.StatusError {
		return &problem.Problem{Status: status, Title: http.StatusText(status), Detail: msg}
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		c := humagin.Unwrap(ctx)
		s := c.MustGet(serverKey).(*Server)
		p := s.problems.Of(c.Request, requestFault(ctx, status, msg, errs))
		p.SetHeaders(c.Writer.Header())
		return p
	}
}

// failedHandler and unreadBody are what huma says when a handler has returned an
// error, and when the body could not be read.
const (
	failedHandler = "unexpected error occurred"
	unreadBody    = "cannot read request body"
)

// requestFault is our error for what huma reports.
func requestFault(ctx huma.Context, status int, msg string, errs []error) error {
	switch {
	case msg == failedHandler && len(errs) == 1:
		return errs[0]
	case msg == unreadBody && len(errs) == 1:
		var large *http.MaxBytesError
		if errors.As(errs[0], &large) {
			return errs[0]
		}
		return fault.Wrap(errs[0], fault.Malformed, "body_incomplete", nil)
	}
	switch status {
	case http.StatusRequestTimeout:
		return fault.New(fault.Malformed, "body_incomplete", nil)
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "body_too_large", fault.Params{"max": ctx.Operation().MaxBodyBytes - 1})
	case http.StatusUnsupportedMediaType:
		return fault.New(fault.Unsupported, "unsupported_type", nil)
	case http.StatusBadRequest:
		return fault.New(fault.Malformed, "body_malformed", nil)
	case http.StatusUnprocessableEntity:
		return fieldFaults(errs)
	}
	return fmt.Errorf("%s: %w", msg, errors.Join(errs...))
}

// fieldFaults names every field at fault. An id in the path that is none leads
// nowhere, like one that does not exist.
func fieldFaults(errs []error) error {
	var bad []fault.Field
	for _, err := range errs {
		var detail *huma.ErrorDetail
		if !errors.As(err, &detail) {
			return err
		}
		where, field, _ := strings.Cut(detail.Location, ".")
		if where == "path" {
			return fault.Missing("page")
		}
		if f := fieldFault(field, detail); f.Field == "" {
			return fault.New(fault.Invalid, f.Code, f.Params)
		} else if !slices.ContainsFunc(bad, func(b fault.Field) bool { return b.Field == f.Field }) {
			bad = append(bad, f)
		}
	}
	slices.SortStableFunc(bad, func(a, b fault.Field) int { return cmp.Compare(a.Field, b.Field) })
	return fault.AtFields(bad...)
}

// expectations are the messages of huma that mean a wrong type.
var expectations = map[string]string{
	validation.MsgExpectedBoolean: "boolean", validation.MsgExpectedNumber: "number", validation.MsgExpectedInteger: "integer",
	validation.MsgExpectedString: "string", validation.MsgExpectedArray: "array", validation.MsgExpectedObject: "object",
	validation.MsgExpectedRFC3339DateTime: "date-time", "invalid integer": "integer", "invalid boolean": "boolean", "invalid float": "number",
}

// bounds are the messages that name a bound, with our code and parameter.
var bounds = []struct{ form, code, param string }{
	{validation.MsgExpectedMinimumNumber, "too_small", "min"},
	{validation.MsgExpectedMaximumNumber, "too_big", "max"},
	{validation.MsgExpectedMinLength, "too_short", "min"},
	{validation.MsgExpectedMaxLength, "too_long", "max"},
	{validation.MsgExpectedMinItems, "too_few", "min"},
	{validation.MsgExpectedMaxItems, "too_many", "max"},
}

func fieldFault(field string, d *huma.ErrorDetail) fault.Field {
	f := fault.Field{Field: field, Code: "invalid"}
	var name string
	var bound float64
	switch want, wrongType := expectations[d.Message]; {
	case wrongType:
		f.Code, f.Params = "wrong_type", fault.Params{"expected": want}
		return f
	case d.Message == validation.MsgUnexpectedProperty || d.Message == "unknown query parameter":
		f.Code = "unknown_field"
		return f
	case d.Message == msgNotAnID || strings.Contains(d.Message, "is not an id"):
		f.Code = "invalid_id"
		return f
	case strings.HasPrefix(d.Message, "required ") || d.Message == msgNull:
		f.Code = "required"
		return f
	case strings.Contains(d.Message, msgNoInstant):
		f.Code, f.Params = "wrong_type", fault.Params{"expected": "date-time"}
		return f
	}
	if n, _ := fmt.Sscanf(d.Message, validation.MsgExpectedRequiredProperty, &name); n == 1 {
		return fault.Field{Field: strings.TrimPrefix(field+"."+name, "."), Code: "required"}
	}
	before, after, _ := strings.Cut(validation.MsgExpectedOneOf, "%s")
	if allowed, ok := strings.CutPrefix(d.Message, before); ok {
		f.Code, f.Params = "not_one_of", fault.Params{"allowed": strings.TrimSuffix(allowed, after)}
		return f
	}
	for _, b := range bounds {
		if n, _ := fmt.Sscanf(d.Message, strings.ReplaceAll(b.form, "%d", "%v"), &bound); n == 1 {
			f.Code, f.Params = b.code, fault.Params{b.param: bound}
			if whole := int64(bound); float64(whole) == bound { // reads as people write it
				f.Params[b.param] = whole
			}
			return f
		}
	}
	return f
}
