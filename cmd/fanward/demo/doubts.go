package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
)

// keyOf is an identity under which the shop knows somebody.
func (w *world) keyOf(p *person) (customers.Key, bool) {
	switch {
	case p.signedUp(w.Clock.Now()):
		return customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: p.user}, true
	case p.openID != "":
		return customers.Key{Kind: customers.KindOpenID, Namespace: w.Wechat.ID.String(), Value: p.openID}, true
	case p.from == fromMail:
		return customers.EmailKey(p.address)
	}
	return customers.Key{Kind: customers.KindAnonymous, Namespace: customers.Installation, Value: p.browser}, false
}

// twice are people who wrote from another address, whom an agent recognised: some
// are joined by hand, one of them wrongly, and some still wait to be.
func (w *world) twice() {
	for n := range 7 {
		known := w.known()
		other := &person{n: len(w.people) + n, name: known.name, address: fmt.Sprintf("second%d@example.com", n), from: fromMail, browser: fmt.Sprintf("second-%d", n)}
		at := w.moment(w.o.Now.Add(-time.Duration(4+6*n) * day))
		s := w.words.Scripts[n%len(w.words.Scripts)]
		t := &thread{p: other, channel: email.Channel, subject: s.Subject, team: s.Team, lines: s.Lines[:2]}
		t.ends = func(ctx context.Context, t *thread) error {
			resolved := inbox.Resolved
			if _, err := w.Inbox.Update(ctx, t.agent, t.conversation, inbox.Update{Status: &resolved}); err != nil || n >= 5 {
				return err
			}
			return w.join(ctx, known, t, n == 4)
		}
		w.start(t, at)
	}
}

// join merges the record of a thread into that of somebody known.
func (w *world) join(ctx context.Context, p *person, t *thread, wrong bool) error {
	key, _ := w.keyOf(p)
	who, found, err := w.Find(ctx, key)
	if err != nil || !found {
		return err
	}
	preview, err := w.Customers.PreviewMerge(ctx, who.Customer, t.customer)
	if err != nil {
		return err
	}
	r := customers.MergeRequest{Survivor: who.Customer, Absorb: t.customer, ClientKey: w.key("merge")}
	for _, o := range preview.Objections {
		r.Despite = append(r.Despite, o.Code)
	}
	m, err := w.Customers.Merge(ctx, w.staff["manager"], r)
	if err != nil || !wrong {
		return err
	}
	w.at(w.Clock.Now().Add(50*time.Minute), "undo", func(ctx context.Context) error {
		_, err := w.Customers.Undo(ctx, w.staff["manager"], m.ID)
		return err
	})
	return nil
}

// proofs are calls of the last days that say what cannot be: one address of two
// people, events without a name, somebody else's key.
func (w *world) proofs() {
	for n := range 2 {
		one, other := w.known(), w.known()
		w.late(time.Duration(3+n)*5*time.Hour, true, map[string]any{"type": "identify", "userId": one.user, "traits": map[string]any{"email": other.address}})
	}
	w.late(9*time.Hour, true, map[string]any{"type": "track", "userId": w.known().user, "event": ""})
	w.late(6*time.Hour, true, map[string]any{"type": "track", "userId": "undefined", "event": "Order Completed", "properties": map[string]any{"total": 168}})
	w.late(5*time.Hour, true, map[string]any{"type": "identify", "userId": w.known().user, "traits": map[string]any{"email": "no address"}})
	w.late(2*time.Hour, false, map[string]any{"type": "track", "anonymousId": "b-visitor", "userId": w.known().user, "event": "Product Viewed", "properties": w.words.Products[0].properties()})
	w.late(time.Hour, false, map[string]any{"type": "trak", "anonymousId": "b-visitor", "event": "Product Viewed"})
}

// late notes a call that is made so long before the end.
func (w *world) late(before time.Duration, server bool, body map[string]any) {
	w.happens(w.o.Now.Add(-before), server, body)
	w.sortCalls()
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
