package api

import (
	"bytes"
	"encoding/json"
	"log/slog"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/obs"
)

// marshalDocument writes the document indented and in a stable order, so that
// two builds of the same code give the same bytes.
func marshalDocument(doc *huma.OpenAPI) ([]byte, error) {
	compact, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	// Through a map, whose keys are written in order.
	var tree any
	if err := json.Unmarshal(compact, &tree); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(tree)
	return out.Bytes(), err
}

// OpenAPI is the document that describes every call.
func (s *Server) OpenAPI() []byte { return s.document.json }

// Document builds the document without the parts behind the edge, for the
// tools that generate clients.
func Document() ([]byte, error) {
	log := slog.New(slog.DiscardHandler)
	s, err := New(Options{Config: config.Default(), Clock: clock.NewSystem(), Log: log, Metrics: obs.NewMetrics(), Health: obs.NewHealth(log)})
	if err != nil {
		return nil, err
	}
	return s.OpenAPI(), nil
}
