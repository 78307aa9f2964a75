package journeys

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Ways in which those who are on the way take a new version.
const (
	// PeopleFollow: they go on in the new version from where they stand.
	PeopleFollow = "follow"
	// PeopleFinish: they go on in the version in which they are.
	PeopleFinish = "finish_old"
	// PeopleExit: they leave.
	PeopleExit = "exit"
)

const (
	maxName  = 120
	maxGraph = 512 << 10
)

// row is a journey with its draft.
type row struct {
	journey
	draft        []byte
	draftVersion int64
	updated      int64
}

func readRow(q store.Querier, query string, id ids.ID) (row, error) {
	var r row
	var draft string
	err := q.QueryRow(queries.Get(query), id).Scan(&r.id, &r.name, &r.state, &draft, &r.draftVersion, &r.version, &r.epoch, &r.updated)
	r.draft = []byte(draft)
	return r, missing(err)
}

func checkName(name string) (string, error) {
	name = text.CleanLine(name)
	if name == "" {
		return "", fault.AtField("name", "required", nil)
	}
	if text.Length(name) > maxName {
		return "", fault.AtField("name", "too_long", fault.Params{"max": maxName})
	}
	return name, nil
}

func encode(g flow.Graph) ([]byte, error) {
	if g.Nodes == nil {
		g.Nodes = []flow.Node{}
	}
	raw, err := json.Marshal(g)
	if err == nil && len(raw) > maxGraph {
		return nil, fault.AtField("graph", "too_long", fault.Params{"max": maxGraph})
	}
	return raw, err
}

func (s *Service) auditTx(tx *store.Tx, p auth.Principal, action string, id ids.ID, details map[string]any) error {
	if s.o.Audit == nil {
		return nil
	}
	return s.o.Audit.AuditTx(tx, p, action, "journey/"+id.String(), details)
}

// Create makes a draft.
func (s *Service) Create(ctx context.Context, p auth.Principal, name string, g flow.Graph) (*Journey, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return nil, err
	}
	name, err := checkName(name)
	if err != nil {
		return nil, err
	}
	raw, err := encode(g)
	if err != nil {
		return nil, err
	}
	id := s.ids.Next()
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		now := clock.Millis(s.clk.Now())
		if _, err := tx.Exec(queries.Get("insert-journey"), id, name, string(raw), now, now); err != nil {
			return err
		}
		return s.auditTx(tx, p, "journey.created", id, map[string]any{"name": name})
	})
	if err != nil {
		return nil, err
	}
	s.telling.note(id, s.clk.Now())
	return s.Get(ctx, id)
}

// Save replaces name and draft; journey_changed when somebody else has saved
// since version was read. A draft may be full of problems.
func (s *Service) Save(ctx context.Context, p auth.Principal, id ids.ID, name string, g flow.Graph, version int64) (*Journey, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return nil, err
	}
	name, err := checkName(name)
	if err != nil {
		return nil, err
	}
	raw, err := encode(g)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		r, err := readRow(tx, "lock-journey", id)
		if err != nil {
			return err
		}
		n, err := tx.Exec(queries.Get("save-draft"), name, string(raw), clock.Millis(s.clk.Now()), id, version)
		if err == nil && n == 0 {
			err = changed(r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.telling.note(id, s.clk.Now())
	return s.Get(ctx, id)
}

// Check finds what is wrong with a graph.
func (s *Service) Check(ctx context.Context, g flow.Graph) ([]flow.Problem, error) {
	var o flow.CheckOptions
	if s.o.Check != nil {
		var err error
		if o, err = s.o.Check.Options(ctx); err != nil {
			return nil, err
		}
	}
	problems := flow.Check(g, o)
	if problems == nil {
		problems = []flow.Problem{}
	}
	return problems, nil
}

// changed is the refusal of what was meant for another draft than the one stored.
func changed(r row) error {
	return fault.New(fault.Conflict, "journey_changed", fault.Params{"draft_version": r.draftVersion})
}

// unfit is the refusal of a graph with errors; fields are named by their nodes.
func unfit(problems []flow.Problem) error {
	var fields []fault.Field
	for _, p := range problems {
		if p.Severity != flow.Error {
			continue
		}
		field := p.Field
		if p.Node != "" {
			field = "nodes." + p.Node
			if p.Field != "" {
				field += "." + p.Field
			}
		}
		fields = append(fields, fault.Field{Field: field, Code: p.Code, Params: p.Params})
	}
	e := fault.New(fault.Invalid, "journey_unfit", fault.Params{"problems": len(fields)})
	e.Fields = fields
	return e
}

// Publish makes a version of the draft, which everybody who enters from now on
// goes through; people says what becomes of those who are on the way. A paused
// journey stays paused. A draft with errors is refused: journey_unfit; another
// draft than that of version, unless that is 0: journey_changed.
func (s *Service) Publish(ctx context.Context, p auth.Principal, id ids.ID, people string, version int64) (*Journey, error) {
	if err := p.Require(auth.JourneysManage); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{PeopleFollow, PeopleFinish, PeopleExit}, people) {
		return nil, fault.AtField("people", "not_one_of", fault.Params{"allowed": "follow, finish_old, exit"})
	}
	r, err := readRow(s.db.Reader(ctx), "journey", id)
	if err != nil {
		return nil, err
	}
	if version != 0 && version != r.draftVersion {
		return nil, changed(r)
	}
	var g flow.Graph
	if err := rule.Decode(r.draft, &g); err != nil {
		return nil, err
	}
	problems, err := s.Check(ctx, g)
	if err != nil {
		return nil, err
	}
	if !flow.Fit(problems) {
		return nil, unfit(problems)
	}
	return s.change(ctx, id, func(tx *store.Tx, now time.Time, locked row) error {
		if locked.draftVersion != r.draftVersion {
			return changed(locked)
		}
		return s.publishTx(tx, p, locked, g, people, now)
	})
}

func (s *Service) publishTx(tx *store.Tx, p auth.Principal, r row, g flow.Graph, people string, now time.Time) error {
	var number int64
	if err := tx.QueryRow(queries.Get("next-number"), r.id).Scan(&number); err != nil {
		return err
	}
	id, at := s.ids.Next(), clock.Millis(now)
	if _, err := tx.Exec(queries.Get("insert-version"), id, r.id, number, string(r.draft), at, p.ID); err != nil {
		return err
	}
	switch people {
	case PeopleFollow:
		if _, err := tx.Exec(queries.Get("set-fate"), fateFollow, "", id, r.id, id); err != nil {
			return err
		}
	case PeopleExit:
		if _, err := tx.Exec(queries.Get("set-fate"), fateExit, endPublished, 0, r.id, id); err != nil {
			return err
		}
	}
	fired, err := s.scheduleTx(tx, r, g, now)
	if err != nil {
		return err
	}
	state := Live
	if r.state == Paused {
		state = Paused
	}
	if _, err := tx.Exec(queries.Get("set-version"), state, id, fired, at, r.id); err != nil {
		return err
	}
	if err := s.listenAllTx(tx, r.id); err != nil {
		return err
	}
	if g.Exit != nil {
		err = s.o.Segments.WatchTx(tx, ownerOf(r.id), *g.Exit)
	} else {
		err = s.o.Segments.UnwatchTx(tx, ownerOf(r.id))
	}
	if err != nil {
		return err
	}
	tx.Hint(Topic)
	return s.auditTx(tx, p, "journey.published", r.id, map[string]any{"version": number, "people": people})
}

// scheduleTx is where the schedule of a new version stands: where it stood when
// its times are the same, else at its beginning.
func (s *Service) scheduleTx(tx *store.Tx, r row, g flow.Graph, now time.Time) (string, error) {
	if r.version != 0 && r.state == Live {
		old, err := s.flow(tx, r.version)
		if err != nil {
			return "", err
		}
		if t := old.Graph.Trigger; t.Kind == flow.OnSchedule && g.Trigger.Kind == flow.OnSchedule && t.Cron == g.Trigger.Cron && t.Zone == g.Trigger.Zone {
			var fired string
			err := tx.QueryRow(queries.Get("fired-of"), r.id).Scan(&fired)
			return fired, err
		}
	}
	return s.beginning(&g, now)
}

// listenAllTx stores what a journey listens to in every version that people may
// still be in.
func (s *Service) listenAllTx(tx *store.Tx, id ids.ID) error {
	rows, err := tx.Query(queries.Get("open-graphs"), id)
	versions, err := store.Collect(rows, err, scanID)
	if err != nil {
		return err
	}
	var graphs []flow.Graph
	for _, v := range versions {
		f, err := s.flow(tx, v)
		if err != nil {
			return err
		}
		graphs = append(graphs, f.Graph)
	}
	return s.listenTx(tx, id, graphs)
}
