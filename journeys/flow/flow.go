// Package flow is the graph of a journey: what starts it, whom it takes, its
// nodes, and which node is next. It is pure: a graph is checked and stepped
// through, and nothing here reads a clock or a database.
package flow

import "github.com/fanward/fanward/segments/rule"

// Graph is one version of a journey in the form in which it is stored and sent.
type Graph struct {
	Trigger Trigger `json:"trigger"`
	Entry   Entry   `json:"entry"`
	// Exit ends an enrollment as soon as the rule becomes true.
	Exit *rule.Node `json:"exit,omitempty" doc:"Who matches leaves at once"`
	Goal *Goal      `json:"goal,omitempty"`
	// Start is the id of the first node; "" ends at once.
	Start string `json:"start,omitempty" doc:"The id of the first node"`
	Nodes []Node `json:"nodes"`
}

// TriggerKind says what starts a journey for somebody.
type TriggerKind string

// The triggers.
const (
	OnEvent        TriggerKind = "event"
	OnSegmentEnter TriggerKind = "segment_entered"
	OnSegmentLeave TriggerKind = "segment_left"
	OnStageChange  TriggerKind = "stage_changed"
	OnSchedule     TriggerKind = "schedule"
)

// Trigger starts the journey.
type Trigger struct {
	Kind  TriggerKind   `json:"kind" enum:"event,segment_entered,segment_left,stage_changed,schedule"`
	Event string        `json:"event,omitempty" doc:"The name of the event"`
	Where []rule.Filter `json:"where,omitempty" doc:"What its properties must be"`
	// Segment is the id of the segment that is entered or left.
	Segment string   `json:"segment,omitempty"`
	From    []string `json:"from,omitempty" doc:"Keys of the stages that are left; any when empty"`
	To      []string `json:"to,omitempty" doc:"Keys of the stages that are entered; any when empty"`
	// Cron has five fields: minute, hour, day of month, month, weekday.
	Cron     string     `json:"cron,omitempty"`
	Zone     string     `json:"zone,omitempty" doc:"IANA zone of the schedule; the installation's when empty"`
	Audience *rule.Node `json:"audience,omitempty" doc:"Whom a schedule takes"`
}

// Policies of entry.
const (
	// Once: nobody a second time.
	Once = "once"
	// AfterExit: again as soon as the last enrollment has ended.
	AfterExit = "after_exit"
	// Cooldown: again when Cooldown has passed since the last entry and it ended.
	Cooldown = "cooldown"
)

// Entry says who may start.
type Entry struct {
	Policy   string     `json:"policy" enum:"once,after_exit,cooldown"`
	Cooldown string     `json:"cooldown,omitempty" doc:"90m, 12h, 30d, 2w"`
	Rule     *rule.Node `json:"rule,omitempty" doc:"Only who matches at that moment enters"`
	// MaxLateness is how old an event may be and still start; 72h when empty.
	MaxLateness string `json:"max_lateness,omitempty"`
}

// Goal is what the journey is for: the first such event of an enrolled person
// within Within of their entry counts, also after they have left.
type Goal struct {
	Event  string        `json:"event"`
	Where  []rule.Filter `json:"where,omitempty"`
	Within string        `json:"within,omitempty" doc:"30d when empty; at most 90d"`
	// Exit ends the enrollment when the goal is reached.
	Exit bool `json:"exit,omitempty"`
}

// Kind says what a node does.
type Kind string

// The kinds of node.
const (
	Message   Kind = "message"
	Delay     Kind = "delay"
	Until     Kind = "until"
	Wait      Kind = "wait"
	Branch    Kind = "branch"
	Split     Kind = "split"
	Attribute Kind = "attribute"
	TagNode   Kind = "tag"
	Stage     Kind = "stage"
	Task      Kind = "task"
	Exit      Kind = "exit"
)

// Node is one step. Next is where it goes on; "" ends the journey.
type Node struct {
	ID   string `json:"id" doc:"Stable for the life of the journey; a-z, 0-9, _ and -"`
	Kind Kind   `json:"kind" enum:"message,delay,until,wait,branch,split,attribute,tag,stage,task,exit"`
	Name string `json:"name,omitempty" doc:"What people call it"`
	Next string `json:"next,omitempty"`
	// Else is where it goes when a wait times out, nobody can be reached by a
	// message, or no way of a branch is true.
	Else string `json:"else,omitempty"`

	Message   *MessageStep   `json:"message,omitempty"`
	Delay     *DelayStep     `json:"delay,omitempty"`
	Until     *UntilStep     `json:"until,omitempty"`
	Wait      *WaitStep      `json:"wait,omitempty"`
	Ways      []Way          `json:"ways,omitempty" doc:"Of a branch or split"`
	Attribute *AttributeStep `json:"attribute,omitempty"`
	Tag       *TagStep       `json:"tag,omitempty"`
	Stage     *StageStep     `json:"stage,omitempty"`
	Task      *TaskStep      `json:"task,omitempty"`
}

// MessageStep sends one message. Subject and Body are Liquid.
type MessageStep struct {
	// Channels are tried in order; the first on which the person can be reached
	// now is taken.
	Channels []string `json:"channels" doc:"wechat, email, webchat, in the order in which they are tried"`
	Purpose  string   `json:"purpose" enum:"marketing,transactional"`
	Subject  string   `json:"subject,omitempty" doc:"Of a mail; Liquid"`
	Body     string   `json:"body" doc:"Liquid"`
}

// DelayStep waits for a length of time.
type DelayStep struct {
	For string `json:"for" doc:"90m, 12h, 30d, 2w"`
}

// UntilStep waits for the next instant at which the wall clock of the zone shows
// At on one of Weekdays.
type UntilStep struct {
	At       string `json:"at" doc:"HH:MM"`
	Weekdays []int  `json:"weekdays,omitempty" doc:"1 Monday to 7 Sunday; every day when empty"`
	Zone     string `json:"zone,omitempty" doc:"IANA zone; the person's when empty"`
}

// WaitStep waits for an event or for an answer, at most For; Next when it came,
// Else when not.
type WaitStep struct {
	// Reply waits for any message of the person, instead of an event.
	Reply bool          `json:"reply,omitempty"`
	Event string        `json:"event,omitempty"`
	Where []rule.Filter `json:"where,omitempty"`
	For   string        `json:"for" doc:"90m, 12h, 30d, 2w"`
}

// Way is one way out of a branch or a split.
type Way struct {
	Name string `json:"name,omitempty"`
	// Rule of a branch's way; the first that is true is taken.
	Rule *rule.Node `json:"rule,omitempty"`
	// Percent of a split's way; together 100. Who goes where is fixed for a
	// person and node.
	Percent float64 `json:"percent,omitempty"`
	// Holdout marks the way of those who are only watched.
	Holdout bool   `json:"holdout,omitempty"`
	Next    string `json:"next,omitempty"`
}

// AttributeStep sets an attribute; null removes it. A text is Liquid.
type AttributeStep struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
}

// TagStep adds and removes tags.
type TagStep struct {
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// StageStep moves the person to a stage.
type StageStep struct {
	To string `json:"to" doc:"The key of the stage"`
	// ForwardOnly leaves those alone who stand further on.
	ForwardOnly bool `json:"forward_only,omitempty"`
}

// TaskStep makes a task. Title and Note are Liquid.
type TaskStep struct {
	Title    string   `json:"title"`
	Note     string   `json:"note,omitempty"`
	Due      string   `json:"due" doc:"How long after it is made: 90m, 12h, 30d, 2w"`
	Assignee Assignee `json:"assignee"`
}

// Assignee says who gets a task.
type Assignee struct {
	// Kind: "teammate" and "team" name one by ID; "conversation" is whoever has
	// the person's latest conversation, else nobody; "least" is the member of the
	// team ID, or any agent, with the fewest open tasks; "nobody".
	Kind string `json:"kind" enum:"teammate,team,conversation,least,nobody"`
	ID   string `json:"id,omitempty"`
}
