package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
)

// twice are people who wrote from another address, whom an agent recognised: some
// are joined by hand, one of them wrongly, and some still wait to be.
func (w *world) twice() {
	// What has been asked is answered by the line that follows.
	for n, topic := range []string{"stock", "brew", "refund", "member", "store", "allergy", "caffeine"} {
		known := w.known()
		other := &person{n: len(w.people) + n, name: known.name, address: fmt.Sprintf("second%d@example.com", n), from: fromMail, browser: fmt.Sprintf("second-%d", n)}
		at := w.moment(w.o.Now.Add(-time.Duration(4+6*n) * day))
		s := w.words.script(topic)
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
	who, found, err := w.Find(ctx, p.userKey())
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
