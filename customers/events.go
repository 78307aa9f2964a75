package customers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// The house's own event names.
const (
	EventMessageReceived     = "Message Received"
	EventAutomaticReceived   = "Automatic Message Received" // no person wrote it: an absence, a bounce
	EventConversationOpened  = "Conversation Opened"
	EventConversationClosed  = "Conversation Resolved"
	EventPageViewed          = "Page Viewed"
	EventCustomerIdentified  = "Customer Identified"
	EventConversationReplied = "Reply Sent"
	EventMessageSent         = "Message Sent" // a journey's; answers are EventConversationReplied
	EventMessageDelivered    = "Message Delivered"
	EventMessageRead         = "Message Read"
	EventMessageFailed       = "Message Failed"
	EventMessageUnknown      = "Message Unknown" // nobody knows whether it arrived
	EventIdentityErased      = "Identity Erased" // what came through one identity was removed
	EventStageChanged        = "Stage Changed"
	EventTagsChanged         = "Tags Changed"
	EventTaskCreated         = "Task Created"
	EventTaskCompleted       = "Task Completed"
)

// Event is one thing a customer did, or that was done for them.
type Event struct {
	ID         ids.ID          `json:"id"`
	CustomerID ids.ID          `json:"customer_id"`
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties"`
	At         time.Time       `json:"at"`
	ReceivedAt time.Time       `json:"received_at"`
}

// Track describes an event to store.
type Track struct {
	Customer   ids.ID
	Identity   ids.ID // through which it came; 0 = the customer's first
	Name       string
	At         time.Time
	Properties map[string]any
	// Imported says that it is told for the record: it counts, and starts nothing.
	Imported bool
	// Context is what a tracking call says beside the properties; may be nil.
	Context map[string]any
}

// Tracked is an event that has just been stored.
type Tracked struct {
	Event      ids.ID
	Customer   ids.ID // whose it is, whatever Track said
	Identity   ids.ID
	Name       string
	At         time.Time
	ReceivedAt time.Time
	Properties map[string]any // as JSON is read, numbers perhaps as json.Number
	Facts      rule.Facts
	Imported   bool
}

// OnTracked registers a listener that is called in the transaction of every
// event. Call it while the program starts.
func (s *Service) OnTracked(fn func(tx *store.Tx, e Tracked) error) {
	s.tracked = append(s.tracked, fn)
}

var (
	qEventName   = queries.Get("event-name")
	qInternName  = queries.Get("intern-event-name")
	qInsertEvent = queries.Get("insert-event")

	qInsertContext = queries.Get("insert-event-context")

	qFirstIdentity = queries.Get("first-identity")
)

var houseEvents = []string{EventMessageReceived, EventAutomaticReceived, EventConversationOpened, EventConversationClosed, EventPageViewed, EventCustomerIdentified, EventConversationReplied,
	EventMessageSent, EventMessageDelivered, EventMessageRead, EventMessageFailed, EventMessageUnknown, EventIdentityErased,
	EventStageChanged, EventTagsChanged, EventTaskCreated, EventTaskCompleted}

// ReservedEvent tells whether a name is the house's own, which nobody outside may
// say. A page may be told of by anybody.
func ReservedEvent(name string) bool {
	return name != EventPageViewed && slices.Contains(houseEvents, name)
}

// Prepare gives the house's own event names their numbers, so that storing one
// costs no look-up, and facts to what an older version stored. Call it once
// before the service is used.
func (s *Service) Prepare(ctx context.Context) error {
	numbers := map[string]int64{}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		for _, name := range houseEvents {
			id, err := s.internTx(tx, name)
			if err != nil {
				return err
			}
			numbers[name] = id
		}
		return s.backfillConsentsTx(tx)
	})
	if s.names = numbers; err != nil {
		return err
	}
	return s.backfillFacts(ctx)
}

// TrackTx stores an event in the caller's transaction. It belongs to whoever has
// the identity when the transaction commits: a merge that goes on at the same
// moment takes it along.
func (s *Service) TrackTx(tx *store.Tx, t Track, now time.Time) error {
	id, err := s.internTx(tx, t.Name)
	if err != nil {
		return err
	}
	properties, plain, err := decoded(t.Properties)
	if err != nil {
		return err
	}
	if t.Identity == 0 {
		if err := tx.QueryRow(qFirstIdentity, t.Customer).Scan(&t.Identity); err != nil {
			return err
		}
	}
	e := Tracked{Event: s.ids.Next(), Identity: t.Identity, Name: t.Name, At: t.At, ReceivedAt: now, Properties: plain, Facts: rule.FactsOf(plain), Imported: t.Imported}
	err = tx.QueryRow(qInsertEvent, e.Event, id, clock.Millis(t.At), clock.Millis(now), string(properties), e.Facts.JSON(), t.Identity).Scan(&e.Customer)
	if isNoRows(err) {
		err = fmt.Errorf("event %q of customer %s: there is no identity %s", t.Name, t.Customer, t.Identity)
	}
	if err != nil {
		return err
	}
	if len(t.Context) > 0 {
		context, err := json.Marshal(t.Context)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(qInsertContext, e.Event, string(context)); err != nil {
			return err
		}
	}
	TouchTx(tx, e.Customer)
	for _, fn := range s.tracked {
		if err := fn(tx, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) internTx(tx *store.Tx, name string) (int64, error) {
	if id, ok := s.names[name]; ok {
		return id, nil
	}
	var id int64
	err := tx.QueryRow(qEventName, name).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		if _, err := tx.Exec(qInternName, name); err != nil {
			return 0, err
		}
		err = tx.QueryRow(qEventName, name).Scan(&id)
	}
	return id, err
}

// EventFilter narrows Events; zero fields do not.
type EventFilter struct {
	Customer ids.ID
	Name     string
	// OwnOnly leaves out what only tells of a message or a conversation.
	OwnOnly  bool
	From, To time.Time // From <= at < To
	Before   EventPosition
	Limit    int
}

// EventPosition is where a page ended: events are listed newest first.
type EventPosition struct {
	At int64
	ID ids.ID
}

// Events lists events, newest first.
func (s *Service) Events(ctx context.Context, f EventFilter) ([]Event, error) {
	moves, err := movesOf(s.db.Reader(ctx), f.Customer)
	if err != nil {
		return nil, err
	}
	var b store.Builder
	b.Add("SELECT e.id, e.customer_id, n.name, e.properties, e.at, e.received_at FROM events e JOIN event_names n ON n.id = e.name_id")
	f.where(&b, moves)
	if f.Before.ID != 0 {
		b.Add("AND (e.at, e.id) < (?, ?)", f.Before.At, f.Before.ID)
	}
	b.Add("ORDER BY e.at DESC, e.id DESC LIMIT ?", f.Limit)
	q, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(q, args...)
	return store.Collect(rows, err, func(r store.Row) (Event, error) {
		var e Event
		var properties []byte
		var at, received int64
		err := r.Scan(&e.ID, &e.CustomerID, &e.Name, &properties, &at, &received)
		if f.Customer != 0 {
			e.CustomerID = f.Customer
		}
		e.Properties, e.At, e.ReceivedAt = append([]byte(nil), properties...), clock.FromMillis(at), clock.FromMillis(received)
		return e, err
	})
}

// NewestEvents are the ids of the newest events of a customer, or of everybody
// when customer is 0: they are others once there is something new to show.
func (s *Service) NewestEvents(ctx context.Context, customer ids.ID, limit int) ([]ids.ID, error) {
	moves, err := movesOf(s.db.Reader(ctx), customer)
	if err != nil {
		return nil, err
	}
	var b store.Builder
	b.Add("SELECT e.id FROM events e WHERE TRUE")
	if customer != 0 {
		b.Add("AND")
		ownedBy(&b, customer, moves)
	}
	b.Add("ORDER BY e.at DESC, e.id DESC LIMIT ?", limit)
	query, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanID)
}

func scanID(r store.Row) (id ids.ID, err error) { return id, r.Scan(&id) }

// CountEvents is the exact number behind a filter, without its page.
func (s *Service) CountEvents(ctx context.Context, f EventFilter) (int64, error) {
	return f.count(s.db.Reader(ctx))
}

func (f EventFilter) count(q store.Querier) (n int64, err error) {
	moves, err := movesOf(q, f.Customer)
	if err != nil {
		return 0, err
	}
	var b store.Builder
	b.Add("SELECT count(*) FROM events e JOIN event_names n ON n.id = e.name_id")
	f.where(&b, moves)
	query, args := b.Query()
	return n, q.QueryRow(query, args...).Scan(&n)
}

func (f EventFilter) where(b *store.Builder, moves []EventMove) {
	b.Add("WHERE TRUE")
	if f.Customer != 0 {
		b.Add("AND")
		ownedBy(b, f.Customer, moves)
	}
	if f.Name != "" {
		b.Add("AND n.name = ?", f.Name)
	}
	if f.OwnOnly {
		b.Add("AND n.name NOT IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", EventMessageSent, EventMessageReceived, EventAutomaticReceived, EventConversationOpened, EventConversationClosed, EventConversationReplied,
			EventMessageDelivered, EventMessageRead, EventMessageFailed, EventMessageUnknown)
	}
	if !f.From.IsZero() {
		b.Add("AND e.at >= ?", clock.Millis(f.From))
	}
	if !f.To.IsZero() {
		b.Add("AND e.at < ?", clock.Millis(f.To))
	}
}

// Track stores one event in a transaction of its own.
func (s *Service) Track(ctx context.Context, t Track) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return s.TrackTx(tx, t, s.clk.Now()) })
}

// eventNumbers remembers the numbers of names, which never change. Only those of
// committed transactions come here: what is undone may have numbered another name.
type eventNumbers struct {
	known sync.Map
	many  atomic.Int64
}

// maxNumbers bounds how many names are remembered: anybody can bring new ones.
const maxNumbers = 10_000

func (n *eventNumbers) of(name string) (int64, bool) {
	id, known := n.known.Load(name)
	if !known {
		return 0, false
	}
	return id.(int64), true
}

func (n *eventNumbers) learn(names map[string]int64) {
	for name, id := range names {
		if _, known := n.known.Load(name); !known && n.many.Add(1) <= maxNumbers {
			n.known.Store(name, id)
		}
	}
}
