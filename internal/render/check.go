package render

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/osteele/liquid/parser"

	"github.com/fanward/fanward/internal/fault"
)

// Problem is what is wrong with a template.
type Problem struct {
	// Line counts from 1; 0 is the whole template.
	Line int    `json:"line"`
	Code string `json:"code"`
	// Params are those of the code's sentence: name, max.
	Params fault.Params `json:"params,omitempty"`
	// Message is for logs and the API; people read the code's sentence.
	Message string `json:"message"`
}

// roots are the variables that every template is given.
var roots = []string{"customer", "event", "journey", "now", loopState}

// maxProblems bounds what one check tells.
const maxProblems = 20

// Check tells what is wrong with a template, in the order of its lines; nothing
// for one that can be filled. Names of customers' and events' own fields are
// anybody's, so only the names before the first dot are known or not.
func Check(template string) []Problem {
	if len(template) > MaxTemplate {
		return []Problem{{Code: TooLong, Params: fault.Params{"max": MaxTemplate}, Message: "the template is too long"}}
	}
	c := checker{defined: slices.Clone(roots)}
	tokens := parser.Scan(template, parser.SourceLoc{Pathname: source, LineNo: 1}, nil)
	c.eachLive(tokens, c.define)
	c.eachLive(tokens, c.look)
	if len(c.problems) == 0 {
		c.try(template)
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return a.Line - b.Line })
	return c.problems[:min(len(c.problems), maxProblems)]
}

type checker struct {
	defined  []string
	problems []Problem
}

func (c *checker) add(line int, code, name, message string) {
	p := Problem{Line: line, Code: code, Message: message}
	if name != "" {
		p.Params = fault.Params{"name": name}
	}
	c.problems = append(c.problems, p)
}

// eachLive goes through the tokens that are not in a comment or raw.
func (c *checker) eachLive(tokens []parser.Token, do func(parser.Token)) {
	until := ""
	for _, t := range tokens {
		if t.Type == parser.TagTokenType {
			if until != "" {
				if t.Name == until {
					until = ""
				}
				continue
			}
			if t.Name == "comment" || t.Name == "raw" {
				until = "end" + t.Name
				continue
			}
		}
		if until == "" {
			do(t)
		}
	}
}

var firstName = regexp.MustCompile(`^\s*([\pL_][\pL\pN\pM_-]*)`)

// define notes the variables that the template makes itself.
func (c *checker) define(t parser.Token) {
	if t.Type == parser.TagTokenType && slices.Contains([]string{"assign", "capture", "for"}, t.Name) {
		if m := firstName.FindStringSubmatch(t.Args); m != nil {
			c.defined = append(c.defined, m[1])
		}
	}
}

func (c *checker) look(t parser.Token) {
	line := t.SourceLoc.LineNo
	switch t.Type {
	case parser.TextTokenType:
		for _, open := range []string{"{{", "{%"} {
			if before, _, found := strings.Cut(t.Source, open); found {
				c.add(line+strings.Count(before, "\n"), Unclosed, open, open+" is not closed")
			}
		}
	case parser.ObjTokenType:
		c.expression(line, t.Args, false)
	case parser.TagTokenType:
		c.tag(line, t)
	}
}

func (c *checker) tag(line int, t parser.Token) {
	if !slices.Contains(tagNames, t.Name) {
		c.add(line, UnknownTag, t.Name, "there is no tag "+t.Name)
		return
	}
	switch args := t.Args; t.Name {
	case "capture", "cycle":
	case "assign":
		if _, value, found := strings.Cut(args, "="); found {
			c.expression(line, value, false)
		}
	case "for":
		if m := firstName.FindStringIndex(args); m != nil {
			c.expression(line, args[m[1]:], true)
		}
	default:
		c.expression(line, args, false)
	}
}

// word finds the parts of an expression: texts, properties, names and signs.
var word = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|\.\.|\.[\pL_][\pL\pN\pM_-]*\??|-?[0-9]+(?:\.[0-9]+)?|[\pL_][\pL\pN\pM_-]*\??:?|[^\s]`)

var words = []string{"true", "false", "nil", "and", "or", "contains", "in", "null"}

// expression looks at the names in one. loop says that what stands there is the
// rest of a for.
func (c *checker) expression(line int, s string, loop bool) {
	filter := false
	for _, w := range word.FindAllString(s, -1) {
		name := strings.TrimSuffix(w, ":")
		switch {
		case w == "|":
			filter = true
			continue
		case filter:
			if !slices.Contains(filterNames, name) {
				c.add(line, UnknownFilter, name, "there is no filter "+name)
			}
		case !firstName.MatchString(w) || strings.HasSuffix(w, ":") || slices.Contains(words, w) || loop && w == "reversed":
		case !slices.Contains(c.defined, strings.TrimSuffix(w, "?")) && !slices.Contains(c.defined, w):
			c.add(line, UnknownVariable, w, "nobody gives "+w)
		}
		filter = false
	}
}

// try fills the template with nothing: what does not parse, or works without
// end, shows here.
func (c *checker) try(template string) {
	_, err := Text(context.Background(), template, nil)
	if e, ok := fault.As(err); ok {
		line, _ := e.Params["line"].(int)
		p := Problem{Line: line, Code: e.Code, Message: e.Error()}
		if e.Params["max"] != nil {
			p.Params = e.Params
		}
		c.problems = append(c.problems, p)
	}
}
