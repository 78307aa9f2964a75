package journeys_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/fanward/fanward/journeys/flow"
)

// The reference interpreter: journeys as a person would carry them out with
// pencil and paper, one person after the other, nothing in rows, nothing in
// batches. It knows the form of a graph and nothing else of the house.

type refEvent struct {
	name         string
	amount       float64
	at, received time.Time
	stage        [2]string // of a move between stages
	exit         string    // the journey whose exit rule has become true
	only         string    // a paused journey that has kept it
}

type refVisit struct {
	journey        *refJourney
	state, reason  string
	node           string
	entered, wakes time.Time
	started, ended time.Time
	goal           time.Time
	holdout        bool
	path           []string
	pending        int
}

type refPerson struct {
	name, id string
	tags     map[string]bool
	plan     string
	stage    string
	mail     []refEvent
	kept     []refEvent
	visits   []*refVisit
	outside  map[string]bool // journeys whose exit rule holds
	sent     []string
	tasks    []string
}

type refJourney struct {
	id     string
	graph  flow.Graph
	state  string
	events map[string]bool
}

type reference struct {
	now      time.Time
	zone     *time.Location
	journeys []*refJourney
	people   []*refPerson
}

func (j *refJourney) node(id string) *flow.Node {
	for i := range j.graph.Nodes {
		if j.graph.Nodes[i].ID == id {
			return &j.graph.Nodes[i]
		}
	}
	return nil
}

func refLength(s string) time.Duration {
	var n int
	var unit string
	if _, err := fmt.Sscanf(s, "%d%s", &n, &unit); err != nil {
		panic(s)
	}
	return time.Duration(n) * map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 168 * time.Hour}[unit]
}

// listens tells whether any journey keeps an ear open for an event.
func (r *reference) listens(name string) bool {
	return slices.ContainsFunc(r.journeys, func(j *refJourney) bool { return j.state != "stopped" && j.events[name] })
}

var refRank = map[string]int{"": -1, "lapsed": 0, "target": 1, "lead": 2, "customer": 3, "member": 4, "fan": 5}

func (p *refPerson) matches(n flow.Way) bool { return n.Rule == nil || p.is(n.Rule.Name) }

// is answers the conditions that the random graphs have: a tag, or "not:" a tag.
func (p *refPerson) is(name string) bool { return p.tags[name] }

// work does everything that can be done at this instant.
func (r *reference) work() {
	for _, p := range r.people {
		r.workOff(p)
	}
}

func (r *reference) workOff(p *refPerson) {
	for {
		if len(p.mail) > 0 {
			e := p.mail[0]
			p.mail = p.mail[1:]
			r.hear(p, e)
			continue
		}
		i := slices.IndexFunc(p.visits, func(v *refVisit) bool {
			return v.state == "active" && v.journey.state == "live" && !v.wakes.After(r.now)
		})
		if i < 0 {
			return
		}
		v := p.visits[i]
		n := v.journey.node(v.node)
		if n.Kind == flow.Wait {
			r.leave(p, v, "timeout", n.Else)
		} else {
			r.leave(p, v, "elapsed", n.Next)
		}
		r.run(p, v)
	}
}

func (r *reference) close(v *refVisit, state, reason, outcome string) {
	v.path = append(v.path, v.node+":"+outcome)
	v.state, v.reason, v.ended = state, reason, r.now
}

func (r *reference) leave(p *refPerson, v *refVisit, outcome, next string) {
	v.path = append(v.path, v.node+":"+outcome)
	if next == "" {
		v.state, v.reason, v.ended = "completed", "end", r.now
		return
	}
	v.node, v.entered, v.pending = next, r.now, 1
}

func (r *reference) hear(p *refPerson, e refEvent) {
	if e.exit != "" {
		for _, v := range p.visits {
			if v.state == "active" && v.journey.id == e.exit {
				r.close(v, "exited", "exit_rule", "exited")
			}
		}
		return
	}
	missed := map[*refJourney]bool{}
	if e.name != "" {
		for _, v := range p.visits {
			if e.only == "" || e.only == v.journey.id {
				r.onTheWay(p, v, e, missed)
			}
		}
	}
	var fresh []*refVisit
	for _, j := range r.journeys {
		if j.state != "live" && j.state != "paused" || e.only != "" && e.only != j.id {
			continue
		}
		starts := r.starts(j, e)
		if j.state == "paused" {
			if starts || missed[j] {
				kept := e
				kept.only = j.id
				p.kept = append(p.kept, kept)
			}
			continue
		}
		if starts && r.may(p, j, e.at, fresh) {
			fresh = append(fresh, &refVisit{journey: j, state: "active", node: j.graph.Start, started: r.now, entered: r.now, pending: 1})
		}
	}
	p.visits = append(p.visits, fresh...)
	for _, v := range p.visits {
		r.run(p, v)
	}
}

func (r *reference) starts(j *refJourney, e refEvent) bool {
	t := j.graph.Trigger
	switch t.Kind {
	case flow.OnEvent:
		return e.name == t.Event && (len(t.Where) == 0 || e.amount >= t.Where[0].Value.(float64))
	case flow.OnStageChange:
		return e.name == "" && e.exit == "" && (len(t.To) == 0 || slices.Contains(t.To, e.stage[1]))
	}
	return false
}

func (r *reference) may(p *refPerson, j *refJourney, at time.Time, fresh []*refVisit) bool {
	late := 72 * time.Hour
	if s := j.graph.Entry.MaxLateness; s != "" {
		late = refLength(s)
	}
	if r.now.Sub(at) > late {
		return false
	}
	for _, v := range append(slices.Clone(p.visits), fresh...) {
		if v.journey != j {
			continue
		}
		if v.state == "active" || j.graph.Entry.Policy == flow.Once ||
			j.graph.Entry.Policy == flow.Cooldown && r.now.Before(v.started.Add(refLength(j.graph.Entry.Cooldown))) {
			return false
		}
	}
	if rule := j.graph.Entry.Rule; rule != nil && !p.is(rule.Name) {
		return false
	}
	return j.graph.Exit == nil || !p.is(j.graph.Exit.Name)
}

func (r *reference) onTheWay(p *refPerson, v *refVisit, e refEvent, missed map[*refJourney]bool) {
	if g := v.journey.graph.Goal; g != nil && v.goal.IsZero() && g.Event == e.name && !e.at.Before(v.started) && !e.at.After(v.started.Add(refLength(g.Within))) {
		v.goal = e.at
		if g.Exit && v.state == "active" {
			r.close(v, "goal", "goal", "goal")
		}
	}
	if v.state != "active" || v.pending > 0 {
		return
	}
	n := v.journey.node(v.node)
	if n.Kind != flow.Wait {
		return
	}
	name := n.Wait.Event
	if n.Wait.Reply {
		name = answer
	}
	if name != e.name || e.at.Before(v.entered) || !e.at.Before(v.wakes) || !e.received.Before(v.wakes) || len(n.Wait.Where) > 0 && e.amount < n.Wait.Where[0].Value.(float64) {
		return
	}
	if v.journey.state != "live" {
		missed[v.journey] = true
		return
	}
	r.leave(p, v, "came", n.Next)
}

// run goes on until somebody waits or has ended.
func (r *reference) run(p *refPerson, v *refVisit) {
	for v.state == "active" && v.pending > 0 {
		n := v.journey.node(v.node)
		switch n.Kind {
		case flow.Delay:
			v.wakes, v.pending = r.now.Add(refLength(n.Delay.For)), 0
		case flow.Wait:
			v.wakes, v.pending = r.now.Add(refLength(n.Wait.For)), 0
		case flow.Until:
			v.wakes, v.pending = r.until(n.Until), 0
		case flow.Message:
			if p.tags["gone"] {
				next := n.Else
				if next == "" {
					next = n.Next
				}
				r.leave(p, v, "unreachable", next)
				continue
			}
			p.sent = append(p.sent, fmt.Sprintf("%s %s: %s", p.name, n.ID, strings.ReplaceAll(n.Message.Body, "{{ customer.name }}", p.name)))
			r.leave(p, v, "queued", n.Next)
		case flow.Task:
			p.tasks = append(p.tasks, n.Task.Title)
			r.leave(p, v, "done", n.Next)
		case flow.Branch:
			outcome, next := "else", n.Else
			for i, way := range n.Ways {
				if p.matches(way) {
					outcome, next = fmt.Sprintf("way_%d", i), way.Next
					break
				}
			}
			r.leave(p, v, outcome, next)
		case flow.Split:
			i := refWay(v.journey.id, n, p.id)
			v.holdout = v.holdout || n.Ways[i].Holdout
			r.leave(p, v, fmt.Sprintf("way_%d", i), n.Ways[i].Next)
		case flow.TagNode:
			for _, t := range n.Tag.Remove {
				delete(p.tags, t)
			}
			for _, t := range n.Tag.Add {
				p.tags[t] = true
			}
			r.leave(p, v, "done", n.Next)
		case flow.Attribute:
			p.plan = n.Attribute.Value.(string)
			r.leave(p, v, "done", n.Next)
		case flow.Stage:
			if p.stage == n.Stage.To || n.Stage.ForwardOnly && refRank[n.Stage.To] <= refRank[p.stage] {
				r.leave(p, v, "unchanged", n.Next)
				continue
			}
			if r.listens("stage") {
				p.mail = append(p.mail, refEvent{stage: [2]string{p.stage, n.Stage.To}, at: r.now, received: r.now})
			}
			p.stage = n.Stage.To
			r.leave(p, v, "done", n.Next)
		case flow.Exit:
			r.leave(p, v, "done", "")
			v.reason = "exit_node"
		}
	}
}

// until looks at the clock on the wall minute by minute.
func (r *reference) until(u *flow.UntilStep) time.Time {
	for t := r.now.Truncate(time.Minute).Add(time.Minute); ; t = t.Add(time.Minute) {
		l := t.In(r.zone)
		day := (int(l.Weekday())+6)%7 + 1
		if l.Format("15:04") == u.At && (len(u.Weekdays) == 0 || slices.Contains(u.Weekdays, day)) {
			return t
		}
	}
}

func refWay(journey string, n *flow.Node, customer string) int {
	sum := sha256.Sum256([]byte(journey + "\n" + n.ID + "\n" + customer))
	at := float64(binary.BigEndian.Uint64(sum[:8])%1_000_000) / 10_000 // percent
	upTo := 0.0
	for i, w := range n.Ways {
		if upTo += w.Percent; at < upTo-1e-9 {
			return i
		}
	}
	return len(n.Ways) - 1
}

func (p *refPerson) story(j *refJourney) string {
	var out []string
	for _, v := range p.visits {
		if v.journey != j {
			continue
		}
		line := strings.Join(append(slices.Clone(v.path), ""), " ")
		if v.state == "active" {
			line += "@" + v.node
		} else {
			line += v.state + "(" + v.reason + ")"
		}
		if !v.goal.IsZero() {
			line += " goal"
		}
		if v.holdout {
			line += " holdout"
		}
		out = append(out, line)
	}
	return strings.Join(out, " | ")
}

func (p *refPerson) tagList() string {
	var list []string
	for t := range p.tags {
		list = append(list, t)
	}
	sort.Strings(list)
	return strings.Join(list, ",")
}
