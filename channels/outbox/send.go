package outbox

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

const (
	// stopGrace is how long an adapter may take to return once its context is
	// cancelled; then it is left behind, so that it holds up nobody else.
	stopGrace = 5 * time.Second
	// maxRetryAfter bounds what a provider can ask for.
	maxRetryAfter = 24 * time.Hour
	// laneWait is when a delivery looks again that found its lane taken.
	laneWait = time.Second
	// maxDoze is how long it may take to make "sending" durable before somebody
	// else may have noticed.
	maxDoze = 5 * time.Second
)

// process takes one claimed delivery to the end of an attempt. It holds a turn
// until the outcome is stored, so that no more can become unknown than turns are.
func (o *Outbox) process(ctx context.Context, j job, t turns) error {
	defer t.take(ctx)()
	stopping := ctx.Err() != nil
	// What has begun is finished even when the program stops.
	ctx = context.WithoutCancel(ctx)
	if stopping {
		return o.settle(ctx, j, channels.Queued, "", "", o.clk.Now())
	}
	adapter, out, err := o.prepare(ctx, &j)
	var refused *channels.SendError
	switch {
	case errors.As(err, &refused):
		return o.settle(ctx, j, channels.Failed, refused.Code, "", o.clk.Now())
	case err != nil:
		// Nothing has been tried; another try is not an attempt.
		return errors.Join(err, o.settle(ctx, j, channels.Queued, fault.CodeOf(err), "", o.clk.Now().Add(backoff(1))))
	}
	caps := adapter.Capabilities()
	if caps.CommitSends {
		if err := o.show(ctx, j); err != nil {
			return errors.Join(err, o.settle(ctx, j, channels.Queued, fault.CodeOf(err), "", o.clk.Now().Add(backoff(1))))
		}
		return nil
	}
	claim, began := j, o.machine.Now()
	mine, err := o.begin(ctx, &j, caps, channels.Messages(out.Body, len(out.Files)))
	var waits *held
	if errors.As(err, &waits) {
		return o.settle(ctx, j, channels.Queued, waits.code, "", waits.until)
	}
	var gone *cancelled
	if errors.As(err, &gone) {
		return o.settle(ctx, j, channels.Cancelled, gone.code, "", o.clk.Now())
	}
	if fault.KindOf(err) == fault.Conflict {
		return o.settle(ctx, j, channels.Failed, fault.CodeOf(err), "", o.clk.Now())
	}
	if err != nil {
		// Whether "sending" stands is open, that nothing was sent is not.
		due := o.clk.Now().Add(laneWait)
		return errors.Join(err, o.settle(ctx, j, channels.Queued, "", "", due), o.settle(ctx, claim, channels.Queued, "", "", due))
	}
	if !mine {
		return o.settle(ctx, j, channels.Queued, "", "", o.clk.Now().Add(laneWait))
	}
	if slept := o.machine.Now().Sub(began); slept > maxDoze {
		// The process was stopped, or the database slow: somebody may have taken it
		// for dead, and for unknown what it was about to send.
		if still, err := o.still(ctx, j); err != nil || !still {
			return err
		}
	}
	sent, err := o.call(ctx, adapter, out)
	if err == nil {
		return o.settle(ctx, j, channels.SentState, "", text.CleanLine(sent.ProviderRef), o.clk.Now())
	}
	return o.failed(ctx, j, caps, err)
}

// still tells whether a send that is about to begin has not been given up by others.
func (o *Outbox) still(ctx context.Context, j job) (held bool, err error) {
	err = o.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(qStill, clock.Millis(o.clk.Now()), j.id, o.holder, j.lease)
		held = n == 1
		return err
	})
	return held, err
}

// prepare gathers what a send needs; a *channels.SendError says that there is
// no use in trying.
func (o *Outbox) prepare(ctx context.Context, j *job) (channels.Adapter, channels.Outbound, error) {
	out := channels.Outbound{Delivery: j.id, Conversation: j.conversation, Recipient: j.identity, Purpose: j.purpose, Automated: j.automated, Attempt: int(j.attempt + 1)}
	account, err := o.accounts.Get(ctx, j.account)
	if err != nil {
		return nil, out, hopeless(err)
	}
	if account.Status != channels.Active {
		return nil, out, &channels.SendError{Outcome: channels.Refused, Code: "account_disabled"}
	}
	adapter, err := o.registry.Adapter(account.Channel)
	if err != nil {
		return nil, out, &channels.SendError{Outcome: channels.Refused, Code: fault.CodeOf(err), Err: err}
	}
	out.Account = account
	if j.message == 0 {
		out.Content, err = o.loadOutreach(o.db.Reader(ctx), j, j.purpose == channels.Marketing)
	} else {
		out.Content, err = o.loader.LoadOutbound(ctx, j.message, j.identity)
	}
	return adapter, out, hopeless(err)
}

// hopeless turns "not found" into a refusal: it will not be found next time.
func hopeless(err error) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	return &channels.SendError{Outcome: channels.Refused, Code: fault.CodeOf(err), Err: err}
}

// begin makes "sending" durable; false when the claim has been lost or another
// delivery of the lane is on its way. Where messages are counted it spends as many;
// a conflict says that nothing may be sent.
func (o *Outbox) begin(ctx context.Context, j *job, caps channels.Capabilities, messages int) (mine bool, err error) {
	next := *j
	err = o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		next.attempt, next.lease = j.attempt+1, o.leaseEnd()
		var to recipient
		if caps.Allowance || j.message == 0 {
			// Before anything else: everybody locks the customer first.
			var err error
			if to, err = lockRecipientTx(tx, j.identity); err != nil {
				return err
			}
		}
		var locked int64
		if err := tx.QueryRow(qLane, j.lane).Scan(&locked); err != nil {
			return err
		}
		n, err := tx.Exec(qSending, next.lease, clock.Millis(now), j.id, o.holder, j.lease, j.lane)
		mine = n == 1
		if err != nil || !mine {
			return err
		}
		if j.message == 0 {
			err = o.beginOutreachTx(tx, j, caps, to, now)
		} else {
			err = passSuppressionTx(tx, j.identity)
		}
		if err != nil {
			return err
		}
		if caps.Allowance {
			if next.spent, err = allowance.SpendTx(tx, j.identity, messages, j.automated, now); err != nil {
				return err
			}
			if _, err := tx.Exec(qSpent, next.spent, j.id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(qAttempt, j.id, next.attempt, clock.Millis(now)); err != nil {
			return err
		}
		return o.tellOfTx(tx, next, to.customer, channels.Sending, "", now)
	})
	if mine && (err == nil || fault.CodeOf(err) == "storage_unavailable") {
		*j = next
	}
	return mine, err
}

// call hands the message to the adapter. A panic does not cross the border and
// an adapter that does not return is left behind; what happened to the message
// is then unknown.
func (o *Outbox) call(ctx context.Context, a channels.Adapter, out channels.Outbound) (channels.Sent, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type outcome struct {
		sent channels.Sent
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				o.log.Error("an adapter panicked", "channel", a.Channel(), "delivery_id", out.Delivery, "panic", p)
				done <- outcome{err: &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown"}}
			}
		}()
		sent, err := a.Send(ctx, out)
		done <- outcome{sent, err}
	}()
	timer, stop := o.clk.After(o.limits.SendTimeout)
	select {
	case got := <-done:
		stop()
		return got.sent, got.err
	case <-timer:
	}
	cancel(context.DeadlineExceeded)
	timer, stop = o.clk.After(stopGrace)
	defer stop()
	select {
	case got := <-done:
		return got.sent, got.err
	case <-timer:
		o.log.Error("an adapter does not return from Send", "channel", a.Channel(), "delivery_id", out.Delivery)
		return channels.Sent{}, &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown", Err: context.DeadlineExceeded}
	}
}

func (o *Outbox) failed(ctx context.Context, j job, caps channels.Capabilities, err error) error {
	var told *channels.SendError
	if !errors.As(err, &told) {
		told = &channels.SendError{Err: err}
	}
	code := codeOf(told)
	j.exhausted, j.detail = told.Spent, detailOf(told.Detail)
	if told.Suppress {
		if err := o.suppress(ctx, j.identity, code); err != nil {
			return err
		}
	}
	doubt := told.Outcome != channels.Refused && told.Outcome != channels.Temporary
	again := told.Outcome == channels.Temporary || doubt && caps.Deduplicates
	switch {
	case again && j.attempt < o.limits.MaxAttempts:
		wait := min(told.RetryAfter, maxRetryAfter)
		if wait <= 0 {
			wait = backoff(j.attempt)
		}
		return o.settle(ctx, j, channels.Queued, code, "", o.clk.Now().Add(wait))
	case doubt:
		return o.settle(ctx, j, channels.Unknown, code, "", o.clk.Now())
	default:
		return o.settle(ctx, j, channels.Failed, code, "", o.clk.Now())
	}
}

// codeOf is the adapter's code; one it forgot follows from the outcome.
func codeOf(e *channels.SendError) string {
	switch {
	case e.Code != "":
		return e.Code
	case e.Outcome == channels.Refused || e.Outcome == channels.Temporary:
		return "send_failed"
	}
	return "send_unknown"
}

// maxDetail bounds what is kept of a provider's words, in characters.
const maxDetail = 500

// detailOf is what a provider said on one line, without what only a terminal
// understands.
func detailOf(said string) string { return text.Preview(said, maxDetail) }

// backoff grows from 5 s to 1 h, with a quarter of jitter.
func backoff(attempt int64) time.Duration {
	d := min(time.Hour, 5*time.Second<<min(2*(attempt-1), 12))
	return d + rand.N(d/4)
}

// settle stores how things stand, as soon as the database takes it. due is when
// a queued one is tried next. Nothing happens when the claim has been lost.
func (o *Outbox) settle(ctx context.Context, j job, state channels.DeliveryState, code, ref string, due time.Time) error {
	limit := time.Now().Add(o.limits.Lease)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := o.settleOnce(ctx, j, state, code, ref, due)
		if fault.CodeOf(err) != "storage_unavailable" || o.stopping.Load() || time.Now().After(limit) {
			return err
		}
		time.Sleep(wait)
	}
}

func (o *Outbox) settleOnce(ctx context.Context, j job, state channels.DeliveryState, code, ref string, due time.Time) error {
	return o.db.Write(ctx, func(tx *store.Tx) error {
		now := o.clk.Now()
		// Before anything else: everybody locks the customer first.
		to, err := lockRecipientTx(tx, j.identity)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		n, err := tx.Exec(qSettle, string(state), clock.Millis(due), code, j.detail, ref, clock.Millis(now), j.id, o.holder, j.lease)
		if err != nil || n == 0 {
			return err
		}
		if err := o.accountTx(tx, j, state, now); err != nil {
			return err
		}
		if _, err := tx.Exec(qEnded, clock.Millis(now), string(state), code, j.id, j.attempt); err != nil {
			return err
		}
		if j.message == 0 && (state == channels.Queued || state == channels.Failed || state == channels.Cancelled) {
			if err := o.unsentTx(tx, j, state, code, due); err != nil {
				return err
			}
		}
		return o.tellOfTx(tx, j, to.customer, state, code, now)
	})
}

// tellOfTx is tellTx for a job whose recipient has been locked, 0 when there is none.
func (o *Outbox) tellOfTx(tx *store.Tx, j job, customer ids.ID, state channels.DeliveryState, code string, now time.Time) error {
	d := j.enqueued(state, code, now)
	if j.content == nil || customer == 0 {
		return o.tellTx(tx, d, now)
	}
	c := *j.content
	c.customer = customer
	return o.tellOutreachOfTx(tx, d, c, now)
}

// beginOutreachTx judges an outreach and counts it.
func (o *Outbox) beginOutreachTx(tx *store.Tx, j *job, caps channels.Capabilities, to recipient, now time.Time) error {
	c := j.content
	if err := o.passTx(tx, wish{delivery: j.id, identity: j.identity, channel: c.channel, purpose: j.purpose, optIn: caps.OptIn, source: c.source}, to, now); err != nil {
		return err
	}
	return sentTx(tx, j.id, now)
}

// unsentTx takes an outreach out of the count that certainly did not go out.
func (o *Outbox) unsentTx(tx *store.Tx, j job, state channels.DeliveryState, code string, due time.Time) error {
	if err := sentTx(tx, j.id, time.Time{}); err != nil || state != channels.Queued || code != QuietHours {
		return err
	}
	_, err := tx.Exec(qContentHeld, shownUntil(code, due), j.id)
	return err
}

// accountTx puts the allowance right once the outcome is known: what certainly
// reached nobody is given back, and what the provider says is used up is.
func (o *Outbox) accountTx(tx *store.Tx, j job, state channels.DeliveryState, now time.Time) error {
	switch {
	case j.spent == "":
		return nil
	case j.exhausted:
		return allowance.ExhaustTx(tx, j.identity, now)
	case state == channels.Queued || state == channels.Failed:
		return allowance.RefundTx(tx, j.identity, j.spent, now)
	}
	return nil
}
