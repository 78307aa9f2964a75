package inbox

import (
	"context"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Update changes a conversation's state. Nil fields stay; a zero id clears.
type Update struct {
	Status       *Status
	Assignee     *ids.ID
	Team         *ids.ID
	SnoozedUntil *time.Time // with Status snoozed
	// IfVersion, when not nil, refuses the update if the conversation has
	// changed since.
	IfVersion *int64
}

const maxSnooze = 366 * 24 * time.Hour

// Update applies u and returns the conversation as p sees it. When the change
// takes the conversation out of p's sight, the last state is still returned.
func (b *Inbox) Update(ctx context.Context, p auth.Principal, id ids.ID, u Update) (*Conversation, error) {
	if err := p.Require(auth.InboxReply); err != nil {
		return nil, err
	}
	var out *Conversation
	err := b.db.Write(ctx, func(tx *store.Tx) error {
		c, err := lockVisibleTx(tx, p, id)
		if err != nil {
			return err
		}
		if u.IfVersion != nil && *u.IfVersion != c.Version {
			return fault.New(fault.Conflict, "conversation_changed", fault.Params{"version": c.Version})
		}
		out = c
		return b.updateTx(tx, p, c, u)
	})
	if err != nil {
		return nil, err
	}
	return out, withCursor(b.db.Reader(ctx), p, out)
}

func (b *Inbox) updateTx(tx *store.Tx, p auth.Principal, c *Conversation, u Update) error {
	now := b.clk.Now()
	counted := c.place()
	var told []*Message
	for _, step := range []func() (*Message, error){
		func() (*Message, error) { return b.assignTx(tx, p, c, u.Assignee, now) },
		func() (*Message, error) { return b.teamTx(tx, p, c, u.Team, now) },
		func() (*Message, error) { return b.statusTx(tx, p, c, u, now) },
	} {
		m, err := step()
		if err != nil {
			return err
		}
		if m != nil {
			told = append(told, m)
		}
	}
	if len(told) == 0 {
		return nil
	}
	if err := saveTx(tx, c, &counted); err != nil {
		return err
	}
	before := counted
	for _, m := range told {
		if err := announceTx(tx, change{kind: "message", c: c, before: before, existed: true, message: m}, now); err != nil {
			return err
		}
		before = c.place()
	}
	return visitorStateTx(tx, c, now)
}

func (b *Inbox) assignTx(tx *store.Tx, p auth.Principal, c *Conversation, to *ids.ID, now time.Time) (*Message, error) {
	if to == nil || *to == c.AssigneeID {
		return nil, nil
	}
	c.AssigneeID = *to
	if *to == 0 {
		return b.activityTx(tx, c, "unassigned", map[string]any{"by_name": p.Name}, now)
	}
	var name string
	err := tx.QueryRow(qTeammateName, *to).Scan(&name)
	if isNoRows(err) {
		return nil, fault.AtField("assignee_id", "teammate_unknown", nil)
	}
	if err != nil {
		return nil, err
	}
	return b.activityTx(tx, c, "assigned", map[string]any{"by_id": p.ID, "by_name": p.Name, "assignee_id": *to, "assignee_name": name}, now)
}

func (b *Inbox) teamTx(tx *store.Tx, p auth.Principal, c *Conversation, to *ids.ID, now time.Time) (*Message, error) {
	if to == nil || *to == c.TeamID {
		return nil, nil
	}
	c.TeamID = *to
	params := map[string]any{"by_name": p.Name, "team_name": nil}
	if *to != 0 {
		var name string
		err := tx.QueryRow(queries.Get("team-name"), *to).Scan(&name)
		if isNoRows(err) {
			return nil, fault.AtField("team_id", "team_unknown", nil)
		}
		if err != nil {
			return nil, err
		}
		params["team_name"] = name
	}
	return b.activityTx(tx, c, "team_changed", params, now)
}

func (b *Inbox) statusTx(tx *store.Tx, p auth.Principal, c *Conversation, u Update, now time.Time) (*Message, error) {
	if u.SnoozedUntil != nil && (u.Status == nil || *u.Status != Snoozed) {
		return nil, fault.AtField("snoozed_until", "snooze_needs_status", nil)
	}
	if u.Status == nil {
		return nil, nil
	}
	switch *u.Status {
	case Snoozed:
		return b.snoozeTx(tx, p, c, u.SnoozedUntil, now)
	case Resolved:
		if c.Status == Resolved {
			return nil, nil
		}
		return b.resolveTx(tx, p, c, now)
	case Open:
		if c.Status == Open {
			return nil, nil
		}
		c.Status, c.SnoozedUntil = Open, nil
		return b.activityTx(tx, c, "reopened", map[string]any{"by_name": p.Name}, now)
	}
	return nil, fault.AtField("status", "not_one_of", fault.Params{"allowed": "open, snoozed, resolved"})
}

func (b *Inbox) snoozeTx(tx *store.Tx, p auth.Principal, c *Conversation, until *time.Time, now time.Time) (*Message, error) {
	if until == nil {
		return nil, fault.AtField("snoozed_until", "required", nil)
	}
	at := until.UTC().Truncate(time.Millisecond)
	if !at.After(now) || at.After(now.Add(maxSnooze)) {
		return nil, fault.AtField("snoozed_until", "snooze_out_of_range", fault.Params{"days": int(maxSnooze / (24 * time.Hour))})
	}
	if c.Status == Snoozed && c.SnoozedUntil != nil && c.SnoozedUntil.Equal(at) {
		return nil, nil
	}
	c.Status, c.SnoozedUntil = Snoozed, &at
	return b.activityTx(tx, c, "snoozed", map[string]any{"by_name": p.Name, "until": at}, now)
}

func (b *Inbox) resolveTx(tx *store.Tx, p auth.Principal, c *Conversation, now time.Time) (*Message, error) {
	c.Status, c.SnoozedUntil, c.WaitingSince = Resolved, nil, nil
	if err := b.customers.TrackTx(tx, customers.Track{Customer: c.Customer.ID, Identity: c.IdentityID, Name: customers.EventConversationClosed, At: now,
		Properties: map[string]any{"conversation_id": c.ID, "channel": c.Channel}}, now); err != nil {
		return nil, err
	}
	return b.activityTx(tx, c, "resolved", map[string]any{"by_name": p.Name}, now)
}

// WakeDue opens snoozed conversations whose time has come and returns when the
// next one is due; the zero time when none is. One that cannot be opened does
// not keep the others asleep.
func (b *Inbox) WakeDue(ctx context.Context) (next time.Time, err error) {
	return b.ringDue(ctx, alarms{what: "wake conversation", due: queries.Get("due-snoozes"), instants: 1, next: queries.Get("next-snooze"), ring: b.wakeSnoozedTx})
}

func (b *Inbox) wakeSnoozedTx(tx *store.Tx, id ids.ID) error {
	now := b.clk.Now()
	c, err := lockTx(tx, id)
	if err != nil {
		return err
	}
	if c.Status != Snoozed || c.SnoozedUntil == nil || c.SnoozedUntil.After(now) {
		return nil
	}
	counted := c.place()
	c.Status, c.SnoozedUntil = Open, nil
	m, err := b.activityTx(tx, c, "woken", nil, now)
	if err != nil {
		return err
	}
	if err := saveTx(tx, c, &counted); err != nil {
		return err
	}
	return announceTx(tx, change{kind: "message", c: c, before: counted, existed: true, message: m}, now)
}

const clearChunk = 200

// ClearTeam takes a deleted team off its conversations, open ones first, in
// short transactions; repeating it goes on where it was cut.
func (b *Inbox) ClearTeam(ctx context.Context, team ids.ID) error {
	for {
		rows, err := b.db.Reader(ctx).Query(queries.Get("of-team"), team, clearChunk)
		found, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
			var id ids.ID
			return id, r.Scan(&id)
		})
		if err != nil || len(found) == 0 {
			return err
		}
		for _, id := range found {
			if err := b.db.Write(ctx, func(tx *store.Tx) error { return b.clearTeamTx(tx, id, team) }); err != nil {
				return err
			}
		}
	}
}

func (b *Inbox) clearTeamTx(tx *store.Tx, id, team ids.ID) error {
	c, err := lockTx(tx, id)
	if err != nil || c.TeamID != team {
		return err
	}
	counted := c.place()
	c.TeamID = 0
	if err := saveTx(tx, c, &counted); err != nil {
		return err
	}
	return announceTx(tx, change{kind: "conversation", c: c, before: counted, existed: true}, b.clk.Now())
}
