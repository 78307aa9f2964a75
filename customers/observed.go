package customers

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
	"github.com/fanward/fanward/segments/rule"
)

const (
	// sampledEvents of each name and sampledCustomers are looked at for what
	// properties and attributes there are: the latest.
	sampledEvents    = 100
	sampledCustomers = 1000
	maxExamples      = 5
	maxExampleText   = 60
	// Counting takes time where there is much: an answer is given again for at
	// least observedFor, and for observedShare times as long as it took.
	observedFor   = 2 * time.Second
	observedShare = 20
)

// Observed is a property or attribute as it has been seen.
type Observed struct {
	Name     string   `json:"name" doc:"As rules name it; those within objects with dots"`
	Types    []string `json:"types" doc:"number, text, boolean, time, list"`
	Examples []any    `json:"examples"`
}

// EventName is a kind of event that has been seen.
type EventName struct {
	Name       string     `json:"name"`
	Count      int64      `json:"count"`
	LastAt     time.Time  `json:"last_at"`
	Properties []Observed `json:"properties" doc:"Of the latest ones"`
}

// observer keeps what was counted until it is old.
type observer struct {
	mu     sync.Mutex
	events []EventName
	until  time.Time
}

// EventNames lists what customers have done, by name. The numbers may be some
// seconds old.
func (s *Service) EventNames(ctx context.Context) ([]EventName, error) {
	o := &s.observed
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.clk.Now().Before(o.until) && o.events != nil {
		return o.events, nil
	}
	begun := time.Now()
	list, err := s.countEvents(ctx)
	if err != nil {
		return nil, err
	}
	o.events, o.until = list, s.clk.Now().Add(max(observedFor, observedShare*time.Since(begun)))
	return list, nil
}

func (s *Service) countEvents(ctx context.Context) ([]EventName, error) {
	type numbered struct {
		EventName
		id, last int64
	}
	q := s.db.Reader(ctx)
	rows, err := q.Query(queries.Get("count-by-name"))
	list, err := store.Collect(rows, err, func(r store.Row) (n numbered, err error) { return n, r.Scan(&n.id, &n.Name, &n.Count, &n.last) })
	if err != nil {
		return nil, err
	}
	out := make([]EventName, 0, len(list))
	for _, n := range list {
		rows, err := q.Query(queries.Get("latest-properties"), n.id, sampledEvents)
		if n.Properties, err = observe(rows, err); err != nil {
			return nil, err
		}
		n.LastAt = clock.FromMillis(n.last)
		out = append(out, n.EventName)
	}
	return out, nil
}

// AttributeNames lists the attributes of the customers seen last.
func (s *Service) AttributeNames(ctx context.Context) ([]Observed, error) {
	rows, err := s.db.Reader(ctx).Query(queries.Get("latest-attributes"), sampledCustomers)
	return observe(rows, err)
}

// observe reads a column of JSON objects.
func observe(rows *store.Rows, err error) ([]Observed, error) {
	list, err := store.Collect(rows, err, func(r store.Row) (map[string]any, error) {
		var stored []byte
		if err := r.Scan(&stored); err != nil {
			return nil, err
		}
		d := json.NewDecoder(bytes.NewReader(stored))
		d.UseNumber()
		var object map[string]any
		return object, d.Decode(&object)
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]*Observed{}
	for _, object := range list {
		facts := rule.FactsOf(object)
		for name, value := range flatten(object) {
			f, there := facts[name]
			if !there {
				continue // no rule can ask for it
			}
			o := seen[name]
			if o == nil {
				o = &Observed{Name: name, Types: []string{}, Examples: []any{}}
				seen[name] = o
			}
			o.note(f, value)
		}
	}
	out := make([]Observed, 0, len(seen))
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		slices.Sort(seen[name].Types)
		out = append(out, *seen[name])
	}
	return out, nil
}

func (o *Observed) note(f rule.Fact, value any) {
	for _, t := range []struct {
		is   bool
		name string
	}{{f.N != nil, "number"}, {f.T != nil, "time"}, {f.S != nil && f.T == nil, "text"}, {f.B != nil, "boolean"}, {f.L != nil, "list"}} {
		if t.is && !slices.Contains(o.Types, t.name) {
			o.Types = append(o.Types, t.name)
		}
	}
	for _, example := range examplesOf(value) {
		if len(o.Examples) < maxExamples && !slices.Contains(o.Examples, example) {
			o.Examples = append(o.Examples, example)
		}
	}
}

// examplesOf are the scalars of a value.
func examplesOf(value any) []any {
	switch v := value.(type) {
	case string:
		return []any{text.Preview(v, maxExampleText)}
	case json.Number, bool:
		return []any{v}
	case []any:
		var out []any
		for _, below := range v {
			if _, list := below.([]any); !list {
				out = append(out, examplesOf(below)...)
			}
		}
		return out
	}
	return nil
}

// flatten names what is within objects by its path, as facts do.
func flatten(object map[string]any) map[string]any {
	out := map[string]any{}
	var walk func(prefix string, object map[string]any)
	walk = func(prefix string, object map[string]any) {
		for k, v := range object {
			if below, ok := v.(map[string]any); ok {
				walk(prefix+k+".", below)
			} else if _, taken := out[prefix+k]; !taken {
				out[prefix+k] = v
			}
		}
	}
	walk("", object)
	return out
}
