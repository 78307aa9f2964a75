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
	graph          flow.Graph // of the version they are in
	fates          []refFate  // that have not been brought about
	followed       int        // how many steps were taken in older versions
	state, reason  string
	node           string
	entered, wakes time.Time
	started, ended time.Time
	goal           time.Time
	holdout        bool
	path           []string
	pending        int
}

// refFate is what a new version means for those who are in an older one.
type refFate struct {
	follow *flow.Graph // nil: they leave
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
	id    string
	graph flow.Graph
	state string
	// open are the versions that somebody may be in for good.
	open []flow.Graph
}

type reference struct {
	now      time.Time
	zone     *time.Location
	journeys []*refJourney
	people   []*refPerson
}

func refNode(g *flow.Graph, id string) *flow.Node {
	for i := range g.Nodes {
		if g.Nodes[i].ID == id {
			return &g.Nodes[i]
		}
	}
	return nil
}

func (v *refVisit) at(id string) *flow.Node { return refNode(&v.graph, id) }

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
	return slices.ContainsFunc(r.journeys, func(j *refJourney) bool {
		return slices.ContainsFunc(j.open, func(g flow.Graph) bool {
			if g.Trigger.Kind == flow.OnStageChange && name == "stage" || g.Trigger.Event == name || g.Goal != nil && g.Goal.Event == name {
				return true
			}
			return slices.ContainsFunc(g.Nodes, func(n flow.Node) bool {
				return n.Wait != nil && (n.Wait.Event == name || n.Wait.Reply && name == answer)
			})
		})
	})
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
	for _, v := range p.visits {
		r.migrate(p, v)
	}
	for _, v := range p.visits {
		r.run(p, v)
	}
	for {
		if len(p.mail) > 0 {
			e := p.mail[0]
			p.mail = p.mail[1:]
			r.hear(p, e)
			continue
		}
		i := slices.IndexFunc(p.visits, func(v *refVisit) bool {
			return v.state == "active" && v.journey.state == "live" && v.pending == 0 && !v.wakes.After(r.now)
		})
		if i < 0 {
			return
		}
		v := p.visits[i]
		n := v.at(v.node)
		if n.Kind == flow.Wait {
			r.leave(p, v, "timeout", n.Else)
		} else {
			r.leave(p, v, "elapsed", n.Next)
		}
		r.run(p, v)
	}
}

// migrate brings somebody to where the versions published since want them.
func (r *reference) migrate(p *refPerson, v *refVisit) {
	for _, fate := range v.fates {
		if v.state != "active" {
			break
		}
		if fate.follow == nil {
			r.close(v, "exited", "new_version", "exited")
			break
		}
		old := v.graph
		v.graph = *fate.follow
		n := v.at(v.node)
		if n == nil {
			r.replace(p, v, &old)
			continue
		}
		v.followed = len(v.path)
		switch {
		case n.Kind != flow.Delay && n.Kind != flow.Until && n.Kind != flow.Wait:
			v.pending = 1
		default:
			v.pending = 1 // what they wait for counts from when they came
			r.run(p, v)
		}
	}
	v.fates = nil
}

// replace finds a new place for somebody whose node is gone: as long as only one
// way leads on, the next node that is still there.
func (r *reference) replace(p *refPerson, v *refVisit, old *flow.Graph) {
	seen := map[string]bool{}
	for id := v.node; !seen[id]; {
		seen[id] = true
		n := refNode(old, id)
		ways := []string{n.Next}
		switch n.Kind {
		case flow.Exit:
			ways = []string{""}
		case flow.Wait:
			ways = append(ways, n.Else)
		case flow.Message:
			if n.Else != "" {
				ways = append(ways, n.Else)
			}
		case flow.Branch, flow.Split:
			ways = nil
			for _, w := range n.Ways {
				ways = append(ways, w.Next)
			}
			if n.Kind == flow.Branch {
				ways = append(ways, n.Else)
			}
		}
		slices.Sort(ways)
		if ways = slices.Compact(ways); len(ways) > 1 {
			break
		}
		if id = ways[0]; id == "" || v.at(id) != nil {
			r.leave(p, v, "removed", id)
			v.followed = len(v.path)
			if v.state != "active" {
				v.reason = "node_removed"
			} else if k := v.at(id).Kind; k == flow.Delay || k == flow.Until || k == flow.Wait {
				r.run(p, v)
			}
			return
		}
	}
	r.close(v, "exited", "node_removed", "removed")
}

// had tells whether somebody who follows a version has had a step in an older
// one and cannot come to it again in a circle.
func (v *refVisit) had(n *flow.Node) bool {
	for _, done := range v.path[:v.followed] {
		node, outcome, _ := strings.Cut(done, ":")
		if node == n.ID && !slices.Contains([]string{"passed", "failed", "unreachable", "removed"}, outcome) {
			return !v.circle(n.ID)
		}
	}
	return false
}

func (v *refVisit) circle(id string) bool {
	seen := map[string]bool{}
	var walk func(from string) bool
	walk = func(from string) bool {
		n := v.at(from)
		if n == nil || seen[from] {
			return false
		}
		seen[from] = true
		outs := []string{n.Next, n.Else}
		for _, w := range n.Ways {
			outs = append(outs, w.Next)
		}
		for _, out := range outs {
			if out == id || walk(out) {
				return true
			}
		}
		return false
	}
	return walk(id)
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
			fresh = append(fresh, &refVisit{journey: j, graph: j.graph, state: "active", node: j.graph.Start, started: r.now, entered: r.now, pending: 1})
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
	often := 0
	for _, v := range append(slices.Clone(p.visits), fresh...) {
		if v.journey != j {
			continue
		}
		if r.now.Sub(v.started) < time.Hour {
			often++
		}
		if v.state == "active" || j.graph.Entry.Policy == flow.Once ||
			j.graph.Entry.Policy == flow.Cooldown && r.now.Before(v.started.Add(refLength(j.graph.Entry.Cooldown))) {
			return false
		}
	}
	if often >= 20 {
		return false
	}
	if rule := j.graph.Entry.Rule; rule != nil && !p.is(rule.Name) {
		return false
	}
	return j.graph.Exit == nil || !p.is(j.graph.Exit.Name)
}

func (r *reference) onTheWay(p *refPerson, v *refVisit, e refEvent, missed map[*refJourney]bool) {
	if g := v.graph.Goal; g != nil && v.goal.IsZero() && g.Event == e.name && !e.at.Before(v.started) && !e.at.After(v.started.Add(refLength(g.Within))) {
		v.goal = e.at
		if g.Exit && v.state == "active" {
			r.close(v, "goal", "goal", "goal")
		}
	}
	if v.state != "active" || v.pending > 0 {
		return
	}
	n := v.at(v.node)
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
		n := v.at(v.node)
		if waits := n.Kind == flow.Delay || n.Kind == flow.Until || n.Kind == flow.Wait; !waits && v.journey.state != "live" {
			return
		}
		if (n.Kind == flow.Message || n.Kind == flow.Task) && v.had(n) {
			r.leave(p, v, "passed", n.Next)
			continue
		}
		switch n.Kind {
		case flow.Delay:
			v.wakes, v.pending = v.entered.Add(refLength(n.Delay.For)), 0
		case flow.Wait:
			v.wakes, v.pending = v.entered.Add(refLength(n.Wait.For)), 0
		case flow.Until:
			v.wakes, v.pending = r.until(v.entered, n.Until), 0
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
func (r *reference) until(from time.Time, u *flow.UntilStep) time.Time {
	for t := from.Truncate(time.Minute).Add(time.Minute); ; t = t.Add(time.Minute) {
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
