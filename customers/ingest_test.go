package customers_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit/house"
)

func writeKey(t *testing.T, h *house.House, kind string) customers.WriteKey {
	t.Helper()
	k, err := h.Customers.CreateWriteKey(h.Ctx(), h.Boss, "Shop", kind)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ingest(t *testing.T, h *house.House, k customers.WriteKey, calls ...customers.Call) []customers.CallRecord {
	t.Helper()
	for i := range calls {
		if calls[i].At.IsZero() {
			calls[i].At = h.Clock.Now()
		}
		if calls[i].MessageID == "" {
			keys++
			calls[i].MessageID = fmt.Sprint("m", keys)
		}
	}
	out, err := h.Customers.Ingest(h.Ctx(), k, calls)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// became is what became of calls, and why.
func became(records []customers.CallRecord) string {
	var out []string
	for _, r := range records {
		s := r.Status
		for _, why := range r.Reasons {
			s += " " + why.Field + ":" + why.Code
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func did(user, anonymous, event string) customers.Call {
	return customers.Call{Type: customers.CallTrack, UserID: user, AnonymousID: anonymous, Event: event, Properties: map[string]any{"n": 1.0}}
}

func named(user, anonymous string, traits map[string]any) customers.Call {
	return customers.Call{Type: customers.CallIdentify, UserID: user, AnonymousID: anonymous, Traits: traits}
}

func anonymous(v string) customers.Key {
	return customers.Key{Kind: customers.KindAnonymous, Namespace: customers.Installation, Value: v}
}

func owner(h *house.House, k customers.Key) ids.ID {
	return ids.ID(h.Number("SELECT COALESCE(max(customer_id), 0) FROM identities WHERE kind = ? AND namespace = ? AND value = ?", k.Kind, k.Namespace, k.Value))
}

func TestAMessageIsStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k, other := writeKey(t, h, customers.ServerKey), writeKey(t, h, customers.ServerKey)
		call := did("u1", "", "Order Completed")
		call.MessageID = "m"
		same(t, "twice in one batch", became(ingest(t, h, k, call, call)), "accepted, duplicate")
		same(t, "again", became(ingest(t, h, k, call)), "duplicate")
		same(t, "by another key", became(ingest(t, h, other, call)), "accepted")
		h.Clock.Advance(6 * 24 * time.Hour)
		same(t, "six days later", became(ingest(t, h, k, call)), "duplicate")
		if err := h.Customers.SweepMessages(h.Ctx()); err != nil {
			t.Fatal(err)
		}
		same(t, "after a sweep", became(ingest(t, h, k, call)), "duplicate")
		same(t, "events", h.Number("SELECT count(*) FROM events"), 2)
		h.Clock.Advance(3 * 24 * time.Hour)
		if err := h.Customers.SweepMessages(h.Ctx()); err != nil {
			t.Fatal(err)
		}
		same(t, "message ids that are kept", h.Number("SELECT count(*) FROM tracked_messages"), 0)
	})
}

func TestOneBadCallDoesNotFailItsBatch(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		broken := errors.New("a listener fails")
		h.Customers.OnTracked(func(_ *store.Tx, e customers.Tracked) error {
			switch e.Name {
			case "Refused":
				return fault.AtField("event", "invalid", nil)
			case "Broken":
				return broken
			}
			return nil
		})
		unread := did("u", "", "Never")
		unread.Refused, unread.Reasons = true, []fault.Field{{Code: "call_too_deep"}}
		same(t, "a batch with refused ones", became(ingest(t, h, k, did("u1", "", "A"), unread, did("u2", "", "Refused"), named("u3", "a3", nil), did("u4", "", "B"))),
			"accepted, refused :call_too_deep, refused event:invalid, accepted, accepted")
		same(t, "events", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name IN ('A', 'B')"), 2)
		same(t, "message ids", h.Number("SELECT count(*) FROM tracked_messages"), 3)

		// What always fails keeps only itself out; nobody is told that it was stored.
		batch := []customers.Call{did("u1", "", "C"), did("u2", "", "Broken"), did("u3", "", "D")}
		for i := range batch {
			batch[i].MessageID, batch[i].At = fmt.Sprint("b", i), h.Clock.Now()
		}
		if _, err := h.Customers.Ingest(h.Ctx(), k, batch); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		broken = nil
		same(t, "once it works again", became(ingest(t, h, k, batch...)), "duplicate, accepted, accepted")
	})
}

func TestAServerSaysWhoSomebodyIs(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		h.Clock.Advance(time.Hour)
		ingest(t, h, k, did("", "a1", "Page Viewed"), did("u1", "a1", "Order Completed"))
		if owner(h, anonymous("a1")) == owner(h, person("u1")) {
			t.Error("a track call has joined two ids")
		}
		same(t, "identify", became(ingest(t, h, k, named("u1", "a1", map[string]any{"name": "Ming", "email": "Ming@Example.com", "plan": "gold", "age": 30.0, "address": map[string]any{"city": "西安"}, "likes": []any{"tea", "cats"}}))), "accepted")
		who := get(t, h, owner(h, person("u1")))
		same(t, "whose the browser is", owner(h, anonymous("a1")), who.ID)
		same(t, "whose the address is", owner(h, mail(t, "ming@example.com")), who.ID)
		same(t, "profile", profile(who), "Ming|||map[address.city:西安 age:30 email:Ming@Example.com likes:[tea cats] plan:gold]")
		same(t, "events", len(events(t, h, customers.EventFilter{Customer: who.ID}, 10)), 3)
		same(t, "verified", h.Number("SELECT count(*) FROM identities WHERE customer_id = ? AND verified", who.ID), 2)

		// What is told later replaces; what is told late fills blanks only.
		h.Clock.Advance(time.Hour)
		changes := h.Number("SELECT count(*) FROM changes")
		ingest(t, h, k, named("u1", "a1", map[string]any{"plan": "gold"}))
		same(t, "what changes nothing tells nothing", h.Number("SELECT count(*) FROM changes"), changes)
		ingest(t, h, k, named("u1", "", map[string]any{"plan": "free", "age": nil, "firstName": "Xiao", "lastName": "Ming"}))
		same(t, "profile", profile(get(t, h, who.ID)), "Xiao Ming|||map[address.city:西安 email:Ming@Example.com firstName:Xiao lastName:Ming likes:[tea cats] plan:free]")
		late := named("u1", "", map[string]any{"plan": "old", "age": 29.0, "name": "Old"})
		late.At = h.Clock.Now().Add(-time.Minute)
		ingest(t, h, k, late)
		same(t, "profile", profile(get(t, h, who.ID)), "Xiao Ming|||map[address.city:西安 age:29 email:Ming@Example.com firstName:Xiao lastName:Ming likes:[tea cats] plan:free]")

		// One browser, two people: it stays with the first.
		same(t, "another user", became(ingest(t, h, k, named("u2", "a1", nil))), "adjusted anonymousId:anonymous_taken")
		same(t, "whose the browser is", owner(h, anonymous("a1")), who.ID)
		same(t, "one id for both", became(ingest(t, h, k, named("u3", "u3", nil))), "accepted")
		same(t, "no browser", owner(h, anonymous("u3")), 0)

		// alias joins what nobody is known by.
		ingest(t, h, k, did("", "a9", "Page Viewed"))
		alias := customers.Call{Type: customers.CallAlias, UserID: "u1", PreviousID: "a9"}
		same(t, "alias", became(ingest(t, h, k, alias)), "accepted")
		same(t, "whose a9 is", owner(h, anonymous("a9")), who.ID)
		alias = customers.Call{Type: customers.CallAlias, UserID: "u1", PreviousID: "u2"}
		same(t, "alias of two known people", became(ingest(t, h, k, alias)), "adjusted previousId:two_known_people")
		if owner(h, person("u2")) == who.ID {
			t.Error("two known people were joined")
		}
		sound(t, h)
	})
}

// A browser key is public: it tells what happens in its browser, and whatever it
// says of somebody known changes nothing about them.
func TestABrowserProvesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		server, browser := writeKey(t, h, customers.ServerKey), writeKey(t, h, customers.BrowserKey)
		ingest(t, h, server, named("u1", "", map[string]any{"name": "Ming", "email": "ming@example.com"}))
		ming := owner(h, person("u1"))
		state := func() string {
			c, err := h.Customers.Consents(h.Ctx(), ming)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(profile(get(t, h, ming)), len(c.History), h.Number("SELECT count(*) FROM identities WHERE customer_id = ?", ming), h.Number("SELECT count(*) FROM events WHERE customer_id = ?", ming))
		}
		before := state()
		evil := map[string]any{"name": "Evil", "email": "evil@example.com", "phone": "1", "plan": "gold"}
		same(t, "claims", became(ingest(t, h, browser, named("u1", "b1", evil), did("u1", "b1", "Order Completed"), did("u1", "", "Order Completed"),
			customers.Call{Type: customers.CallAlias, UserID: "u1", PreviousID: "b1", AnonymousID: "b1"})),
			"adjusted userId:user_unproven, adjusted userId:user_unproven, adjusted userId:user_unproven, adjusted previousId:browser_joins_nobody")
		same(t, "Ming", state(), before)
		visitor := owner(h, anonymous("b1"))
		for f, want := range map[customers.ListFilter]int64{{}: 2, {Anonymous: true}: 3, {Query: customers.Label(visitor, "", "")}: 1} {
			if n, err := h.Customers.Count(h.Ctx(), f); err != nil || n != want {
				t.Errorf("%+v lists %d, %v", f, n, err)
			}
		}
		same(t, "the visitor", profile(get(t, h, visitor)), "Evil|||map[email:evil@example.com phone:1 plan:gold]")
		same(t, "addresses that are proven", h.Number("SELECT count(*) FROM identities WHERE kind = 'email'"), 1)

		// Once the server has said whose it is, its word is recorded and its traits fill blanks.
		same(t, "the server", became(ingest(t, h, server, named("u1", "b1", nil))), "accepted")
		same(t, "the same call", became(ingest(t, h, browser, did("u1", "b1", "Order Completed"))), "accepted")
		same(t, "traits", became(ingest(t, h, browser, named("u1", "b1", map[string]any{"name": "Evil", "email": "other@example.com", "size": "L"}))), "adjusted traits.email:known_person")
		same(t, "Ming", profile(get(t, h, ming)), "Ming|||map[email:ming@example.com phone:1 plan:gold size:L]")
		sound(t, h)
	})
}

// When the merge behind an identify call is undone, what the server had said of
// the user goes with the user, what the other one had said of itself comes back.
func TestTraitsFollowTheirRecord(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		ingest(t, h, k, named("u1", "", map[string]any{"plan": "gold"}))
		other := resolve(t, h, openid("o"), "").Customer
		update(t, h, other, customers.Patch{Name: ptr("Lin"), Attributes: map[string]any{"plan": "free", "shoe": 42.0}})
		m := merge(t, h, other, owner(h, person("u1")))
		h.Clock.Advance(time.Second)
		ingest(t, h, k, named("u1", "", map[string]any{"plan": "platinum", "city": "Xi'an"}))
		same(t, "together", profile(get(t, h, other)), "Lin|||map[city:Xi'an plan:platinum shoe:42]")
		undo(t, h, m.ID)
		same(t, "the user", profile(get(t, h, owner(h, person("u1")))), "|||map[city:Xi'an plan:platinum]")
		same(t, "the other", profile(get(t, h, other)), "Lin|||map[plan:platinum shoe:42]")
		sound(t, h)
	})
}

func TestCallsCountWhenTheyHappened(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		call := did("u1", "", "Order Completed")
		call.At, call.Imported = h.Clock.Now().Add(-48*time.Hour), true
		call.Locale, call.Timezone = "zh-cn", "Asia/Shanghai"
		call.Context = map[string]any{"message_id": "m1"}
		ingest(t, h, k, call)
		who := get(t, h, owner(h, person("u1")))
		if !who.LastSeenAt.Equal(call.At) {
			t.Errorf("seen %v", who.LastSeenAt)
		}
		same(t, "profile", profile(who), "|zh-CN|Asia/Shanghai|map[]")
		same(t, "kept beside the event", h.Words("SELECT context FROM event_contexts"), `{"message_id":"m1"}`)
		ingest(t, h, k, did("u1", "", "Order Completed"), call)
		if c := get(t, h, who.ID); !c.LastSeenAt.Equal(h.Clock.Now()) {
			t.Errorf("seen %v", c.LastSeenAt)
		}
		same(t, "touched", h.Number("SELECT count(*) FROM touched WHERE customer_id = ?", who.ID), 1)
	})
}

// Many batches at once, which bring the same people and messages in any order.
func TestConcurrentBatches(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		var wg sync.WaitGroup
		for worker := range 6 {
			wg.Go(func() {
				for round := range 4 {
					var calls []customers.Call
					for i := range 20 {
						n := (i*7 + worker*3) % 20
						c := did(fmt.Sprint("u", n%5), "", "Order Completed")
						if n%6 == 0 {
							c = named(fmt.Sprint("u", n%5), fmt.Sprint("a", n), map[string]any{"n": float64(n)})
						}
						c.MessageID, c.At = fmt.Sprint(round, "-", n), h.Clock.Now()
						calls = append(calls, c)
					}
					if _, err := h.Customers.Ingest(h.Ctx(), k, calls); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		same(t, "orders", h.Number("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id WHERE n.name = 'Order Completed'"), 4*16)
		same(t, "people", h.Number("SELECT count(*) FROM customers WHERE merged_into = 0"), 5)
		sound(t, h)
	})
}

func TestWriteKeys(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		server, browser := writeKey(t, h, customers.ServerKey), writeKey(t, h, customers.BrowserKey)
		for _, k := range []customers.WriteKey{server, browser} {
			found, err := h.Customers.WriteKeyBy(h.Ctx(), *k.Key)
			if err != nil || found.ID != k.ID || found.Kind != k.Kind {
				t.Errorf("%+v %v", found, err)
			}
		}
		list, err := h.Customers.WriteKeys(h.Ctx())
		if err != nil || len(list) != 2 || list[0].Key != nil || *list[1].Key != *browser.Key {
			t.Errorf("%+v %v", list, err)
		}
		same(t, "secrets in the store", h.Number("SELECT count(*) FROM write_keys WHERE key_hash = ? OR public_key = ?", *server.Key, *server.Key), 0)
		ingest(t, h, server, did("u", "", "A"))
		if err := h.Customers.FlushCalls(h.Ctx()); err != nil {
			t.Fatal(err)
		}
		if list, err = h.Customers.WriteKeys(h.Ctx()); err != nil || list[0].LastUsedAt == nil || list[1].LastUsedAt != nil {
			t.Errorf("%+v %v", list, err)
		}
		for range 2 {
			if err := h.Customers.RevokeWriteKey(h.Ctx(), h.Boss, server.ID); err != nil {
				t.Fatal(err)
			}
		}
		_, err = h.Customers.WriteKeyBy(h.Ctx(), *server.Key)
		house.Refused(t, err, "unknown_write_key", "")
		for _, key := range []string{"", " ", *browser.Key + " ", strings.Repeat("x", 200)} {
			_, err = h.Customers.WriteKeyBy(h.Ctx(), key)
			house.Refused(t, err, "unknown_write_key", "")
		}
		house.Refused(t, h.Customers.RevokeWriteKey(h.Ctx(), h.Boss, 99), "not_found", "")
		_, err = h.Customers.CreateWriteKey(h.Ctx(), h.Boss, " ", "server")
		house.Refused(t, err, "required", "name")
		_, err = h.Customers.CreateWriteKey(h.Ctx(), h.Boss, "x", "app")
		house.Refused(t, err, "not_one_of", "kind")
		_, err = h.Customers.CreateWriteKey(h.Ctx(), auth.Principal{Role: auth.Agent}, "x", "server")
		house.Refused(t, err, "forbidden", "")
		for range 2 {
			if err := h.Customers.EnsureSandboxKeys(h.Ctx()); err != nil {
				t.Fatal(err)
			}
		}
		if k, err := h.Customers.WriteKeyBy(h.Ctx(), customers.SandboxKey); err != nil || !k.Sandbox || k.Kind != customers.ServerKey {
			t.Errorf("%+v %v", k, err)
		}
	})
}

func TestTheLatestCallsAreKept(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		var calls []customers.Call
		for range 300 {
			calls = append(calls, did("u1", "", "A"))
		}
		calls[0].Refused, calls[0].Reasons = true, []fault.Field{{Field: "userId", Code: "call_nobody", Params: fault.Params{"max": 3}}}
		calls[0].Body = strings.Repeat("好", 5000)
		ingest(t, h, k, calls...)
		list, err := h.Customers.Calls(h.Ctx(), customers.CallFilter{Status: customers.CallRefused, WriteKey: k.ID, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Reasons[0].Code != "call_nobody" || len(list[0].Body) > 8<<10 || !strings.HasSuffix(list[0].Body, "好") {
			t.Errorf("%+v %v", list, err)
		}
		same(t, "written at once", h.Number("SELECT count(*) FROM tracking_calls"), 200)
		for range 6 {
			for i := range calls {
				calls[i].MessageID = ""
			}
			ingest(t, h, k, calls...)
			if err := h.Customers.FlushCalls(h.Ctx()); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "kept", h.Number("SELECT count(*) FROM tracking_calls"), 1000)
		n, err := h.Customers.CountCalls(h.Ctx(), customers.CallFilter{Status: customers.CallAccepted})
		if err != nil || n != 995 {
			t.Errorf("%d accepted, %v", n, err)
		}
		if first, err := h.Customers.Calls(h.Ctx(), customers.CallFilter{Limit: 1}); err != nil || first[0].CustomerID != owner(h, person("u1")) || first[0].Event != "A" {
			t.Errorf("%+v %v", first, err)
		}
		// Anybody can send any bytes; they keep no other call from being shown.
		calls = []customers.Call{did("u1", "", "B")}
		calls[0].Body = "{\"a\":\"\xff\"}"
		ingest(t, h, k, calls...)
		h.Customers.RecordCall(customers.CallRecord{Type: customers.CallTrack, Status: customers.CallRefused, Body: "{\x00" + strings.Repeat("x", 9<<10)})
		list, err = h.Customers.Calls(h.Ctx(), customers.CallFilter{Limit: 2})
		if err != nil || len(list) != 2 || list[1].Body != "{\"a\":\"\uFFFD\"}" || len(list[0].Body) != 8<<10 || !strings.HasPrefix(list[0].Body, "{x") {
			t.Errorf("%+v %v", list, err)
		}
	})
}

// However many calls of one kind come, the few of another are still shown.
func TestNoKindOfCallHidesAnother(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		k := writeKey(t, h, customers.ServerKey)
		refused := did("u1", "", "A")
		refused.Refused, refused.Reasons = true, []fault.Field{{Field: "userId", Code: "call_nobody"}}
		adjusted := make([]customers.Call, 500)
		for i := range adjusted {
			adjusted[i] = did("u1", "", "A")
			adjusted[i].Reasons = []fault.Field{{Field: "userId", Code: "user_unproven"}}
		}
		ingest(t, h, k, refused)
		ingest(t, h, k, adjusted...)
		again := ingest(t, h, k, adjusted[300:]...)
		ingest(t, h, k, did("u1", "", "A"), did("u1", "", "A"))
		for status, want := range map[string]int64{customers.CallRefused: 1, customers.CallAccepted: 2, customers.CallAdjusted: 99, customers.CallDuplicate: 98} {
			f := customers.CallFilter{Status: status, Limit: 1}
			list, err := h.Customers.Calls(h.Ctx(), f)
			n, countErr := h.Customers.CountCalls(h.Ctx(), f)
			if err != nil || countErr != nil || n != want {
				t.Errorf("%d calls are %s, want %d: %v %v", n, status, want, err, countErr)
			}
			if status == customers.CallDuplicate && list[0].ID != again[len(again)-1].ID {
				t.Error("the latest duplicate is not shown")
			}
		}
	})
}

// A browser key is public: it may bring so many new names a day and no more, which
// is said; names that are known, and server keys, are not held up.
func TestNewNamesOfBrowsersAreCapped(t *testing.T) {
	house.Each(t, house.Options{}, func(t *testing.T, h *house.House) {
		browser, other, server := writeKey(t, h, customers.BrowserKey), writeKey(t, h, customers.BrowserKey), writeKey(t, h, customers.ServerKey)
		flood := func(k customers.WriteKey, prefix string, n int) (accepted int) {
			var calls []customers.Call
			for i := range n {
				calls = append(calls, did("", "visitor", fmt.Sprint(prefix, i)))
			}
			for _, r := range ingest(t, h, k, calls...) {
				if r.Status == customers.CallAccepted {
					accepted++
				}
			}
			return accepted
		}
		if n := flood(browser, "a", customers.MaxNewNames+7); n != customers.MaxNewNames {
			t.Errorf("%d were taken", n)
		}
		names := h.Number("SELECT count(*) FROM event_names")
		if got := became(ingest(t, h, browser, did("", "visitor", "one more"), did("", "visitor", "a1"), did("", "somebody new", "two more"))); got != "refused event:event_names_full, accepted, refused event:event_names_full" {
			t.Error(got)
		}
		if h.Number("SELECT count(*) FROM event_names") != names || h.Number("SELECT count(*) FROM identities WHERE value = 'somebody new'") != 0 {
			t.Error("what was refused has left something")
		}
		if flood(other, "b", 3) != 3 || flood(server, "c", 3) != 3 {
			t.Error("another key was held up")
		}
		h.Clock.Advance(24 * time.Hour)
		if flood(browser, "d", 3) != 3 {
			t.Error("the next day has not begun")
		}
		h.Clock.Advance(30 * 24 * time.Hour)
		if err := h.Customers.SweepMessages(h.Ctx()); err != nil || h.Number("SELECT count(*) FROM new_event_names") != 0 {
			t.Error(err)
		}
	})
}
