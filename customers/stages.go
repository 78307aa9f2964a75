package customers

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Why somebody stands in another stage.
const (
	StageManual  = "manual"
	StageRule    = "rule"
	StageJourney = "journey"
	StageMerge   = "merge" // a merge or its undo
	StageImport  = "import"
)

// Lapsed is the stage that stands below all others, wherever it is shown: who
// comes back moves on from it.
const Lapsed = "lapsed"

const maxStageReason = 300

// AtStage is where a customer stands.
type AtStage struct {
	Key    string    `json:"key"`
	NameEN string    `json:"name_en"`
	NameZH string    `json:"name_zh"`
	Since  time.Time `json:"since"`
}

// StageMove says why somebody is moved, and by whom.
type StageMove struct {
	Kind   string // StageManual when empty
	Reason string // a teammate's words, or the name of the rule or journey
	Ref    string // what moved them, for programs: "journey:ID:NODE"
	Actor  Actor  // the program itself when zero
	// ForwardOnly leaves those alone who stand there or further on.
	ForwardOnly bool
}

// StageChanged is one move between stages; From and To are "" for none.
type StageChanged struct {
	ID, Customer ids.ID
	From, To     string
	Kind, Reason string
	Ref          string
	At           time.Time
}

// OnStage registers a listener that is called in the transaction of every move.
// Call it while the program starts.
func (s *Service) OnStage(fn func(tx *store.Tx, e StageChanged) error) {
	s.staged = append(s.staged, fn)
}

// ranks tell how far on each stage stands: lapsed before all others, no stage
// (and one that is gone) before that.
func ranks(q store.Querier) (map[string]int64, error) {
	rows, err := q.Query(queries.Get("stage-positions"))
	type place struct {
		key      string
		position int64
	}
	list, err := store.Collect(rows, err, func(r store.Row) (p place, err error) { return p, r.Scan(&p.key, &p.position) })
	out := make(map[string]int64, len(list))
	for _, p := range list {
		out[p.key] = p.position + 1
	}
	if _, there := out[Lapsed]; there {
		out[Lapsed] = 1
	}
	return out, err
}

// MoveStage moves a customer by hand; to "" takes them out of every stage.
func (s *Service) MoveStage(ctx context.Context, p auth.Principal, customer ids.ID, to, reason string) (*Customer, error) {
	if err := p.Require(auth.CustomersWrite); err != nil {
		return nil, err
	}
	if reason = text.CleanLine(reason); text.Length(reason) > maxStageReason {
		return nil, tooLong("reason", maxStageReason)
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := s.MoveStageTx(tx, customer, to, StageMove{Kind: StageManual, Reason: reason, Actor: actorOf(p)}, s.clk.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, customer)
}

// MoveStageTx moves a customer to a stage and, when that changes anything, keeps
// the move, stores the event "Stage Changed" and tells of both. It locks the
// customer. An unknown stage is refused: unknown_stage at the field stage.
func (s *Service) MoveStageTx(tx *store.Tx, customer ids.ID, to string, m StageMove, now time.Time) (changed bool, err error) {
	c, err := lockTx(tx, customer)
	if err != nil {
		return false, err
	}
	if err := holdStageTx(tx, to); err != nil {
		return false, err
	}
	rank, err := ranks(tx)
	if err != nil {
		return false, err
	}
	from := c.stage()
	if from == to || m.ForwardOnly && rank[to] <= rank[from] {
		return false, nil
	}
	if err := s.stageTx(tx, c.ID, standing{to, clock.Millis(now)}, from, m, now); err != nil {
		return false, err
	}
	if c, err = get(tx, qGet, c.ID); err != nil {
		return false, err
	}
	return true, announce(tx, c, 0, now)
}

// holdStageTx makes sure that a stage is there and stays.
func holdStageTx(tx *store.Tx, key string) error {
	if key == "" {
		return nil
	}
	var held string
	err := tx.QueryRow(queries.Get("hold-stage"), key).Scan(&held)
	if isNoRows(err) {
		return fault.AtField("stage", "unknown_stage", fault.Params{"stage": text.Preview(key, maxStageKey)})
	}
	return err
}

func (c *Customer) stage() string {
	if c.Stage == nil {
		return ""
	}
	return c.Stage.Key
}

// stageTx writes where a locked customer stands from here on.
func (s *Service) stageTx(tx *store.Tx, customer ids.ID, at standing, from string, m StageMove, now time.Time) error {
	if m.Kind == "" {
		m.Kind = StageManual
	}
	if m.Actor.Kind == "" {
		m.Actor = systemActor
	}
	e := StageChanged{ID: s.ids.Next(), Customer: customer, From: from, To: at.stage, Kind: m.Kind, Reason: text.Preview(m.Reason, maxStageReason), Ref: m.Ref, At: now}
	if _, err := tx.Exec(queries.Get("set-stage"), at.stage, at.since, customer); err != nil {
		return err
	}
	if _, err := tx.Exec(queries.Get("insert-stage-change"), e.ID, customer, customer, e.From, e.To, e.Kind, e.Reason, e.Ref,
		m.Actor.Kind, m.Actor.ID, deref(m.Actor.Name), clock.Millis(now)); err != nil {
		return err
	}
	t := Track{Customer: customer, Name: EventStageChanged, At: now, Properties: map[string]any{"from": e.From, "to": e.To, "reason": e.Reason, "kind": e.Kind}}
	if err := s.TrackTx(tx, t, now); err != nil {
		return err
	}
	for _, fn := range s.staged {
		if err := fn(tx, e); err != nil {
			return err
		}
	}
	return nil
}
