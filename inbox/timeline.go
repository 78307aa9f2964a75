package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Summary is a message as a customer's timeline shows it.
type Summary struct {
	ID             ids.ID    `json:"id"`
	ConversationID ids.ID    `json:"conversation_id"`
	Number         int64     `json:"number" doc:"Of the conversation"`
	Channel        string    `json:"channel"`
	AccountID      ids.ID    `json:"account_id"`
	Seq            int64     `json:"seq"`
	Direction      string    `json:"direction" enum:"in,out,internal"`
	Kind           string    `json:"kind" enum:"text,note"`
	Author         Author    `json:"author"`
	Preview        string    `json:"preview"`
	Attachments    int64     `json:"attachments"`
	At             time.Time `json:"at"`
}

// SummaryFilter is a page of one customer's messages.
type SummaryFilter struct {
	Customer ids.ID
	// Before is the place of the last one of the page before; the zero Position
	// starts with the newest.
	Before Position
	Limit  int
}

// Summaries lists a customer's messages in every conversation that p sees,
// newest first. Somebody who may not read the inbox sees none.
func (b *Inbox) Summaries(ctx context.Context, p auth.Principal, f SummaryFilter) ([]Summary, error) {
	if !p.Can(auth.InboxRead) {
		return nil, nil
	}
	var s store.Builder
	s.Add(`SELECT m.id, c.id, c.number, c.channel, c.account_id, m.seq, m.direction, m.kind, m.author_kind, m.author_id, m.author_name, m.body, m.attachments, m.created_at`)
	f.where(&s, p)
	if f.Before.ID != 0 {
		s.Add("AND (m.created_at, m.id) < (?, ?)", clock.Millis(f.Before.At), f.Before.ID)
	}
	s.Add("ORDER BY m.created_at DESC, m.id DESC LIMIT ?", f.Limit)
	query, args := s.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, func(r store.Row) (Summary, error) {
		var m Summary
		var author, body string
		var at int64
		err := r.Scan(&m.ID, &m.ConversationID, &m.Number, &m.Channel, &m.AccountID, &m.Seq, &m.Direction, &m.Kind, &m.Author.Kind, &m.Author.ID, &author, &body, &m.Attachments, &at)
		m.Author.Name, m.Preview, m.At = optionalString(author), text.Preview(body, previewLength), clock.FromMillis(at)
		return m, err
	})
}

// CountSummaries is the exact number of those that p sees.
func (b *Inbox) CountSummaries(ctx context.Context, p auth.Principal, f SummaryFilter) (n int64, err error) {
	if !p.Can(auth.InboxRead) {
		return 0, nil
	}
	var s store.Builder
	s.Add("SELECT count(*)")
	f.where(&s, p)
	query, args := s.Query()
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func (f SummaryFilter) where(s *store.Builder, p auth.Principal) {
	// A journey's message stands in the timeline as what it is.
	s.Add(`FROM conversations c JOIN messages m ON m.conversation_id = c.id WHERE c.customer_id = ? AND m.kind <> 'activity'
AND NOT (m.delivery_id > 0 AND m.author_kind = 'system' AND EXISTS (SELECT 1 FROM delivery_contents x WHERE x.delivery_id = m.delivery_id))`, f.Customer)
	whereVisible(s, p)
}
