package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

var (
	qInboundUntil = queries.Get("inbound-until")
	qSaveCursor   = queries.Get("save-read-cursor")
	qRaiseAgent   = queries.Get("raise-agent-read")
	qDraft        = queries.Get("draft")
	qSaveDraft    = queries.Get("save-draft")
	qDeleteDraft  = queries.Get("delete-draft")
)

// ReadCursor is how far a teammate has read; unread messages are the
// conversation's inbound count less InboundCount.
type ReadCursor struct {
	ConversationID ids.ID `json:"conversation_id"`
	Seq            int64  `json:"read_seq"`
	InboundCount   int64  `json:"read_inbound_count"`
}

// MarkRead sets p's own cursor, forward or back.
func (b *Inbox) MarkRead(ctx context.Context, p auth.Principal, id ids.ID, seq int64) (ReadCursor, error) {
	if err := p.Require(auth.InboxRead); err != nil {
		return ReadCursor{}, err
	}
	if p.Token {
		return ReadCursor{}, fault.New(fault.Forbidden, "teammates_only", nil)
	}
	if seq < 0 {
		return ReadCursor{}, fault.AtField("seq", "not_negative", nil)
	}
	var out ReadCursor
	err := b.db.Write(ctx, func(tx *store.Tx) error {
		c, err := lockVisibleTx(tx, p, id)
		if err != nil {
			return err
		}
		if err := b.markReadTx(tx, p, c, min(seq, c.LastSeq), b.clk.Now()); err != nil {
			return err
		}
		out.ConversationID = c.ID
		return tx.QueryRow(qReadCursor, p.ID, c.ID).Scan(&out.Seq, &out.InboundCount)
	})
	return out, err
}

func (b *Inbox) markReadTx(tx *store.Tx, p auth.Principal, c *Conversation, seq int64, now time.Time) error {
	var had ReadCursor
	if err := tx.QueryRow(qReadCursor, p.ID, c.ID).Scan(&had.Seq, &had.InboundCount); err != nil && !isNoRows(err) {
		return err
	} else if err == nil && had.Seq == seq {
		return nil
	}
	cursor := ReadCursor{ConversationID: c.ID, Seq: seq, InboundCount: c.InboundCount}
	if seq < c.LastSeq {
		if err := tx.QueryRow(qInboundUntil, c.ID, seq).Scan(&cursor.InboundCount); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(qSaveCursor, p.ID, c.ID, cursor.Seq, cursor.InboundCount, now.UnixMilli()); err != nil {
		return err
	}
	if err := feed.Append(tx, feed.Change{At: now, Kind: "read", Audience: feed.Own, Teammate: p.ID, Conversation: c.ID, Account: c.AccountID, Payload: mustJSON(cursor)}); err != nil {
		return err
	}
	raised, err := tx.Exec(qRaiseAgent, seq, c.ID, seq)
	if err != nil || raised == 0 {
		return err
	}
	c.agentReadSeq = seq
	return visitorStateTx(tx, c, now)
}

// Draft is what a teammate has begun to write and not sent.
type Draft struct {
	Kind string `json:"kind" enum:"text,note"`
	Body string `json:"body"`
}

// ReadDraft returns p's own draft; an empty one when there is none.
func (b *Inbox) ReadDraft(ctx context.Context, p auth.Principal, id ids.ID) (Draft, error) {
	q := b.db.Reader(ctx)
	if _, err := b.visible(q, p, id); err != nil {
		return Draft{}, err
	}
	d := Draft{Kind: KindText}
	if err := q.QueryRow(qDraft, p.ID, id).Scan(&d.Kind, &d.Body); err != nil && !isNoRows(err) {
		return d, err
	}
	return d, nil
}

// SaveDraft keeps p's own draft; an empty body deletes it.
func (b *Inbox) SaveDraft(ctx context.Context, p auth.Principal, id ids.ID, d Draft) error {
	if err := p.Require(auth.InboxReply); err != nil {
		return err
	}
	if p.Token {
		return fault.New(fault.Forbidden, "teammates_only", nil)
	}
	if d.Kind != KindText && d.Kind != KindNote {
		return fault.AtField("kind", "not_one_of", fault.Params{"allowed": "text, note"})
	}
	if n := text.Length(d.Body); n > b.maxBody {
		return fault.AtField("body", "body_too_long", fault.Params{"max": b.maxBody, "length": n})
	}
	d.Body = draftText(d.Body)
	return b.db.Write(ctx, func(tx *store.Tx) error {
		c, err := lockVisibleTx(tx, p, id)
		if err != nil {
			return err
		}
		now := b.clk.Now()
		if d.Body == "" {
			_, err = tx.Exec(qDeleteDraft, p.ID, c.ID)
		} else {
			_, err = tx.Exec(qSaveDraft, p.ID, c.ID, d.Kind, d.Body, now.UnixMilli())
		}
		if err != nil {
			return err
		}
		return announceDraftTx(tx, p, c.ID, d, now)
	})
}

// draftText is Clean that keeps a trailing space or line: the writer is not done.
func draftText(s string) string {
	cleaned := text.Clean(s + ".")
	return cleaned[:len(cleaned)-1]
}

func announceDraftTx(tx *store.Tx, p auth.Principal, id ids.ID, d Draft, now time.Time) error {
	return feed.Append(tx, feed.Change{At: now, Kind: "draft", Audience: feed.Own, Teammate: p.ID, Conversation: id,
		Payload: mustJSON(map[string]any{"conversation_id": id, "kind": d.Kind, "body": d.Body})})
}
