package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/segments/rule"
)

// idParam is an id in a path or query.
type idParam struct{ ID ids.ID }

// UnmarshalText reads the decimal form.
func (p *idParam) UnmarshalText(b []byte) error { return p.ID.UnmarshalText(b) }

// Schema implements huma.SchemaProvider.
func (idParam) Schema(r huma.Registry) *huma.Schema { return idSchema{}.Schema(r) }

// instantParam is an instant in a query; the zero one was not given.
type instantParam struct{ At time.Time }

// UnmarshalText reads RFC 3339.
func (p *instantParam) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return errors.New(msgNoInstant)
	}
	p.At = given(at)
	return nil
}

const msgNoInstant = "invalid date/time"

// Schema implements huma.SchemaProvider.
func (instantParam) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
}

// given is an instant that somebody has said: never the zero one, which stands
// for none. No two instants of ours are nearer to each other.
func given(at time.Time) time.Time {
	if at.IsZero() {
		return at.Add(time.Millisecond)
	}
	return at
}

// ByID is the input of calls about one thing.
type ByID struct {
	ID idParam `path:"id"`
}

// PageInput is what every keyset list takes.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many to return"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before; opaque"`
	Total  bool   `query:"total" doc:"true: count everything behind the filters, exactly"`
}

// Page is one page of a list.
type Page[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"null on the last page"`
	Total      *int64  `json:"total,omitempty" doc:"Only with total=true"`
}

// paged makes a page of a list that was read with one row more than asked for.
// place tells where a row stands.
func paged[T, P any](list []T, limit int, kind string, place func(T) P) Page[T] {
	p := Page[T]{Items: list}
	if p.Items == nil {
		p.Items = []T{}
	}
	if len(list) > limit {
		p.Items = list[:limit]
		next := encodeCursor(kind, place(p.Items[limit-1]))
		p.NextCursor = &next
	}
	return p
}

// counted adds the total when it was asked for.
func counted[T any](p Page[T], in PageInput, count func() (int64, error)) (*answer[Page[T]], error) {
	if in.Total {
		n, err := count()
		if err != nil {
			return nil, err
		}
		p.Total = &n
	}
	return &answer[Page[T]]{p}, nil
}

// cursor is a place in one kind of list.
type cursor[P any] struct {
	Kind  string `json:"k"`
	Place P      `json:"p"`
}

// maxCursor is longer than any cursor of ours.
const maxCursor = 300

func encodeCursor[P any](kind string, place P) string {
	b, err := json.Marshal(cursor[P]{kind, place})
	if err != nil {
		panic("api: " + err.Error()) // places are plain structs of this package
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// decodeCursor reads a cursor of the same kind; the zero place for "".
func decodeCursor[P any](kind, s string) (P, error) {
	var c cursor[P]
	if s == "" {
		return c.Place, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err == nil && len(s) <= maxCursor {
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if dec.Decode(&c) == nil && c.Kind == kind && encodeCursor(kind, c.Place) == s {
			return c.Place, nil
		}
	}
	var none P
	return none, fault.AtField("cursor", "cursor_invalid", nil)
}

// opt is a field of a PATCH that may be absent but not null.
type opt[T any] struct {
	Set   bool
	Null  bool
	Value T
}

// UnmarshalJSON notes that the field was given.
func (o *opt[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	if o.Null = string(b) == "null"; o.Null {
		return nil
	}
	return rule.Decode(b, &o.Value)
}

// pointer is nil for an absent field.
func (o opt[T]) pointer() *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// Schema implements huma.SchemaProvider.
func (opt[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	return &s
}

const msgNull = "null is not allowed"

// Resolve implements huma.ResolverWithPath: null would not clear anything.
func (o *opt[T]) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if o.Null {
		return []error{&huma.ErrorDetail{Location: at.String(), Message: msgNull}}
	}
	return nil
}

// clearable is a field of a PATCH: absent stays, null clears.
type clearable[T any] struct {
	Set   bool
	Value T
}

// UnmarshalJSON notes that the field was given; null leaves the zero value.
func (o *clearable[T]) UnmarshalJSON(b []byte) error {
	o.Set = true
	err := rule.Decode(b, &o.Value)
	if at, ok := any(&o.Value).(*time.Time); ok && string(b) != "null" {
		*at = given(*at)
	}
	return err
}

// pointer is nil for an absent field and points to the zero value for null.
func (o clearable[T]) pointer() *T {
	if !o.Set {
		return nil
	}
	return &o.Value
}

// Schema implements huma.SchemaProvider.
func (clearable[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return &s
}
