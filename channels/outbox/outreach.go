package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

var (
	qContent       = queries.Get("content")
	qInsertContent = queries.Get("insert-content")
	qContentSent   = queries.Get("content-sent")
	qContentHeld   = queries.Get("content-held")
	qAddress       = queries.Get("address")
	qEnd           = queries.Get("end")
	qHold          = queries.Get("hold")
	qPosted        = queries.Get("posted")
	qAccountStatus = queries.Get("account-status")
)

// Poster shows an outreach to people who read our own rows; the inbox is one.
type Poster interface {
	PostTx(tx *store.Tx, p channels.Post) (channels.Posted, error)
}

// OutreachTold is told, in the same transaction, of every change of an outreach's
// state; who causes one to wait knows that it does.
type OutreachTold func(tx *store.Tx, c channels.OutreachChanged) error

// OnOutreach registers one more who is told. Call it while the program starts.
func (o *Outbox) OnOutreach(t OutreachTold) { o.outreach = append(o.outreach, t) }

// SendTx stores an outreach in the transaction that causes it; asking again with
// the same idempotency key returns the first delivery. Where customers read our
// own rows it is shown at once or, in quiet hours, later; everywhere else it is
// judged and sent after commit. What the rules refuse is a failed delivery, never
// an error: one person's rules hold up nobody else.
func (o *Outbox) SendTx(tx *store.Tx, s channels.Outreach) (channels.Enqueued, error) {
	adapter, err := o.registry.Adapter(s.Channel)
	if err != nil {
		return channels.Enqueued{}, err
	}
	source, err := json.Marshal(s.Source)
	if err != nil {
		return channels.Enqueued{}, err
	}
	to, err := lockRecipientTx(tx, s.Identity)
	if err != nil {
		return channels.Enqueued{}, err
	}
	d := channels.Enqueued{ID: o.ids.Next(), State: channels.Queued, UpdatedAt: s.Now}
	now := clock.Millis(s.Now)
	n, err := tx.Exec(qInsert, d.ID, s.IdempotencyKey, s.Account, 0, 0, 0, s.Identity, s.Identity, string(s.Purpose), true, string(d.State), now, now, now)
	if err != nil {
		return d, err
	}
	if n == 0 {
		return scanEnqueued(tx.QueryRow(qByKey, s.IdempotencyKey))
	}
	body, subject := text.Clean(s.Body), text.CleanLine(s.Subject)
	if _, err := tx.Exec(qInsertContent, d.ID, s.Identity, s.Account, s.Channel, string(s.Purpose), subject, body, string(source), now); err != nil {
		return d, err
	}
	caps := adapter.Capabilities()
	switch length := text.Length(body); {
	case length == 0:
		return o.refuseTx(tx, d, "body_empty", s.Now)
	case length > caps.MaxBody:
		return o.refuseTx(tx, d, "body_too_long", s.Now)
	case caps.CommitSends:
		return o.postTx(tx, d, to, s.Now)
	}
	tx.Hint(Topic)
	return d, nil
}

// refuseTx ends an outreach that waits.
func (o *Outbox) refuseTx(tx *store.Tx, d channels.Enqueued, code string, now time.Time) (channels.Enqueued, error) {
	return o.endTx(tx, d, channels.Failed, code, now)
}

func (o *Outbox) endTx(tx *store.Tx, d channels.Enqueued, state channels.DeliveryState, code string, now time.Time) (channels.Enqueued, error) {
	d.State, d.ErrorCode, d.ErrorDetail, d.UpdatedAt = state, code, "", now
	n, err := tx.Exec(qEnd, string(state), code, clock.Millis(now), d.ID)
	if err != nil || n == 0 {
		return d, err
	}
	if err := sentTx(tx, d.ID, time.Time{}); err != nil {
		return d, err
	}
	return d, o.tellOutreachTx(tx, d, now)
}

// CancelTx ends an outreach that waits, because what caused it has ended; code
// says how. One that is on its way, or has arrived, stays as it is: it is judged
// once more right before it goes out. The recipient is locked.
func (o *Outbox) CancelTx(tx *store.Tx, id ids.ID, code string, now time.Time) error {
	_, err := o.endTx(tx, channels.Enqueued{ID: id}, channels.Cancelled, code, now)
	return err
}

// shownUntil is the instant that people are told a delivery waits for; what waits
// for a person to act has none.
func shownUntil(code string, until time.Time) int64 {
	if code != QuietHours {
		return 0
	}
	return clock.Millis(until)
}

// content is what delivery_contents holds of an outreach. Nothing of it changes
// but whose the identity is.
type content struct {
	identity, customer ids.ID
	channel            string
	purpose            channels.Purpose
	subject, body      string
	source             channels.Source
	created, sent      int64
}

func contentOf(q store.Querier, delivery ids.ID) (content, error) {
	var c content
	var source []byte
	err := q.QueryRow(qContent, delivery).Scan(&c.identity, &c.customer, &c.channel, &c.purpose, &c.subject, &c.body, &source, &c.created, &c.sent)
	if errors.Is(err, store.ErrNoRows) {
		return c, fault.Missing("delivery")
	}
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(source, &c.source)
}

// postTx judges an outreach to somebody who reads our own rows and shows it: the
// commit is its sending. The recipient is locked, the delivery waits.
func (o *Outbox) postTx(tx *store.Tx, d channels.Enqueued, to recipient, now time.Time) (channels.Enqueued, error) {
	c, err := contentOf(tx, d.ID)
	if err != nil {
		return d, err
	}
	var account ids.ID
	var status channels.Status
	if err := tx.QueryRow(qAccountStatus, d.ID).Scan(&account, &status); err != nil {
		return d, err
	}
	if status != channels.Active {
		return o.refuseTx(tx, d, "account_disabled", now)
	}
	err = o.passTx(tx, wish{delivery: d.ID, identity: c.identity, channel: c.channel, purpose: c.purpose, source: c.source}, to, now)
	var waits *held
	var gone *cancelled
	switch {
	case errors.As(err, &waits):
		return o.holdTx(tx, d, waits, now)
	case errors.As(err, &gone):
		return o.endTx(tx, d, channels.Cancelled, gone.code, now)
	case fault.KindOf(err) == fault.Conflict:
		return o.refuseTx(tx, d, fault.CodeOf(err), now)
	case err != nil:
		return d, err
	}
	at, err := o.poster.PostTx(tx, channels.Post{Delivery: d.ID, Account: account, Customer: to.customer, Identity: c.identity, Body: c.body, Source: c.source, Now: now})
	if err != nil {
		return d, err
	}
	if _, err := tx.Exec(qPosted, at.Conversation, at.Message, at.Seq, at.Conversation, clock.Millis(now), d.ID); err != nil {
		return d, err
	}
	if _, err := tx.Exec(qContentSent, clock.Millis(now), d.ID); err != nil {
		return d, err
	}
	d.State, d.Conversation, d.Message, d.Seq, d.UpdatedAt = channels.SentState, at.Conversation, at.Message, at.Seq, now
	d.Attempt++
	return d, o.tellOutreachTx(tx, d, now)
}

// holdTx lets an outreach wait.
func (o *Outbox) holdTx(tx *store.Tx, d channels.Enqueued, waits *held, now time.Time) (channels.Enqueued, error) {
	if _, err := tx.Exec(qHold, clock.Millis(waits.until), waits.code, clock.Millis(now), d.ID); err != nil {
		return d, err
	}
	if _, err := tx.Exec(qContentHeld, shownUntil(waits.code, waits.until), d.ID); err != nil {
		return d, err
	}
	d.State, d.ErrorCode, d.ErrorDetail, d.UpdatedAt = channels.Queued, waits.code, "", now
	tx.Hint(Topic)
	return d, o.tellOutreachTx(tx, d, now)
}

// show is postTx for a delivery that had to wait and has been claimed.
func (o *Outbox) show(ctx context.Context, j job) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		to, err := lockRecipientTx(tx, j.identity)
		if err != nil {
			return err
		}
		n, err := tx.Exec(queries.Get("unclaim"), clock.Millis(now), j.id, o.holder, j.lease)
		if err != nil || n == 0 {
			return err // another process has it
		}
		d := j.enqueued(channels.Queued, "", now)
		d.Attempt = j.attempt
		_, err = o.postTx(tx, d, to, now)
		return err
	})
}

// loadOutreach reads what an outreach carries and to whom, and keeps it for the
// steps that follow.
func (o *Outbox) loadOutreach(q store.Querier, j *job, marketing bool) (channels.Content, error) {
	var out channels.Content
	c, err := contentOf(q, j.id)
	if err != nil {
		return out, err
	}
	j.content = &c
	to := &out.Identity
	if err := q.QueryRow(qAddress, j.identity).Scan(&to.Kind, &to.Namespace, &to.Value, &to.Verified, &out.Locale); err != nil {
		if errors.Is(err, store.ErrNoRows) {
			return out, fault.Missing("identity")
		}
		return out, err
	}
	out.Subject, out.Body = c.subject, c.body
	if marketing && o.unsubscribe != nil {
		out.Unsubscribe = o.unsubscribe(j.identity, j.account, c.channel)
	}
	return out, nil
}

// tellTx tells who is concerned of a delivery's state.
func (o *Outbox) tellTx(tx *store.Tx, d channels.Enqueued, now time.Time) error {
	if d.Message == 0 {
		return o.tellOutreachTx(tx, d, now)
	}
	return o.changed(tx, d, now)
}

func (o *Outbox) tellOutreachTx(tx *store.Tx, d channels.Enqueued, now time.Time) error {
	if len(o.outreach) == 0 {
		return nil
	}
	c, err := contentOf(tx, d.ID)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return o.tellOutreachOfTx(tx, d, c, now)
}

// tellOutreachOfTx is tellOutreachTx for whoever has read the content.
func (o *Outbox) tellOutreachOfTx(tx *store.Tx, d channels.Enqueued, c content, now time.Time) error {
	told := channels.OutreachChanged{Delivery: d.ID, Customer: c.customer, Identity: c.identity, Channel: c.channel, Purpose: c.purpose, Source: c.source,
		State: d.State, Code: d.ErrorCode, Detail: d.ErrorDetail, At: now}
	for _, t := range o.outreach {
		if err := t(tx, told); err != nil {
			return err
		}
	}
	return nil
}

// ReadTx tells that the recipient has read an outreach in their thread; the
// caller has stored it.
func (o *Outbox) ReadTx(tx *store.Tx, id ids.ID, now time.Time) error {
	return o.tellOutreachTx(tx, channels.Enqueued{ID: id, State: channels.Read, UpdatedAt: now}, now)
}

// sentTx notes that an outreach is about to go out: from here on it counts
// against the cap, unless it turns out that it certainly did not arrive.
func sentTx(tx *store.Tx, delivery ids.ID, at time.Time) error {
	var ms int64
	if !at.IsZero() {
		ms = clock.Millis(at)
	}
	_, err := tx.Exec(qContentSent, ms, delivery)
	return err
}

// windowsFilled marks that identities.open_until is that of their grants.
const windowsFilled = "outbox/open_until"

// Prepare works out what follows from rows that were there before this version.
func (o *Outbox) Prepare(ctx context.Context) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		var done string
		if err := tx.QueryRow(qSetting, windowsFilled).Scan(&done); !errors.Is(err, store.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(qSetSetting, windowsFilled, ""); err != nil {
			return err
		}
		return allowance.Backfill(tx)
	})
}
