package mime

import (
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// splitText is the text of HTML in two parts where the sender's program marks
// the quoted one; quoted is empty where it does not.
func splitText(source string) (body, quoted string) {
	root, err := parseTree(source)
	if err != nil {
		return tokenText(source), ""
	}
	if fold := foldQuote(root); fold != nil {
		fold.Parent.RemoveChild(fold)
		fold.RemoveChild(fold.FirstChild) // its summary
		quoted = textOf(fold)
	}
	return textOf(root), quoted
}

// TextOf is the text of HTML as a person would read it: a line per block,
// quotes marked with ">", nothing of what is hidden.
func TextOf(source string) string {
	root, err := parseTree(source)
	if err != nil {
		return tokenText(source)
	}
	return textOf(root)
}

func textOf(n *html.Node) string {
	w := &writer{}
	w.node(n)
	return strings.Trim(manyLines.ReplaceAllString(w.out.String(), "\n\n"), "\n ")
}

var (
	manyLines = regexp.MustCompile(`\n{3,}`)
	hidden    = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all`)
)

// tokenText reads HTML too deep for a tree.
func tokenText(source string) string {
	z := html.NewTokenizer(strings.NewReader(source))
	var out strings.Builder
	skip := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(out.String()), " ")
		case html.StartTagToken:
			if name, _ := z.TagName(); string(name) == "style" || string(name) == "script" {
				skip = string(name)
			}
			out.WriteByte(' ')
		case html.EndTagToken:
			if name, _ := z.TagName(); string(name) == skip {
				skip = ""
			}
		case html.TextToken:
			if skip == "" {
				out.Write(z.Text())
			}
		}
	}
}

// writer writes the text of a tree.
type writer struct {
	out    strings.Builder
	quote  int
	pre    int
	space  bool // a space is due before the next word
	begun  bool // the current line has text
	blank  bool // the last line is empty
	bullet bool // the line has only its bullet yet
}

func (w *writer) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		w.text(n.Data)
		return
	case html.ElementNode:
	default:
		w.children(n)
		return
	}
	switch n.DataAtom {
	case atom.Head, atom.Style, atom.Script, atom.Title, atom.Template, atom.Noscript, atom.Object, atom.Svg, atom.Math, atom.Select, atom.Textarea:
		return
	case atom.Br:
		w.newline()
		return
	case atom.Hr:
		w.line()
		return
	case atom.Img:
		if alt := strings.TrimSpace(attr(n, "alt")); alt != "" {
			w.text("[" + alt + "]")
		}
		return
	}
	if hidden.MatchString(attr(n, "style")) {
		return
	}
	w.element(n)
}

func (w *writer) element(n *html.Node) {
	switch n.DataAtom {
	case atom.Blockquote:
		w.line()
		w.quote++
		w.children(n)
		w.line()
		w.quote--
	case atom.Pre:
		w.line()
		w.pre++
		w.children(n)
		w.pre--
		w.line()
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Dl:
		w.gap()
		w.children(n)
		w.gap()
	case atom.Li:
		w.line()
		w.begin()
		w.out.WriteString("- ")
		w.bullet = true
		w.children(n)
		w.bullet = false
		w.line()
	case atom.Div, atom.Table, atom.Tr, atom.Dt, atom.Dd, atom.Address, atom.Article, atom.Section, atom.Header, atom.Footer, atom.Main, atom.Figure, atom.Center, atom.Form, atom.Details, atom.Summary:
		w.line()
		w.children(n)
		w.line()
	case atom.Td, atom.Th:
		w.space = w.begun
		w.children(n)
		w.space = w.begun
	default:
		w.children(n)
	}
}

func (w *writer) children(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.node(c)
	}
}

func (w *writer) text(s string) {
	if w.pre > 0 {
		for i, line := range strings.Split(strings.ReplaceAll(s, "\r", ""), "\n") {
			if i > 0 {
				w.newline()
			}
			if line != "" {
				w.begin()
				w.bullet = false
				w.out.WriteString(line)
			}
		}
		return
	}
	s = strings.ReplaceAll(s, "\u00a0", " ")
	for i, word := range strings.Fields(s) {
		if i > 0 || strings.IndexAny(s, " \t\r\n") == 0 {
			w.space = true
		}
		spaced := w.space && w.begun && !w.bullet
		w.begin()
		w.bullet = false
		if spaced {
			w.out.WriteByte(' ')
		}
		w.out.WriteString(word)
		w.space = false
	}
	if strings.TrimRight(s, " \t\r\n") != s {
		w.space = true
	}
}

// begin starts the line, unless it has begun.
func (w *writer) begin() {
	if !w.begun {
		if w.quote > 0 {
			w.out.WriteString(strings.Repeat(">", min(w.quote, 20)) + " ")
		}
		w.begun, w.blank = true, false
	}
}

// newline ends the line, also an empty one.
func (w *writer) newline() {
	if !w.begun {
		w.blank = true
	}
	w.out.WriteByte('\n')
	w.begun, w.space = false, false
}

// line ends the line if it has begun.
func (w *writer) line() {
	if w.bullet {
		return
	}
	if w.begun {
		w.newline()
	}
	w.space = false
}

// gap ends the line and leaves an empty one.
func (w *writer) gap() {
	if w.bullet {
		return
	}
	w.line()
	if w.out.Len() > 0 && !w.blank {
		w.newline()
	}
}
