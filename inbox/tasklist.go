package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// TaskFilter narrows Tasks; zero fields do not.
type TaskFilter struct {
	State        TaskState // "" = every state
	Assignee     ids.ID
	Unassigned   bool
	Team         ids.ID
	Customer     ids.ID
	Conversation ids.ID
	// DueFrom <= due < DueBefore; tasks that are never due are left out when one is
	// set.
	DueFrom, DueBefore time.Time
	// NeverDue leaves only those without a time.
	NeverDue bool
	// At is where a page ended.
	At    TaskPosition
	Limit int
}

// TaskPosition is where a page ended: open tasks are listed by when they are due,
// soonest first, those without a time last; ended ones by when they ended, newest
// first.
type TaskPosition struct {
	At int64  `json:"d"`
	ID ids.ID `json:"i"`
}

func (f TaskFilter) ended() bool { return f.State == TaskDone || f.State == TaskCancelled }

// PositionOf is a task's place in the list.
func (f TaskFilter) PositionOf(t *Task) TaskPosition {
	switch {
	case f.ended():
		return TaskPosition{millisOf(t.CompletedAt), t.ID}
	case t.DueAt == nil:
		return TaskPosition{never, t.ID}
	}
	return TaskPosition{clock.Millis(*t.DueAt), t.ID}
}

// never stands behind every time.
const never = int64(1) << 62

var taskColumns = `SELECT t.id, t.title, t.note, COALESCE(r.id, 0), COALESCE(r.name, ''), COALESCE(` + customers.Address("r") + `, ''), t.conversation_id, t.account_id, t.assignee_id, t.team_id, t.due_at, t.remind_at, t.reminded_at, t.state, t.outcome, t.outcome_note,
  t.escalated_at, t.source, t.created_by_kind, t.created_by_id, t.created_by_name, t.created_at, t.completed_at, t.completed_by, t.completed_name, t.done_key, t.version`

const fromTasks = ` FROM tasks t LEFT JOIN customers k ON k.id = t.customer_id LEFT JOIN customers r ON r.id = CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END`

// sortedDue is by what tasks are listed.
const sortedDue = "CASE WHEN t.due_at > 0 THEN t.due_at ELSE 4611686018427387904 END"

// Tasks lists the tasks that p sees, soonest due first.
func (b *Inbox) Tasks(ctx context.Context, p auth.Principal, f TaskFilter) ([]*Task, error) {
	if err := p.Require(auth.TasksRead); err != nil {
		return nil, err
	}
	var s store.Builder
	s.Add(taskColumns)
	f.where(&s, p)
	f.page(&s)
	query, args := s.Query()
	rows, err := b.db.Reader(ctx).Query(query, args...)
	list, err := store.Collect(rows, err, scanTask)
	now := b.clk.Now()
	for _, t := range list {
		t.Overdue = t.isOverdue(now)
	}
	return list, err
}

func (f TaskFilter) page(s *store.Builder) {
	if f.ended() {
		if f.At.ID != 0 {
			s.Add("AND (t.completed_at, t.id) < (?, ?)", f.At.At, f.At.ID)
		}
		s.Add("ORDER BY t.completed_at DESC, t.id DESC LIMIT ?", f.Limit)
		return
	}
	if f.At.ID != 0 {
		s.Add("AND ("+sortedDue+", t.id) > (?, ?)", f.At.At, f.At.ID)
	}
	s.Add("ORDER BY "+sortedDue+", t.id LIMIT ?", f.Limit)
}

// CountTasks is the exact number behind a filter.
func (b *Inbox) CountTasks(ctx context.Context, p auth.Principal, f TaskFilter) (n int64, err error) {
	if err := p.Require(auth.TasksRead); err != nil {
		return 0, err
	}
	var s store.Builder
	s.Add("SELECT count(*)")
	f.where(&s, p)
	query, args := s.Query()
	return n, b.db.Reader(ctx).QueryRow(query, args...).Scan(&n)
}

func (f TaskFilter) where(s *store.Builder, p auth.Principal) {
	s.Add(fromTasks + " WHERE TRUE")
	if f.State != "" {
		s.Add("AND t.state = ?", string(f.State))
	}
	if f.Assignee != 0 {
		s.Add("AND t.assignee_id = ?", f.Assignee)
	}
	if f.Unassigned {
		s.Add("AND t.assignee_id = 0")
	}
	if f.Team != 0 {
		s.Add("AND t.team_id = ?", f.Team)
	}
	if f.Customer != 0 {
		s.Add("AND t.customer_id > 0 AND t.customer_id IN (SELECT id FROM customers WHERE id = ? UNION ALL SELECT id FROM customers WHERE merged_into = ? AND merged_into > 0)", f.Customer, f.Customer)
	}
	if f.Conversation != 0 {
		s.Add("AND t.conversation_id = ? AND t.conversation_id > 0", f.Conversation)
	}
	if !f.DueFrom.IsZero() {
		s.Add("AND t.due_at >= ? AND t.due_at > 0", clock.Millis(f.DueFrom))
	}
	if !f.DueBefore.IsZero() {
		s.Add("AND t.due_at < ? AND t.due_at > 0", clock.Millis(f.DueBefore))
	}
	if f.NeverDue {
		s.Add("AND t.due_at = 0")
	}
	whereTaskVisible(s, p)
}

// whereTaskVisible is auth.Principal.SeesTask in SQL; a test holds the two together.
func whereTaskVisible(s *store.Builder, p auth.Principal) {
	if p.SeesEverything() {
		return
	}
	if len(p.AccountIDs) > 0 {
		s.Add("AND (t.account_id = 0 OR")
		store.AddIn(s, "t.account_id", p.AccountIDs)
		s.Add(")")
	}
	switch p.Scope {
	case auth.ScopeAssigned:
		s.Add("AND t.assignee_id = ?", mineID(p))
	case auth.ScopeTeam:
		s.Add("AND (t.assignee_id = ? OR (t.team_id = 0 AND t.assignee_id = 0) OR", mineID(p))
		store.AddIn(s, "t.team_id", p.TeamIDs)
		s.Add(")")
	}
}

// Task returns one that p sees.
func (b *Inbox) Task(ctx context.Context, p auth.Principal, id ids.ID) (*Task, error) {
	if err := p.Require(auth.TasksRead); err != nil {
		return nil, err
	}
	return b.taskIn(b.db.Reader(ctx), p, id, qTask)
}

var (
	qTask     = queries.Get("task")
	qLockTask = queries.Get("lock-task")
)

func (b *Inbox) taskIn(q store.Querier, p auth.Principal, id ids.ID, query *store.Query) (*Task, error) {
	t, err := scanTask(q.QueryRow(query, id))
	if isNoRows(err) {
		return nil, fault.Missing("task")
	}
	if err != nil {
		return nil, err
	}
	if !p.SeesTask(t.account, t.TeamID, t.AssigneeID) {
		return nil, fault.Missing("task")
	}
	t.Overdue = t.isOverdue(b.clk.Now())
	return t, nil
}
