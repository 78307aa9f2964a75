package segments

import (
	"errors"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// why is a change with its reason.
func (w *writing) why(m change, known map[ids.ID]*causes) (Change, error) {
	c := Change{Segment: m.program.id, Owner: m.program.owner, Customer: m.customer, Entered: m.enter, At: w.now}
	if m.built {
		c.Build, c.Reason = true, ByDefinition
		return c, nil
	}
	to, building := w.building[m.program.id]
	building = building && m.customer > to
	if !building && m.timed {
		c.Reason = ByTime
		return c, nil
	}
	if !building && m.touched.names != "" { // what has happened is known
		c.Reason = ByProfile
		if m.event {
			c.Reason = ByEvent
		}
		return c, nil
	}
	why, there := known[m.customer]
	if !there {
		var err error
		if why, err = causesOf(w.tx, m.customer); err != nil {
			return c, err
		}
		known[m.customer] = why
	}
	if building {
		by, err := w.byDefinition(m.customer, m.move, why)
		if err != nil {
			return c, err
		}
		c.Build = by
	}
	switch {
	case c.Build:
		c.Reason = ByDefinition
	case m.timed:
		c.Reason = ByTime
	default:
		c.Reason = why.reason(m.program)
	}
	return c, nil
}

// byDefinition tells, of somebody whom a build has not come to yet, whether they
// enter or leave because the segment means something else now. It is by their own
// doing when something of what the program looks at has happened to them since,
// and without the events of that time the answer would have been the other one.
// What a profile said before nobody remembers: there the later change counts.
func (w *writing) byDefinition(customer ids.ID, m move, why *causes) (bool, error) {
	since := m.program.meantSince
	if since == 0 || why == nil {
		return true, nil
	}
	if m.program.needs.profile && max(why.profile, why.stage, why.tag) > since || max(why.merge, why.undo, why.erase) > since {
		return false, nil
	}
	acted := m.program.needs.seen && why.seen > since
	for name := range m.program.needs.events {
		acted = acted || why.events[name] > since
	}
	if !acted {
		return true, nil
	}
	before, err := w.s.before(w.tx, m.program, customer, since)
	return before == m.enter, err
}

// before is what a program would have answered at an instant by the events that
// had been received by then.
func (s *Service) before(tx *store.Tx, p *program, customer ids.ID, since int64) (bool, error) {
	g := &gathering{q: tx, log: s.log, names: &s.names, needs: p.needs, since: since, received: since, people: map[ids.ID]*person{}, list: []ids.ID{customer}}
	if err := g.read(); err != nil {
		return false, err
	}
	who := g.people[customer]
	if who == nil {
		return false, nil
	}
	if p.needs.seen {
		if err := tx.QueryRow(queries.Get("newest-before"), customer, since).Scan(&who.seen); err != nil {
			return false, err
		}
	}
	match, _ := s.ask(p, who, since)
	return match, nil
}

// causes are when something last happened to a person, by what it was.
type causes struct {
	into                                    ids.ID
	profile, stage, tag, merge, undo, erase int64
	// seen is when they were seen last, by their own time.
	seen int64
	// events are the newest, by name.
	events map[string]int64
}

func causesOf(tx *store.Tx, customer ids.ID) (*causes, error) {
	c := &causes{}
	err := tx.QueryRow(queries.Get("causes"), customer).Scan(&c.into, &c.profile, &c.stage, &c.merge, &c.undo, &c.erase, &c.tag, &c.seen)
	if errors.Is(err, store.ErrNoRows) {
		return nil, nil //nolint:nilnil // there is no record any more
	}
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(queries.Get("newest-events"), customer)
	c.events = map[string]int64{}
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var name string
		var at int64
		if err := r.Scan(&name, &at); err != nil {
			return struct{}{}, err
		}
		c.events[name] = max(c.events[name], at)
		return struct{}{}, nil
	})
	return c, err
}

// reason is what happened last of what a program looks at.
func (c *causes) reason(p *program) string {
	if c == nil {
		return ByErasure
	}
	if c.into != 0 {
		return ByMerge
	}
	var event int64
	for name := range p.needs.events {
		event = max(event, c.events[name])
	}
	profile := max(c.profile, c.stage, c.tag)
	if event > 0 && !p.needs.profile {
		profile = 0
	}
	newest, reason := int64(0), ByProfile
	for _, cause := range []struct {
		at     int64
		reason string
	}{{c.erase, ByErasure}, {max(c.merge, c.undo), ByMerge}, {event, ByEvent}, {profile, ByProfile}} {
		if cause.at > newest {
			newest, reason = cause.at, cause.reason
		}
	}
	return reason
}
