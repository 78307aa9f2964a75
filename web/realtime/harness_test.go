package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/fanward/fanward/channels/webchat"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/inbox"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/house"
	"github.com/fanward/fanward/web/realtime"
)

// soon is how long anything may take that happens at once.
const soon = 20 * time.Second

// hall is a house with a hub and a server that serves its sockets.
type hall struct {
	*house.House
	hub    *realtime.Hub
	server *httptest.Server
	stop   func()

	mu       sync.Mutex
	standing map[ids.ID]auth.Standing
	pages    []string
}

type change func(*realtime.Options)

// open builds a hall on one engine; everything has ended when the test ends.
func open(t *testing.T, engine store.Engine, changes ...change) *hall {
	t.Helper()
	h := &hall{House: house.New(t, engine, house.Options{}), standing: map[ids.ID]auth.Standing{}}
	leaks := goleak.IgnoreCurrent()
	h.hub, h.server, h.stop = h.node(t, "node-1", changes...)
	t.Cleanup(func() {
		h.stop()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionCleaner"), goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgconn.(*PgConn).asyncClose.func1"))
	})
	return h
}

func each(t *testing.T, fn func(t *testing.T, h *hall), changes ...change) {
	t.Helper()
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) { fn(t, open(t, engine, changes...)) })
	}
}

// node starts a hub and a server over the hall's database.
func (h *hall) node(t testing.TB, name string, changes ...change) (*realtime.Hub, *httptest.Server, func()) {
	t.Helper()
	o := realtime.Options{
		DB: h.DB, Clock: h.Clock, Bus: h.Bus, Inbox: h.Inbox, Visitors: h.Visitors, Node: name, AccountChanged: h.Accounts.Forget,
		Standing: func(_ context.Context, p auth.Principal, _ string) (auth.Standing, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.standing[p.ID], nil
		},
		PageViewed: func(_ context.Context, customer, _ ids.ID, url, title string) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.pages = append(h.pages, fmt.Sprint(customer, " ", url, " ", title))
		},
	}
	for _, c := range changes {
		c(&o)
	}
	hub := realtime.New(o)
	if err := hub.Start(h.Ctx()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.Ctx())
	var running sync.WaitGroup
	running.Go(func() { hub.Run(ctx) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if key, ok := strings.CutPrefix(r.URL.Path, "/visitor/"); ok {
			acc, config, err := h.Visitors.Account(r.Context(), key)
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			hub.ServeVisitor(w, r, acc, config)
			return
		}
		var p auth.Principal
		if err := json.Unmarshal([]byte(r.Header.Get("Principal")), &p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		hub.ServeTeammate(w, r, p, r.Header.Get("Session"))
	}))
	var once sync.Once
	return hub, server, func() {
		once.Do(func() {
			drained, done := context.WithTimeout(h.Ctx(), soon)
			defer done()
			hub.Drain(drained)
			cancel()
			running.Wait()
			server.Close()
		})
	}
}

// client is a browser's end of a socket.
type client struct {
	t  testing.TB
	ws *websocket.Conn
}

func dial(t testing.TB, server *httptest.Server, path string, header http.Header) *client {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+path, header)
	if err != nil {
		t.Fatalf("%v %v", err, res)
	}
	c := &client{t, ws}
	t.Cleanup(c.cut)
	return c
}

// cut drops the connection without a word.
func (c *client) cut() { _ = c.ws.Close() }

func (h *hall) staffSocket(t testing.TB, p auth.Principal) *client {
	t.Helper()
	who, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, h.server, "/staff", http.Header{"Principal": {string(who)}, "Session": {"session of " + p.Name}})
}

// staff opens a teammate's socket, says hello and returns the answer.
func (h *hall) staff(t testing.TB, p auth.Principal, after any) (*client, frame) {
	t.Helper()
	c := h.staffSocket(t, p)
	c.say(map[string]any{"t": "hello", "after": after})
	return c, c.next("hello")
}

// visitor opens a browser's socket and says hello.
func (h *hall) visitor(t testing.TB, token string, after any) (*client, frame) {
	t.Helper()
	c := dial(t, h.server, "/visitor/"+h.Account.Key, nil)
	c.say(map[string]any{"t": "hello", "visitor": token, "after": after})
	return c, c.next("hello")
}

// browser is a new visitor of the account.
func (h *hall) browser() (webchat.Visitor, string) {
	config, err := webchat.ParseConfig(h.Account.Config)
	if err != nil {
		h.T.Fatal(err)
	}
	v := h.Visitors.Fresh(h.Account, config)
	return v, h.Visitors.Token(v)
}

func (c *client) say(v any) {
	c.t.Helper()
	if err := c.ws.WriteJSON(v); err != nil {
		c.t.Fatal(err)
	}
}

// frame is any frame of the server.
type frame struct {
	T            string          `json:"t"`
	Kind         string          `json:"kind"`
	Position     string          `json:"position"`
	Resumed      bool            `json:"resumed"`
	Reset        bool            `json:"reset"`
	HasMore      bool            `json:"has_more"`
	Data         json.RawMessage `json:"data"`
	Online       json.RawMessage `json:"online"`
	On           bool            `json:"on"`
	Name         string          `json:"name"`
	Code         string          `json:"code"`
	Node         string          `json:"node"`
	ClientKey    string          `json:"client_key"`
	From         string          `json:"from"`
	ServerTime   time.Time       `json:"server_time"`
	CustomerID   ids.ID          `json:"customer_id"`
	Conversation json.RawMessage `json:"conversation"`
	ID           ids.ID          `json:"conversation_id"`
	Viewers      json.RawMessage `json:"viewers"`
	Teammates    int             `json:"teammates"`
	Message      *inbox.VisitorMessage
	Messages     []inbox.VisitorMessage

	text string
}

func (c *client) read() (frame, error) {
	_ = c.ws.SetReadDeadline(time.Now().Add(soon))
	_, text, err := c.ws.ReadMessage()
	if err != nil {
		return frame{}, err
	}
	f := frame{text: string(text)}
	if err := json.Unmarshal(text, &f); err != nil {
		c.t.Fatalf("%s: %v", text, err)
	}
	return f, nil
}

// next reads up to the next frame of one of the kinds.
func (c *client) next(kinds ...string) frame {
	c.t.Helper()
	for {
		f, err := c.read()
		if err != nil {
			c.t.Fatalf("waiting for %v: %v", kinds, err)
		}
		for _, k := range kinds {
			if f.T == k {
				return f
			}
		}
	}
}

// changed reads up to the next change of a kind.
func (c *client) changed(kind string) frame {
	c.t.Helper()
	for {
		if f := c.next("change"); f.Kind == kind {
			return f
		}
	}
}

// quiet demands that nothing but frames of the given kinds comes before the
// answer to a ping.
func (c *client) quiet(but ...string) {
	c.t.Helper()
	c.say(map[string]any{"t": "ping"})
	for {
		f := c.next("pong", "change", "message", "conversation", "typing", "viewers", "error", "ack")
		if f.T == "pong" {
			return
		}
		ok := false
		for _, k := range but {
			ok = ok || f.T == k
		}
		if !ok {
			c.t.Errorf("unexpected %s", f.text)
		}
	}
}

// closed reads until the socket ends and compares the code.
func (c *client) closed(want int) {
	c.t.Helper()
	for {
		_, err := c.read()
		var ce *websocket.CloseError
		if errors.As(err, &ce) {
			if ce.Code != want {
				c.t.Errorf("closed with %d %s, want %d", ce.Code, ce.Text, want)
			}
			return
		}
		if err != nil {
			c.t.Errorf("ended with %v, want %d", err, want)
			return
		}
	}
}

// settled waits until the hub has handed out everything committed so far.
func (h *hall) settled(t testing.TB) feed.Position {
	t.Helper()
	want := feed.Position{ID: h.Number("SELECT COALESCE(max(id), 0) FROM changes"), Xact: h.Number("SELECT COALESCE(max(xact), 0) FROM changes")}
	testkit.Eventually(t, soon, "the hub has handed out everything", func() bool { return !h.hub.Position().Before(want) })
	return h.hub.Position()
}

func (h *hall) send(t testing.TB, v webchat.Visitor, key, body string) inbox.VisitorMessage {
	t.Helper()
	r, err := h.Visitors.Send(h.Ctx(), v, webchat.Message{ClientKey: key, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	m, err := h.Inbox.VisitorMessage(h.Ctx(), r.Message)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (h *hall) identify(t testing.TB, v webchat.Visitor, user string) {
	t.Helper()
	person := customers.Key{Kind: customers.KindExternal, Namespace: customers.Installation, Value: user}
	if _, err := h.Customers.Identify(h.Ctx(), v.Identity(), person, customers.Traits{}); err != nil {
		t.Fatal(err)
	}
}

func conversationOf(t testing.TB, f frame) *inbox.Conversation {
	t.Helper()
	var data struct {
		Conversation *inbox.Conversation `json:"conversation"`
	}
	if err := json.Unmarshal(f.Data, &data); err != nil || data.Conversation == nil {
		t.Fatalf("%s: %v", f.text, err)
	}
	return data.Conversation
}

func mustConfig(t testing.TB, h *hall) webchat.Config {
	t.Helper()
	c, err := webchat.ParseConfig(h.Account.Config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
