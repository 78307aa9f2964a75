package email_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/channelstest"
	"github.com/fanward/fanward/channels/email"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
)

// office is the mail side of a house: a station behind which the handler works.
type office struct {
	t       *testing.T
	h       *house.House
	addr    string
	adapter *email.Adapter
}

// newOffice opens the office. keep decides what a mail goes through between its
// receipt and the handler.
func newOffice(t *testing.T, h *house.House, sink channels.Sink, keep func(*email.Handler) func(context.Context, email.Incoming) error) *office {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	directory := email.NewDirectory(h.Accounts, h.Keys, h.Clock)
	handler := email.NewHandler(email.HandlerOptions{
		Sink: sink, Uploads: h.Inbox, Receipts: h.Outbox, Files: h.Files, Directory: directory, Signer: h.Keys, Log: log, MaxBody: house.MaxBody, MaxFile: 1 << 20,
		Unsubscribe: func(ctx context.Context, identity ids.ID) error {
			return h.Customers.Say(ctx, identity, email.Channel, customers.PurposeMarketing, customers.Withdrawn, "unsubscribe mail")
		},
	})
	r := email.NewReceipt(email.ReceiptOptions{
		Domain: "tea.example", MaxBytes: 4 << 20, Mailbox: directory.Mailbox, Keep: keep(handler), Files: h.Files, Clock: h.Clock, Log: log,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r.Shutdown(ctx)
		serving.Wait()
	})
	return &office{t: t, h: h, addr: l.Addr().String()}
}

// write sends a mail to one of the house's addresses.
func (o *office) write(from, to, raw string) error {
	c, err := smtp.Dial(o.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.SendMail(from, []string{to}, strings.NewReader(raw))
}

const office1 = `{"address":"help@tea.example","name":"Lin's Tea","smtp":{"host":"127.0.0.1","port":1,"tls":"none"}}`

// letterbox brings the suite's messages by real SMTP. The handler works before
// the acknowledgement, so that its errors come out.
type letterbox struct {
	*office
	mu   sync.Mutex
	errs map[string]error
}

func (l *letterbox) Deliver(_ context.Context, from, key, body string) error {
	address := strings.ReplaceAll(from, " ", ".") + "@example.com"
	raw := fmt.Sprintf("From: <%s>\r\nTo: help@tea.example\r\nMessage-ID: <%s@example.com>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n",
		address, key, lines(base64.StdEncoding.EncodeToString([]byte(body))))
	if err := l.write(address, "help@tea.example", raw); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if cause := l.errs[address]; cause != nil {
			return cause
		}
		return err
	}
	return nil
}

func lines(s string) string {
	var b strings.Builder
	for len(s) > 76 {
		b.WriteString(s[:76] + "\r\n")
		s = s[76:]
	}
	return b.String() + s
}

// The mail channel keeps the contract of every channel.
func TestContract(t *testing.T) {
	adapter := newAdapter(t, &desk{})
	var f *far
	channelstest.Run(t, channelstest.Subject{
		Adapter: adapter, KeepsAll: true,
		Configs: []string{office1, `{"name":"x", "address":"Help@tea.example","smtp":{"host":"MAIL.tea.example"}}`},
		Refused: map[string]string{"config.address": `{"address":"nobody","smtp":{"host":"h"}}`, "config.smtp.host": `{"address":"a@b.example"}`, "config.smtp.port": `{"address":"a@b.example","smtp":{"host":"h","port":70000}}`},
		Inlet: func(t *testing.T, h *house.House, _ *channels.Account, sink channels.Sink) channelstest.Inlet {
			l := &letterbox{errs: map[string]error{}}
			l.office = newOffice(t, h, sink, func(handler *email.Handler) func(context.Context, email.Incoming) error {
				return func(ctx context.Context, in email.Incoming) error {
					account, err := h.Accounts.Get(ctx, in.Account)
					if err == nil {
						err = handler.Handle(ctx, account, intake.Raw{ID: h.IDs.Next(), Account: in.Account, Key: in.Key, Lane: in.Lane, Body: in.Body, BlobKey: in.BlobKey})
					}
					l.mu.Lock()
					l.errs[in.Lane] = err
					l.mu.Unlock()
					return err
				}
			})
			return l
		},
		Recipient: channels.Identity{Kind: "email", Namespace: "installation", Value: "ming@example.com"},
		Outlet: func(t *testing.T, will channelstest.Far) *channels.Account {
			f = newFar(t, map[string]string{".": map[channelstest.Far]string{
				channelstest.Accepts: "250 2.0.0 taken", channelstest.Refuses: "554 5.7.1 no", channelstest.IsBusy: "452 4.3.1 full", channelstest.CutsOff: "cut",
				channelstest.NeverEnds: "hang", channelstest.Nonsense: "what?",
			}[will]}, nil, false)
			return accountAt(t, f, "", email.TLSNone)
		},
	})
}

// houseKeys are the keys of every house.
func houseKeys(t *testing.T) *seal.Keys {
	t.Helper()
	k, err := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// mailHouse is a house with a mail account, whose mails go through the intake.
func mailHouse(t *testing.T, engine func(*testing.T, *office)) {
	log := slog.New(slog.DiscardHandler)
	for _, e := range testkit.Engines {
		t.Run(string(e), func(t *testing.T) {
			adapter := email.NewAdapter(houseKeys(t), testkit.Clock(t), log)
			h := house.New(t, e, house.Options{Adapters: []channels.Adapter{adapter}})
			adapter.Attach(h.Accounts)
			o := newOffice(t, h, h.Inbox, func(handler *email.Handler) func(context.Context, email.Incoming) error {
				h.Intake.Register(email.Channel, handler)
				return func(ctx context.Context, in email.Incoming) error {
					_, err := h.Intake.Keep(ctx, intake.Raw{Account: in.Account, Key: in.Key, Lane: in.Lane, Body: in.Body, BlobKey: in.BlobKey})
					return err
				}
			})
			o.t, o.adapter = t, adapter
			ctx, cancel := context.WithCancel(context.Background())
			wake, unsubscribe := h.Bus.Subscribe(intake.Topic, 1)
			var running sync.WaitGroup
			running.Go(func() { h.Intake.Run(ctx, wake, true) })
			t.Cleanup(func() { cancel(); unsubscribe(); running.Wait() })
			engine(t, o)
		})
	}
}

func (o *office) account(config string) *channels.Account {
	o.t.Helper()
	acc, err := o.h.Accounts.Create(o.h.Ctx(), channels.New{Channel: email.Channel, Name: "Mail", Config: json.RawMessage(config)})
	if err != nil {
		o.t.Fatal(err)
	}
	return acc
}
