package render

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/fanward/fanward/internal/fault"
)

// maxDepth is how deep values may nest, maxGiven how many there may be.
const (
	maxDepth = 10
	maxGiven = 20_000
)

// plainVars copies the variables as plain values: templates reach nothing with
// methods, and what they are given stays as it was.
func plainVars(vars map[string]any) (map[string]any, error) {
	left := maxGiven
	out := make(map[string]any, len(vars))
	for k, v := range vars {
		p, err := plain(v, 0, &left)
		if err != nil {
			return nil, err
		}
		out[k] = p
	}
	return out, nil
}

func plain(v any, depth int, left *int) (any, error) {
	if *left--; *left < 0 || depth > maxDepth {
		return nil, fault.New(fault.Invalid, TooMuch, fault.Params{"line": 0})
	}
	switch v := v.(type) {
	case nil, bool, string, int, float64, time.Time:
		return v, nil
	case int64:
		return int(v), nil
	case *time.Time:
		if v == nil {
			return nil, nil
		}
		return *v, nil
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i), nil
		}
		f, err := v.Float64()
		return f, err
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			p, err := plain(item, depth+1, left)
			if err != nil {
				return nil, err
			}
			out[k] = p
		}
		return out, nil
	case []any:
		return plainList(v, depth, left)
	case []string:
		return plainList(v, depth, left)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("a variable of a template: %w", err)
	}
	var decoded any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		return nil, fmt.Errorf("a variable of a template: %w", err)
	}
	return plain(decoded, depth, left)
}

func plainList[T any](list []T, depth int, left *int) ([]any, error) {
	out := make([]any, len(list))
	for i, item := range list {
		p, err := plain(any(item), depth+1, left)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}
