package demo

import (
	"context"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
)

// thread is a conversation on its way.
type thread struct {
	p             *person
	channel       string
	subject, team string
	tag           string
	lines         []line
	tea           product
	agent         auth.Principal

	conversation, customer, identity ids.ID
	letter                           string // the Message-ID of their last mail
	// ends is what becomes of it in the end; nil: it is resolved.
	ends func(ctx context.Context, t *thread) error
}

// talk writes the year's conversations down.
func (w *world) talk(context.Context) error {
	for _, p := range w.people {
		switch {
		case p.from == fromMail:
			w.converse(p, email.Channel, p.arrives)
		case p.from == fromWechat && w.chance(42):
			w.converse(p, wechat.Channel, p.arrives.Add(w.between(5*time.Minute, 3*time.Hour)))
		case p.from == fromSite && w.chance(16):
			w.converse(p, webchat.Channel, w.moment(p.arrives.Add(w.between(0, 20*day))))
		}
		if at := w.moment(p.signsUp.Add(w.between(5*day, 60*day))); !p.signsUp.IsZero() && w.chance(8) {
			w.converse(p, []string{email.Channel, webchat.Channel}[w.random.IntN(2)], at)
		}
	}
	return nil
}

// lately is from when WeChat is spoken on the sandbox's phones only, so that
// every answer that is still allowed arrives somewhere.
const lately = 3 * day

func (w *world) converse(p *person, channel string, at time.Time) {
	if at.After(w.o.Now.Add(-lately)) {
		return // the last days have their own
	}
	s := pick(w, w.words.Scripts)
	w.start(&thread{p: p, channel: channel, subject: s.Subject, team: s.Team, tag: s.Tag, lines: s.Lines}, at)
}

func (w *world) start(t *thread, at time.Time) {
	t.tea, t.agent = pick(w, w.words.Products[:len(w.words.Products)-1]), w.agentFor(t.team) // the last one is a pot
	w.at(at, "a conversation", func(ctx context.Context) error { return w.step(ctx, t, 0) })
}

// step is one line of a conversation; the next one follows.
func (w *world) step(ctx context.Context, t *thread, i int) error {
	l := t.lines[i]
	l.Text = strings.ReplaceAll(l.Text, "{product}", t.tea.Name)
	var err error
	switch l.By {
	case byCustomer:
		err = w.hear(ctx, t, l)
	case byNote:
		err = w.write(ctx, t, inbox.KindNote, l)
	default:
		err = w.write(ctx, t, inbox.KindText, l)
	}
	if erased(err, t) {
		return nil
	}
	if err != nil {
		return err
	}
	at := w.Clock.Now()
	if i+1 == len(t.lines) {
		w.at(at.Add(w.between(4*time.Minute, 40*time.Minute)), "an end", func(ctx context.Context) error { return w.end(ctx, t) })
		return nil
	}
	next := t.lines[i+1]
	after := time.Duration(next.After) * time.Minute
	at = at.Add(after + w.between(10*time.Second, after/2+20*time.Second))
	if next.By != byCustomer {
		at = w.atWork(at)
	}
	w.at(at, "a message", func(ctx context.Context) error { return w.step(ctx, t, i+1) })
	return nil
}

// atWork is the first instant from at on at which somebody is at work.
func (w *world) atWork(at time.Time) time.Time {
	local := at.In(w.zone)
	switch h := local.Hour(); {
	case h < 9:
		return time.Date(local.Year(), local.Month(), local.Day(), 9, w.random.IntN(40), w.random.IntN(60), 0, w.zone)
	case h >= 22:
		return time.Date(local.Year(), local.Month(), local.Day()+1, 9, w.random.IntN(40), w.random.IntN(60), 0, w.zone)
	}
	return at
}

// hear lets the customer say a line.
func (w *world) hear(ctx context.Context, t *thread, l line) error {
	var got channels.Received
	var err error
	switch t.channel {
	case webchat.Channel:
		got, err = w.hearVisitor(ctx, t, l)
	case wechat.Channel:
		got, err = w.hearFollower(ctx, t, l)
	default:
		got, err = w.hearMail(ctx, t, l)
	}
	if err != nil {
		return err
	}
	t.conversation, t.customer, t.identity = got.Conversation, got.Customer, got.Identity
	return nil
}

func (w *world) hearVisitor(ctx context.Context, t *thread, l line) (channels.Received, error) {
	v, err := w.chatSignIn(ctx, t.p)
	if err != nil {
		return channels.Received{}, err
	}
	files, err := w.files(ctx, v.OwnerKey(), l.File)
	if err != nil {
		return channels.Received{}, err
	}
	return w.Visitors.Send(ctx, v, webchat.Message{ClientKey: w.key("chat"), Body: l.Text, Attachments: files, Locale: w.words.Locale})
}

func (w *world) hearFollower(ctx context.Context, t *thread, l line) (got channels.Received, err error) {
	now, who := w.Clock.Now(), w.Follower(t.p.openID)
	in := channels.Inbound{Account: w.Wechat, Identity: who, ExternalID: w.key("push"), Body: l.Text, ProviderAt: now, Name: t.p.name,
		AttachmentOwner: w.Wechat.ID.String() + ":" + who.Value, Grants: []channels.Grant{wechat.GrantOf(channels.TriggerMessage, now)}}
	t.p.chat = append(t.p.chat, Line{At: now, Text: l.Text})
	if got, err = w.Inbox.Receive(ctx, in); err != nil || l.File == "" {
		return got, err
	}
	in.ExternalID, in.Body = w.key("push"), "" // on WeChat a picture comes alone
	if in.Attachments, err = w.files(ctx, in.AttachmentOwner, l.File); err != nil {
		return got, err
	}
	return w.Inbox.Receive(ctx, in)
}

// files keeps a file for a message.
func (w *world) files(ctx context.Context, owner, what string) ([]ids.ID, error) {
	if what == "" {
		return nil, nil
	}
	a, err := w.file(what)
	if err != nil {
		return nil, err
	}
	id, err := w.Inbox.KeepFile(ctx, owner, a.name, a.content, 1<<20)
	return []ids.ID{id}, err
}

// write lets the agent answer, or somebody note something.
func (w *world) write(ctx context.Context, t *thread, kind string, l line) error {
	c, err := w.Inbox.Get(ctx, w.staff["manager"], t.conversation)
	if err != nil {
		return err
	}
	if c.AssigneeID != t.agent.ID {
		team := w.teams[t.team].ID
		if _, err := w.Inbox.Update(ctx, w.staff["manager"], c.ID, inbox.Update{Assignee: &t.agent.ID, Team: &team}); err != nil {
			return err
		}
		if t.tag != "" {
			if _, err := w.Customers.SetTags(ctx, w.staff["manager"], c.Customer.ID, []string{w.words.Tags[t.tag]}, nil); err != nil {
				return err
			}
		}
	}
	_, err = w.Inbox.Write(ctx, t.agent, t.conversation, inbox.Write{ClientKey: w.key("write"), Kind: kind, Body: l.Text})
	if fault.KindOf(err) == fault.Conflict {
		return nil // the time in which WeChat allows an answer is over
	}
	if err != nil || kind == inbox.KindNote {
		return err
	}
	if t.channel == wechat.Channel {
		t.p.chat = append(t.p.chat, Line{At: w.Clock.Now(), Ours: true, Text: l.Text})
	}
	return w.handOver(t)
}

// handOver lets an answer go out, and the customer see it a little later.
func (w *world) handOver(t *thread) error {
	now := w.Clock.Now()
	if t.channel != webchat.Channel {
		w.at(now.Add(2*time.Second), "deliveries", w.deliver)
		return nil
	}
	// Whether they were read is looked at in what is recent; the others cost time.
	if now.After(w.o.Now.Add(-40*day)) && w.chance(85) {
		w.at(now.Add(w.between(10*time.Second, 3*time.Minute)), "read", func(ctx context.Context) error {
			c, err := w.Inbox.Get(ctx, w.staff["manager"], t.conversation)
			if err != nil {
				return err
			}
			return w.Inbox.CustomerRead(ctx, inbox.Visitor{Account: c.AccountID, Customer: c.Customer.ID, Identity: c.IdentityID}, c.ID, c.LastSeq)
		})
	}
	return nil
}

// erased tells that somebody has unfollowed meanwhile: their words are gone.
func erased(err error, t *thread) bool {
	return t.channel == wechat.Channel && fault.KindOf(err) == fault.NotFound
}

// end is what becomes of a conversation.
func (w *world) end(ctx context.Context, t *thread) error {
	if t.ends != nil {
		return t.ends(ctx, t)
	}
	resolved := inbox.Resolved
	_, err := w.Inbox.Update(ctx, t.agent, t.conversation, inbox.Update{Status: &resolved})
	if erased(err, t) {
		return nil
	}
	return err
}
