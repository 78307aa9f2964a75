package customers

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

const (
	maxStages    = 30
	maxStageName = 40
	maxStageKey  = 30
)

var (
	stageKey    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,29}$`)
	houseStages = []string{"target", "lead", "customer", "member", "fan", Lapsed}
)

// Stage is one of the ordered stages.
type Stage struct {
	Key      string     `json:"key"`
	Position int64      `json:"position" doc:"Ascending; where it is shown and, but for lapsed, how far on it is"`
	NameEN   string     `json:"name_en"`
	NameZH   string     `json:"name_zh"`
	Rule     *rule.Node `json:"rule" doc:"Who comes to match it moves to the stage; null for none"`
	Count    int64      `json:"count" doc:"How many customers stand in it"`
	BuiltIn  bool       `json:"built_in" doc:"It can be renamed and moved, not deleted"`
}

// StagePatch changes a stage; nil fields stay.
type StagePatch struct {
	NameEN, NameZH *string
	// Rule replaces the rule when SetRule; nil takes it away.
	SetRule bool
	Rule    *rule.Node
}

// OnStageRule registers who follows the rules of stages: it is called in the
// transaction that sets one (nil: takes it away) and refuses it with a fault.
// Call it while the program starts.
func (s *Service) OnStageRule(fn func(tx *store.Tx, stage string, n *rule.Node) error) {
	s.stageRules = append(s.stageRules, fn)
}

// Stages lists the stages in their order.
func (s *Service) Stages(ctx context.Context) ([]Stage, error) { return stagesOf(s.db.Reader(ctx)) }

func stagesOf(q store.Querier) ([]Stage, error) {
	rows, err := q.Query(queries.Get("stages"))
	return store.Collect(rows, err, func(r store.Row) (Stage, error) {
		var g Stage
		var stored string
		if err := r.Scan(&g.Key, &g.Position, &g.NameEN, &g.NameZH, &stored, &g.Count); err != nil {
			return g, err
		}
		g.BuiltIn = slices.Contains(houseStages, g.Key)
		if stored == "" {
			return g, nil
		}
		g.Rule = &rule.Node{}
		return g, rule.Decode([]byte(stored), g.Rule)
	})
}

// stageByKey is a stage as it stands in a list.
func stageByKey(q store.Querier, key string) (*Stage, error) {
	list, err := stagesOf(q)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(g Stage) bool { return g.Key == key })
	if i < 0 {
		return nil, fault.Missing("stage")
	}
	return &list[i], nil
}

// manageStages runs a change of the stages; those change one at a time.
func (s *Service) manageStages(ctx context.Context, p auth.Principal, action, key string, do func(tx *store.Tx, now time.Time) error) (*Stage, error) {
	if err := p.Require(auth.StagesManage); err != nil {
		return nil, err
	}
	var out *Stage
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var one int64
		if err := tx.QueryRow(queries.Get("lock-stages")).Scan(&one); err != nil {
			return err
		}
		now := s.clk.Now()
		if err := do(tx, now); err != nil {
			return err
		}
		if s.auditor != nil {
			if err := s.auditor.AuditTx(tx, p, action, "stage/"+key, nil); err != nil {
				return err
			}
		}
		if err := feed.Append(tx, feed.Change{At: now, Kind: "stages", Audience: feed.Staff, Payload: []byte("{}")}); err != nil {
			return err
		}
		var err error
		if out, err = stageByKey(tx, key); fault.KindOf(err) == fault.NotFound {
			return nil // it has been deleted
		}
		return err
	})
	return out, err
}

// CreateStage adds a stage behind all others.
func (s *Service) CreateStage(ctx context.Context, p auth.Principal, g Stage) (*Stage, error) {
	var bad []fault.Field
	if !stageKey.MatchString(g.Key) {
		bad = append(bad, fault.Field{Field: "key", Code: "stage_key_invalid", Params: fault.Params{"max": maxStageKey}})
	}
	bad = append(append(bad, checkStageName("name_en", &g.NameEN)...), checkStageName("name_zh", &g.NameZH)...)
	if err := fault.AtFields(bad...); err != nil {
		return nil, err
	}
	return s.manageStages(ctx, p, "stage.created", g.Key, func(tx *store.Tx, now time.Time) error {
		list, err := stagesOf(tx)
		if err != nil {
			return err
		}
		last := int64(0)
		for _, has := range list {
			if has.Key == g.Key {
				return fault.AtField("key", "stage_exists", nil)
			}
			last = max(last, has.Position)
		}
		if len(list) >= maxStages {
			return fault.New(fault.Invalid, "too_many", fault.Params{"max": maxStages})
		}
		at := clock.Millis(now)
		if _, err := tx.Exec(queries.Get("insert-stage"), g.Key, last+1, g.NameEN, g.NameZH, at, at); err != nil || g.Rule == nil {
			return err
		}
		return s.setStageRuleTx(tx, g.Key, g.Rule)
	})
}

func checkStageName(field string, name *string) []fault.Field {
	*name = text.CleanLine(*name)
	switch n := text.Length(*name); {
	case n == 0:
		return []fault.Field{{Field: field, Code: "required"}}
	case n > maxStageName:
		return []fault.Field{{Field: field, Code: "too_long", Params: fault.Params{"max": maxStageName}}}
	}
	return nil
}

// UpdateStage renames a stage or changes its rule.
func (s *Service) UpdateStage(ctx context.Context, p auth.Principal, key string, patch StagePatch) (*Stage, error) {
	var bad []fault.Field
	if patch.NameEN != nil {
		bad = append(bad, checkStageName("name_en", patch.NameEN)...)
	}
	if patch.NameZH != nil {
		bad = append(bad, checkStageName("name_zh", patch.NameZH)...)
	}
	if err := fault.AtFields(bad...); err != nil {
		return nil, err
	}
	return s.manageStages(ctx, p, "stage.changed", key, func(tx *store.Tx, now time.Time) error {
		g, err := stageByKey(tx, key)
		if err != nil {
			return err
		}
		if patch.NameEN != nil {
			g.NameEN = *patch.NameEN
		}
		if patch.NameZH != nil {
			g.NameZH = *patch.NameZH
		}
		if _, err := tx.Exec(queries.Get("update-stage"), g.NameEN, g.NameZH, clock.Millis(now), key); err != nil || !patch.SetRule {
			return err
		}
		return s.setStageRuleTx(tx, key, patch.Rule)
	})
}

func (s *Service) setStageRuleTx(tx *store.Tx, key string, n *rule.Node) error {
	stored := ""
	if n != nil {
		text, err := json.Marshal(n)
		if err != nil {
			return err
		}
		stored = string(text)
	}
	if _, err := tx.Exec(queries.Get("set-stage-rule"), stored, key); err != nil {
		return err
	}
	for _, fn := range s.stageRules {
		if err := fn(tx, key, n); err != nil {
			return err
		}
	}
	return nil
}

// DeleteStage removes a stage in which nobody stands: else stage_in_use. Those
// of the house stay: stage_built_in.
func (s *Service) DeleteStage(ctx context.Context, p auth.Principal, key string) error {
	if slices.Contains(houseStages, key) {
		return fault.New(fault.Conflict, "stage_built_in", nil)
	}
	_, err := s.manageStages(ctx, p, "stage.deleted", key, func(tx *store.Tx, _ time.Time) error {
		if _, err := stageByKey(tx, key); err != nil {
			return err
		}
		// Whoever moves somebody there holds the row: those who came are counted.
		if _, err := tx.Exec(queries.Get("delete-stage"), key); err != nil {
			return err
		}
		var n int64
		if err := tx.QueryRow(queries.Get("count-stage"), key).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return fault.New(fault.Conflict, "stage_in_use", fault.Params{"count": n})
		}
		return s.setStageRuleTx(tx, key, nil)
	})
	return err
}

// OrderStages puts the stages in the order of keys, which names each once.
func (s *Service) OrderStages(ctx context.Context, p auth.Principal, keys []string) ([]Stage, error) {
	_, err := s.manageStages(ctx, p, "stage.ordered", "", func(tx *store.Tx, now time.Time) error {
		list, err := stagesOf(tx)
		if err != nil {
			return err
		}
		had := make([]string, len(list))
		for i, g := range list {
			had[i] = g.Key
		}
		given := slices.Clone(keys)
		slices.Sort(had)
		slices.Sort(given)
		if !slices.Equal(had, given) {
			return fault.AtField("keys", "stage_order_invalid", nil)
		}
		for i, key := range keys {
			if _, err := tx.Exec(queries.Get("place-stage"), i+1, clock.Millis(now), key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.Stages(ctx)
}

// StageMovement is how many moves went from one stage to another; "" is none.
type StageMovement struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Count int64  `json:"count"`
}

// Movement counts the moves with from <= at < to. What merges did is left out:
// nobody moved.
func (s *Service) Movement(ctx context.Context, from, to time.Time) ([]StageMovement, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("movement"), clock.Millis(from), clock.Millis(to))
	return store.Collect(rows, err, func(r store.Row) (StageMovement, error) {
		var m StageMovement
		return m, r.Scan(&m.From, &m.To, &m.Count)
	})
}

// StageChange is one entry of a customer's way through the stages.
type StageChange struct {
	ID     ids.ID    `json:"id"`
	From   string    `json:"from" doc:"The key of a stage; empty for none"`
	To     string    `json:"to" doc:"The key of a stage; empty for none"`
	Kind   string    `json:"kind" enum:"manual,rule,journey,merge,import"`
	Reason string    `json:"reason"`
	Ref    string    `json:"ref" doc:"What moved them, for programs"`
	Actor  Actor     `json:"actor"`
	At     time.Time `json:"at"`
}

// StageChanges lists a customer's moves, newest first; before is the last id of
// the page before, 0 from the newest.
func (s *Service) StageChanges(ctx context.Context, customer, before ids.ID, limit int) ([]StageChange, error) {
	var b store.Builder
	b.Add("SELECT id, from_stage, to_stage, reason_kind, reason, ref, actor_kind, actor_id, actor_name, at FROM stage_changes")
	b.Add("WHERE customer_id = ?", customer)
	if before != 0 {
		b.Add("AND id < ?", before)
	}
	b.Add("ORDER BY id DESC LIMIT ?", limit)
	query, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (StageChange, error) {
		var c StageChange
		var name string
		var at int64
		err := r.Scan(&c.ID, &c.From, &c.To, &c.Kind, &c.Reason, &c.Ref, &c.Actor.Kind, &c.Actor.ID, &name, &at)
		c.Actor.Name, c.At = optional(name), clock.FromMillis(at)
		return c, err
	})
}

// CountStageChanges is the exact length of StageChanges.
func (s *Service) CountStageChanges(ctx context.Context, customer ids.ID) (n int64, err error) {
	return n, s.db.Reader(ctx).QueryRow(queries.Get("count-stage-changes"), customer).Scan(&n)
}
