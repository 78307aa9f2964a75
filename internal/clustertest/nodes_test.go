// Package clustertest runs several nodes of the real program over one PostgreSQL,
// with Redis and without: what is done on one is true on the others, and nodes come
// and go without anybody losing anything.
package clustertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/internal/testkit"
)

const (
	shopOrigin = "https://shop.example"
	// soon is how long anything may take that is to happen at once; a busy machine
	// is slow.
	soon = 30 * time.Second
)

// cluster are nodes over one database.
type cluster struct {
	t     testing.TB
	env   []testkit.ProgramOption
	nodes []*testkit.Process
	owner http.Header
	// account is a website's chat.
	account struct{ ID, Key string }
}

// open starts nodes on an empty database; redis is "" for none.
func open(t testing.TB, redis string, count int) *cluster {
	t.Helper()
	return openOn(t, testkit.PostgresURL(t), redis, count)
}

// openOn starts nodes on a database, each with the options.
func openOn(t testing.TB, database, redis string, count int, options ...testkit.ProgramOption) *cluster {
	t.Helper()
	c := &cluster{t: t, env: []testkit.ProgramOption{
		testkit.WithPostgres(database), testkit.WithEnv("FANWARD_SECRET_KEY", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
		testkit.WithEnv("FANWARD_FILES_URL", "file://"+t.TempDir()), testkit.WithEnv("FANWARD_SANDBOX_MODE", "off"), testkit.WithEnv("FANWARD_HTTP_DRAIN_WAIT", "1s"),
	}}
	if redis != "" {
		c.env = append(c.env, testkit.WithRedis(redis))
	}
	c.env = append(c.env, options...)
	for range count {
		c.start()
	}
	token := c.command("token", "create", "--role", "owner", "--name", "cluster test")
	c.owner = http.Header{"Authorization": {"Bearer " + token}}
	c.do(0, "POST", "/api/v1/accounts", map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{shopOrigin}}}, &c.account)
	if redis != "" {
		for _, p := range c.nodes {
			testkit.Eventually(t, soon, "a node has joined", func() bool { return strings.Contains(get(p.URL+"/metrics"), "fanward_redis_up 1") })
		}
	}
	return c
}

// start adds a node.
func (c *cluster) start() *testkit.Process {
	c.t.Helper()
	p := testkit.Program(c.t, c.env...)
	c.nodes = append(c.nodes, p)
	return p
}

func get(url string) string {
	res, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	return string(b)
}

// command runs an admin command beside the first node.
func (c *cluster) command(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(testkit.Binary(c.t), args...)
	cmd.Env = append(os.Environ(), "FANWARD_DATA_DIR="+c.nodes[0].Dir)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// ask makes one request and returns its status; out may be nil.
func ask(client *http.Client, method, url string, header http.Header, body, out any) (int, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		return 0, err
	}
	if req.Header = header.Clone(); req.Header == nil {
		req.Header = http.Header{}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode/100 != 2 {
		return res.StatusCode, fmt.Errorf("%s %s: %d %s", method, url, res.StatusCode, b)
	}
	if out == nil {
		return res.StatusCode, nil
	}
	return res.StatusCode, json.Unmarshal(b, out)
}

var plain = &http.Client{Timeout: 10 * time.Second}

// do is a request of the owner to a node that has to succeed.
func (c *cluster) do(node int, method, path string, body, out any) {
	c.t.Helper()
	if _, err := ask(plain, method, c.nodes[node].URL+path, c.owner, body, out); err != nil {
		c.t.Fatal(err)
	}
}

// teammate is somebody signed in with a cookie.
type teammate struct {
	id     string
	client *http.Client
}

// hire makes a teammate and signs them in at a node; the cookie holds at all.
func (c *cluster) hire(node int, name, role string) *teammate {
	c.t.Helper()
	var made struct {
		Teammate  struct{ ID string }
		InviteURL string `json:"invite_url"`
	}
	c.do(node, "POST", "/api/v1/teammates", map[string]any{"email": name + "@example.com", "name": name, "role": role}, &made)
	u, err := url.Parse(made.InviteURL)
	if err != nil {
		c.t.Fatal(err)
	}
	secret := u.Query().Get("token")
	if secret == "" {
		if i := strings.LastIndexAny(made.InviteURL, "#=/"); i >= 0 {
			secret = made.InviteURL[i+1:]
		}
	}
	jar, _ := cookiejar.New(nil) // never fails without options
	m := &teammate{id: made.Teammate.ID, client: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
	if _, err := ask(m.client, "POST", c.nodes[node].URL+"/api/v1/session/link", nil, map[string]any{"token": secret}, nil); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// me is the status with which a node answers who this is.
func (m *teammate) me(p *testkit.Process) int {
	status, _ := ask(m.client, "GET", p.URL+"/api/v1/me", nil, nil, nil)
	return status
}

// socket is one to a node.
type socket struct {
	t  testing.TB
	ws *websocket.Conn
}

type frame struct {
	T          string          `json:"t"`
	Code       string          `json:"code"`
	ClientKey  string          `json:"client_key"`
	Node       string          `json:"node"`
	Kind       string          `json:"kind"`
	Position   string          `json:"position"`
	Resumed    bool            `json:"resumed"`
	Online     json.RawMessage `json:"online"`
	CustomerID string          `json:"customer_id"`
	Teammates  int             `json:"teammates"`
	On         bool            `json:"on"`
	Viewers    []struct {
		ID   string `json:"teammate_id"`
		Mode string `json:"mode"`
	} `json:"viewers"`
	Data struct {
		Message *message `json:"message"`
	} `json:"data"`
	Message *message `json:"message"`
}

type message struct {
	ConversationID string `json:"conversation_id"`
	Seq            int64  `json:"seq"`
	Direction      string `json:"direction"`
	Body           string `json:"body"`
	ClientKey      string `json:"client_key"`
}

// socket opens a teammate's socket at a node and greets it.
func (c *cluster) socket(p *testkit.Process, m *teammate) (*socket, frame) {
	c.t.Helper()
	d := websocket.Dialer{Jar: m.client.Jar, HandshakeTimeout: 10 * time.Second}
	ws, _, err := d.Dial("ws"+strings.TrimPrefix(p.URL, "http")+"/api/v1/socket", http.Header{"Origin": {p.URL}})
	if err != nil {
		c.t.Fatal(err)
	}
	s := &socket{c.t, ws}
	c.t.Cleanup(s.cut)
	s.say(map[string]any{"t": "hello", "after": nil})
	return s, s.next("hello")
}

// visitor opens a visitor's socket at a node and greets it.
func (c *cluster) visitor(p *testkit.Process, token string) (*socket, frame) {
	c.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.URL, "http")+"/channels/webchat/"+c.account.Key+"/socket", http.Header{"Origin": {shopOrigin}})
	if err != nil {
		c.t.Fatal(err)
	}
	s := &socket{c.t, ws}
	c.t.Cleanup(s.cut)
	s.say(map[string]any{"t": "hello", "visitor": token, "after": nil})
	return s, s.next("hello")
}

// token is that of a new visitor.
func (c *cluster) token(p *testkit.Process) string {
	c.t.Helper()
	var s struct{ Visitor string }
	if _, err := ask(plain, "POST", p.URL+"/channels/webchat/"+c.account.Key+"/session", http.Header{"Origin": {shopOrigin}}, map[string]any{}, &s); err != nil {
		c.t.Fatal(err)
	}
	return s.Visitor
}

func (s *socket) cut() { _ = s.ws.Close() }

func (s *socket) say(v any) {
	s.t.Helper()
	if err := s.ws.WriteJSON(v); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) read() (f frame, err error) {
	_ = s.ws.SetReadDeadline(time.Now().Add(soon))
	_, text, err := s.ws.ReadMessage()
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	return f, err
}

// next reads up to the next frame of a kind that fits.
func (s *socket) next(kind string, fits ...func(frame) bool) frame {
	s.t.Helper()
	for {
		f, err := s.read()
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if f.T == kind && (len(fits) == 0 || fits[0](f)) {
			return f
		}
	}
}

// closed reads up to the end and demands its code.
func (s *socket) closed(code int) {
	s.t.Helper()
	for {
		if _, err := s.read(); err != nil {
			if !websocket.IsCloseError(err, code) {
				s.t.Errorf("the socket ended with %v, want %d", err, code)
			}
			return
		}
	}
}
