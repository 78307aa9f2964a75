package locale_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/locale"
)

func TestSentence(t *testing.T) {
	cases := []struct {
		lang, key string
		params    map[string]any
		want      string
	}{
		{"en", "errors.body_too_long", map[string]any{"max": 10}, "The message is longer than 10 characters. Shorten it or send it in parts."},
		{"zh-CN", "errors.body_too_long", map[string]any{"max": 10}, "消息超过 10 个字符。请缩短，或分几条发送。"},
		{"fr", "errors.required", nil, "This field is empty, and it is needed. Fill it in."},
		{"en", "errors.no_such_code", nil, "errors.no_such_code"},
		{"en", "nofile.key", nil, "nofile.key"},
		{"en", "errors.too_long", nil, "This is longer than {{max}} characters. Shorten it."},
		{"en", "cli.config.not_a_number", nil, "a whole number is expected. Write digits only."},
		{"../en", "errors.required", nil, "This field is empty, and it is needed. Fill it in."},
	}
	for _, c := range cases {
		if got := locale.Sentence(c.lang, c.key, c.params); got != c.want {
			t.Errorf("Sentence(%s, %s) = %q, want %q", c.lang, c.key, got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	cases := map[string]string{
		"": "en", "zh": "zh-CN", "zh-TW,en;q=0.8": "zh-CN", "zh-Hans-CN": "zh-CN", "en-GB,zh;q=0.9": "en", "fr-FR,zh;q=0.5,en;q=0.4": "zh-CN",
		"fr": "en", "en;q=0.2, zh;q=0.9": "zh-CN", "zh;q=0, en;q=0.1": "en", "*": "en", ";;;": "en", strings.Repeat("zh,", 2000): "en",
	}
	for header, want := range cases {
		if got := locale.Match(header); got != want {
			t.Errorf("Match(%.30q) = %s, want %s", header, got, want)
		}
	}
	if got := locale.MatchOr("fr", "zh-CN"); got != "zh-CN" {
		t.Errorf("MatchOr gives %s", got)
	}
}

// read flattens one catalogue file; it fails on anything but nested strings.
func read(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	out := map[string]string{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			switch v := v.(type) {
			case string:
				out[prefix+k] = v
			case map[string]any:
				walk(prefix+k+".", v)
			default:
				t.Errorf("%s: %s%s is neither a sentence nor a group", path, prefix, k)
			}
		}
	}
	walk("", tree)
	return out
}

var placeholder = regexp.MustCompile(`\{\{\s*([a-zA-Z_]+)[^}]*\}\}`)

func placeholders(s string) string {
	seen := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		seen[m[1]] = true
	}
	var out []string
	for k := range seen {
		out = append(out, k)
	}
	sort.Strings(out)
	return strings.Join(out, " ")
}

// fold brings both languages to the same keys: Chinese has one plural form.
func fold(m map[string]string) map[string][]string {
	out := map[string][]string{}
	for k, v := range m {
		base := strings.TrimSuffix(strings.TrimSuffix(k, "_one"), "_other")
		if _, plural := m[base+"_other"]; !plural {
			base = k
		}
		out[base] = append(out[base], v)
	}
	return out
}

func TestCataloguesAgree(t *testing.T) {
	for _, dir := range [][2]string{{"en", "zh-CN"}, {"zh-CN", "en"}} {
		paths, err := filepath.Glob("catalog/" + dir[0] + "/*.json")
		if err != nil || len(paths) == 0 {
			t.Fatal("no catalogues", err)
		}
		for _, path := range paths {
			here := read(t, path)
			there := fold(read(t, "catalog/"+dir[1]+"/"+filepath.Base(path)))
			for key, sentences := range fold(here) {
				other, ok := there[key]
				if !ok {
					t.Errorf("%s: %s has no sentence in %s", path, key, dir[1])
					continue
				}
				for _, s := range sentences {
					if strings.TrimSpace(s) == "" {
						t.Errorf("%s: %s is empty", path, key)
					}
				}
				// The form for one may leave the number out, so the fullest form counts.
				if a, b := placeholders(strings.Join(sentences, " ")), placeholders(strings.Join(other, " ")); a != b {
					t.Errorf("%s: %s has placeholders [%s], in %s [%s]", path, key, a, dir[1], b)
				}
			}
			for key := range here {
				if base, ok := strings.CutSuffix(key, "_one"); ok {
					if _, plural := here[base+"_other"]; !plural {
						t.Errorf("%s: %s has no %s_other", path, key, base)
					}
				}
			}
		}
	}
}

// codes that the source gives as variables or that only the edges make.
var spokenElsewhere = []string{
	"storage_full", "storage_unavailable", "internal", "malformed", "not_signed_in", "forbidden", "csrf_refused", "origin_refused",
	"not_found", "conflict", "body_too_large", "file_too_large", "rate_limited", "shutting_down",
}

// TestErrorsSpeak holds that every code the program can answer with has a
// sentence that says what is wrong and what to do about it.
func TestErrorsSpeak(t *testing.T) {
	codes := map[string]string{}
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			collectCodes(t, path, codes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := codes["shutting_down"]; !ok { // the store's own
		t.Fatal("the source was not searched")
	}
	for _, c := range spokenElsewhere {
		codes[c] = "protocol"
	}
	for code, where := range codes {
		for _, lang := range locale.Languages {
			key := "errors." + code
			if !locale.Has(lang, key) {
				t.Errorf("%s: code %q has no sentence %s in %s", where, code, key, lang)
				continue
			}
			// What is wrong and the cure: two sentences.
			s := locale.Sentence(lang, key, nil)
			if n := strings.Count(s, "。") + strings.Count(s, ". ") + strings.Count(s+"\n", ".\n"); n < 2 {
				t.Errorf("%s (%s) names no cure: %q", key, lang, s)
			}
		}
	}
}

// collectCodes finds the literals given to fault's constructors and fields.
func collectCodes(t *testing.T, path string, codes map[string]string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	position := map[string]int{"New": 1, "Wrap": 2, "AtField": 1}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && s != "" {
				codes[s] = path
			}
		}
	}
	ofFault := func(e ast.Expr) (string, bool) {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return "", false
		}
		pkg, ok := sel.X.(*ast.Ident)
		return sel.Sel.Name, ok && pkg.Name == "fault"
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name, ok := ofFault(n.Fun)
			if i, known := position[name]; ok && known && len(n.Args) > i {
				add(n.Args[i])
			}
		case *ast.CompositeLit:
			if name, ok := ofFault(n.Type); ok && (name == "Field" || name == "Error") {
				for _, el := range n.Elts {
					if kv, ok := el.(*ast.KeyValueExpr); ok {
						if id, ok := kv.Key.(*ast.Ident); ok && id.Name == "Code" {
							add(kv.Value)
						}
					}
				}
			}
		}
		return true
	})
}

func TestFromEnvironment(t *testing.T) {
	cases := []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"LANG": "zh_CN.UTF-8"}, "zh-CN"}, {map[string]string{"LANG": "en_GB.UTF-8"}, "en"}, {map[string]string{"LANG": "C.UTF-8"}, "zh-CN"},
		{map[string]string{"LC_ALL": "en_US", "LANG": "zh_CN.UTF-8"}, "en"}, {map[string]string{"LC_MESSAGES": "zh_TW@big5", "LANG": "en_US"}, "zh-CN"}, {nil, "zh-CN"},
	}
	for _, c := range cases {
		if got := locale.FromEnvironment(func(k string) string { return c.env[k] }, "zh-CN"); got != c.want {
			t.Errorf("%v gives %s, want %s", c.env, got, c.want)
		}
	}
}

// unshown are words of the glossary that no page has had to say in Chinese yet.
var unshown = []string{"主动触达", "人群归属", "来由", "绑定码", "身份冲突", "追踪调用"}

// TestGlossaryIsSpoken: the Chinese words of the glossary are those that people
// read, so no second word for a thing creeps in.
func TestGlossaryIsSpoken(t *testing.T) {
	var spoken strings.Builder
	err := filepath.WalkDir(filepath.Join("catalog", locale.Chinese), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		spoken.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	glossary, err := os.ReadFile("../../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	words := 0
	for _, line := range strings.Split(string(glossary), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || cells[1] == "中文" || cells[1] == "–" {
			continue
		}
		for _, word := range strings.Split(cells[1], "、") {
			words++
			if strings.Contains(spoken.String(), word) == slices.Contains(unshown, word) {
				t.Errorf("%s: %q must be spoken, or be among the words that are not shown", cells[0], word)
			}
		}
	}
	if words < 40 {
		t.Errorf("only %d words were found", words)
	}
}
