package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/outbox"
	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/channels/wechat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/obs"
	"github.com/fanward/fanward/internal/seal"
	storage "github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/segments"
	"github.com/fanward/fanward/web/api"
	"github.com/fanward/fanward/web/filelink"
)

// house is the real edge on real parts.
type house struct {
	t         testing.TB
	db        *storage.DB
	clk       *clock.Fake
	cfg       *config.Config
	accounts  *channels.Accounts
	inbox     *inbox.Inbox
	segments  *segments.Service
	outbox    *outbox.Outbox
	customers *customers.Service
	visitors  *webchat.Visitors
	server    *api.Server
	account   *channels.Account
	auth      *auth.Service
	// mates are the teammates by role, sessions their cookies.
	mates    map[string]auth.Teammate
	sessions map[string]string
	log      *strings.Builder
}

// latePoster is the inbox, which is built after the outbox.
type latePoster struct{ h *house }

func (l latePoster) PostTx(tx *storage.Tx, p channels.Post) (channels.Posted, error) {
	return l.h.inbox.PostTx(tx, p)
}

const shop = "https://shop.example"

func build(t testing.TB, db *storage.DB, change ...func(*api.Options)) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, db: db, clk: testkit.Clock(t), cfg: config.Default(), mates: map[string]auth.Teammate{}, sessions: map[string]string{}, log: &strings.Builder{}}
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
	registry := channels.NewRegistry(webchat.Adapter{}, wechat.NewAdapter(wechat.AdapterOptions{Client: wechat.NewClient(h.clk, nil), Clock: h.clk}))
	h.accounts = channels.NewAccounts(db, h.clk, src, registry, keys)
	known := customers.New(db, h.clk, src)
	must(known.Prepare(ctx))
	links := filelink.New(keys, h.clk.Now)
	out := outbox.New(outbox.Options{DB: db, Clock: h.clk, IDs: src, Registry: registry, Accounts: h.accounts, Holder: "test", Poster: latePoster{h}})
	h.inbox = inbox.New(inbox.Options{DB: db, Clock: h.clk, IDs: src, Customers: known, Registry: registry, Outbox: out, Links: links, MaxBody: h.cfg.Limits.BodyChars})
	out.OnChange(h.inbox.DeliveryChangedTx)
	out.OnOutreach(h.inbox.OutreachChangedTx)
	h.outbox, h.customers = out, known
	h.visitors = webchat.NewVisitors(db, h.accounts, known, keys, h.inbox, h.clk.Now)
	h.auth = auth.New(auth.Options{DB: db, Clock: h.clk, IDs: src, SessionLifetime: h.cfg.Session.Lifetime})
	known.OnAudit(h.auth)
	h.segments = segments.New(segments.Options{DB: db, Clock: h.clk, IDs: src, Customers: known, Auditor: h.auth})
	known.OnStageRule(h.segments.StageRuleTx)
	for _, role := range auth.Roles {
		h.hire(string(role), auth.NewTeammate{Role: role})
	}
	h.account, err = h.accounts.Create(ctx, channels.New{Channel: webchat.Channel, Name: "Shop", Config: json.RawMessage(`{"origins":["` + shop + `"]}`)})
	must(err)
	log := obs.NewLogger(h.log, "debug", "text")
	o := api.Options{
		Config: h.cfg, Clock: h.clk, Log: log, Metrics: obs.NewMetrics(), Health: obs.NewHealth(log), Auth: h.auth, Accounts: h.accounts,
		Customers: known, Segments: h.segments, Inbox: h.inbox, Outbox: out, Visitors: h.visitors, Files: store, Links: links,
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

// hire invites somebody and signs them in; calls are made as them by name.
func (h *house) hire(name string, n auth.NewTeammate) auth.Teammate {
	h.t.Helper()
	n.Email, n.Name = name+"@shop.example", name
	mate, link, err := h.auth.Invite(context.Background(), auth.System, n)
	if err != nil {
		h.t.Fatal(err)
	}
	in, err := h.auth.SignInByLink(context.Background(), link.Secret, auth.Client{IP: "127.0.0.1"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.mates[name], h.sessions[name] = mate, in.Token
	return mate
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
		r.AddCookie(&http.Cookie{Name: api.SessionCookie, Value: h.sessions[c.as]})
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
	h.conforms(c, w)
	return w
}

// conforms holds every answer to the document.
func (h *house) conforms(c call, w *httptest.ResponseRecorder) {
	h.t.Helper()
	kind := w.Header().Get("Content-Type")
	if w.Header().Get("Content-Encoding") != "" || w.Code == http.StatusNotModified {
		return
	}
	var body any
	if strings.Contains(kind, "json") && w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			h.t.Errorf("%s %s: not JSON: %v", c.method, c.path, err)
		}
	}
	if problem, ok := body.(map[string]any); ok && kind == "application/problem+json" && strings.Contains(fmt.Sprint(problem["detail"]), "{{") {
		h.t.Errorf("%s %s %d: a sentence with a gap: %v", c.method, c.path, w.Code, problem["detail"])
	}
	for _, err := range h.server.Conforms(c.method, c.path, w.Code, body) {
		h.t.Errorf("%s %s %d: %v", c.method, c.path, w.Code, err)
	}
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

func idsOf(t testing.TB, list ...string) []ids.ID {
	t.Helper()
	out := make([]ids.ID, len(list))
	for i, s := range list {
		id, err := ids.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = id
	}
	return out
}
