package inbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
)

type links struct{}

func (links) FileURL(id ids.ID) string { return "/f/" + id.String() }

type house struct {
	db        *store.DB
	clk       *clock.Fake
	accounts  *channels.Accounts
	customers *customers.Service
	inbox     *inbox.Inbox
	account   *channels.Account
}

func build(t *testing.T, db *store.DB) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{db: db, clk: clock.NewFake(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))}
	src, err := ids.NewSource(h.clk, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	registry := channels.NewRegistry(webchat.Adapter{})
	h.accounts = channels.NewAccounts(db, h.clk, src, registry, nil)
	h.customers = customers.New(db, h.clk, src)
	if err := h.customers.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	out := outbox.New(outbox.Options{DB: db, Clock: h.clk, IDs: src, Registry: registry, Accounts: h.accounts, Holder: "test"})
	h.inbox = inbox.New(inbox.Options{DB: db, Clock: h.clk, IDs: src, Customers: h.customers, Registry: registry, Outbox: out, Links: links{}, MaxBody: 10000})
	out.OnChange(h.inbox.DeliveryChangedTx)
	if h.account, err = h.accounts.Create(ctx, channels.New{Channel: "webchat", Name: "Shop"}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) receive(t *testing.T, visitor, key, body string) channels.Received {
	t.Helper()
	r, err := h.inbox.Receive(context.Background(), channels.Inbound{
		Account: h.account, Identity: channels.Identity{Kind: "visitor", Namespace: h.account.ID.String(), Value: visitor},
		ExternalID: visitor + ":" + key, ClientKey: key, Body: body,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConversationFlow(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		h := build(t, db)
		lin := auth.Principal{ID: 7, Name: "Lin", Role: auth.Owner}
		first := h.receive(t, "v1", "k1", "你好")
		if again := h.receive(t, "v1", "k1", "你好"); again.Message != first.Message || !again.Repeat {
			t.Fatalf("repeat gave %+v, first %+v", again, first)
		}
		list, err := h.inbox.List(ctx, lin, inbox.Filter{View: inbox.ViewUnassigned, Status: inbox.Open, Limit: 10})
		if err != nil || len(list) != 1 || list[0].LastMessage.Preview != "你好" || *list[0].ReadInboundCount != 0 || list[0].InboundCount != 1 {
			t.Fatalf("list %+v %v", list, err)
		}
		if _, err := db.SQL().ExecContext(ctx, "INSERT INTO teammates (id, email, name, role, locale, created_at, updated_at) VALUES (7, 'l@x', 'Lin', 'owner', 'en', 0, 0)"); err != nil && db.Engine() == store.Postgres {
			t.Fatal(err)
		}
	})
}
