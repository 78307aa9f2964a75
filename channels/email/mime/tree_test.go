package mime_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels/email/mime"
)

// Sources that would make trees far larger than themselves are refused; their
// text is read all the same.
func TestTangledHTML(t *testing.T) {
	var bold strings.Builder
	for i := range 400 {
		fmt.Fprintf(&bold, "<font color=#%06x>", i)
	}
	for name, source := range map[string]string{
		"left open":              strings.Repeat("<b><p>text", 100_000),
		"begun in each anew":     "<p>" + bold.String() + strings.Repeat("<p>text", 100_000),
		"links that never close": strings.Repeat("<a href=x><div>text", 50_000),
	} {
		if shown, err := mime.Sanitise(source); err == nil || shown.HTML != "" {
			t.Errorf("%s: %d bytes are shown", name, len(shown.HTML))
		}
		if !strings.HasPrefix(mime.TextOf(source), "text") {
			t.Errorf("%s: no text", name)
		}
	}
	// What real mails of the largest size hold is read.
	ordinary := strings.Repeat(`<tr><td><font color="#333"><b>1042</b> <a href="https://a.example/x">tea</a></font></td></tr>`, 10_000)
	if shown, err := mime.Sanitise("<table>" + ordinary + "</table>"); err != nil || strings.Count(shown.HTML, "<a ") != 10_000 {
		t.Errorf("an ordinary mail: %v", err)
	}
}
