package render

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/osteele/liquid/filters"
	liquid "github.com/osteele/liquid/render"
	"github.com/osteele/liquid/values"
)

// dropped are filters of the library that are not offered: they speak of Go.
var dropped = []string{"inspect", "type"}

// book notes the names of filters.
type book func(name string, fn any)

// AddFilter implements the library's dictionary.
func (b book) AddFilter(name string, fn any) { b(name, fn) }

// filterNames are all that a template may use.
var filterNames = func() (names []string) {
	(&run{}).eachFilter(func(name string, _ any) { names = append(names, name) })
	slices.Sort(names)
	return slices.Compact(names)
}()

// eachFilter gives the library's filters and then ours, which replace some.
func (n *run) eachFilter(add func(name string, fn any)) {
	filters.AddStandardFilters(book(func(name string, fn any) {
		if !slices.Contains(dropped, name) {
			add(name, fn)
		}
	}))
	add("date", n.date)
	add("money", n.money)
	add("number", n.number)
	add("compact_number", n.compactNumber)
	add("percent", n.percent)
	add("replace", replace)
	add("join", join)
	add("strip_html", stripHTML)
	add("escape", html.EscapeString)
	add("url_encode", url.QueryEscape)
}

func (n *run) addFilters(c *liquid.Config) {
	n.eachFilter(func(name string, fn any) { c.AddFilter(name, n.guarded(fn)) })
}

// guarded counts what a filter is given and gives, and refuses what is too
// large before the filter sees it.
func (n *run) guarded(fn any) func(args ...any) (any, error) {
	of := reflect.ValueOf(fn)
	return func(args ...any) (any, error) {
		cost := 1
		for i, a := range args {
			if r, ok := a.(values.Range); ok {
				list, err := numbers(r)
				if err != nil {
					return nil, n.stop()
				}
				args[i] = list
			}
			weight, err := weigh(args[i])
			if err != nil {
				return nil, n.stop()
			}
			cost += weight
		}
		if err := n.spend(cost); err != nil {
			return nil, err
		}
		out, err := values.Call(of, args)
		if errors.Is(err, errTooLarge) {
			return nil, n.stop()
		}
		if err != nil {
			return nil, err
		}
		if _, err := weigh(out); err != nil {
			return nil, n.stop()
		}
		return out, nil
	}
}

func (n *run) stop() error {
	n.stopped = TooMuch
	return errTooMuch
}

var errTooLarge = errors.New("a value is too large")

// weigh is the size of a value in bytes, or an error for one that is too large.
func weigh(v any) (int, error) { return weighed(v, 0) }

func weighed(v any, depth int) (n int, err error) {
	switch v := v.(type) {
	case nil, bool, int, int64, float64:
		return 8, nil
	case string:
		n = len(v)
	case []byte:
		n = len(v)
	case values.Range:
		if v.Len() > maxList {
			return 0, errTooLarge
		}
		return 16, nil
	default:
		of := reflect.ValueOf(v)
		switch of.Kind() {
		case reflect.Slice, reflect.Array:
			if of.Len() > maxList || depth > maxDepth {
				return 0, errTooLarge
			}
			for i := range of.Len() {
				if n, err = add(n, of.Index(i).Interface(), depth); err != nil {
					return 0, err
				}
			}
		case reflect.Map:
			if of.Len() > maxList || depth > maxDepth {
				return 0, errTooLarge
			}
			for each := of.MapRange(); each.Next(); {
				if n, err = add(n, each.Value().Interface(), depth); err != nil {
					return 0, err
				}
			}
		default:
			return 32, nil
		}
	}
	if n > maxValue {
		return 0, errTooLarge
	}
	return n, nil
}

func add(n int, v any, depth int) (int, error) {
	more, err := weighed(v, depth+1)
	if n += more + 16; err == nil && n > maxValue {
		err = errTooLarge
	}
	return n, err
}

// replace is the library's, which would make of two long texts one without end.
func replace(s, old, with string) (string, error) {
	if grown := len(s) + strings.Count(s, old)*(len(with)-len(old)); grown > maxValue {
		return "", errTooLarge
	}
	return strings.ReplaceAll(s, old, with), nil
}

// join puts a list into one text; a single value is a list of one.
func join(v any, separator func(string) string) (string, error) {
	list, err := entries(v)
	if err != nil {
		return "", err
	}
	if list == nil && v != nil {
		return shown(v), nil
	}
	sep, size := separator(" "), 0
	words := make([]string, 0, len(list))
	for _, item := range list {
		if item == nil {
			continue
		}
		word := shown(item)
		if size += len(word) + len(sep); size > maxValue {
			return "", errTooLarge
		}
		words = append(words, word)
	}
	return strings.Join(words, sep), nil
}

func shown(v any) string {
	if f, ok := v.(float64); ok && f == float64(int64(f)) {
		return fmt.Sprint(int64(f))
	}
	return fmt.Sprint(v)
}

// stripHTML leaves out what stands between angle brackets.
func stripHTML(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "<")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if _, s, found = strings.Cut(rest, ">"); !found {
			b.WriteString("<" + rest)
			return b.String()
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}
