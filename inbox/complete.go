package inbox

import (
	"context"
	"encoding/json"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Pending is the state in the payload of a message whose file is still being
// fetched.
const Pending = "pending"

// Complete implements channels.Sink.
func (b *Inbox) Complete(ctx context.Context, c channels.Completion) error {
	return b.db.Write(ctx, func(tx *store.Tx) error {
		first, found, err := firstOf(tx, inboundKey(c.Account, c.ExternalID))
		if err != nil || !found {
			return err
		}
		return b.completeTx(tx, first.Conversation, first.Message, c)
	})
}

func (b *Inbox) completeTx(tx *store.Tx, conversation, message ids.ID, done channels.Completion) error {
	c, err := lockTx(tx, conversation)
	if err != nil {
		return err
	}
	m, err := b.message(tx, message)
	if err != nil || !pending(m) {
		return err
	}
	e := &entry{Message: *m, uploads: done.Attachments, owner: Owner{Kind: OwnerVisitor, Key: done.AttachmentOwner}}
	e.Payload = done.Payload
	if _, err := tx.Exec(queries.Get("complete-message"), e.extra(), len(e.uploads), m.ID); err != nil {
		return err
	}
	if err := b.bindTx(tx, e); err != nil {
		return err
	}
	counted := c.place()
	if c.LastMessage != nil && c.LastMessage.Seq == m.Seq {
		c.LastMessage.Preview = previewOf(&e.Message)
		if err := saveTx(tx, c, &counted); err != nil {
			return err
		}
	}
	return announceTx(tx, change{kind: "message", c: c, before: counted, existed: true, message: &e.Message}, b.clk.Now())
}

func pending(m *Message) bool {
	var says struct {
		State string `json:"state"`
	}
	return m.Payload != nil && json.Unmarshal(m.Payload, &says) == nil && says.State == Pending
}
