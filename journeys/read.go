package journeys

import (
	"context"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Summary is what a list shows of a journey.
type Summary struct {
	ID           ids.ID    `json:"id"`
	Name         string    `json:"name"`
	State        string    `json:"state" enum:"draft,live,paused,stopped"`
	DraftVersion int64     `json:"draft_version"`
	Version      *int64    `json:"version" doc:"The number of the live version; null before the first"`
	Entered      int64     `json:"entered" doc:"How often somebody has entered"`
	Active       int64     `json:"active"`
	Completed    int64     `json:"completed"`
	Goals        int64     `json:"goals"`
	UpdatedAt    time.Time `json:"updated_at"`
}

// Journey is a journey with its graphs.
type Journey struct {
	Summary
	Draft    flow.Graph     `json:"draft"`
	Live     *flow.Graph    `json:"live"`
	Problems []flow.Problem `json:"problems" doc:"What is wrong with the draft"`
	// Changed is true when the draft differs from what is live.
	Changed bool `json:"changed"`
}

// Get reads a journey.
func (s *Service) Get(ctx context.Context, id ids.ID) (*Journey, error) {
	q := s.db.Reader(ctx)
	r, err := readRow(q, "journey", id)
	if err != nil {
		return nil, err
	}
	j := &Journey{Summary: Summary{ID: id, Name: r.name, State: r.state, DraftVersion: r.draftVersion, UpdatedAt: clock.FromMillis(r.updated)}}
	if err := rule.Decode(r.draft, &j.Draft); err != nil {
		return nil, err
	}
	j.Changed = true
	if r.version != 0 {
		var number int64
		var raw string
		if err := q.QueryRow(queries.Get("version-number"), r.version).Scan(&number, &raw); err != nil {
			return nil, err
		}
		j.Version, j.Live, j.Changed = &number, new(flow.Graph), raw != string(r.draft)
		if err := rule.Decode([]byte(raw), j.Live); err != nil {
			return nil, err
		}
	}
	if j.Problems, err = s.Check(ctx, j.Draft); err != nil {
		return nil, err
	}
	all := map[ids.ID]*Summary{id: &j.Summary}
	return j, tally(all, func(query string) (*store.Rows, error) { return q.Query(queries.Get(query+"-of"), id) })
}

// Exists is nil for a journey that is there, and not_found otherwise.
func (s *Service) Exists(ctx context.Context, id ids.ID) error {
	_, err := readRow(s.db.Reader(ctx), "journey", id)
	return err
}

// List lists the journeys, last changed first.
func (s *Service) List(ctx context.Context) ([]*Summary, error) {
	q := s.db.Reader(ctx)
	rows, err := q.Query(queries.Get("journeys"))
	all := map[ids.ID]*Summary{}
	list, err := store.Collect(rows, err, func(r store.Row) (*Summary, error) {
		j := new(Summary)
		var number, updated int64
		err := r.Scan(&j.ID, &j.Name, &j.State, &j.DraftVersion, &number, &updated)
		if number > 0 {
			j.Version = &number
		}
		j.UpdatedAt = clock.FromMillis(updated)
		all[j.ID] = j
		return j, err
	})
	if err != nil {
		return nil, err
	}
	return list, tally(all, func(query string) (*store.Rows, error) { return q.Query(queries.Get(query)) })
}

// tally counts people into summaries: tallies by state, and goals.
func tally(all map[ids.ID]*Summary, ask func(query string) (*store.Rows, error)) error {
	type count struct {
		journey ids.ID
		state   string
		n       int64
	}
	rows, err := ask("tallies")
	counts, err := store.Collect(rows, err, func(r store.Row) (c count, err error) {
		return c, r.Scan(&c.journey, &c.state, &c.n)
	})
	if err != nil {
		return err
	}
	for _, c := range counts {
		j := all[c.journey]
		if j == nil {
			continue
		}
		j.Entered += c.n
		switch c.state {
		case Active:
			j.Active = c.n
		case Completed:
			j.Completed = c.n
		}
	}
	rows, err = ask("goals")
	goals, err := store.Collect(rows, err, func(r store.Row) (c count, err error) {
		return c, r.Scan(&c.journey, &c.n)
	})
	for _, c := range goals {
		if j := all[c.journey]; j != nil {
			j.Goals = c.n
		}
	}
	return err
}

// NodeCount is how many people stand at a node and have passed it.
type NodeCount struct {
	Node     string           `json:"node"`
	Waiting  int64            `json:"waiting"`
	Entered  int64            `json:"entered"`
	Left     int64            `json:"left"`
	Outcomes map[string]int64 `json:"outcomes" doc:"By outcome: of a message the state of its delivery, of ways way_0, way_1, …, else"`
}

// Nodes counts people by node, of all versions together.
func (s *Service) Nodes(ctx context.Context, id ids.ID) ([]*NodeCount, error) {
	if err := s.Exists(ctx, id); err != nil {
		return nil, err
	}
	q := s.db.Reader(ctx)
	by := map[string]*NodeCount{}
	var out []*NodeCount
	at := func(node string) *NodeCount {
		if by[node] == nil {
			by[node] = &NodeCount{Node: node, Outcomes: map[string]int64{}}
			out = append(out, by[node])
		}
		return by[node]
	}
	rows, err := q.Query(queries.Get("at-nodes"), id)
	if _, err := store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var node string
		var n int64
		err := r.Scan(&node, &n)
		at(node).Waiting = n
		return struct{}{}, err
	}); err != nil {
		return nil, err
	}
	rows, err = q.Query(queries.Get("outcomes"), id, id)
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var node, outcome string
		var n int64
		err := r.Scan(&node, &outcome, &n)
		c := at(node)
		c.Outcomes[outcome] = n
		c.Left += n
		return struct{}{}, err
	})
	for _, c := range out {
		c.Entered = c.Waiting + c.Left
	}
	return out, err
}

// Enrollment is one person on the way.
type Enrollment struct {
	ID        ids.ID        `json:"id"`
	JourneyID ids.ID        `json:"journey_id"`
	Customer  customers.Ref `json:"customer"`
	State     string        `json:"state" enum:"active,completed,exited,goal,failed"`
	Node      string        `json:"node"`
	Version   int64         `json:"version"`
	StartedAt time.Time     `json:"started_at"`
	EndedAt   *time.Time    `json:"ended_at"`
	EndReason *string       `json:"end_reason" doc:"A code"`
	WakeAt    *time.Time    `json:"wake_at" doc:"When time alone lets them on"`
	Holdout   bool          `json:"holdout"`
	GoalAt    *time.Time    `json:"goal_at"`
}

// Filter narrows Enrollments.
type Filter struct {
	Journey  ids.ID
	Customer ids.ID
	State    string
	// Node is where somebody stands, or with Outcome what they have passed so.
	Node, Outcome string
	Before        ids.ID
	Limit         int
}

func (f Filter) where(b *store.Builder) {
	b.Add("WHERE TRUE")
	if f.Journey != 0 {
		b.Add("AND e.journey_id = ?", f.Journey)
	}
	if f.Customer != 0 {
		b.Add("AND e.customer_id = ?", f.Customer)
	}
	if f.State != "" {
		b.Add("AND e.state = ?", f.State)
	}
	switch {
	case f.Node != "" && f.Outcome != "":
		b.Add("AND e.id IN (SELECT p.enrollment_id FROM enrollment_steps p WHERE p.journey_id = ? AND p.node = ? AND p.outcome = ?)", f.Journey, f.Node, f.Outcome)
	case f.Node != "":
		b.Add("AND e.node = ? AND e.state = 'active'", f.Node)
	}
}

// Enrollments lists people, who entered last first.
func (s *Service) Enrollments(ctx context.Context, f Filter) ([]*Enrollment, error) {
	var b store.Builder
	b.Add(`SELECT e.id, e.journey_id, c.id, c.name, ` + customers.Address("c") + `, e.state, e.node, COALESCE(v.number, 0), e.started_at, e.ended_at, e.end_reason, e.wake_at, e.holdout, e.goal_at
FROM enrollments e JOIN customers c ON c.id = e.customer_id LEFT JOIN journey_versions v ON v.id = e.version_id`)
	f.where(&b)
	if f.Before != 0 {
		b.Add("AND e.id < ?", f.Before)
	}
	b.Add("ORDER BY e.id DESC LIMIT ?", f.Limit)
	query, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanShown)
}

// Count is the exact number behind a filter.
func (s *Service) Count(ctx context.Context, f Filter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*) FROM enrollments e")
	f.where(&b)
	query, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func scanShown(r store.Row) (*Enrollment, error) {
	e := new(Enrollment)
	var customer ids.ID
	var name, address, reason string
	var started, ended, wake, goal int64
	if err := r.Scan(&e.ID, &e.JourneyID, &customer, &name, &address, &e.State, &e.Node, &e.Version, &started, &ended, &reason, &wake, &e.Holdout, &goal); err != nil {
		return nil, err
	}
	e.Customer, e.StartedAt = customers.NewRef(customer, name, address), clock.FromMillis(started)
	if reason != "" {
		e.EndReason = &reason
	}
	e.EndedAt, e.GoalAt = instant(ended), instant(goal)
	if e.State == Active {
		e.WakeAt = instant(wake)
	}
	return e, nil
}

func instant(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := clock.FromMillis(ms)
	return &t
}

// Step is what happened at one node.
type Step struct {
	Visit      int64     `json:"visit"`
	Node       string    `json:"node"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Outcome    string    `json:"outcome" doc:"A code"`
	Detail     string    `json:"detail" doc:"What the outcome leaves open: a channel, a stage, a code, the name of a way"`
	DeliveryID ids.ID    `json:"delivery_id" nullable:"true"`
	TaskID     ids.ID    `json:"task_id" nullable:"true"`
}

// Passage is an enrollment with its steps.
type Passage struct {
	*Enrollment
	Steps []Step `json:"steps"`
}

// Enrollment reads one with its steps.
func (s *Service) Enrollment(ctx context.Context, journey, id ids.ID) (*Passage, error) {
	var b store.Builder
	b.Add(`SELECT e.id, e.journey_id, c.id, c.name, `+customers.Address("c")+`, e.state, e.node, COALESCE(v.number, 0), e.started_at, e.ended_at, e.end_reason, e.wake_at, e.holdout, e.goal_at
FROM enrollments e JOIN customers c ON c.id = e.customer_id LEFT JOIN journey_versions v ON v.id = e.version_id WHERE e.id = ? AND e.journey_id = ?`, id, journey)
	q := s.db.Reader(ctx)
	query, args := b.Query()
	e, err := scanShown(q.QueryRow(query, args...))
	if isNoRows(err) {
		return nil, fault.Missing("enrollment")
	}
	if err != nil {
		return nil, err
	}
	steps, err := stepsOf(q, id)
	return &Passage{Enrollment: e, Steps: steps}, err
}

func stepsOf(q store.Querier, id ids.ID) ([]Step, error) {
	rows, err := q.Query(queries.Get("steps-of"), id)
	steps, err := store.Collect(rows, err, func(r store.Row) (p Step, err error) {
		var at int64
		err = r.Scan(&p.Visit, &p.Node, &p.Kind, &at, &p.Outcome, &p.Detail, &p.DeliveryID, &p.TaskID)
		p.At = clock.FromMillis(at)
		return p, err
	})
	if steps == nil {
		steps = []Step{}
	}
	return steps, err
}
