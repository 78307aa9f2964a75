package journeys_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
)

func TestPublishing(t *testing.T) {
	old := func() flow.Graph {
		return onOrder(message("hello", "d", "Hello"), delay("d", "x", "2h"), delay("x", "bye", "1h"), message("bye", "", "Bye"))
	}
	cases := []struct {
		name   string
		next   flow.Graph
		people string
		at     time.Duration // after the entry, when the new version is published
		soon   string        // right after it
		end    string        // a day later
	}{
		{"a shortened delay is over at once", onOrder(message("hello", "d", "Hello"), delay("d", "bye", "30m"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued d:elapsed bye:queued completed(end)", "hello:queued d:elapsed bye:queued completed(end)"},
		{"a lengthened one lasts", onOrder(message("hello", "d", "Hello"), delay("d", "bye", "30h"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued @d", "hello:queued @d"},
		{"a removed node: on to the next one", onOrder(message("hello", "x", "Hello"), delay("x", "bye", "1h"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued d:removed @x", "hello:queued d:removed x:elapsed bye:queued completed(end)"},
		{"of two removed nodes to what is behind both", onOrder(message("hello", "bye", "Hello"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued d:removed bye:queued completed(end)", "hello:queued d:removed bye:queued completed(end)"},
		{"nothing of it is left", onOrder(message("other", "", "?")), journeys.PeopleFollow, time.Hour,
			"hello:queued d:removed completed(node_removed)", "hello:queued d:removed completed(node_removed)"},
		{"what somebody has had is not sent again", onOrder(delay("d", "hello", "2h"), message("hello", "bye", "Hello"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued @d", "hello:queued d:elapsed hello:passed bye:queued completed(end)"},
		{"a delay has become a message", onOrder(message("hello", "d", "Hello"), message("d", "bye", "Now"), message("bye", "", "Bye")), journeys.PeopleFollow, time.Hour,
			"hello:queued d:queued bye:queued completed(end)", "hello:queued d:queued bye:queued completed(end)"},
		{"finish the old one", onOrder(message("other", "", "?")), journeys.PeopleFinish, time.Hour,
			"hello:queued @d", "hello:queued d:elapsed x:elapsed bye:queued completed(end)"},
		{"leave", onOrder(message("hello", "d", "Hello"), delay("d", "bye", "30m"), message("bye", "", "Bye")), journeys.PeopleExit, time.Hour,
			"hello:queued d:exited exited(new_version)", "hello:queued d:exited exited(new_version)"},
	}
	each(t, func(t *testing.T, w *world) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				w.t = t
				j := w.publish(old())
				name := c.name
				w.did(name, "Order Completed", nil, 0)
				w.work()
				w.later(c.at)
				w.republish(j, c.next, c.people)
				w.work()
				w.expect(j, name, c.soon)
				for range 6 {
					w.later(time.Hour)
				}
				w.expect(j, name, c.end)
				_, err := w.s.Stop(w.ctx(), w.boss, j)
				w.must(err)
				w.work()
			})
		}
	})
}

// A way out that depends on something leads nowhere when its node is gone.
func TestAWayThatIsNotTheOnlyOneIsNotTaken(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(reply("w", "yes", "no", "1d"), tag("yes", "", "yes"), tag("no", "", "no")))
		w.did("Ming", "Order Completed", nil, 0)
		w.work()
		w.republish(j, onOrder(tag("yes", "no", "yes"), tag("no", "", "no")), journeys.PeopleFollow)
		w.work()
		w.expect(j, "Ming", "w:removed exited(node_removed)")
		w.same(w.lines("SELECT t.name FROM customer_tags c JOIN tags t ON t.id = c.tag_id"))
	})
}

func TestPauseKeepsWhatHappens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		g := onOrder(delay("d", "w", "1h"), reply("w", "yes", "no", "1d"), tag("yes", "", "yes"), tag("no", "", "no"))
		g.Exit = tagged("out")
		j := w.publish(g)
		pause := func() { _, err := w.s.Pause(w.ctx(), w.boss, j); w.must(err) }
		resume := func() { _, err := w.s.Resume(w.ctx(), w.boss, j); w.must(err); w.work() }
		for _, name := range []string{"delayed", "answering", "silent", "leaving"} {
			w.did(name, "Order Completed", nil, 0)
		}
		w.work()
		pause()
		w.later(2 * time.Hour)
		w.expect(j, "delayed", "@d")
		resume()
		w.expect(j, "delayed", "d:elapsed @w")
		pause()
		w.clk.Advance(time.Hour)
		w.did("answering", answer, nil, 0)
		w.did("new", "Order Completed", nil, 0)
		w.work()
		w.write(func(tx *store.Tx) error {
			return w.s.SegmentChangedTx(tx, journeys.SegmentChange{Owner: "journey:" + j.String() + ":exit", Customer: w.person("leaving"), Entered: true, At: w.clk.Now()})
		})
		w.work()
		w.expect(j, "answering", "d:elapsed @w")
		w.expect(j, "new", "")
		w.expect(j, "leaving", "d:elapsed w:exited exited(exit_rule)")
		w.later(30 * time.Hour)
		w.expect(j, "silent", "d:elapsed @w")
		resume()
		w.expect(j, "answering", "d:elapsed w:came yes:done completed(end)")
		w.expect(j, "silent", "d:elapsed w:timeout no:done completed(end)")
		w.expect(j, "new", "@d")
		if n := w.number("SELECT count(*) FROM journey_signals"); n != 0 {
			t.Errorf("%d signals are left", n)
		}
	})
}

func TestStop(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		j := w.publish(onOrder(delay("d", "", "1h")))
		for i := range 300 {
			w.did(string(rune('a'+i%26))+string(rune('a'+i/26)), "Order Completed", nil, 0)
		}
		w.work()
		_, err := w.s.Stop(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		if n := w.number("SELECT count(*) FROM enrollments WHERE state = 'exited' AND end_reason = 'stopped'"); n != 300 {
			t.Errorf("%d of 300 have left", n)
		}
		w.did("aa", "Order Completed", nil, 0)
		w.later(2 * time.Hour)
		w.expect(j, "aa", "d:exited exited(stopped)")
		if n := w.number("SELECT count(*) FROM journey_interests"); n != 0 {
			t.Errorf("it still listens to %d things", n)
		}
		// It can begin anew, and be deleted when it is stopped again.
		_, err = w.s.Publish(w.ctx(), w.boss, j, journeys.PeopleFollow, 0)
		w.must(err)
		w.did("aa", "Order Completed", nil, 0)
		w.work()
		w.expect(j, "aa", "d:exited exited(stopped) | @d")
		if err := w.s.Delete(w.ctx(), w.boss, j); fault.CodeOf(err) != "journey_state" {
			t.Errorf("deleted while it is live: %v", err)
		}
		_, err = w.s.Stop(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		w.must(w.s.Delete(w.ctx(), w.boss, j))
		for _, table := range []string{"journeys", "journey_versions", "enrollments", "enrollment_steps", "journey_signals"} {
			if n := w.number("SELECT count(*) FROM " + table); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
	})
}

// scheduled is every morning at nine in Shanghai, for who has the tag vip.
func scheduled() flow.Graph {
	return flow.Graph{Trigger: flow.Trigger{Kind: flow.OnSchedule, Cron: "0 9 * * *", Audience: tagged("vip")}, Entry: flow.Entry{Policy: flow.AfterExit},
		Start: "d", Nodes: []flow.Node{delay("d", "m", "1h"), message("m", "", "Morning")}}
}

func TestSchedules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const many = 250 // more than two pages
		for i := range many {
			name := string(rune('a'+i%26)) + string(rune('a'+i/26))
			w.person(name)
			_, err := w.customers.SetTags(w.ctx(), w.boss, w.person(name), []string{"vip"}, nil)
			w.must(err)
		}
		w.person("plain")
		j := w.publish(scheduled())
		count := func(want int64) {
			t.Helper()
			if n := w.number("SELECT count(*) FROM enrollments"); n != want {
				t.Errorf("%d have entered, want %d", n, want)
			}
		}
		w.work()
		count(0) // it is ten o'clock
		w.later(22*time.Hour + 59*time.Minute)
		count(0)
		// A process takes one page and ends; another one goes on.
		w.clk.Advance(time.Minute)
		for range 2 {
			_, err := w.s.Work(w.ctx())
			w.must(err)
		}
		if n := w.number("SELECT count(*) FROM enrollments"); n == 0 || n == many {
			t.Errorf("%d have entered in between", n)
		}
		next := w.service(w.customers)
		w.work(next)
		count(many)
		w.expect(j, "plain", "")
		w.work(next, w.s)
		count(many)
		// Days of downtime are caught up once.
		w.clk.Advance(time.Hour)
		w.work()
		w.clk.Advance(73 * time.Hour)
		w.work()
		count(2 * many)
		// A pause is not caught up.
		_, err := w.s.Pause(w.ctx(), w.boss, j)
		w.must(err)
		w.later(48 * time.Hour)
		_, err = w.s.Resume(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		count(2 * many)
		w.later(24 * time.Hour)
		count(3 * many)
		if n := w.number("SELECT count(*) FROM journey_ticks WHERE NOT done"); n != 0 {
			t.Errorf("%d ticks are open", n)
		}
	})
}

// A journey that is paused while a schedule asks whom it takes asks them when it
// goes on.
func TestAPauseInAScheduleLosesNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, name := range []string{"Ming", "Hong", "Lin"} {
			_, err := w.customers.SetTags(w.ctx(), w.boss, w.person(name), []string{"vip"}, nil)
			w.must(err)
		}
		j := w.publish(scheduled())
		w.asked = func(everybody bool) {
			w.asked = nil
			_, err := w.s.Pause(w.ctx(), w.boss, j)
			w.must(err)
		}
		w.later(23 * time.Hour)
		if n := w.number("SELECT count(*) FROM enrollments"); n != 0 || w.asked != nil {
			t.Fatalf("%d have entered a paused journey", n)
		}
		_, err := w.s.Resume(w.ctx(), w.boss, j)
		w.must(err)
		w.work()
		if n := w.number("SELECT count(*) FROM enrollments"); n != 3 {
			t.Errorf("%d have entered, want 3", n)
		}
	})
}

// Somebody who becomes part of another person while a schedule asks is not
// counted. On PostgreSQL they are asked under their locks.
func TestAMergeInASchedule(t *testing.T) {
	w := newWorld(t, store.SQLite)
	for _, name := range []string{"Ming", "Hong", "Lin"} {
		_, err := w.customers.SetTags(w.ctx(), w.boss, w.person(name), []string{"vip"}, nil)
		w.must(err)
	}
	g := scheduled()
	g.Entry.Rule = tagged("vip")
	j := w.publish(g)
	all := false
	w.asked = func(everybody bool) {
		switch {
		case everybody:
			all = true
		case all && w.number("SELECT count(*) FROM merges") == 0 && w.number("SELECT count(*) FROM journey_ticks") == 1:
			w.merge("Ming", "Lin")
		}
	}
	w.later(23 * time.Hour)
	w.expect(j, "Hong", "@d")
	w.expect(j, "Ming", "@d")
	if n, let := w.number("SELECT count(*) FROM enrollments"), w.number("SELECT entered FROM journey_ticks"); n != 2 || let != n {
		t.Errorf("%d have entered, %d are counted", n, let)
	}
}

// The clock on the wall decides, whatever it does.
func TestSchedulesThroughTheYear(t *testing.T) {
	w := newWorld(t, store.SQLite)
	w.clk = clock.NewFake(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC))
	w.s = w.service(w.customers)
	w.person("Ming")
	_, err := w.customers.SetTags(w.ctx(), w.boss, w.person("Ming"), []string{"vip"}, nil)
	w.must(err)
	g := scheduled()
	g.Trigger.Cron, g.Trigger.Zone = "30 2 * * *", "Europe/Berlin"
	g.Nodes = []flow.Node{tag("d", "", "woken")}
	w.publish(g)
	var fired []string
	for range 3 * 24 * 4 {
		w.later(15 * time.Minute)
		for int64(len(fired)) < w.number("SELECT count(*) FROM enrollments") {
			fired = append(fired, w.clk.Now().Format("02T15:04"))
		}
	}
	w.same(fired, "29T01:00", "30T00:30", "31T00:30")
	w.clk.Advance(time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC).Sub(w.clk.Now()))
	w.work()
	fired = nil
	before := w.number("SELECT count(*) FROM enrollments")
	for range 2 * 24 * 4 {
		w.later(15 * time.Minute)
		for int64(len(fired)) < w.number("SELECT count(*) FROM enrollments")-before {
			fired = append(fired, w.clk.Now().Format("02T15:04"))
		}
	}
	w.same(fired, "25T00:30", "26T01:30")
}

// Several nodes look at the clock at the same moment: a schedule fires once, and
// everybody is let in once.
func TestSchedulesOnSeveralNodes(t *testing.T) {
	w := newWorld(t, store.Postgres)
	const people = 120
	for i := range people {
		_, err := w.customers.SetTags(w.ctx(), w.boss, w.person(fmt.Sprint("p", i)), []string{"vip"}, nil)
		w.must(err)
	}
	w.publish(scheduled())
	w.clk.Advance(23 * time.Hour)
	var nodes sync.WaitGroup
	for range 3 {
		s := w.service(w.customers)
		nodes.Go(func() {
			for {
				wait, err := s.Work(w.ctx())
				if err != nil {
					t.Error(err)
					return
				}
				if wait > 100*time.Millisecond { // nothing is left, nor in another's hands
					return
				}
			}
		})
	}
	nodes.Wait()
	if n := w.number("SELECT count(*) FROM journey_ticks"); n != 1 {
		t.Errorf("the schedule has fired %d times", n)
	}
	if n := w.number("SELECT count(*) FROM enrollments"); n != people {
		t.Errorf("%d have entered, want %d", n, people)
	}
}
