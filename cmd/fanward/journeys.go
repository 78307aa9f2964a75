package main

import (
	"context"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/render"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// joinJourneys lets journeys hear of what happens beside them, and gives them
// what they act with.
func (a *app) joinJourneys(registry *channels.Registry) {
	d := a.db
	zone := a.config.Location()
	a.journeys = journeys.New(journeys.Options{
		DB: d.DB, Clock: d.clk, IDs: d.ids, Customers: a.customers, Segments: journeySegments{a.segments}, Sender: journeySender{a.outbox}, Tasks: journeyTasks{a.inbox},
		Render: render.Renderer{Locale: a.config.Installation.Locale, Zone: zone}, Zone: zone, Log: obs.Component(a.log, "journeys"), Audit: a.auth,
		Check: journeyChecks{a.auth, a.customers, a.segments, registry.Channels()},
	})
	a.segments.OnChange(func(tx *store.Tx, c segments.Change) error {
		return a.journeys.SegmentChangedTx(tx, journeys.SegmentChange{Segment: c.Segment, Owner: c.Owner, Customer: c.Customer, Entered: c.Entered, At: c.At, Build: c.Build})
	})
	a.segments.OnUse(func(q store.Querier, segment ids.ID) ([]segments.Use, error) {
		list, err := a.journeys.Using(q, segment)
		out := make([]segments.Use, len(list))
		for i, j := range list {
			out[i] = segments.Use{Kind: "journey", ID: j.ID.String(), Name: j.Name}
		}
		return out, err
	})
	a.outbox.OnOutreach(func(tx *store.Tx, c channels.OutreachChanged) error {
		return a.journeys.DeliveryChangedTx(tx, c.Delivery, c.State, c.Code)
	})
	a.outbox.OnVouch(func(q store.Querier, s channels.Source, now time.Time) (channels.Verdict, error) {
		if s.Kind != channels.SourceJourney {
			return channels.Verdict{}, nil
		}
		return a.journeys.Vouch(q, s.Journey, s.Enrollment, now)
	})
}

// runJourneys moves people until ctx ends.
func (a *app) runJourneys(ctx context.Context) {
	wake, unsubscribe := a.db.bus.Subscribe(journeys.Topic, 1)
	defer unsubscribe()
	a.journeys.Run(ctx, wake)
}

// journeySegments answers the conditions of journeys.
type journeySegments struct{ segments *segments.Service }

func (s journeySegments) Match(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (bool, error) {
	return s.segments.Matches(q, n, customer, at)
}

func (s journeySegments) People(ctx context.Context, n rule.Node, after ids.ID, limit int) ([]ids.ID, error) {
	return s.segments.People(ctx, n, after, limit)
}

func (s journeySegments) WatchTx(tx *store.Tx, owner string, n rule.Node) error {
	_, err := s.segments.Watch(tx, owner, n)
	return err
}

func (s journeySegments) UnwatchTx(tx *store.Tx, owner string) error {
	return s.segments.UnwatchTx(tx, owner)
}

// journeySender sends the messages of journeys.
type journeySender struct{ outbox *outbox.Outbox }

func (s journeySender) Reach(q store.Querier, customer ids.ID, chosen []string, purpose channels.Purpose, now time.Time) (r journeys.Reach, reason string, err error) {
	r.Channel, r.Account, r.Identity, reason, err = s.outbox.ReachTx(q, customer, chosen, purpose, now)
	return r, reason, err
}

func (s journeySender) SendTx(tx *store.Tx, m journeys.Message, now time.Time) (channels.Enqueued, error) {
	return s.outbox.SendTx(tx, channels.Outreach{
		IdempotencyKey: m.By.Key, Account: m.Account, Channel: m.Channel, Identity: m.Identity, Customer: m.Customer, Purpose: m.Purpose,
		Subject: m.Subject, Body: m.Body, Source: sourceOf(m.By), Now: now,
	})
}

func (s journeySender) CancelTx(tx *store.Tx, delivery ids.ID, code string, now time.Time) error {
	return s.outbox.CancelTx(tx, delivery, code, now)
}

func sourceOf(by journeys.Cause) channels.Source {
	return channels.Source{Kind: channels.SourceJourney, Journey: by.Journey, Version: by.Version, Enrollment: by.Enrollment, Node: by.Node, Name: by.Name}
}

// journeyTasks makes the tasks of journeys.
type journeyTasks struct{ inbox *inbox.Inbox }

func (t journeyTasks) CreateTaskTx(tx *store.Tx, n journeys.NewTask, now time.Time) (ids.ID, error) {
	task := inbox.NewTask{Title: n.Title, Note: n.Note, Customer: n.Customer, DueAt: n.DueAt, Source: sourceOf(n.By), IdempotencyKey: n.By.Key, Now: now}
	named, err := ids.Parse(n.Assignee.ID)
	if err != nil {
		named = 0 // nobody is named
	}
	switch n.Assignee.Kind {
	case "teammate":
		task.Assignee = named
	case "team":
		task.Team = named
	case "conversation":
		task.Assign = inbox.AssignConversation
	case "least":
		task.Team, task.Assign = named, inbox.AssignLeast
	}
	return t.inbox.CreateTaskTx(tx, task)
}

// journeyChecks say what a graph may name.
type journeyChecks struct {
	auth      *auth.Service
	customers *customers.Service
	segments  *segments.Service
	channels  []string
}

func (c journeyChecks) Options(ctx context.Context) (flow.CheckOptions, error) {
	o := flow.CheckOptions{Channels: c.channels, Liquid: checkTemplate}
	list, err := c.segments.List(ctx)
	if err != nil {
		return o, err
	}
	o.Segment = among(list, func(s *segments.Segment) string { return s.ID.String() })
	stages, err := c.customers.Stages(ctx)
	if err != nil {
		return o, err
	}
	o.Stage = among(stages, func(s customers.Stage) string { return s.Key })
	teammates, err := c.auth.Teammates(ctx)
	if err != nil {
		return o, err
	}
	o.Teammate = among(teammates, func(t auth.Teammate) string {
		if t.Disabled {
			return ""
		}
		return t.ID.String()
	})
	teams, err := c.auth.Teams(ctx)
	o.Team = among(teams, func(t auth.Team) string { return t.ID.String() })
	return o, err
}

// among tells whether a key is one of those of a list.
func among[T any](list []T, key func(T) string) func(string) bool {
	known := make(map[string]bool, len(list))
	for _, v := range list {
		known[key(v)] = true
	}
	return func(s string) bool { return s != "" && known[s] }
}

func checkTemplate(template string) (out []fault.Field) {
	for _, p := range render.Check(template) {
		params := fault.Params{"line": p.Line}
		for k, v := range p.Params {
			params[k] = v
		}
		out = append(out, fault.Field{Code: p.Code, Params: params})
	}
	return out
}
