package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
)

// timelineItem is one thing of a customer's life with the company. Exactly one
// of the last five is there, as kind says.
type timelineItem struct {
	Kind     string             `json:"kind" enum:"event,message,outreach,merge,merge_undone,consent"`
	At       time.Time          `json:"at"`
	Event    *customers.Event   `json:"event,omitempty"`
	Message  *inbox.Summary     `json:"message,omitempty"`
	Outreach *inbox.Outreach    `json:"outreach,omitempty" doc:"What a journey sent, whatever became of it"`
	Merge    *customers.Merge   `json:"merge,omitempty" doc:"Of merge and merge_undone"`
	Consent  *customers.Consent `json:"consent,omitempty"`

	place timelinePlace
}

// timelinePlace orders the timeline: by instant, then by kind of source, then by
// id, downward.
type timelinePlace struct {
	At     int64  `json:"t"`
	Source int    `json:"s"`
	ID     ids.ID `json:"i"`
}

// The sources, in the order of timelinePlace.
const (
	fromConsents = iota + 1
	fromMerges
	fromUndone
	fromEvents
	fromMessages
	fromOutreach
)

func (p timelinePlace) compare(o timelinePlace) int {
	return cmp.Or(cmp.Compare(p.At, o.At), cmp.Compare(p.Source, o.Source), cmp.Compare(p.ID, o.ID))
}

// of is the place, within one source, behind which rows come before p in a list
// that goes downward: everything at the same instant when that source stands
// lower than p's, nothing of it when it stands higher.
func (p timelinePlace) of(source int) (at int64, id ids.ID) {
	switch {
	case p == timelinePlace{}:
		return 0, 0
	case source == p.Source:
		return p.At, p.ID
	case source < p.Source:
		return p.At, maxID
	}
	return p.At, 1
}

// maxID is above every id.
const maxID = ids.ID(1<<63 - 1)

func (s *Server) addTimeline() {
	add(s, operation{
		id: "listTimeline", method: http.MethodGet, path: root + "/customers/{id}/timeline", tag: "customers", access: needs(auth.CustomersRead),
		summary: "Events, messages, what journeys sent, merges and consents of a customer across channels, newest first",
		description: "Of conversations that the caller does not see nothing is shown or counted. Events about messages and conversations are left out: " +
			"the messages are there themselves.",
	}, s.listTimeline)
}

func (s *Server) listTimeline(ctx context.Context, in *struct {
	ByID
	PageInput
}) (*answer[Page[timelineItem]], error) {
	const kind = "timeline"
	at, err := decodeCursor[timelinePlace](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	c, err := s.o.Customers.Get(ctx, in.ID.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.timeline(ctx, c.ID, at, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return counted(paged(all, in.Limit, kind, func(i timelineItem) timelinePlace { return i.place }), in.PageInput,
		func() (int64, error) { return s.countTimeline(ctx, c.ID) })
}

// timeline reads the limit items that come behind at, from every source.
func (s *Server) timeline(ctx context.Context, customer ids.ID, at timelinePlace, limit int) ([]timelineItem, error) {
	var out []timelineItem
	put := func(source int, when time.Time, id ids.ID, i timelineItem) {
		i.At, i.place = when, timelinePlace{clock.Millis(when), source, id}
		if (at == timelinePlace{}) || i.place.compare(at) < 0 {
			out = append(out, i)
		}
	}
	ms, id := at.of(fromEvents)
	events, err := s.o.Customers.Events(ctx, customers.EventFilter{Customer: customer, OwnOnly: true, Before: customers.EventPosition{At: ms, ID: id}, Limit: limit})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		put(fromEvents, e.At, e.ID, timelineItem{Kind: "event", Event: &e})
	}
	ms, id = at.of(fromMessages)
	messages, err := s.o.Inbox.Summaries(ctx, principal(ctx), inbox.SummaryFilter{Customer: customer, Before: inbox.Position{At: clock.FromMillis(ms), ID: id}, Limit: limit})
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		put(fromMessages, m.At, m.ID, timelineItem{Kind: "message", Message: &m})
	}
	ms, id = at.of(fromOutreach)
	sent, err := s.o.Inbox.Outreaches(ctx, principal(ctx), inbox.SummaryFilter{Customer: customer, Before: inbox.Position{At: clock.FromMillis(ms), ID: id}, Limit: limit})
	if err != nil {
		return nil, err
	}
	for _, o := range sent {
		put(fromOutreach, o.At, o.Delivery.ID, timelineItem{Kind: "outreach", Outreach: &o})
	}
	if err := s.timelineOfPeople(ctx, customer, put); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b timelineItem) int { return b.place.compare(a.place) })
	return out[:min(len(out), limit)], nil
}

// timelineOfPeople puts what was merged and said: few rows, read whole.
func (s *Server) timelineOfPeople(ctx context.Context, customer ids.ID, put func(int, time.Time, ids.ID, timelineItem)) error {
	merges, err := s.o.Customers.Merges(ctx, customers.MergeFilter{Customer: customer, Limit: maxTimelineMerges})
	if err != nil {
		return err
	}
	for _, m := range merges {
		put(fromMerges, m.At, m.ID, timelineItem{Kind: "merge", Merge: &m})
		if m.Undone != nil {
			put(fromUndone, m.Undone.At, m.ID, timelineItem{Kind: "merge_undone", Merge: &m})
		}
	}
	said, err := s.o.Customers.Consents(ctx, customer)
	if err != nil {
		return err
	}
	for _, c := range said.History {
		put(fromConsents, c.At, c.ID, timelineItem{Kind: "consent", Consent: &c})
	}
	return nil
}

// maxTimelineMerges bounds what one page reads of the merge log.
const maxTimelineMerges = 1000

func (s *Server) countTimeline(ctx context.Context, customer ids.ID) (int64, error) {
	events, err := s.o.Customers.CountEvents(ctx, customers.EventFilter{Customer: customer, OwnOnly: true})
	if err != nil {
		return 0, err
	}
	messages, err := s.o.Inbox.CountSummaries(ctx, principal(ctx), inbox.SummaryFilter{Customer: customer})
	if err != nil {
		return 0, err
	}
	sent, err := s.o.Inbox.CountOutreaches(ctx, principal(ctx), inbox.SummaryFilter{Customer: customer})
	if err != nil {
		return 0, err
	}
	n := events + messages + sent
	err = s.timelineOfPeople(ctx, customer, func(int, time.Time, ids.ID, timelineItem) { n++ })
	return n, err
}
