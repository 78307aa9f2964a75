package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix begins the name of every variable.
const EnvPrefix = "FANWARD_"

// Key is one setting.
type Key struct {
	Name   string // path in config.yaml, "http.addr"
	Env    string // "FANWARD_HTTP_ADDR"
	Doc    string
	Secret bool
	value  reflect.Value
}

// Keys lists every setting of c in the order of the file.
func (c *Config) Keys() []Key { return c.keys() }

func (c *Config) keys() []Key { return collect(nil, "", reflect.ValueOf(c).Elem()) }

func collect(out []Key, prefix string, v reflect.Value) []Key {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct {
			out = collect(out, name+".", v.Field(i))
			continue
		}
		out = append(out, Key{
			Name: name, Env: EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_")),
			Doc: f.Tag.Get("doc"), Secret: f.Tag.Get("secret") == "true", value: v.Field(i),
		})
	}
	return out
}

func find(keys []Key, name string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

func findEnv(keys []Key, env string) (Key, bool) {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Env == env })
	if i < 0 {
		return Key{}, false
	}
	return keys[i], true
}

func isSection(keys []Key, name string) bool {
	return slices.ContainsFunc(keys, func(k Key) bool { return strings.HasPrefix(k.Name, name+".") })
}

func (k Key) list() bool { return k.value.Kind() == reflect.Slice }

// set reads the value from its text, or returns the code of what is wrong and
// leaves the value as it was.
func (k Key) set(texts []string) (code string, params map[string]any) {
	if k.list() {
		k.value.Set(reflect.ValueOf(append([]string{}, texts...)))
		return "", nil
	}
	text := texts[0]
	if k.value.Type() == reflect.TypeFor[time.Duration]() {
		d, err := ParseDuration(text)
		if err != nil {
			return "not_a_duration", nil
		}
		k.value.SetInt(int64(d))
		return "", nil
	}
	if k.value.CanInt() {
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, k.value.Type().Bits())
		if err != nil {
			return "not_a_number", nil
		}
		k.value.SetInt(n)
		return "", nil
	}
	k.value.SetString(text)
	return "", nil
}

// Text is the value as it would stand in the environment; secrets are hidden.
func (k Key) Text() string {
	switch v := k.value.Interface().(type) {
	case time.Duration:
		return FormatDuration(v)
	case []string:
		return strings.Join(v, ",")
	case string:
		return k.shown(v)
	default:
		return fmt.Sprint(v)
	}
}

// Raw is the value of a text, secret or not; "" of anything else.
func (k Key) Raw() string {
	s, _ := k.value.Interface().(string)
	return s
}

func (k Key) shown(text string) string {
	if k.Secret && text != "" {
		return "(hidden)"
	}
	return text
}

// Table describes every key in Markdown, for the guide.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | variable | default | meaning |\n|---|---|---|---|\n")
	for _, k := range Default().keys() {
		text := "empty"
		if s := k.Text(); s != "" {
			text = "`" + s + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", k.Name, k.Env, text, k.Doc)
	}
	return b.String()
}
