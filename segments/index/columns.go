package index

import (
	"slices"

	"github.com/fanward/fanward/segments/rule"
)

// base are the columns. People are numbered by their place in ids.
type base struct {
	ids                  []int64 // ascending
	created, seen, since []int64
	stage                []uint16 // a place in stages
	stages               []string
	attributes           map[string]*attribute
	tags                 map[string][]uint32 // who has it, ascending
	reach                map[way]*reach
	events               map[string]*happened
}

// attribute is who has a value, ascending, and which.
type attribute struct {
	values
	who, code []uint32
}

// way is a channel for a purpose.
type way struct{ channel, purpose string }

// reach is who can be reached, ascending, and until when; 0 is without end.
type reach struct {
	who   []uint32
	until []int64
}

// happened are the events of one name: those of who[i] are at[first[i]:first[i+1]],
// ascending.
type happened struct {
	who, first []uint32
	at         []int64
	properties map[string]*property
}

// property is which value each event has.
type property struct {
	values
	code []uint32 // 0: none
}

// values are the different ones of an attribute or a property; the first stands
// for none.
type values struct {
	codes   map[string]uint32 // by the text in which the fact is stored
	facts   []rule.Fact
	text    int64
	dropped bool
}

// code numbers a value; it is false when the column has been given up.
func (v *values) code(stored []byte, limit int) (uint32, bool, error) {
	if v.dropped {
		return 0, false, nil
	}
	if c, ok := v.codes[string(stored)]; ok {
		return c, true, nil
	}
	if v.codes == nil {
		v.codes, v.facts = map[string]uint32{}, make([]rule.Fact, 1)
	}
	if len(v.facts) > limit {
		return 0, false, nil
	}
	fact, err := rule.ParseFacts(`{"x":` + string(stored) + `}`)
	if err != nil {
		return 0, false, err
	}
	c := uint32(len(v.facts))
	v.codes[string(stored)], v.facts = c, append(v.facts, fact["x"])
	v.text += int64(len(stored))
	return c, true, nil
}

// perFact is about what a different value costs, its text and its entry in the
// map included.
const perFact = 160

func (v *values) bytes() int64 { return int64(len(v.facts))*perFact + 2*v.text }

func (a *attribute) bytes() int64 { return a.values.bytes() + 4*int64(cap(a.who)+cap(a.code)) }
func (a *attribute) drop()        { *a = attribute{values: values{dropped: true}} }
func (p *property) bytes() int64  { return p.values.bytes() + 4*int64(cap(p.code)) }
func (p *property) drop()         { *p = property{values: values{dropped: true}} }

func (b *base) bytes() int64 {
	n := 8*int64(cap(b.ids)+cap(b.created)+cap(b.seen)+cap(b.since)) + 2*int64(cap(b.stage))
	for _, a := range b.attributes {
		n += a.bytes()
	}
	for _, t := range b.tags {
		n += 4 * int64(cap(t))
	}
	for _, r := range b.reach {
		n += 4*int64(cap(r.who)) + 8*int64(cap(r.until))
	}
	for _, h := range b.events {
		n += 4*int64(cap(h.who)+cap(h.first)) + 8*int64(cap(h.at))
		for _, p := range h.properties {
			n += p.bytes()
		}
	}
	return n
}

// place finds a person.
func (b *base) place(id int64) (uint32, bool) {
	i, found := slices.BinarySearch(b.ids, id)
	return uint32(i), found
}
