package journeys_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

func (w *world) merge(survivor, absorbed string) ids.ID {
	w.t.Helper()
	m, err := w.customers.Merge(w.ctx(), w.boss, customers.MergeRequest{Survivor: w.person(survivor), Absorb: w.person(absorbed), ClientKey: survivor + absorbed, Despite: []string{"names_differ"}})
	w.must(err)
	return m.ID
}

// Two people who turn out to be one go through a journey once: the earlier
// enrollment goes on, whoever survives. Taken apart, both go on.
func TestMerges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(delay("d", "m", "1d"), message("m", "", "Hello")))
		w.did("First", "Order Completed", nil, 0)
		w.work()
		w.later(time.Hour)
		w.did("Second", "Order Completed", nil, 0)
		w.did("Third", "Order Completed", nil, 0)
		w.work()
		merge := w.merge("Second", "First")
		w.expect(j, "Second", "@d | d:merged exited(merged)")
		w.expect(j, "First", "@d | d:merged exited(merged)") // it is the same person
		w.later(time.Hour)
		w.did("First", "Order Completed", nil, 0)
		w.work()
		w.expect(j, "Second", "@d | d:merged exited(merged)")
		_, err := w.customers.Undo(w.ctx(), w.boss, merge)
		w.must(err)
		w.expect(j, "First", "@d")
		w.expect(j, "Second", "@d")
		w.later(22 * time.Hour)
		w.expect(j, "First", "d:elapsed m:queued completed(end)")
		w.expect(j, "Second", "@d")
		w.merge("Third", "Second")
		w.later(time.Hour)
		w.same(w.sent(), "First m wechat: Hello", "Third m wechat: Hello")
	})
}

// What waits to be heard of a record that is another person's now is that
// person's.
func TestSignalsFollowMerges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(delay("d", "", "1d")))
		w.did("One", "Order Completed", nil, 0)
		w.merge("Other", "One")
		w.work()
		w.expect(j, "Other", "@d")
	})
}

// A record that is part of another person now still hears of itself: what it did
// is the person's, that it has left a segment is nothing.
func TestNewsOfMergedRecords(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		bought := w.publish(onOrder(delay("d", "", "1d")))
		left := onOrder(delay("d", "", "1d"))
		left.Trigger = flow.Trigger{Kind: flow.OnSegmentLeave, Segment: "5"}
		gone := w.publish(left)
		one := w.person("One")
		w.merge("Other", "One")
		w.exec("INSERT INTO journey_signals (id, kind, ref, customer_id, payload, at, received_at) VALUES (1, 'event', 'Order Completed', ?, '{\"name\":\"Order Completed\"}', ?, ?)",
			one, clock.Millis(w.clk.Now()), clock.Millis(w.clk.Now()))
		w.write(func(tx *store.Tx) error {
			return w.s.SegmentChangedTx(tx, journeys.SegmentChange{Segment: 5, Customer: one, At: w.clk.Now()})
		})
		w.did("Third", "Order Completed", nil, 0)
		for range 10 {
			_, err := w.s.Work(w.ctx())
			w.must(err)
		}
		w.expect(bought, "Other", "@d")
		w.expect(bought, "Third", "@d")
		w.expect(gone, "Other", "")
		if n := w.number("SELECT count(*) FROM journey_signals"); n != 0 {
			t.Errorf("%d signals are left", n)
		}
	})
}

// Erasing what came through an identity leaves nothing of it in journeys.
func TestErasure(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(delay("d", "m", "1d"), message("m", "", "You spent {{ event.amount }}")))
		w.did("Ming", "Order Completed", map[string]any{"amount": 5.0, "secret": "rosebud"}, 0)
		w.work()
		w.did("Ming", "Order Completed", map[string]any{"secret": "rosebud"}, 0)
		if n := w.number("SELECT count(*) FROM enrollments WHERE context LIKE '%rosebud%'"); n != 1 {
			t.Fatalf("%d contexts", n)
		}
		w.did("Ming", customers.EventIdentityErased, nil, 0)
		if n := w.number("SELECT (SELECT count(*) FROM enrollments WHERE context LIKE '%rosebud%') + (SELECT count(*) FROM journey_signals)"); n != 0 {
			t.Errorf("%d rows still know it", n)
		}
		w.later(24 * time.Hour)
		w.expect(j, "Ming", "d:elapsed m:queued completed(end)")
		w.same(w.sent(), "Ming m wechat: You spent ")
	})
}

// faulty refuses the n-th effect, as storage does that cannot answer, and counts.
type faulty struct {
	*world
	n, seen int
}

var errAway = fault.New(fault.Unavailable, "storage_unavailable", nil)

func (f *faulty) one() error {
	f.seen++
	if f.seen == f.n {
		return errAway
	}
	return nil
}

type faultySender struct {
	sender
	f *faulty
}

func (s faultySender) SendTx(tx *store.Tx, m journeys.Message, now time.Time) (channels.Enqueued, error) {
	d, err := s.sender.SendTx(tx, m, now)
	return d, errors.Join(err, s.f.one())
}

type faultyTasks struct {
	tasks
	f *faulty
}

func (s faultyTasks) CreateTaskTx(tx *store.Tx, n journeys.NewTask, now time.Time) (ids.ID, error) {
	id, err := s.tasks.CreateTaskTx(tx, n, now)
	return id, errors.Join(err, s.f.one())
}

type faultyPeople struct {
	journeys.People
	f *faulty
}

func (s faultyPeople) TagTx(tx *store.Tx, customer ids.ID, add, remove []string, by journeys.Cause, now time.Time) error {
	return errors.Join(s.People.TagTx(tx, customer, add, remove, by, now), s.f.one())
}

func (s faultyPeople) MoveStageTx(tx *store.Tx, customer ids.ID, to string, forward bool, by journeys.Cause, now time.Time) (bool, error) {
	moved, err := s.People.MoveStageTx(tx, customer, to, forward, by, now)
	return moved, errors.Join(err, s.f.one())
}

func (s faultyPeople) SetAttributeTx(tx *store.Tx, customer ids.ID, name string, value any) error {
	return errors.Join(s.People.SetAttributeTx(tx, customer, name, value), s.f.one())
}

// TestEveryEffectOrNone breaks off at each effect in turn: what a turn had
// written before is not there, and then everything happens once (law 8).
func TestEveryEffectOrNone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(message("m", "t", "Hello"), tag("t", "s", "vip"), stage("s", "a", "member"),
			flow.Node{ID: "a", Kind: flow.Attribute, Next: "c", Attribute: &flow.AttributeStep{Name: "plan", Value: "gold"}}, task("c", "", "Call")))
		const want = "m:queued t:done s:done a:done c:done completed(end)"
		refused := 0
		for n := 1; ; n++ {
			f := &faulty{world: w, n: n}
			s := journeys.New(journeys.Options{DB: w.db, Clock: w.clk, IDs: w.ids, Customers: customers.New(w.db, w.clk, w.ids), Segments: segments{w}, Sender: faultySender{sender{w}, f},
				Tasks: faultyTasks{tasks{w}, f}, Render: texts{}, People: faultyPeople{journeys.PeopleOf(w.customers), f}, Zone: shanghai()})
			names := []string{fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)}
			for _, name := range names {
				w.did(name, "Order Completed", nil, 0)
			}
			failed := false
			for range 20 {
				_, err := s.Work(w.ctx())
				failed = failed || err != nil
			}
			for _, name := range names {
				w.expect(j, name, want)
			}
			if n := w.number("SELECT count(*) FROM sent WHERE customer IN (?, ?)", w.person(names[0]), w.person(names[1])); n != 2 {
				t.Errorf("%d messages", n)
			}
			if n := w.number("SELECT count(*) FROM todo WHERE customer IN (?, ?)", w.person(names[0]), w.person(names[1])); n != 2 {
				t.Errorf("%d tasks", n)
			}
			if n := w.number("SELECT count(*) FROM stage_changes WHERE customer_id IN (?, ?)", w.person(names[0]), w.person(names[1])); n != 2 {
				t.Errorf("%d moves", n)
			}
			if !failed {
				break
			}
			refused++
		}
		if refused < 10 {
			t.Errorf("only %d effects were refused", refused)
		}
	})
}

// Somebody whose turn cannot be taken holds up nobody else.
func TestTroubleStaysWithOnePerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := onOrder(flow.Node{ID: "b", Kind: flow.Branch, Else: "m", Ways: []flow.Way{{Rule: &rule.Node{Kind: rule.Attribute, Name: "broken", Op: rule.Exists}}}}, message("m", "", "Hello"))
		fine := w.publish(onOrder(message("m", "", "Hello")))
		w.did("before", "Order Completed", nil, 0)
		w.work()
		w.trouble = true
		broken := w.publish(g)
		w.did("Ming", "Order Completed", nil, 0)
		w.work()
		w.expect(fine, "before", "m:queued completed(end)")
		w.expect(broken, "Ming", "failed(rule_broken)")
		w.expect(fine, "Ming", "m:queued completed(end)")
		if n := w.number("SELECT count(*) FROM journey_signals"); n != 0 {
			t.Errorf("%d signals are left", n)
		}
	})
}

// A template that fails is the outcome of a step, and the person goes on.
func TestWhatAStepCannotDoIsItsOutcome(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		gone := message("gone", "s", "?")
		gone.Message.Body = "{{ broken"
		j := w.publish(onOrder(gone, stage("s", "u", "nowhere"), message("u", "", "Hello")))
		w.person("Ming")
		_, err := w.customers.SetTags(w.ctx(), w.boss, w.person("Ming"), []string{"gone"}, nil)
		w.must(err)
		w.did("Ming", "Order Completed", nil, 0)
		w.did("Hong", "Order Completed", nil, 0)
		w.work()
		w.expect(j, "Hong", "gone:failed s:failed u:queued completed(end)")
		w.expect(j, "Ming", "gone:unreachable s:failed u:unreachable completed(end)")
	})
}

// TestSeveralProcesses lets several work on the same rows at once: nobody is
// moved twice.
func TestSeveralProcesses(t *testing.T) {
	w := newWorld(t, store.Postgres)
	w.trouble = true
	j := w.publish(onOrder(message("m", "d", "Hello"), delay("d", "t", "1h"), tag("t", "c", "vip"), task("c", "", "Call")))
	const people = 200
	for i := range people {
		w.did(fmt.Sprint(i), "Order Completed", nil, 0)
	}
	run := func() {
		t.Helper()
		var wg sync.WaitGroup
		var mu sync.Mutex
		var first error
		for range 3 {
			s := w.service(customers.New(w.db, w.clk, w.ids))
			wg.Go(func() {
				for range 60 {
					if _, err := s.Work(w.ctx()); err != nil && fault.KindOf(err) != fault.Unavailable {
						mu.Lock()
						first = errors.Join(first, err)
						mu.Unlock()
						return
					}
				}
			})
		}
		wg.Wait()
		w.must(first)
		w.work()
	}
	run()
	if n := w.number("SELECT count(*) FROM enrollments WHERE state = 'active' AND node = 'd'"); n != people {
		t.Fatalf("%d of %d wait", n, people)
	}
	w.clk.Advance(time.Hour)
	run()
	for i := range people {
		w.expect(j, fmt.Sprint(i), "m:queued d:elapsed t:done c:done completed(end)")
	}
	if sent, todo := w.number("SELECT count(*) FROM sent"), w.number("SELECT count(*) FROM todo"); sent != people || todo != people {
		t.Errorf("%d messages and %d tasks for %d people", sent, todo, people)
	}
}

// A test run needs one connection: whoever waited for a second one while holding
// the first could wait for ever, with the others in the hands of who do the same.
func TestTrialsTakeOneConnection(t *testing.T) {
	w := newWorld(t, store.Postgres)
	w.did("Ming", "Order Completed", map[string]any{"amount": 7}, time.Hour)
	g := onOrder(message("m", "", "{{ event.amount }}"))
	j, err := w.s.Create(w.ctx(), w.boss, "Draft", g)
	w.must(err)
	w.db.SQL().SetMaxOpenConns(1)
	ctx, cancel := context.WithTimeout(w.ctx(), 20*time.Second)
	defer cancel()
	out, err := w.s.Try(ctx, w.boss, j.ID, w.person("Ming"), g, []journeys.Move{{Reply: true}})
	w.must(err)
	if len(out.Steps) != 1 || out.Steps[0].Message == nil || out.Steps[0].Message.Body != "7" {
		t.Errorf("%+v", out.Steps)
	}
}

func TestTrialsChangeNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := invite()
		g.Exit = tagged("out")
		j, err := w.s.Create(w.ctx(), w.boss, "Draft", g)
		w.must(err)
		ming := w.person("Ming")
		before := w.number("SELECT count(*) FROM events")
		run := func(moves ...journeys.Move) *journeys.Trial {
			t.Helper()
			out, err := w.s.Try(w.ctx(), w.boss, j.ID, ming, g, moves)
			w.must(err)
			return out
		}
		out := run(journeys.Move{Advance: "1h"}, journeys.Move{Advance: "1h"}, journeys.Move{Reply: true})
		var path string
		for _, p := range out.Steps {
			path += p.Node + ":" + p.Outcome + " "
		}
		if path != "pause:elapsed ask:would_send move:done answer:came " || out.Ended == nil || out.Steps[1].Message.Body != "Join us, Ming!" {
			t.Errorf("%s %+v", path, out)
		}
		out = run(journeys.Move{Advance: "4d"})
		if last := out.Steps[len(out.Steps)-1]; last.Node != "call" || last.Task == nil || last.Task.Title != "Call Ming" || !last.Task.DueAt.Equal(w.clk.Now().Add(73*time.Hour)) {
			t.Errorf("%+v", last)
		}
		out = run()
		if out.Waiting == nil || out.Waiting.Node != "pause" || !out.Waiting.Until.Equal(w.clk.Now().Add(time.Hour)) {
			t.Errorf("%+v", out)
		}
		g = onOrder(delay("d", "m", "1h"), message("m", "d", "Again"))
		if out = run(journeys.Move{Advance: "3650d"}, journeys.Move{Advance: "3650d"}); !out.Cut || len(out.Steps) > 201 {
			t.Errorf("a run of %d steps was not cut", len(out.Steps))
		}
		for _, table := range []string{"enrollments", "enrollment_steps", "sent", "todo", "stage_changes", "journey_signals"} {
			if n := w.number("SELECT count(*) FROM " + table); n != 0 {
				t.Errorf("%d rows of %s", n, table)
			}
		}
		if n := w.number("SELECT count(*) FROM events"); n != before {
			t.Errorf("%d events more", n-before)
		}
	})
}
