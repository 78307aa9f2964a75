package inbox

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Outreach is a message that answers nobody as a customer's timeline shows it.
type Outreach struct {
	Delivery  Delivery   `json:"delivery"`
	Channel   string     `json:"channel"`
	AccountID ids.ID     `json:"account_id"`
	Purpose   string     `json:"purpose" enum:"transactional,marketing"`
	Subject   string     `json:"subject"`
	Preview   string     `json:"preview"`
	Source    TaskSource `json:"source"`
	// HeldUntil is when quiet hours end that hold it back.
	HeldUntil *time.Time `json:"held_until" doc:"When it goes out that quiet hours hold back; null when nothing does"`
	Answered  bool       `json:"answered" doc:"The customer has written since, within a week"`
	At        time.Time  `json:"at"`
	SentAt    *time.Time `json:"sent_at"`
}

// Outreaches lists what was sent to a customer outside of conversations, on the
// accounts that p sees, newest first.
func (b *Inbox) Outreaches(ctx context.Context, p auth.Principal, f SummaryFilter) ([]Outreach, error) {
	if err := p.Require(auth.CustomersRead); err != nil {
		return nil, err
	}
	var s store.Builder
	s.Add(`SELECT d.id, d.state, d.attempt, d.error_code, d.error_detail, d.updated_at, x.channel, x.account_id, x.purpose, x.subject, x.body, x.source, x.held_until, x.answered_by, x.created_at, x.sent_at`)
	outreachOf(&s, p, f)
	if f.Before.ID != 0 {
		s.Add("AND (x.created_at, x.delivery_id) < (?, ?)", clock.Millis(f.Before.At), f.Before.ID)
	}
	s.Add("ORDER BY x.created_at DESC, x.delivery_id DESC LIMIT ?", f.Limit)
	query, args := s.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanOutreach)
}

// CountOutreaches is the exact number of those that p sees.
func (b *Inbox) CountOutreaches(ctx context.Context, p auth.Principal, f SummaryFilter) (n int64, err error) {
	if err := p.Require(auth.CustomersRead); err != nil {
		return 0, err
	}
	var s store.Builder
	s.Add("SELECT count(*)")
	outreachOf(&s, p, f)
	query, args := s.Query()
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func outreachOf(s *store.Builder, p auth.Principal, f SummaryFilter) {
	s.Add("FROM identities i JOIN delivery_contents x ON x.identity_id = i.id JOIN deliveries d ON d.id = x.delivery_id WHERE i.customer_id = ?", f.Customer)
	if !p.SeesEverything() && len(p.AccountIDs) > 0 {
		s.Add("AND")
		store.AddIn(s, "x.account_id", p.AccountIDs)
	}
}

func scanOutreach(r store.Row) (Outreach, error) {
	var o Outreach
	var code, detail, body string
	var source []byte
	var updated, held, created, sent int64
	var answered ids.ID
	err := r.Scan(&o.Delivery.ID, &o.Delivery.State, &o.Delivery.Attempt, &code, &detail, &updated, &o.Channel, &o.AccountID, &o.Purpose, &o.Subject, &body, &source, &held, &answered, &created, &sent)
	if err != nil {
		return o, err
	}
	o.Delivery.ErrorCode, o.Delivery.ErrorDetail, o.Delivery.UpdatedAt = optionalString(code), optionalString(detail), clock.FromMillis(updated)
	o.Preview, o.HeldUntil, o.Answered, o.At, o.SentAt = text.Preview(body, previewLength), optionalTime(held), answered != 0, clock.FromMillis(created), optionalTime(sent)
	from, err := sourceOf(source)
	o.Source = *taskSource(from)
	return o, err
}

func sourceOf(raw []byte) (s channels.Source, err error) { return s, json.Unmarshal(raw, &s) }

// byRule are the codes of outreach that the rules held back: nothing that a
// person has to look at.
var byRule = []string{"consent_withdrawn", "consent_missing", "frequency_cap", "recipient_suppressed", "reply_window_closed", "reply_allowance_spent", "reply_allowance_reserved"}

// seesOutreach tells whether p, who may read the inbox, sees the deliveries of an
// account that stand in no conversation.
func seesOutreach(p auth.Principal, account ids.ID) bool {
	return p.SeesEverything() || p.Scope == auth.ScopeAll && p.SeesAccount(account)
}

// Dismiss takes a failed or unknown delivery that stands in no conversation off
// the list of those that need a person.
func (b *Inbox) Dismiss(ctx context.Context, p auth.Principal, delivery ids.ID) error {
	if err := p.Require(auth.InboxReply); err != nil {
		return err
	}
	return b.db.Write(ctx, func(tx *store.Tx) error {
		var account, conversation ids.ID
		err := tx.QueryRow(queries.Get("outreach-account"), delivery).Scan(&account, &conversation)
		if isNoRows(err) || err == nil && !seesOutreach(p, account) {
			return fault.Missing("delivery")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(queries.Get("settle-outreach"), clock.Millis(b.clk.Now()), delivery)
		return err
	})
}
