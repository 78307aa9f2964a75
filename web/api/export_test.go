package api

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Operation is what tests need to know of a registered operation.
type Operation struct {
	Method, Path, ID string
	Access           string
	HasBody          bool
}

// Operations lists what the document describes.
func (s *Server) Operations() []Operation {
	var out []Operation
	for path, item := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete, item.Head, item.Options} {
			if op == nil {
				continue
			}
			want, _ := op.Metadata[accessKey].(access)
			body := op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil
			out = append(out, Operation{op.Method, path, op.OperationID, string(want), body})
		}
	}
	return out
}

// Inputs are what an operation takes.
type Inputs struct {
	Path, Query []string
	Body        any // its schema; nil without one
}

// Inputs tells what an operation of the document takes.
func (s *Server) Inputs(id string) Inputs {
	var in Inputs
	for _, item := range s.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil || op.OperationID != id {
				continue
			}
			for _, p := range op.Parameters {
				switch p.In {
				case "path":
					in.Path = append(in.Path, p.Name)
				case "query":
					in.Query = append(in.Query, p.Name)
				}
			}
			if op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil {
				in.Body = shape{op.RequestBody.Content["application/json"].Schema, s.huma.OpenAPI().Components.Schemas}
			}
		}
	}
	return in
}

// shape is a schema with those that it refers to.
type shape struct {
	schema   *huma.Schema
	registry huma.Registry
}

func (s shape) of(schema *huma.Schema) shape {
	for schema.Ref != "" {
		schema = s.registry.SchemaFromRef(schema.Ref)
	}
	if len(schema.AnyOf) > 0 {
		return s.of(schema.AnyOf[0])
	}
	return shape{schema, s.registry}
}

// textDepth is how deep Texts looks: schemas hold themselves.
const textDepth = 6

// Texts are the places of a body where any text may stand, as the names that
// lead there; "*" is the name of what has any name, "[]" an entry of a list.
func Texts(body any) [][]string {
	return body.(shape).places(nil, func(s *huma.Schema) bool {
		return s.Type == "" || s.Type == huma.TypeString && s.Pattern == "" && s.Format == ""
	})
}

// Typed are the places of a body where something of one type stands, with that.
func Typed(body any) map[string][][]string {
	out := map[string][][]string{}
	for _, kind := range []string{huma.TypeString, huma.TypeInteger, huma.TypeNumber, huma.TypeBoolean, huma.TypeArray, huma.TypeObject} {
		out[kind] = body.(shape).places(nil, func(s *huma.Schema) bool { return s.Type == kind })
	}
	out["id"] = body.(shape).places(nil, func(s *huma.Schema) bool { return s.Pattern != "" && s.PatternDescription == idDescription })
	return out
}

func (s shape) places(at []string, takes func(*huma.Schema) bool) (out [][]string) {
	if len(at) > textDepth {
		return nil
	}
	s = s.of(s.schema)
	below := func(name string, schema *huma.Schema) {
		if name == "of" && slices.Contains(at, name) {
			return // rules within rules: one is like another
		}
		out = append(out, s.of(schema).places(append(slices.Clone(at), name), takes)...)
	}
	if len(at) > 0 && takes(s.schema) {
		out = append(out, at)
	}
	switch s.schema.Type {
	case huma.TypeArray:
		below("[]", s.schema.Items)
	case huma.TypeObject:
		for _, name := range slices.Sorted(maps.Keys(s.schema.Properties)) {
			below(name, s.schema.Properties[name])
		}
		switch more := s.schema.AdditionalProperties.(type) {
		case *huma.Schema:
			below("*", more)
		case bool:
			if more && takes(&huma.Schema{}) {
				out = append(out, append(slices.Clone(at), "*"))
			}
		}
	}
	return out
}

// Sample is a body with a value at a place, and what is required beside it.
func Sample(body any, at []string, value any, id string) any {
	return body.(shape).sample(at, len(at) > 0, value, id)
}

func (s shape) sample(at []string, wanted bool, value any, id string) any {
	if s = s.of(s.schema); wanted && len(at) == 0 {
		return value
	}
	leads := func(name string) ([]string, bool) {
		if wanted && at[0] == name {
			return at[1:], true
		}
		return nil, false
	}
	switch s.schema.Type {
	case huma.TypeString:
		switch {
		case len(s.schema.Enum) > 0:
			return s.schema.Enum[0]
		case s.schema.Pattern != "":
			return id
		case s.schema.Format == "date-time":
			return "2026-06-01T00:00:00Z"
		}
		return "a"
	case huma.TypeInteger, huma.TypeNumber:
		return 1
	case huma.TypeBoolean:
		return false
	case huma.TypeArray:
		if rest, on := leads("[]"); on {
			return []any{s.of(s.schema.Items).sample(rest, true, value, id)}
		}
		return []any{}
	case huma.TypeObject:
		out := map[string]any{}
		for name, property := range s.schema.Properties {
			if rest, on := leads(name); on || slices.Contains(s.schema.Required, name) {
				out[name] = s.of(property).sample(rest, on, value, id)
			}
		}
		if _, on := leads("*"); on {
			out["a"], out[fmt.Sprint(value)] = value, value
		}
		return out
	}
	return "a"
}

// OtherRoutes are the routes outside the document with what they ask for.
func (s *Server) OtherRoutes() map[string]string {
	out := map[string]string{}
	for route, want := range s.routes {
		out[route] = string(want)
	}
	return out
}

// EngineRoutes lists every route that answers.
func (s *Server) EngineRoutes() []string {
	var out []string
	for _, r := range s.engine.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// Conforms holds a parsed answer to the document and returns what is wrong.
func (s *Server) Conforms(method, path string, status int, body any) []error {
	op := s.operationOf(method, path)
	if op == nil {
		return nil
	}
	response := op.Responses[strconv.Itoa(status)]
	if response == nil {
		return []error{&huma.ErrorDetail{Message: op.OperationID + " does not document status " + strconv.Itoa(status)}}
	}
	for _, media := range response.Content {
		return s.validate(media.Schema, body)
	}
	return nil
}

func (s *Server) validate(schema *huma.Schema, body any) []error {
	var result huma.ValidateResult
	huma.Validate(s.huma.OpenAPI().Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, body, &result)
	return result.Errors
}

// Fits holds a value to a schema of the document.
func (s *Server) Fits(schema string, value any) []error {
	return s.validate(&huma.Schema{Ref: refs + schema}, value)
}

var inBraces = regexp.MustCompile(`\\\{[^}]*\\\}`)

func (s *Server) operationOf(method, path string) *huma.Operation {
	path, _, _ = strings.Cut(path, "?")
	var found *huma.Operation
	for template, item := range s.huma.OpenAPI().Paths {
		form := regexp.MustCompile("^" + inBraces.ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$")
		if !form.MatchString(path) {
			continue
		}
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			// Of two that match, the one without parameters is meant.
			if op != nil && op.Method == method && (found == nil || !strings.Contains(template, "{")) {
				found = op
			}
		}
	}
	return found
}

// ParseCursor lets the fuzzer read cursors.
func ParseCursor(s string) error {
	_, err := decodeCursor[instantPlace]("conversations", s)
	return err
}
