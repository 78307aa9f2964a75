package customers

import (
	"cmp"
	"slices"

	"github.com/fanward/fanward/internal/ids"
)

// consentBook keeps what holds for each group of records while merges make
// larger groups of them.
type consentBook struct {
	group map[ids.ID]int
	held  map[int]map[consentKey]Consent
}

type consentKey struct{ channel, purpose string }

func newConsentBook(edges []edge, said []Consent) *consentBook {
	b := &consentBook{group: map[ids.ID]int{}, held: map[int]map[consentKey]Consent{}}
	for _, e := range edges {
		b.of(e.one)
		b.of(e.other)
	}
	for _, c := range said {
		b.of(c.record)
	}
	return b
}

// of is the group of a record.
func (b *consentBook) of(record ids.ID) int {
	g, there := b.group[record]
	if !there {
		g = len(b.group)
		b.group[record], b.held[g] = g, map[consentKey]Consent{}
	}
	return g
}

func (b *consentBook) say(c Consent) {
	b.held[b.of(c.record)][consentKey{c.Channel, c.Purpose}] = c
}

func (b *consentBook) join(e edge) {
	to, from := b.of(e.other), b.of(e.one)
	if to == from {
		return
	}
	for k, c := range b.held[from] {
		if has, there := b.held[to][k]; !there || stricter(c, has) {
			b.held[to][k] = c
		}
	}
	for record, g := range b.group {
		if g == from {
			b.group[record] = to
		}
	}
	delete(b.held, from)
}

// stricter tells whether c is to be kept instead of has: a withdrawal beats
// consent, and of two of a kind the later one tells more.
func stricter(c, has Consent) bool {
	if c.State != has.State {
		return c.State == Withdrawn
	}
	return c.ID > has.ID
}

// holds is what holds for a record's group, by channel and purpose.
func (b *consentBook) holds(record ids.ID) []Consent {
	var out []Consent
	for _, c := range b.held[b.of(record)] {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y Consent) int {
		return cmp.Or(cmp.Compare(x.Channel, y.Channel), cmp.Compare(x.Purpose, y.Purpose))
	})
	return out
}
