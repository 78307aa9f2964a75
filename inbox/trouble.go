package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Trouble is a delivery that failed or of which nobody knows whether it reached
// the customer: a person decides what becomes of it. Resolving the conversation
// settles it, too. One that stands in no conversation has none, and no message.
type Trouble struct {
	Delivery       Delivery      `json:"delivery"`
	MessageID      ids.ID        `json:"message_id" nullable:"true"`
	Seq            int64         `json:"seq"`
	ConversationID ids.ID        `json:"conversation_id" nullable:"true" doc:"null for a journey's message, which stands in no conversation"`
	Number         int64         `json:"number"`
	Source         *TaskSource   `json:"source" doc:"The journey that sent it; null for what a conversation holds"`
	Channel        string        `json:"channel"`
	AccountID      ids.ID        `json:"account_id"`
	Customer       customers.Ref `json:"customer"`
	AuthorName     *string       `json:"author_name"`
	Preview        string        `json:"preview"`
	CreatedAt      time.Time     `json:"created_at"`
}

// TroubleFilter narrows Troubles; zero fields do not.
type TroubleFilter struct {
	// State is failed or unknown; "" is both.
	State string
	// Before is where a page ended: the list is newest first.
	Before Position
	Limit  int
}

// Troubles lists the deliveries of p's conversations that need a person.
func (b *Inbox) Troubles(ctx context.Context, p auth.Principal, f TroubleFilter) ([]Trouble, error) {
	if err := p.Require(auth.InboxRead); err != nil {
		return nil, err
	}
	var s store.Builder
	s.Add(`SELECT d.id, d.state, d.attempt, d.error_code, d.error_detail, d.updated_at, d.message_id, d.seq, COALESCE(c.id, 0), COALESCE(c.number, 0), a.channel, d.account_id, k.id, k.name, ` + customers.Address("k") + `,
  COALESCE(m.author_name, ''), COALESCE(m.body, x.body, ''), d.created_at, COALESCE(x.source, '')`)
	troubled(&s, p, f)
	if f.Before.ID != 0 {
		s.Add("AND (d.updated_at, d.id) < (?, ?)", f.Before.At.UnixMilli(), f.Before.ID)
	}
	s.Add("ORDER BY d.updated_at DESC, d.id DESC LIMIT ?", f.Limit)
	query, args := s.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanTrouble)
}

// CountTroubles is the exact number behind a filter.
func (b *Inbox) CountTroubles(ctx context.Context, p auth.Principal, f TroubleFilter) (int64, error) {
	if err := p.Require(auth.InboxRead); err != nil {
		return 0, err
	}
	var s store.Builder
	s.Add("SELECT count(*)")
	troubled(&s, p, f)
	query, args := s.Query()
	var n int64
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func troubled(s *store.Builder, p auth.Principal, f TroubleFilter) {
	s.Add(`FROM deliveries d JOIN accounts a ON a.id = d.account_id LEFT JOIN conversations c ON c.id = d.conversation_id LEFT JOIN messages m ON m.id = d.message_id
LEFT JOIN delivery_contents x ON x.delivery_id = d.id LEFT JOIN identities i ON i.id = d.identity_id JOIN customers k ON k.id = COALESCE(c.customer_id, i.customer_id)
WHERE d.state IN ('failed', 'unknown')`)
	if f.State != "" {
		s.Add("AND d.state = ?", f.State)
	}
	// Of these a mailing to many leaves very many behind: they are left out before
	// anything else is asked of them.
	s.Add("AND (d.message_id > 0 OR NOT")
	store.AddIn(s, "d.error_code", byRule)
	s.Add(") AND (c.status <> 'resolved'")
	whereVisible(s, p)
	if p.SeesEverything() || p.Scope == auth.ScopeAll {
		s.Add("OR d.message_id = 0 AND x.settled_at = 0")
		if !p.SeesEverything() && len(p.AccountIDs) > 0 {
			s.Add("AND")
			store.AddIn(s, "d.account_id", p.AccountIDs)
		}
	}
	s.Add(")")
}

func scanTrouble(r store.Row) (Trouble, error) {
	var t Trouble
	var code, detail, name, address, author, body string
	var customer ids.ID
	var updated, created int64
	var source []byte
	err := r.Scan(&t.Delivery.ID, &t.Delivery.State, &t.Delivery.Attempt, &code, &detail, &updated, &t.MessageID, &t.Seq, &t.ConversationID, &t.Number, &t.Channel, &t.AccountID,
		&customer, &name, &address, &author, &body, &created, &source)
	t.Delivery.ErrorCode, t.Delivery.ErrorDetail, t.Delivery.UpdatedAt = optionalString(code), optionalString(detail), clock.FromMillis(updated)
	t.Customer, t.AuthorName, t.Preview = customers.NewRef(customer, name, address), optionalString(author), text.Preview(body, previewLength)
	t.CreatedAt = clock.FromMillis(created)
	if err == nil && len(source) > 0 {
		from, err := sourceOf(source)
		if err != nil {
			return t, err
		}
		t.Source = taskSource(from)
	}
	return t, err
}
