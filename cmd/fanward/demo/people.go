package demo

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/fault"
)

// How somebody came to the shop first.
const (
	fromSite   = "site"
	fromWechat = "wechat"
	fromMail   = "mail"
)

// person is one of the shop's people.
type person struct {
	n             int
	name, address string
	user, browser string // their ids at the shop
	openID        string
	from          string
	city, taste   string
	arrives       time.Time
	signsUp       time.Time // zero: never
	loyalty       int       // 0 once, 1 now and then, 2 often
	agrees        bool      // to marketing mail
	bounces       bool      // their mailbox does not exist any more
	chat          []Line    // on a phone of the sandbox
}

func (p *person) signedUp(at time.Time) bool { return !p.signsUp.IsZero() && p.signsUp.Before(at) }

// userKey is the identity that somebody has by signing up.
func (p *person) userKey() customers.Key {
	return customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: p.user}
}

// months are how busy a tea shop is: new tea in April, presents in autumn, quiet
// around the Spring Festival.
var months = [13]float64{0, 0.9, 0.6, 1, 1.5, 1.2, 0.9, 0.8, 0.9, 1.3, 1.1, 1.7, 1.3}

// hours are how busy a day is, by the hour.
var hours = [24]float64{0.3, 0.1, 0.05, 0.05, 0.05, 0.1, 0.3, 0.8, 1.2, 1.6, 1.9, 1.8, 1.9, 1.5, 1.3, 1.4, 1.4, 1.3, 1.4, 1.8, 2.4, 2.5, 1.7, 0.8}

// weight is how much goes on at the shop on a day.
func (w *world) weight(at time.Time) float64 {
	local := at.In(w.zone)
	grown := 0.6 + 0.8*float64(at.Sub(w.begin()))/float64(Year)
	if d := local.Weekday(); d == time.Saturday || d == time.Sunday {
		grown *= 1.4
	}
	return grown * months[local.Month()]
}

// moment is an instant of the day of at, as likely as the hour is busy.
func (w *world) moment(at time.Time) time.Time {
	sum := 0.0
	for _, h := range hours {
		sum += h
	}
	left := w.random.Float64() * sum
	hour := 0
	for hour = range hours {
		if left -= hours[hour]; left < 0 {
			break
		}
	}
	local := at.In(w.zone)
	return time.Date(local.Year(), local.Month(), local.Day(), hour, w.random.IntN(60), w.random.IntN(60), 0, w.zone).UTC()
}

// someDay is a moment between two instants, as likely as the shop is busy.
func (w *world) someDay(from, to time.Time) time.Time {
	for {
		at := from.Add(time.Duration(w.random.Int64N(int64(to.Sub(from)))))
		if w.random.Float64()*3 < w.weight(at) {
			if at = w.moment(at); at.After(from) && at.Before(to) {
				return at
			}
		}
	}
}

// populate makes the year's people and what they will do.
func (w *world) populate(context.Context) error {
	for n := range w.o.People {
		p := w.newPerson(n)
		w.people = append(w.people, p)
		switch p.from {
		case fromWechat:
			if err := w.follower(p); err != nil {
				return err
			}
		case fromSite:
			w.visits(p)
		}
		if !p.signsUp.IsZero() {
			w.joins(p)
		}
	}
	w.sortCalls()
	return nil
}

func (w *world) sortCalls() {
	slices.SortStableFunc(w.calls, func(a, b call) int { return a.at.Compare(b.at) })
}

func (w *world) newPerson(n int) *person {
	p := &person{n: n, from: fromSite, city: pick(w, w.words.Cities), taste: pick(w, w.words.Tastes), arrives: w.someDay(w.begin().Add(2*day), w.o.Now.Add(-day))}
	first, family := pick(w, w.words.Given), pick(w, w.words.Family)
	if p.name = family + first; w.words.GivenFirst {
		p.name = first + " " + family
	}
	p.address = fmt.Sprintf("%s@example.com", mailName(p.name, n))
	p.user, p.browser = fmt.Sprintf("u%05d", 10000+n*7), fmt.Sprintf("b-%05d-%06d", n, w.random.IntN(1_000_000))
	switch r := w.random.IntN(100); {
	case r < 26:
		p.from = fromWechat
	case r < 32:
		p.from = fromMail
	}
	switch r := w.random.IntN(100); {
	case r < 14:
		p.loyalty = 2
	case r < 52:
		p.loyalty = 1
	}
	p.agrees, p.bounces = w.chance(58), w.chance(2)
	if p.from == fromSite && w.chance(66) || p.from == fromWechat && w.chance(45) {
		p.signsUp = p.arrives.Add(w.between(10*time.Minute, 4*time.Hour))
		if p.from == fromWechat {
			p.signsUp = p.arrives.Add(w.between(day, 20*day))
		}
		if p.signsUp.After(w.o.Now.Add(-2 * time.Hour)) {
			p.signsUp = time.Time{}
		}
	}
	return p
}

// mailName is the first part of somebody's address.
func mailName(name string, n int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('.')
		}
	}
	if b.Len() < 3 {
		return fmt.Sprintf("guke%04d", n)
	}
	return fmt.Sprintf("%s%d", b.String(), n)
}

// visitor is somebody's browser at the shop's chat.
func (w *world) visitor(p *person) (webchat.Visitor, error) {
	config, err := webchat.ParseConfig(w.Shop.Config)
	return webchat.Visitor{Account: w.Shop, Config: config, Key: "demo" + p.browser}, err
}

// chatSignIn tells the chat who is signed in at the shop, with its proof.
func (w *world) chatSignIn(ctx context.Context, p *person) (webchat.Visitor, error) {
	v, err := w.visitor(p)
	if err != nil || !p.signedUp(w.Clock.Now()) {
		return v, err
	}
	v, _, err = w.Visitors.Identify(ctx, v, webchat.Claim{
		UserID: p.user, Hash: hex.EncodeToString(webchat.IdentityHash(w.ShopSecret, p.user)), EmailHash: hex.EncodeToString(webchat.EmailHash(w.ShopSecret, p.user, p.address)),
		Traits: customers.Traits{Name: p.name, Email: p.address, Locale: w.words.Locale},
	})
	return v, err
}

// bind joins a follower and the shop's user by a code that the shop shows.
func (w *world) bind(ctx context.Context, p *person) error {
	v, err := w.chatSignIn(ctx, p)
	if err != nil {
		return err
	}
	who, known, err := w.Visitors.Who(ctx, v)
	if err != nil || !known {
		return err
	}
	token, err := w.Customers.BindToken(ctx, who.Customer, who.Identity, w.Wechat.ID)
	if err != nil {
		return err
	}
	_, err = w.Customers.Bind(ctx, token.Scene, customers.Key{Kind: customers.KindOpenID, Namespace: w.Wechat.ID.String(), Value: p.openID})
	if fault.KindOf(err) == fault.Conflict {
		return nil // proven to be two people: it is shown as such
	}
	return err
}

// follower is somebody who follows the WeChat account when they arrive.
func (w *world) follower(p *person) (err error) {
	if n := len(w.phones); n < len(w.words.Phones) && p.n > 40 {
		p.name = w.words.Phones[n]
		w.phones[p.name] = p
		if p.openID, err = w.Phone(p.name); err != nil {
			return err
		}
	} else {
		p.openID = "oDemo" + hex.EncodeToString([]byte(p.browser))[:23]
	}
	w.at(p.arrives, "follow", func(ctx context.Context) error {
		return w.note(ctx, p, wechat.ActFollowed, "follow", w.key("push"))
	})
	if p.signsUp.IsZero() && w.phones[p.name] != p && w.chance(9) {
		w.at(p.arrives.Add(w.between(10*day, 120*day)), "unfollow", func(ctx context.Context) error {
			push := w.key("push")
			if err := w.note(ctx, p, wechat.ActUnfollowed, "", push); err != nil {
				return err
			}
			return w.Inbox.EraseIdentity(ctx, w.Wechat, w.Follower(p.openID), push)
		})
	}
	return nil
}

func (w *world) note(ctx context.Context, p *person, act, trigger, push string) error {
	now := w.Clock.Now()
	n := channels.Happening{Account: w.Wechat, Identity: w.Follower(p.openID), ExternalID: push, Event: act, Activity: act, At: now, Properties: map[string]any{}}
	if trigger != "" {
		n.Grants = []channels.Grant{wechat.GrantOf(trigger, now)}
	}
	_, err := w.Inbox.Note(ctx, n)
	return err
}
