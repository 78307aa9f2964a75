// Package locale turns codes and parameters into sentences. The catalogues are
// JSON files shared with the TypeScript side: nested keys, {{placeholders}}
// and plural forms (_one, _other, chosen by the parameter "count") as i18next
// reads them. Every sentence exists in every language; a test holds that.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// The languages, by the tags that clients and config.yaml use.
const (
	English = "en"
	Chinese = "zh-CN"
)

// Languages lists them; the first is the fallback.
var Languages = []string{English, Chinese}

//go:embed catalog
var files embed.FS

// catalog is one file of one language, read when first needed: a start reads
// none of them.
type catalog struct {
	once sync.Once
	keys map[string]string
}

var (
	mu       sync.Mutex
	catalogs = map[string]*catalog{}
)

func load(lang, file string) map[string]string {
	path := "catalog/" + lang + "/" + file + ".json"
	mu.Lock()
	c := catalogs[path]
	if c == nil {
		c = &catalog{}
		catalogs[path] = c
	}
	mu.Unlock()
	c.once.Do(func() {
		c.keys = map[string]string{}
		text, err := files.ReadFile(path)
		if err != nil {
			return // no such catalogue: Sentence answers with the key
		}
		var tree map[string]any
		if json.Unmarshal(text, &tree) == nil {
			flatten(c.keys, "", tree)
		}
	})
	return c.keys
}

func flatten(out map[string]string, prefix string, tree map[string]any) {
	for k, v := range tree {
		switch v := v.(type) {
		case string:
			out[prefix+k] = v
		case map[string]any:
			flatten(out, prefix+k+".", v)
		}
	}
}

func lookup(lang, key string, params map[string]any) (string, bool) {
	file, rest, _ := strings.Cut(key, ".")
	if !known(lang) {
		return "", false
	}
	keys := load(lang, file)
	if n, ok := params["count"]; ok {
		form := "_other"
		if lang == English && fmt.Sprint(n) == "1" {
			form = "_one"
		}
		if s, ok := keys[rest+form]; ok {
			return s, true
		}
	}
	s, ok := keys[rest]
	return s, ok
}

func known(lang string) bool {
	for _, l := range Languages {
		if l == lang {
			return true
		}
	}
	return false
}

// Sentence is the text of key ("errors.rate_limited": catalogue file, then the
// path in it) in lang with its placeholders filled. An unknown language speaks
// English; an unknown key is returned as it is.
func Sentence(lang, key string, params map[string]any) string {
	s, ok := lookup(lang, key, params)
	if !ok {
		if s, ok = lookup(English, key, params); !ok {
			return key
		}
	}
	return fill(s, params)
}

// Has tells whether key has a sentence in lang.
func Has(lang, key string) bool {
	_, ok := lookup(lang, key, nil)
	return ok
}

// fill replaces {{name}}; a placeholder without its parameter stays visible.
func fill(s string, params map[string]any) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			b.WriteString("{{" + rest)
			return b.String()
		}
		if v, ok := params[strings.TrimSpace(name)]; ok {
			fmt.Fprint(&b, v)
		} else {
			b.WriteString("{{" + name + "}}")
		}
		s = after
	}
}

// Match chooses the language for an Accept-Language header: the first that is
// known, by the client's weights. Every Chinese is zh-CN. Without one it is
// English; see MatchOr.
func Match(acceptLanguage string) string { return MatchOr(acceptLanguage, English) }

// MatchOr is Match with another fallback, such as the installation's language.
func MatchOr(acceptLanguage, fallback string) string {
	if len(acceptLanguage) > 1000 {
		return fallback
	}
	tags, weights, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return fallback
	}
	for i, t := range tags {
		if weights[i] == 0 {
			continue
		}
		switch base, _ := t.Base(); base.String() {
		case "zh":
			return Chinese
		case "en":
			return English
		}
	}
	return fallback
}

// FromEnvironment chooses the language of a terminal from LC_ALL, LC_MESSAGES
// and LANG ("zh_CN.UTF-8"), the first that is set; the fallback when none is
// or it names none of ours.
func FromEnvironment(getenv func(string) string, fallback string) string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			tag, _, _ := strings.Cut(v, ".")
			tag, _, _ = strings.Cut(tag, "@")
			return MatchOr(strings.ReplaceAll(tag, "_", "-"), fallback)
		}
	}
	return fallback
}
