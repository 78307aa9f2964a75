// Package rule is the one language of conditions on a customer: segments,
// branches of journeys, exits, goals and the rules of stages are trees of it.
// It is pure: a tree is checked, matched against one person, or made into SQL,
// and nothing here reads a clock or a database.
package rule

import "encoding/json"

// Kind says what a node of a tree is.
type Kind string

// The kinds. The first three are groups of other nodes.
const (
	// All is true when every node below is; a group without nodes is true.
	All Kind = "all"
	// Any is true when at least one node below is; a group without nodes is false.
	Any Kind = "any"
	// None is true when no node below is.
	None Kind = "none"
	// Attribute compares the attribute Name, or a built-in one: "$name",
	// "$locale", "$timezone", "$created_at", "$last_seen_at".
	Attribute Kind = "attribute"
	// Tag is true of who has the tag Name.
	Tag Kind = "tag"
	// Stage is true of who stands in one of the stages Values (their keys), when
	// Duration is given for at least so long.
	Stage Kind = "stage"
	// Events compares how often the event Name happened within Window, or what
	// Property of it sums up to. An event counts from its instant on: one with a
	// date in the future has not happened.
	Events Kind = "event"
	// Time compares when the event Name happened for the first or the last time;
	// false of whom it never happened to.
	Time Kind = "time"
	// Dormant is true of who has not been seen for at least Duration; who was
	// never seen counts from their creation.
	Dormant Kind = "dormant"
	// Segment is true of the members of the segment ID.
	Segment Kind = "segment"
	// Reachable is true of whom a message with Purpose can reach now on Channel.
	Reachable Kind = "reachable"
)

// Op compares.
type Op string

// The comparisons. Texts are compared folded. A value of another type is never
// equal, less or more. The negative ones are exact complements: they hold of who
// has no value at all.
const (
	Equals    Op = "equals"
	NotEquals Op = "not_equals"
	In        Op = "in"     // one of Values
	NotIn     Op = "not_in" // none of Values
	// Contains: a text within a text, or one of the values of a list.
	Contains    Op = "contains"
	NotContains Op = "not_contains"
	StartsWith  Op = "starts_with"
	EndsWith    Op = "ends_with"
	Exists      Op = "exists"
	NotExists   Op = "not_exists"
	AtLeast     Op = "at_least"
	MoreThan    Op = "more_than"
	AtMost      Op = "at_most"
	LessThan    Op = "less_than"
	// Before and After compare instants with Value (RFC 3339).
	Before Op = "before"
	After  Op = "after"
	// WithinLast: t − Duration < instant ≤ t.
	WithinLast Op = "within_last"
	// MoreThanAgo: instant ≤ t − Duration.
	MoreThanAgo Op = "more_than_ago"
	// WithinNext: t < instant ≤ t + Duration.
	WithinNext Op = "within_next"
)

// Measures of an event leaf.
const (
	Count = "count"
	// Sum adds up the numbers that Property has; other events add nothing.
	Sum = "sum"
)

// Which of the events a time leaf is about.
const (
	First = "first"
	Last  = "last"
)

// Node is a node of a tree in the form in which it is stored and sent. Which
// fields a kind has is said beside the kinds; others are refused by Check.
type Node struct {
	Kind Kind   `json:"kind" enum:"all,any,none,attribute,tag,stage,event,time,dormant,segment,reachable"`
	Of   []Node `json:"of,omitempty" doc:"The nodes of a group"`

	Name string `json:"name,omitempty" doc:"Of the attribute, tag or event"`
	Op   Op     `json:"op,omitempty" doc:"How it is compared"`
	// Value is a string, number or boolean.
	Value  any   `json:"value,omitempty" doc:"A text, number, boolean or instant (RFC 3339)"`
	Values []any `json:"values,omitempty" doc:"Of in and not_in; the keys of stages"`

	Where    []Filter `json:"where,omitempty" doc:"What the properties of the event must be"`
	Measure  string   `json:"measure,omitempty" enum:"count,sum" doc:"count when absent"`
	Property string   `json:"property,omitempty" doc:"What is summed up"`
	Window   *Window  `json:"window,omitempty" doc:"Ever when absent"`
	Which    string   `json:"which,omitempty" enum:"first,last"`
	Duration string   `json:"duration,omitempty" doc:"90m, 12h, 30d, 2w"`

	ID      string `json:"id,omitempty" doc:"Of the segment"`
	Channel string `json:"channel,omitempty" doc:"wechat, email, webchat or any"`
	Purpose string `json:"purpose,omitempty" enum:"marketing,transactional" doc:"marketing when absent"`
}

// Filter is a condition on a property of an event; nested properties are named
// with dots.
type Filter struct {
	Property string `json:"property"`
	Op       Op     `json:"op"`
	Value    any    `json:"value,omitempty"`
	Values   []any  `json:"values,omitempty"`
	Duration string `json:"duration,omitempty"`
}

// Window is when an event counts: Last, or From and To, either of which may be
// left open.
type Window struct {
	// Last is a length: t − Last < at ≤ t.
	Last string `json:"last,omitempty" doc:"90m, 12h, 30d, 2w"`
	From string `json:"from,omitempty" doc:"At or after this instant (RFC 3339)"`
	To   string `json:"to,omitempty" doc:"Before this instant (RFC 3339)"`
}

// Parse reads a tree; unknown fields are refused. It does not Check it.
func Parse(raw json.RawMessage) (Node, error) { return parse(raw) }
