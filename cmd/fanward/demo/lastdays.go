package demo

import (
	"context"
	"strings"
	"time"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
)

// lastDays are what the team has in its hands when the year ends.
func (w *world) lastDays(context.Context) error {
	w.troubles()
	w.tasks()
	w.long()
	w.asked()
	w.twice()
	w.proofs()
	for _, s := range w.words.Staff {
		at := w.o.Now.Add(-w.between(time.Minute, 9*time.Hour))
		w.at(at, "a sign-in", func(ctx context.Context) error {
			link, err := w.Auth.NewLink(ctx, auth.System, w.staff[s.Mail].ID)
			if err != nil {
				return err
			}
			return w.signIn(ctx, link)
		})
	}
	return nil
}

// known is somebody who has signed up long ago and whose mails arrive, another
// one each time.
func (w *world) known() *person {
	for {
		p := pick(w, w.people)
		if p.from == fromSite && p.signedUp(w.o.Now.Add(-30*day)) && !p.bounces && !w.taken[p] {
			w.taken[p] = true
			return p
		}
	}
}

// phone is one of the sandbox's, another one each time.
func (w *world) phone() *person {
	for _, name := range w.words.Phones {
		if p := w.phones[name]; p != nil && !w.taken[p] {
			w.taken[p] = true
			return p
		}
	}
	return w.phones[w.words.Phones[0]]
}

// asked is what people have just asked, and how far each has come.
func (w *world) asked() {
	ends := []func(ctx context.Context, t *thread) error{nil, w.mine, nil, w.drafted, nil, w.snoozed, w.mine, w.mine}
	for i, open := range w.words.Open {
		t := &thread{p: w.asker(open[1]), channel: open[1], subject: strings.TrimRight(open[0], "？?。."), team: "presales", lines: []line{{By: byCustomer, Text: open[0]}}}
		t.ends = ends[i%len(ends)]
		if t.ends == nil {
			t.ends = func(context.Context, *thread) error { return nil }
		}
		if i == 6 || i == 5 { // already answered once
			s := w.words.Scripts[i%len(w.words.Scripts)]
			t.lines = append(append([]line{}, s.Lines[:2]...), t.lines...)
			t.lines[2].After = 7
		}
		w.start(t, w.o.Now.Add(-time.Duration(50+47*i)*time.Minute))
	}
	// Some more of yesterday and the day before, which have come to an end.
	for i := range 9 {
		channel := []string{webchat.Channel, email.Channel, webchat.Channel}[i%3]
		s := w.words.Scripts[(i*5)%len(w.words.Scripts)]
		w.start(&thread{p: w.asker(channel), channel: channel, subject: s.Subject, team: s.Team, tag: s.Tag, lines: s.Lines}, w.moment(w.o.Now.Add(-time.Duration(1+i%2)*day)))
	}
	for range 2 {
		s := w.words.Scripts[0]
		w.start(&thread{p: w.phone(), channel: wechat.Channel, team: s.Team, lines: s.Lines}, w.o.Now.Add(-w.between(5*time.Hour, 20*time.Hour)))
	}
}

func (w *world) asker(channel string) *person {
	if channel == wechat.Channel {
		return w.phone()
	}
	return w.known()
}

// mine gives a conversation to whoever will open the console.
func (w *world) mine(ctx context.Context, t *thread) error {
	team := w.teams[t.team].ID
	_, err := w.Inbox.Update(ctx, w.staff["manager"], t.conversation, inbox.Update{Assignee: &w.Owner.ID, Team: &team})
	return err
}

// drafted is one whose answer the owner has begun to write.
func (w *world) drafted(ctx context.Context, t *thread) error {
	if err := w.mine(ctx, t); err != nil {
		return err
	}
	return w.Inbox.SaveDraft(ctx, w.Owner, t.conversation, inbox.Draft{Kind: inbox.KindText, Body: w.words.Drafts[0]})
}

// snoozed is put aside until tomorrow morning.
func (w *world) snoozed(ctx context.Context, t *thread) error {
	if err := w.write(ctx, t, inbox.KindNote, line{Text: w.words.Snooze[0]}); err != nil {
		return err
	}
	local := w.o.Now.In(w.zone)
	until := time.Date(local.Year(), local.Month(), local.Day()+1, 10, 0, 0, 0, w.zone)
	snoozed := inbox.Snoozed
	_, err := w.Inbox.Update(ctx, t.agent, t.conversation, inbox.Update{Status: &snoozed, SnoozedUntil: &until})
	return err
}

// long are two that have gone on for weeks, and still do.
func (w *world) long() {
	l := w.words.Long
	for i, channel := range []string{webchat.Channel, email.Channel} {
		lines := []line{{By: byCustomer, Text: l.Opening}}
		for n, round := range l.Rounds {
			lines = append(lines, line{By: "a", Text: round[0], After: 60 + 31*n}, line{By: byCustomer, Text: round[1], After: 700 + 53*n})
		}
		t := &thread{p: w.known(), channel: channel, subject: l.Subject, team: l.Team, tag: l.Tag, lines: lines}
		if t.ends = func(context.Context, *thread) error { return nil }; i == 0 {
			t.ends = w.snoozed
		}
		w.start(t, w.o.Now.Add(-38*day))
	}
}

// tasks are what people gave each other to do over the last months.
func (w *world) tasks() {
	agents := []string{"lin", "wang", "chen", "sun", "emma", "tom", "priya", "jonas"}
	for n := range 44 {
		at := w.atWork(w.o.Now.Add(-time.Duration(n*n) * 90 * time.Minute).Add(-3 * time.Hour))
		of := w.Owner
		if p, there := w.staff[agents[n%len(agents)]]; n%4 != 0 && there {
			of = p
		}
		w.at(at, "a task", func(ctx context.Context) error { return w.task(ctx, n, of) })
	}
	for n, due := range []time.Duration{-3 * time.Hour, 40 * time.Minute, 3 * time.Hour, 5 * time.Hour, 26 * time.Hour, 3 * day, 5 * day} {
		w.at(w.o.Now.Add(-5*time.Hour+time.Duration(n)*11*time.Minute), "a task of today", func(ctx context.Context) error {
			return w.give(ctx, n, w.Owner, w.o.Now.Add(due))
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
		n := w.random.IntN(4)
		if _, err := w.Inbox.CompleteTask(ctx, by, t.ID, inbox.Completion{Outcome: inbox.Outcomes[n], Note: w.words.TaskNotes[n], ClientKey: w.key("done")}); err != nil {
			return err
		}
	}
	return nil
}

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
		_, err := w.Inbox.CompleteTask(ctx, of, t.ID, inbox.Completion{Outcome: inbox.Outcomes[n%4], Note: w.words.TaskNotes[n%len(w.words.TaskNotes)], ClientKey: w.key("done")})
		return err
	})
	return nil
}

// give makes a task that nobody has done yet.
func (w *world) give(ctx context.Context, n int, of auth.Principal, due time.Time) error {
	_, err := w.make(ctx, n, of, due)
	return err
}

// make makes a task about somebody; nil when the shop does not know whom it meant.
func (w *world) make(ctx context.Context, n int, of auth.Principal, due time.Time) (*inbox.Task, error) {
	p := w.people[w.random.IntN(len(w.people))]
	for !p.signedUp(w.Clock.Now()) {
		p = w.people[w.random.IntN(len(w.people))]
	}
	key, _ := w.keyOf(p)
	who, found, err := w.Find(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	text := w.words.Tasks[n%len(w.words.Tasks)]
	return w.Inbox.CreateTask(ctx, w.staff["manager"], inbox.NewTask{Title: strings.ReplaceAll(text[0], "{name}", p.name), Note: text[1], Customer: who.Customer, Assignee: of.ID, DueAt: due})
}
