package outbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

// Codes with which an outreach fails, or waits.
const (
	ConsentWithdrawn = "consent_withdrawn"
	ConsentMissing   = "consent_missing"
	FrequencyCap     = "frequency_cap"
	QuietHours       = "quiet_hours"
	NoAddress        = "no_address"
)

var (
	qRecipient = queries.Get("lock-recipient")
	qCapCount  = queries.Get("cap-count")
)

// recipient is who an outreach goes to, locked.
type recipient struct {
	customer   ids.ID
	timezone   string
	suppressed string
}

// lockRecipientTx takes the customer's lock, as everybody does first: so two
// messages to one person are never judged by the same count.
func lockRecipientTx(tx *store.Tx, identity ids.ID) (recipient, error) {
	var r recipient
	err := tx.QueryRow(qRecipient, identity).Scan(&r.customer, &r.timezone, &r.suppressed)
	if errors.Is(err, store.ErrNoRows) {
		return r, fault.Missing("identity")
	}
	return r, err
}

// held says that a delivery waits until an instant, and why.
type held struct {
	until time.Time
	code  string
}

func (h *held) Error() string { return fmt.Sprintf("%s: held until %s", h.code, h.until) }

// cancelled says that nobody wants a delivery any more.
type cancelled struct{ code string }

func (c *cancelled) Error() string { return "cancelled: " + c.code }

// Vouch tells whether what has caused an outreach still wants it. It is asked in
// the transaction that would send it, with the recipient locked.
type Vouch func(q store.Querier, s channels.Source, now time.Time) (channels.Verdict, error)

// OnVouch names who answers for the causes of outreach. Call it while the program
// starts.
func (o *Outbox) OnVouch(v Vouch) { o.vouch = v }

// vouchTx holds or cancels what its cause does not want, now or at all.
func (o *Outbox) vouchTx(q store.Querier, s channels.Source, now time.Time) error {
	if o.vouch == nil {
		return nil
	}
	v, err := o.vouch(q, s, now)
	switch {
	case err != nil || v.Code == "":
		return err
	case v.Until.IsZero():
		return &cancelled{v.Code}
	}
	return &held{v.Until, v.Code}
}

// wish is what the rules look at.
type wish struct {
	delivery, identity ids.ID
	channel            string
	purpose            channels.Purpose
	optIn              bool
	source             channels.Source
}

// passTx judges an outreach at the moment of its sending: a coded conflict
// refuses it, *held lets it wait, *cancelled ends it. The recipient is locked. What a provider
// counts is spent by the caller.
func (o *Outbox) passTx(tx *store.Tx, w wish, r recipient, now time.Time) error {
	if err := o.vouchTx(tx, w.source, now); err != nil {
		return err
	}
	if r.suppressed != "" {
		return fault.New(fault.Conflict, Suppressed, nil)
	}
	if err := passConsent(tx, w, r.customer); err != nil {
		return err
	}
	if w.purpose != channels.Marketing {
		return nil
	}
	rules, err := sendingIn(tx)
	if err != nil {
		return err
	}
	if until := rules.Quiet.until(now, o.zoneOf(r.timezone)); !until.IsZero() {
		return &held{until.Add(jitter(w.delivery)), QuietHours}
	}
	return passCapTx(tx, rules.Cap, w, r, now)
}

// passConsent refuses what the person has taken back, and marketing where
// nobody was asked first.
func passConsent(q store.Querier, w wish, customer ids.ID) error {
	if w.purpose == channels.Reply {
		return nil
	}
	state, err := customers.ConsentNow(q, customer, w.channel, string(w.purpose))
	switch {
	case err != nil:
		return err
	case state == customers.Withdrawn:
		return fault.New(fault.Conflict, ConsentWithdrawn, nil)
	case state != customers.Granted && w.optIn && w.purpose == channels.Marketing:
		return fault.New(fault.Conflict, ConsentMissing, nil)
	}
	return nil
}

func passCapTx(tx *store.Tx, c Cap, w wish, r recipient, now time.Time) error {
	if !c.Enabled {
		return nil
	}
	var n int
	since := now.Add(-time.Duration(c.Days) * 24 * time.Hour)
	if err := tx.QueryRow(qCapCount, r.customer, clock.Millis(since), w.delivery).Scan(&n); err != nil {
		return err
	}
	if n >= c.Max {
		return fault.New(fault.Conflict, FrequencyCap, fault.Params{"max": c.Max, "days": c.Days})
	}
	return nil
}

// zoneOf is a person's time zone; the installation's where none is known.
func (o *Outbox) zoneOf(name string) *time.Location {
	if name != "" {
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return o.zone
}

// jitter is how long behind the end of quiet hours a delivery goes out, always
// the same for one.
func jitter(id ids.ID) time.Duration {
	const golden = 0x9E3779B97F4A7C15
	return time.Duration(uint64(id)*golden>>40%uint64(spread/time.Millisecond)) * time.Millisecond
}
