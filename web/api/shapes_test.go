package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
)

var (
	shapeBlock   = regexp.MustCompile("(?s)```ts\n(.*?)```")
	shapeComment = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	shapeStart   = regexp.MustCompile(`(?m)^(\w+) = (?:(\w+) & )?\{`)
)

// protocol is the text of docs/protocol.md.
func protocol(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// renamed are the shapes that the document calls otherwise.
var renamed = map[string]string{"TrackingCall": "CallRecord", "MergeSide": "Side", "MessageSummary": "Summary"}

// TestShapesOfTheProtocol: each shape that docs/protocol.md writes out has the
// fields of the document, no more and no fewer.
func TestShapesOfTheProtocol(t *testing.T) {
	raw, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	written, extends := map[string][]string{}, map[string]string{}
	for _, block := range shapeBlock.FindAllStringSubmatch(protocol(t), -1) {
		shapes := shapeComment.ReplaceAllString(block[1], "")
		for _, at := range shapeStart.FindAllStringSubmatchIndex(shapes, -1) {
			name := shapes[at[2]:at[3]]
			written[name] = fieldsOf(shapes[at[1]:])
			if at[4] >= 0 {
				extends[name] = shapes[at[4]:at[5]]
			}
		}
	}
	if len(written) < 30 {
		t.Fatalf("only %d shapes were found", len(written))
	}
	delete(written, "WechatConfig") // the channel's own: the document only says that it is an object
	for name, fields := range written {
		fields = slices.Concat(fields, written[extends[name]])
		schema := name
		if other, ok := renamed[name]; ok {
			schema = other
		}
		slices.Sort(fields)
		if want := slices.Sorted(maps.Keys(doc.Components.Schemas[schema].Properties)); !slices.Equal(fields, want) {
			t.Errorf("%s is written\n%v\nand is\n%v", name, fields, want)
		}
	}
}

// fieldsOf are the names of the fields up to the brace that ends the shape.
func fieldsOf(body string) (fields []string) {
	depth, begins := 0, 0
	for i, c := range body {
		switch c {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		}
		if depth < 0 || depth == 0 && c == ';' {
			if name, _, _ := strings.Cut(strings.TrimSpace(body[begins:i]), ":"); name != "" {
				fields = append(fields, strings.TrimRight(strings.TrimSpace(name), "?"))
			}
			begins = i + 1
		}
		if depth < 0 {
			return fields
		}
	}
	return fields
}
