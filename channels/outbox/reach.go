package outbox

import (
	"errors"
	"slices"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

var (
	qPerson          = queries.Get("person")
	qWays            = queries.Get("ways")
	qChannelAccounts = queries.Get("channel-accounts")
)

// preferred is the order in which channels are tried where nobody chose one:
// first where people answer, last where only a browser that comes back sees it.
var preferred = []string{"wechat", "email", "webchat"}

// ReachTx finds the first of the channels (none: every one, best first) on which
// an outreach of a purpose can be sent to a person now; channel is "" when there
// is none, and reason is then why the first of them is closed. Caps and quiet
// hours do not close a channel: they hold for all of them.
func (o *Outbox) ReachTx(q store.Querier, customer ids.ID, want []string, purpose channels.Purpose, now time.Time) (channel string, account, identity ids.ID, reason string, err error) {
	r, err := o.Reach(q, customer, want, purpose, now)
	if err != nil {
		return "", 0, 0, "", err
	}
	if r.Channel == "" {
		reason = NoAddress
		// What can be cured says more than that there is no address.
		for _, u := range r.Reasons {
			if u.Code != NoAddress {
				reason = u.Code
				break
			}
		}
	}
	return r.Channel, r.Account, r.Identity, reason, nil
}

// Reach is ReachTx with the reasons of every channel.
func (o *Outbox) Reach(q store.Querier, customer ids.ID, want []string, purpose channels.Purpose, now time.Time) (channels.Reach, error) {
	var out channels.Reach
	if err := q.QueryRow(qPerson, customer).Scan(&customer); err != nil {
		if errors.Is(err, store.ErrNoRows) {
			return out, fault.Missing("customer")
		}
		return out, err
	}
	if len(want) == 0 {
		want = o.byPreference()
	}
	for _, channel := range want {
		account, identity, code, err := o.way(q, customer, channel, purpose, now)
		if err != nil {
			return out, err
		}
		if code == "" {
			return channels.Reach{Channel: channel, Account: account, Identity: identity}, nil
		}
		out.Reasons = append(out.Reasons, channels.Unreachable{Channel: channel, Code: code})
	}
	return out, nil
}

func (o *Outbox) byPreference() []string {
	all := o.registry.Channels()
	rank := func(c string) int {
		if i := slices.Index(preferred, c); i >= 0 {
			return i
		}
		return len(preferred)
	}
	slices.SortStableFunc(all, func(a, b string) int { return rank(a) - rank(b) })
	return all
}

// candidate is an identity that could be written to.
type candidate struct {
	identity          ids.ID
	namespace, closed string
	until             int64
	grants            string
}

// way finds the best identity and account of a channel, or why there is none.
func (o *Outbox) way(q store.Querier, customer ids.ID, channel string, purpose channels.Purpose, now time.Time) (account, identity ids.ID, code string, err error) {
	adapter, err := o.registry.Adapter(channel)
	if err != nil {
		return 0, 0, "", err
	}
	caps := adapter.Capabilities()
	rows, err := q.Query(qWays, customer, caps.Identity)
	found, err := store.Collect(rows, err, func(r store.Row) (candidate, error) {
		var c candidate
		return c, r.Scan(&c.identity, &c.namespace, &c.closed, &c.until, &c.grants)
	})
	if err != nil || len(found) == 0 {
		return 0, 0, NoAddress, err
	}
	if err := passConsent(q, wish{channel: channel, purpose: purpose, optIn: caps.OptIn}, customer); fault.KindOf(err) == fault.Conflict {
		return 0, 0, fault.CodeOf(err), nil
	} else if err != nil {
		return 0, 0, "", err
	}
	rows, err = q.Query(qChannelAccounts, customer, channel)
	active, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		var used int64
		return id, r.Scan(&id, &used)
	})
	if err != nil {
		return 0, 0, "", err
	}
	for _, c := range found {
		at, refused, err := c.through(caps, active, now)
		if err != nil || refused == "" {
			return at, c.identity, "", err
		}
		if code == "" || code == NoAddress {
			code = refused // the best candidate's
		}
	}
	return 0, 0, code, nil
}

// through is the account by which a candidate can be written to now, or why not.
func (c candidate) through(caps channels.Capabilities, active []ids.ID, now time.Time) (account ids.ID, code string, err error) {
	if !caps.PerAccount && len(active) > 0 {
		account = active[0]
	}
	for _, a := range active {
		if caps.PerAccount && a.String() == c.namespace {
			account = a
		}
	}
	switch {
	case account == 0 && caps.PerAccount && len(active) > 0:
		return 0, NoAddress, nil
	case account == 0:
		return 0, "account_disabled", nil
	case c.closed != "":
		return 0, Suppressed, nil
	case caps.Allowance && c.until <= clock.Millis(now):
		code, err = allowance.Refusal(c.grants, now)
		return 0, code, err
	}
	return account, "", nil
}
