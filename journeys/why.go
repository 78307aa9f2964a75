package journeys

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Reason is a code with what its sentence needs.
type Reason struct {
	Code   string       `json:"code"`
	Params fault.Params `json:"params,omitempty"`
}

// Why tells how somebody stands to a journey.
type Why struct {
	Entered []*Enrollment `json:"entered" doc:"Their entries, newest first"`
	Reasons []Reason      `json:"reasons" doc:"What keeps them from entering now, and why they did not the last time"`
}

// Why explains whether somebody has entered, and what keeps them from it now.
func (s *Service) Why(ctx context.Context, id, customer ids.ID) (*Why, error) {
	c, err := s.o.Customers.Get(ctx, customer)
	if err != nil {
		return nil, err
	}
	out := &Why{Reasons: []Reason{}}
	if out.Entered, err = s.Enrollments(ctx, Filter{Journey: id, Customer: c.ID, Limit: 50}); err != nil {
		return nil, err
	}
	if out.Entered == nil {
		out.Entered = []*Enrollment{}
	}
	err = s.db.Snapshot(ctx, func(q store.Querier) error { return s.why(ctx, q, id, c.ID, out) })
	return out, err
}

func (s *Service) why(ctx context.Context, q store.Querier, id, customer ids.ID, out *Why) error {
	r, err := readRow(q, "journey", id)
	if err != nil {
		return err
	}
	add := func(code string, params fault.Params) { out.Reasons = append(out.Reasons, Reason{code, params}) }
	if r.state != Live {
		add("not_live", fault.Params{"state": r.state})
	}
	if r.version != 0 {
		b, err := readBook(q)
		if err != nil {
			return err
		}
		now := s.clk.Now()
		w := &world{s: s, ctx: ctx, q: q, now: now, book: b}
		f, err := s.flow(q, r.version)
		if err != nil {
			return err
		}
		turns, _, _, err := w.load([]ids.ID{customer})
		if err != nil {
			return err
		}
		code, params, err := w.objection(turns[0], b.journeys[id], f, entry{at: w.millis()})
		if err != nil {
			return err
		}
		if code != "" {
			add(code, params)
		}
	}
	var code, params string
	var at, times int64
	switch err := q.QueryRow(queries.Get("refused"), id, customer).Scan(&code, &params, &at, &times); {
	case isNoRows(err):
		if len(out.Entered) == 0 {
			add("never_triggered", nil)
		}
		return nil
	case err != nil:
		return err
	}
	p := fault.Params{}
	if err := json.Unmarshal([]byte(params), &p); err != nil {
		return fmt.Errorf("a refusal of journey %s: %w", id, err)
	}
	p["refused_at"], p["times"] = clock.FromMillis(at).Format(time.RFC3339Nano), times
	add("last_"+strings.TrimPrefix(code, "entry_"), p)
	return nil
}

// Using lists the journeys that need a segment: in what is live, or in a draft
// that was never published.
func (s *Service) Using(q store.Querier, segment ids.ID) ([]Summary, error) {
	rows, err := q.Query(queries.Get("graphs"))
	type stored struct {
		Summary
		graph string
	}
	list, err := store.Collect(rows, err, func(r store.Row) (j stored, err error) {
		return j, r.Scan(&j.ID, &j.Name, &j.State, &j.graph)
	})
	if err != nil {
		return nil, err
	}
	var out []Summary
	for _, j := range list {
		var g flow.Graph
		if err := rule.Decode([]byte(j.graph), &g); err != nil {
			return nil, err
		}
		if g.Names(segment.String()) && (len(out) == 0 || out[len(out)-1].ID != j.ID) {
			out = append(out, j.Summary)
		}
	}
	return out, nil
}
