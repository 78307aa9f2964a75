package index

import (
	"maps"
	"slices"

	"github.com/fanward/fanward/segments/rule"
)

// Want is what rules ask of people.
type Want struct {
	attributes []string
	tags       []string // folded
	reach      bool
	events     map[string][]string // names, with the properties that matter
}

// WantOf joins what trees ask; their segments have been expanded.
func WantOf(trees ...rule.Node) Want {
	w := Want{events: map[string][]string{}}
	for _, n := range trees {
		w.add(n)
	}
	return w
}

func (w *Want) add(n rule.Node) {
	switch n.Kind {
	case rule.Attribute:
		if n.Name != rule.CreatedAttribute && n.Name != rule.SeenAttribute && !slices.Contains(w.attributes, n.Name) {
			w.attributes = append(w.attributes, n.Name)
		}
	case rule.Tag:
		if tag := rule.TagName(n.Name); !slices.Contains(w.tags, tag) {
			w.tags = append(w.tags, tag)
		}
	case rule.Reachable:
		w.reach = true
	case rule.Events, rule.Time:
		properties := w.events[n.Name]
		for _, f := range n.Where {
			if !slices.Contains(properties, f.Property) {
				properties = append(properties, f.Property)
			}
		}
		if n.Measure == rule.Sum && !slices.Contains(properties, n.Property) {
			properties = append(properties, n.Property)
		}
		w.events[n.Name] = properties
	}
	for _, below := range n.Of {
		w.add(below)
	}
}

// held says whether the columns have all of it.
func (b *base) held(w Want) bool {
	for _, name := range w.attributes {
		if a := b.attributes[name]; a != nil && a.dropped {
			return false
		}
	}
	for name, properties := range w.events {
		h := b.events[name]
		for _, property := range properties {
			if h != nil && h.properties[property] != nil && h.properties[property].dropped {
				return false
			}
		}
	}
	return true
}

// People are those of ids who are known, as far as they are wanted. They stay as
// they are when the index changes.
func (x *Index) People(ids []int64, w Want) (map[int64]rule.Person, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.base.held(w) {
		return nil, ErrNotIndexed
	}
	found := make(map[int64]rule.Person, len(ids))
	for _, id := range ids {
		if p := x.changed[id]; p != nil {
			found[id] = &person{row: p.row, facts: p.facts, events: maps.Clone(p.events)}
		} else if i, ok := x.base.place(id); ok && !x.away.has(i) {
			found[id] = x.base.wanted(i, w)
		}
	}
	return found, nil
}

// wanted reads somebody out of the columns, as far as they are wanted.
func (b *base) wanted(i uint32, w Want) *person {
	p := &person{row: Person{ID: b.ids[i], CreatedAt: b.created[i], LastSeenAt: b.seen[i], Stage: b.stages[b.stage[i]], StageSince: b.since[i]}}
	for _, tag := range w.tags {
		if _, has := slices.BinarySearch(b.tags[tag], i); has {
			p.row.Tags = append(p.row.Tags, tag)
		}
	}
	if w.reach {
		p.row.Reach = b.ways(i)
	}
	if len(w.attributes) > 0 {
		p.facts = make(rule.Facts, len(w.attributes))
	}
	for _, name := range w.attributes {
		if a := b.attributes[name]; a != nil {
			if j, has := slices.BinarySearch(a.who, i); has {
				p.facts[name] = a.facts[a.code[j]]
			}
		}
	}
	if len(w.events) > 0 {
		p.events = make(map[string][]rule.Event, len(w.events))
	}
	for name, properties := range w.events {
		if h := b.events[name]; h != nil {
			if j, has := slices.BinarySearch(h.who, i); has {
				p.events[name] = h.wanted(int(h.first[j]), int(h.first[j+1]), properties)
			}
		}
	}
	return p
}

func (h *happened) wanted(first, end int, properties []string) []rule.Event {
	list := make([]rule.Event, end-first)
	for i := range list {
		list[i].At = h.at[first+i]
		if len(properties) > 0 {
			list[i].Facts = make(rule.Facts, len(properties))
		}
		for _, name := range properties {
			if p := h.properties[name]; p != nil && len(p.code) > 0 && p.code[first+i] != 0 {
				list[i].Facts[name] = p.facts[p.code[first+i]]
			}
		}
	}
	return list
}
