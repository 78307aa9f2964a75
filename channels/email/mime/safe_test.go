package mime_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/fanward/fanward/channels/email/mime"
)

// safe reads sanitised HTML as a browser would and demands that nothing in it
// runs, loads or covers anything.
func safe(t *testing.T, source string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		return // a browser shows it as text at worst: the tree is refused
	}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "script", "style", "iframe", "object", "embed", "form", "input", "button", "link", "meta", "base", "svg", "math", "video", "audio", "source", "textarea", "select":
				t.Fatalf("<%s> is left in %q", n.Data, source)
			}
			for _, a := range n.Attr {
				loads(t, n.Data, strings.ToLower(a.Key), strings.ToLower(strings.TrimSpace(a.Val)), source)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
}

func loads(t *testing.T, element, key, value, source string) {
	t.Helper()
	bad := false
	switch {
	case strings.HasPrefix(key, "on"), key == "srcset", key == "background", key == "srcdoc", key == "action", key == "formaction", key == "id", key == "class", key == "name":
		bad = true
	case key == "src":
		bad = element != "img" || !strings.HasPrefix(value, "data:image/") || strings.HasPrefix(value, "data:image/svg")
	case key == "href":
		bad = true
		for _, scheme := range []string{"http:", "https:", "mailto:", "tel:"} {
			bad = bad && !strings.HasPrefix(value, scheme)
		}
	case key == "style":
		bad = strings.Contains(value, "url(") || strings.Contains(value, "position") || strings.Contains(value, "expression") || strings.Contains(value, "@import")
	}
	if bad {
		t.Fatalf("%s=%q of <%s> is left in %q", key, value, element, source)
	}
}

func TestSanitise(t *testing.T) {
	for _, test := range []struct{ name, given, want string }{
		{"link", `<a href="https://a.example/x" target="_top" onclick="x()">x</a>`, `<a href="https://a.example/x" rel="nofollow noreferrer noopener" target="_blank">x</a>`},
		{"script link", `<a href="javascript:alert(1)">x</a>`, `x`},
		{"remote picture waits", `<img src="https://a.example/p.png" alt="p">`, `<img alt="p" data-src="https://a.example/p.png"/>`},
		{"own picture waits", `<img src="CID:a%40b">`, `<img data-cid="a@b"/>`},
		{"a picture may not say that it waits", `<img data-src="javascript:x" data-cid="x">`, ``},
		{"colour", `<span style="color: #ff0000; position: fixed">x</span>`, `<span style="color: #ff0000">x</span>`},
		{"style that loads", `<span style="background-color: url(https://a.example)">x</span>`, `<span>x</span>`},
		{"quote", `<p>yes</p><div class="gmail_quote"><p>old</p></div>`, `<p>yes</p><details><summary>…</summary><div><p>old</p></div></details>`},
		{"nothing but a quote stays open", `<blockquote type="cite">old</blockquote>`, `<blockquote>old</blockquote>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := mime.Sanitise(test.given)
			if err != nil || got.HTML != test.want {
				t.Errorf("%q, %v\nwant %q", got.HTML, err, test.want)
			}
			safe(t, got.HTML)
		})
	}
}
