package outbox_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

func (h *post) say(p person, channel string, state customers.ConsentState) {
	h.t.Helper()
	if err := h.Customers.Say(h.Ctx(), p.identity, channel, customers.PurposeMarketing, state, "form"); err != nil {
		h.t.Fatal(err)
	}
}

// Consent holds back marketing only; a channel on which people are asked first
// needs it given.
func TestConsent(t *testing.T) {
	for _, optIn := range []bool{false, true} {
		each(t, func() *channelstest.Provider { return &channelstest.Provider{OptIn: optIn} }, func(t *testing.T, h *post) {
			h.rules(free)
			h.start("one", false)
			ming := h.person(h.account, "ming")
			ends := func(purpose channels.Purpose, code string) {
				t.Helper()
				state := channels.SentState
				if code != "" {
					state = channels.Failed
				}
				same(t, "code", h.becomes(h.sendOut(h.outreach(h.account, ming, purpose, "hi")).ID, state).code, code)
			}
			missing := ""
			if optIn {
				missing = outbox.ConsentMissing
			}
			ends(channels.Marketing, missing)
			ends(channels.Transactional, "")
			h.say(ming, h.account.Channel, customers.Withdrawn)
			ends(channels.Marketing, outbox.ConsentWithdrawn)
			ends(channels.Transactional, "")
			h.say(ming, h.account.Channel, customers.Granted)
			ends(channels.Marketing, "")
			// Who is merged with somebody who said no is not written to; an undo restores
			// what each had said.
			lin := h.person(h.account, "lin")
			h.say(lin, h.account.Channel, customers.Withdrawn)
			merge, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: ming.customer, Absorb: lin.customer, ClientKey: "m",
				Despite: []string{"same_channel_account", "two_known_people", "names_differ"}})
			if err != nil {
				t.Fatal(err)
			}
			ends(channels.Marketing, outbox.ConsentWithdrawn)
			same(t, "rows of the absorbed", h.Number("SELECT count(*) FROM consent_now WHERE customer_id = ?", lin.customer), 0)
			if _, err := h.Customers.Undo(h.Ctx(), h.Boss, merge.ID); err != nil {
				t.Fatal(err)
			}
			ends(channels.Marketing, "")
			same(t, "what the other had said", h.Words("SELECT state FROM consent_now WHERE customer_id = ?", lin.customer), "withdrawn")
		})
	}
}

// Of many messages to one person at the same moment, from two processes, no more
// go out than the cap allows; one that certainly did not arrive does not count.
func TestCapAtOnce(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		h.rules(outbox.Sending{Quiet: free.Quiet, Cap: outbox.Cap{Enabled: true, Max: 3, Days: 7}})
		other := h.newAccount()
		ming := h.person(h.account, "ming")
		// The same customer on another account, so that the messages do not queue in
		// one lane.
		twin := h.person(other, "ming too")
		if _, err := h.Customers.Merge(h.Ctx(), h.Boss, customers.MergeRequest{Survivor: ming.customer, Absorb: twin.customer, ClientKey: "m"}); err != nil {
			t.Fatal(err)
		}
		g.answer("refused", &channels.SendError{Outcome: channels.Refused, Code: "send_failed"})
		h.start("one", false)
		h.becomes(h.sendOut(h.outreach(h.account, ming, channels.Marketing, "refused")).ID, channels.Failed)
		var wishes []channels.Outreach
		for i := range 6 {
			wishes = append(wishes, h.outreach(h.account, ming, channels.Marketing, fmt.Sprint("a", i)), h.outreach(other, twin, channels.Marketing, fmt.Sprint("b", i)))
		}
		h.start("two", false)
		var writing sync.WaitGroup
		sent := make([]ids.ID, len(wishes))
		for i, w := range wishes {
			writing.Go(func() {
				var d channels.Enqueued
				if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) { d, err = h.Outbox.SendTx(tx, w); return err }); err != nil {
					t.Error(err)
				}
				sent[i] = d.ID
			})
		}
		writing.Wait()
		out, capped := 0, 0
		for _, id := range sent {
			testkit.Eventually(t, soon, "it has ended", func() bool {
				h.pass(time.Second) // lanes that were taken look again
				state := h.row(id).state
				return state == "sent" || state == "failed"
			})
			switch r := h.row(id); {
			case r.state == "sent":
				out++
			case r.code == outbox.FrequencyCap:
				capped++
			}
		}
		same(t, "sent", out, 3)
		same(t, "capped", capped, len(wishes)-3)
		// What is no marketing is not counted, nor held back; a week later the count
		// is empty again.
		h.becomes(h.sendOut(h.outreach(h.account, ming, channels.Transactional, "receipt")).ID, channels.SentState)
		h.Clock.Advance(7 * 24 * time.Hour)
		h.becomes(h.sendOut(h.outreach(h.account, ming, channels.Marketing, "next week")).ID, channels.SentState)
	})
}

// In quiet hours marketing waits until they end where the person is, and holds
// up nothing else; the rules are those of the moment of sending.
func TestQuietHours(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.rules(outbox.Sending{Quiet: outbox.Quiet{Enabled: true, From: "22:00", To: "08:00"}, Cap: outbox.Cap{Max: 3, Days: 7}})
		h.start("one", false)
		night, day := h.person(h.account, "night"), h.person(h.account, "day")
		// It is 03:04 in London and 11:04 in Shanghai.
		h.Run("UPDATE customers SET timezone = 'Asia/Shanghai' WHERE id = ?", day.customer)
		waits := h.sendOut(h.outreach(h.account, night, channels.Marketing, "good morning")).ID
		h.becomes(h.sendOut(h.outreach(h.account, day, channels.Marketing, "good day")).ID, channels.SentState)
		h.becomes(h.sendOut(h.outreach(h.account, night, channels.Transactional, "your code")).ID, channels.SentState)
		r := h.becomes(waits, channels.Queued)
		eight := time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC)
		if r.code != outbox.QuietHours || r.due.Before(eight) || r.due.After(eight.Add(15*time.Minute)) || r.attempt != 0 {
			t.Errorf("%+v", r)
		}
		same(t, "shown", h.Number("SELECT held_until FROM delivery_contents WHERE delivery_id = ?", waits) > 0, true)
		h.say(night, h.account.Channel, customers.Withdrawn)
		h.Clock.AwaitSleepers(1)
		h.Clock.Advance(r.due.Sub(h.Clock.Now()))
		h.Bus.Publish(outbox.Topic, nil)
		same(t, "consent that was taken back over night", h.becomes(waits, channels.Failed).code, outbox.ConsentWithdrawn)

		// A visitor's browser is not lit up at night either.
		h.Clock.Advance(15 * time.Hour)
		visitor := h.person(h.Account, "visitor")
		d := h.sendOut(h.outreach(h.Account, visitor, channels.Marketing, "later"))
		if d.State != channels.Queued || d.ErrorCode != outbox.QuietHours {
			t.Fatalf("%+v", d)
		}
		h.Clock.AwaitSleepers(1)
		h.Clock.Advance(h.row(d.ID).due.Sub(h.Clock.Now()))
		h.Bus.Publish(outbox.Topic, nil)
		h.becomes(d.ID, channels.SentState)
		same(t, "in the thread", h.Number("SELECT count(*) FROM messages WHERE body = 'later' AND conversation_id = ?", visitor.conversation), 1)
	})
}

// Automations leave some of what a channel allows to people.
func TestAutomatedShare(t *testing.T) {
	var g *gate
	each(t, metered(&g), func(t *testing.T, h *post) {
		h.rules(free)
		c := h.allowed("lin", 5)
		who := person{ids.ID(h.Number("SELECT customer_id FROM conversations WHERE id = ?", c)), ids.ID(h.Number("SELECT identity_id FROM conversations WHERE id = ?", c)), c, "lin"}
		h.start("one", false)
		reach := func() (string, string) {
			t.Helper()
			channel, account, identity, reason, err := h.Outbox.ReachTx(h.DB.Reader(h.Ctx()), who.customer, []string{h.provider.Channel()}, channels.Marketing, h.Clock.Now())
			if err != nil || channel != "" && (account != h.account.ID || identity != who.identity) {
				t.Errorf("%v %v %v", account, identity, err)
			}
			return channel, reason
		}
		for range 2 {
			if channel, reason := reach(); channel != h.provider.Channel() {
				t.Errorf("closed: %s", reason)
			}
			h.becomes(h.sendOut(h.outreach(h.account, who, channels.Marketing, "hi")).ID, channels.SentState)
		}
		if channel, reason := reach(); channel != "" || reason != allowance.Reserved {
			t.Errorf("%q %q", channel, reason)
		}
		same(t, "open until", h.Number("SELECT open_until FROM identities WHERE id = ?", who.identity), 0)
		same(t, "the third", h.becomes(h.sendOut(h.outreach(h.account, who, channels.Transactional, "hi")).ID, channels.Failed).code, allowance.Reserved)
		h.becomes(h.write(c, "by hand"), channels.SentState)
		h.Clock.Advance(time.Hour)
		if channel, reason := reach(); channel != "" || reason != allowance.Closed {
			t.Errorf("%q %q", channel, reason)
		}
	})
}

// The first channel that is open, and otherwise why none is.
func TestReach(t *testing.T) {
	each(t, func() *channelstest.Provider { return &channelstest.Provider{OptIn: true} }, func(t *testing.T, h *post) {
		ming := h.person(h.account, "ming")
		scripted := h.provider.Channel()
		ask := func(want []string, purpose channels.Purpose) string {
			t.Helper()
			r, err := h.Outbox.Reach(h.DB.Reader(h.Ctx()), ming.customer, want, purpose, h.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			if r.Channel != "" {
				return r.Channel
			}
			return fmt.Sprint(r.Reasons)
		}
		same(t, "not asked yet", ask([]string{scripted, "webchat"}, channels.Marketing), "[{scripted consent_missing} {webchat no_address}]")
		same(t, "own business", ask([]string{"webchat", scripted}, channels.Transactional), scripted)
		h.say(ming, scripted, customers.Granted)
		same(t, "consent", ask(nil, channels.Marketing), scripted)
		h.Run("UPDATE identities SET suppressed = 'mail_bounced' WHERE id = ?", ming.identity)
		same(t, "suppressed", ask(nil, channels.Marketing), "[{webchat no_address} {scripted recipient_suppressed}]")
		h.Run("UPDATE identities SET suppressed = '' WHERE id = ?", ming.identity)
		disabled := channels.Disabled
		if _, err := h.Accounts.Update(h.Ctx(), h.account.ID, channels.Patch{Status: &disabled}); err != nil {
			t.Fatal(err)
		}
		same(t, "switched off", ask([]string{scripted}, channels.Marketing), "[{scripted account_disabled}]")
		_, err := h.Outbox.Reach(h.DB.Reader(h.Ctx()), ming.customer, []string{"pigeon"}, channels.Marketing, h.Clock.Now())
		house.Refused(t, err, "unknown_channel", "channel")
		_, err = h.Outbox.Reach(h.DB.Reader(h.Ctx()), 9, nil, channels.Marketing, h.Clock.Now())
		house.Refused(t, err, "not_found", "")
	})
}

// Whichever row is refused, a wish that fails leaves nothing, and repeating it
// makes one delivery and one message.
func TestOutreachIsWhole(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.rules(free)
		for _, account := range []*channels.Account{h.account, h.Account} {
			refused := h.NothingLeftBehind(func(n int) func() error {
				p := h.person(account, fmt.Sprint("p", n))
				w := h.outreach(account, p, channels.Marketing, "once")
				return func() error {
					return h.DB.Write(h.Ctx(), func(tx *store.Tx) error { _, err := h.Outbox.SendTx(tx, w); return err })
				}
			})
			if refused < 2 {
				t.Errorf("%d writes were refused", refused)
			}
		}
		same(t, "doubled", h.Number("SELECT count(*) FROM (SELECT identity_id FROM delivery_contents GROUP BY identity_id HAVING count(*) > 1) twice"), 0)
	})
}

// A crash between "sending" and its outcome leaves a doubt that counts and is
// shown, never a second message.
func TestOutreachInterrupted(t *testing.T) {
	var g *gate
	each(t, gated(&g), func(t *testing.T, h *post) {
		h.rules(outbox.Sending{Quiet: free.Quiet, Cap: outbox.Cap{Enabled: true, Max: 1, Days: 7}})
		ming := h.person(h.account, "ming")
		d := h.sendOut(h.outreach(h.account, ming, channels.Marketing, "hi")).ID
		h.Run("UPDATE deliveries SET state = 'sending', attempt = 1, leased_by = 'dead', lease_until = 1 WHERE id = ?", d)
		h.Run("UPDATE delivery_contents SET sent_at = ? WHERE delivery_id = ?", h.Clock.Now().UnixMilli(), d)
		h.start("one", true)
		same(t, "why", h.becomes(d, channels.Unknown).code, "send_interrupted")
		same(t, "the next", h.becomes(h.sendOut(h.outreach(h.account, ming, channels.Marketing, "again")).ID, channels.Failed).code, outbox.FrequencyCap)
		same(t, "sends", len(h.provider.Calls()), 0)
		list, err := h.Inbox.Troubles(h.Ctx(), h.Boss, troubleFilter)
		if err != nil || len(list) != 1 || list[0].Delivery.ID != d || list[0].ConversationID != 0 || list[0].Source == nil || list[0].Source.JourneyName != "Invite" || list[0].Preview != "hi" {
			t.Errorf("%+v %v", list, err)
		}
		if err := h.Inbox.Dismiss(h.Ctx(), h.Boss, d); err != nil {
			t.Fatal(err)
		}
		if n, err := h.Inbox.CountTroubles(h.Ctx(), h.Boss, troubleFilter); err != nil || n != 0 {
			t.Errorf("%d %v", n, err)
		}
		if _, err := h.Inbox.Retry(h.Ctx(), h.Boss, d); err != nil {
			t.Fatal(err)
		}
		h.becomes(d, channels.SentState)
	})
}

// One person's failure holds up nobody else.
func TestOutreachBesideAFailure(t *testing.T) {
	each(t, func() *channelstest.Provider {
		return &channelstest.Provider{Script: nil}
	}, func(t *testing.T, h *post) {
		h.rules(free)
		ming, lin := h.person(h.account, "ming"), h.person(h.account, "lin")
		h.say(ming, h.account.Channel, customers.Withdrawn)
		bad := h.sendOut(h.outreach(h.account, ming, channels.Marketing, "no"))
		empty := h.sendOut(h.outreach(h.account, lin, channels.Marketing, " \n"))
		good := h.sendOut(h.outreach(h.account, lin, channels.Marketing, "yes"))
		same(t, "empty", empty.ErrorCode, "body_empty")
		h.start("one", false)
		h.becomes(bad.ID, channels.Failed)
		h.becomes(good.ID, channels.SentState)
		if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error {
			_, err := h.Outbox.SendTx(tx, channels.Outreach{IdempotencyKey: "x", Channel: "pigeon", Now: h.Clock.Now()})
			return err
		}); err == nil || errors.Is(err, store.ErrRestart) {
			t.Error("an unknown channel is taken")
		}
	})
}

func TestSendingRules(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		inUTC := func(s outbox.Sending) outbox.Sending { s.Timezone = "UTC"; return s }
		if got, err := h.Outbox.Sending(h.Ctx()); err != nil || got != inUTC(outbox.DefaultSending) {
			t.Errorf("%+v %v", got, err)
		}
		for field, bad := range map[string]outbox.Sending{
			"quiet.from": {Quiet: outbox.Quiet{From: "24:00", To: "08:00"}, Cap: free.Cap}, "quiet.to": {Quiet: outbox.Quiet{From: "22:00", To: "8:00"}, Cap: free.Cap},
			"cap.max": {Quiet: free.Quiet, Cap: outbox.Cap{Days: 1}}, "cap.days": {Quiet: free.Quiet, Cap: outbox.Cap{Max: 1, Days: 400}},
		} {
			_, err := h.Outbox.SetSending(h.Ctx(), h.Boss, bad)
			code := map[string]string{"cap.max": "too_small", "cap.days": "too_big"}[field]
			if code == "" {
				code = "time_invalid"
			}
			house.Refused(t, err, code, field)
		}
		_, err := h.Outbox.SetSending(h.Ctx(), h.Boss, outbox.Sending{Quiet: outbox.Quiet{Enabled: true, From: "22:00", To: "22:00"}, Cap: free.Cap})
		house.Refused(t, err, "quiet_always", "quiet.to")
		elsewhere := free
		elsewhere.Timezone = "Asia/Tokyo" // which only the installation's settings change
		h.rules(elsewhere)
		if got, err := h.Outbox.Sending(h.Ctx()); err != nil || got != inUTC(free) {
			t.Errorf("%+v %v", got, err)
		}
	})
}

// What has caused a message is asked right before it goes out: it may let it
// wait, or take it back, also after quiet hours have held it.
func TestCausesThatEnd(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.rules(free)
		h.start("one", false)
		ming := h.person(h.account, "ming")
		h.says(channels.Verdict{Code: "journey_paused", Until: h.Clock.Now().Add(time.Minute)})
		d := h.sendOut(h.outreach(h.account, ming, channels.Marketing, "later"))
		testkit.Eventually(t, soon, "it waits", func() bool { return h.row(d.ID).code == "journey_paused" })
		same(t, "what people are told it waits for", h.Number("SELECT held_until FROM delivery_contents WHERE delivery_id = ?", d.ID), 0)
		h.says(channels.Verdict{})
		h.Clock.Advance(time.Minute)
		testkit.Eventually(t, soon, "it is sent", func() bool {
			h.Clock.Advance(10 * time.Millisecond) // the dispatcher may have been about to sleep
			return h.row(d.ID).state == string(channels.SentState)
		})

		h.says(channels.Verdict{Code: "journey_left"})
		gone := h.becomes(h.sendOut(h.outreach(h.account, ming, channels.Marketing, "never")).ID, channels.Cancelled)
		same(t, "why", gone.code, "journey_left")
		h.says(channels.Verdict{})

		// One that waits is cancelled at once; one that has gone is not.
		h.rules(outbox.Sending{Quiet: outbox.Quiet{Enabled: true, From: "00:00", To: "23:59"}, Cap: free.Cap})
		waits := h.sendOut(h.outreach(h.account, ming, channels.Marketing, "in the morning"))
		testkit.Eventually(t, soon, "it waits", func() bool { return h.row(waits.ID).code == outbox.QuietHours })
		for _, id := range []ids.ID{waits.ID, d.ID} {
			if err := h.DB.Write(h.Ctx(), func(tx *store.Tx) error { return h.Outbox.CancelTx(tx, id, "journey_stopped", h.Clock.Now()) }); err != nil {
				t.Fatal(err)
			}
		}
		same(t, "the one that waited", h.row(waits.ID).state, "cancelled")
		same(t, "is not held any more", h.Number("SELECT held_until FROM delivery_contents WHERE delivery_id = ?", waits.ID), 0)
		same(t, "the one that had gone", h.row(d.ID).state, "sent")
		h.Clock.Advance(48 * time.Hour)
		same(t, "texts that went out", len(h.provider.Bodies("ming")), 1)
		same(t, "what counts against the cap", h.Number("SELECT count(*) FROM delivery_contents WHERE sent_at > 0"), 1)
	})
}
