package channels

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/locale"
)

// DecodeConfig reads an account's configuration into to, which holds the
// defaults of the keys that are not given; empty raw changes nothing. Unknown
// keys and wrong types are refused by name.
func DecodeConfig(raw json.RawMessage, to any) error {
	if len(raw) == 0 {
		return nil
	}
	if !json.Valid(raw) { // a decoder would overlook what follows the first value
		return fault.New(fault.Malformed, "body_malformed", nil)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return configFault(err)
	}
	return nil
}

func configFault(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fault.AtField(strings.TrimSuffix("config."+wrong.Field, "."), "wrong_type", fault.Params{"expected": jsonType(wrong.Type)})
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fault.AtField("config."+strings.Trim(name, `"`), "unknown_field", nil)
	}
	return fault.Wrap(err, fault.Malformed, "body_malformed", nil)
}

// jsonType names a Go type as people who write JSON know it.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	}
	return "object"
}

// Words is a text in both languages.
type Words struct {
	En string `json:"en"`
	Zh string `json:"zh-CN"`
}

// In is the text in a language, or in the other one where that is empty.
func (w Words) In(lang string) string {
	if lang == locale.English && w.En != "" || w.Zh == "" {
		return w.En
	}
	return w.Zh
}

// Check refuses secrets that are not among known, and those of required that
// are missing or empty.
func (s Secrets) Check(known, required []string) error {
	var bad []fault.Field
	for name := range s {
		if !slices.Contains(known, name) {
			bad = append(bad, fault.Field{Field: "secrets." + name, Code: "unknown_field"})
		}
	}
	for _, name := range required {
		if s[name] == "" {
			bad = append(bad, fault.Field{Field: "secrets." + name, Code: "required"})
		}
	}
	slices.SortFunc(bad, func(a, b fault.Field) int { return strings.Compare(a.Field, b.Field) })
	return fault.AtFields(bad...)
}
