package segments

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// Explained is the answer for one person, with every part of it.
type Explained struct {
	Match bool       `json:"match"`
	Until *time.Time `json:"until" doc:"When the answer may change by time alone; null for never"`
	// Rule is what was asked, with the rules of the segments it names in their
	// places: the paths of Why lead into it.
	Rule rule.Node `json:"rule" doc:"What was asked; a segment leaf has the segment's rule below it"`
	Why  rule.Why  `json:"why"`
}

// MatchTx matches a rule against one customer at an instant; of a merged record,
// against the one it has become part of. It sees what the transaction has written.
func (s *Service) MatchTx(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (rule.Result, error) {
	out, err := s.explain(q, n, customer, at)
	if err != nil {
		return rule.Result{}, err
	}
	r := rule.Result{Match: out.Match, Why: out.Why}
	if out.Until != nil {
		r.Until = clock.Millis(*out.Until)
	}
	return r, nil
}

// Matches is MatchTx without the reasons.
func (s *Service) Matches(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (bool, error) {
	run, _, who, err := s.prepare(q, n, customer, at)
	if err != nil {
		return false, err
	}
	match, _ := run.Eval(who, clock.Millis(at))
	return match, nil
}

// Explain tells why a customer matches a rule now, or does not. What is wrong with
// the rule is refused at its path below "rule".
func (s *Service) Explain(ctx context.Context, n rule.Node, customer ids.ID) (*Explained, error) {
	var out *Explained
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if err := s.refuse(q, n); err != nil {
			return err
		}
		out, err = s.explain(q, n, customer, s.clk.Now())
		return err
	})
	return out, err
}

// ExplainMember tells why a customer is in a segment now, or is not.
func (s *Service) ExplainMember(ctx context.Context, segment, customer ids.ID) (*Explained, error) {
	var out *Explained
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		one, err := scanSegment(q.QueryRow(queries.Get("segment"), segment))
		if err != nil {
			return err
		}
		out, err = s.explain(q, one.Rule, customer, s.clk.Now())
		return err
	})
	return out, err
}

func (s *Service) refuse(q store.Querier, n rule.Node) error {
	bad, err := s.CheckTx(q, n, "rule")
	if err != nil {
		return err
	}
	return fault.AtFields(bad...)
}

func (s *Service) explain(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (*Explained, error) {
	run, expanded, who, err := s.prepare(q, n, customer, at)
	if err != nil {
		return nil, err
	}
	r := run.Explain(who, clock.Millis(at))
	out := &Explained{Match: r.Match, Rule: expanded, Why: r.Why}
	if r.Until != 0 {
		until := clock.FromMillis(r.Until)
		out.Until = &until
	}
	return out, nil
}

// prepare compiles a rule and reads what it needs of a customer.
func (s *Service) prepare(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (*rule.Program, rule.Node, *person, error) {
	all, err := named(q, n)
	if err != nil {
		return nil, n, nil, err
	}
	run, expanded, err := compile(all, n)
	if err != nil {
		return nil, n, nil, err
	}
	var need needs
	need.add(expanded)
	who, err := s.one(q, customer, need, clock.Millis(at))
	return run, expanded, who, err
}

// one reads a customer, of a merged record the one it has become part of.
func (s *Service) one(q store.Querier, customer ids.ID, need needs, since int64) (*person, error) {
	for range 2 {
		found, err := s.people(q, []ids.ID{customer}, need, since)
		if err != nil {
			return nil, err
		}
		p := found[customer]
		if p == nil {
			break
		}
		if p.into == 0 {
			return p, nil
		}
		customer = p.into
	}
	return nil, fault.Missing("customer")
}

// People lists whom a rule is true of now, ascending, behind a customer; fewer
// than limit are the last.
func (s *Service) People(ctx context.Context, n rule.Node, after ids.ID, limit int) ([]ids.ID, error) {
	q := s.db.Reader(ctx)
	condition, args, err := s.condition(q, n, s.clk.Now())
	if err != nil {
		return nil, err
	}
	var b store.Builder
	b.Add("SELECT c.id FROM customers c WHERE c.merged_into = 0 AND c.id > ? AND", after).Add(condition, args...).Add("ORDER BY c.id LIMIT ?", limit)
	query, args := b.Once()
	rows, err := q.Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
}

// condition is a rule in SQL, on customers c.
func (s *Service) condition(q store.Querier, n rule.Node, at time.Time) (string, []any, error) {
	all, err := named(q, n)
	if err != nil {
		return "", nil, err
	}
	expanded, err := expand(all, n)
	if err != nil {
		return "", nil, err
	}
	return rule.SQL(expanded, dialect(q), clock.Millis(at))
}

func dialect(q store.Querier) rule.Dialect {
	if q.Engine() == store.Postgres {
		return rule.Postgres
	}
	return rule.SQLite
}

// CustomerSegment is a segment that somebody is in.
type CustomerSegment struct {
	ID    ids.ID    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// OfCustomer lists the segments that a customer is in, the latest first.
func (s *Service) OfCustomer(ctx context.Context, customer ids.ID) ([]CustomerSegment, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("of-customer"), customer)
	return store.Collect(rows, err, func(r store.Row) (CustomerSegment, error) {
		var c CustomerSegment
		var since int64
		err := r.Scan(&c.ID, &c.Name, &since)
		c.Since = clock.FromMillis(since)
		return c, err
	})
}

// exists is an error unless teammates see the segment.
func exists(q store.Querier, segment ids.ID) error {
	_, err := scanSegment(q.QueryRow(queries.Get("segment"), segment))
	return err
}
