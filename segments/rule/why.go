package rule

import (
	"encoding/json"
	"time"
)

// Result is the answer for one person.
type Result struct {
	Match bool
	// Until is the earliest instant at which the answer may change by time
	// alone, 0 for never: before it nothing changes without new data, and at it
	// the truth of at least one leaf does.
	Until int64
	Why   Why
}

// Why is the answer of one node and those below it. Every node of the tree has
// one, also those that did not decide.
type Why struct {
	// Path of the node in the tree, "rule.of[1]"; below a segment the path goes
	// on in the segment's tree, whose root is its of[0].
	Path  string `json:"path"`
	Kind  Kind   `json:"kind"`
	Match bool   `json:"match"`
	// Until is when this node may change by time alone; nil for never.
	Until *time.Time `json:"until"`
	// Actual is what the leaf found: a number of events, a sum, the value of an
	// attribute, an instant, or the stage with its instant; null for nothing.
	Actual any   `json:"actual"`
	Of     []Why `json:"of,omitempty"`
}

// StageSince is what a leaf on stages found.
type StageSince struct {
	Stage string     `json:"stage"`
	Since *time.Time `json:"since"`
}

func reason(s step, path string, kind Kind, p Person, t int64) Why {
	match, until := s.eval(p, t)
	w := Why{Path: path, Kind: kind, Match: match}
	if until != never {
		at := time.UnixMilli(until).UTC()
		w.Until = &at
	}
	return w
}

func (g *group) explain(p Person, t int64) Why {
	w := reason(g, g.path, g.kind, p, t)
	for _, s := range g.of {
		w.Of = append(w.Of, s.explain(p, t))
	}
	return w
}

func (l *leaf) explain(p Person, t int64) Why {
	w := reason(l, l.path, l.node.Kind, p, t)
	if l.shows != nil {
		w.Actual = l.shows(p, t)
	} else {
		w.Actual = w.Match
	}
	return w
}

func (l *eventLeaf) explain(p Person, t int64) Why {
	w := reason(l, l.path, Events, p, t)
	w.Actual = l.measure(p.Events(l.name), t)
	return w
}

func (l *timeLeaf) explain(p Person, t int64) Why {
	w := reason(l, l.path, Time, p, t)
	if at, ok := l.instant(p.Events(l.name), t); ok {
		w.Actual = time.UnixMilli(at).UTC()
	}
	return w
}

// plain is a fact as JSON has it; nil for none.
func (f Fact) plain() any {
	switch {
	case f.S != nil:
		return *f.S
	case f.N != nil:
		return json.Number(Decimal(*f.N))
	case f.B != nil:
		return *f.B
	case f.L != nil:
		return f.L
	}
	return nil
}

func instantOf(ms int64) any {
	if ms == 0 {
		return nil
	}
	return time.UnixMilli(ms).UTC()
}

func stageOf(p Person) any {
	key, since := p.Stage()
	s := StageSince{Stage: key}
	if key != "" && since != 0 {
		at := time.UnixMilli(since).UTC()
		s.Since = &at
	}
	return s
}
