// Package index answers rules for everybody at once: who matches, and how many.
//
// It holds what rules ask of people in columns: for each name of an event who
// did it and when, and what its properties were. It is derived from rows and
// bounded in memory; what it does not hold it says, and SQL answers instead.
// People who have changed since it was loaded are kept beside the columns, each
// on their own, until it is loaded anew.
package index

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"github.com/fanward/fanward/segments/rule"
)

// ErrNotIndexed: the rule asks something that the index does not hold, an
// attribute or a property with too many different values. SQL can answer.
var ErrNotIndexed = errors.New("the index does not hold what the rule asks")

// ErrTooLarge: not even the bare columns fit into the memory that is allowed.
var ErrTooLarge = errors.New("the index would be larger than it may be")

// Options bound an index.
type Options struct {
	// MaxBytes is about how much memory it may take; 2 GiB when 0. The columns
	// with the most values are given up first.
	MaxBytes int64
	// MaxDistinct is how many different values an attribute or a property may
	// have and still be held; 200,000 when 0.
	MaxDistinct int
}

// Person is the row of a customer.
type Person struct {
	ID                    int64
	Facts                 string // as rule.Facts.JSON writes them
	CreatedAt, LastSeenAt int64  // milliseconds; never seen: 0
	Stage                 string
	StageSince            int64
	Tags                  []string // folded
	Reach                 []Reach
}

// Reach is a channel that is open for a purpose; Until 0 is without end.
type Reach struct {
	Channel, Purpose string
	Until            int64
}

// Event is the row of an event.
type Event struct {
	Customer int64
	Name     string
	At       int64  // milliseconds
	Facts    string // as rule.Facts.JSON writes them
}

// Index may be asked and changed by any number of goroutines.
type Index struct {
	mu   sync.RWMutex
	base *base
	// changed are the people who are not what the columns say, nil for who is
	// nobody any more; away the places of everybody whom the columns do not
	// speak of any more.
	changed map[int64]*person
	away    bits
}

// Stats tell how an index is doing.
type Stats struct {
	People, Events int
	// Changed are the people kept beside the columns: each costs about a
	// microsecond an answer.
	Changed int
	Bytes   int64
	// Dropped are the columns that were given up, "attribute NAME" and
	// "EVENT: PROPERTY".
	Dropped []string
}

// Stats of the moment.
func (x *Index) Stats() Stats {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := Stats{People: len(x.base.ids), Changed: len(x.changed), Bytes: x.base.bytes()}
	for name, c := range x.base.attributes {
		if c.dropped {
			s.Dropped = append(s.Dropped, "attribute "+name)
		}
	}
	for name, h := range x.base.events {
		s.Events += len(h.at)
		for property, c := range h.properties {
			if c.dropped {
				s.Dropped = append(s.Dropped, name+": "+property)
			}
		}
	}
	slices.Sort(s.Dropped)
	return s
}

// Count is of how many people the program is true at t.
func (x *Index) Count(p *rule.Program, t int64) (int, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, err := x.base.find(p.Tree(), t)
	if err != nil {
		return 0, err
	}
	found.without(x.away)
	n := found.count()
	for _, one := range x.changed {
		if match, _ := p.Eval(one, t); match {
			n++
		}
	}
	return n, nil
}

// Members are the ids of the people of whom the program is true at t, ascending.
func (x *Index) Members(p *rule.Program, t int64) ([]int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, err := x.base.find(p.Tree(), t)
	if err != nil {
		return nil, err
	}
	found.without(x.away)
	ids := make([]int64, 0, found.count())
	for i := range found.all() {
		ids = append(ids, x.base.ids[i])
	}
	before := len(ids)
	for id, one := range x.changed {
		if match, _ := p.Eval(one, t); match {
			ids = append(ids, id)
		}
	}
	if len(ids) > before {
		slices.Sort(ids)
	}
	return ids, nil
}

// Latest are the ids of at most n of the people of whom the program is true at t,
// those first who were seen last.
func (x *Index) Latest(p *rule.Program, t int64, n int) ([]int64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, err := x.base.find(p.Tree(), t)
	if err != nil {
		return nil, err
	}
	found.without(x.away)
	type one struct{ seen, id int64 }
	later := func(a, b one) int { return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(b.id, a.id)) }
	var latest []one
	look := func(o one) {
		if len(latest) == n && later(o, latest[n-1]) > 0 {
			return
		}
		at, _ := slices.BinarySearchFunc(latest, o, later)
		latest = slices.Insert(latest[:min(len(latest), n-1)], min(at, n-1), o)
	}
	for i := range found.all() {
		look(one{x.base.seen[i], x.base.ids[i]})
	}
	for id, who := range x.changed {
		if match, _ := p.Eval(who, t); match {
			look(one{who.row.LastSeenAt, id})
		}
	}
	ids := make([]int64, len(latest))
	for i, o := range latest {
		ids[i] = o.id
	}
	return ids, nil
}
