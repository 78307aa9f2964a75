package customers_test

import (
	"fmt"
	"testing"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

func TestConsents(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		a, b := resolve(t, h, device("a"), ""), resolve(t, h, openid("b"), "")
		n := 0
		say := func(id, identity ids.ID, channel string, state customers.ConsentState) {
			t.Helper()
			n++
			_, err := h.Customers.SetConsent(h.Ctx(), h.Boss, customers.ConsentChange{Customer: id, Identity: identity, Channel: channel, Purpose: customers.PurposeMarketing,
				State: state, Source: "asked on the phone", ClientKey: fmt.Sprint(n)})
			if err != nil {
				t.Fatal(err)
			}
		}
		holds := func(id ids.ID, want string) {
			t.Helper()
			c, err := h.Customers.Consents(h.Ctx(), id)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, x := range c.Current {
				got += x.Channel + ":" + string(x.State) + " "
				if err := h.DB.Snapshot(h.Ctx(), func(q store.Querier) error {
					state, err := customers.ConsentNow(q, id, x.Channel, x.Purpose)
					same(t, "allows", state, x.State)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
			same(t, "holds", got, want)
		}
		say(a.Customer, 0, "email", customers.Granted)
		say(a.Customer, a.Identity, "webchat", customers.Withdrawn)
		say(a.Customer, 0, "wechat", customers.Withdrawn)
		say(a.Customer, 0, "wechat", customers.Granted)
		say(b.Customer, 0, "email", customers.Withdrawn)
		say(b.Customer, 0, "webchat", customers.Granted)
		holds(a.Customer, "email:granted webchat:withdrawn wechat:granted ")
		m := merge(t, h, a.Customer, b.Customer)
		holds(a.Customer, "email:withdrawn webchat:withdrawn wechat:granted ")
		say(b.Customer, b.Identity, "email", customers.Granted) // the merged customer says it anew
		holds(a.Customer, "email:granted webchat:withdrawn wechat:granted ")
		say(a.Customer, 0, "wechat", customers.Withdrawn)
		undo(t, h, m.ID)
		holds(a.Customer, "email:granted webchat:withdrawn wechat:withdrawn ")
		holds(b.Customer, "email:granted webchat:granted ")
		c, err := h.Customers.Consents(h.Ctx(), a.Customer)
		if err != nil || len(c.History) != 5 || c.History[0].ID < c.History[4].ID {
			t.Errorf("%+v %v", c, err)
		}
		say(a.Customer, 0, "email", customers.Granted)
		n--
		say(a.Customer, 0, "email", customers.Granted)
		same(t, "written once", h.Number("SELECT count(*) FROM consents"), 9)
		for _, c := range []struct {
			change      customers.ConsentChange
			code, field string
		}{
			{customers.ConsentChange{Channel: "email", Purpose: "spying", State: customers.Granted, Source: "x", ClientKey: "z"}, "not_one_of", "purpose"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: "maybe", Source: "x", ClientKey: "z"}, "not_one_of", "state"},
			{customers.ConsentChange{Channel: "", Purpose: "marketing", State: customers.Granted, Source: "x", ClientKey: "z"}, "unknown_channel", "channel"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: " ", ClientKey: "z"}, "required", "source"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: "x"}, "required", "client_key"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Granted, Source: "x", ClientKey: "z", Identity: b.Identity}, "identity_unknown", "identity_id"},
			{customers.ConsentChange{Channel: "email", Purpose: "marketing", State: customers.Withdrawn, Source: "x", ClientKey: fmt.Sprint(n)}, "client_key_reused", ""},
		} {
			c.change.Customer = a.Customer
			_, err := h.Customers.SetConsent(h.Ctx(), h.Boss, c.change)
			house.Refused(t, err, c.code, c.field)
		}
	})
}
