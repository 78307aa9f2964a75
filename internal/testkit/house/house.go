// Package house gives tests the domain on real parts: customers, channels,
// inbox, outbox and the visitors of a website, on a database of their own, with
// a clock that stands until it is moved. Only tests import it.
package house

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/intake"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/bus"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/seal"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/segments/rule"
)

// MaxBody is the longest message of the house.
const MaxBody = 10_000

// House is the domain, and one web chat account in it.
type House struct {
	T     testing.TB
	DB    *store.DB
	Clock *clock.Fake
	// Machine is the time of leases where Options set it; else nil: Clock is.
	Machine   clock.Clock
	IDs       *ids.Source
	Keys      *seal.Keys
	Bus       *bus.Memory
	Registry  *channels.Registry
	Accounts  *channels.Accounts
	Customers *customers.Service
	Segments  *segments.Service
	Files     *files.Store
	Intake    *intake.Intake
	Outbox    *outbox.Outbox
	Inbox     *inbox.Inbox
	Visitors  *webchat.Visitors
	// Account is an active web chat account.
	Account *channels.Account
	// Boss is an owner.
	Boss auth.Principal
}

// Options change how a house is built.
type Options struct {
	// Adapters beside web chat.
	Adapters []channels.Adapter
	// Config of the account.
	Config  json.RawMessage
	Limits  outbox.Limits
	Machine clock.Clock
}

// links gives attachments addresses.
type links struct{}

func (links) FileURL(id ids.ID) string { return "/api/v1/files/" + id.String() }
func (links) HTMLURL(id ids.ID) string { return "/api/v1/mail/" + id.String() }

// Each runs fn in a new house on each engine.
func Each(t *testing.T, o Options, fn func(t *testing.T, h *House)) {
	t.Helper()
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) { fn(t, New(t, engine, o)) })
	}
}

// New builds a house on one engine.
func New(t testing.TB, engine store.Engine, o Options) *House {
	t.Helper()
	b := bus.NewMemory()
	h := &House{T: t, Bus: b, Clock: testkit.Clock(t), Machine: o.Machine}
	h.DB = testkit.Open(t, engine, func(s *store.Options) { s.Notify = func(topic string) { b.Publish(topic, nil) } })
	h.IDs = testkit.IDs(t, h.Clock)
	keys, err := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
	h.must(err)
	h.Keys = keys
	h.Registry = channels.NewRegistry(append([]channels.Adapter{webchat.Adapter{}}, o.Adapters...)...)
	h.Accounts = channels.NewAccounts(h.DB, h.Clock, h.IDs, h.Registry, keys)
	h.Customers = customers.New(h.DB, h.Clock, h.IDs)
	h.must(h.Customers.Prepare(h.Ctx()))
	h.Segments = h.NewSegments()
	h.Customers.OnStageRule(func(tx *store.Tx, stage string, n *rule.Node) error { return h.Segments.StageRuleTx(tx, stage, n) })
	h.Files, err = files.Open(t.TempDir())
	h.must(err)
	t.Cleanup(func() { _ = h.Files.Close() })
	h.Intake = intake.New(intake.Options{DB: h.DB, Clock: h.Clock, Machine: h.Machine, IDs: h.IDs, Accounts: h.Accounts, Holder: "house"})
	h.Outbox = h.Sender("house", o.Limits)
	h.Inbox = inbox.New(inbox.Options{DB: h.DB, Clock: h.Clock, IDs: h.IDs, Customers: h.Customers, Registry: h.Registry, Outbox: h.Outbox, Links: links{}, Files: h.Files, MaxBody: MaxBody})
	h.Outbox.OnChange(h.Inbox.DeliveryChangedTx)
	h.Outbox.OnOutreach(h.Inbox.OutreachChangedTx)
	h.Visitors = webchat.NewVisitors(h.DB, h.Accounts, h.Customers, keys, h.Inbox, h.Clock.Now)
	h.Account = h.NewAccount("Shop", o.Config)
	h.Boss = h.Teammate(auth.Principal{Role: auth.Owner, Name: "Boss"})
	return h
}

// NewSegments makes the segments of a process of its own.
func (h *House) NewSegments() *segments.Service { return h.NewSegmentsBy(nil) }

// NewSegmentsBy is NewSegments with another clock of the machine.
func (h *House) NewSegmentsBy(machine clock.Clock) *segments.Service {
	return segments.New(segments.Options{DB: h.DB, Clock: h.Clock, Machine: machine, IDs: h.IDs, Customers: h.Customers, Log: slog.New(slog.NewTextHandler(h.T.Output(), nil))})
}

// Settle lets the segments do everything that is to be done now.
func (h *House) Settle() {
	h.T.Helper()
	_, err := h.Segments.Round(h.Ctx())
	h.must(err)
}

// Sender makes an outbox of a process of its own.
func (h *House) Sender(holder string, limits outbox.Limits) *outbox.Outbox {
	o := outbox.New(outbox.Options{DB: h.DB, Clock: h.Clock, Machine: h.Machine, IDs: h.IDs, Registry: h.Registry, Accounts: h.Accounts, Loader: loader{h}, Poster: loader{h}, Unsubscribe: leave, Holder: holder, Limits: limits})
	if h.Inbox != nil {
		o.OnChange(h.Inbox.DeliveryChangedTx)
		o.OnOutreach(h.Inbox.OutreachChangedTx)
	}
	return o
}

// leave is the address at which an identity of a house takes consent back.
func leave(identity, _ ids.ID, channel string) string {
	return "https://tea.example/unsubscribe/" + identity.String() + "." + channel
}

// loader is the inbox, which is built after the outbox.
type loader struct{ h *House }

func (l loader) LoadOutbound(ctx context.Context, message, identity ids.ID) (channels.Content, error) {
	return l.h.Inbox.LoadOutbound(ctx, message, identity)
}

// PostTx implements outbox.Poster.
func (l loader) PostTx(tx *store.Tx, p channels.Post) (channels.Posted, error) {
	return l.h.Inbox.PostTx(tx, p)
}

// Ctx is the background.
func (h *House) Ctx() context.Context { return context.Background() }

func (h *House) must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// NewAccount makes a web chat account.
func (h *House) NewAccount(name string, config json.RawMessage) *channels.Account {
	h.T.Helper()
	acc, err := h.Accounts.Create(h.Ctx(), channels.New{Channel: webchat.Channel, Name: name, Config: config})
	h.must(err)
	return acc
}

// Run executes SQL in one write and returns how many rows it changed; values
// stand for question marks.
func (h *House) Run(sql string, values ...any) int64 {
	h.T.Helper()
	var n int64
	var b store.Builder
	b.Add(sql, values...)
	q, args := b.Query()
	h.must(h.DB.Write(h.Ctx(), func(tx *store.Tx) (err error) {
		n, err = tx.Exec(q, args...)
		return err
	}))
	return n
}

// Number reads one number by SQL.
func (h *House) Number(sql string, values ...any) (n int64) {
	h.T.Helper()
	var b store.Builder
	b.Add(sql, values...)
	q, args := b.Query()
	h.must(h.DB.Reader(h.Ctx()).QueryRow(q, args...).Scan(&n))
	return n
}

// Words reads one text by SQL.
func (h *House) Words(sql string, values ...any) (s string) {
	h.T.Helper()
	var b store.Builder
	b.Add(sql, values...)
	q, args := b.Query()
	h.must(h.DB.Reader(h.Ctx()).QueryRow(q, args...).Scan(&s))
	return s
}

// Teammate stores a teammate; an empty scope is everything.
func (h *House) Teammate(p auth.Principal) auth.Principal {
	h.T.Helper()
	if p.ID == 0 {
		p.ID = h.IDs.Next()
	}
	if p.Scope == "" {
		p.Scope = auth.ScopeAll
	}
	if p.Name == "" {
		p.Name = fmt.Sprintf("%s %d", p.Role, p.ID%1000)
	}
	p.RightsVersion = 1
	h.Run("INSERT INTO teammates (id, email, name, role, locale, scope, created_at, updated_at) VALUES (?, ?, ?, ?, 'en', ?, 0, 0)",
		p.ID, p.ID.String()+"@example.com", p.Name, string(p.Role), string(p.Scope))
	return p
}

// Team stores a team.
func (h *House) Team(name string) ids.ID {
	h.T.Helper()
	id := h.IDs.Next()
	h.Run("INSERT INTO teams (id, name, created_at) VALUES (?, ?, 0)", id, name)
	return id
}

// Upload stores the row of an unbound file.
func (h *House) Upload(owner inbox.Owner) ids.ID {
	h.T.Helper()
	id := h.IDs.Next()
	h.Run("INSERT INTO attachments (id, owner_kind, owner_key, blob_key, name, content_type, size, sha256, created_at) VALUES (?, ?, ?, ?, 'cat.png', 'image/png', 3, '', 0)",
		id, owner.Kind, owner.Key, "blob/"+id.String())
	return id
}

// Inbound is a message of a browser on an account.
func (h *House) Inbound(account *channels.Account, visitor, key, body string) channels.Inbound {
	return channels.Inbound{
		Account: account, Identity: channels.Identity{Kind: customers.KindVisitor, Namespace: account.ID.String(), Value: visitor},
		ExternalID: visitor + ":" + key, ClientKey: key, Body: body, AttachmentOwner: account.ID.String() + ":" + visitor,
	}
}

// Receive stores a message of a browser on the house's account.
func (h *House) Receive(visitor, key, body string) channels.Received {
	h.T.Helper()
	r, err := h.Inbox.Receive(h.Ctx(), h.Inbound(h.Account, visitor, key, body))
	h.must(err)
	return r
}

// Reply stores an answer.
func (h *House) Reply(p auth.Principal, conversation ids.ID, key, body string) *inbox.Message {
	h.T.Helper()
	m, err := h.Inbox.Write(h.Ctx(), p, conversation, inbox.Write{ClientKey: key, Kind: inbox.KindText, Body: body})
	h.must(err)
	return m
}

// Assign gives a conversation to a teammate, 0 for nobody.
func (h *House) Assign(conversation, to ids.ID) *inbox.Conversation {
	h.T.Helper()
	c, err := h.Inbox.Update(h.Ctx(), h.Boss, conversation, inbox.Update{Assignee: &to})
	h.must(err)
	return c
}

// Refused fails the test unless err has the code and, when one is named, the field.
func Refused(t testing.TB, err error, code, field string) {
	t.Helper()
	e, ok := fault.As(err)
	if !ok || e.Code != code {
		t.Errorf("want %s, got %v", code, err)
		return
	}
	if field == "" {
		return
	}
	for _, f := range e.Fields {
		if f.Field == field && f.Code == code {
			return
		}
	}
	t.Errorf("%s names %v instead of %s", code, e.Fields, field)
}

// tables are those that the domain writes.
var tables = []string{"conversations", "messages", "changes", "deliveries", "delivery_attempts", "conversation_counts", "customers", "identities", "events",
	"merges", "contradictions", "consents", "consent_now", "bind_tokens", "event_contexts", "tags", "customer_tags", "stages", "stage_changes", "write_keys", "tracked_messages", "delivery_contents", "tasks",
	"read_cursors", "drafts", "attachments", "message_html", "inbound", "noted", "accounts", "event_names", "event_moves", "counters"}

// Dump is the content of every table that the domain writes, for comparing what
// was there before with what is there after. Conversations' numbers are left out
// where they are taken beside the transaction that needs one.
func (h *House) Dump() string {
	h.T.Helper()
	var lines []string
	for _, table := range tables {
		from := table
		if table == "counters" && h.DB.Engine() == store.Postgres {
			from += " WHERE name <> 'conversations'"
		}
		rows, err := h.DB.SQL().QueryContext(h.Ctx(), "SELECT * FROM "+from)
		h.must(err)
		columns, err := rows.Columns()
		h.must(err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			h.must(rows.Scan(values...))
			line := table
			for _, v := range values {
				line += fmt.Sprintf("|%v", *v.(*any))
			}
			lines = append(lines, line)
		}
		h.must(rows.Err())
		h.must(rows.Close())
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
