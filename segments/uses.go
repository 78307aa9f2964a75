package segments

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// What owners of hidden segments begin with.
const (
	stageOwner   = "stage:"
	journeyOwner = "journey:"
)

// usesOf lists what names a segment: other segments, rules of stages, and what
// the other domains tell of.
func (s *Service) usesOf(q store.Querier, all map[ids.ID]*definition, id ids.ID) ([]Use, error) {
	out := []Use{}
	for _, d := range all {
		if !slices.Contains(refs(d.node), id) {
			continue
		}
		key, isStage := strings.CutPrefix(d.owner, stageOwner)
		switch {
		case d.owner == "":
			out = append(out, Use{"segment", d.id.String(), d.name})
		case isStage:
			name, err := stageName(q, key)
			if err != nil {
				return nil, err
			}
			out = append(out, Use{"stage", key, name})
		case strings.HasPrefix(d.owner, journeyOwner) && len(s.users) == 0:
			key, _, _ = strings.Cut(strings.TrimPrefix(d.owner, journeyOwner), ":")
			out = append(out, Use{"journey", key, key})
		}
	}
	for _, users := range s.users {
		more, err := users(q, id)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	slices.SortFunc(out, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return slices.Compact(out), nil
}

// stageName is what a stage is called, in English: names in both languages are
// the reader's to look up by the key.
func stageName(q store.Querier, key string) (string, error) {
	var en, zh string
	err := q.QueryRow(queries.Get("stage-name"), key).Scan(&en, &zh)
	if errors.Is(err, store.ErrNoRows) {
		return key, nil
	}
	return en, err
}

func namesOf(uses []Use) string {
	names := make([]string, len(uses))
	for i, u := range uses {
		names[i] = u.Name
	}
	return strings.Join(names, ", ")
}
