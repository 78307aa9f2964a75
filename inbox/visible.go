package inbox

import (
	"encoding/json"

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

// TaskVisibleNow is VisibleNow for the task that a change tells of.
func (b *Inbox) TaskVisibleNow(q store.Querier, p auth.Principal, payload json.RawMessage) (bool, error) {
	var of struct {
		Task struct {
			ID ids.ID `json:"id"`
		} `json:"task"`
	}
	if err := json.Unmarshal(payload, &of); err != nil {
		return false, err
	}
	_, err := b.taskIn(q, p, of.Task.ID, qTask)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}
