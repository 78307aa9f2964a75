package api_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/auth"
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

// TestNullIsAmongTheValues: what may be null and is one of a few says so in
// both places; validators go by the narrower one.
func TestNullIsAmongTheValues(t *testing.T) {
	text, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	found := 0
	var look func(at string, v any)
	look = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for _, below := range v {
				look(at, below)
			}
		case map[string]any:
			kinds, _ := v["type"].([]any)
			values, few := v["enum"].([]any)
			if few && slices.Contains(kinds, any("null")) {
				if found++; !slices.Contains(values, nil) {
					t.Errorf("%s may be null and is one of %v", at, values)
				}
			}
			for name, below := range v {
				look(at+"."+name, below)
			}
		}
	}
	look("", tree)
	if found == 0 {
		t.Error("nothing that may be null is one of a few")
	}
}

// TestRefusalsAreDescribed: whatever is called may be refused for a query
// parameter, and says so.
func TestRefusalsAreDescribed(t *testing.T) {
	h := build(t, testkit.Open(t, store.SQLite))
	for _, op := range h.server.Operations() {
		path := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(op.Path, "4")
		if op.Access == "visitor" {
			path = h.site(strings.TrimPrefix(op.Path, "/channels/webchat/{key}"))
		}
		c := call{method: op.Method, path: path + "?colour=red", as: "owner"}
		if op.HasBody {
			c.body = `{}`
		}
		if op.ID == "signOut" {
			c.as = "viewer"
		}
		if op.Access == "visitor" {
			c.as, c.header = "", map[string]string{"Origin": shop}
		}
		if w := h.do(c); w.Code != 422 || !strings.Contains(w.Body.String(), `{"field":"colour","code":"unknown_field"}`) {
			t.Errorf("%s: %d %s", op.ID, w.Code, w.Body)
		}
	}
	h.run(t, []scenario{{name: "a check of nobody's account", call: call{method: "POST", path: "/api/v1/accounts/check", as: "owner", body: `{"id":"5","channel":"webchat"}`}, status: 404}})
	if _, _, err := h.auth.CreateToken(context.Background(), auth.System, "Warehouse", auth.Viewer); err != nil {
		t.Fatal(err)
	}
	h.run(t, []scenario{{name: "a token of the command line", call: call{method: "GET", path: "/api/v1/tokens", as: "owner"}, status: 200, has: []string{`"created_by":null`}}})
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
