package demo

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/customers"
)

// visits are those of the shop's site, as long as somebody keeps coming.
func (w *world) visits(p *person) {
	gap := []time.Duration{40 * day, 20 * day, 8 * day}[p.loyalty]
	stay := []int{58, 88, 96}[p.loyalty]
	asleep := p.n%61 == 5 // comes back after half a year
	for at := p.arrives; at.Before(w.o.Now); {
		w.visit(p, at)
		if asleep && at.Before(w.o.Now.Add(-300*day)) {
			at = w.moment(w.o.Now.Add(-w.between(2*day, 90*day)))
			asleep = false
			continue
		}
		if !w.chance(stay) {
			return
		}
		wait := time.Duration(float64(gap) * (0.2 - math.Log(1-w.random.Float64())) / max(w.weight(at), 0.4))
		at = w.moment(at.Add(max(wait, day)))
	}
}

// visit is one of the site: pages, teas, perhaps an order.
func (w *world) visit(p *person, at time.Time) {
	site := func(name string, properties map[string]any, after time.Duration) {
		at = at.Add(after)
		body := map[string]any{"type": "track", "event": name, "anonymousId": p.browser, "properties": properties, "context": w.context(pick(w, w.words.Pages))}
		if name == "" {
			body["type"] = "page"
			delete(body, "event")
			delete(body, "properties")
		}
		w.happens(at, false, body)
	}
	known := p.signedUp(at)
	if known && at.Sub(p.signsUp) > time.Hour {
		w.happens(at, true, map[string]any{"type": "track", "event": "Signed In", "userId": p.user, "properties": map[string]any{"method": "password"}})
	}
	for range 1 + w.random.IntN(3) {
		site("", nil, w.between(5*time.Second, 3*time.Minute))
	}
	tea := pick(w, w.words.Products)
	for range w.random.IntN(3) {
		site("Product Viewed", tea.properties(), w.between(10*time.Second, 4*time.Minute))
	}
	if !w.chance(46) {
		return
	}
	site("Product Added", tea.properties(), w.between(20*time.Second, 3*time.Minute))
	if known && w.chance([]int{54, 60, 74}[p.loyalty]) {
		w.order(p, at.Add(w.between(time.Minute, 9*time.Minute)), tea)
	}
	if known && p.loyalty == 2 && w.chance(12) {
		w.happens(at.Add(20*time.Minute), true, map[string]any{"type": "track", "event": "Friend Invited", "userId": p.user, "properties": map[string]any{"channel": "link"}})
	}
}

func (t product) properties() map[string]any {
	return map[string]any{"product_id": t.ID, "name": t.Name, "price": t.Price, "currency": "CNY"}
}

func (w *world) context(page [2]string) map[string]any {
	return map[string]any{"locale": w.words.Locale, "timezone": w.words.Zone, "page": map[string]any{"url": "https://shop.example" + page[1], "path": page[1], "title": page[0] + " · " + w.words.Site}}
}

// order is placed on the shop's server; some come back, some are praised.
func (w *world) order(p *person, at time.Time, tea product) {
	quantity := 1 + w.random.IntN(3)
	id := fmt.Sprintf("T%s%04d", at.In(w.zone).Format("060102"), w.random.IntN(10000))
	line := tea.properties()
	line["quantity"] = quantity
	total := tea.Price * quantity
	says := func(name string, after time.Duration, properties map[string]any) {
		w.happens(at.Add(after), true, map[string]any{"type": "track", "event": name, "userId": p.user, "properties": properties})
	}
	says("Order Completed", 0, map[string]any{"order_id": id, "total": total, "currency": "CNY", "quantity": quantity, "products": []any{line}})
	if w.chance(22) {
		says("Review Written", w.between(4*day, 9*day), map[string]any{"order_id": id, "product_id": tea.ID, "rating": 3 + w.random.IntN(3)})
	}
	if w.chance(3) {
		says("Order Refunded", w.between(2*day, 6*day), map[string]any{"order_id": id, "total": total, "currency": "CNY"})
	}
}

// joins is what signing up at the shop does: the shop's server says who it is.
func (w *world) joins(p *person) {
	w.happens(p.signsUp, true, map[string]any{"type": "identify", "userId": p.user, "anonymousId": p.browser, "context": w.context(pick(w, w.words.Pages)), "traits": map[string]any{
		"name": p.name, "email": p.address, "locale": w.words.Locale, "timezone": w.words.Zone,
		w.words.Attributes["city"]: p.city, w.words.Attributes["taste"]: p.taste, w.words.Attributes["origin"]: w.words.Origin,
	}})
	w.happens(p.signsUp.Add(time.Second), true, map[string]any{"type": "track", "event": "Signed Up", "userId": p.user, "properties": map[string]any{"method": "email"}})
	if p.agrees {
		w.at(p.signsUp.Add(25*time.Hour), "agree to mail", func(ctx context.Context) error {
			return w.says(ctx, p, customers.Granted)
		})
		if w.chance(6) {
			w.at(p.signsUp.Add(w.between(30*day, 200*day)), "take consent back", func(ctx context.Context) error { return w.says(ctx, p, customers.Withdrawn) })
		}
	}
	if p.from == fromWechat { // they come to the site, too
		for at := p.signsUp.Add(day); p.loyalty > 0 && at.Before(w.o.Now); at = w.moment(at.Add(w.between(6*day, 45*day))) {
			w.visit(p, at)
		}
		if w.chance(60) {
			w.at(p.signsUp.Add(26*time.Hour), "bind WeChat", func(ctx context.Context) error { return w.bind(ctx, p) })
		}
	}
}

// says keeps what somebody allows by mail.
func (w *world) says(ctx context.Context, p *person, state customers.ConsentState) error {
	key, _ := customers.EmailKey(p.address)
	who, found, err := w.Find(ctx, key)
	if err != nil || !found {
		return err
	}
	source := w.words.Consent
	if state == customers.Withdrawn {
		source = customers.SourceUnsubscribe
	}
	return w.Customers.Say(ctx, who.Identity, email.Channel, customers.PurposeMarketing, state, source)
}
