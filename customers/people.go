package customers

import (
	"slices"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// A person is one or several records that merges hold together. Every identity
// has a home, the record it came with, which never changes; every merge joins
// two homes, its ends. Of the records of a person one represents it: the others
// point to it (merged_into), and identities, conversations and events belong to
// it. So who is who follows from the merges that are not undone, whatever the
// order in which they were made and undone.

var (
	qWhose   = queries.Get("whose")
	qEdges   = queries.Get("edges")
	qHomes   = queries.Get("homes")
	qHomeOf  = queries.Get("home-of")
	qKnownAs = queries.Get("known-as")
)

// edge is a merge that is not undone.
type edge struct {
	id                 ids.ID
	one, other         ids.ID // its ends
	absorbed, survivor ids.ID // who represented the two sides
}

// whose is the record that represents the person a record belongs to.
func whose(q store.Querier, id ids.ID) (ids.ID, error) {
	var rep ids.ID
	err := q.QueryRow(qWhose, id).Scan(&rep)
	return rep, missing(err)
}

// edgesOf reads the merges of the person that rep represents, oldest first.
func edgesOf(q store.Querier, rep ids.ID) ([]edge, error) {
	rows, err := q.Query(qEdges, rep, rep)
	return store.Collect(rows, err, func(r store.Row) (edge, error) {
		var e edge
		return e, r.Scan(&e.id, &e.one, &e.other, &e.absorbed, &e.survivor)
	})
}

// reach lists the records that hang together with from, beginning with it; each
// next one is joined by the oldest merge that leads on.
func reach(edges []edge, from ids.ID) []ids.ID {
	order, in := []ids.ID{from}, map[ids.ID]bool{from: true}
	for grown := true; grown; {
		grown = false
		for _, e := range edges {
			if in[e.one] == in[e.other] {
				continue
			}
			next := e.one
			if in[next] {
				next = e.other
			}
			order, in[next], grown = append(order, next), true, true
			break // older merges may lead on from here
		}
	}
	return order
}

// part tells which records leave and who represents them when an edge of rep's
// person is taken away.
func part(edges []edge, gone edge, rep ids.ID) (leaving []ids.ID, as ids.ID) {
	rest := slices.DeleteFunc(slices.Clone(edges), func(e edge) bool { return e.id == gone.id })
	end := gone.one
	if leaving = reach(rest, end); slices.Contains(leaving, rep) {
		end = gone.other
		leaving = reach(rest, end)
	}
	switch {
	case slices.Contains(leaving, gone.absorbed):
		return leaving, gone.absorbed
	case slices.Contains(leaving, gone.survivor):
		return leaving, gone.survivor
	}
	return leaving, end
}

// held is an identity of a person.
type held struct {
	id, home ids.ID
	kind     string
}

func identitiesOf(q store.Querier, rep ids.ID) ([]held, error) {
	rows, err := q.Query(qHomes, rep)
	return store.Collect(rows, err, func(r store.Row) (held, error) {
		var h held
		return h, r.Scan(&h.id, &h.kind, &h.home)
	})
}

// known tells whether somebody has proven an external id as this person's.
func known(q store.Querier, rep ids.ID) (bool, error) {
	var n int64
	err := q.QueryRow(qKnownAs, rep).Scan(&n)
	return n > 0, err
}

func homeOf(q store.Querier, identity ids.ID) (home ids.ID, err error) {
	err = q.QueryRow(qHomeOf, identity).Scan(&home)
	return home, err
}
