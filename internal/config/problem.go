package config

import (
	"fmt"
	"strings"

	"github.com/fanward/fanward/internal/locale"
)

// Problem is one thing that keeps the program from starting. Code names a
// sentence "cli.config.<code>" of the catalogues, which says what is wrong and
// the cure.
type Problem struct {
	Key   string // "" when the whole file is at fault
	Value string // as given; "(hidden)" for secrets
	File  string // where the value was given; with Env both empty: a default
	Line  int    // 0 = not known
	Env   string
	Code  string
	// Params for the sentence.
	Params map[string]any
}

// Sentence tells the problem in a language: place, key and value, cure.
func (p Problem) Sentence(lang string) string {
	var b strings.Builder
	switch {
	case p.Env != "":
		b.WriteString(p.Env + ": ")
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	case p.File != "":
		b.WriteString(p.File + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key)
		if p.Value != "" {
			fmt.Fprintf(&b, " = %q", p.Value)
		}
		b.WriteString(": ")
	}
	return b.String() + locale.Sentence(lang, "cli.config."+p.Code, p.Params)
}

// Problems are all that was found, in the order of discovery. As an error it
// speaks English, one problem a line.
type Problems []Problem

// Error implements error.
func (ps Problems) Error() string { return ps.Sentences(locale.English) }

// Sentences tells every problem in a language, one a line.
func (ps Problems) Sentences(lang string) string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Sentence(lang)
	}
	return strings.Join(lines, "\n")
}

func (c *Config) problem(key, code string, params map[string]any) Problem {
	p := Problem{Key: key, Code: code, Params: params}
	if k, ok := find(c.keys(), key); ok {
		p.Value = k.Text()
	}
	o := c.origins[key]
	p.File, p.Line, p.Env = o.file, o.line, o.env
	return p
}
