package wechat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds on what is read of a push. WeChat's largest own pushes have some
// dozens of elements, three deep.
const (
	// MaxPush is the largest push in bytes.
	MaxPush     = 1 << 20
	maxDepth    = 8
	maxElements = 2000
)

var errXML = errors.New("the push is not the XML that WeChat sends")

// Node is an element of a push. Children keep their order, and repeated ones
// are kept all.
type Node struct {
	Name     string
	Text     string
	Children []*Node
}

// Child is the first child of a name, or an empty node.
func (n *Node) Child(name string) *Node {
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return &Node{}
}

// Get is the text of the first child of a name, "" without one.
func (n *Node) Get(name string) string { return n.Child(name).Text }

// element is a node that has begun and not ended.
type element struct {
	*Node
	text strings.Builder
}

// parseXML reads one <xml> element. Document types, processing instructions
// and entities of one's own, which only serve to attack a parser, are refused.
func parseXML(raw []byte) (*Node, error) {
	if len(raw) > MaxPush {
		return nil, errXML
	}
	d := xml.NewDecoder(bytes.NewReader(legible(raw)))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errXML } // always UTF-8
	top := &Node{}
	stack, elements := []*element{{Node: top}}, 0
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errXML
		}
		at := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(stack) > maxDepth {
				return nil, errXML
			}
			child := &Node{Name: t.Name.Local}
			at.Children = append(at.Children, child)
			stack = append(stack, &element{Node: child})
		case xml.EndElement:
			if len(stack) == 1 || at.Name != t.Name.Local {
				return nil, errXML
			}
			at.Text = at.text.String()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) == 1 && len(bytes.TrimSpace(t)) > 0 {
				return nil, errXML
			}
			at.text.Write(t)
		case xml.Comment:
		case xml.ProcInst:
			if t.Target != "xml" || len(top.Children) > 0 {
				return nil, errXML
			}
		default:
			return nil, errXML
		}
	}
	if len(stack) != 1 || len(top.Children) != 1 || top.Children[0].Name != "xml" {
		return nil, errXML
	}
	trim(top.Children[0])
	return top.Children[0], nil
}

// legible drops the characters that XML forbids. Followers can type them, and
// their messages are to arrive all the same.
func legible(raw []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\uFFFE' || r == '\uFFFF' {
			return -1
		}
		return r
	}, raw)
}

// trim drops the white space between elements.
func trim(n *Node) {
	if len(n.Children) > 0 {
		n.Text = strings.TrimSpace(n.Text)
	}
	for _, c := range n.Children {
		trim(c)
	}
}
