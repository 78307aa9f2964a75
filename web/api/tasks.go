package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

func (s *Server) addTasks() {
	const path = root + "/tasks"
	add(s, operation{
		id: "listTasks", method: http.MethodGet, path: path, tag: "tasks", access: needs(auth.TasksRead),
		summary:     "Tasks that the caller sees: open ones by when they are due, soonest first, ended ones by when they ended, newest first",
		description: "What scope and accounts let somebody see of conversations they see of tasks. due: overdue is before now, today the whole day, week seven days from its beginning, later everything behind those, none what is never due.",
	}, s.listTasks)
	add(s, operation{
		id: "createTask", method: http.MethodPost, path: path, tag: "tasks", access: needs(auth.TasksWrite), status: http.StatusCreated,
		summary: "Make a task", description: "The same client_key returns the first task.",
	}, s.createTask)
	add(s, operation{
		id: "getTask", method: http.MethodGet, path: path + "/{id}", tag: "tasks", access: needs(auth.TasksRead), summary: "One task",
	}, func(ctx context.Context, in *ByID) (*answer[*inbox.Task], error) {
		return answered(s.o.Inbox.Task(ctx, principal(ctx), in.ID.ID))
	})
	add(s, operation{
		id: "updateTask", method: http.MethodPatch, path: path + "/{id}", tag: "tasks", access: needs(auth.TasksWrite), errors: []int{http.StatusConflict},
		summary: "Change a task", description: "Absent fields stay, null clears. A new due time brings a new reminder. With if_version, 409 task_changed when the task has changed since.",
	}, s.updateTask)
	add(s, operation{
		id: "completeTask", method: http.MethodPost, path: path + "/{id}/complete", tag: "tasks", access: needs(auth.TasksWrite), errors: []int{http.StatusConflict},
		summary: "End a task with an outcome", description: "The same client_key returns what the first did; another one: 409 task_ended.",
	}, func(ctx context.Context, in *struct {
		ByID
		Body struct {
			Outcome   string `json:"outcome" enum:"reached,no_answer,not_interested,sold,other"`
			Note      string `json:"note,omitempty"`
			ClientKey string `json:"client_key" doc:"The client's name for this wish"`
		} `nameHint:"TaskCompletion"`
	}) (*answer[*inbox.Task], error) {
		return answered(s.o.Inbox.CompleteTask(ctx, principal(ctx), in.ID.ID, inbox.Completion{Outcome: in.Body.Outcome, Note: in.Body.Note, ClientKey: in.Body.ClientKey}))
	})
	add(s, operation{
		id: "cancelTask", method: http.MethodPost, path: path + "/{id}/cancel", tag: "tasks", access: needs(auth.TasksWrite), summary: "End a task that is not needed any more",
	}, func(ctx context.Context, in *ByID) (*answer[*inbox.Task], error) {
		return answered(s.o.Inbox.CancelTask(ctx, principal(ctx), in.ID.ID))
	})
	add(s, operation{
		id: "reopenTask", method: http.MethodPost, path: path + "/{id}/reopen", tag: "tasks", access: needs(auth.TasksWrite), summary: "Take the end of a task back",
	}, func(ctx context.Context, in *ByID) (*answer[*inbox.Task], error) {
		return answered(s.o.Inbox.ReopenTask(ctx, principal(ctx), in.ID.ID))
	})
}

type listTasksInput struct {
	Assignee       string  `query:"assignee" doc:"me, none, or the id of a teammate"`
	State          string  `query:"state" enum:"open,done,cancelled,all" default:"open"`
	Due            string  `query:"due" enum:"overdue,today,week,later,none,any" default:"any"`
	Timezone       string  `query:"timezone" doc:"IANA name: whose days today and week are; by default the installation's"`
	TeamID         idParam `query:"team_id"`
	CustomerID     idParam `query:"customer_id"`
	ConversationID idParam `query:"conversation_id"`
	PageInput
}

func (s *Server) listTasks(ctx context.Context, in *listTasksInput) (*answer[Page[*inbox.Task]], error) {
	const kind = "tasks"
	at, err := decodeCursor[inbox.TaskPosition](kind, in.Cursor)
	if err != nil {
		return nil, err
	}
	p := principal(ctx)
	f := inbox.TaskFilter{State: inbox.TaskState(in.State), Team: in.TeamID.ID, Customer: in.CustomerID.ID, Conversation: in.ConversationID.ID, At: at, Limit: in.Limit + 1}
	if in.State == "all" {
		f.State = ""
	}
	switch in.Assignee {
	case "":
	case "none":
		f.Unassigned = true
	case "me":
		if f.Assignee = p.ID; p.Token {
			return nil, fault.New(fault.Forbidden, "teammates_only", nil)
		}
	default:
		if err := f.Assignee.UnmarshalText([]byte(in.Assignee)); err != nil {
			return nil, fault.AtField("assignee", "invalid_id", nil)
		}
	}
	if err := s.dueWhen(&f, in.Due, in.Timezone); err != nil {
		return nil, err
	}
	list, err := s.o.Inbox.Tasks(ctx, p, f)
	if err != nil {
		return nil, err
	}
	return counted(paged(list, in.Limit, kind, f.PositionOf), in.PageInput, func() (int64, error) { return s.o.Inbox.CountTasks(ctx, p, f) })
}

// dueWhen turns the name of a span into its bounds.
func (s *Server) dueWhen(f *inbox.TaskFilter, due, timezone string) error {
	zone := s.o.Config.Location()
	if timezone != "" {
		var err error
		if zone, err = time.LoadLocation(timezone); err != nil || timezone == "Local" {
			return fault.AtField("timezone", "unknown_timezone", fault.Params{"value": timezone})
		}
	}
	now := s.o.Clock.Now().In(zone)
	day := func(n int) time.Time { return time.Date(now.Year(), now.Month(), now.Day()+n, 0, 0, 0, 0, zone) }
	switch due {
	case "overdue":
		f.DueBefore = now
	case "today":
		f.DueFrom, f.DueBefore = day(0), day(1)
	case "week":
		f.DueFrom, f.DueBefore = day(0), day(7)
	case "later":
		f.DueFrom = day(7)
	case "none":
		f.NeverDue = true
	}
	return nil
}

type taskRequest struct {
	Title          string     `json:"title"`
	Note           string     `json:"note,omitempty"`
	CustomerID     ids.ID     `json:"customer_id,omitempty"`
	ConversationID ids.ID     `json:"conversation_id,omitempty"`
	AssigneeID     ids.ID     `json:"assignee_id,omitempty"`
	TeamID         ids.ID     `json:"team_id,omitempty"`
	DueAt          *time.Time `json:"due_at,omitempty"`
	RemindAt       *time.Time `json:"remind_at,omitempty" doc:"By default an hour before it is due"`
	ClientKey      string     `json:"client_key,omitempty" doc:"The client's name for this wish; repeating it returns the first task"`
}

func (s *Server) createTask(ctx context.Context, in *struct {
	Body taskRequest `nameHint:"TaskRequest"`
}) (*answer[*inbox.Task], error) {
	b := in.Body
	n := inbox.NewTask{Title: b.Title, Note: b.Note, Customer: b.CustomerID, Conversation: b.ConversationID, Assignee: b.AssigneeID, Team: b.TeamID, IdempotencyKey: b.ClientKey}
	if b.DueAt != nil {
		n.DueAt = given(*b.DueAt)
	}
	if b.RemindAt != nil {
		n.RemindAt = given(*b.RemindAt)
	}
	return answered(s.o.Inbox.CreateTask(ctx, principal(ctx), n))
}

type taskPatch struct {
	Title      opt[string]          `json:"title,omitempty"`
	Note       opt[string]          `json:"note,omitempty"`
	AssigneeID clearable[ids.ID]    `json:"assignee_id,omitempty" doc:"null: nobody"`
	TeamID     clearable[ids.ID]    `json:"team_id,omitempty" doc:"null: no team"`
	DueAt      clearable[time.Time] `json:"due_at,omitempty" doc:"null: whenever there is time"`
	IfVersion  opt[int64]           `json:"if_version,omitempty" doc:"Refuse when the task's version differs"`
}

func (s *Server) updateTask(ctx context.Context, in *struct {
	ByID
	Body taskPatch `nameHint:"TaskPatch"`
}) (*answer[*inbox.Task], error) {
	b := in.Body
	return answered(s.o.Inbox.UpdateTask(ctx, principal(ctx), in.ID.ID, inbox.TaskUpdate{
		Title: b.Title.pointer(), Note: b.Note.pointer(), Assignee: b.AssigneeID.pointer(), Team: b.TeamID.pointer(), DueAt: b.DueAt.pointer(), IfVersion: b.IfVersion.pointer(),
	}))
}
