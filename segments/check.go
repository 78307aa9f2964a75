package segments

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

const (
	maxName        = 80
	maxDescription = 500
	// MaxSegments is how many teammates may make: each is asked about everybody
	// who does anything.
	MaxSegments = 500
)

// Definition is what teammates write down.
type Definition struct {
	Name        string
	Description string
	Rule        rule.Node
}

func (d *Definition) clean() (bad []fault.Field) {
	d.Name, d.Description = text.CleanLine(d.Name), text.Clean(d.Description)
	switch n := text.Length(d.Name); {
	case n == 0:
		bad = append(bad, fault.Field{Field: "name", Code: "required"})
	case n > maxName:
		bad = append(bad, fault.Field{Field: "name", Code: "too_long", Params: fault.Params{"max": maxName}})
	}
	if text.Length(d.Description) > maxDescription {
		bad = append(bad, fault.Field{Field: "description", Code: "too_long", Params: fault.Params{"max": maxDescription}})
	}
	return bad
}

// CheckTx names everything that is wrong with a rule, each at its path below
// prefix: what it says, and what it names that does not exist.
func (s *Service) CheckTx(q store.Querier, n rule.Node, prefix string) ([]fault.Field, error) {
	all, err := named(q, n)
	if err != nil {
		return nil, err
	}
	return s.check(q, all, 0, n, prefix)
}

// Check is CheckTx outside a transaction.
func (s *Service) Check(ctx context.Context, n rule.Node, prefix string) ([]fault.Field, error) {
	return s.CheckTx(s.db.Reader(ctx), n, prefix)
}

// check looks at the rule of the segment self, or of none when it is 0.
func (s *Service) check(q store.Querier, all map[ids.ID]*definition, self ids.ID, n rule.Node, prefix string) ([]fault.Field, error) {
	stages, err := stageKeys(q)
	if err != nil {
		return nil, err
	}
	bad := n.Check(rule.CheckOptions{
		Prefix:  prefix,
		Segment: func(id string) bool { return visible(all, id) != nil },
		Stage:   func(key string) bool { return stages[key] },
	})
	if len(bad) > 0 {
		return bad, nil
	}
	look := func(id string) (rule.Node, bool) {
		d := visible(all, id)
		if d == nil {
			return rule.Node{}, false
		}
		return d.node, true
	}
	if self == 0 {
		_, err = rule.Expand(n, look)
	} else {
		_, err = rule.ExpandSegment(self.String(), n, look)
	}
	if f, ok := fault.As(err); ok {
		for _, field := range f.Fields {
			bad = append(bad, fault.Field{Field: prefix + field.Field[len("rule"):], Code: field.Code, Params: withNames(all, field.Params)})
		}
		return bad, nil
	}
	return nil, err
}

// withNames puts the names of segments where a fault has their ids.
func withNames(all map[ids.ID]*definition, params fault.Params) fault.Params {
	out := fault.Params{}
	for k, v := range params {
		out[k] = v
	}
	if path, ok := out["path"].(string); ok {
		out["path"] = nameIDs(all, path)
	}
	return out
}

// nameIDs writes the names of segments instead of their ids, "a → b".
func nameIDs(all map[ids.ID]*definition, path string) string {
	steps := strings.Split(path, " → ")
	for i, step := range steps {
		if d := visible(all, step); d != nil {
			steps[i] = d.name
		}
	}
	return strings.Join(steps, " → ")
}

func stageKeys(q store.Querier) (map[string]bool, error) {
	rows, err := q.Query(queries.Get("stage-keys"))
	list, err := store.Collect(rows, err, func(r store.Row) (key string, err error) { return key, r.Scan(&key) })
	out := make(map[string]bool, len(list))
	for _, key := range list {
		out[key] = true
	}
	return out, err
}

// rawRule is the form in which a rule is stored.
func rawRule(n rule.Node) (string, error) {
	b, err := json.Marshal(n)
	return string(b), err
}
