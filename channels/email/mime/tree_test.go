package mime_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels/email/mime"
)

// allocated is how many bytes fn takes, whoever is quick or slow.
func allocated(fn func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// Sources that would make trees far larger than themselves take no more memory
// than others, wherever they hide it.
func TestTangledHTML(t *testing.T) {
	var fonts strings.Builder
	for i := range 300 {
		fmt.Fprintf(&fonts, "<font color=#%06x>", i)
	}
	open, ends, anew := "<p>"+fonts.String(), strings.Repeat("</i>", 300), strings.Repeat("<p>text", 4000)
	closed := strings.Repeat("</font>", 300)
	for name, source := range map[string]string{
		"left open":              strings.Repeat("<b><p>text", 10_000),
		"begun in each anew":     open + anew,
		"others closed":          open + ends + anew,
		"closed in a cell":       open + "<table><td>" + closed + "</table>" + anew,
		"closed in a choice":     open + "<select>" + closed + "</select>" + anew,
		"opened in a picture":    "<p><svg><title>" + fonts.String() + "</title></svg>" + anew,
		"glued together":         strings.ReplaceAll(open, "<f", "<<svg>f") + anew,
		"links that never close": strings.Repeat("<a href=x><div>text", 10_000),
		"one long link":          "<p><a href=https://a.example/" + strings.Repeat("x", 100_000) + ">" + anew,
		"one long style":         "<p><font style='font-family: " + strings.Repeat("serif, ", 10_000) + "serif'>" + anew,
	} {
		var shown mime.Shown
		used := allocated(func() { shown, _ = mime.Sanitise(source) })
		if used > 64<<20 || len(shown.HTML) > 2<<20 {
			t.Errorf("%s: of %d bytes become %d, in %d MB", name, len(source), len(shown.HTML), used>>20)
		}
		if read := mime.TextOf(source); !strings.Contains(read, "text") {
			t.Errorf("%s: no text", name)
		}
	}
	// What real mails of the largest size hold is read.
	ordinary := strings.Repeat(`<tr><td><font color="#333"><b>1042</b> <a href="https://a.example/x">tea</a></font></td></tr>`, 10_000)
	shown, err := mime.Sanitise("<table>" + ordinary + "</table>")
	if err != nil || strings.Count(shown.HTML, "<a ") != 10_000 || strings.Count(shown.HTML, "font-weight: bold") != 10_000 || strings.Count(shown.HTML, "color: #333") != 10_000 {
		t.Errorf("an ordinary mail: %v", err)
	}
}
