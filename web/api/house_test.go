package api_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/seal"
	storage "github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/web/api"
	"github.com/fanward/fanward/web/filelink"
)

// house is the real edge on real parts.
type house struct {
	t        testing.TB
	db       *storage.DB
	clk      *clock.Fake
	cfg      *config.Config
	accounts *channels.Accounts
	inbox    *inbox.Inbox
	visitors *webchat.Visitors
	server   *api.Server
	account  *channels.Account
	people   people
	log      *strings.Builder
}

const shop = "https://shop.example"

// people sign in with their role's name.
type people map[string]auth.Principal

func (p people) BySession(_ context.Context, token string) (auth.Principal, string, error) {
	who, ok := p[token]
	if !ok {
		return who, "", fault.New(fault.Unauthenticated, "not_signed_in", nil)
	}
	return who, "session of " + token, nil
}

func (p people) ByToken(_ context.Context, secret string) (auth.Principal, error) {
	who, ok := p["token "+secret]
	if !ok {
		return who, fault.New(fault.Unauthenticated, "not_signed_in", nil)
	}
	return who, nil
}

func build(t testing.TB, db *storage.DB, change ...func(*api.Options)) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, db: db, clk: testkit.Clock(t), cfg: config.Default(), people: people{}, log: &strings.Builder{}}
	h.cfg.DataDir = t.TempDir()
	src := testkit.IDs(t, h.clk)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, err := seal.New([]byte(strings.Repeat("k", seal.KeySize)))
	must(err)
	store, err := files.Open(h.cfg.DataDir)
	must(err)
	t.Cleanup(func() { _ = store.Close() })
	registry := channels.NewRegistry(webchat.Adapter{})
	h.accounts = channels.NewAccounts(db, h.clk, src, registry, keys)
	known := customers.New(db, h.clk, src)
	must(known.Prepare(ctx))
	links := filelink.New(keys, h.clk.Now)
	out := outbox.New(outbox.Options{DB: db, Clock: h.clk, IDs: src, Registry: registry, Accounts: h.accounts, Holder: "test"})
	h.inbox = inbox.New(inbox.Options{DB: db, Clock: h.clk, IDs: src, Customers: known, Registry: registry, Outbox: out, Links: links, MaxBody: h.cfg.Limits.BodyChars})
	out.OnChange(h.inbox.DeliveryChangedTx)
	h.visitors = webchat.NewVisitors(db, h.accounts, known, keys, h.inbox, h.clk.Now)
	for _, role := range auth.Roles {
		p := auth.Principal{ID: src.Next(), Name: string(role), Role: role, Scope: auth.ScopeAll}
		h.people[string(role)] = p
		must(db.Write(ctx, func(tx *storage.Tx) error {
			var b storage.Builder
			b.Add("INSERT INTO teammates (id, email, name, role, locale, created_at, updated_at) VALUES (?, ?, ?, ?, 'en', 0, 0)", p.ID, p.Name+"@x.example", p.Name, string(role))
			q, args := b.Query()
			_, err := tx.Exec(q, args...)
			return err
		}))
	}
	h.account, err = h.accounts.Create(ctx, channels.New{Channel: webchat.Channel, Name: "Shop", Config: json.RawMessage(`{"origins":["` + shop + `"]}`)})
	must(err)
	log := slog.New(slog.NewTextHandler(h.log, nil))
	o := api.Options{
		Config: h.cfg, Clock: h.clk, Log: log, Metrics: obs.NewMetrics(), Health: obs.NewHealth(log), Auth: h.people, Accounts: h.accounts,
		Customers: known, Inbox: h.inbox, Visitors: h.visitors, Files: store, Links: links,
		Console: fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>Console</title>")}, "assets/app-1a2b.js": {Data: []byte(strings.Repeat("console.log(1);", 200))}},
		Widget:  func() ([]byte, bool) { return []byte(strings.Repeat("/* widget */", 200)), true },
	}
	for _, c := range change {
		c(&o)
	}
	h.server, err = api.New(o)
	must(err)
	return h
}

// call is one request; as signs it in with a role's cookie.
type call struct {
	method, path, body, as string
	header                 map[string]string
	from                   string // address; empty is loopback
}

func (h *house) do(c call) *httptest.ResponseRecorder {
	h.t.Helper()
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r := httptest.NewRequest(c.method, "http://localhost:8080"+c.path, body)
	r.RemoteAddr = "127.0.0.1:40000"
	if c.from != "" {
		r.RemoteAddr = c.from
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.as != "" {
		r.AddCookie(&http.Cookie{Name: api.SessionCookie, Value: c.as})
		r.Header.Set(api.CSRFHeader, "1")
	}
	for k, v := range c.header {
		if v == "" {
			r.Header.Del(k)
			continue
		}
		r.Header.Set(k, v)
	}
	if host := c.header["Host"]; host != "" {
		r.Host = host
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return w
}

// json does a call that must succeed and reads its answer.
func (h *house) json(c call) map[string]any {
	h.t.Helper()
	w := h.do(c)
	if w.Code/100 != 2 {
		h.t.Fatalf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
	}
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		h.t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	return out
}
