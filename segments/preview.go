package segments

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/index"
	"github.com/fanward/fanward/segments/rule"
)

const (
	// maxAsking is how many previews are worked out at once; others wait.
	maxAsking = 2
	// sampleSize is how many people a preview shows.
	sampleSize = 8
	// previewTime bounds what a preview may cost beside its number.
	previewTime = 4 * time.Second
)

// Preview is what a rule would gather now.
type Preview struct {
	Count  int64                 `json:"count" doc:"Exactly"`
	Total  int64                 `json:"total" doc:"All customers"`
	Sample []*customers.Customer `json:"sample" doc:"Some of them, last seen first"`
	Reach  map[string]int64      `json:"reach" doc:"How many a marketing message can reach now, by channel, 0 where no account of it is in use; channels whose counting took too long are left out"`
	Rows   []RowCount            `json:"rows" doc:"How many each part of the rule is true of; parts whose counting took too long are left out"`
	Took   int64                 `json:"took_ms"`
}

// RowCount is how many one node of a rule is true of.
type RowCount struct {
	Path  string `json:"path"`
	Count int64  `json:"count"`
}

// Preview counts, from the rows, whom a rule is true of now. What is wrong with
// the rule is refused at its path below "rule".
func (s *Service) Preview(ctx context.Context, n rule.Node) (*Preview, error) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	began := time.Now()
	q := s.db.Reader(ctx)
	if err := s.refuse(q, n); err != nil {
		return nil, err
	}
	all, err := named(q, n)
	if err != nil {
		return nil, err
	}
	expanded, err := expand(all, n)
	if err != nil {
		return nil, err
	}
	c := &counting{s: s, all: all, at: s.clk.Now(), x: s.quick.current(ctx, true)}
	out := &Preview{Reach: map[string]int64{}, Rows: []RowCount{}}
	if out.Count, err = c.count(ctx, expanded); err != nil {
		return nil, err
	}
	if out.Total, err = c.count(ctx, rule.Node{Kind: rule.All}); err != nil {
		return nil, err
	}
	if out.Sample, err = c.sample(ctx, expanded); err != nil {
		return nil, err
	}
	// A page that is typed in waits for its number; what is beside it may be
	// missing where it would take long.
	limited, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	err = c.beside(limited, n, expanded, out)
	if err != nil && !errors.Is(limited.Err(), context.DeadlineExceeded) {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out.Took = time.Since(began).Milliseconds()
	return out, nil
}

// counting asks about everybody at one instant.
type counting struct {
	s   *Service
	all map[ids.ID]*definition
	at  time.Time
	x   *index.Index // nil: SQL answers
}

// remembered asks the index; ok is false when SQL has to answer.
func (c *counting) remembered(expanded rule.Node, ask func(p *rule.Program, t int64) error) (ok bool, err error) {
	if c.x == nil {
		return false, nil
	}
	p, err := rule.Compile(expanded)
	if err != nil {
		return false, err
	}
	err = ask(p, c.at.UnixMilli())
	if errors.Is(err, index.ErrNotIndexed) {
		return false, nil
	}
	return err == nil, err
}

func (c *counting) count(ctx context.Context, expanded rule.Node) (n int64, err error) {
	if ok, err := c.remembered(expanded, func(p *rule.Program, t int64) error {
		many, err := c.x.Count(p, t)
		n = int64(many)
		return err
	}); ok || err != nil {
		return n, err
	}
	q := c.s.db.Reader(ctx)
	condition, args, err := rule.SQL(expanded, dialect(q), c.at.UnixMilli())
	if err != nil {
		return 0, err
	}
	var b store.Builder
	b.Add("SELECT count(*) FROM customers c WHERE c.merged_into = 0 AND").Add(condition, args...)
	query, args := b.Once()
	return n, q.QueryRow(query, args...).Scan(&n)
}

func (c *counting) sample(ctx context.Context, expanded rule.Node) ([]*customers.Customer, error) {
	q := c.s.db.Reader(ctx)
	list, err := c.latest(q, expanded)
	if err != nil {
		return nil, err
	}
	known, err := c.s.customers.ByIDs(q, list)
	out := make([]*customers.Customer, 0, len(list))
	for _, id := range list {
		if known[id] != nil {
			out = append(out, known[id])
		}
	}
	return out, err
}

// latest are those of the people a rule is true of who were seen last.
func (c *counting) latest(q store.Querier, expanded rule.Node) (list []ids.ID, err error) {
	if ok, err := c.remembered(expanded, func(p *rule.Program, t int64) error {
		found, err := c.x.Latest(p, t, sampleSize)
		for _, id := range found {
			list = append(list, ids.ID(id))
		}
		return err
	}); ok || err != nil {
		return list, err
	}
	condition, args, err := rule.SQL(expanded, dialect(q), c.at.UnixMilli())
	if err != nil {
		return nil, err
	}
	var b store.Builder
	b.Add("SELECT c.id FROM customers c WHERE c.merged_into = 0 AND").Add(condition, args...)
	b.Add("ORDER BY c.last_seen_at DESC, c.id DESC LIMIT ?", sampleSize)
	query, args := b.Once()
	rows, err := q.Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
}

// beside counts whom a message reaches, and each part of the rule.
func (c *counting) beside(ctx context.Context, n, expanded rule.Node, out *Preview) error {
	on, err := c.switchedOn(ctx)
	if err != nil {
		return err
	}
	for _, channel := range rule.Channels {
		if !on[channel] {
			out.Reach[channel] = 0
			continue
		}
		both := rule.Node{Kind: rule.All, Of: []rule.Node{{Kind: rule.Reachable, Channel: channel, Purpose: rule.Marketing}, expanded}}
		many, err := c.count(ctx, both)
		if err != nil {
			return err
		}
		out.Reach[channel] = many
	}
	return c.rows(ctx, n, "rule", out.Count, out)
}

// switchedOn are the channels of which an account is in use: through the others
// nobody is reached, whatever their addresses.
func (c *counting) switchedOn(ctx context.Context) (map[string]bool, error) {
	rows, err := c.s.db.Reader(ctx).Query(queries.Get("channels-on"))
	on := map[string]bool{}
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var channel string
		err := r.Scan(&channel)
		on[channel] = true
		return struct{}{}, err
	})
	return on, err
}

// rows counts the parts of a node; the node itself has been counted.
func (c *counting) rows(ctx context.Context, n rule.Node, path string, count int64, out *Preview) error {
	out.Rows = append(out.Rows, RowCount{path, count})
	for i, below := range n.Of {
		expanded, err := expand(c.all, below)
		if err != nil {
			return err
		}
		many := count // a group of one is its only part
		if len(n.Of) > 1 || n.Kind == rule.None {
			if many, err = c.count(ctx, expanded); err != nil {
				return err
			}
		}
		if err := c.rows(ctx, below, fmt.Sprintf("%s.of[%d]", path, i), many, out); err != nil {
			return err
		}
	}
	return nil
}
