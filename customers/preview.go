package customers

import (
	"context"
	"maps"
	"slices"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Objection is what speaks against a merge. A serious one has to be overruled
// by name.
type Objection struct {
	Code    string       `json:"code" enum:"two_known_people,same_channel_account,undone_before,names_differ"`
	Serious bool         `json:"serious" doc:"The merge is refused unless despite names this code"`
	Params  fault.Params `json:"params"`
}

// Side is one of the two customers of a merge.
type Side struct {
	Customer   *Customer  `json:"customer"`
	Identities []Identity `json:"identities"`
	Events     int64      `json:"events"`
}

// FieldChoice says which value of a profile field stays.
type FieldChoice struct {
	Field    string `json:"field" doc:"name, locale, timezone or attributes.<name>"`
	Survivor any    `json:"survivor"`
	Absorbed any    `json:"absorbed"`
	Result   any    `json:"result"`
	From     string `json:"from" enum:"survivor,absorbed"`
}

// Preview is what a merge would do.
type Preview struct {
	Survivor   Side          `json:"survivor"`
	Absorbed   Side          `json:"absorbed"`
	Fields     []FieldChoice `json:"fields"`
	Objections []Objection   `json:"objections"`
	// Suggested is who should survive: the proven one, else the older.
	Suggested ids.ID `json:"suggested_survivor_id"`
}

// PreviewMerge tells what a merge by hand would do; it changes nothing.
func (s *Service) PreviewMerge(ctx context.Context, survivor, absorb ids.ID) (*Preview, error) {
	p := &Preview{}
	err := s.db.Snapshot(ctx, func(q store.Querier) (err error) {
		if survivor, err = whose(q, survivor); err != nil {
			return err
		}
		if absorb, err = whose(q, absorb); err != nil {
			return missingWith(err)
		}
		if survivor == absorb {
			return fault.AtField("with", "merge_same", nil)
		}
		if p.Survivor, err = side(q, survivor); err != nil {
			return err
		}
		if p.Absorbed, err = side(q, absorb); err != nil {
			return err
		}
		if p.Objections, err = s.objections(q, survivor, absorb); err != nil {
			return err
		}
		if p.Suggested, err = suggested(q, survivor, absorb); err != nil {
			return err
		}
		p.Fields, err = choices(q, survivor, absorb)
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func missingWith(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.AtField("with", "customer_unknown", nil)
	}
	return err
}

func side(q store.Querier, id ids.ID) (Side, error) {
	var out Side
	var err error
	if out.Customer, err = get(q, qGet, id); err != nil {
		return out, err
	}
	rows, err := q.Query(queries.Get("identities"), id)
	found, err := store.Collect(rows, err, scanIdentity)
	if err != nil {
		return out, err
	}
	out.Identities = append([]Identity{}, found...)
	out.Events, err = EventFilter{Customer: id}.count(q)
	return out, err
}

// suggested is who should survive of two people.
func suggested(q store.Querier, one, other ids.ID) (ids.ID, error) {
	first, err := known(q, one)
	if err != nil {
		return 0, err
	}
	second, err := known(q, other)
	if err != nil || first == second {
		return min(one, other), err
	}
	if first {
		return one, nil
	}
	return other, nil
}

// choices compares two profiles field by field, by what a merge would show.
func choices(q store.Querier, survivor, absorbed ids.ID) ([]FieldChoice, error) {
	ours, err := personOf(q, survivor)
	if err != nil {
		return nil, err
	}
	theirs, err := personOf(q, absorbed)
	if err != nil {
		return nil, err
	}
	result := ours
	result.Attributes = maps.Clone(ours.Attributes)
	result.fill(theirs)
	mine, other, after := ours.flat(), theirs.flat(), result.flat()
	names := map[string]bool{}
	for _, m := range []map[string]any{mine, other} {
		for k := range m {
			names[k] = true
		}
	}
	out := []FieldChoice{}
	for _, k := range slices.Sorted(maps.Keys(names)) {
		c := FieldChoice{Field: k, Survivor: blank(mine[k]), Absorbed: blank(other[k]), Result: blank(after[k]), From: "survivor"}
		if c.Survivor == nil && c.Absorbed == nil {
			continue
		}
		if _, had := mine[k]; !had && c.Result != nil {
			c.From = "absorbed"
		}
		out = append(out, c)
	}
	return out, nil
}

// blank makes what was cleared look like what was never there.
func blank(v any) any {
	if v == "" {
		return nil
	}
	return v
}

// personOf is what a person's fields are, clearings included.
func personOf(q store.Querier, rep ids.ID) (fields, error) {
	members, err := membersOf(q, rep)
	if err != nil {
		return fields{}, err
	}
	edges, err := edgesOf(q, rep)
	var f fields
	for _, id := range reach(edges, rep) {
		f.fill(members[id].own)
	}
	return f, err
}

// objections are what speaks against joining two people, the serious ones first.
func (s *Service) objections(q store.Querier, survivor, absorbed ids.ID) ([]Objection, error) {
	out := []Objection{}
	one, err := externals(q, survivor)
	if err != nil {
		return nil, err
	}
	other, err := externals(q, absorbed)
	if err != nil {
		return nil, err
	}
	if len(one) > 0 && len(other) > 0 {
		out = append(out, Objection{"two_known_people", true, fault.Params{"survivor": one[0], "absorbed": other[0]}})
	}
	var shared int64
	if err := q.QueryRow(queries.Get("shared-accounts"), survivor, absorbed).Scan(&shared); err != nil {
		return nil, err
	}
	if shared > 0 {
		out = append(out, Objection{"same_channel_account", true, fault.Params{}})
	}
	at, err := s.partedBefore(q, survivor, absorbed)
	if err != nil {
		return nil, err
	}
	if at > 0 {
		out = append(out, Objection{"undone_before", true, fault.Params{"at": clock.FromMillis(at)}})
	}
	mine, err := get(q, qGet, survivor)
	if err != nil {
		return nil, err
	}
	theirs, err := get(q, qGet, absorbed)
	if err != nil {
		return nil, err
	}
	if mine.Name != nil && theirs.Name != nil && *mine.Name != *theirs.Name {
		out = append(out, Objection{"names_differ", false, fault.Params{"survivor": *mine.Name, "absorbed": *theirs.Name}})
	}
	return out, nil
}

func externals(q store.Querier, rep ids.ID) ([]string, error) {
	rows, err := q.Query(queries.Get("externals"), rep)
	return store.Collect(rows, err, func(r store.Row) (string, error) {
		var v string
		return v, r.Scan(&v)
	})
}

// partedBefore is when somebody last took these two people apart; 0 = never.
func (s *Service) partedBefore(q store.Querier, one, other ids.ID) (at int64, err error) {
	var b store.Builder
	b.Add("SELECT COALESCE(max(undone_at), 0) FROM merges WHERE undone_at > 0")
	b.Add("AND (survivor_end IN "+records+" AND absorbed_end IN "+records, one, one, other, other)
	b.Add("OR survivor_end IN "+records+" AND absorbed_end IN "+records+")", other, other, one, one)
	query, args := b.Query()
	return at, q.QueryRow(query, args...).Scan(&at)
}
