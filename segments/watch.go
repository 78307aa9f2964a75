package segments

import (
	"errors"
	"strings"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// Watch keeps who a rule is true of in a hidden segment and tells OnChange of
// everybody who enters or leaves, under the owner. The same rule again changes
// nothing, another one is built anew. The rule has passed CheckTx.
func (s *Service) Watch(tx *store.Tx, owner string, n rule.Node) (id ids.ID, err error) {
	raw, err := rawRule(n)
	if err != nil {
		return 0, err
	}
	now := clock.Millis(s.clk.Now())
	err = tx.QueryRow(queries.Get("by-owner"), owner).Scan(&id)
	if err != nil && !errors.Is(err, store.ErrNoRows) {
		return 0, err
	}
	known := err == nil
	if known {
		if same, err := hasRule(tx, id, n); err != nil || same {
			return id, err
		}
	}
	return id, redefineTx(tx, func(tx *store.Tx, all map[ids.ID]*definition) error {
		if _, err := expand(all, n); err != nil {
			return err
		}
		if known {
			if _, err := tx.Exec(queries.Get("set-rule"), raw, now, id); err != nil {
				return err
			}
			return restart(tx, []ids.ID{id}, now)
		}
		id = s.ids.Next()
		_, err := tx.Exec(queries.Get("insert"), id, "", "", "", raw, owner, now, now, now)
		return err
	})
}

func hasRule(q store.Querier, id ids.ID, n rule.Node) (bool, error) {
	var raw []byte
	if err := q.QueryRow(queries.Get("rule"), id).Scan(&raw); err != nil {
		return false, err
	}
	stored, err := rule.Parse(raw)
	return err == nil && sameRule(stored, n), err
}

// UnwatchTx ends the hidden segment of an owner, if there is one. Nobody is told
// to have left it.
func (s *Service) UnwatchTx(tx *store.Tx, owner string) error {
	var id ids.ID
	err := tx.QueryRow(queries.Get("by-owner"), owner).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return redefineTx(tx, func(tx *store.Tx, _ map[ids.ID]*definition) error {
		_, err := tx.Exec(queries.Get("delete"), clock.Millis(s.clk.Now()), id)
		return err
	})
}

// StageRuleTx follows the rule of a stage; nil ends it. What is wrong with one is
// refused at its path below "rule".
func (s *Service) StageRuleTx(tx *store.Tx, stage string, n *rule.Node) error {
	if n == nil {
		return s.UnwatchTx(tx, stageOwner+stage)
	}
	bad, err := s.CheckTx(tx, *n, "rule")
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return fault.AtFields(bad...)
	}
	_, err = s.Watch(tx, stageOwner+stage, *n)
	return err
}

// A rule that moves somebody to one stage so often within so long goes round in
// circles with another one and is held back.
const (
	circles       = 3
	circlesWithin = time.Minute
)

// stageTx moves those who come to match the rule of a stage forward to it. From
// lapsed, which stands below all others, they return when they cease to match
// it: to the furthest stage whose rule they match.
func (s *Service) stageTx(tx *store.Tx, c Change) error {
	stage, ok := strings.CutPrefix(c.Owner, stageOwner)
	if !ok || s.customers == nil {
		return nil
	}
	if c.Entered {
		return s.moveTx(tx, c, stage, stage != customers.Lapsed)
	}
	if stage != customers.Lapsed {
		return nil
	}
	var at string
	if err := tx.QueryRow(queries.Get("stands-at"), c.Customer).Scan(&at); err != nil || at != customers.Lapsed {
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		return err
	}
	rows, err := tx.Query(queries.Get("stage-memberships"), c.Customer)
	owners, err := store.Collect(rows, err, func(r store.Row) (o string, err error) { return o, r.Scan(&o) })
	if err != nil {
		return err
	}
	for _, owner := range owners { // each moves forward only: the furthest wins
		if err := s.moveTx(tx, c, strings.TrimPrefix(owner, stageOwner), true); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) moveTx(tx *store.Tx, c Change, stage string, forward bool) error {
	var often int64
	if err := tx.QueryRow(queries.Get("moved-by-rule"), c.Customer, stage, clock.Millis(c.At.Add(-circlesWithin))).Scan(&often); err != nil {
		return err
	}
	if often >= circles {
		s.log.Warn("rules of stages move somebody in circles", "customer_id", c.Customer, "stage", stage)
		return nil
	}
	_, err := s.customers.MoveStageTx(tx, c.Customer, stage, customers.StageMove{Kind: customers.StageRule, Ref: c.Segment.String(), ForwardOnly: forward}, c.At)
	if fault.CodeOf(err) == "unknown_stage" {
		return nil // the stage is going
	}
	return err
}
