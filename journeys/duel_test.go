package journeys_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys"
	"github.com/fanward/fanward/journeys/flow"
)

// duel is a world and its reference, which live the same history.
type duel struct {
	*world
	r   *rand.Rand
	ref *reference
	js  []ids.ID
	// services are processes on the same rows.
	services []*journeys.Service
	log      []string
}

func newDuel(t *testing.T, engine store.Engine, seed uint64) *duel {
	d := &duel{world: newWorld(t, engine), r: rand.New(rand.NewPCG(seed, 7)), ref: &reference{zone: shanghai()}}
	d.services = []*journeys.Service{d.s}
	for range 1 + d.r.IntN(3) {
		g := randomGraph(d.r)
		id := d.publish(g)
		d.js = append(d.js, id)
		d.ref.journeys = append(d.ref.journeys, &refJourney{id: id.String(), graph: g, state: "live", open: []flow.Graph{g}})
	}
	for i := range 4 {
		name := "P" + strconv.Itoa(i)
		id := d.person(name)
		d.ref.people = append(d.ref.people, &refPerson{name: name, id: id.String(), tags: map[string]bool{}, outside: map[string]bool{}})
	}
	return d
}

func (d *duel) note(format string, args ...any) {
	d.log = append(d.log, d.clk.Now().In(shanghai()).Format("Mon 15:04:05 ")+fmt.Sprintf(format, args...))
}

// happen draws what happens next.
func (d *duel) happen() {
	p := pick(d.r, d.ref.people...)
	now := d.clk.Now()
	switch d.r.IntN(20) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		name := pick(d.r, "A", "A", "B", "B", "C", answer, answer)
		ago := pick(d.r, 0, 0, 0, 0, 0, 0, time.Minute, time.Hour, 25*time.Hour, 80*time.Hour)
		value := float64(d.r.IntN(100))
		d.note("%s does %s %v ago with %v", p.name, name, ago, value)
		d.did(p.name, name, map[string]any{"amount": value}, ago)
		if d.ref.listens(name) {
			p.mail = append(p.mail, refEvent{name: name, amount: value, at: now.Add(-ago), received: now})
		}
	case 8:
		name := pick(d.r, "t0", "t1", "t2", "gone")
		var add, remove []string
		if p.tags[name] {
			remove = []string{name}
			delete(p.tags, name)
		} else {
			add = []string{name}
			p.tags[name] = true
		}
		d.note("%s: +%v -%v", p.name, add, remove)
		_, err := d.customers.SetTags(d.ctx(), d.boss, d.person(p.name), add, remove)
		d.must(err)
		d.pump()
	case 9:
		to := pick(d.r, "lead", "member", "fan")
		if p.stage == to {
			return
		}
		d.note("%s moves to %s", p.name, to)
		_, err := d.customers.MoveStage(d.ctx(), d.boss, d.person(p.name), to, "")
		d.must(err)
		if d.ref.listens("stage") {
			p.mail = append(p.mail, refEvent{stage: [2]string{p.stage, to}, at: now, received: now})
		}
		p.stage = to
	case 10:
		i := d.r.IntN(len(d.js))
		j := d.ref.journeys[i]
		if j.state == "live" {
			if d.r.IntN(2) == 0 {
				return
			}
			d.note("journey %d pauses", i)
			_, err := d.s.Pause(d.ctx(), d.boss, d.js[i])
			d.must(err)
			j.state = "paused"
			return
		}
		d.note("journey %d goes on", i)
		_, err := d.s.Resume(d.ctx(), d.boss, d.js[i])
		d.must(err)
		j.state = "live"
		for _, p := range d.ref.people {
			var due []refEvent
			p.kept = slices.DeleteFunc(p.kept, func(e refEvent) bool {
				if e.only == j.id {
					due = append(due, e)
				}
				return e.only == j.id
			})
			// What was kept is older than what has come since.
			p.mail = append(due, p.mail...)
		}
	case 11:
		d.another()
	default:
		by := pick(d.r, time.Millisecond, time.Minute, 31*time.Minute, time.Hour, 6*time.Hour, 24*time.Hour, 50*time.Hour)
		d.clk.Advance(by)
		d.ref.now = d.clk.Now()
		d.note("%v later", by)
	}
}

// another publishes another version of a journey.
func (d *duel) another() {
	i := d.r.IntN(len(d.js))
	j := d.ref.journeys[i]
	g := randomGraph(d.r)
	if d.r.IntN(2) == 0 {
		// Much stays as it is.
		g.Nodes, g.Start = slices.Clone(j.graph.Nodes), j.graph.Start
		for k := range g.Nodes {
			if n := &g.Nodes[k]; n.Kind == flow.Delay {
				n.Delay = &flow.DelayStep{For: pick(d.r, lengths...)}
			}
		}
	}
	people := pick(d.r, journeys.PeopleFollow, journeys.PeopleFollow, journeys.PeopleFinish, journeys.PeopleExit)
	d.note("journey %d has a new version: %s", i, people)
	d.republish(d.js[i], g, people)
	j.graph = g
	if people == journeys.PeopleFinish {
		j.open = append(j.open, g)
		return
	}
	j.open = []flow.Graph{g}
	fate := refFate{}
	if people == journeys.PeopleFollow {
		fate.follow = &g
	}
	for _, p := range d.ref.people {
		for _, v := range p.visits {
			if v.journey == j && v.state == "active" {
				v.fates = append(v.fates, fate)
			}
		}
	}
}

// settle lets both sides do what can be done, with what follows from it.
func (d *duel) settle() {
	d.ref.now = d.clk.Now()
	for range 50 {
		d.work(d.services...)
		d.ref.work()
		if !d.pump() {
			return
		}
	}
	d.t.Fatal("it never settles")
}

// pump tells of everybody for whom an exit rule has become true, as segments do.
func (d *duel) pump() (told bool) {
	now := d.clk.Now()
	for _, p := range d.ref.people {
		c, err := d.customers.Get(d.ctx(), d.person(p.name))
		d.must(err)
		for i, j := range d.ref.journeys {
			if j.graph.Exit == nil {
				continue
			}
			in := slices.Contains(c.Tags, j.graph.Exit.Name)
			if in != p.is(j.graph.Exit.Name) {
				d.t.Fatalf("%s: tags %v and %s", p.name, c.Tags, p.tagList())
			}
			if in && !p.outside[j.id] {
				told = true
				d.write(func(tx *store.Tx) error {
					return d.s.SegmentChangedTx(tx, journeys.SegmentChange{Segment: 1, Owner: "journey:" + d.js[i].String() + ":exit", Customer: c.ID, Entered: true, At: now})
				})
				p.mail = append(p.mail, refEvent{exit: j.id, at: now, received: now})
			}
			p.outside[j.id] = in
		}
	}
	return told
}

// compare holds the rows to the reference.
func (d *duel) compare() {
	d.t.Helper()
	for _, p := range d.ref.people {
		for i, j := range d.ref.journeys {
			if got, want := d.story(d.js[i], p.name), p.story(j); got != want {
				d.t.Errorf("journey %d: %s went\n  %s\nand the reference\n  %s", i, p.name, got, want)
			}
		}
		c, err := d.customers.Get(d.ctx(), d.person(p.name))
		d.must(err)
		plan, _ := c.Attributes["plan"].(string)
		at := ""
		if c.Stage != nil {
			at = c.Stage.Key
		}
		tags := slices.Clone(c.Tags)
		sort.Strings(tags)
		if strings.Join(tags, ",") != p.tagList() || plan != p.plan || at != p.stage {
			d.t.Errorf("%s: tags %v, plan %q, stage %q; the reference has %s, %q, %q", p.name, tags, plan, at, p.tagList(), p.plan, p.stage)
		}
		sent := d.lines("SELECT c.name || ' ' || s.node || ': ' || s.body FROM sent s JOIN customers c ON c.id = s.customer WHERE s.customer = ?", c.ID)
		todo := d.lines("SELECT title FROM todo WHERE customer = ?", c.ID)
		want := slices.Clone(p.sent)
		sort.Strings(sent)
		sort.Strings(want)
		sort.Strings(todo)
		tasks := slices.Clone(p.tasks)
		sort.Strings(tasks)
		if !slices.Equal(sent, want) || !slices.Equal(todo, tasks) {
			d.t.Errorf("%s got %q and %q; the reference sent %q and made %q", p.name, sent, todo, want, tasks)
		}
	}
	if d.t.Failed() {
		for i, j := range d.ref.journeys {
			d.t.Logf("journey %d: trigger %+v entry %+v exit %+v goal %+v", i, j.graph.Trigger, j.graph.Entry, j.graph.Exit, j.graph.Goal)
			for _, n := range j.graph.Nodes {
				d.t.Logf("  %s %s next %q else %q ways %+v delay %v until %+v wait %+v tag %+v stage %+v", n.ID, n.Kind, n.Next, n.Else, n.Ways, n.Delay, n.Until, n.Wait, n.Tag, n.Stage)
			}
		}
		d.t.Fatalf("history:\n%s", strings.Join(d.log, "\n"))
	}
}

// story is path with goals and holdouts.
func (d *duel) story(journey ids.ID, name string) string {
	d.t.Helper()
	list, err := d.s.Enrollments(d.ctx(), journeys.Filter{Journey: journey, Customer: d.person(name), Limit: 1000})
	d.must(err)
	slices.Reverse(list)
	var out []string
	for i, line := range strings.Split(d.path(journey, name), " | ") {
		if i < len(list) {
			if list[i].GoalAt != nil {
				line += " goal"
			}
			if list[i].Holdout {
				line += " holdout"
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, " | ")
}
