package demo

import (
	"context"
	"maps"
	"slices"
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

// known is somebody who has signed up long ago and whose mails arrive: another
// one each time, until in a small year all have had a part.
func (w *world) known() *person {
	fits := func(p *person) bool {
		return p.from == fromSite && p.signedUp(w.o.Now.Add(-30*day)) && !p.bounces
	}
	if !slices.ContainsFunc(w.people, func(p *person) bool { return fits(p) && !w.taken[p] }) {
		maps.DeleteFunc(w.taken, func(p *person, _ bool) bool { return fits(p) })
	}
	for {
		if p := pick(w, w.people); fits(p) && !w.taken[p] {
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
	ends := []func(ctx context.Context, t *thread) error{w.left, w.mine, w.left, w.drafted, w.left, w.snoozed("open"), w.mine, w.mine}
	before := map[int]string{5: "store", 6: "stock"} // what they had asked, and been answered, before
	for i, open := range w.words.Open {
		t := &thread{p: w.asker(open[1]), channel: open[1], subject: strings.TrimRight(open[0], "？?。."), team: "presales", lines: []line{{By: byCustomer, Text: open[0]}}}
		t.ends = ends[i%len(ends)]
		if topic, more := before[i]; more {
			t.lines[0].After = 7
			t.lines = slices.Concat(w.words.script(topic).Lines[:2], t.lines)
		}
		w.start(t, w.o.Now.Add(-time.Duration(50+47*i)*time.Minute))
	}
	// Some more of yesterday and the day before, most of which have come to an end.
	for i := range 9 {
		channel := []string{webchat.Channel, email.Channel, webchat.Channel}[i%3]
		s := w.words.Scripts[(i*5)%len(w.words.Scripts)]
		w.start(&thread{p: w.asker(channel), channel: channel, subject: s.Subject, team: s.Team, tag: s.Tag, lines: s.Lines}, w.moment(w.o.Now.Add(-time.Duration(1+i%2)*day)))
	}
	for range 2 {
		s := w.words.script("stock")
		w.start(&thread{p: w.phone(), channel: wechat.Channel, team: s.Team, lines: s.Lines}, w.o.Now.Add(-w.between(5*time.Hour, 20*time.Hour)))
	}
}

func (w *world) asker(channel string) *person {
	if channel == wechat.Channel {
		return w.phone()
	}
	return w.known()
}

// left is one that nobody has taken up yet.
func (w *world) left(context.Context, *thread) error { return nil }

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
	return w.Inbox.SaveDraft(ctx, w.Owner, t.conversation, inbox.Draft{Kind: inbox.KindText, Body: w.words.Draft})
}

// snoozed is one that is put aside until tomorrow morning, and noted why.
func (w *world) snoozed(why string) func(ctx context.Context, t *thread) error {
	return func(ctx context.Context, t *thread) error {
		if err := w.write(ctx, t, inbox.KindNote, line{Text: w.words.Snooze[why]}); err != nil {
			return err
		}
		local := w.o.Now.In(w.zone)
		until := time.Date(local.Year(), local.Month(), local.Day()+1, 10, 0, 0, 0, w.zone)
		snoozed := inbox.Snoozed
		_, err := w.Inbox.Update(ctx, t.agent, t.conversation, inbox.Update{Status: &snoozed, SnoozedUntil: &until})
		return err
	}
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
		if t.ends = w.left; i == 0 {
			t.ends = w.snoozed("long")
		}
		w.start(t, w.o.Now.Add(-38*day))
	}
}

// finish leaves what the console shows of the very end.
func (w *world) finish(ctx context.Context) error {
	for _, name := range w.words.Phones {
		p := w.phones[name]
		if p == nil {
			continue
		}
		if err := w.Remember(p.openID, p.arrives, p.chat); err != nil {
			return err
		}
	}
	if err := w.glance(ctx); err != nil {
		return err
	}
	if err := w.Customers.FlushCalls(ctx); err != nil {
		return err
	}
	return w.Upkeep(ctx)
}

// glance lets the owner have read what is done with.
func (w *world) glance(ctx context.Context) error {
	f := inbox.Filter{View: inbox.ViewAll, Status: inbox.Resolved, Limit: 200}
	for {
		list, err := w.Inbox.List(ctx, w.Owner, f)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, c := range list {
			if _, err := w.Inbox.MarkRead(ctx, w.Owner, c.ID, c.LastSeq); err != nil {
				return err
			}
			f.Before = inbox.Position{At: c.LastActivityAt, ID: c.ID}
		}
	}
}
