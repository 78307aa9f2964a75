package segments

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// person is what rules ask of somebody, at one moment of the database.
type person struct {
	id            ids.ID
	into          ids.ID // the record that it has become part of
	facts         rule.Facts
	created, seen int64
	stage         string
	stageSince    int64
	tags          []string
	events        map[string][]rule.Event
	reach         *reach
	// remembered, when set, answers instead of all but id.
	remembered rule.Person
}

// Attributes implements rule.Person.
func (p *person) Attributes() rule.Facts { return p.facts }

// CreatedAt implements rule.Person.
func (p *person) CreatedAt() int64 { return p.created }

// LastSeenAt implements rule.Person.
func (p *person) LastSeenAt() int64 { return p.seen }

// HasTag implements rule.Person.
func (p *person) HasTag(folded string) bool { return slices.Contains(p.tags, folded) }

// Stage implements rule.Person.
func (p *person) Stage() (string, int64) { return p.stage, p.stageSince }

// Events implements rule.Person.
func (p *person) Events(name string) []rule.Event { return p.events[name] }

// Reach implements rule.Person.
func (p *person) Reach(channel, purpose string) (int64, bool) { return p.reach.until(channel, purpose) }

// gathering reads many people from one moment of the database.
type gathering struct {
	q     store.Querier
	log   *slog.Logger
	names *eventNames
	needs needs
	// since is the earliest instant that is asked about: it bounds how far back
	// events are read.
	since int64
	// received, when not 0, leaves out events that came later.
	received int64
	people   map[ids.ID]*person
	list     []ids.ID
	// moves are the events that follow somebody else's identity just now.
	moves     []customers.EventMove
	moveKnown bool
}

// people reads those that exist, merged records, too, for questions about since
// and later.
func (s *Service) people(q store.Querier, list []ids.ID, n needs, since int64) (map[ids.ID]*person, error) {
	g := &gathering{q: q, log: s.log, names: &s.names, needs: n, since: since, people: make(map[ids.ID]*person, len(list)), list: list}
	if len(list) == 0 {
		return g.people, nil
	}
	return g.people, g.read()
}

func (g *gathering) read() error {
	for _, step := range []struct {
		needed bool
		read   func() error
	}{{true, g.records}, {g.needs.tags, g.tags}, {len(g.needs.events) > 0, g.events}, {g.needs.reach, g.reach}} {
		if !step.needed {
			continue
		}
		if err := step.read(); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) each(b *store.Builder, scan func(r store.Row) error) error {
	query, args := b.Query()
	rows, err := g.q.Query(query, args...)
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) { return struct{}{}, scan(r) })
	return err
}

func (g *gathering) records() error {
	var b store.Builder
	if g.needs.attributes {
		b.Add("SELECT id, merged_into, created_at, last_seen_at, stage, stage_since, facts FROM customers WHERE")
	} else {
		b.Add("SELECT id, merged_into, created_at, last_seen_at, stage, stage_since, '' FROM customers WHERE")
	}
	store.AddIn(&b, "id", g.list)
	return g.each(&b, func(r store.Row) error {
		p := &person{}
		var facts string
		if err := r.Scan(&p.id, &p.into, &p.created, &p.seen, &p.stage, &p.stageSince, &facts); err != nil {
			return err
		}
		g.people[p.id] = p
		p.facts = g.parse(p.id, facts)
		return nil
	})
}

// parse reads facts. Those that cannot be read are none: one damaged row keeps
// nobody else from being evaluated.
func (g *gathering) parse(customer ids.ID, stored string) rule.Facts {
	facts, err := rule.ParseFacts(stored)
	if err != nil {
		g.log.Error("facts of a customer cannot be read", "customer_id", customer, "error", err)
	}
	return facts
}

func (g *gathering) tags() error {
	var b store.Builder
	b.Add("SELECT ct.customer_id, t.folded_name FROM customer_tags ct JOIN tags t ON t.id = ct.tag_id WHERE")
	store.AddIn(&b, "ct.customer_id", g.list)
	return g.each(&b, func(r store.Row) error {
		var id ids.ID
		var tag string
		if err := r.Scan(&id, &tag); err != nil {
			return err
		}
		if p := g.people[id]; p != nil {
			p.tags = append(p.tags, tag)
		}
		return nil
	})
}

// events reads those that any rule can still see: of a name that is only asked
// for in windows, none that has left the longest.
func (g *gathering) events() error {
	groups := map[eventNeed]map[int64]string{} // back is the group's longest
	for name, need := range g.needs.events {
		number, ok, err := g.names.number(g.q, name)
		if err != nil {
			return err
		}
		if !ok {
			continue // nobody has ever done it
		}
		key := eventNeed{facts: need.facts}
		if need.back > 0 {
			key.back = 1
		}
		if groups[key] == nil {
			groups[key] = map[int64]string{}
		}
		groups[key][number] = name
	}
	for key, names := range groups {
		if err := g.eventsOf(key, names); err != nil {
			return err
		}
	}
	for _, p := range g.people {
		for _, list := range p.events {
			if !slices.IsSortedFunc(list, byInstant) {
				slices.SortStableFunc(list, byInstant)
			}
		}
	}
	return nil
}

func byInstant(a, b rule.Event) int {
	switch {
	case a.At < b.At:
		return -1
	case a.At > b.At:
		return 1
	}
	return 0
}

func (g *gathering) eventsOf(key eventNeed, names map[int64]string) error {
	numbers := make([]int64, 0, len(names))
	var back time.Duration
	for number, name := range names {
		numbers = append(numbers, number)
		back = max(back, g.needs.events[name].back)
	}
	slices.Sort(numbers)
	people, column, owner, err := g.moving()
	if err != nil {
		return err
	}
	var b store.Builder
	if key.facts {
		b.Add("SELECT customer_id, " + column + ", name_id, at, facts FROM events WHERE")
	} else {
		b.Add("SELECT customer_id, " + column + ", name_id, at, '' FROM events WHERE")
	}
	store.AddIn(&b, "customer_id", people)
	b.Add("AND")
	store.AddIn(&b, "name_id", numbers)
	if key.back > 0 {
		b.Add("AND at > ?", g.since-back.Milliseconds())
	}
	if g.received > 0 {
		b.Add("AND received_at <= ?", g.received)
	}
	return g.each(&b, func(r store.Row) error {
		var id, identity ids.ID
		var number int64
		var e rule.Event
		var facts string
		if err := r.Scan(&id, &identity, &number, &e.At, &facts); err != nil {
			return err
		}
		if to, moves := owner[[2]ids.ID{id, identity}]; moves {
			id = to
		}
		p := g.people[id]
		if p == nil {
			return nil
		}
		if key.facts {
			e.Facts = g.parse(id, facts)
		}
		if p.events == nil {
			p.events = map[string][]rule.Event{}
		}
		name := names[number]
		p.events[name] = append(p.events[name], e)
		return nil
	})
}

// moving says by whose rows the events of the people are found, with what column
// beside, and whose an event is that has not followed its identity yet. Nearly
// always that is nobody's, and the column is none.
func (g *gathering) moving() (people []ids.ID, column string, owner map[[2]ids.ID]ids.ID, err error) {
	if !g.moveKnown {
		if g.moves, err = customers.EventMoves(g.q); err != nil {
			return nil, "", nil, err
		}
		g.moveKnown = true
	}
	if len(g.moves) == 0 {
		return g.list, "0", nil, nil
	}
	people, owner = slices.Clone(g.list), map[[2]ids.ID]ids.ID{}
	for _, m := range g.moves {
		owner[[2]ids.ID{m.From, m.Identity}] = m.To
		if g.people[m.To] != nil && !slices.Contains(people, m.From) {
			people = append(people, m.From)
		}
	}
	return people, "identity_id", owner, nil
}

// eventNames remembers the numbers of names, which never change.
type eventNames struct{ known sync.Map }

// number is false for a name that no event has yet.
func (n *eventNames) number(q store.Querier, name string) (int64, bool, error) {
	if id, ok := n.known.Load(name); ok {
		return id.(int64), true, nil
	}
	var id int64
	err := q.QueryRow(queries.Get("event-name"), name).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil {
		// A write that is undone may have made the name; its number is then another's.
		if _, writes := q.(*store.Tx); !writes {
			n.known.Store(name, id)
		}
	}
	return id, err == nil, err
}
