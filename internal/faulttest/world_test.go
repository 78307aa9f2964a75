// Package faulttest runs several nodes while their lines to PostgreSQL and Redis
// are cut, delayed and left half-open, while nodes are stopped and killed, and
// takes the truth from the records of those outside: laws 1 to 8.
package faulttest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/internal/testkit/outside"
)

const (
	shopOrigin    = "https://shop.example"
	visitorCount  = 4
	followerCount = 3
	writerCount   = 2
	// patience is after how long a client gives a silent line up.
	patience = 4 * time.Second
)

// soak tells whether the long form runs.
func soak() bool { return os.Getenv("FANWARD_SOAK") != "" }

// node is one of the equals, with proxies on its lines.
type node struct {
	*testkit.Process
	database, redis *testkit.Proxy
	smtp            string
}

// world is an installation and everybody who deals with it.
type world struct {
	t           *testing.T
	in          *testkit.Installation
	nodes       []*node
	processes   []*testkit.Process
	header      http.Header
	quiet, stop chan struct{}

	lin      *outside.Teammate
	visitors []*outside.Visitor
	writers  []*outside.Writer
	wechat   *outside.Platform
	box      *outside.Postbox
	shop     *outside.Integrator
}

// open starts n nodes and brings everybody in.
func open(t *testing.T, n int) *world {
	w := &world{t: t, in: testkit.Install(t), quiet: make(chan struct{}), stop: make(chan struct{})}
	for range n {
		w.add()
	}
	token := outside.Command(t, w.nodes[0].Process, "token", "create", "--role", "owner", "--name", "fault test")
	w.header = http.Header{"Authorization": {"Bearer " + token}}
	w.lin = &outside.Teammate{T: t, URL: outside.Any(w.processes, ""), Token: token, Stop: w.stop, Backlog: 1 << 14, ByBody: true, Patience: patience}
	w.lin.Listen()
	testkit.Eventually(t, time.Minute, "the teammate is connected", w.lin.Connected)
	w.lin.Answer()
	w.channels()
	key := outside.Command(t, w.nodes[0].Process, "writekey", "create", "--name", "fault test", "--kind", "server")
	w.shop = &outside.Integrator{T: t, URL: outside.Any(w.processes, ""), Key: key}
	return w
}

func (w *world) add() {
	w.t.Helper()
	port, err := testkit.FreePort()
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{smtp: "127.0.0.1:" + strconv.Itoa(port)}
	var database, redis string
	n.database, database = testkit.Through(w.t, w.in.Database)
	n.redis, redis = testkit.Through(w.t, w.in.Redis.URL())
	n.Process = w.in.Node(testkit.WithPostgres(database), testkit.WithRedis(redis), testkit.WithEnv("FANWARD_EMAIL_SMTP_ADDR", n.smtp))
	w.nodes = append(w.nodes, n)
	w.processes = append(w.processes, n.Process)
}

func (w *world) must(method, path string, body, out any) {
	w.t.Helper()
	if err := outside.Call(method, w.nodes[0].URL+path, w.header, body, out); err != nil {
		w.t.Fatal(err)
	}
}

// channels connects an account of each channel and those who write on it.
func (w *world) channels() {
	var shop struct {
		Key string `json:"key"`
	}
	w.must("POST", "/api/v1/accounts", map[string]any{"channel": "webchat", "name": "Shop", "config": map[string]any{"origins": []string{shopOrigin}}}, &shop)
	box, port := outside.NewPostbox(w.t)
	w.box = box
	w.must("POST", "/api/v1/accounts", map[string]any{
		"channel": "email", "name": "Mail", "config": map[string]any{"address": "shop@crash.example", "smtp": map[string]any{"host": "127.0.0.1", "port": port, "tls": "none"}},
	}, nil)
	wechat, base := outside.NewPlatform(w.t)
	w.wechat = wechat
	w.wechat.Connect(w.t, w.nodes[0].URL, w.header, base, w.relay(), followerCount)
	for i := range visitorCount {
		v := &outside.Visitor{T: w.t, Name: fmt.Sprint("v", i), Base: outside.Any(w.processes, "/channels/webchat/"+shop.Key), Origin: shopOrigin,
			Quiet: w.quiet, Stop: w.stop, Patience: patience, Between: 400 * time.Millisecond}
		w.visitors = append(w.visitors, v)
		v.Start()
	}
	for i := range writerCount {
		m := &outside.Writer{Name: fmt.Sprint("w", i), Addr: func() string { return w.nodes[rand.IntN(len(w.nodes))].smtp }, Quiet: w.quiet, Between: 300 * time.Millisecond}
		w.writers = append(w.writers, m)
		m.Start()
	}
}

// relay is the address that WeChat knows: it hands each push to any of the nodes.
func (w *world) relay() string {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			to, _ := url.Parse(w.nodes[rand.IntN(len(w.nodes))].URL)
			r.SetURL(to)
		},
		Transport:    &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: patience},
		ErrorHandler: func(rw http.ResponseWriter, _ *http.Request, _ error) { rw.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(proxy)
	w.t.Cleanup(s.Close)
	return s.URL
}

// settle waits until everybody has been told of everything that is stored, and
// returns the visitors' threads.
func (w *world) settle() map[string][]outside.Message {
	w.t.Helper()
	threads := map[string][]outside.Message{}
	missing := "nothing was read yet"
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("last missing: %s", missing)
		}
	})
	testkit.Eventually(w.t, 90*time.Second, "everybody is told of everything", func() bool {
		missing = ""
		_, before := w.lin.Answering()
		total := 0
		for _, c := range outside.List[outside.Conversation](w.t, w.nodes[0].URL+"/api/v1/conversations?status=all", w.header) {
			threads[c.ID] = outside.ReadThread(w.t, w.nodes[0].Process, w.header, c.ID)
			total += len(threads[c.ID])
		}
		for _, v := range w.visitors {
			texts := 0
			for _, m := range threads[v.Acked()[0].ConversationID] {
				if m.Kind == "text" {
					texts++
				}
			}
			if seen := len(v.Seen()); seen != texts {
				missing = fmt.Sprintf("%s was shown %d of %d messages", v.Name, seen, texts)
			}
		}
		waiting, after := w.lin.Answering()
		if told := w.lin.Told(); told != total {
			missing = fmt.Sprintf("the teammate was told of %d of %d messages", told, total)
		}
		if waiting > 0 {
			missing = fmt.Sprintf("%d answers are to be written", waiting)
		}
		return missing == "" && before == after
	})
	return threads
}

// judge compares everybody's records with what is stored.
func (w *world) judge(threads map[string][]outside.Message) {
	w.t.Helper()
	for _, v := range w.visitors {
		outside.JudgeVisitor(w.t, v, threads[v.Acked()[0].ConversationID])
	}
	w.lin.Judge()
	for _, r := range w.lin.Replied() {
		n := 0
		for _, m := range threads[r.ConversationID] {
			if m.Body == r.Body && m.Direction == "out" {
				if n++; m.Seq != r.Seq {
					w.t.Errorf("a reply accepted as seq %d is stored as %d", r.Seq, m.Seq)
				}
			}
		}
		if n != 1 {
			w.t.Errorf("reply %q was accepted and is there %d times", r.Body, n)
		}
	}
	outside.JudgeChannels(w.t, w.nodes[0].Process, w.header, w.lin, w.wechat, w.box, w.writers)
}

// close sends everybody home.
func (w *world) close() {
	close(w.stop)
	for _, v := range w.visitors {
		v.Wait()
	}
	w.lin.Wait()
}
