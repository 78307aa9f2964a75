package journeys

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Move is what happens next in a test run: time passes, the person does
// something, or writes. Exactly one is set.
type Move struct {
	Advance string     `json:"advance,omitempty" doc:"How much time passes: 90m, 24h, 30d"`
	Event   *MoveEvent `json:"event,omitempty"`
	Reply   bool       `json:"reply,omitempty" doc:"The person writes"`
}

// MoveEvent is what the person does.
type MoveEvent struct {
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties,omitempty"`
}

// Trial is how a test run went.
type Trial struct {
	Steps []TrialStep `json:"steps"`
	// Waiting or Ended is set.
	Waiting *TrialWait `json:"waiting"`
	Ended   *TrialEnd  `json:"ended"`
	// Objections would have kept the person from entering now.
	Objections []Reason  `json:"objections" doc:"What would have kept the person from entering; the run enters all the same"`
	Cut        bool      `json:"cut" doc:"The run was ended after 200 steps"`
	At         time.Time `json:"at" doc:"Where the clock of the run stands"`
}

// TrialStep is what would have happened at a node.
type TrialStep struct {
	Node    string       `json:"node"`
	Kind    string       `json:"kind"`
	At      time.Time    `json:"at"`
	Outcome string       `json:"outcome"`
	Detail  string       `json:"detail"`
	Message *PreviewText `json:"message" doc:"What would have been sent"`
	Task    *TrialTask   `json:"task"`
}

// TrialTask is a task that would have been made.
type TrialTask struct {
	Title string    `json:"title"`
	Note  string    `json:"note"`
	DueAt time.Time `json:"due_at"`
}

// TrialWait is where the person waits at the end of a run.
type TrialWait struct {
	Node  string    `json:"node"`
	Until time.Time `json:"until"`
}

// TrialEnd is how a run ended.
type TrialEnd struct {
	State  string    `json:"state"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// PreviewText is a message as one person would get it.
type PreviewText struct {
	Channel string `json:"channel"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
	Reason  string `json:"reason" doc:"Why the person cannot be reached now; empty when they can"`
}

const (
	maxMoves = 100
	// maxTrial bounds the steps of a run, which has the database to itself.
	maxTrial = 200
)

// errUndo takes a test run back.
var errUndo = errors.New("the test run is over")

// Try takes a person through a graph with a clock of its own. It runs on the
// person's real data in a transaction that is taken back: nothing is sent, made
// or changed.
func (s *Service) Try(ctx context.Context, p auth.Principal, id, customer ids.ID, g flow.Graph, moves []Move) (*Trial, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return nil, err
	}
	if len(moves) > maxMoves {
		return nil, fault.AtField("moves", "too_many", fault.Params{"max": maxMoves})
	}
	for i, m := range moves {
		if err := m.check("moves[" + strconv.Itoa(i) + "]"); err != nil {
			return nil, err
		}
	}
	problems, err := s.Check(ctx, g)
	if err != nil {
		return nil, err
	}
	if !flow.Fit(problems) {
		return nil, unfit(problems)
	}
	c, err := s.o.Customers.Get(ctx, customer)
	if err != nil {
		return nil, err
	}
	event, err := s.lastEvent(ctx, c.ID, g.Trigger)
	if err != nil {
		return nil, err
	}
	var out *Trial
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		r, err := readRow(tx, "journey", id)
		if err != nil {
			return err
		}
		t, err := s.newTrial(ctx, tx, r, c.ID, flow.Compile(g), event)
		if err != nil {
			return err
		}
		for _, m := range append([]Move{{}}, moves...) {
			if err := t.move(m); err != nil {
				return err
			}
			if t.out.Cut = t.written >= maxTrial; t.out.Cut {
				break
			}
		}
		out = t.result()
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return out, err
}

func (m Move) check(field string) error {
	set := 0
	if m.Advance != "" {
		set++
		if d, ok := rule.Duration(m.Advance); !ok || d > 10*366*24*time.Hour {
			return fault.AtField(field+".advance", "duration_invalid", nil)
		}
	}
	if m.Event != nil {
		set++
		if m.Event.Name == "" {
			return fault.AtField(field+".event.name", "required", nil)
		}
	}
	if m.Reply {
		set++
	}
	if set != 1 {
		return fault.AtField(field, "invalid_value", fault.Params{"choices": "advance, event, reply"})
	}
	return nil
}

// trial is a test run under way.
type trial struct {
	s   *Service
	tx  *store.Tx
	w   *world
	t   *turn
	st  *standing
	out Trial
	// written is how many steps have been shown.
	written int
}

// newTrial begins a test run; event is what would have started it, nil for none.
func (s *Service) newTrial(ctx context.Context, tx *store.Tx, r row, customer ids.ID, f *flow.Flow, event *eventPayload) (*trial, error) {
	dry := &Service{o: s.o, db: s.db, clk: s.clk, ids: s.ids, telling: newTelling()}
	dry.o.Sender, dry.o.Tasks = drySender{s.o.Sender}, dryTasks{}
	number := s.ids.Next()
	dry.flows.Store(number, f)
	j := r.journey
	j.state, j.version = Live, number
	now := s.clk.Now()
	w := &world{s: dry, ctx: ctx, q: tx, now: now, book: &book{
		journeys: map[ids.ID]*journey{j.id: &j}, versions: map[ids.ID]*version{number: {id: number, journey: j.id}}, order: []ids.ID{j.id},
	}}
	t := &trial{s: dry, tx: tx, w: w, t: &turn{customer: customer}}
	t.out.Steps, t.out.Objections = []TrialStep{}, []Reason{}
	code, params, err := w.objection(t.t, &j, f, entry{at: w.millis()})
	if err != nil {
		return nil, err
	}
	if code != "" {
		t.out.Objections = append(t.out.Objections, Reason{code, params})
	}
	context, err := json.Marshal(enrollmentContext{Event: event})
	if err != nil {
		return nil, err
	}
	ms := w.millis()
	t.st = &standing{fresh: true, arrived: true, e: enrollment{id: s.ids.Next(), journey: j.id, version: number, customer: customer, state: Active,
		node: f.Graph.Start, visit: 1, entered: ms, wake: ms, context: context, started: ms}}
	t.t.all = []*standing{t.st}
	return t, nil
}

// lastEvent is the newest event of a person that would have started the journey.
func (s *Service) lastEvent(ctx context.Context, customer ids.ID, t flow.Trigger) (*eventPayload, error) {
	if t.Kind != flow.OnEvent {
		return nil, nil //nolint:nilnil // there is none
	}
	list, err := s.o.Customers.Events(ctx, customers.EventFilter{Customer: customer, Name: t.Event, Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	e := &eventPayload{ID: list[0].ID, Name: list[0].Name}
	return e, json.Unmarshal(list[0].Properties, &e.Properties)
}

// move lets one thing happen, and all that follows from it.
func (t *trial) move(m Move) error {
	switch {
	case m.Advance != "":
		return t.advance(m.Advance)
	case m.Event != nil:
		if err := t.happen(m.Event.Name, m.Event.Properties); err != nil {
			return err
		}
	case m.Reply:
		if err := t.happen(flow.Answered, nil); err != nil {
			return err
		}
	}
	return t.settle()
}

func (t *trial) advance(by string) error {
	d, _ := rule.Duration(by)
	end := t.w.now.Add(d)
	for t.st.e.state == Active && t.st.e.wake <= clock.Millis(end) {
		if t.written >= maxTrial {
			return nil
		}
		if at := clock.FromMillis(t.st.e.wake); at.After(t.w.now) {
			t.w.now = at
		}
		if err := t.w.timeout(t.t, t.st); err != nil {
			return err
		}
		if err := t.settle(); err != nil {
			return err
		}
	}
	t.w.now = end
	return t.settle()
}

func (t *trial) happen(name string, properties map[string]any) error {
	if properties == nil {
		properties = map[string]any{}
	}
	if err := t.s.o.People.TrackTx(t.tx, t.t.customer, name, properties, t.w.now); err != nil {
		return err
	}
	if t.st.e.state != Active {
		return nil
	}
	n := news{signal: signal{kind: heardEvent, ref: name, customer: t.t.customer, at: t.w.millis(), received: t.w.millis()},
		event: &eventPayload{Name: name, Properties: properties}, facts: rule.FactsOf(properties)}
	return t.w.onTheWay(t.st, n, map[ids.ID]bool{})
}

// settle does what can be done now: effects are written, so that what comes next
// sees them, and the exit rule is asked.
func (t *trial) settle() error {
	for {
		if err := t.w.run(t.t, t.st); err != nil {
			return err
		}
		if err := t.show(); err != nil {
			return err
		}
		more := t.t.more
		t.t.more, t.t.changed, t.t.person = false, false, nil
		if t.st.e.state == Active {
			if f := t.s.flowOf(t.st.e.version); f.Graph.Exit != nil {
				out, err := t.w.matches(f.Graph.Exit, t.t.customer)
				if err != nil {
					return err
				}
				if out {
					t.w.close(t.st, Exited, endExitRule, "exited")
					return t.show()
				}
			}
		}
		if !more {
			return nil
		}
	}
}

func (s *Service) flowOf(version ids.ID) *flow.Flow {
	f, _ := s.flows.Load(version)
	return f.(*flow.Flow)
}

// show writes the effects of new steps and keeps the steps for the result.
func (t *trial) show() error {
	for _, p := range t.st.steps[t.written:] {
		row, err := t.s.effectTx(t.tx, t.st, p, t.w.now)
		if err != nil {
			return err
		}
		step := TrialStep{Node: p.node, Kind: p.kind, At: t.w.now, Outcome: row.outcome, Detail: row.detail}
		if m := p.do.message; m != nil {
			step.Message = &PreviewText{Channel: m.Channel, Subject: m.Subject, Body: m.Body}
		}
		if n := p.do.task; n != nil {
			step.Task = &TrialTask{Title: n.Title, Note: n.Note, DueAt: n.DueAt}
		}
		t.out.Steps = append(t.out.Steps, step)
	}
	t.written = len(t.st.steps)
	return nil
}

func (t *trial) result() *Trial {
	e := t.st.e
	t.out.At = t.w.now
	if e.state == Active {
		t.out.Waiting = &TrialWait{Node: e.node, Until: clock.FromMillis(e.wake)}
	} else {
		t.out.Ended = &TrialEnd{State: e.state, Reason: e.reason, At: clock.FromMillis(e.ended)}
	}
	return &t.out
}

// drySender reaches whom the real one reaches, and sends nothing.
type drySender struct{ Sender }

func (drySender) SendTx(*store.Tx, Message, time.Time) (channels.Enqueued, error) {
	return channels.Enqueued{State: "would_send"}, nil
}

func (drySender) CancelTx(*store.Tx, ids.ID, string, time.Time) error { return nil }

type dryTasks struct{}

func (dryTasks) CreateTaskTx(*store.Tx, NewTask, time.Time) (ids.ID, error) { return 0, nil }
