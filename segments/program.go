package segments

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// definition is a segment as it stands in its row.
type definition struct {
	id      ids.ID
	name    string
	owner   string
	node    rule.Node
	state   string
	program int64
	builtTo ids.ID
	// meantSince is when it came to mean this, 0 when that is not known.
	meantSince int64
}

// program is a definition that can be asked.
type program struct {
	definition
	run   *rule.Program
	needs needs
}

// programs are all of one generation.
type programs struct {
	generation int64
	all        map[ids.ID]*definition
	live       []*program // those that can be evaluated, by id
	// broken are those that are to be marked as failed.
	broken []*definition
	needs  needs
}

func (p *programs) program(id ids.ID) *program {
	for _, one := range p.live {
		if one.id == id {
			return one
		}
	}
	return nil
}

// generation counts the changes of what programs mean.
func generation(q store.Querier) (int64, error) {
	var n int64
	err := q.QueryRow(queries.Get("generation")).Scan(&n)
	if errors.Is(err, store.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// load reads the programs of q's moment, from the cache where they are current.
func (s *Service) load(q store.Querier) (*programs, error) {
	g, err := generation(q)
	if err != nil {
		return nil, err
	}
	if known := s.cache.Load(); known != nil && known.generation == g {
		return known, nil
	}
	all, err := definitions(q)
	if err != nil {
		return nil, err
	}
	// Read again: in a transaction that is no snapshot the rows may be newer.
	if again, err := generation(q); err != nil || again != g {
		return nil, errorOr(err, errStale)
	}
	p := &programs{generation: g, all: all}
	for _, d := range all {
		if d.state == Failed {
			continue
		}
		run, expanded, err := compile(all, d.node)
		if err != nil {
			s.log.Error("a segment cannot be evaluated", "segment_id", d.id, "error", err)
			p.broken = append(p.broken, d)
			continue
		}
		one := &program{definition: *d, run: run}
		one.needs.add(expanded)
		p.needs.add(expanded)
		p.live = append(p.live, one)
	}
	slices.SortFunc(p.live, func(a, b *program) int { return int(a.id - b.id) })
	if _, writes := q.(*store.Tx); !writes { // what a write reads may be undone
		s.cache.Store(p)
	}
	return p, nil
}

// errStale: what programs mean has changed meanwhile; begin again.
var errStale = errors.New("the segments have changed meanwhile")

func definitions(q store.Querier) (map[ids.ID]*definition, error) {
	rows, err := q.Query(queries.Get("definitions"))
	list, err := store.Collect(rows, err, func(r store.Row) (*definition, error) {
		d := new(definition)
		var raw []byte
		err := r.Scan(&d.id, &d.name, &d.owner, &raw, &d.state, &d.program, &d.builtTo, &d.meantSince)
		if err != nil {
			return nil, err
		}
		d.node, err = rule.Parse(raw)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the segments: %w", err)
	}
	out := make(map[ids.ID]*definition, len(list))
	for _, d := range list {
		out[d.id] = d
	}
	return out, nil
}

// named reads the segments when a rule names any.
func named(q store.Querier, n rule.Node) (map[ids.ID]*definition, error) {
	names := false
	each(n, func(n rule.Node) { names = names || n.Kind == rule.Segment })
	if !names {
		return nil, nil
	}
	return definitions(q)
}

// expand puts the rules of the segments that n names in their places.
func expand(all map[ids.ID]*definition, n rule.Node) (rule.Node, error) {
	return rule.Expand(n, func(id string) (rule.Node, bool) {
		d := visible(all, id)
		if d == nil {
			return rule.Node{}, false
		}
		return d.node, true
	})
}

// visible finds a segment that rules may name.
func visible(all map[ids.ID]*definition, id string) *definition {
	n, err := ids.Parse(id)
	if err != nil || all[n] == nil || all[n].owner != "" {
		return nil
	}
	return all[n]
}

func compile(all map[ids.ID]*definition, n rule.Node) (*rule.Program, rule.Node, error) {
	expanded, err := expand(all, n)
	if err != nil {
		return nil, expanded, err
	}
	run, err := rule.Compile(expanded)
	return run, expanded, err
}

// refs are the segments that a rule names, each once.
func refs(n rule.Node) []ids.ID {
	var out []ids.ID
	each(n, func(n rule.Node) {
		if id, err := ids.Parse(n.ID); n.Kind == rule.Segment && err == nil && !slices.Contains(out, id) {
			out = append(out, id)
		}
	})
	return out
}

func each(n rule.Node, fn func(rule.Node)) {
	fn(n)
	for _, below := range n.Of {
		each(below, fn)
	}
}

// dependents are the segments whose meaning follows from id's, itself not
// among them, by id.
func dependents(all map[ids.ID]*definition, id ids.ID) []ids.ID {
	found := map[ids.ID]bool{id: true}
	for more := true; more; {
		more = false
		for _, d := range all {
			if !found[d.id] && slices.ContainsFunc(refs(d.node), func(r ids.ID) bool { return found[r] }) {
				found[d.id], more = true, true
			}
		}
	}
	delete(found, id)
	out := make([]ids.ID, 0, len(found))
	for d := range found {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// needs are what has to be read of a person.
type needs struct {
	attributes, tags, reach bool
	// profile: anything but events is asked for.
	profile bool
	// seen: when they were seen last is asked for.
	seen   bool
	events map[string]eventNeed
}

// eventNeed is what rules ask of one name.
type eventNeed struct {
	// facts: properties are asked for.
	facts bool
	// back is how far windows reach into the past; 0: without an end.
	back time.Duration
}

// add joins what an expanded rule needs.
func (n *needs) add(expanded rule.Node) {
	each(expanded, func(node rule.Node) {
		switch node.Kind {
		case rule.All, rule.Any, rule.None, rule.Segment, rule.Events, rule.Time:
		default:
			n.profile = true
		}
		switch node.Kind {
		case rule.Attribute:
			n.attributes = true
			n.seen = n.seen || node.Name == rule.SeenAttribute
		case rule.Dormant:
			n.seen = true
		case rule.Tag:
			n.tags = true
		case rule.Reachable:
			n.reach = true
		case rule.Events, rule.Time:
			one := eventNeed{facts: len(node.Where) > 0 || node.Measure == rule.Sum}
			if w := node.Window; node.Kind == rule.Events && w != nil && w.Last != "" {
				one.back, _ = rule.Duration(w.Last)
			}
			n.event(node.Name, one)
		}
	})
}

func (n *needs) join(o needs) {
	n.attributes, n.tags, n.reach, n.profile, n.seen = n.attributes || o.attributes, n.tags || o.tags, n.reach || o.reach, n.profile || o.profile, n.seen || o.seen
	for name, one := range o.events {
		n.event(name, one)
	}
}

func (n *needs) event(name string, one eventNeed) {
	if n.events == nil {
		n.events = map[string]eventNeed{}
	}
	if had, ok := n.events[name]; ok {
		one.facts = one.facts || had.facts
		if one.back == 0 || had.back == 0 {
			one.back = 0
		} else {
			one.back = max(one.back, had.back)
		}
	}
	n.events[name] = one
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
