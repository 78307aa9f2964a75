package api_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

// TestDocument: what is printed is complete, and the same for every build of
// the same code.
func TestDocument(t *testing.T) {
	one, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	two, err := api.Document()
	if err != nil || string(one) != string(two) {
		t.Fatal("two documents differ", err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID, Summary string
			Tags                 []string
			Security             []map[string][]string
			Responses            map[string]struct{ Content map[string]any }
			XPermission          string `json:"x-permission"`
		}
		Components struct{ SecuritySchemes map[string]any }
		Tags       []struct{ Name, Description string }
	}
	if err := json.Unmarshal(one, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Components.SecuritySchemes) != 3 || len(doc.Paths) < 25 {
		t.Errorf("%s, %d paths, %v", doc.OpenAPI, len(doc.Paths), doc.Components.SecuritySchemes)
	}
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	seen := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if seen[op.OperationID] || op.Summary == "" {
				t.Errorf("%s %s: id %q, summary %q", method, path, op.OperationID, op.Summary)
			}
			seen[op.OperationID] = true
			if want := promised[op.OperationID]; strings.Contains(want, ".") && op.XPermission != want {
				t.Errorf("%s names the permission %q", op.OperationID, op.XPermission)
			}
			if len(op.Tags) != 1 || !tags[op.Tags[0]] {
				t.Errorf("%s stands under %v, which the document does not describe", op.OperationID, op.Tags)
			}
			if (len(op.Security) == 0) != (promised[op.OperationID] == "public") {
				t.Errorf("%s: security %v", op.OperationID, op.Security)
			}
			for status, r := range op.Responses {
				if status >= "400" && r.Content["application/problem+json"] == nil {
					t.Errorf("%s %s has no problem document", op.OperationID, status)
				}
			}
		}
	}
}

// TestExamples: every example is one.
func TestExamples(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	text, err := os.ReadFile("examples.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples map[string]any
	if err := json.Unmarshal(text, &examples); err != nil {
		t.Fatal(err)
	}
	for name, example := range examples {
		for _, err := range h.server.Fits(name, example) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
