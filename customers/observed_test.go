package customers_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/testkit/house"
)

func TestWhatHasBeenObserved(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		who := resolve(t, h, device("d"), "")
		say := func(name string, properties map[string]any) {
			t.Helper()
			if err := h.Customers.Track(h.Ctx(), customers.Track{Customer: who.Customer, Identity: who.Identity, Name: name, At: h.Clock.Now(), Properties: properties}); err != nil {
				t.Fatal(err)
			}
		}
		say("Order Completed", map[string]any{"total": 12.5, "paid": true, "shop": map[string]any{"city": "西安"}, "tags": []any{"a", "b"}, "at": "2026-01-01"})
		h.Clock.Advance(time.Second)
		say("Order Completed", map[string]any{"total": "much", "shop": map[string]any{"city": "西安"}})
		h.Clock.Advance(time.Second)
		say("Page Viewed", nil)
		list, err := h.Customers.EventNames(h.Ctx())
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(list)
		same(t, "events", string(got), `[{"name":"Order Completed","count":2,"last_at":"2026-01-02T03:04:06.678Z","properties":[`+
			`{"name":"at","types":["time"],"examples":["2026-01-01"]},{"name":"paid","types":["boolean"],"examples":[true]},{"name":"shop.city","types":["text"],"examples":["西安"]},`+
			`{"name":"tags","types":["list"],"examples":["a","b"]},{"name":"total","types":["number","text"],"examples":["much",12.5]}]},`+
			`{"name":"Page Viewed","count":1,"last_at":"2026-01-02T03:04:07.678Z","properties":[]}]`)
		say("Page Viewed", nil)
		if list, _ = h.Customers.EventNames(h.Ctx()); list[1].Count != 1 {
			t.Error("counted anew at once")
		}
		h.Clock.Advance(time.Hour)
		if list, _ = h.Customers.EventNames(h.Ctx()); list[1].Count != 2 {
			t.Error("not counted anew after an hour")
		}
		update(t, h, who.Customer, customers.Patch{Attributes: map[string]any{"plan": "gold", "age": 30.0}})
		names, err := h.Customers.AttributeNames(h.Ctx())
		got, _ = json.Marshal(names)
		same(t, "attributes", string(got), `[{"name":"age","types":["number"],"examples":[30]},{"name":"plan","types":["text"],"examples":["gold"]}]`)
		if err != nil {
			t.Error(err)
		}
	})
}
