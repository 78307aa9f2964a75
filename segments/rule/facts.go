package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fanward/fanward/internal/text"
)

// Limits of facts. What goes beyond them is stored all the same, but no rule
// sees it.
const (
	maxFacts     = 200
	maxFactKey   = 100 // characters
	maxFactText  = 500 // characters, folded
	maxFactList  = 100
	maxFactDepth = 5
)

// The built-in attributes. The first three are facts like any other, the two
// instants are asked of the person.
const (
	NameAttribute     = "$name"
	LocaleAttribute   = "$locale"
	TimezoneAttribute = "$timezone"
	CreatedAttribute  = "$created_at"
	SeenAttribute     = "$last_seen_at"
)

// Facts is what rules see of attributes or of an event's properties: typed once,
// when it is written, so that Go and both databases compare the same thing.
// Objects within are named by their path, "address.city".
type Facts map[string]Fact

// Fact is one value. What has no type that a rule could compare (a number beyond
// nine million millions) is there, with nothing in it.
type Fact struct {
	N *int64   // a number, in millionths
	S *string  // a text, folded and on one line
	B *bool    // true or false
	T *int64   // milliseconds, of a text that is an instant or a date
	L []string // the texts, numbers and booleans of a list as folded text; not nil for a list
}

// FactsOf makes the facts of decoded JSON; numbers may be float64, json.Number
// or Go's integers. Where a name in the object and a path into it are the same,
// the name counts.
func FactsOf(object map[string]any) Facts {
	facts := Facts{}
	level := []branch{{"", object}}
	for depth := 1; depth <= maxFactDepth && len(level) > 0; depth++ {
		var deeper []branch
		for _, b := range level {
			for _, k := range slices.Sorted(maps.Keys(b.object)) {
				if k == "" {
					continue
				}
				if below, ok := b.object[k].(map[string]any); ok {
					deeper = append(deeper, branch{b.prefix + k + ".", below})
					continue
				}
				facts.put(b.prefix+k, b.object[k])
			}
		}
		level = deeper
	}
	return facts
}

type branch struct {
	prefix string
	object map[string]any
}

// AttributeFacts makes the facts of a customer: their attributes and, under the
// built-in names, what they are called and how they speak.
func AttributeFacts(attributes map[string]any, name, locale, timezone string) Facts {
	facts := Facts{}
	for _, b := range []struct{ key, value string }{{NameAttribute, name}, {LocaleAttribute, locale}, {TimezoneAttribute, timezone}} {
		if b.value != "" {
			folded := foldText(b.value)
			facts[b.key] = Fact{S: &folded}
		}
	}
	for k, f := range FactsOf(attributes) {
		if !builtIn(k) {
			facts[k] = f
		}
	}
	return facts
}

func builtIn(key string) bool {
	switch key {
	case NameAttribute, LocaleAttribute, TimezoneAttribute, CreatedAttribute, SeenAttribute:
		return true
	}
	return false
}

func (facts Facts) put(key string, value any) {
	if _, taken := facts[key]; taken || len(facts) >= maxFacts || !usableKey(key) {
		return
	}
	if f, ok := factOf(value); ok {
		facts[key] = f
	}
}

// usableKey says whether a fact can have this name: it goes into paths of both
// databases between quotes.
func usableKey(key string) bool {
	if key == "" || !utf8.ValidString(key) || text.Length(key) > maxFactKey {
		return false
	}
	return strings.IndexFunc(key, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsControl(r) }) < 0
}

func factOf(value any) (Fact, bool) {
	switch v := value.(type) {
	case nil:
		return Fact{}, false
	case bool:
		return Fact{B: &v}, true
	case string:
		folded := foldText(v)
		f := Fact{S: &folded}
		if at, ok := Instant(v); ok {
			f.T = &at
		}
		return f, true
	case []any:
		return Fact{L: listOf(v)}, true
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return Fact{L: listOf(list)}, true
	}
	if n, ok := ScaledValue(value); ok {
		return Fact{N: &n}, true
	}
	_, isNumber := decimalOf(value)
	return Fact{}, isNumber
}

// listOf takes the scalars of a list, in their order, each once.
func listOf(values []any) []string {
	list := []string{}
	for _, value := range values {
		if len(list) == maxFactList {
			break
		}
		s, ok := scalarText(value)
		if ok && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func scalarText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return foldText(v), true
	case bool:
		return strconv.FormatBool(v), true
	}
	if n, ok := ScaledValue(value); ok {
		return Decimal(n), true
	}
	return "", false
}

// foldText is the form in which texts are compared.
func foldText(s string) string {
	if isPlain(s) { // most are, and folding is dear
		return cut(strings.ToLower(s), maxFactText)
	}
	return cut(text.Fold(text.CleanLine(s)), maxFactText)
}

// isPlain tells that only letters' case can change when a text is folded.
func isPlain(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = s[i] == ' '
	}
	return s == "" || !space
}

func cut(s string, characters int) string {
	if len(s) <= characters {
		return s
	}
	n := 0
	for i := range s {
		if n == characters {
			return s[:i]
		}
		n++
	}
	return s
}

// JSON is the form in which facts are stored: one object, keys in order, each
// with its typed values. It holds nothing that a database could refuse.
func (facts Facts) JSON() string {
	b := []byte{'{'}
	for i, k := range slices.Sorted(maps.Keys(facts)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, k)
		b = append(b, ':')
		b = facts[k].append(b)
	}
	return string(append(b, '}'))
}

func (f Fact) append(b []byte) []byte {
	b = append(b, '{')
	member := func(name string) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '"', name[0], '"', ':')
	}
	if f.N != nil {
		member("n")
		b = fmt.Append(b, *f.N)
	}
	if f.S != nil {
		member("s")
		b = appendText(b, *f.S)
	}
	if f.B != nil {
		member("b")
		if *f.B {
			b = append(b, '1')
		} else {
			b = append(b, '0')
		}
	}
	if f.T != nil {
		member("t")
		b = fmt.Append(b, *f.T)
	}
	if f.L != nil {
		member("l")
		b = append(b, '[')
		for i, s := range f.L {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, s)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always can
				panic(err)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// ParseFacts reads what JSON wrote; "" is no facts.
func ParseFacts(stored string) (Facts, error) {
	if stored == "" || stored == "{}" {
		return Facts{}, nil
	}
	var raw map[string]struct {
		N *int64
		S *string
		B *int8
		T *int64
		L []string
	}
	if err := json.Unmarshal([]byte(stored), &raw); err != nil {
		return nil, fmt.Errorf("read facts: %w", err)
	}
	if raw == nil {
		return nil, errors.New("read facts: they are null")
	}
	facts := make(Facts, len(raw))
	for k, r := range raw {
		f := Fact{N: r.N, S: r.S, T: r.T, L: r.L}
		if r.B != nil {
			b := *r.B != 0
			f.B = &b
		}
		facts[k] = f
	}
	return facts, nil
}
