package inbox

import (
	"context"
	"io"
	"slices"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// maxReferences bounds how many earlier messages an answer names.
const maxReferences = 20

var (
	qOutbound      = queries.Get("outbound")
	qOutboundFiles = queries.Get("outbound-files")
	qHeardBefore   = queries.Get("heard-before")
)

// LoadOutbound reads what a delivery carries and to whom; the outbox asks
// right before it sends.
func (b *Inbox) LoadOutbound(ctx context.Context, message, identity ids.ID) (channels.Content, error) {
	var out channels.Content
	var conversation ids.ID
	var seq, attached int64
	q := b.db.Reader(ctx)
	to := &out.Identity
	err := q.QueryRow(qOutbound, identity, message).Scan(&to.Kind, &to.Namespace, &to.Value, &to.Verified, &out.Body, &conversation, &seq, &attached, &out.Subject)
	if isNoRows(err) {
		return out, fault.Missing("message")
	}
	if err != nil {
		return out, err
	}
	if attached > 0 {
		rows, err := q.Query(qOutboundFiles, message)
		if out.Files, err = store.Collect(rows, err, b.scanOutFile); err != nil {
			return out, err
		}
	}
	rows, err := q.Query(qHeardBefore, conversation, seq, maxReferences)
	heard, err := store.Collect(rows, err, func(r store.Row) (string, error) {
		var id string
		return id, r.Scan(&id)
	})
	if len(heard) > 0 {
		out.InReplyTo = heard[0]
		slices.Reverse(heard)
		out.References = heard
	}
	return out, err
}

func (b *Inbox) scanOutFile(r store.Row) (channels.OutFile, error) {
	var f channels.OutFile
	var key string
	err := r.Scan(&f.Name, &f.ContentType, &f.Size, &key)
	f.Open = func(ctx context.Context) (io.ReadCloser, error) { return b.files.Open(ctx, key) }
	return f, err
}
