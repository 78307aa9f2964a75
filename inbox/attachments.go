package inbox

import (
	"context"
	"io"
	"time"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Upload stores a file that waits to be put into a message. It is on disk,
// flushed, before its row is (law 1).
func (b *Inbox) Upload(ctx context.Context, fs *files.Store, owner Owner, name string, r io.Reader, limit int64) (*Attachment, error) {
	put, err := fs.Put(ctx, r, name, limit)
	if err != nil {
		return nil, err
	}
	a := &Attachment{ID: b.ids.Next(), Name: files.SafeName(name), ContentType: put.ContentType, Size: put.Size}
	if put.Width > 0 && put.Height > 0 {
		w, h := int64(put.Width), int64(put.Height)
		a.Width, a.Height = &w, &h
	}
	a.URL = b.links.FileURL(a.ID)
	err = b.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(queries.Get("insert-attachment"), a.ID, owner.Kind, owner.Key, put.Key, a.Name, a.ContentType, a.Size,
			int64(put.Width), int64(put.Height), put.SHA256, b.clk.Now().UnixMilli())
		return err
	})
	if err != nil {
		// The sweep would find it, too; the disk may be the reason for the failure.
		_ = fs.Delete(context.WithoutCancel(ctx), put.Key)
		return nil, err
	}
	return a, nil
}

// KeepFile implements channels.Files.
func (b *Inbox) KeepFile(ctx context.Context, owner, name string, r io.Reader, limit int64) (ids.ID, error) {
	a, err := b.Upload(ctx, b.files, Owner{Kind: OwnerVisitor, Key: owner}, name, r, limit)
	if err != nil {
		return 0, err
	}
	return a.ID, nil
}

// HTML is the sanitised design of a mail. The caller has checked a signed link.
func (b *Inbox) HTML(ctx context.Context, message ids.ID) (string, error) {
	var html string
	err := b.db.Reader(ctx).QueryRow(queries.Get("html"), message).Scan(&html)
	if isNoRows(err) {
		return "", fault.Missing("message")
	}
	return html, err
}

// File is where an attachment's bytes lie and how to serve them.
type File struct {
	BlobKey, Name, ContentType string
	Size                       int64
}

// File finds an attachment. The caller has checked a signed link.
func (b *Inbox) File(ctx context.Context, id ids.ID) (File, error) {
	var f File
	err := b.db.Reader(ctx).QueryRow(queries.Get("attachment-file"), id).Scan(&f.BlobKey, &f.Name, &f.ContentType, &f.Size)
	if isNoRows(err) {
		return f, fault.Missing("file")
	}
	return f, err
}

// SweepUploads deletes uploads that no message took before the given instant.
func (b *Inbox) SweepUploads(ctx context.Context, fs *files.Store, before time.Time) (int, error) {
	type stale struct {
		id  ids.ID
		key string
	}
	const chunk = 200
	rows, err := b.db.Reader(ctx).Query(queries.Get("stale-attachments"), before.UnixMilli(), chunk)
	found, err := store.Collect(rows, err, func(r store.Row) (stale, error) {
		var s stale
		return s, r.Scan(&s.id, &s.key)
	})
	if err != nil {
		return 0, err
	}
	for _, s := range found {
		var gone int64
		err := b.db.Write(ctx, func(tx *store.Tx) (err error) {
			gone, err = tx.Exec(queries.Get("delete-attachment"), s.id)
			return err
		})
		if err != nil {
			return 0, err
		}
		if gone == 1 {
			if err := fs.Delete(ctx, s.key); err != nil {
				return 0, err
			}
		}
	}
	return len(found), nil
}

// KnowsBlob tells whether any attachment refers to a blob; the sweep of
// orphaned files asks.
func (b *Inbox) KnowsBlob(ctx context.Context, key string) (bool, error) {
	var n int64
	err := b.db.Reader(ctx).QueryRow(queries.Get("knows-blob"), key).Scan(&n)
	return n > 0, err
}
