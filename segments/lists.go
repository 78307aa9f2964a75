package segments

import (
	"context"
	"strings"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Member is somebody in a segment.
type Member struct {
	Customer *customers.Customer `json:"customer"`
	Since    time.Time           `json:"since"`
	// ValidUntil is exact; the one that is stored may lie earlier.
	ValidUntil *time.Time `json:"valid_until" doc:"When they may leave by time alone; null for never"`

	id ids.ID
}

// MemberFilter is a page of members, the latest first.
type MemberFilter struct {
	Segment ids.ID
	// Query is looked for as in the list of customers.
	Query  string
	Before MemberPosition
	Limit  int
}

// MemberPosition is where a page ended.
type MemberPosition struct {
	Since    int64
	Customer ids.ID
}

func (f MemberFilter) where(b *store.Builder) {
	b.Add("FROM memberships m JOIN customers c ON c.id = m.customer_id WHERE m.segment_id = ?", f.Segment)
	if q := text.Fold(text.CleanLine(f.Query)); q != "" {
		escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q)
		b.Add(`AND c.search_text LIKE ? ESCAPE '\'`, "%"+escaped+"%")
	}
}

// Members lists who is in a segment.
func (s *Service) Members(ctx context.Context, f MemberFilter) ([]Member, error) {
	var out []Member
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		if err := exists(q, f.Segment); err != nil {
			return err
		}
		var b store.Builder
		b.Add("SELECT m.customer_id, m.since")
		f.where(&b)
		if f.Before.Customer != 0 {
			b.Add("AND (m.since, m.customer_id) < (?, ?)", f.Before.Since, f.Before.Customer)
		}
		b.Add("ORDER BY m.since DESC, m.customer_id DESC LIMIT ?", f.Limit)
		query, args := b.Query()
		rows, err := q.Query(query, args...)
		out, err = store.Collect(rows, err, func(r store.Row) (Member, error) {
			var m Member
			var since int64
			err := r.Scan(&m.id, &since)
			m.Since = clock.FromMillis(since)
			return m, err
		})
		if err != nil {
			return err
		}
		return s.present(q, f.Segment, out)
	})
	return out, err
}

// present reads who the members are, and how long each one's answer holds.
func (s *Service) present(q store.Querier, segment ids.ID, list []Member) error {
	numbers := make([]ids.ID, len(list))
	for i, m := range list {
		numbers[i] = m.id
	}
	known, err := s.customers.ByIDs(q, numbers)
	if err != nil {
		return err
	}
	for i, m := range list {
		list[i].Customer = known[m.id]
	}
	return s.until(q, segment, numbers, list)
}

// Place is where the member stands in the list.
func (m Member) Place() MemberPosition { return MemberPosition{clock.Millis(m.Since), m.id} }

func (s *Service) until(q store.Querier, segment ids.ID, numbers []ids.ID, list []Member) error {
	used, err := s.load(q)
	if err != nil {
		return err
	}
	p := used.program(segment)
	if p == nil {
		return nil
	}
	now := clock.Millis(s.clk.Now())
	people, err := s.people(q, numbers, p.needs, now)
	if err != nil {
		return err
	}
	for i, m := range list {
		if _, until := s.ask(p, people[m.id], now); until > 0 {
			at := clock.FromMillis(until)
			list[i].ValidUntil = &at
		}
	}
	return nil
}

// CountMembers is the exact number behind a filter, without its page.
func (s *Service) CountMembers(ctx context.Context, f MemberFilter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*)")
	f.where(&b)
	query, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

// Entry is one line of a segment's history.
type Entry struct {
	ID       ids.ID        `json:"id"`
	Customer customers.Ref `json:"customer"`
	Entered  bool          `json:"entered" doc:"false: left"`
	Reason   string        `json:"reason" enum:"event,time,profile,merge,erase,definition"`
	At       time.Time     `json:"at"`
}

// EntryFilter is a page of a segment's history, the latest first.
type EntryFilter struct {
	Segment ids.ID
	// Before is the last id of the page before; 0 from the newest.
	Before ids.ID
	Limit  int
}

// Changes lists who entered and left a segment.
func (s *Service) Changes(ctx context.Context, f EntryFilter) ([]Entry, error) {
	var out []Entry
	err := s.db.Snapshot(ctx, func(q store.Querier) error {
		if err := exists(q, f.Segment); err != nil {
			return err
		}
		var b store.Builder
		b.Add("SELECT h.id, h.customer_id, COALESCE(c.name, ''), COALESCE(" + customers.Address("c") + ", ''), h.entered, h.reason, h.at FROM membership_changes h LEFT JOIN customers c ON c.id = h.customer_id")
		b.Add("WHERE h.segment_id = ?", f.Segment)
		if f.Before != 0 {
			b.Add("AND h.id < ?", f.Before)
		}
		b.Add("ORDER BY h.id DESC LIMIT ?", f.Limit)
		query, args := b.Query()
		rows, err := q.Query(query, args...)
		out, err = store.Collect(rows, err, func(r store.Row) (Entry, error) {
			var e Entry
			var id ids.ID
			var name, address string
			var at int64
			err := r.Scan(&e.ID, &id, &name, &address, &e.Entered, &e.Reason, &at)
			e.Customer, e.At = customers.NewRef(id, name, address), clock.FromMillis(at)
			return e, err
		})
		return err
	})
	return out, err
}

// CountChanges is the exact length of a segment's history.
func (s *Service) CountChanges(ctx context.Context, f EntryFilter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*) FROM membership_changes WHERE segment_id = ?", f.Segment)
	query, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}
