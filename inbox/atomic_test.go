package inbox_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/testkit/house"
)

// Whichever statement of a write fails, nothing of it is stored, and the same
// wish succeeds afterwards (law 2).
func TestEveryWriteIsOneTransaction(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		visitors := 0
		visitor := func() string {
			visitors++
			return fmt.Sprint("v", visitors)
		}
		fresh := func() (string, ids.ID) {
			v := visitor()
			return v, h.Receive(v, "first", "hello").Conversation
		}
		team := h.Team("Support")
		for name, scenario := range map[string]func(int) func() error{
			"first message": func(int) func() error {
				in := h.Inbound(h.Account, visitor(), "k", "text")
				in.Attachments = []ids.ID{h.Upload(inbox.Owner{Kind: inbox.OwnerVisitor, Key: in.AttachmentOwner})}
				return func() error { return with(h.Inbox.Receive(h.Ctx(), in)) }
			},
			"message that reopens": func(int) func() error {
				v, id := fresh()
				update(t, h, h.Boss, id, inbox.Update{Status: ptr(inbox.Resolved)})
				return func() error { return with(h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, v, "k", "text"))) }
			},
			"reply that resolves": func(int) func() error {
				_, id := fresh()
				if err := h.Inbox.SaveDraft(h.Ctx(), h.Boss, id, inbox.Draft{Kind: "text", Body: "te"}); err != nil {
					t.Fatal(err)
				}
				w := inbox.Write{ClientKey: id.String(), Kind: inbox.KindText, Body: "text", AndResolve: true, Attachments: []ids.ID{h.Upload(inbox.OwnerOf(h.Boss))}}
				return func() error { return with(h.Inbox.Write(h.Ctx(), h.Boss, id, w)) }
			},
			"update": func(int) func() error {
				_, id := fresh()
				u := inbox.Update{Assignee: &h.Boss.ID, Team: &team, Status: ptr(inbox.Snoozed), SnoozedUntil: ptr(h.Clock.Now().Add(time.Hour))}
				return func() error { return with(h.Inbox.Update(h.Ctx(), h.Boss, id, u)) }
			},
			"read": func(int) func() error {
				_, id := fresh()
				return func() error { return with(h.Inbox.MarkRead(h.Ctx(), h.Boss, id, 2)) }
			},
			"draft": func(int) func() error {
				_, id := fresh()
				return func() error { return h.Inbox.SaveDraft(h.Ctx(), h.Boss, id, inbox.Draft{Kind: "text", Body: "te"}) }
			},
			"customer's read mark": func(int) func() error {
				r := h.Receive(visitor(), "first", "hello")
				m := h.Reply(h.Boss, r.Conversation, r.Conversation.String(), "hi")
				return func() error { return h.Inbox.CustomerRead(h.Ctx(), as(h, r, false), r.Conversation, m.Seq) }
			},
			"retry": func(int) func() error {
				_, id := fresh()
				m := h.Reply(h.Boss, id, id.String(), "hi")
				h.Run("UPDATE deliveries SET state = 'failed' WHERE id = ?", m.Delivery.ID)
				return func() error { return with(h.Inbox.Retry(h.Ctx(), h.Boss, m.Delivery.ID)) }
			},
			"identify": func(int) func() error {
				v, _ := fresh()
				traits := customers.Traits{Name: "Lin", Attributes: map[string]any{"plan": "gold"}}
				return func() error {
					return with(h.Customers.Identify(h.Ctx(), device(h.Account, v), person("u "+v), traits))
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				inner := *h
				inner.T = t
				h.Run("DELETE FROM changes") // keep what is compared small
				if n := inner.NothingLeftBehind(scenario); n < 2 {
					t.Errorf("only %d writes were refused: the test has no teeth", n)
				}
			})
			h.Run("DELETE FROM drafts")
			h.Run("DELETE FROM read_cursors")
		}
	})
}

func with[T any](_ T, err error) error { return err }

// The rows of a write appear together: a reader in its own snapshot sees all of
// them or none.
func TestRowsAppearTogether(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const rounds = 60
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(done)
			for i := range rounds {
				r := h.Receive(fmt.Sprint("v", i%5), fmt.Sprint(i), "text")
				h.Reply(h.Boss, r.Conversation, fmt.Sprint(i), "answer")
			}
		})
		consistent := `SELECT count(*) FROM conversations c WHERE
  c.last_seq <> (SELECT max(m.seq) FROM messages m WHERE m.conversation_id = c.id)
  OR c.last_seq <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)
  OR c.inbound_count <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in')
  OR c.last_seq <> (SELECT count(*) FROM changes x WHERE x.conversation_id = c.id AND x.kind = 'message')
  OR (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'out') <> (SELECT count(*) FROM deliveries d WHERE d.conversation_id = c.id)`
		looks := 0
		for running := true; running; looks++ {
			select {
			case <-done:
				running = false
			default:
			}
			if n := h.Number(consistent); n != 0 {
				t.Fatalf("%d conversations are seen half-written", n)
			}
		}
		wg.Wait()
		if looks < 3 {
			t.Errorf("looked only %d times", looks)
		}
	})
}

// Messages, answers and identify meet on the same devices: no conversation is
// left with a customer who has gone into another, none is lost, every thread
// stays dense.
func TestIdentifyWhileMessagesCome(t *testing.T) {
	each(t, func(t *testing.T, h *house.House) {
		const devices, rounds = 4, 6
		var wg sync.WaitGroup
		for d := range devices {
			visitor := fmt.Sprint("v", d)
			wg.Go(func() {
				for i := range rounds {
					if err := with(h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, visitor, fmt.Sprint(i), "text"))); err != nil {
						t.Error(err)
					}
				}
			})
			for u := range 2 { // two people claim the same device at once
				wg.Go(func() {
					_, err := h.Customers.Identify(h.Ctx(), device(h.Account, visitor), person(fmt.Sprint("u", d%2, u)), customers.Traits{Name: "Lin"})
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				for i := range rounds {
					list, err := h.Inbox.List(h.Ctx(), h.Boss, inbox.Filter{Limit: 50})
					if err != nil {
						t.Error(err)
					}
					for _, c := range list {
						_, err := h.Inbox.Write(h.Ctx(), h.Boss, c.ID, inbox.Write{ClientKey: fmt.Sprint(d, i, c.ID), Kind: inbox.KindText, Body: "hi", AndResolve: i%2 == 0})
						if err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		for what, sql := range map[string]string{
			"conversations of merged customers":             "SELECT count(*) FROM conversations c JOIN customers k ON k.id = c.customer_id WHERE k.merged_into <> 0",
			"conversations apart from their identity":       "SELECT count(*) FROM conversations c JOIN identities i ON i.id = c.identity_id WHERE i.customer_id <> c.customer_id",
			"customers with two external identities":        "SELECT count(*) FROM (SELECT customer_id FROM identities WHERE kind = 'external' GROUP BY customer_id HAVING count(*) > 1) x",
			"inbound messages lost":                         fmt.Sprintf("SELECT %d - count(*) FROM messages WHERE direction = 'in'", devices*rounds),
			"events of merged customers":                    "SELECT count(*) FROM events e JOIN customers k ON k.id = e.customer_id WHERE k.merged_into <> 0",
			"merged customers that still have an identity":  "SELECT count(*) FROM customers k JOIN identities i ON i.customer_id = k.id WHERE k.merged_into <> 0",
			"devices whose conversations are spread around": "SELECT count(*) FROM (SELECT identity_id FROM conversations GROUP BY identity_id HAVING count(*) > 1) x",
		} {
			same(t, what, h.Number(sql), 0)
		}
		list, err := h.Inbox.List(h.Ctx(), h.Boss, inbox.Filter{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			dense(t, thread(t, h, c.ID))
		}
	})
}
