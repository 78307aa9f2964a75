package main

import (
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/text"
)

// TestSeenPage: what browsers say of a page is kept as it is, but not at any
// length.
func TestSeenPage(t *testing.T) {
	if p := seenPage("https://shop.example/a?b=1", "Größe 尺码"); p["url"] != "https://shop.example/a?b=1" || p["title"] != "Größe 尺码" {
		t.Error(p)
	}
	p := seenPage("https://shop.example/"+strings.Repeat("x", 1<<20), strings.Repeat("码", 1<<20))
	if u, n := text.Length(p["url"].(string)), text.Length(p["title"].(string)); u != maxPageURL || n != maxPageTitle {
		t.Errorf("%d characters of the address, %d of the title", u, n)
	}
}
