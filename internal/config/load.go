package config

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// FileName is read from the working directory when no file is named.
const FileName = "config.yaml"

// Result is what Load found.
type Result struct {
	*Config
	// File that was read, "" for none.
	File string
	// UnknownEnv names FANWARD_ variables that belong to no key. They are no
	// error, since orchestrators inject variables of their own, but deserve a
	// warning: most are misspelt.
	UnknownEnv []string
}

// Load reads file (when "", FileName in the working directory if it exists),
// then environ, a list of "NAME=value" such as os.Environ(). An empty variable
// counts as not set. Every problem found is in the returned Problems.
func Load(file string, environ []string) (Result, error) {
	r := Result{Config: Default(), File: file}
	var problems Problems
	if file == "" {
		if _, err := os.Stat(FileName); err == nil {
			r.File = FileName
		}
	}
	if r.File != "" {
		text, err := os.ReadFile(r.File)
		if err != nil {
			code := "file_unreadable"
			if errors.Is(err, os.ErrNotExist) {
				code = "file_missing"
			}
			return r, Problems{{File: r.File, Code: code, Params: map[string]any{"file": r.File, "reason": reason(err)}}}
		}
		// Some editors put a byte order mark in front.
		problems = r.applyYAML(r.File, bytes.TrimPrefix(text, []byte("\ufeff")))
	}
	more, unknown := r.applyEnv(environ)
	problems, r.UnknownEnv = append(problems, more...), unknown
	// A value that could not be read keeps its default, which is valid, so no
	// key is reported twice.
	problems = append(problems, r.validate()...)
	if len(problems) > 0 {
		return r, problems
	}
	return r, nil
}

func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// applyYAML walks the document itself instead of decoding it: a decoder stops
// at the first unknown key or wrong type, a person wants to see all of them.
func (c *Config) applyYAML(file string, text []byte) Problems {
	doc, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Problems{syntaxProblem(file, err)}
	}
	w := walker{c: c, file: file, keys: c.keys()}
	for i, d := range doc.Docs {
		switch body := d.Body.(type) {
		case nil, *ast.NullNode, *ast.CommentGroupNode:
		case *ast.MappingNode:
			if i > 0 {
				w.add(body, "", "several_documents", nil)
				continue
			}
			w.mapping("", body)
		default:
			w.add(body, "", "not_a_mapping", nil)
		}
	}
	return w.problems
}

func syntaxProblem(file string, err error) Problem {
	p := Problem{File: file, Code: "syntax", Params: map[string]any{"reason": err.Error()}}
	var e yaml.Error
	if errors.As(err, &e) {
		p.Params["reason"] = e.GetMessage()
		if t := e.GetToken(); t != nil && t.Position != nil {
			p.Line = t.Position.Line
		}
	}
	return p
}

type walker struct {
	c        *Config
	file     string
	keys     []Key
	problems Problems
}

func (w *walker) add(n ast.Node, key, code string, params map[string]any) {
	w.problems = append(w.problems, Problem{File: w.file, Line: line(n), Key: key, Code: code, Params: params})
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

func (w *walker) mapping(prefix string, m *ast.MappingNode) {
	for _, v := range m.Values {
		w.entry(prefix, v)
	}
}

func (w *walker) entry(prefix string, v *ast.MappingValueNode) {
	name := prefix + v.Key.GetToken().Value
	if k, ok := find(w.keys, name); ok {
		w.value(k, v.Value)
		return
	}
	if !isSection(w.keys, name) {
		w.add(v.Key, name, "unknown_key", map[string]any{"known": strings.Join(near(w.keys, prefix), ", ")})
		return
	}
	switch body := v.Value.(type) {
	case *ast.MappingNode:
		w.mapping(name+".", body)
	case *ast.NullNode:
	default:
		w.add(v.Value, name, "not_a_mapping", nil)
	}
}

// value reads one leaf; null keeps the default.
func (w *walker) value(k Key, n ast.Node) {
	var texts []string
	switch n := n.(type) {
	case *ast.NullNode:
		return
	case *ast.SequenceNode:
		for _, item := range n.Values {
			s, ok := item.(ast.ScalarNode)
			if !ok {
				w.add(item, k.Name, "not_a_scalar", nil)
				return
			}
			texts = append(texts, scalarText(s))
		}
		if !k.list() {
			w.add(n, k.Name, "not_a_scalar", nil)
			return
		}
	case ast.ScalarNode:
		texts = []string{scalarText(n)}
		if k.list() {
			texts = splitList(texts[0])
		}
	default:
		w.add(n, k.Name, "not_a_scalar", nil)
		return
	}
	if code, params := k.set(texts); code != "" {
		w.add(n, k.Name, code, params)
		w.problems[len(w.problems)-1].Value = k.shown(strings.Join(texts, ", "))
		return
	}
	w.c.remember(k.Name, origin{file: w.file, line: line(n)})
}

func scalarText(n ast.ScalarNode) string {
	if s, ok := n.(*ast.LiteralNode); ok {
		return strings.TrimSpace(s.Value.Value)
	}
	return n.GetToken().Value
}

func (c *Config) applyEnv(environ []string) (problems Problems, unknown []string) {
	keys := c.keys()
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || value == "" {
			continue
		}
		k, ok := findEnv(keys, name)
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		texts := []string{value}
		if k.list() {
			texts = splitList(value)
		}
		if code, params := k.set(texts); code != "" {
			problems = append(problems, Problem{Env: name, Key: k.Name, Value: k.shown(value), Code: code, Params: params})
		} else {
			c.remember(k.Name, origin{env: name})
		}
	}
	return problems, unknown
}

// splitList reads a comma-separated list.
func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// near lists the keys that stand beside a misspelt one.
func near(keys []Key, prefix string) []string {
	var out []string
	for _, k := range keys {
		rest, ok := strings.CutPrefix(k.Name, prefix)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, ".")
		if len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	return out
}
