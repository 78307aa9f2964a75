package mime

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// A parser begins formatting elements that are left open anew in everything that
// follows, so that a small source can make a tree, and HTML, that fill the
// memory. Whether one has been closed depends on all that stands around it, so it
// is not asked: these bound what there would be if none ever were.
const (
	maxBegun      = 100_000
	maxBegunBytes = 16 << 20
)

// parseTree reads HTML as a browser would. It fails for what is nested too
// deeply.
func parseTree(source string) (*html.Node, error) {
	if tags, risky := weigh(source); risky {
		source = unformatted(source, maxBegunBytes/tags)
	}
	return html.Parse(strings.NewReader(source))
}

// weigh counts the tags of a source and tells whether its tree may be far larger
// than itself.
func weigh(source string) (tags int, risky bool) {
	z := html.NewTokenizer(strings.NewReader(source))
	open, size, begun, bytes := 0, 0, 0, 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return max(tags, 1), risky
		case html.StartTagToken, html.SelfClosingTagToken:
			length := len(z.Raw())
			name, _ := z.TagName()
			switch kind := atom.Lookup(name); {
			case kind == atom.A || formatting[kind] != "":
				open, size = open+1, size+length
			case foreign(kind):
				risky = true // within it, what is read as text here may be tags
			}
			tags++
		case html.EndTagToken:
			tags++
		default:
			continue
		}
		begun, bytes = begun+open, bytes+size
		risky = risky || begun > maxBegun || bytes > maxBegunBytes
	}
}

// formatting are the styles of the elements that are begun anew after what
// contains them has ended (HTML standard, "the list of active formatting
// elements"). Of links, which are such elements, too, only one is ever open.
var formatting = map[atom.Atom]string{
	atom.B: "font-weight: bold", atom.Strong: "font-weight: bold", atom.I: "font-style: italic", atom.Em: "font-style: italic",
	atom.U: "text-decoration: underline", atom.S: "text-decoration: line-through", atom.Strike: "text-decoration: line-through",
	atom.Big: "font-size: larger", atom.Small: "font-size: smaller", atom.Code: "font-family: monospace", atom.Tt: "font-family: monospace",
	atom.Nobr: "white-space: nowrap", atom.Font: "font-style: inherit",
}

func foreign(kind atom.Atom) bool { return kind == atom.Svg || kind == atom.Math }

var fontColor = regexp.MustCompile(`(?i)^(#[0-9a-f]{3,6}|[a-z]{3,20})$`)

// nothing stands in the place of a tag that is taken away, so that what stood
// beside it does not become one.
const nothing = "<!---->"

// unformatted writes formatting elements as what is never begun anew, and links
// longer than longest without what makes them long. Foreign content, which is not
// shown, becomes part of what surrounds it.
func unformatted(source string, longest int) string {
	z := html.NewTokenizer(strings.NewReader(source))
	var out strings.Builder
	for {
		kind := z.Next()
		length := len(z.Raw())
		switch kind {
		case html.ErrorToken:
			return out.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			tag := atom.Lookup(name)
			style, replaced := formatting[tag]
			if tag == atom.A && length > longest {
				out.WriteString("<a>")
				continue
			}
			if foreign(tag) {
				out.WriteString(nothing)
				continue
			}
			if !replaced {
				break
			}
			for tag == atom.Font && more {
				var key, value []byte
				if key, value, more = z.TagAttr(); string(key) == "color" && fontColor.Match(value) {
					style = "color: " + string(value)
				}
			}
			out.WriteString(`<span style="` + style + `">`)
			continue
		case html.EndTagToken:
			name, _ := z.TagName()
			switch tag := atom.Lookup(name); {
			case foreign(tag):
				out.WriteString(nothing)
				continue
			case formatting[tag] != "":
				out.WriteString("</span>")
				continue
			}
		}
		out.Write(z.Raw())
	}
}
