package store

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// storable gives both engines the same texts. PostgreSQL can hold neither NUL nor
// bytes that are no UTF-8, and fails the statement; SQLite takes both. Domains
// clean what they store; what reaches this place is looked for, or was forgotten:
// U+FFFD stands in the place of what no text can hold, on either engine.
func storable(args []any) []any {
	var out []any
	for i, a := range args {
		s, changed := storableText(a)
		if !changed {
			continue
		}
		if out == nil {
			out = slices.Clone(args) // they are the caller's
		}
		out[i] = s
	}
	if out == nil {
		return args
	}
	return out
}

// storableText is the text of an argument that cannot be stored as it is.
func storableText(arg any) (string, bool) {
	var s string
	switch v := arg.(type) {
	case string:
		s = v
	case *string:
		if v == nil {
			return "", false
		}
		s = *v
	case nil, int64, int, bool, []byte:
		return "", false
	default:
		text := reflect.ValueOf(arg)
		if text.Kind() != reflect.String {
			return "", false
		}
		s = text.String()
	}
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return "", false
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd"), true
}
