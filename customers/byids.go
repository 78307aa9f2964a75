package customers

import (
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// ByIDs reads records as they are: of a merged one what is its own.
func (s *Service) ByIDs(q store.Querier, list []ids.ID) (map[ids.ID]*Customer, error) {
	out := make(map[ids.ID]*Customer, len(list))
	if len(list) == 0 {
		return out, nil
	}
	var b store.Builder
	b.Add("SELECT " + columns + " FROM customers c WHERE")
	store.AddIn(&b, "c.id", list)
	query, args := b.Query()
	rows, err := q.Query(query, args...)
	found, err := store.Collect(rows, err, scan)
	for _, c := range found {
		out[c.ID] = c
	}
	return out, err
}
