// Package journeys moves people through graphs: what starts a journey for
// somebody, where they stand, when they are let on, and what each step does. The
// row that moves a person and the rows of what the step does are one
// transaction (law 8).
package journeys

import (
	"context"
	_ "embed"
	"log/slog"
	"sync"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
	"github.com/fanward/fanward/segments/rule"
)

// Topic is hinted when somebody can be moved.
const Topic = "journeys"

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("journeys", queriesSQL)

// Person is what a step reads of a customer.
type Person struct {
	ID         ids.ID
	Name       string
	Label      string
	Locale     string
	Timezone   string
	Stage      string
	Tags       []string
	Attributes map[string]any
}

// Cause says which step of which journey does something.
type Cause struct {
	Journey    ids.ID
	Name       string // of the journey
	Version    ids.ID
	Node       string
	Enrollment ids.ID
	// Key is unique for the step: doing it twice under one key does it once.
	Key string
}

// People reads and changes customers.
type People interface {
	Person(q store.Querier, customer ids.ID) (Person, error)
	// SetAttributeTx sets an attribute; nil removes it.
	SetAttributeTx(tx *store.Tx, customer ids.ID, name string, value any) error
	TagTx(tx *store.Tx, customer ids.ID, add, remove []string, by Cause, now time.Time) error
	// MoveStageTx tells whether the stage has changed.
	MoveStageTx(tx *store.Tx, customer ids.ID, to string, forwardOnly bool, by Cause, now time.Time) (bool, error)
	// TrackTx stores an event of a customer; only a test run, which is undone,
	// asks for it.
	TrackTx(tx *store.Tx, customer ids.ID, name string, properties map[string]any, now time.Time) error
}

// Segments answers conditions.
type Segments interface {
	Match(q store.Querier, n rule.Node, customer ids.ID, at time.Time) (bool, error)
	// People lists whom a condition holds of, behind after, ascending.
	People(ctx context.Context, n rule.Node, after ids.ID, limit int) ([]ids.ID, error)
	// WatchTx keeps a condition's members under a name, in place of an earlier
	// condition; changes come to SegmentChangedTx.
	WatchTx(tx *store.Tx, owner string, n rule.Node) error
	UnwatchTx(tx *store.Tx, owner string) error
}

// Message is one that a step sends.
type Message struct {
	By       Cause
	Customer ids.ID
	Reach
	Purpose       channels.Purpose
	Subject, Body string
}

// Reach is how a person can be reached.
type Reach struct {
	Channel           string
	Account, Identity ids.ID
}

// Sender sends messages outside a conversation.
type Sender interface {
	// Reach finds the first of channels on which a customer can be reached;
	// reason, a code, says why on none.
	Reach(q store.Querier, customer ids.ID, chosen []string, purpose channels.Purpose, now time.Time) (r Reach, reason string, err error)
	SendTx(tx *store.Tx, m Message, now time.Time) (channels.Enqueued, error)
	// CancelTx ends a delivery that waits; one that is on its way it leaves alone.
	CancelTx(tx *store.Tx, delivery ids.ID, code string, now time.Time) error
}

// NewTask is one that a step makes.
type NewTask struct {
	By          Cause
	Customer    ids.ID
	Title, Note string
	DueAt       time.Time
	Assignee    flow.Assignee
}

// Tasks makes tasks.
type Tasks interface {
	CreateTaskTx(tx *store.Tx, t NewTask, now time.Time) (ids.ID, error)
}

// Rendering fills templates in.
type Rendering interface {
	Text(ctx context.Context, template string, vars map[string]any) (string, error)
}

// Checking says what a graph may name.
type Checking interface {
	// Options are the look-ups of this moment.
	Options(ctx context.Context) (flow.CheckOptions, error)
}

// Options are what a Service needs.
type Options struct {
	DB        *store.DB
	Clock     clock.Clock
	IDs       *ids.Source
	Customers *customers.Service
	// People are the Customers when nil.
	People   People
	Segments Segments
	Sender   Sender
	Tasks    Tasks
	Render   Rendering
	Check    Checking
	// Zone is the installation's; it counts where a person has none.
	Zone *time.Location
	Log  *slog.Logger
	// Audit keeps what teammates change; may be nil.
	Audit auth.Auditor
}

// Service keeps journeys and moves people through them. It is safe for
// concurrent use; Run may run in several processes on one PostgreSQL.
type Service struct {
	o   Options
	db  *store.DB
	clk clock.Clock
	ids *ids.Source

	flows    sync.Map // version → *flow.Flow
	interest interest
	telling  *telling
	changing sync.Mutex
}

// New returns a Service that hears of what customers do.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	s := &Service{o: o, db: o.DB, clk: o.Clock, ids: o.IDs, telling: newTelling()}
	if s.o.People == nil {
		s.o.People = PeopleOf(o.Customers)
	}
	o.Customers.OnMove(s.movedTx)
	o.Customers.OnPart(s.partedTx)
	o.Customers.OnTracked(s.trackedTx)
	o.Customers.OnStage(s.stagedTx)
	return s
}

// States of a journey.
const (
	Draft   = "draft"
	Live    = "live"
	Paused  = "paused"
	Stopped = "stopped"
)

// States of an enrollment.
const (
	Active    = "active"
	Completed = "completed"
	Exited    = "exited"
	ByGoal    = "goal"
	Failed    = "failed"
)

// Why an enrollment ended.
const (
	endReached    = "end"
	endExitNode   = "exit_node"
	endExitRule   = "exit_rule"
	endGoal       = "goal"
	endMerged     = "merged"
	endStopped    = "stopped"
	endPublished  = "new_version"
	endNodeGone   = "node_removed"
	endErased     = "erased"
	endUnreadable = "internal"
)

func missing(err error) error {
	if isNoRows(err) {
		return fault.Missing("journey")
	}
	return err
}
