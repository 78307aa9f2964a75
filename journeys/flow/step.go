package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/segments/rule"
)

// Defaults of what a graph may leave out.
const (
	DefaultLateness = 72 * time.Hour
	DefaultGoal     = 30 * 24 * time.Hour
)

// Flow is a graph made ready to be stepped through. It is immutable.
type Flow struct {
	Graph Graph
	nodes map[string]*Node
	loops map[string]bool
}

// Compile indexes a graph; of two nodes with one id the first counts. It takes
// drafts, too: a way that leads to no node ends the journey.
func Compile(g Graph) *Flow {
	f := &Flow{Graph: g, nodes: make(map[string]*Node, len(g.Nodes)), loops: map[string]bool{}}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; f.nodes[n.ID] == nil {
			f.nodes[n.ID] = n
		}
	}
	for id := range f.nodes {
		f.loops[id] = f.leadsBack(id)
	}
	return f
}

// Node is the node with an id; nil when there is none.
func (f *Flow) Node(id string) *Node { return f.nodes[id] }

// Loops tells whether somebody can come to a node more than once.
func (f *Flow) Loops(id string) bool { return f.loops[id] }

func (f *Flow) leadsBack(id string) bool {
	seen := map[string]bool{}
	pending := f.nodes[id].Outs()
	for len(pending) > 0 {
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if next == id {
			return true
		}
		if n := f.nodes[next]; n != nil && !seen[next] {
			seen[next] = true
			pending = append(pending, n.Outs()...)
		}
	}
	return false
}

// Outs are the ids that a node leads to, "" left out.
func (n *Node) Outs() []string {
	var all []string
	switch n.Kind {
	case Exit:
	case Branch, Split:
		for _, w := range n.Ways {
			all = append(all, w.Next)
		}
		if n.Kind == Branch {
			all = append(all, n.Else)
		}
	case Wait, Message:
		all = []string{n.Next, n.Else}
	default:
		all = []string{n.Next}
	}
	out := all[:0]
	for _, id := range all {
		if id != "" {
			out = append(out, id)
		}
	}
	return out
}

// Waits tells whether people stay at the node until something happens.
func (n *Node) Waits() bool { return n.Kind == Delay || n.Kind == Until || n.Kind == Wait }

// Due is when somebody who came to a waiting node at entered is let on by time
// alone; zone is the person's. It is entered itself when the step cannot be read.
func (n *Node) Due(entered time.Time, zone *time.Location) time.Time {
	switch {
	case n.Kind == Delay && n.Delay != nil:
		return entered.Add(length(n.Delay.For, 0))
	case n.Kind == Wait && n.Wait != nil:
		return entered.Add(length(n.Wait.For, 0))
	case n.Kind == Until && n.Until != nil:
		if n.Until.Zone != "" {
			if named, err := Zone(n.Until.Zone); err == nil {
				zone = named
			}
		}
		return n.Until.after(entered, zone)
	}
	return entered
}

// after is the first instant after t at which the wall clock of zone shows At on
// one of Weekdays. What the clock skips comes when it jumps, what it repeats
// only the first time.
func (u *UntilStep) after(t time.Time, zone *time.Location) time.Time {
	hour, minute, ok := ClockTime(u.At)
	if !ok {
		return t
	}
	day := clock.Civil(t, zone).Truncate(24 * time.Hour).Add(-24 * time.Hour)
	// Two weeks: a weekday comes within one, and a zone may have skipped a day.
	for range 16 {
		at := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
		if when := clock.Instant(at, zone); u.on(at.Weekday()) && when.After(t) {
			return when
		}
		day = day.Add(24 * time.Hour)
	}
	return t
}

func (u *UntilStep) on(day time.Weekday) bool {
	if len(u.Weekdays) == 0 {
		return true
	}
	for _, d := range u.Weekdays {
		if d%7 == int(day) {
			return true
		}
	}
	return false
}

// ClockTime reads "HH:MM".
func ClockTime(s string) (hour, minute int, ok bool) {
	h, m, found := strings.Cut(s, ":")
	if !found || len(h) != 2 || len(m) != 2 {
		return 0, 0, false
	}
	hour, err1 := strconv.Atoi(h)
	minute, err2 := strconv.Atoi(m)
	return hour, minute, err1 == nil && err2 == nil && hour >= 0 && hour < 24 && minute >= 0 && minute < 60
}

// Zone reads an IANA zone; the machine's own is none.
func Zone(name string) (*time.Location, error) {
	if name == "Local" {
		name = "./Local" // refused by the look-up
	}
	return time.LoadLocation(name)
}

func length(s string, otherwise time.Duration) time.Duration {
	if d, ok := rule.Duration(s); ok {
		return d
	}
	return otherwise
}

// Lateness is how old what starts the journey may be.
func (e Entry) Lateness() time.Duration { return length(e.MaxLateness, DefaultLateness) }

// Pause is how long after an entry the next one may come; 0 unless the policy is
// Cooldown.
func (e Entry) Pause() time.Duration {
	if e.Policy != Cooldown {
		return 0
	}
	return length(e.Cooldown, 0)
}

// Length is how long after their entry an event of somebody counts.
func (g Goal) Length() time.Duration { return length(g.Within, DefaultGoal) }

// Length is after how long a task is due.
func (t TaskStep) Length() time.Duration { return length(t.Due, 0) }

// percentUnits is how many parts a split knows: percent with four decimals.
const percentUnits = 1_000_000

func units(percent float64) int64 { return int64(math.Round(percent * percentUnits / 100)) }

// Way is the way of a split that a person takes. It is the same whenever and
// however often it is asked, and independent of every other node and journey.
func (n *Node) Way(journey, customer string) int {
	sum := sha256.Sum256([]byte(journey + "\n" + n.ID + "\n" + customer))
	at := int64(binary.BigEndian.Uint64(sum[:8]) % percentUnits)
	for i, w := range n.Ways {
		if at -= units(w.Percent); at < 0 {
			return i
		}
	}
	return len(n.Ways) - 1
}

// Moved says where somebody who stands at a node of one version stands in the
// next one.
type Moved struct {
	// Node is "" at the end.
	Node string
	// Stays is true when it is the same node.
	Stays bool
	// Gone is true when the node was removed and nothing says where to go on.
	Gone bool
}

// Follow finds the place of somebody at a node of the old version in f: the same
// node, or the next one behind it that is still there as long as only one leads
// on.
func (f *Flow) Follow(old *Flow, node string) Moved {
	if f.nodes[node] != nil {
		return Moved{Node: node, Stays: true}
	}
	for seen := map[string]bool{}; !seen[node]; {
		seen[node] = true
		n := old.nodes[node]
		if n == nil {
			break
		}
		next, only := n.successor()
		if !only {
			break
		}
		if next == "" || f.nodes[next] != nil {
			return Moved{Node: next}
		}
		node = next
	}
	return Moved{Gone: true}
}

// successor is where everybody goes from a node, if they all go to one place.
func (n *Node) successor() (next string, only bool) {
	switch n.Kind {
	case Exit:
		return "", true
	case Branch, Split:
		if len(n.Ways) == 0 {
			return "", false
		}
		next = n.Ways[0].Next
		for _, w := range n.Ways {
			if w.Next != next {
				return "", false
			}
		}
		return next, n.Kind == Split || n.Else == next
	case Wait:
		return n.Next, n.Next == n.Else
	case Message:
		return n.Next, n.Else == "" || n.Else == n.Next
	}
	return n.Next, true
}

// Unreached is where somebody goes whom a message cannot reach.
func (n *Node) Unreached() string {
	if n.Else != "" {
		return n.Else
	}
	return n.Next
}

// Rules are the conditions of a graph with their fields, those of nodes below
// the node's id.
func (g *Graph) Rules() []Placed {
	var out []Placed
	add := func(node, field string, r *rule.Node) {
		if r != nil {
			out = append(out, Placed{Node: node, Field: field, Rule: *r})
		}
	}
	add("", "trigger.audience", g.Trigger.Audience)
	add("", "entry.rule", g.Entry.Rule)
	add("", "exit", g.Exit)
	for i := range g.Nodes {
		for w := range g.Nodes[i].Ways {
			add(g.Nodes[i].ID, "ways["+strconv.Itoa(w)+"].rule", g.Nodes[i].Ways[w].Rule)
		}
	}
	return out
}

// Placed is a condition and where it stands.
type Placed struct {
	Node, Field string
	Rule        rule.Node
}

// Events are the names of the events that a graph listens to.
func (g *Graph) Events() []string {
	seen := map[string]bool{}
	var out []string
	add := func(name string) {
		if name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	if g.Trigger.Kind == OnEvent {
		add(g.Trigger.Event)
	}
	if g.Goal != nil {
		add(g.Goal.Event)
	}
	for _, n := range g.Nodes {
		if n.Kind == Wait && n.Wait != nil {
			add(n.Wait.Listens())
		}
	}
	return out
}

// Answered is the event that a message of a person leaves.
const Answered = "Message Received"

// Listens is the name of the event that ends the wait.
func (w *WaitStep) Listens() string {
	if w.Reply {
		return Answered
	}
	return w.Event
}

// Names tells whether a graph needs a segment.
func (g *Graph) Names(segment string) bool {
	if t := g.Trigger; (t.Kind == OnSegmentEnter || t.Kind == OnSegmentLeave) && t.Segment == segment {
		return true
	}
	for _, p := range g.Rules() {
		if names(p.Rule, segment) {
			return true
		}
	}
	return false
}

func names(n rule.Node, segment string) bool {
	if n.Kind == rule.Segment && n.ID == segment {
		return true
	}
	for _, below := range n.Of {
		if names(below, segment) {
			return true
		}
	}
	return false
}
