package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

const soon = 20 * time.Second

var limits = outbox.Limits{PerAccount: 4, SendTimeout: 30 * time.Second, Lease: 2 * time.Minute, MaxAttempts: 3}

// post is a house with a scripted provider.
type post struct {
	*house.House
	t        *testing.T
	provider *channelstest.Provider
	account  *channels.Account
	sent     int
	stops    []func()
	verdict  atomic.Pointer[channels.Verdict]
}

// says lets the causes of outreach answer so from here on.
func (h *post) says(v channels.Verdict) { h.verdict.Store(&v) }

func (h *post) vouch(store.Querier, channels.Source, time.Time) (channels.Verdict, error) {
	if v := h.verdict.Load(); v != nil {
		return *v, nil
	}
	return channels.Verdict{}, nil
}

func each(t *testing.T, p func() *channelstest.Provider, fn func(t *testing.T, h *post)) {
	t.Helper()
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) {
			provider := p()
			h := &post{t: t, provider: provider, House: house.New(t, engine, house.Options{Adapters: []channels.Adapter{provider}, Limits: limits})}
			h.account = h.newAccount()
			fn(t, h)
			for _, stop := range h.stops {
				stop()
			}
		})
	}
}

func accepting() *channelstest.Provider { return &channelstest.Provider{} }

func (h *post) newAccount() *channels.Account {
	h.t.Helper()
	acc, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: h.provider.Channel(), Name: "Post"})
	if err != nil {
		h.t.Fatal(err)
	}
	return acc
}

// conversation opens one with a recipient.
func (h *post) conversation(acc *channels.Account, recipient string) ids.ID {
	h.t.Helper()
	in := h.Inbound(acc, recipient, "hello", "hello")
	r, err := h.Inbox.Receive(h.Ctx(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Conversation
}

// write queues an answer and returns its delivery.
func (h *post) write(conversation ids.ID, body string) ids.ID {
	h.t.Helper()
	h.sent++
	m := h.Reply(h.Boss, conversation, fmt.Sprint("k", h.sent), body)
	return m.Delivery.ID
}

// start runs a dispatcher of a process named holder; stop ends it as a
// shutdown does.
func (h *post) start(holder string, recoverAll bool) (stop func()) {
	h.t.Helper()
	o := h.Sender(holder, limits)
	o.OnVouch(h.vouch)
	ctx, cancel := context.WithCancel(h.Ctx())
	wake, unsubscribe := h.Bus.Subscribe(outbox.Topic, 1)
	var running sync.WaitGroup
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); running.Wait(); unsubscribe() }) }
	h.stops = append(h.stops, stop)
	running.Go(func() { o.Run(ctx, wake, recoverAll) }) // which may start another
	return stop
}

type row struct {
	state, code string
	attempt     int64
	due         time.Time
}

func (h *post) row(delivery ids.ID) row {
	h.t.Helper()
	return row{
		state: h.Words("SELECT state FROM deliveries WHERE id = ?", delivery), code: h.Words("SELECT error_code FROM deliveries WHERE id = ?", delivery),
		attempt: h.Number("SELECT attempt FROM deliveries WHERE id = ?", delivery), due: time.UnixMilli(h.Number("SELECT next_at FROM deliveries WHERE id = ?", delivery)).UTC(),
	}
}

// becomes waits until a delivery has a state.
func (h *post) becomes(delivery ids.ID, state channels.DeliveryState) row {
	h.t.Helper()
	testkit.Eventually(h.t, soon, "the delivery is "+string(state), func() bool { return h.row(delivery).state == string(state) })
	return h.row(delivery)
}

// history is what became of each attempt.
func (h *post) history(delivery ids.ID) (out []string) {
	h.t.Helper()
	for n := int64(1); n <= h.Number("SELECT count(*) FROM delivery_attempts WHERE delivery_id = ?", delivery); n++ {
		out = append(out, h.Words("SELECT outcome FROM delivery_attempts WHERE delivery_id = ? AND attempt = ?", delivery, n))
	}
	return out
}

func (h *post) heard(n int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.Ctx(), soon)
	defer cancel()
	if err := h.provider.Heard(ctx, n); err != nil {
		h.t.Fatalf("%d of %d sends: %v", len(h.provider.Calls()), n, err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestSent(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		h.start("one", false)
		id := h.write(h.conversation(h.account, "lin"), "hi")
		r := h.becomes(id, channels.SentState)
		same(t, "attempt", r.attempt, 1)
		same(t, "history", h.history(id), []string{"sent"})
		same(t, "reference", h.Words("SELECT provider_ref FROM deliveries WHERE id = ?", id), "ref-"+id.String())
		call := h.provider.Calls()[0]
		if call.Body != "hi" || call.Identity.Value != "lin" || call.Account.ID != h.account.ID || call.Attempt != 1 || call.Delivery != id {
			t.Errorf("%+v", call)
		}
		same(t, "told", h.Number("SELECT count(*) FROM changes WHERE kind = 'delivery'"), 2) // sending, sent
	})
}

// What the provider says decides what becomes of a delivery (law 5).
func TestOutcomes(t *testing.T) {
	refused := &channels.SendError{Outcome: channels.Refused, Code: "send_failed"}
	temporary := &channels.SendError{Outcome: channels.Temporary, Code: "send_failed"}
	ambiguous := &channels.SendError{Outcome: channels.Ambiguous, Code: "send_unknown"}
	for name, c := range map[string]struct {
		deduplicates bool
		says         error
		panics       bool
		state        channels.DeliveryState
		code         string
	}{
		"refused":                {false, refused, false, channels.Failed, "send_failed"},
		"wrapped refusal":        {false, fmt.Errorf("wrapped: %w", refused), false, channels.Failed, "send_failed"},
		"ambiguous":              {false, ambiguous, false, channels.Unknown, "send_unknown"},
		"any other error":        {false, errors.New("connection reset"), false, channels.Unknown, "send_unknown"},
		"an outcome of its own":  {false, &channels.SendError{Outcome: "perhaps", Code: "x"}, false, channels.Unknown, "x"},
		"a refusal without code": {false, &channels.SendError{Outcome: channels.Refused}, false, channels.Failed, "send_failed"},
		"what it said":           {false, &channels.SendError{Outcome: channels.Refused, Code: "send_failed", Detail: "554 5.7.1 " + strings.Repeat("spam\x1b[31m\r\n ", 200)}, false, channels.Failed, "send_failed"},
		"a panic":                {false, nil, true, channels.Unknown, "send_unknown"},
		"temporary":              {false, temporary, false, channels.Queued, "send_failed"},
		"ambiguous, repeatable":  {true, ambiguous, false, channels.Queued, "send_unknown"},
		"a panic, repeatable":    {true, nil, true, channels.Queued, "send_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func() *channelstest.Provider {
				return &channelstest.Provider{Deduplicates: c.deduplicates, Script: func(context.Context, channels.Outbound) error {
					if c.panics {
						panic("as told")
					}
					return c.says
				}}
			}, func(t *testing.T, h *post) {
				id := h.write(h.conversation(h.account, "lin"), "hi")
				h.start("one", false)
				h.heard(1)
				r := h.becomes(id, c.state)
				if testkit.Eventually(t, soon, "the attempt has ended", func() bool { return len(h.history(id)) == 1 && h.history(id)[0] != "sending" }); h.row(id).code != c.code {
					t.Errorf("%+v", r)
				}
				detail := h.Words("SELECT error_detail FROM deliveries WHERE id = ?", id)
				if said := name == "what it said"; said != (detail != "") || strings.ContainsAny(detail, "\r\n\x1b") || len([]rune(detail)) > 500 || said && !strings.HasPrefix(detail, "554 5.7.1 spam") {
					t.Errorf("it said %q", detail)
				}
				if shown, err := h.Inbox.Troubles(h.Ctx(), h.Boss, inbox.TroubleFilter{Limit: 1}); err != nil || detail != "" && (len(shown) != 1 || *shown[0].Delivery.ErrorDetail != detail) {
					t.Errorf("%+v %v", shown, err)
				}
				if c.state != channels.Queued {
					// Never repeated by itself, whatever time passes.
					for range 3 {
						h.Clock.AwaitSleepers(1)
						h.Clock.Advance(time.Hour)
					}
					h.Clock.AwaitSleepers(1)
					same(t, "sends", len(h.provider.Calls()), 1)
				}
			})
		})
	}
}

// Temporary failures back off, and are given up after the last attempt, kept
// and retryable by hand.
func TestBackOffAndGivingUp(t *testing.T) {
	var mu sync.Mutex
	broken := true
	each(t, func() *channelstest.Provider {
		broken = true
		return &channelstest.Provider{Script: func(context.Context, channels.Outbound) error {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				return &channels.SendError{Outcome: channels.Temporary, Code: "send_failed"}
			}
			return nil
		}}
	}, func(t *testing.T, h *post) {
		id := h.write(h.conversation(h.account, "lin"), "hi")
		h.start("one", false)
		for attempt, bounds := range [][2]time.Duration{{5 * time.Second, 6250 * time.Millisecond}, {20 * time.Second, 25 * time.Second}} {
			h.heard(attempt + 1)
			testkit.Eventually(t, soon, "it is queued again", func() bool { r := h.row(id); return r.state == "queued" && r.attempt == int64(attempt+1) })
			wait := h.row(id).due.Sub(h.Clock.Now())
			if wait < bounds[0] || wait > bounds[1] {
				t.Errorf("attempt %d waits %v", attempt+1, wait)
			}
			h.Clock.AwaitSleepers(1)
			h.Clock.Advance(wait - time.Millisecond)
			h.Clock.AwaitSleepers(1)
			same(t, "sends before it is due", len(h.provider.Calls()), attempt+1)
			h.pass(time.Millisecond)
		}
		h.heard(3)
		r := h.becomes(id, channels.Failed)
		same(t, "attempts", r.attempt, 3)
		same(t, "history", h.history(id), []string{"queued", "queued", "failed"})
		mu.Lock()
		broken = false
		mu.Unlock()
		if _, err := h.Inbox.Retry(h.Ctx(), h.Boss, id); err != nil {
			t.Fatal(err)
		}
		same(t, "attempts", h.becomes(id, channels.SentState).attempt, 4)
		_, err := h.Inbox.Retry(h.Ctx(), h.Boss, id)
		house.Refused(t, err, "delivery_not_retryable", "")
	})
}

// pass moves the clock until the dispatcher has noticed.
func (h *post) pass(d time.Duration) {
	h.t.Helper()
	h.Clock.Advance(d)
	h.Bus.Publish(outbox.Topic, nil)
}

func TestRetryAfter(t *testing.T) {
	for said, want := range map[time.Duration]time.Duration{90 * time.Second: 90 * time.Second, 1000 * time.Hour: 24 * time.Hour} {
		each(t, func() *channelstest.Provider {
			return &channelstest.Provider{Script: func(context.Context, channels.Outbound) error {
				return &channels.SendError{Outcome: channels.Temporary, Code: "send_failed", RetryAfter: said}
			}}
		}, func(t *testing.T, h *post) {
			id := h.write(h.conversation(h.account, "lin"), "hi")
			h.start("one", false)
			h.heard(1)
			testkit.Eventually(t, soon, "it is queued again", func() bool { r := h.row(id); return r.state == "queued" && r.attempt == 1 })
			same(t, "wait", h.row(id).due.Sub(h.Clock.Now()), want)
		})
	}
}

// An unknown one is shown, and sent again only because a person says so.
func TestUnknownByHand(t *testing.T) {
	first := true
	each(t, func() *channelstest.Provider {
		first = true
		return &channelstest.Provider{Script: func(context.Context, channels.Outbound) error {
			if first {
				first = false
				return errors.New("cut")
			}
			return nil
		}}
	}, func(t *testing.T, h *post) {
		id := h.write(h.conversation(h.account, "lin"), "hi")
		h.start("one", false)
		h.becomes(id, channels.Unknown)
		d, err := h.Inbox.Retry(h.Ctx(), h.Boss, id)
		if err != nil || d.State != "queued" {
			t.Fatalf("%+v %v", d, err)
		}
		h.becomes(id, channels.SentState)
		same(t, "history", h.history(id), []string{"unknown", "sent"})
	})
}

func TestDisabledAccount(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		id := h.write(h.conversation(h.account, "lin"), "hi")
		disabled := channels.Disabled
		if _, err := h.Accounts.Update(h.Ctx(), h.account.ID, channels.Patch{Status: &disabled}); err != nil {
			t.Fatal(err)
		}
		h.start("one", false)
		same(t, "code", h.becomes(id, channels.Failed).code, "account_disabled")
		same(t, "sends", len(h.provider.Calls()), 0)
		active := channels.Active
		if _, err := h.Accounts.Update(h.Ctx(), h.account.ID, channels.Patch{Status: &active}); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Inbox.Retry(h.Ctx(), h.Boss, id); err != nil {
			t.Fatal(err)
		}
		h.becomes(id, channels.SentState)
	})
}

// A message that cannot be loaded fails instead of holding its lane for ever.
func TestAMessageThatIsGone(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		c := h.conversation(h.account, "lin")
		gone := h.write(c, "gone")
		h.Run("UPDATE deliveries SET message_id = 7 WHERE id = ?", gone)
		next := h.write(c, "next")
		h.start("one", false)
		same(t, "code", h.becomes(gone, channels.Failed).code, "not_found")
		h.becomes(next, channels.SentState)
	})
}

// On a channel whose customers read our own rows the commit is the send.
func TestCommitSends(t *testing.T) {
	each(t, accepting, func(t *testing.T, h *post) {
		r := h.Receive("v", "1", "hello")
		m := h.Reply(h.Boss, r.Conversation, "k", "hi")
		same(t, "state", m.Delivery.State, "sent")
		h.start("one", false)
		h.becomes(m.Delivery.ID, channels.SentState)
		_, err := h.Inbox.Retry(h.Ctx(), h.Boss, m.Delivery.ID)
		house.Refused(t, err, "delivery_not_retryable", "")
		_, err = h.Inbox.Retry(h.Ctx(), h.Boss, 99)
		house.Refused(t, err, "not_found", "")
		_, err = h.Inbox.Write(h.Ctx(), h.Boss, r.Conversation, inbox.Write{ClientKey: "k", Kind: inbox.KindText, Body: "hi"})
		if n := h.Number("SELECT count(*) FROM deliveries"); err != nil || n != 1 {
			t.Errorf("%d deliveries, %v", n, err)
		}
	})
}
