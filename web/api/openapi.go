package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/obs"
)

// marshalDocument writes the document indented and in a stable order, so that
// two builds of the same code give the same bytes.
func marshalDocument(doc *huma.OpenAPI) ([]byte, error) {
	if err := addExamples(doc.Components.Schemas); err != nil {
		return nil, err
	}
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

// OpenAPI is the document that describes every call. It is written when first
// asked for: a start does without.
func (s *Server) OpenAPI() ([]byte, error) {
	s.document.once.Do(func() { s.document.json, s.document.err = marshalDocument(s.huma.OpenAPI()) })
	return s.document.json, s.document.err
}

// document is the finished OpenAPI document.
type document struct {
	once sync.Once
	json []byte
	err  error
}

func (s *Server) serveDocument(c *gin.Context) {
	text, err := s.OpenAPI()
	if err != nil {
		s.abort(c, err)
		return
	}
	c.Header("Cache-Control", "no-cache")
	c.Header("Access-Control-Allow-Origin", "*")
	c.Data(http.StatusOK, "application/json", text)
}

// Document builds the document without the parts behind the edge, for the
// tools that generate clients.
func Document() ([]byte, error) {
	s, err := New(bare())
	if err != nil {
		return nil, err
	}
	return s.OpenAPI()
}

// bare is enough for the edge to be built, though not to answer.
func bare() Options {
	log := slog.New(slog.DiscardHandler)
	return Options{Config: config.Default(), Clock: clock.NewSystem(), Log: log, Metrics: obs.NewMetrics(), Health: obs.NewHealth(log)}
}
