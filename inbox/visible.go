package inbox

import (
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// VisibleNow tells whether p sees a conversation as it stands in q's state:
// what a replay of older changes asks, since rights may have moved meanwhile.
func (b *Inbox) VisibleNow(q store.Querier, p auth.Principal, id ids.ID) (bool, error) {
	_, err := b.visible(q, p, id)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}
