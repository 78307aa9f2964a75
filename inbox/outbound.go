package inbox

import (
	"context"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// LoadOutbound reads what a delivery carries and to whom; the outbox asks
// right before it sends.
func (b *Inbox) LoadOutbound(ctx context.Context, message, identity ids.ID) (channels.Identity, string, []ids.ID, error) {
	var to channels.Identity
	var body string
	q := b.db.Reader(ctx)
	err := q.QueryRow(queries.Get("outbound"), identity, message).Scan(&to.Kind, &to.Namespace, &to.Value, &to.Verified, &body)
	if isNoRows(err) {
		return to, "", nil, fault.Missing("message")
	}
	if err != nil {
		return to, "", nil, err
	}
	rows, err := q.Query(queries.Get("attachment-ids"), message)
	files, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	return to, body, files, err
}
