package journeys

import (
	"context"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Preview fills a message in for one person.
func (s *Service) Preview(ctx context.Context, id, customer ids.ID, m flow.MessageStep) (*PreviewText, error) {
	r, err := readRow(s.db.Reader(ctx), "journey", id)
	if err != nil {
		return nil, err
	}
	if len(m.Channels) == 0 {
		return nil, fault.AtField("message.channels", "required", nil)
	}
	var g flow.Graph
	if err := rule.Decode(r.draft, &g); err != nil {
		return nil, err
	}
	var p Person
	var reach Reach
	out := &PreviewText{Channel: m.Channels[0]}
	now := s.clk.Now()
	err = s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if p, err = s.o.People.Person(q, customer); err != nil {
			return err
		}
		reach, out.Reason, err = s.o.Sender.Reach(q, p.ID, m.Channels, channels.Purpose(m.Purpose), now)
		return err
	})
	if err != nil {
		return nil, err
	}
	if reach.Channel != "" {
		out.Channel = reach.Channel
	}
	event := map[string]any{}
	e, err := s.lastEvent(ctx, p.ID, g.Trigger)
	if err != nil {
		return nil, err
	}
	if e != nil {
		for k, v := range e.Properties {
			event[k] = v
		}
		event["name"] = e.Name
	}
	vars := variables(&p, event, r.name, now)
	if out.Body, err = s.o.Render.Text(ctx, m.Body, vars); err != nil {
		return nil, atField("message.body", err)
	}
	if out.Subject, err = s.o.Render.Text(ctx, m.Subject, vars); err != nil {
		return nil, atField("message.subject", err)
	}
	return out, nil
}

func atField(field string, err error) error {
	e, ok := fault.As(err)
	if !ok {
		return err
	}
	return fault.AtField(field, e.Code, e.Params)
}
