package mime

import (
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Shown is HTML that may be shown in a sandboxed frame.
type Shown struct {
	HTML string
	// Remote counts the pictures elsewhere. Each stands as <img data-src="…">
	// without a source; loading them tells the sender that the mail was opened.
	Remote int
	// Cids are the content ids that pictures refer to, as <img data-cid="…">.
	Cids map[string]bool
}

const maxDataPicture = 256 << 10

var (
	remoteURL  = regexp.MustCompile(`^https?://[^\s"'<>\x00-\x1f]+$`)
	cidForm    = regexp.MustCompile(`^[^\s"'<>\x00-\x1f]{1,250}$`)
	pictureURL = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$`)
	sizeForm   = regexp.MustCompile(`^[0-9]{1,4}(px|%)?$`)
	policy     = strict()
)

// strict allows what a letter needs and nothing that runs, loads, asks or
// covers.
func strict() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "div", "span", "br", "hr", "b", "strong", "i", "em", "u", "s", "strike", "del", "ins", "sub", "sup", "small", "big", "mark", "center",
		"h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "tt", "kbd", "ul", "ol", "li", "dl", "dt", "dd",
		"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "details", "summary", "address", "abbr", "cite", "q", "figure", "figcaption",
		"article", "section", "header", "footer", "main", "wbr")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	p.AllowAttrs("data-src").Matching(remoteURL).OnElements("img")
	p.AllowAttrs("data-cid").Matching(cidForm).OnElements("img")
	p.AllowAttrs("alt", "title").OnElements("img")
	p.AllowAttrs("src").Matching(pictureURL).OnElements("img")
	p.AllowDataURIImages()
	p.AllowAttrs("width", "height").Matching(sizeForm).OnElements("img", "table", "td", "th")
	p.AllowAttrs("colspan", "rowspan", "cellpadding", "cellspacing", "border", "start").Matching(regexp.MustCompile(`^[0-9]{1,3}$`)).OnElements("table", "td", "th", "ol")
	p.AllowAttrs("align", "valign").Matching(regexp.MustCompile(`(?i)^(left|right|center|justify|top|middle|bottom)$`)).Globally()
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`(?i)^(ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[a-zA-Z0-9-]{1,20}$`)).Globally()
	p.AllowAttrs("color").Matching(fontColor).OnElements("font")
	p.AllowAttrs("face", "size").Matching(regexp.MustCompile(`^[\pL0-9 ,+-]{1,60}$`)).OnElements("font")
	p.AllowAttrs("bgcolor").Matching(regexp.MustCompile(`(?i)^(#[0-9a-f]{3,6}|[a-z]{3,20})$`)).OnElements("table", "tr", "td", "th")
	p.AllowStyles("color", "background-color", "font-size", "font-style", "font-weight", "font-family", "text-align", "text-decoration", "line-height", "vertical-align",
		"padding", "padding-left", "padding-right", "padding-top", "padding-bottom", "margin", "margin-left", "margin-right", "margin-top", "margin-bottom",
		"border-collapse", "white-space", "width", "max-width").Globally()
	return p
}

// Sanitise makes foreign HTML showable: no scripts, forms, frames or styles
// that load or cover anything; links open elsewhere and tell nobody where from;
// pictures wait; the quoted part of the letter is folded into <details>. It
// fails for HTML that cannot be read, with an empty result.
func Sanitise(source string) (Shown, error) {
	root, err := parseTree(source)
	if err != nil {
		return Shown{}, err
	}
	s := &Shown{Cids: map[string]bool{}}
	dropHidden(root)
	s.pictures(root)
	foldQuote(root)
	var b strings.Builder
	if err := html.Render(&b, root); err != nil {
		return Shown{}, err
	}
	s.HTML = strings.TrimSpace(policy.Sanitize(b.String()))
	return *s, nil
}

// dropHidden takes away what the sender hid by a style that is not kept:
// preview texts, mostly.
func dropHidden(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		if c.Type == html.ElementNode && hidden.MatchString(attr(c, "style")) {
			n.RemoveChild(c)
		} else {
			dropHidden(c)
		}
		c = next
	}
}

// pictures takes away every source that would load by itself and remembers
// what it was.
func (s *Shown) pictures(n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		s.pictures(c)
	}
	if n.Type != html.ElementNode || n.DataAtom != atom.Img && n.Data != "image" {
		return
	}
	source := strings.TrimSpace(attr(n, "src"))
	kept := n.Attr[:0]
	for _, a := range n.Attr {
		switch strings.ToLower(a.Key) {
		case "alt", "title", "width", "height", "style":
			kept = append(kept, a)
		}
	}
	n.Attr = kept
	lower := strings.ToLower(source)
	switch {
	case strings.HasPrefix(lower, "cid:"):
		if id := unescape(source[4:]); cidForm.MatchString(id) {
			s.Cids[id] = true
			n.Attr = append(n.Attr, html.Attribute{Key: "data-cid", Val: id})
		}
	case strings.HasPrefix(lower, "//"):
		s.remote(n, "https:"+source)
	case strings.HasPrefix(lower, "http:"), strings.HasPrefix(lower, "https:"):
		s.remote(n, source)
	case len(source) <= maxDataPicture && pictureURL.MatchString(source):
		n.Attr = append(n.Attr, html.Attribute{Key: "src", Val: source})
	}
}

func (s *Shown) remote(n *html.Node, source string) {
	source = strings.ReplaceAll(source, " ", "%20")
	if i := strings.Index(source, ":"); i > 0 {
		source = strings.ToLower(source[:i]) + source[i:]
	}
	if len(source) <= 2000 && remoteURL.MatchString(source) {
		s.Remote++
		n.Attr = append(n.Attr, html.Attribute{Key: "data-src", Val: source})
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var quoteMark = regexp.MustCompile(`(?i)(^|\s)(gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|OutlookMessageHeader|protonmail_quote|ntes_quote|foxmail_quote|qmail_quote|qm_con_quote)(\s|$)`)
var quoteID = regexp.MustCompile(`(?i)^(x_)?(divRplyFwdMsg|appendonsend|isReplyContent|ntes-pcmac-quote|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION)$`)

// foldQuote puts the quoted part, where programs mark it, into <details>: the
// marked element and, for those that mark only its beginning, what follows.
// A mail that is nothing but its quote, such as a forward, stays open; nil is
// returned then, and where no quote is marked.
func foldQuote(root *html.Node) *html.Node {
	mark, rest := findQuote(root)
	if mark == nil || mark.Parent == nil || !textBefore(root, mark) {
		return nil
	}
	fold := &html.Node{Type: html.ElementNode, DataAtom: atom.Details, Data: "details"}
	summary := &html.Node{Type: html.ElementNode, DataAtom: atom.Summary, Data: "summary"}
	summary.AppendChild(&html.Node{Type: html.TextNode, Data: "…"})
	fold.AppendChild(summary)
	mark.Parent.InsertBefore(fold, mark)
	for n := mark; n != nil; {
		next := n.NextSibling
		n.Parent.RemoveChild(n)
		fold.AppendChild(n)
		if !rest {
			break
		}
		n = next
	}
	return fold
}

// findQuote finds the first marked quote; rest tells that it goes on after the
// marked element.
func findQuote(n *html.Node) (mark *html.Node, rest bool) {
	if n.Type == html.ElementNode {
		switch class := attr(n, "class"); {
		case quoteID.MatchString(attr(n, "id")), strings.Contains(class, "moz-cite-prefix"), strings.Contains(class, "OutlookMessageHeader"):
			return n, true
		case quoteMark.MatchString(class):
			return n, false
		case n.DataAtom == atom.Blockquote && strings.EqualFold(attr(n, "type"), "cite"):
			return n, false
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if mark, rest = findQuote(c); mark != nil {
			return mark, rest
		}
	}
	return nil, false
}

// textBefore tells whether anything readable stands before mark.
func textBefore(root, mark *html.Node) bool {
	found := false
	var walk func(*html.Node) bool
	walk = func(n *html.Node) bool {
		if n == mark {
			return false
		}
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" || n.DataAtom == atom.Img {
			found = true
			return false
		}
		if n.DataAtom == atom.Head || n.DataAtom == atom.Style || n.DataAtom == atom.Script {
			return true
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if !walk(c) {
				return false
			}
		}
		return true
	}
	walk(root)
	return found
}
