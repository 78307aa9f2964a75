package inbox

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

// TaskState is where a task stands.
type TaskState string

// The states of a task.
const (
	TaskOpen      TaskState = "open"
	TaskDone      TaskState = "done"
	TaskCancelled TaskState = "cancelled"
)

// Outcomes are how a task can end.
var Outcomes = []string{"reached", "no_answer", "not_interested", "sold", "other"}

// How the assignee of a task is chosen when none is named.
const (
	// AssignConversation: who is responsible for the customer's newest
	// conversation; where nobody is, as AssignLeast.
	AssignConversation = "conversation"
	// AssignLeast: who has the fewest open tasks, of the team if one is named.
	AssignLeast = "least"
)

const (
	maxTaskTitle = 200
	maxTaskNote  = 4000
	// remindBefore is how long before it is due a task is brought to mind.
	remindBefore = time.Hour
	maxTaskAhead = 5 * 366 * 24 * time.Hour
)

// Task is something a teammate has to do, mostly for a customer.
type Task struct {
	ID             ids.ID         `json:"id"`
	Title          string         `json:"title"`
	Note           string         `json:"note"`
	Customer       *customers.Ref `json:"customer"`
	ConversationID ids.ID         `json:"conversation_id" nullable:"true"`
	AssigneeID     ids.ID         `json:"assignee_id" nullable:"true"`
	TeamID         ids.ID         `json:"team_id" nullable:"true"`
	DueAt          *time.Time     `json:"due_at"`
	RemindAt       *time.Time     `json:"remind_at"`
	State          TaskState      `json:"state" enum:"open,done,cancelled"`
	Outcome        *string        `json:"outcome" enum:"reached,no_answer,not_interested,sold,other"`
	OutcomeNote    string         `json:"outcome_note"`
	Overdue        bool           `json:"overdue" doc:"Open, and due before now"`
	EscalatedAt    *time.Time     `json:"escalated_at" doc:"When it was brought before the managers because it was overdue"`
	Source         *TaskSource    `json:"source" doc:"The journey that asked for it; null when a person did"`
	CreatedBy      Author         `json:"created_by"`
	CreatedAt      time.Time      `json:"created_at"`
	CompletedAt    *time.Time     `json:"completed_at"`
	CompletedBy    *Author        `json:"completed_by"`
	Version        int64          `json:"version"`

	account  ids.ID
	doneKey  string
	reminded bool
}

// TaskSource is the step of a journey that a task comes from.
type TaskSource struct {
	Kind         string `json:"kind" enum:"journey"`
	JourneyID    ids.ID `json:"journey_id"`
	JourneyName  string `json:"journey_name"`
	NodeID       string `json:"node_id"`
	EnrollmentID ids.ID `json:"enrollment_id"`
}

// NewTask is a task to be made.
type NewTask struct {
	Title, Note string
	// Customer and Conversation it is about; either may be 0. Without Conversation
	// it is shown beside the customer's newest one.
	Customer, Conversation ids.ID
	// Assignee and Team; Assign chooses the assignee where none is named: "" leaves
	// it to the team or to everybody.
	Assignee, Team ids.ID
	Assign         string
	// DueAt may be zero: whenever there is time. RemindAt zero: an hour before.
	DueAt, RemindAt time.Time
	Source          channels.Source
	// IdempotencyKey makes a repeat return the first task; "" makes another.
	IdempotencyKey string
	// By is who asks for it; the zero Principal is a program.
	By  auth.Principal
	Now time.Time
}

var (
	qInsertTask = queries.Get("insert-task")
	qTaskByKey  = queries.Get("task-by-key")
	qLeast      = queries.Get("least-tasks")
)

// TaskChanged is told, in the same transaction, of a task that was made or ended.
type TaskChanged func(tx *store.Tx, t *Task, source channels.Source) error

// OnTask registers one more who is told. Call it while the program starts.
func (b *Inbox) OnTask(t TaskChanged) { b.taskListeners = append(b.taskListeners, t) }

// CreateTaskTx stores a task in the transaction that causes it. A title that is
// too long is cut, and an assignee, a team or a conversation that is gone is left
// out: a program's task is never lost because of them.
func (b *Inbox) CreateTaskTx(tx *store.Tx, n NewTask) (ids.ID, error) {
	if n.IdempotencyKey != "" {
		var first ids.ID
		err := tx.QueryRow(qTaskByKey, n.IdempotencyKey).Scan(&first)
		if err == nil || !isNoRows(err) {
			return first, err
		}
	}
	n.Title, n.Note = text.Preview(n.Title, maxTaskTitle), text.Cut(n.Note, maxTaskNote)
	t := &Task{
		ID: b.ids.Next(), Title: n.Title, Note: n.Note, ConversationID: n.Conversation, AssigneeID: n.Assignee, TeamID: n.Team, State: TaskOpen,
		CreatedBy: authorOf(n.By), CreatedAt: n.Now, Version: 1,
	}
	if n.By.ID == 0 {
		t.CreatedBy = Author{Kind: BySystem}
	}
	t.setDue(n.DueAt, n.RemindAt, n.Now)
	if err := b.aboutTx(tx, t, n); err != nil {
		return 0, err
	}
	if err := b.chooseTx(tx, t, n.Assign); err != nil {
		return 0, err
	}
	source := ""
	if n.Source.Kind != "" {
		t.Source = taskSource(n.Source)
		source = string(mustJSON(n.Source))
	}
	return b.storeTaskTx(tx, t, source, n)
}

// storeTaskTx stores a task and returns its id, or that of the task which somebody
// else has stored by the same key meanwhile.
func (b *Inbox) storeTaskTx(tx *store.Tx, t *Task, source string, n NewTask) (id ids.ID, err error) {
	var customer ids.ID
	if t.Customer != nil {
		customer = t.Customer.ID
	}
	var key any
	if n.IdempotencyKey != "" {
		key = n.IdempotencyKey
	}
	stored, err := tx.Exec(qInsertTask, t.ID, t.Title, t.Note, customer, t.ConversationID, t.account, t.AssigneeID, t.TeamID, millisOf(t.DueAt), millisOf(t.RemindAt),
		string(t.State), source, key, t.CreatedBy.Kind, t.CreatedBy.ID, deref(t.CreatedBy.Name), clock.Millis(n.Now))
	if err != nil {
		return 0, err
	}
	if stored == 0 {
		err := tx.QueryRow(qTaskByKey, n.IdempotencyKey).Scan(&id)
		return id, err
	}
	tx.Hint(TaskTopic)
	return t.ID, b.taskToldTx(tx, t, n.Source, customers.EventTaskCreated, taskCreated, nil, n.Now)
}

func taskSource(s channels.Source) *TaskSource {
	return &TaskSource{Kind: s.Kind, JourneyID: s.Journey, JourneyName: s.Name, NodeID: s.Node, EnrollmentID: s.Enrollment}
}

// setDue sets when the task is due and brought to mind; a reminder that would
// lie in the past is left out.
func (t *Task) setDue(due, remind, now time.Time) {
	t.DueAt, t.RemindAt = nil, nil
	if !due.IsZero() {
		due = due.UTC().Truncate(time.Millisecond)
		t.DueAt = &due
		if remind.IsZero() {
			remind = due.Add(-remindBefore)
		}
	}
	if remind = remind.UTC().Truncate(time.Millisecond); remind.After(now) {
		t.RemindAt = &remind
	}
	t.Overdue = t.isOverdue(now)
}

func (t *Task) isOverdue(now time.Time) bool {
	return t.State == TaskOpen && t.DueAt != nil && t.DueAt.Before(now)
}

// aboutTx finds out whom and what the task is about.
func (b *Inbox) aboutTx(tx *store.Tx, t *Task, n NewTask) error {
	if t.ConversationID != 0 {
		var customer ids.ID
		err := tx.QueryRow(queries.Get("task-conversation"), t.ConversationID).Scan(&customer, &t.account)
		if isNoRows(err) {
			t.ConversationID = 0
		} else if err != nil {
			return err
		} else if n.Customer == 0 {
			n.Customer = customer
		}
	}
	if n.Customer == 0 {
		return nil
	}
	var id ids.ID
	var name string
	err := tx.QueryRow(queries.Get("task-customer"), n.Customer).Scan(&id, &name)
	if isNoRows(err) {
		return fault.AtField("customer_id", "customer_unknown", nil)
	}
	if err != nil {
		return err
	}
	ref, err := customers.RefTx(tx, id, name)
	t.Customer = &ref
	if err != nil || t.ConversationID != 0 {
		return err
	}
	err = tx.QueryRow(queries.Get("newest-conversation"), id).Scan(&t.ConversationID, &t.account)
	if isNoRows(err) {
		return nil
	}
	return err
}

// chooseTx checks who was named, and chooses an assignee where nobody was.
func (b *Inbox) chooseTx(tx *store.Tx, t *Task, how string) error {
	var name string
	if t.AssigneeID != 0 {
		if err := tx.QueryRow(qTeammateName, t.AssigneeID).Scan(&name); isNoRows(err) {
			t.AssigneeID = 0
		} else if err != nil {
			return err
		}
	}
	if t.TeamID != 0 {
		if err := tx.QueryRow(queries.Get("team-name"), t.TeamID).Scan(&name); isNoRows(err) {
			t.TeamID = 0
		} else if err != nil {
			return err
		}
	}
	if t.AssigneeID != 0 || how == "" {
		return nil
	}
	if how == AssignConversation && t.Customer != nil {
		err := tx.QueryRow(queries.Get("responsible"), t.Customer.ID).Scan(&t.AssigneeID)
		if err == nil || !isNoRows(err) {
			return err
		}
	}
	// Whoever chooses waits for whoever is choosing, or both would find the same.
	var locked int64
	if err := tx.QueryRow(queries.Get("lock-choice")).Scan(&locked); err != nil {
		return err
	}
	err := tx.QueryRow(qLeast, t.TeamID, t.TeamID).Scan(&t.AssigneeID)
	if isNoRows(err) {
		return nil
	}
	return err
}

// Why a change of a task is told.
const (
	taskCreated   = "created"
	taskChanged   = "changed"
	taskCompleted = "completed"
	taskReopened  = "reopened"
	taskReminder  = "reminder"
	taskOverdue   = "overdue"
)

// taskPlace is where a task stood before a change; nil for a new one.
type taskPlace struct{ team, assignee ids.ID }

func (t *Task) place() *taskPlace { return &taskPlace{t.TeamID, t.AssigneeID} }

// taskToldTx tells of a change: an event of the customer, the listeners, the feed.
func (b *Inbox) taskToldTx(tx *store.Tx, t *Task, source channels.Source, event, reason string, before *taskPlace, now time.Time) error {
	if event != "" && t.Customer != nil {
		properties := map[string]any{"task_id": t.ID, "title": t.Title}
		if t.Source != nil {
			properties["journey_id"], properties["journey_name"], properties["node_id"] = t.Source.JourneyID, t.Source.JourneyName, t.Source.NodeID
		}
		if t.Outcome != nil {
			properties["outcome"] = *t.Outcome
		}
		if err := b.customers.TrackTx(tx, customers.Track{Customer: t.Customer.ID, Name: event, At: now, Properties: properties}, now); err != nil && !errors.Is(err, store.ErrNoRows) {
			return err
		}
	}
	if event != "" {
		for _, l := range b.taskListeners {
			if err := l(tx, t, source); err != nil {
				return err
			}
		}
	}
	c := feed.Change{At: now, Kind: "task", Audience: feed.Tasks, Conversation: t.ConversationID, Account: t.account, Existed: before != nil,
		After: feed.Place{Team: t.TeamID, Assignee: t.AssigneeID}, Payload: mustJSON(map[string]any{"task": t, "reason": reason})}
	if t.Customer != nil {
		c.Customer = t.Customer.ID
	}
	if before != nil {
		c.Before = feed.Place{Team: before.team, Assignee: before.assignee}
	}
	if reason == taskReminder {
		c.Audience, c.Teammate = feed.Own, t.AssigneeID
	}
	return feed.Append(tx, c)
}

func scanTask(r store.Row) (*Task, error) {
	var t Task
	var customer, by ids.ID
	var name, address, outcome, source, byName, createdName string
	var due, remind, reminded, escalated, created, completed int64
	err := r.Scan(&t.ID, &t.Title, &t.Note, &customer, &name, &address, &t.ConversationID, &t.account, &t.AssigneeID, &t.TeamID, &due, &remind, &reminded, &t.State, &outcome, &t.OutcomeNote,
		&escalated, &source, &t.CreatedBy.Kind, &t.CreatedBy.ID, &createdName, &created, &completed, &by, &byName, &t.doneKey, &t.Version)
	if err != nil {
		return nil, err
	}
	t.reminded = reminded > 0
	if customer != 0 {
		ref := customers.NewRef(customer, name, address)
		t.Customer = &ref
	}
	t.DueAt, t.RemindAt, t.EscalatedAt, t.CompletedAt, t.CreatedAt = optionalTime(due), optionalTime(remind), optionalTime(escalated), optionalTime(completed), clock.FromMillis(created)
	t.Outcome, t.CreatedBy.Name = optionalString(outcome), optionalString(createdName)
	if t.CompletedAt != nil && byName != "" {
		t.CompletedBy = &Author{Kind: ByTeammate, ID: by, Name: &byName}
		if by == 0 {
			t.CompletedBy.Kind = BySystem // a program
		}
	}
	if source != "" {
		s, err := t.sourceOf(source)
		if err != nil {
			return nil, err
		}
		t.Source = taskSource(s)
	}
	return &t, nil
}

func (t *Task) sourceOf(raw string) (s channels.Source, err error) {
	return s, json.Unmarshal([]byte(raw), &s)
}

func knownOutcome(code string) bool { return slices.Contains(Outcomes, code) }
