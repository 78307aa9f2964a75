// Package inbox keeps conversations and their messages: what customers write,
// what teammates answer and note, who is responsible and who has read what.
//
// Every write is one transaction that stores the rows, the conversation's new
// state and the change-feed row (law 2). The order of messages is seq, given
// under the conversation's lock (law 4).
package inbox

import (
	_ "embed"
	"encoding/json"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/channels/allowance"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/files"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
)

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("inbox", queriesSQL)

// Status of a conversation.
type Status string

// The states of a conversation.
const (
	Open     Status = "open"
	Snoozed  Status = "snoozed"
	Resolved Status = "resolved"
)

// Directions of a message.
const (
	In       = "in"
	Out      = "out"
	Internal = "internal"
)

// Kinds of message.
const (
	KindText     = "text"
	KindNote     = "note"
	KindActivity = "activity"
)

// Kinds of author.
const (
	ByCustomer = "customer"
	ByTeammate = "teammate"
	BySystem   = "system"
)

// Conversation is one thread with a customer on one channel account.
type Conversation struct {
	ID               ids.ID        `json:"id"`
	Number           int64         `json:"number" doc:"Short number for people, unique"`
	Channel          string        `json:"channel"`
	AccountID        ids.ID        `json:"account_id"`
	Customer         customers.Ref `json:"customer"`
	IdentityID       ids.ID        `json:"identity_id"`
	Status           Status        `json:"status" enum:"open,snoozed,resolved"`
	AssigneeID       ids.ID        `json:"assignee_id" nullable:"true"`
	TeamID           ids.ID        `json:"team_id" nullable:"true"`
	SnoozedUntil     *time.Time    `json:"snoozed_until"`
	WaitingSince     *time.Time    `json:"waiting_since" doc:"Since when the customer waits for an answer"`
	LastInboundAt    *time.Time    `json:"last_inbound_at"`
	LastActivityAt   time.Time     `json:"last_activity_at"`
	ReplyWindowUntil *time.Time    `json:"reply_window_until" doc:"When the last reply window closes that was granted; null where replies are always allowed"`
	// Allowance is nil on channels that always allow a reply.
	Allowance       *allowance.State `json:"allowance" doc:"What may still be sent; null where replies are always allowed"`
	Subject         *string          `json:"subject" doc:"Of a mail; null on other channels"`
	Context         *Context         `json:"context" doc:"The message of a journey that the customer answered when the conversation last began"`
	LastSeq         int64            `json:"last_seq"`
	InboundCount    int64            `json:"inbound_count"`
	CustomerReadSeq int64            `json:"customer_read_seq"`
	LastMessage     *LastMessage     `json:"last_message"`
	Version         int64            `json:"version"`
	CreatedAt       time.Time        `json:"created_at"`
	// The caller's own read cursor; absent in changes, which everybody shares.
	ReadSeq          *int64 `json:"read_seq,omitempty"`
	ReadInboundCount *int64 `json:"read_inbound_count,omitempty"`

	agentReadSeq int64
	firstReplyAt int64
}

// LastMessage is what a list shows of the newest message.
type LastMessage struct {
	Seq        int64     `json:"seq"`
	Direction  string    `json:"direction"`
	Kind       string    `json:"kind"`
	Preview    string    `json:"preview"`
	AuthorName *string   `json:"author_name"`
	AuthorID   ids.ID    `json:"author_id" nullable:"true" doc:"Of the teammate or token that wrote it"`
	At         time.Time `json:"at"`
}

// Author of a message. Name is the name at the time of writing.
type Author struct {
	Kind string  `json:"kind" enum:"customer,teammate,system"`
	ID   ids.ID  `json:"id" nullable:"true"`
	Name *string `json:"name"`
}

// Activity is what happened to a conversation, told by a code of the catalogue.
type Activity struct {
	Code   string         `json:"code"`
	Params map[string]any `json:"params"`
}

// Message is one entry of a thread.
type Message struct {
	ID             ids.ID       `json:"id"`
	ConversationID ids.ID       `json:"conversation_id"`
	Seq            int64        `json:"seq"`
	Direction      string       `json:"direction" enum:"in,out,internal"`
	Kind           string       `json:"kind" enum:"text,note,activity"`
	Author         Author       `json:"author"`
	Body           string       `json:"body"`
	Activity       *Activity    `json:"activity"`
	Attachments    []Attachment `json:"attachments"`
	ClientKey      *string      `json:"client_key"`
	Delivery       *Delivery    `json:"delivery"`
	// Payload, Quoted and HTMLURL say of a customer's message what Body does not.
	Payload   json.RawMessage `json:"payload" doc:"What the text does not say, by its type: a location, a link, something unknown; null for plain messages"`
	Quoted    *string         `json:"quoted" doc:"The part of a mail that repeats earlier ones"`
	HTMLURL   *string         `json:"html_url" doc:"The mail as it was designed, sanitised, for a sandboxed frame; relative to the hub, signed, expires"`
	CreatedAt time.Time       `json:"created_at"`

	html bool
}

// Attachment is a file of a message. URL is signed and expires.
type Attachment struct {
	ID          ids.ID `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Width       *int64 `json:"width"`
	Height      *int64 `json:"height"`
	URL         string `json:"url" doc:"Relative to the hub; signed, expires"`
}

// Delivery is the fate of an outbound message.
type Delivery struct {
	ID        ids.ID  `json:"id"`
	State     string  `json:"state" enum:"queued,claimed,sending,sent,delivered,read,failed,unknown,cancelled"`
	Attempt   int64   `json:"attempt"`
	ErrorCode *string `json:"error_code"`
	// ErrorDetail is in the provider's words.
	ErrorDetail *string   `json:"error_detail" doc:"What the provider itself said, on one line; null when it said nothing"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Links signs the addresses under which attachments are served.
type Links interface {
	FileURL(attachment ids.ID) string
	HTMLURL(message ids.ID) string
}

// Outbox takes what goes out. EnqueueTx stores a delivery in the transaction
// that causes it.
type Outbox interface {
	EnqueueTx(tx *store.Tx, d channels.Enqueue) (channels.Enqueued, error)
	RetryTx(tx *store.Tx, id ids.ID, now time.Time) (channels.Enqueued, error)
	// ReadTx tells that an outreach was read that stands in a thread.
	ReadTx(tx *store.Tx, id ids.ID, now time.Time) error
}

// Inbox reads and writes conversations. It is safe for concurrent use.
type Inbox struct {
	db        *store.DB
	clk       clock.Clock
	ids       *ids.Source
	customers *customers.Service
	registry  *channels.Registry
	outbox    Outbox
	links     Links
	files     *files.Store
	maxBody   int
	numbers   *numbers
	listeners []Listener

	taskListeners []TaskChanged
}

// Options are what the inbox needs from the floors below.
type Options struct {
	DB        *store.DB
	Clock     clock.Clock
	IDs       *ids.Source
	Customers *customers.Service
	Registry  *channels.Registry
	Outbox    Outbox
	Links     Links
	Files     *files.Store
	// MaxBody is the longest message in characters, whatever a channel allows.
	MaxBody int
}

// New returns the inbox and registers it to follow moved identities.
func New(o Options) *Inbox {
	b := &Inbox{db: o.DB, clk: o.Clock, ids: o.IDs, customers: o.Customers, registry: o.Registry, outbox: o.Outbox, links: o.Links, files: o.Files, maxBody: o.MaxBody, numbers: &numbers{db: o.DB, patience: numberPatience}}
	o.Customers.OnMove(b.moveTx)
	o.Customers.OnPart(b.partTx)
	return b
}

// place is where a conversation stands: what decides who sees it.
type place struct {
	team, assignee ids.ID
	status         Status
}

func (c *Conversation) place() place { return place{c.TeamID, c.AssigneeID, c.Status} }

func optionalTime(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	t := clock.FromMillis(ms)
	return &t
}

func millisOf(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return clock.Millis(*t)
}

func optionalString(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Only plain structs of this package get here.
		panic("inbox: " + err.Error())
	}
	return b
}
