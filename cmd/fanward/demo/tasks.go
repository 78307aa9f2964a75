package demo

import (
	"context"
	"strings"
	"time"

	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
)

// tasks are what people gave each other to do over the last months.
func (w *world) tasks() {
	var agents []auth.Principal // those who see everybody
	for _, s := range w.words.Staff {
		if s.Role == string(auth.Agent) && s.Scope == "" {
			agents = append(agents, w.staff[s.Mail])
		}
	}
	for n := range 44 {
		at := w.atWork(w.o.Now.Add(-time.Duration(n*n) * 90 * time.Minute).Add(-3 * time.Hour))
		of := w.Owner
		if n%2 == 1 {
			of = agents[n/2%len(agents)]
		}
		w.at(at, "a task", func(ctx context.Context) error { return w.task(ctx, n, of) })
	}
	for n, due := range []time.Duration{-3 * time.Hour, 40 * time.Minute, 3 * time.Hour, 5 * time.Hour, 26 * time.Hour, 3 * day, 5 * day} {
		w.at(w.o.Now.Add(-5*time.Hour+time.Duration(n)*11*time.Minute), "a task of today", func(ctx context.Context) error {
			_, err := w.make(ctx, n, w.Owner, w.o.Now.Add(due))
			return err
		})
	}
	for at := w.o.Now.Add(-journeysSince); at.Before(w.o.Now); at = at.Add(day) {
		local := at.In(w.zone)
		w.at(time.Date(local.Year(), local.Month(), local.Day(), 16, 40, 0, 0, w.zone), "an afternoon's tasks", w.afternoon)
	}
}

// afternoon is when the team works off what journeys have asked for; not all of
// it is ever done.
func (w *world) afternoon(ctx context.Context) error {
	open, err := w.Inbox.Tasks(ctx, w.staff["manager"], inbox.TaskFilter{State: inbox.TaskOpen, Limit: 200})
	if err != nil {
		return err
	}
	for _, t := range open {
		if t.Source == nil || t.AssigneeID == 0 || !w.chance(80) {
			continue
		}
		by, err := w.Auth.PrincipalOf(ctx, t.AssigneeID)
		if err != nil {
			return err
		}
		n := w.random.IntN(len(w.words.TaskNotes))
		if _, err := w.Inbox.CompleteTask(ctx, by, t.ID, inbox.Completion{Outcome: inbox.Outcomes[n], Note: w.words.TaskNotes[n], ClientKey: w.key("done")}); err != nil {
			return err
		}
	}
	return nil
}

// task is one that is done in the end.
func (w *world) task(ctx context.Context, n int, of auth.Principal) error {
	due := w.atWork(w.Clock.Now().Add(w.between(3*time.Hour, 30*time.Hour)))
	t, err := w.make(ctx, n, of, due)
	if err != nil || t == nil {
		return err
	}
	done := due.Add(-w.between(time.Minute, 3*time.Hour))
	if n%9 == 4 {
		done = due.Add(w.between(time.Hour, 20*time.Hour)) // late
	}
	w.at(done, "a task is done", func(ctx context.Context) error {
		n := n % len(w.words.TaskNotes)
		_, err := w.Inbox.CompleteTask(ctx, of, t.ID, inbox.Completion{Outcome: inbox.Outcomes[n], Note: w.words.TaskNotes[n], ClientKey: w.key("done")})
		return err
	})
	return nil
}

// make makes a task about somebody; nil when the shop does not know whom it meant.
func (w *world) make(ctx context.Context, n int, of auth.Principal, due time.Time) (*inbox.Task, error) {
	p := w.people[w.random.IntN(len(w.people))]
	for !p.signedUp(w.Clock.Now()) {
		p = w.people[w.random.IntN(len(w.people))]
	}
	who, found, err := w.Find(ctx, p.userKey())
	if err != nil || !found {
		return nil, err
	}
	text := w.words.Tasks[n%len(w.words.Tasks)]
	return w.Inbox.CreateTask(ctx, w.staff["manager"], inbox.NewTask{Title: strings.ReplaceAll(text[0], "{name}", p.name), Note: text[1], Customer: who.Customer, Assignee: of.ID, DueAt: due})
}
