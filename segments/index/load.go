package index

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/fanward/fanward/segments/rule"
)

// Load builds an index from rows of one snapshot: everybody, ascending by id, and
// their events, ascending by customer and, within a name, by instant. Events of
// customers who are not among the people are left out.
func Load(o Options, people iter.Seq2[Person, error], events iter.Seq2[Event, error]) (*Index, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 2 << 30
	}
	if o.MaxDistinct == 0 {
		o.MaxDistinct = 200_000
	}
	l := &loader{o: o, base: &base{stages: []string{""}, attributes: map[string]*attribute{}, tags: map[string][]uint32{}, reach: map[way]*reach{}, events: map[string]*happened{}}}
	for p, err := range people {
		if err != nil {
			return nil, err
		}
		if err := l.person(p); err != nil {
			return nil, err
		}
	}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if err := l.event(e); err != nil {
			return nil, err
		}
	}
	return l.finish()
}

type loader struct {
	o    Options
	base *base
	rows int
	// place of the customer whose event was read last.
	place    uint32
	customer int64
	unknown  bool
}

// checked is after how many rows the memory is looked at.
const checked = 1 << 16

func (l *loader) person(p Person) error {
	b := l.base
	if n := len(b.ids); n > 0 && b.ids[n-1] >= p.ID {
		return fmt.Errorf("index: person %d comes after %d", p.ID, b.ids[n-1])
	} else if n == math.MaxInt32 {
		return ErrTooLarge
	}
	i := uint32(len(b.ids))
	b.ids = append(b.ids, p.ID)
	b.created, b.seen, b.since = append(b.created, p.CreatedAt), append(b.seen, p.LastSeenAt), append(b.since, p.StageSince)
	stage := slices.Index(b.stages, p.Stage)
	if stage < 0 {
		if stage = len(b.stages); stage > math.MaxUint16 {
			return ErrTooLarge
		}
		b.stages = append(b.stages, p.Stage)
	}
	b.stage = append(b.stage, uint16(stage))
	for _, tag := range p.Tags {
		if who := b.tags[tag]; len(who) == 0 || who[len(who)-1] != i {
			b.tags[tag] = append(who, i)
		}
	}
	for _, r := range p.Reach {
		l.reach(i, r)
	}
	err := members(p.Facts, func(key string, stored []byte) error {
		a := b.attributes[key]
		if a == nil {
			a = &attribute{}
			b.attributes[key] = a
		}
		code, held, err := a.values.code(stored, l.o.MaxDistinct)
		if err != nil {
			return err
		}
		if !held {
			a.drop()
			return nil
		}
		a.who, a.code = append(a.who, i), append(a.code, code)
		return nil
	})
	return cmp.Or(err, l.bound())
}

func (l *loader) reach(i uint32, r Reach) {
	w := way{r.Channel, r.Purpose}
	c := l.base.reach[w]
	if c == nil {
		c = &reach{}
		l.base.reach[w] = c
	}
	if n := len(c.who); n > 0 && c.who[n-1] == i {
		return
	}
	c.who, c.until = append(c.who, i), append(c.until, r.Until)
}

func (l *loader) event(e Event) error {
	if e.Customer != l.customer || l.rows == 0 {
		if e.Customer < l.customer {
			return fmt.Errorf("index: an event of %d comes after one of %d", e.Customer, l.customer)
		}
		i, known := l.base.place(e.Customer)
		l.place, l.customer, l.unknown = i, e.Customer, !known
	}
	if l.unknown {
		return nil
	}
	h := l.base.events[e.Name]
	if h == nil {
		h = &happened{properties: map[string]*property{}}
		l.base.events[e.Name] = h
	}
	n := len(h.at)
	if len(h.who) == 0 || h.who[len(h.who)-1] != l.place {
		h.who, h.first = append(h.who, l.place), append(h.first, uint32(n))
	} else if h.at[n-1] > e.At {
		return fmt.Errorf("index: an event of %d at %d comes after one at %d", e.Customer, e.At, h.at[n-1])
	}
	if n == math.MaxUint32 {
		return ErrTooLarge
	}
	h.at = append(h.at, e.At)
	err := members(e.Facts, func(key string, stored []byte) error {
		p := h.properties[key]
		if p == nil {
			p = &property{}
			h.properties[key] = p
		}
		code, held, err := p.values.code(stored, l.o.MaxDistinct)
		if err != nil {
			return err
		}
		if !held {
			p.drop()
			return nil
		}
		p.code = append(zeros(p.code, n), code)
		return nil
	})
	return cmp.Or(err, l.bound())
}

// zeros fills a column up to a length: nothing was there.
func zeros(column []uint32, n int) []uint32 {
	if missing := n - len(column); missing > 0 {
		column = append(column, make([]uint32, missing)...)
	}
	return column
}

// bound gives up the dearest columns, now and then, until the rest fits.
func (l *loader) bound() error {
	if l.rows++; l.rows%checked != 0 {
		return nil
	}
	return l.shrink()
}

func (l *loader) shrink() error {
	for l.base.bytes() > l.o.MaxBytes {
		most, drop := int64(0), func() {}
		dearer := func(bytes int64, dropped bool, give func()) {
			if !dropped && bytes > most {
				most, drop = bytes, give
			}
		}
		for _, a := range l.base.attributes {
			dearer(a.bytes(), a.dropped, a.drop)
		}
		for _, h := range l.base.events {
			for _, p := range h.properties {
				dearer(p.bytes(), p.dropped, p.drop)
			}
		}
		if most == 0 {
			return ErrTooLarge
		}
		drop()
	}
	return nil
}

func (l *loader) finish() (*Index, error) {
	b := l.base
	b.ids, b.created, b.seen, b.since, b.stage = slices.Clip(b.ids), slices.Clip(b.created), slices.Clip(b.seen), slices.Clip(b.since), slices.Clip(b.stage)
	for _, a := range b.attributes {
		a.who, a.code, a.codes = slices.Clip(a.who), slices.Clip(a.code), nil
	}
	for _, h := range b.events {
		h.first = append(h.first, uint32(len(h.at)))
		h.who, h.first, h.at = slices.Clip(h.who), slices.Clip(h.first), slices.Clip(h.at)
		for _, p := range h.properties {
			if !p.dropped {
				p.code, p.codes = slices.Clip(zeros(p.code, len(h.at))), nil
			}
		}
	}
	if err := l.shrink(); err != nil {
		return nil, err
	}
	return &Index{base: b, changed: map[int64]*person{}, away: newBits(len(b.ids))}, nil
}

// members goes through stored facts: each key with its fact as it is written.
// It is much quicker than reading them, and most values have been seen before.
func members(stored string, yield func(key string, fact []byte) error) error {
	if stored == "" || stored == "{}" {
		return nil
	}
	s := scanner{text: stored}
	for s.next() {
		if err := yield(s.key, s.fact); err != nil {
			return err
		}
	}
	if !s.ok {
		facts, err := rule.ParseFacts(stored) // says what is wrong
		if err != nil {
			return err
		}
		return fmt.Errorf("index: %d facts in another form", len(facts))
	}
	return nil
}
