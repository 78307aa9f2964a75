package customers

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxAttributeName   = 64
	maxAttributeText   = 1000
	maxAttributeNumber = 100 // characters
	maxAttributeList   = 100
)

// Attributes are what is known of a customer by name: texts, numbers, true and
// false, and lists of these. Read from JSON, numbers stay as they were written:
// those of many digits are ids as often as not.
type Attributes map[string]any

// UnmarshalJSON keeps numbers exact.
func (a *Attributes) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode((*map[string]any)(a))
}

// checkAttributes names every attribute at fault below field, in their order.
func checkAttributes(field string, attributes map[string]any) (bad []fault.Field) {
	for _, k := range slices.Sorted(maps.Keys(attributes)) {
		if text.CleanLine(k) != k || k == "" || text.Length(k) > maxAttributeName {
			bad = append(bad, fault.Field{Field: field, Code: "attribute_name_invalid", Params: fault.Params{"name": text.Preview(k, maxAttributeName)}})
			continue
		}
		list, isList := attributes[k].([]any)
		if !isList {
			bad = append(bad, checkScalar(field+"."+k, attributes[k])...)
			continue
		}
		if len(list) > maxAttributeList {
			bad = append(bad, fault.Field{Field: field + "." + k, Code: "too_many", Params: fault.Params{"max": maxAttributeList}})
			continue
		}
		for i, v := range list {
			at := field + "." + k + "[" + strconv.Itoa(i) + "]"
			if v == nil {
				bad = append(bad, fault.Field{Field: at, Code: "attribute_value_invalid"})
			}
			bad = append(bad, checkScalar(at, v)...)
		}
	}
	return bad
}

// checkScalar names a value that is no text, number or boolean; nil takes an
// attribute away.
func checkScalar(field string, v any) []fault.Field {
	switch v := v.(type) {
	case nil, bool, float64:
		return nil
	case json.Number:
		if _, err := v.Float64(); err == nil && len(v) <= maxAttributeNumber {
			return nil
		}
	case string:
		if text.Length(v) <= maxAttributeText {
			return nil
		}
		return []fault.Field{{Field: field, Code: "too_long", Params: fault.Params{"max": maxAttributeText}}}
	}
	return []fault.Field{{Field: field, Code: "attribute_value_invalid"}}
}

// cleanValue is a value as it is stored.
func cleanValue(v any) any {
	switch v := v.(type) {
	case string:
		return text.Clean(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = cleanValue(item)
		}
		return list
	}
	return v
}

// sameValue compares two values; lists cannot be compared otherwise.
func sameValue(a, b any) bool { return reflect.DeepEqual(a, b) }
