// Package segments keeps people sorted by what they do: definitions, who is in
// them at every instant, and why.
//
// Membership is exact (law 7). Whoever changes what a rule may read marks the
// person as touched in the same transaction; the evaluator answers, for everybody
// marked and everybody whose answer may change by time alone, every rule anew, and
// stores the difference in the transaction that takes the mark away.
package segments

import (
	"context"
	_ "embed"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/auth"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

//go:embed queries.sql
var queriesSQL string

var queries = store.Load("segments", queriesSQL)

// Options are what the segments work with. All but Machine, Auditor, Log and Lead are
// needed.
type Options struct {
	DB    *store.DB
	Clock clock.Clock
	// Machine tells the time by which nodes know of each other, which the sandbox
	// must not move; nil means this machine's.
	Machine   clock.Clock
	IDs       *ids.Source
	Customers *customers.Service
	Auditor   auth.Auditor
	Log       *slog.Logger
	// Lead tells whether this process is the one that does the work for now, so that
	// several do not do it several times; nil, or true in more than one of them,
	// costs work and nothing else. It is asked often.
	Lead func(ctx context.Context) bool
}

// Service keeps definitions and memberships. It is safe for concurrent use; one
// Run a process does the work, on PostgreSQL in as many processes as there are.
type Service struct {
	db        *store.DB
	clk       clock.Clock
	ids       *ids.Source
	customers *customers.Service
	auditor   auth.Auditor
	log       *slog.Logger
	hooks     []func(tx *store.Tx, c Change) error
	users     []Users

	// turn is held by whoever reads people in order to write what follows: on
	// SQLite nobody else evaluates meanwhile. On PostgreSQL locks do the same.
	turn sync.Mutex
	// cache holds the programs of the generation read last.
	cache atomic.Pointer[programs]
	names eventNames
	// at is where the evaluator goes on in the list of the touched.
	at ids.ID
	// round: somebody was found since the list was last begun.
	round bool
	// aside are people whose evaluation failed, until when.
	aside map[ids.ID]time.Time
	// fresh is when nothing was waiting for the last time, in milliseconds.
	fresh atomic.Int64
	sizes sizes
	// grown is how many times as long as at first the steps of builds are now.
	grown int
	// asking bounds how many counts over everybody run at once.
	asking chan struct{}
	quick  *quick
	lead   func(ctx context.Context) bool
	// machine tells when indexes of previews were renewed; swept is when they were
	// last looked through.
	machine clock.Clock
	swept   time.Time
}

// sizes are how many people are evaluated, and built, together.
// quick is how many customers there are before previews are answered from memory.
type sizes struct{ batch, chunk, quick int }

// New returns the segments; nothing is evaluated before Run.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		db: o.DB, clk: o.Clock, ids: o.IDs, customers: o.Customers, auditor: o.Auditor, log: o.Log,
		sizes: sizes{evaluateBatch, buildChunk, quickFrom}, aside: map[ids.ID]time.Time{}, asking: make(chan struct{}, maxAsking),
	}
	if s.machine = o.Machine; s.machine == nil {
		s.machine = clock.NewSystem()
	}
	s.quick = newQuick(s)
	if s.lead = o.Lead; s.lead == nil {
		s.lead = func(context.Context) bool { return true }
	}
	return s
}

// States of a segment.
const (
	// Building: its people are being gone through; who has been touched meanwhile
	// is right already, the others are as the definition before had them.
	Building = "building"
	// Ready: exact.
	Ready = "ready"
	// Failed: the rule cannot be evaluated; nobody enters or leaves.
	Failed = "failed"
)

// Segment is a definition as teammates see it.
type Segment struct {
	ID          ids.ID    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Rule        rule.Node `json:"rule"`
	State       string    `json:"state" enum:"building,ready,failed"`
	Progress    int       `json:"progress" doc:"Of the build, in percent; 100 when ready"`
	Size        int64     `json:"size" doc:"How many people are in it, exactly"`
	Version     int64     `json:"version" doc:"Send it back with a change"`
	UsedBy      []Use     `json:"used_by" doc:"What would break without it"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	FreshAt     time.Time `json:"fresh_at" doc:"Everything that happened by this instant is in it"`
}

// Use is what needs a segment.
type Use struct {
	Kind string `json:"kind" enum:"segment,journey,stage"`
	ID   string `json:"id" doc:"Of the segment or journey; the key of the stage"`
	Name string `json:"name"`
}

// Users lists what needs a segment, in another domain.
type Users func(q store.Querier, segment ids.ID) ([]Use, error)

// OnUse registers a domain that may need segments. Call it while the program
// starts.
func (s *Service) OnUse(u Users) { s.users = append(s.users, u) }

// Reasons of a Change.
const (
	// ByEvent: something they did, or that was done for them.
	ByEvent = "event"
	// ByTime: nothing but that time went by.
	ByTime = "time"
	// ByProfile: an attribute, tag, stage, consent or identity.
	ByProfile = "profile"
	// ByMerge: two records became one person, or two again.
	ByMerge = "merge"
	// ByErasure: what they did was erased.
	ByErasure = "erase"
	// ByDefinition: the segment means something else.
	ByDefinition = "definition"
)

// Change is somebody's entering or leaving.
type Change struct {
	Segment ids.ID
	// Owner is whose hidden segment it is, "" of those that teammates made.
	Owner    string
	Customer ids.ID
	Entered  bool
	Reason   string
	At       time.Time
	// Build is true when it follows from the definition, not from the person.
	Build bool
}

// OnChange registers who hears of every change, in the transaction that makes it.
// An error keeps the person as they were, and they are evaluated again. Call it
// while the program starts.
func (s *Service) OnChange(fn func(tx *store.Tx, c Change) error) { s.hooks = append(s.hooks, fn) }
