package mime

import (
	"errors"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

var errTangled = errors.New("the HTML is too tangled to be read as a tree")

// maxTangle bounds how often formatting elements that are left open may be
// begun anew: a parser repeats every one of them in each paragraph that
// follows, so that a small source can make a tree that fills the memory.
const maxTangle = 3_000_000

// parseTree reads HTML as a browser would.
func parseTree(source string) (*html.Node, error) {
	if tangled(source) {
		return nil, errTangled
	}
	return html.Parse(strings.NewReader(source))
}

func tangled(source string) bool {
	z := html.NewTokenizer(strings.NewReader(source))
	open, repeats := 0, 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.StartTagToken:
			if name, _ := z.TagName(); formatting(name) {
				open++
			}
		case html.EndTagToken:
			if name, _ := z.TagName(); formatting(name) && open > 0 {
				open--
			}
		}
		if repeats += open; repeats > maxTangle {
			return true
		}
	}
}

// formatting tells whether an element is begun anew after what contains it has
// ended (HTML standard, "the list of active formatting elements").
func formatting(name []byte) bool {
	switch atom.Lookup(name) {
	case atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.Font, atom.I, atom.Nobr, atom.S, atom.Small, atom.Strike, atom.Strong, atom.Tt, atom.U:
		return true
	}
	return false
}
