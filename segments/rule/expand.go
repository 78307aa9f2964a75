package rule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/fault"
)

// maxExpanded is how many nodes a tree may have with its segments in it: SQLite
// refuses expressions that are a thousand deep.
const maxExpanded = 500

// Expand puts the trees of segments where a tree names them: a segment leaf keeps
// its kind and id and gets its tree as its only node. The result can be compiled
// and made into SQL; it is not what is stored. An unknown segment, one that
// names itself by any way round, and a tree that becomes too large are refused
// at the leaf.
func Expand(n Node, segment func(id string) (Node, bool)) (Node, error) {
	e := expander{segment: segment}
	return e.expand(n, "rule", nil)
}

// ExpandSegment is Expand of the tree of the segment id, which is being saved: a
// way round back to it is found before it exists. A new segment has no id yet.
func ExpandSegment(id string, n Node, segment func(id string) (Node, bool)) (Node, error) {
	e := expander{segment: segment}
	if id == "" {
		return e.expand(n, "rule", nil)
	}
	return e.expand(n, "rule", []string{id})
}

type expander struct {
	segment func(id string) (Node, bool)
	nodes   int
}

// expand answers with paths of the outermost tree: at names the leaf there.
func (e *expander) expand(n Node, path string, within []string) (Node, error) {
	if e.nodes++; e.nodes > maxExpanded {
		return Node{}, fault.AtField(path, "rule_too_large", fault.Params{"max": maxExpanded})
	}
	if n.Kind == Segment {
		if slices.Contains(within, n.ID) {
			return Node{}, fault.AtField(path, "segment_cycle", fault.Params{"path": strings.Join(append(slices.Clone(within), n.ID), " → ")})
		}
		tree, ok := e.segment(n.ID)
		if !ok {
			return Node{}, fault.AtField(path, "segment_unknown", fault.Params{"id": n.ID})
		}
		below, err := e.expandAt(tree, path, append(slices.Clone(within), n.ID))
		if err != nil {
			return Node{}, err
		}
		n.Of = []Node{below}
		return n, nil
	}
	if len(n.Of) == 0 {
		return n, nil
	}
	of := make([]Node, len(n.Of))
	for i, below := range n.Of {
		var err error
		if of[i], err = e.expand(below, at(path, "of", i), within); err != nil {
			return Node{}, err
		}
	}
	n.Of = of
	return n, nil
}

// expandAt expands a segment's tree; what is wrong in it is said of the leaf
// that names the segment.
func (e *expander) expandAt(tree Node, path string, within []string) (Node, error) {
	out, err := e.expand(tree, "rule", within)
	if f, ok := fault.As(err); ok {
		return out, fault.AtField(path, f.Code, f.Params)
	}
	return out, err
}

func at(path, list string, i int) string { return fmt.Sprintf("%s.%s[%d]", path, list, i) }

// Needs is what a tree reads of a person; what it does not need is not loaded.
type Needs struct {
	Attributes, Tags, Stage, Seen, Reach bool
	// Events are the names of the events, in order, each once.
	Events []string
	// Segments are the ids of the segments that it names, likewise.
	Segments []string
}

// Needs collects what the tree reads; of an expanded tree also what its segments
// read.
func (n Node) Needs() Needs {
	var needs Needs
	n.walk(func(n Node) {
		switch n.Kind {
		case Attribute:
			if n.Name == CreatedAttribute || n.Name == SeenAttribute {
				needs.Seen = true
			} else {
				needs.Attributes = true
			}
		case Tag:
			needs.Tags = true
		case Stage:
			needs.Stage = true
		case Dormant:
			needs.Seen = true
		case Reachable:
			needs.Reach = true
		case Events, Time:
			needs.Events = append(needs.Events, n.Name)
		case Segment:
			needs.Segments = append(needs.Segments, n.ID)
		}
	})
	slices.Sort(needs.Events)
	slices.Sort(needs.Segments)
	needs.Events, needs.Segments = slices.Compact(needs.Events), slices.Compact(needs.Segments)
	return needs
}

// Stages are the keys of the stages that a tree names, in order, each once.
func (n Node) Stages() []string {
	var keys []string
	n.walk(func(n Node) {
		if n.Kind != Stage {
			return
		}
		for _, v := range n.Values {
			if key, ok := v.(string); ok {
				keys = append(keys, key)
			}
		}
	})
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (n Node) walk(visit func(Node)) {
	visit(n)
	for _, below := range n.Of {
		below.walk(visit)
	}
}
