package api

import (
	"regexp"
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
