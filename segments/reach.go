package segments

import (
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// kinds are the identities that a channel reaches people by.
var kinds = map[string]string{"wechat": customers.KindOpenID, "email": customers.KindEmail, "webchat": customers.KindVisitor}

// reach is what decides whether somebody can be written to.
type reach struct {
	// open is, by the kind of the identities that are not suppressed, until when
	// automations may use the one that is open longest.
	open map[string]int64
	said map[said]string
}

type said struct{ channel, purpose string }

// until tells whether a channel is open for a purpose, and how long; 0: without
// an end. For WeChat it may lie in the past.
func (r *reach) until(channel, purpose string) (int64, bool) {
	if r == nil {
		return 0, false
	}
	open, there := r.open[kinds[channel]]
	state := r.said[said{channel, purpose}]
	switch {
	case !there || state == string(customers.Withdrawn):
		return 0, false
	case channel == "email" && purpose == rule.Marketing && state != string(customers.Granted):
		return 0, false
	case channel == "wechat":
		return open, open > 0
	}
	return 0, true
}

func (g *gathering) reach() error {
	of := func(id ids.ID) *reach {
		p := g.people[id]
		if p == nil {
			return nil
		}
		if p.reach == nil {
			p.reach = &reach{open: map[string]int64{}, said: map[said]string{}}
		}
		return p.reach
	}
	var b store.Builder
	b.Add("SELECT customer_id, kind, max(open_until) FROM identities WHERE suppressed = ''")
	b.Add("AND kind IN (?, ?, ?) AND", customers.KindOpenID, customers.KindEmail, customers.KindVisitor)
	store.AddIn(&b, "customer_id", g.list)
	b.Add("GROUP BY customer_id, kind")
	if err := g.each(&b, func(row store.Row) error {
		var id ids.ID
		var kind string
		var until int64
		if err := row.Scan(&id, &kind, &until); err != nil {
			return err
		}
		if r := of(id); r != nil {
			r.open[kind] = until
		}
		return nil
	}); err != nil {
		return err
	}
	var c store.Builder
	c.Add("SELECT customer_id, channel, purpose, state FROM consent_now WHERE")
	store.AddIn(&c, "customer_id", g.list)
	return g.each(&c, func(row store.Row) error {
		var id ids.ID
		var s said
		var state string
		if err := row.Scan(&id, &s.channel, &s.purpose, &state); err != nil {
			return err
		}
		if r := of(id); r != nil {
			r.said[s] = state
		}
		return nil
	})
}
