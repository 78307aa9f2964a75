package inbox

import (
	"context"
	"errors"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// View is a preset of the list.
type View string

// The views.
const (
	ViewAll        View = "all"
	ViewMine       View = "mine"
	ViewUnassigned View = "unassigned"
	ViewTeam       View = "team"
)

// Filter narrows the list; zero fields do not.
type Filter struct {
	View     View
	Status   Status // "" = every status
	Team     ids.ID
	Account  ids.ID
	Assignee ids.ID
	Customer ids.ID
	Before   Position
	Limit    int
}

// Position is where a page ended; the list is ordered by last activity, newest
// first.
type Position struct {
	At time.Time
	ID ids.ID
}

var columns = `SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, ` + customers.Address("k") + `, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context`

// List returns a page of the conversations that p sees.
func (b *Inbox) List(ctx context.Context, p auth.Principal, f Filter) ([]*Conversation, error) {
	if err := f.check(p); err != nil {
		return nil, err
	}
	var s store.Builder
	s.Add(columns + ", COALESCE(r.read_seq, 0), COALESCE(r.read_inbound_count, 0)")
	s.Add("FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id")
	reader := p.ID
	if p.Token {
		reader = 0
	}
	s.Add("LEFT JOIN read_cursors r ON r.teammate_id = ? AND r.conversation_id = c.id", reader)
	f.where(&s, p)
	if f.Customer != 0 {
		s.Add("AND c.customer_id = ?", f.Customer)
	}
	if f.Before.ID != 0 {
		s.Add("AND (c.last_activity_at, c.id) < (?, ?)", f.Before.At.UnixMilli(), f.Before.ID)
	}
	s.Add("ORDER BY c.last_activity_at DESC, c.id DESC LIMIT ?", f.Limit)
	query, args := s.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanListed)
}

// listedRow passes a row's extra columns on behind those of a conversation.
type listedRow struct {
	store.Row
	extra []any
}

func (l listedRow) Scan(dest ...any) error { return l.Row.Scan(append(dest, l.extra...)...) }

func scanListed(r store.Row) (*Conversation, error) {
	var seq, inbound int64
	c, err := scanConversation(listedRow{r, []any{&seq, &inbound}})
	if err != nil {
		return nil, err
	}
	c.ReadSeq, c.ReadInboundCount = &seq, &inbound
	return c, nil
}

func (f *Filter) check(p auth.Principal) error {
	if err := p.Require(auth.InboxRead); err != nil {
		return err
	}
	switch f.View {
	case "", ViewAll, ViewMine, ViewUnassigned:
	case ViewTeam:
		if f.Team == 0 {
			return fault.AtField("team_id", "required", nil)
		}
	default:
		return fault.AtField("view", "not_one_of", fault.Params{"allowed": "mine, unassigned, all, team"})
	}
	switch f.Status {
	case "", Open, Snoozed, Resolved:
		return nil
	}
	return fault.AtField("status", "not_one_of", fault.Params{"allowed": "open, snoozed, resolved, all"})
}

// where holds for conversations and for their counters alike: both have
// account, team, assignee and status. The alias is c.
func (f *Filter) where(s *store.Builder, p auth.Principal) {
	s.Add("WHERE TRUE")
	if f.Status != "" {
		s.Add("AND c.status = ?", string(f.Status))
	}
	switch f.View {
	case ViewMine:
		s.Add("AND c.assignee_id = ?", mineID(p))
	case ViewUnassigned:
		s.Add("AND c.assignee_id = 0")
	}
	if f.Team != 0 {
		s.Add("AND c.team_id = ? AND c.team_id > 0", f.Team) // as the index has it
	}
	if f.Account != 0 {
		s.Add("AND c.account_id = ?", f.Account)
	}
	if f.Assignee != 0 {
		s.Add("AND c.assignee_id = ?", f.Assignee)
	}
	whereVisible(s, p)
}

// whereVisible is auth.Principal.Sees in SQL; a test holds the two together.
func whereVisible(s *store.Builder, p auth.Principal) {
	if p.SeesEverything() {
		return
	}
	if len(p.AccountIDs) > 0 {
		s.Add("AND")
		store.AddIn(s, "c.account_id", p.AccountIDs)
	}
	switch p.Scope {
	case auth.ScopeAssigned:
		s.Add("AND c.assignee_id = ?", mineID(p))
	case auth.ScopeTeam:
		// The plus signs keep the planner on the list's order: gathering by
		// three indexes and sorting would read every match for one page.
		s.Add("AND (+c.assignee_id = ? OR (+c.team_id = 0 AND +c.assignee_id = 0) OR", mineID(p))
		store.AddIn(s, "+c.team_id", p.TeamIDs)
		s.Add(")")
	}
}

// mineID is the assignee id of p's own conversations; no conversation has -1.
func mineID(p auth.Principal) ids.ID {
	if p.Token || p.ID == 0 {
		return -1
	}
	return p.ID
}

// Count is the exact number of conversations behind a filter.
func (b *Inbox) Count(ctx context.Context, p auth.Principal, f Filter) (int64, error) {
	if err := f.check(p); err != nil {
		return 0, err
	}
	var s store.Builder
	if f.Customer != 0 {
		s.Add("SELECT count(*) FROM conversations c")
		f.where(&s, p)
		s.Add("AND c.customer_id = ?", f.Customer)
	} else {
		s.Add("SELECT COALESCE(sum(c.n), 0) FROM conversation_counts c")
		f.where(&s, p)
	}
	query, args := s.Query()
	var n int64
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

// Counts are the numbers beside the views: open conversations that p sees.
type Counts struct {
	Mine       int64            `json:"mine"`
	Unassigned int64            `json:"unassigned"`
	All        int64            `json:"all"`
	Teams      map[string]int64 `json:"teams" doc:"By team id"`
	Accounts   map[string]int64 `json:"accounts" doc:"By account id"`
	Unread     int64            `json:"unread" doc:"Own open conversations with unread messages, at most 1000"`
}

// Counts reads every counter in one pass over the counters' rows.
func (b *Inbox) Counts(ctx context.Context, p auth.Principal) (Counts, error) {
	out := Counts{Teams: map[string]int64{}, Accounts: map[string]int64{}}
	f := Filter{Status: Open}
	if err := f.check(p); err != nil {
		return out, err
	}
	var s store.Builder
	s.Add("SELECT c.account_id, c.team_id, c.assignee_id, c.n FROM conversation_counts c")
	f.where(&s, p)
	query, args := s.Query()
	q := b.db.Reader(ctx)
	rows, err := q.Query(query, args...)
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var account, team, assignee ids.ID
		var n int64
		err := r.Scan(&account, &team, &assignee, &n)
		out.add(p, account, team, assignee, n)
		return struct{}{}, err
	})
	if err != nil || p.Token {
		return out, err
	}
	return out, unreadOfMine(q, p, &out.Unread)
}

func unreadOfMine(q store.Querier, p auth.Principal, n *int64) error {
	var s store.Builder
	s.Add("SELECT count(*) FROM (SELECT c.id FROM conversations c LEFT JOIN read_cursors r ON r.teammate_id = ? AND r.conversation_id = c.id", p.ID)
	mine := Filter{Status: Open, View: ViewMine}
	mine.where(&s, p)
	s.Add("AND c.inbound_count > COALESCE(r.read_inbound_count, 0) LIMIT 1000) unread")
	query, args := s.Query()
	return q.QueryRow(query, args...).Scan(n)
}

func (c *Counts) add(p auth.Principal, account, team, assignee ids.ID, n int64) {
	c.All += n
	c.Accounts[account.String()] += n
	switch assignee {
	case 0:
		c.Unassigned += n
	case mineID(p):
		c.Mine += n
	}
	if team != 0 {
		c.Teams[team.String()] += n
	}
}

func isNoRows(err error) bool { return errors.Is(err, store.ErrNoRows) }
