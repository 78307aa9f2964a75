package api

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed examples.json
var examplesJSON []byte

// addExamples puts the examples beside their schemas.
func addExamples(registry huma.Registry) error {
	var examples map[string]any
	if err := json.Unmarshal(examplesJSON, &examples); err != nil {
		return fmt.Errorf("examples of the document: %w", err)
	}
	for name, example := range examples {
		schema := registry.Map()[name]
		if schema == nil {
			return fmt.Errorf("examples of the document: there is no schema %s", name)
		}
		schema.Examples = []any{example}
	}
	return nil
}
