package inbox_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

func task(t *testing.T, h *house.House, p auth.Principal, n inbox.NewTask) *inbox.Task {
	t.Helper()
	made, err := h.Inbox.CreateTask(h.Ctx(), p, n)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// asked makes a task as a journey does.
func asked(t *testing.T, h *house.House, n inbox.NewTask) *inbox.Task {
	t.Helper()
	n.Now = h.Clock.Now()
	n.Source = channels.Source{Kind: channels.SourceJourney, Journey: 7, Node: "call", Name: "Invite", Enrollment: 9}
	var id ids.ID
	if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) { id, err = h.Inbox.CreateTaskTx(tx, n); return err }); err != nil {
		t.Fatal(err)
	}
	made, err := h.Inbox.Task(h.Ctx(), h.Boss, id)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// told are the reasons with which changes of tasks were told, in their order.
func told(h *house.House, audience string) (out []string) {
	for n := int64(0); ; n++ {
		if h.Number("SELECT count(*) FROM changes WHERE kind = 'task' AND audience = ?", audience) <= n {
			return out
		}
		payload := h.Words("SELECT payload FROM changes WHERE kind = 'task' AND audience = ? ORDER BY id LIMIT 1 OFFSET ?", audience, n)
		_, reason, _ := strings.Cut(payload, `"reason":"`)
		reason, _, _ = strings.Cut(reason, `"`)
		out = append(out, reason)
	}
}

// One wish that is sent several times at once makes one task, and everybody hears of
// that one.
func TestATaskIsMadeOnce(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		made := make([]ids.ID, 12)
		var all sync.WaitGroup
		for i := range made {
			all.Go(func() {
				task, err := h.Inbox.CreateTask(h.Ctx(), h.Boss, inbox.NewTask{Title: "Call Ming", IdempotencyKey: "k"})
				if err != nil {
					t.Error(err)
					return
				}
				made[i] = task.ID
			})
		}
		all.Wait()
		slices.Sort(made)
		if len(slices.Compact(made)) != 1 || h.Number("SELECT count(*) FROM tasks") != 1 {
			t.Errorf("made %v", made)
		}
	})
}

func TestTaskLife(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		agent := h.Teammate(auth.Principal{Role: auth.Agent, Name: "Lin"})
		r := h.Receive("ming", "k", "hello")
		due := h.Clock.Now().Add(24 * time.Hour)
		n := inbox.NewTask{Title: "Call Ming", Customer: r.Customer, Assignee: agent.ID, DueAt: due, IdempotencyKey: "t1"}
		made := asked(t, h, n)
		if again := asked(t, h, n); again.ID != made.ID {
			t.Error("the same key makes another task")
		}
		if made.Customer == nil || made.Customer.ID != r.Customer || made.ConversationID != r.Conversation || made.Source == nil || made.Source.JourneyName != "Invite" ||
			made.CreatedBy.Kind != inbox.BySystem || made.Overdue || !made.RemindAt.Equal(due.Add(-time.Hour)) {
			t.Errorf("%+v", made)
		}
		// An hour before, its assignee is reminded, once, however many look.
		next, err := h.Inbox.TasksDue(h.Ctx())
		if err != nil || !next.Equal(due.Add(-time.Hour)) {
			t.Errorf("%v %v", next, err)
		}
		h.Clock.Advance(23 * time.Hour)
		for range 2 {
			if next, err = h.Inbox.TasksDue(h.Ctx()); err != nil || !next.Equal(due) {
				t.Errorf("%v %v", next, err)
			}
		}
		if got := told(h, "own"); !slices.Equal(got, []string{"reminder"}) {
			t.Errorf("%v", got)
		}
		// When it is overdue, everybody who sees it hears of it, once.
		h.Clock.Advance(time.Hour)
		for range 2 {
			if next, err = h.Inbox.TasksDue(h.Ctx()); err != nil || !next.IsZero() {
				t.Errorf("%v %v", next, err)
			}
		}
		h.Clock.Advance(time.Millisecond)
		late, err := h.Inbox.Task(h.Ctx(), agent, made.ID)
		if err != nil || !late.Overdue || late.EscalatedAt == nil {
			t.Errorf("%+v %v", late, err)
		}
		// Put off, it is reminded of and brought up again.
		later := h.Clock.Now().Add(3 * time.Hour)
		if late, err = h.Inbox.UpdateTask(h.Ctx(), agent, made.ID, inbox.TaskUpdate{DueAt: &later, IfVersion: &late.Version}); err != nil || late.Overdue || late.EscalatedAt != nil {
			t.Errorf("%+v %v", late, err)
		}
		old := int64(1)
		_, err = h.Inbox.UpdateTask(h.Ctx(), agent, made.ID, inbox.TaskUpdate{IfVersion: &old})
		house.Refused(t, err, "task_changed", "")
		h.Clock.Advance(2 * time.Hour)
		if _, err := h.Inbox.TasksDue(h.Ctx()); err != nil {
			t.Fatal(err)
		}
		// Done is done once; the outcome is an event of the customer.
		_, err = h.Inbox.CompleteTask(h.Ctx(), agent, made.ID, inbox.Completion{Outcome: "bored", ClientKey: "c"})
		house.Refused(t, err, "not_one_of", "outcome")
		for range 2 {
			done, err := h.Inbox.CompleteTask(h.Ctx(), agent, made.ID, inbox.Completion{Outcome: "sold", Note: "took two", ClientKey: "c"})
			if err != nil || done.State != inbox.TaskDone || *done.Outcome != "sold" || *done.CompletedBy.Name != "Lin" {
				t.Errorf("%+v %v", done, err)
			}
		}
		_, err = h.Inbox.CompleteTask(h.Ctx(), agent, made.ID, inbox.Completion{Outcome: "other", ClientKey: "d"})
		house.Refused(t, err, "task_ended", "")
		if got := told(h, "tasks"); !slices.Equal(got, []string{"created", "overdue", "changed", "completed"}) {
			t.Errorf("%v", got)
		}
		if got := told(h, "own"); !slices.Equal(got, []string{"reminder", "reminder"}) {
			t.Errorf("%v", got)
		}
		if n := h.Number(`SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name IN ('Task Created', 'Task Completed') AND e.customer_id = ?`, r.Customer); n != 2 {
			t.Errorf("%d events", n)
		}
		open, err := h.Inbox.ReopenTask(h.Ctx(), agent, made.ID)
		if err != nil || open.State != inbox.TaskOpen || open.Outcome != nil || open.CompletedBy != nil {
			t.Errorf("%+v %v", open, err)
		}
		// A program is not shown as a teammate, then or later.
		program := auth.Principal{ID: 7, Token: true, Name: "Till", Role: auth.Agent, Scope: auth.ScopeAll}
		done, err := h.Inbox.CompleteTask(h.Ctx(), program, made.ID, inbox.Completion{Outcome: "sold", ClientKey: "c"})
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Inbox.Task(h.Ctx(), agent, made.ID)
		if err != nil || again.CompletedBy.Kind != done.CompletedBy.Kind || again.CompletedBy.Kind != inbox.BySystem || *again.CompletedBy.Name != "Till" {
			t.Errorf("%+v, then %+v %v", done.CompletedBy, again.CompletedBy, err)
		}
	})
}

// Who sees a conversation there sees the task, in lists, counts and alone.
func TestTaskSight(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		team := h.Team("First year")
		other := h.NewAccount("Other", nil)
		mine := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
		people := map[string]auth.Principal{
			"boss": h.Boss, "assigned": mine, "all": h.Teammate(auth.Principal{Role: auth.Agent}), "team": h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeTeam, TeamIDs: []ids.ID{team}}),
			"no team": h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeTeam}), "elsewhere": h.Teammate(auth.Principal{Role: auth.Agent, AccountIDs: []ids.ID{other.ID}}),
			"marketer": h.Teammate(auth.Principal{Role: auth.Marketer}), "token": {ID: mine.ID, Token: true, Role: auth.Agent, Scope: auth.ScopeAssigned},
		}
		r := h.Receive("ming", "k", "hello")
		tasks := []*inbox.Task{
			task(t, h, h.Boss, inbox.NewTask{Title: "free"}), task(t, h, h.Boss, inbox.NewTask{Title: "mine", Assignee: mine.ID}), task(t, h, h.Boss, inbox.NewTask{Title: "team", Team: team}),
			task(t, h, h.Boss, inbox.NewTask{Title: "talk", Conversation: r.Conversation}), task(t, h, h.Boss, inbox.NewTask{Title: "talk of mine", Conversation: r.Conversation, Assignee: mine.ID}),
		}
		want := map[string]string{
			"boss": "free mine team talk talk of mine", "assigned": "mine talk of mine", "all": "free mine team talk talk of mine", "team": "free team talk",
			"no team": "free talk", "elsewhere": "free mine team", "marketer": "free mine team talk talk of mine", "token": "",
		}
		for name, p := range people {
			list, err := h.Inbox.Tasks(h.Ctx(), p, inbox.TaskFilter{Limit: 50})
			if err != nil {
				t.Fatal(err)
			}
			var titles []string
			for _, x := range list {
				titles = append(titles, x.Title)
			}
			if got := strings.Join(titles, " "); got != want[name] {
				t.Errorf("%s sees %q, want %q", name, got, want[name])
			}
			if n, err := h.Inbox.CountTasks(h.Ctx(), p, inbox.TaskFilter{}); err != nil || n != int64(len(list)) {
				t.Errorf("%s counts %d of %d: %v", name, n, len(list), err)
			}
			for _, x := range tasks {
				_, err := h.Inbox.Task(h.Ctx(), p, x.ID)
				if sees := slices.Contains(titles, x.Title); sees != (err == nil) || err != nil && fault.KindOf(err) != fault.NotFound {
					t.Errorf("%s reads %q: %v", name, x.Title, err)
				}
			}
		}
		_, err := h.Inbox.CreateTask(h.Ctx(), h.Teammate(auth.Principal{Role: auth.Viewer}), inbox.NewTask{Title: "no"})
		house.Refused(t, err, "forbidden", "")
		_, err = h.Inbox.CreateTask(h.Ctx(), people["elsewhere"], inbox.NewTask{Title: "no", Conversation: r.Conversation})
		house.Refused(t, err, "conversation_unknown", "conversation_id")
	})
}

// Pages give every task once, soonest due first.
func TestTaskPages(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		now := h.Clock.Now()
		for i, due := range []time.Time{now.Add(time.Hour), {}, now.Add(-time.Hour), now.Add(time.Hour), {}, now.Add(48 * time.Hour)} {
			task(t, h, h.Boss, inbox.NewTask{Title: fmt.Sprint(i), DueAt: due})
		}
		for limit := 1; limit <= 7; limit++ {
			f, got := inbox.TaskFilter{State: inbox.TaskOpen, Limit: limit}, ""
			for {
				list, err := h.Inbox.Tasks(h.Ctx(), h.Boss, f)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range list {
					got += x.Title
				}
				if len(list) < limit {
					break
				}
				f.At = f.PositionOf(list[len(list)-1])
			}
			if got != "203514" {
				t.Errorf("by %d: %s", limit, got)
			}
		}
		for filter, want := range map[string]inbox.TaskFilter{"2": {DueBefore: now}, "03": {DueFrom: now, DueBefore: now.Add(24 * time.Hour)}, "14": {NeverDue: true}} {
			want.Limit = 50
			list, err := h.Inbox.Tasks(h.Ctx(), h.Boss, want)
			got := ""
			for _, x := range list {
				got += x.Title
			}
			if err != nil || got != filter {
				t.Errorf("%s, want %s: %v", got, filter, err)
			}
		}
	})
}

// Who gets a journey's task: whoever talks with the customer, else who has the
// fewest.
func TestTaskAssignee(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		busy, idle := h.Teammate(auth.Principal{Role: auth.Agent}), h.Teammate(auth.Principal{Role: auth.Agent})
		manager := h.Teammate(auth.Principal{Role: auth.Manager})
		team := h.Team("First year")
		h.Run("INSERT INTO team_members (team_id, teammate_id) VALUES (?, ?)", team, manager.ID)
		task(t, h, h.Boss, inbox.NewTask{Title: "x", Assignee: busy.ID})
		r := h.Receive("ming", "k", "hello")
		who := func(n inbox.NewTask) ids.ID {
			t.Helper()
			n.Title, n.Customer = "call", r.Customer
			return asked(t, h, n).AssigneeID
		}
		if got := who(inbox.NewTask{Assign: inbox.AssignConversation}); got != idle.ID {
			t.Errorf("nobody is responsible: %v, want %v", got, idle.ID)
		}
		h.Assign(r.Conversation, busy.ID)
		if got := who(inbox.NewTask{Assign: inbox.AssignConversation}); got != busy.ID {
			t.Errorf("who talks with them: %v", got)
		}
		if got := who(inbox.NewTask{Assign: inbox.AssignLeast}); got != idle.ID {
			t.Errorf("who has least: %v", got)
		}
		if got := who(inbox.NewTask{Assign: inbox.AssignLeast, Team: team}); got != manager.ID {
			t.Errorf("of the team: %v", got)
		}
		h.Run("UPDATE teammates SET availability = 'away' WHERE id = ?", idle.ID)
		if got := who(inbox.NewTask{Assign: inbox.AssignLeast}); got != busy.ID {
			t.Errorf("who is there: %v", got)
		}
		if got := who(inbox.NewTask{}); got != 0 {
			t.Errorf("nobody was to be chosen: %v", got)
		}
		// What is gone is left out: the task stays.
		if got := asked(t, h, inbox.NewTask{Title: "call", Assignee: 9, Team: 9, Conversation: 9, Customer: r.Customer}); got.AssigneeID != 0 || got.TeamID != 0 || got.ConversationID != r.Conversation {
			t.Errorf("%+v", got)
		}
	})
}
