package journeys

import (
	"errors"
	"fmt"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

func isNoRows(err error) bool { return errors.Is(err, store.ErrNoRows) }

// enrollment is a row of enrollments.
type enrollment struct {
	id, journey, version, customer, identity ids.ID
	key, state, node                         string
	visit, entered, wake                     int64
	context                                  []byte
	started, ended                           int64
	reason                                   string
	holdout                                  bool
	goal, followed                           int64
}

const enrollmentColumns = `e.id, e.journey_id, e.version_id, e.customer_id, e.identity_id, e.entry_key, e.state, e.node, e.visit, e.entered_node_at,
  e.wake_at, e.context, e.started_at, e.ended_at, e.end_reason, e.holdout, e.goal_at, e.followed_visit`

func scanEnrollment(r store.Row) (enrollment, error) {
	var e enrollment
	var context string
	err := r.Scan(&e.id, &e.journey, &e.version, &e.customer, &e.identity, &e.key, &e.state, &e.node, &e.visit, &e.entered,
		&e.wake, &context, &e.started, &e.ended, &e.reason, &e.holdout, &e.goal, &e.followed)
	e.context = []byte(context)
	return e, err
}

func (e *enrollment) end(state, reason string, now int64) {
	e.state, e.reason, e.ended, e.wake = state, reason, now, 0
}

// journey is a row of journeys, without its draft.
type journey struct {
	id      ids.ID
	name    string
	state   string
	version ids.ID // live; 0 before the first
	epoch   int64
	fired   string
}

// version is a row of journey_versions, without its graph.
type version struct {
	id, journey  ids.ID
	number       int64
	fate, reason string
	successor    ids.ID
	settled      bool
}

// Fates of those who are in an older version.
const (
	fateFollow = "follow"
	fateExit   = "exit"
)

// book is the journeys as they stand, without drafts.
type book struct {
	journeys map[ids.ID]*journey
	versions map[ids.ID]*version
	order    []ids.ID // of journeys
}

func readBook(q store.Querier) (*book, error) {
	b := &book{journeys: map[ids.ID]*journey{}, versions: map[ids.ID]*version{}}
	rows, err := q.Query(queries.Get("book"))
	list, err := store.Collect(rows, err, func(r store.Row) (*journey, error) {
		j := new(journey)
		return j, r.Scan(&j.id, &j.name, &j.state, &j.version, &j.epoch, &j.fired)
	})
	if err != nil {
		return nil, err
	}
	for _, j := range list {
		b.journeys[j.id] = j
		b.order = append(b.order, j.id)
	}
	rows, err = q.Query(queries.Get("book-versions"))
	versions, err := store.Collect(rows, err, func(r store.Row) (*version, error) {
		v := new(version)
		return v, r.Scan(&v.id, &v.journey, &v.number, &v.fate, &v.reason, &v.successor, &v.settled)
	})
	for _, v := range versions {
		b.versions[v.id] = v
	}
	return b, err
}

// flow is the compiled graph of a version; versions never change.
func (s *Service) flow(q store.Querier, id ids.ID) (*flow.Flow, error) {
	if f, ok := s.flows.Load(id); ok {
		return f.(*flow.Flow), nil
	}
	var raw []byte
	if err := q.QueryRow(queries.Get("graph"), id).Scan(&raw); err != nil {
		return nil, err
	}
	var g flow.Graph
	if err := rule.Decode(raw, &g); err != nil {
		return nil, fmt.Errorf("the graph of version %s: %w", id, err)
	}
	f := flow.Compile(g)
	s.flows.Store(id, f)
	return f, nil
}

// signal is a row of journey_signals; customer is who represents the person now.
type signal struct {
	id       ids.ID
	kind     string
	ref      string
	customer ids.ID
	identity ids.ID
	journey  ids.ID
	payload  []byte
	at       int64
	received int64
}

func scanSignal(r store.Row) (signal, error) {
	var g signal
	var payload string
	err := r.Scan(&g.id, &g.kind, &g.ref, &g.customer, &g.identity, &g.journey, &payload, &g.at, &g.received)
	g.payload = []byte(payload)
	return g, err
}
