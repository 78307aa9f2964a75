package flow

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/text"
)

const (
	maxAttributeText = 1000
	maxAttributeList = 100
)

func (c *checker) checkNode(n *Node) {
	if text.Length(n.Name) > maxName {
		c.add("name", "too_long", fault.Params{"max": maxName})
	}
	c.leads("next", n.Next)
	c.leads("else", n.Else)
	switch n.Kind {
	case Message:
		need(c, "message", n.Message, c.message)
	case Delay:
		need(c, "delay", n.Delay, func(s *DelayStep) { c.length("delay.for", s.For, maxLength) })
	case Until:
		need(c, "until", n.Until, c.until)
	case Wait:
		need(c, "wait", n.Wait, c.wait)
	case Branch:
		c.branch(n)
	case Split:
		c.split(n)
	case Attribute:
		need(c, "attribute", n.Attribute, c.attribute)
	case TagNode:
		need(c, "tag", n.Tag, c.tags)
	case Stage:
		need(c, "stage", n.Stage, func(s *StageStep) {
			if c.named("stage.to", s.To) {
				c.known("stage.to", s.To, "stage_unknown", "stage", c.o.Stage)
			}
		})
	case Task:
		need(c, "task", n.Task, c.task)
	case Exit:
	default:
		c.choice("kind", string(n.Kind), "message", "delay", "until", "wait", "branch", "split", "attribute", "tag", "stage", "task", "exit")
	}
}

// need checks the part that a kind of node has to have.
func need[T any](c *checker, field string, part *T, check func(*T)) {
	if part == nil {
		c.add(field, "required", nil)
		return
	}
	check(part)
}

func (c *checker) message(m *MessageStep) {
	c.choice("message.purpose", m.Purpose, "marketing", "transactional")
	if len(m.Channels) == 0 {
		c.add("message.channels", "required", nil)
	}
	for i, channel := range m.Channels {
		if c.o.Channels != nil && !slices.Contains(c.o.Channels, channel) {
			c.add(fmt.Sprintf("message.channels[%d]", i), "unknown_channel", fault.Params{"channel": text.Preview(channel, 40)})
		}
	}
	c.template("message.subject", m.Subject, slices.Contains(m.Channels, "email"))
	c.template("message.body", m.Body, true)
}

func (c *checker) until(u *UntilStep) {
	if _, _, ok := ClockTime(u.At); !ok {
		c.add("until.at", "time_invalid", fault.Params{"value": text.Preview(u.At, 20)})
	}
	for i, d := range u.Weekdays {
		if d < 1 || d > 7 {
			c.add(fmt.Sprintf("until.weekdays[%d]", i), "weekday_invalid", nil)
		}
	}
	c.zone("until.zone", u.Zone)
}

func (c *checker) wait(w *WaitStep) {
	if w.Reply {
		if w.Event != "" || len(w.Where) > 0 {
			c.add("wait.event", "not_together", fault.Params{"other": "wait.reply"})
		}
	} else {
		c.event("wait.event", w.Event)
		c.filters("wait.where", w.Where)
	}
	c.length("wait.for", w.For, maxLength)
}

func (c *checker) ways(n *Node) bool {
	if len(n.Ways) == 0 {
		c.add("ways", "ways_missing", nil)
		return false
	}
	if len(n.Ways) > maxWays {
		c.add("ways", "too_many", fault.Params{"max": maxWays})
	}
	for i, w := range n.Ways {
		field := fmt.Sprintf("ways[%d]", i)
		c.leads(field+".next", w.Next)
		if text.Length(w.Name) > maxName {
			c.add(field+".name", "too_long", fault.Params{"max": maxName})
		}
	}
	return true
}

func (c *checker) branch(n *Node) {
	if !c.ways(n) {
		return
	}
	same := true
	for i, w := range n.Ways {
		field := fmt.Sprintf("ways[%d]", i)
		if w.Rule == nil {
			c.add(field+".rule", "required", nil)
		} else {
			c.rule(field+".rule", *w.Rule)
		}
		if w.Percent != 0 || w.Holdout {
			c.add(field+".percent", "not_together", fault.Params{"other": field + ".rule"})
		}
		same = same && w.Next == n.Else
	}
	if same {
		c.warn("ways", "ways_same", nil)
	}
}

func (c *checker) split(n *Node) {
	if !c.ways(n) {
		return
	}
	var sum int64
	for i, w := range n.Ways {
		field := fmt.Sprintf("ways[%d]", i)
		if w.Rule != nil {
			c.add(field+".rule", "not_together", fault.Params{"other": field + ".percent"})
		}
		if math.IsNaN(w.Percent) || w.Percent < 0 || w.Percent > 100 {
			c.add(field+".percent", "percent_invalid", nil)
			continue
		}
		if w.Percent == 0 {
			c.warn(field+".percent", "way_unused", nil)
		}
		if w.Holdout {
			c.holdout(field+".next", w.Next)
		}
		sum += units(w.Percent)
	}
	if sum != percentUnits {
		c.add("ways", "percent_sum", fault.Params{"sum": float64(sum) / (percentUnits / 100)})
	}
}

// holdout warns where those who are only watched would be written to or called.
func (c *checker) holdout(field, next string) {
	for id := range c.from(next) {
		if kind := c.flow.Node(id).Kind; kind == Message || kind == Task {
			c.warn(field, "holdout_reached", nil)
			return
		}
	}
}

func (c *checker) attribute(a *AttributeStep) {
	if c.named("attribute.name", a.Name) && (text.CleanLine(a.Name) != a.Name || text.Length(a.Name) > 64 || strings.HasPrefix(a.Name, "$")) {
		c.add("attribute.name", "attribute_name_invalid", fault.Params{"name": text.Preview(a.Name, 64)})
	}
	switch v := a.Value.(type) {
	case nil, bool, float64, json.Number:
	case string:
		if text.Length(v) > maxAttributeText {
			c.add("attribute.value", "too_long", fault.Params{"max": maxAttributeText})
		} else {
			c.template("attribute.value", v, false)
		}
	case []any:
		if len(v) > maxAttributeList {
			c.add("attribute.value", "too_many", fault.Params{"max": maxAttributeList})
		} else if slices.ContainsFunc(v, func(item any) bool { return !attributeScalar(item) }) {
			c.add("attribute.value", "attribute_value_invalid", nil)
		}
	default:
		c.add("attribute.value", "attribute_value_invalid", nil)
	}
}

// attributeScalar tells whether a value may stand in the list of an attribute; no
// template is filled there.
func attributeScalar(item any) bool {
	switch v := item.(type) {
	case bool, float64, json.Number:
		return true
	case string:
		return text.Length(v) <= maxAttributeText
	}
	return false
}

func (c *checker) tags(t *TagStep) {
	if len(t.Add)+len(t.Remove) == 0 {
		c.add("tag.add", "required", nil)
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"tag.add", t.Add}, {"tag.remove", t.Remove}} {
		if len(list.names) > maxTags {
			c.add(list.field, "too_many", fault.Params{"max": maxTags})
		}
		for i, name := range list.names {
			field := fmt.Sprintf("%s[%d]", list.field, i)
			switch {
			case text.CleanLine(name) == "":
				c.add(field, "required", nil)
			case text.Length(name) > 64:
				c.add(field, "too_long", fault.Params{"max": 64})
			case list.field == "tag.remove" && slices.Contains(t.Add, name):
				c.add(field, "not_together", fault.Params{"other": "tag.add"})
			}
		}
	}
}

func (c *checker) task(t *TaskStep) {
	c.template("task.title", t.Title, true)
	c.template("task.note", t.Note, false)
	c.length("task.due", t.Due, maxLength)
	const id = "task.assignee.id"
	switch t.Assignee.Kind {
	case "teammate":
		if c.named(id, t.Assignee.ID) {
			c.known(id, t.Assignee.ID, "teammate_unknown", "id", c.o.Teammate)
		}
	case "team":
		if c.named(id, t.Assignee.ID) {
			c.known(id, t.Assignee.ID, "team_unknown", "id", c.o.Team)
		}
	case "least":
		if t.Assignee.ID != "" {
			c.known(id, t.Assignee.ID, "team_unknown", "id", c.o.Team)
		}
	case "conversation", "nobody":
	default:
		c.choice("task.assignee.kind", t.Assignee.Kind, "teammate", "team", "conversation", "least", "nobody")
	}
}
