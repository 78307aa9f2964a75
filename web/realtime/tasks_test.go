package realtime_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
)

// Tasks come to those who see them, live and by replay; who loses sight of one
// hears so without content.
func TestTasksMove(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		lin, mei := h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned}), h.Teammate(auth.Principal{Role: auth.Agent, Scope: auth.ScopeAssigned})
		l, hello := h.staff(t, lin, nil)
		m, _ := h.staff(t, mei, nil)
		viewer, _ := h.staff(t, h.Teammate(auth.Principal{Role: auth.Viewer}), nil)
		made, err := h.Inbox.CreateTask(h.Ctx(), h.Boss, inbox.NewTask{Title: "SECRET call", Assignee: lin.ID})
		if err != nil {
			t.Fatal(err)
		}
		if f := l.changed("task"); !strings.Contains(f.text, "SECRET call") || !strings.Contains(f.text, `"reason":"created"`) {
			t.Errorf("%s", f.text)
		}
		if f := viewer.changed("task"); !strings.Contains(f.text, "SECRET call") {
			t.Errorf("%s", f.text)
		}
		h.settled(t)
		m.quiet()
		if _, err := h.Inbox.UpdateTask(h.Ctx(), h.Boss, made.ID, inbox.TaskUpdate{Assignee: &mei.ID}); err != nil {
			t.Fatal(err)
		}
		if f := l.changed("task_removed"); string(f.Data) != fmt.Sprintf(`{"task_id":"%s"}`, made.ID) {
			t.Errorf("%s", f.text)
		}
		if f := m.changed("task"); !strings.Contains(f.text, "SECRET call") {
			t.Errorf("%s", f.text)
		}
		// Who was away meanwhile is not told what is not theirs any more.
		h.settled(t)
		again, resumed := h.staff(t, lin, hello.Position)
		if !resumed.Resumed {
			t.Fatal(resumed.text)
		}
		again.say(map[string]any{"t": "ping"})
		for {
			f := again.next("change", "pong")
			if f.T == "pong" {
				break
			}
			if strings.Contains(f.text, "SECRET") || f.Kind != "task_removed" {
				t.Errorf("%s", f.text)
			}
		}
	})
}
