package inbox

import (
	"context"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// TaskTopic is hinted when a task is made or its time changes.
const TaskTopic = "tasks"

var qSaveTask = queries.Get("save-task")

// CreateTask makes a task by hand; the same client key returns the first one.
func (b *Inbox) CreateTask(ctx context.Context, p auth.Principal, n NewTask) (*Task, error) {
	if err := p.Require(auth.TasksWrite); err != nil {
		return nil, err
	}
	if n.IdempotencyKey != "" {
		if err := checkClientKey(n.IdempotencyKey); err != nil {
			return nil, err
		}
		n.IdempotencyKey = dedupOf(p, n.IdempotencyKey)
	}
	n.By, n.Now = p, b.clk.Now()
	if err := checkTask(n.Title, n.Note, n.DueAt, n.Now); err != nil {
		return nil, err
	}
	var id ids.ID
	err := b.db.Write(ctx, func(tx *store.Tx) (err error) {
		if err := b.namedTx(tx, p, n.Assignee, n.Team, n.Conversation); err != nil {
			return err
		}
		id, err = b.CreateTaskTx(tx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	t, err := scanTask(b.db.Reader(ctx).QueryRow(qTask, id))
	if err == nil {
		t.Overdue = t.isOverdue(n.Now)
	}
	return t, err // also one that its maker has given out of sight
}

func checkTask(title, note string, due, now time.Time) error {
	var bad []fault.Field
	switch n := text.Length(text.CleanLine(title)); {
	case n == 0:
		bad = append(bad, fault.Field{Field: "title", Code: "required"})
	case n > maxTaskTitle:
		bad = append(bad, fault.Field{Field: "title", Code: "too_long", Params: fault.Params{"max": maxTaskTitle}})
	}
	if text.Length(text.Clean(note)) > maxTaskNote {
		bad = append(bad, fault.Field{Field: "note", Code: "too_long", Params: fault.Params{"max": maxTaskNote}})
	}
	if !due.IsZero() && (due.After(now.Add(maxTaskAhead)) || due.Before(now.Add(-maxTaskAhead))) {
		bad = append(bad, fault.Field{Field: "due_at", Code: "due_out_of_range", Params: fault.Params{"years": 5}})
	}
	return fault.AtFields(bad...)
}

// namedTx refuses teammates, teams and conversations that are not there.
func (b *Inbox) namedTx(q store.Querier, p auth.Principal, assignee, team, conversation ids.ID) error {
	var name string
	if assignee != 0 {
		if err := q.QueryRow(qTeammateName, assignee).Scan(&name); isNoRows(err) {
			return fault.AtField("assignee_id", "teammate_unknown", nil)
		} else if err != nil {
			return err
		}
	}
	if team != 0 {
		if err := q.QueryRow(queries.Get("team-name"), team).Scan(&name); isNoRows(err) {
			return fault.AtField("team_id", "team_unknown", nil)
		} else if err != nil {
			return err
		}
	}
	if conversation != 0 {
		if _, err := b.visible(q, p, conversation); fault.KindOf(err) == fault.NotFound {
			return fault.AtField("conversation_id", "conversation_unknown", nil)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// TaskUpdate changes a task; nil fields stay, a zero id or time clears.
type TaskUpdate struct {
	Title, Note    *string
	Assignee, Team *ids.ID
	DueAt          *time.Time
	// IfVersion, when not nil, refuses the update if the task has changed since.
	IfVersion *int64
}

// UpdateTask applies u.
func (b *Inbox) UpdateTask(ctx context.Context, p auth.Principal, id ids.ID, u TaskUpdate) (*Task, error) {
	return b.changeTask(ctx, p, id, func(tx *store.Tx, t *Task, now time.Time) (string, string, error) {
		if u.IfVersion != nil && *u.IfVersion != t.Version {
			return "", "", fault.New(fault.Conflict, "task_changed", fault.Params{"version": t.Version})
		}
		title, note, due := t.Title, t.Note, time.Time{}
		if u.Title != nil {
			title = text.CleanLine(*u.Title)
		}
		if u.Note != nil {
			note = text.Clean(*u.Note)
		}
		if u.DueAt != nil {
			due = *u.DueAt
		}
		if err := checkTask(title, note, due, now); err != nil {
			return "", "", err
		}
		t.Title, t.Note = title, note
		var assignee, team ids.ID
		if u.Assignee != nil && *u.Assignee != t.AssigneeID {
			assignee, t.AssigneeID = *u.Assignee, *u.Assignee
		}
		if u.Team != nil && *u.Team != t.TeamID {
			team, t.TeamID = *u.Team, *u.Team
		}
		if err := b.namedTx(tx, p, assignee, team, 0); err != nil {
			return "", "", err
		}
		if u.DueAt != nil {
			t.setDue(due, time.Time{}, now)
			t.EscalatedAt, t.reminded = nil, false
		}
		return taskChanged, "", nil
	})
}

// Completion is how a task ended.
type Completion struct {
	Outcome, Note string
	// ClientKey makes a repeat return what the first did.
	ClientKey string
}

// CompleteTask ends a task with an outcome; one that has ended stays as it is
// unless the same client key asks again.
func (b *Inbox) CompleteTask(ctx context.Context, p auth.Principal, id ids.ID, c Completion) (*Task, error) {
	if err := checkClientKey(c.ClientKey); err != nil {
		return nil, err
	}
	if !knownOutcome(c.Outcome) {
		return nil, fault.AtField("outcome", "not_one_of", fault.Params{"allowed": strings.Join(Outcomes, ", ")})
	}
	if c.Note = text.Clean(c.Note); text.Length(c.Note) > maxTaskNote {
		return nil, fault.AtField("note", "too_long", fault.Params{"max": maxTaskNote})
	}
	key := dedupOf(p, c.ClientKey)
	return b.changeTask(ctx, p, id, func(_ *store.Tx, t *Task, now time.Time) (string, string, error) {
		if t.State != TaskOpen {
			if t.doneKey == key {
				return "", "", nil
			}
			return "", "", fault.New(fault.Conflict, "task_ended", fault.Params{"state": string(t.State)})
		}
		t.State, t.Outcome, t.OutcomeNote, t.CompletedAt, t.doneKey, t.Overdue = TaskDone, &c.Outcome, c.Note, &now, key, false
		by := authorOf(p)
		t.CompletedBy = &by
		return taskCompleted, customers.EventTaskCompleted, nil
	})
}

// CancelTask ends a task that is not needed any more.
func (b *Inbox) CancelTask(ctx context.Context, p auth.Principal, id ids.ID) (*Task, error) {
	return b.changeTask(ctx, p, id, func(_ *store.Tx, t *Task, now time.Time) (string, string, error) {
		if t.State != TaskOpen {
			return "", "", nil
		}
		by := authorOf(p)
		t.State, t.CompletedAt, t.CompletedBy, t.Overdue = TaskCancelled, &now, &by, false
		return taskChanged, "", nil
	})
}

// ReopenTask takes the end of a task back.
func (b *Inbox) ReopenTask(ctx context.Context, p auth.Principal, id ids.ID) (*Task, error) {
	return b.changeTask(ctx, p, id, func(_ *store.Tx, t *Task, now time.Time) (string, string, error) {
		if t.State == TaskOpen {
			return "", "", nil
		}
		t.State, t.Outcome, t.OutcomeNote, t.CompletedAt, t.CompletedBy, t.doneKey = TaskOpen, nil, "", nil, nil, ""
		t.Overdue = t.isOverdue(now)
		return taskReopened, "", nil
	})
}

// changeTask changes one that p sees. change returns why it is told, "" when
// nothing has changed, and the event that follows.
func (b *Inbox) changeTask(ctx context.Context, p auth.Principal, id ids.ID, change func(tx *store.Tx, t *Task, now time.Time) (reason, event string, err error)) (*Task, error) {
	if err := p.Require(auth.TasksWrite); err != nil {
		return nil, err
	}
	var out *Task
	err := b.db.Write(ctx, func(tx *store.Tx) error {
		now := b.clk.Now()
		t, err := b.taskIn(tx, p, id, qLockTask)
		if err != nil {
			return err
		}
		before := t.place()
		out = t
		reason, event, err := change(tx, t, now)
		if err != nil || reason == "" {
			return err
		}
		if err := saveTaskTx(tx, t); err != nil {
			return err
		}
		return b.taskToldTx(tx, t, t.from(), event, reason, before, now)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (t *Task) from() channels.Source {
	if t.Source == nil {
		return channels.Source{}
	}
	return channels.Source{Kind: t.Source.Kind, Journey: t.Source.JourneyID, Name: t.Source.JourneyName, Node: t.Source.NodeID, Enrollment: t.Source.EnrollmentID}
}

func saveTaskTx(tx *store.Tx, t *Task) error {
	t.Version++
	var by ids.ID
	name := ""
	if t.CompletedBy != nil {
		by, name = t.CompletedBy.ID, deref(t.CompletedBy.Name)
	}
	var reminded int64
	if t.reminded {
		reminded = 1
	}
	_, err := tx.Exec(qSaveTask, t.Title, t.Note, t.AssigneeID, t.TeamID, millisOf(t.DueAt), millisOf(t.RemindAt), reminded, millisOf(t.EscalatedAt), string(t.State),
		deref(t.Outcome), t.OutcomeNote, t.doneKey, millisOf(t.CompletedAt), by, name, t.Version, t.ID)
	tx.Hint(TaskTopic)
	return err
}

// TasksDue brings to mind what is due soon and brings what is overdue before the
// managers, each once; it returns when the next one is due, the zero time when
// none is. One that fails does not keep the others waiting.
func (b *Inbox) TasksDue(ctx context.Context) (next time.Time, err error) {
	return b.ringDue(ctx, alarms{what: "task", due: queries.Get("due-tasks"), instants: 2, next: queries.Get("next-task"), ring: b.taskDueTx})
}

func (b *Inbox) taskDueTx(tx *store.Tx, id ids.ID) error {
	now := b.clk.Now()
	t, err := scanTask(tx.QueryRow(qLockTask, id))
	if err != nil || t.State != TaskOpen {
		return err
	}
	t.Overdue = t.isOverdue(now)
	before := t.place()
	if t.RemindAt != nil && !t.reminded && !t.RemindAt.After(now) {
		t.reminded = true
		if t.AssigneeID != 0 && !t.Overdue {
			if err := b.taskToldTx(tx, t, t.from(), "", taskReminder, before, now); err != nil {
				return err
			}
		}
	} else if t.EscalatedAt != nil || t.DueAt == nil || t.DueAt.After(now) {
		return nil // another process was quicker
	}
	reason := ""
	if t.EscalatedAt == nil && t.DueAt != nil && !t.DueAt.After(now) {
		t.EscalatedAt, t.Overdue, reason = &now, true, taskOverdue
	}
	if err := saveTaskTx(tx, t); err != nil || reason == "" {
		return err
	}
	return b.taskToldTx(tx, t, t.from(), "", reason, before, now)
}
