package index

import (
	"cmp"
	"slices"

	"github.com/fanward/fanward/segments/rule"
)

// person is somebody who has changed since the columns were made.
type person struct {
	row    Person
	facts  rule.Facts
	events map[string][]rule.Event
}

func (p *person) Attributes() rule.Facts          { return p.facts }
func (p *person) CreatedAt() int64                { return p.row.CreatedAt }
func (p *person) LastSeenAt() int64               { return p.row.LastSeenAt }
func (p *person) HasTag(folded string) bool       { return slices.Contains(p.row.Tags, folded) }
func (p *person) Stage() (string, int64)          { return p.row.Stage, p.row.StageSince }
func (p *person) Events(name string) []rule.Event { return p.events[name] }

func (p *person) Reach(channel, purpose string) (until int64, ok bool) {
	for _, r := range p.row.Reach {
		if r.Channel == channel && r.Purpose == purpose {
			return r.Until, true
		}
	}
	return 0, false
}

// Put gives somebody, known or new, another row. Their events stay.
func (x *Index) Put(row Person) error {
	facts, err := rule.ParseFacts(row.Facts)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.person(row.ID)
	if p == nil {
		p = &person{events: map[string][]rule.Event{}}
		x.changed[row.ID] = p
	}
	p.row, p.facts = row, facts
	return nil
}

// Apply adds events, in any order. Those of people it does not know are left out.
func (x *Index) Apply(events ...Event) error {
	parsed := make([]rule.Event, len(events))
	for i, e := range events {
		facts, err := rule.ParseFacts(e.Facts)
		if err != nil {
			return err
		}
		parsed[i] = rule.Event{At: e.At, Facts: facts}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, e := range events {
		if p := x.person(e.Customer); p != nil {
			p.add(e.Name, parsed[i])
		}
	}
	return nil
}

func (p *person) add(name string, e rule.Event) {
	list := p.events[name]
	at, _ := slices.BinarySearchFunc(list, e.At+1, func(e rule.Event, at int64) int { return cmp.Compare(e.At, at) })
	p.events[name] = slices.Insert(slices.Clip(list), at, e) // others may be reading the list
}

// Replace gives people their rows and all of their events anew: after a merge,
// an undo, an erasure, or when it is not known what has changed. ids are those
// it is about; who is not among people is nobody any more.
func (x *Index) Replace(ids []int64, people []Person, events []Event) error {
	made := make(map[int64]*person, len(people))
	for _, row := range people {
		facts, err := rule.ParseFacts(row.Facts)
		if err != nil {
			return err
		}
		made[row.ID] = &person{row: row, facts: facts, events: map[string][]rule.Event{}}
	}
	for _, e := range events {
		facts, err := rule.ParseFacts(e.Facts)
		if err != nil {
			return err
		}
		if p := made[e.Customer]; p != nil {
			p.add(e.Name, rule.Event{At: e.At, Facts: facts})
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		if i, ok := x.base.place(id); ok {
			x.away.set(i)
		}
		if p := made[id]; p != nil {
			x.changed[id] = p
		} else {
			delete(x.changed, id)
		}
	}
	return nil
}

// person takes somebody out of the columns, so that they can be changed; nil
// when they are not known.
func (x *Index) person(id int64) *person {
	if p := x.changed[id]; p != nil {
		return p
	}
	i, ok := x.base.place(id)
	if !ok || x.away.has(i) {
		return nil
	}
	p := x.base.person(i)
	x.away.set(i)
	x.changed[id] = p
	return p
}

// person reads somebody out of the columns. What was given up is missing, and no
// rule that asks for it is answered.
func (b *base) person(i uint32) *person {
	p := &person{facts: rule.Facts{}, events: map[string][]rule.Event{}}
	p.row = Person{ID: b.ids[i], CreatedAt: b.created[i], LastSeenAt: b.seen[i], Stage: b.stages[b.stage[i]], StageSince: b.since[i]}
	for tag, who := range b.tags {
		if _, has := slices.BinarySearch(who, i); has {
			p.row.Tags = append(p.row.Tags, tag)
		}
	}
	p.row.Reach = b.ways(i)
	for name, a := range b.attributes {
		if j, has := slices.BinarySearch(a.who, i); has {
			p.facts[name] = a.facts[a.code[j]]
		}
	}
	for name, h := range b.events {
		if j, has := slices.BinarySearch(h.who, i); has {
			p.events[name] = h.list(int(h.first[j]), int(h.first[j+1]))
		}
	}
	return p
}

func (b *base) ways(i uint32) (list []Reach) {
	for w, r := range b.reach {
		if j, has := slices.BinarySearch(r.who, i); has {
			list = append(list, Reach{w.channel, w.purpose, r.until[j]})
		}
	}
	return list
}

func (h *happened) list(first, end int) []rule.Event {
	list := make([]rule.Event, 0, end-first+1)
	for event := first; event < end; event++ {
		e := rule.Event{At: h.at[event], Facts: rule.Facts{}}
		for name, p := range h.properties {
			if len(p.code) > 0 && p.code[event] != 0 {
				e.Facts[name] = p.facts[p.code[event]]
			}
		}
		list = append(list, e)
	}
	return list
}
