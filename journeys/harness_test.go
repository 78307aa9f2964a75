package journeys_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/testkit"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// world is journeys on real customers, with what lies beside them made of rows:
// whatever a step does is in its transaction or nowhere.
type world struct {
	t         testing.TB
	db        *store.DB
	clk       *clock.Fake
	ids       *ids.Source
	customers *customers.Service
	s         *journeys.Service
	boss      auth.Principal
	names     map[string]ids.ID
	trouble   bool              // is expected
	visitors  map[ids.ID]ids.ID // customer → identity
	// asked, when set, runs when a condition is asked of everybody, or of one.
	asked func(everybody bool)
}

// monday is when the worlds begin: 10:00 in Shanghai.
var monday = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func shanghai() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return z
}

func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for _, engine := range testkit.Engines {
		t.Run(string(engine), func(t *testing.T) { fn(t, newWorld(t, engine)) })
	}
}

func newWorld(t testing.TB, engine store.Engine) *world {
	t.Helper()
	w := &world{t: t, clk: clock.NewFake(monday), db: testkit.Open(t, engine), names: map[string]ids.ID{}, visitors: map[ids.ID]ids.ID{}}
	w.ids = testkit.IDs(t, w.clk)
	w.customers = customers.New(w.db, w.clk, w.ids)
	w.must(w.customers.Prepare(w.ctx()))
	w.exec("CREATE TABLE sent (k TEXT PRIMARY KEY, customer BIGINT NOT NULL, node TEXT NOT NULL, channel TEXT NOT NULL, body TEXT NOT NULL, at BIGINT NOT NULL)")
	w.exec("CREATE TABLE taken (delivery BIGINT NOT NULL, code TEXT NOT NULL)")
	w.exec("CREATE TABLE todo (k TEXT PRIMARY KEY, customer BIGINT NOT NULL, title TEXT NOT NULL, due BIGINT NOT NULL, id BIGINT NOT NULL)")
	w.exec("CREATE TABLE watched (owner TEXT PRIMARY KEY, rule TEXT NOT NULL)")
	w.boss = auth.Principal{ID: w.ids.Next(), Role: auth.Owner, Name: "Boss", Scope: auth.ScopeAll}
	w.s = w.service(w.customers)
	return w
}

// service is a process of its own on the same rows.
func (w *world) service(c *customers.Service) *journeys.Service {
	return journeys.New(journeys.Options{
		DB: w.db, Clock: w.clk, IDs: w.ids, Customers: c, Segments: segments{w}, Sender: sender{w}, Tasks: tasks{w}, Render: texts{}, Zone: shanghai(), Log: slog.New(slog.NewTextHandler(testLog{w}, nil)),
	})
}

// testLog fails a test that expects no trouble.
type testLog struct{ w *world }

func (l testLog) Write(b []byte) (int, error) {
	if !l.w.trouble {
		l.w.t.Error(string(b))
	}
	return len(b), nil
}

func (w *world) ctx() context.Context { return context.Background() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(fn func(tx *store.Tx) error) {
	w.t.Helper()
	w.must(w.db.Write(w.ctx(), fn))
}

func (w *world) exec(sql string, values ...any) {
	w.t.Helper()
	w.write(func(tx *store.Tx) error { return run(tx, sql, values...) })
}

func run(tx *store.Tx, sql string, values ...any) error {
	var b store.Builder
	q, args := b.Add(sql, values...).Query()
	_, err := tx.Exec(q, args...)
	return err
}

func (w *world) lines(sql string, values ...any) []string {
	w.t.Helper()
	var b store.Builder
	q, args := b.Add(sql, values...).Query()
	rows, err := w.db.Reader(w.ctx()).Query(q, args...)
	out, err := store.Collect(rows, err, func(r store.Row) (s string, err error) { return s, r.Scan(&s) })
	w.must(err)
	return out
}

func (w *world) number(sql string, values ...any) (n int64) {
	w.t.Helper()
	var b store.Builder
	q, args := b.Add(sql, values...).Query()
	w.must(w.db.Reader(w.ctx()).QueryRow(q, args...).Scan(&n))
	return n
}

// person is the customer with a name, whom the first mention makes.
func (w *world) person(name string) ids.ID {
	w.t.Helper()
	if id, ok := w.names[name]; ok {
		return id
	}
	var r customers.Resolved
	w.write(func(tx *store.Tx) (err error) {
		r, err = w.customers.ResolveTx(tx, customers.Key{Kind: customers.KindVisitor, Namespace: "1", Value: name}, false, "", w.clk.Now())
		return err
	})
	w.names[name], w.visitors[r.Customer] = r.Customer, r.Identity
	_, err := w.customers.Update(w.ctx(), r.Customer, customers.Patch{Name: &name})
	w.must(err)
	return r.Customer
}

// did stores an event as of ago.
func (w *world) did(name, event string, properties map[string]any, ago time.Duration) {
	w.t.Helper()
	id := w.person(name)
	now := w.clk.Now()
	w.write(func(tx *store.Tx) error {
		return w.customers.TrackTx(tx, customers.Track{Customer: id, Identity: w.visitors[id], Name: event, At: now.Add(-ago), Properties: properties}, now)
	})
}

// work does everything that is due.
func (w *world) work(services ...*journeys.Service) {
	w.t.Helper()
	if len(services) == 0 {
		services = []*journeys.Service{w.s}
	}
	for range 10000 {
		busy := false
		for _, s := range services {
			wait, err := s.Work(w.ctx())
			w.must(err)
			busy = busy || wait == 0
		}
		if !busy {
			return
		}
	}
	w.t.Fatal("the work never ends")
}

// later moves the clock and does what is due.
func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.clk.Advance(d)
	w.work()
}

// publish makes a journey of a graph and lets it go live.
func (w *world) publish(g flow.Graph) ids.ID {
	w.t.Helper()
	j, err := w.s.Create(w.ctx(), w.boss, "Test", g)
	w.must(err)
	_, err = w.s.Publish(w.ctx(), w.boss, j.ID, journeys.PeopleFollow, 0)
	w.must(err)
	return j.ID
}

// republish saves another draft and publishes it.
func (w *world) republish(id ids.ID, g flow.Graph, people string) {
	w.t.Helper()
	j, err := w.s.Get(w.ctx(), id)
	w.must(err)
	_, err = w.s.Save(w.ctx(), w.boss, id, "Test", g, j.DraftVersion)
	w.must(err)
	_, err = w.s.Publish(w.ctx(), w.boss, id, people, 0)
	w.must(err)
}

// path is how somebody has gone through a journey: each entry with its steps and
// its state, in the order of entry.
func (w *world) path(journey ids.ID, name string) string {
	w.t.Helper()
	c, err := w.customers.Get(w.ctx(), w.person(name))
	w.must(err)
	list, err := w.s.Enrollments(w.ctx(), journeys.Filter{Journey: journey, Customer: c.ID, Limit: 1000})
	w.must(err)
	slices.Reverse(list)
	var out []string
	for _, e := range list {
		p, err := w.s.Enrollment(w.ctx(), journey, e.ID)
		w.must(err)
		line := ""
		for _, st := range p.Steps {
			line += st.Node + ":" + st.Outcome + " "
		}
		if e.State == journeys.Active {
			line += "@" + e.Node
		} else {
			line += e.State + "(" + *e.EndReason + ")"
		}
		out = append(out, line)
	}
	return strings.Join(out, " | ")
}

func (w *world) expect(journey ids.ID, name, want string) {
	w.t.Helper()
	if got := w.path(journey, name); got != want {
		w.t.Errorf("%s went\n  %s, want\n  %s", name, got, want)
	}
}

func (w *world) sent() []string {
	return w.lines("SELECT c.name || ' ' || s.node || ' ' || s.channel || ': ' || s.body FROM sent s JOIN customers c ON c.id = s.customer ORDER BY s.at, s.k")
}

func (w *world) same(got []string, want ...string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("got %q, want %q", got, want)
	}
}

// segments answers conditions on attributes, tags and stages from the rows.
type segments struct{ w *world }

func (s segments) Match(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (bool, error) {
	if s.w.asked != nil {
		s.w.asked(false)
	}
	c, err := s.w.customers.GetTx(q, customer)
	if err != nil {
		return false, err
	}
	if n.Kind == rule.Attribute && n.Name == "broken" {
		return false, fault.New(fault.Invalid, "rule_broken", nil)
	}
	ok, _ := rule.MatchFast(n, known{c}, clock.Millis(at))
	return ok, nil
}

type known struct{ c *customers.Customer }

func (k known) Attributes() rule.Facts {
	return rule.AttributeFacts(k.c.Attributes, "", "", "")
}
func (k known) CreatedAt() int64  { return clock.Millis(k.c.CreatedAt) }
func (k known) LastSeenAt() int64 { return 0 }
func (k known) HasTag(folded string) bool {
	return slices.Contains(k.c.Tags, folded)
}
func (k known) Stage() (string, int64) {
	if k.c.Stage == nil {
		return "", 0
	}
	return k.c.Stage.Key, clock.Millis(k.c.Stage.Since)
}
func (k known) Events(string) []rule.Event         { return nil }
func (k known) Reach(string, string) (int64, bool) { return 0, false }

func (s segments) People(ctx context.Context, n rule.Node, after ids.ID, limit int) ([]ids.ID, error) {
	if s.w.asked != nil {
		s.w.asked(true)
	}
	var b store.Builder
	q, args := b.Add("SELECT id FROM customers WHERE merged_into = 0 AND id > ? ORDER BY id", after).Query()
	rows, err := s.w.db.Reader(ctx).Query(q, args...)
	all, err := store.Collect(rows, err, func(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) })
	if err != nil {
		return nil, err
	}
	var out []ids.ID
	for _, id := range all {
		ok, err := s.Match(s.w.db.Reader(ctx), n, id, s.w.clk.Now())
		if err != nil {
			return nil, err
		}
		if ok && len(out) < limit {
			out = append(out, id)
		}
	}
	return out, nil
}

func (s segments) WatchTx(tx *store.Tx, owner string, n rule.Node) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return run(tx, "INSERT INTO watched (owner, rule) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET rule = excluded.rule", owner, string(raw))
}

func (s segments) UnwatchTx(tx *store.Tx, owner string) error {
	return run(tx, "DELETE FROM watched WHERE owner = ?", owner)
}

// sender reaches everybody without the tag "gone", on the first channel.
type sender struct{ w *world }

func (s sender) Reach(q store.Querier, customer ids.ID, chosen []string, _ channels.Purpose, _ time.Time) (journeys.Reach, string, error) {
	c, err := s.w.customers.GetTx(q, customer)
	if err != nil {
		return journeys.Reach{}, "", err
	}
	if slices.Contains(c.Tags, "gone") {
		return journeys.Reach{}, "recipient_suppressed", nil
	}
	return journeys.Reach{Channel: chosen[0], Account: 1, Identity: 1}, "", nil
}

func (s sender) SendTx(tx *store.Tx, m journeys.Message, now time.Time) (channels.Enqueued, error) {
	err := run(tx, "INSERT INTO sent (k, customer, node, channel, body, at) VALUES (?, ?, ?, ?, ?, ?)", m.By.Key, m.Customer, m.By.Node, m.Channel, m.Body, clock.Millis(now))
	return channels.Enqueued{ID: s.w.ids.Next(), State: channels.Queued}, err
}

func (s sender) CancelTx(tx *store.Tx, delivery ids.ID, code string, _ time.Time) error {
	return run(tx, "INSERT INTO taken (delivery, code) VALUES (?, ?)", delivery, code)
}

type tasks struct{ w *world }

func (s tasks) CreateTaskTx(tx *store.Tx, n journeys.NewTask, _ time.Time) (ids.ID, error) {
	id := s.w.ids.Next()
	return id, run(tx, "INSERT INTO todo (k, customer, title, due, id) VALUES (?, ?, ?, ?, ?)", n.By.Key, n.Customer, n.Title, clock.Millis(n.DueAt), id)
}

// texts knows the names of customers.
type texts struct{}

func (texts) Text(_ context.Context, template string, vars map[string]any) (string, error) {
	if strings.Contains(template, "{{ broken") {
		return "", fault.New(fault.Invalid, "template_failed", nil)
	}
	customer := vars["customer"].(map[string]any)
	event := vars["event"].(map[string]any)
	r := strings.NewReplacer("{{ customer.name }}", fmt.Sprint(customer["name"]), "{{ event.amount }}", fmt.Sprint(cmp.Or(event["amount"], any(""))))
	return r.Replace(template), nil
}
