package journeys

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/journeys/flow"
)

// Kinds of signal, and of what journeys listen to.
const (
	heardEvent = "event" // ref: its name
	heardEnter = "enter" // ref: the segment
	heardLeave = "leave" // ref: the segment
	heardStage = "stage" // ref: ""
	heardExit  = "exit"  // ref: the journey whose exit rule has become true
)

// eventPayload is what a signal keeps of an event.
type eventPayload struct {
	ID         ids.ID         `json:"id"`
	Name       string         `json:"name"`
	Properties map[string]any `json:"properties"`
	Imported   bool           `json:"imported,omitempty"`
}

// trackedTx hears of every stored event, in its transaction.
func (s *Service) trackedTx(tx *store.Tx, e customers.Tracked) error {
	if e.Name == customers.EventIdentityErased {
		return s.forgetTx(tx, e.Identity)
	}
	listens, err := s.interest.has(tx, heardEvent, e.Name)
	if err != nil || !listens {
		return err
	}
	payload, err := json.Marshal(eventPayload{ID: e.Event, Name: e.Name, Properties: e.Properties, Imported: e.Imported})
	if err != nil {
		return err
	}
	return s.signalTx(tx, signal{kind: heardEvent, ref: e.Name, customer: e.Customer, identity: e.Identity, payload: payload,
		at: clock.Millis(e.At), received: clock.Millis(e.ReceivedAt)})
}

// forgetTx removes what journeys keep of what came through an identity.
func (s *Service) forgetTx(tx *store.Tx, identity ids.ID) error {
	if _, err := tx.Exec(queries.Get("forget-context"), identity); err != nil {
		return err
	}
	_, err := tx.Exec(queries.Get("forget-signals"), identity)
	return err
}

// SegmentChange is a customer who has entered or left a segment.
type SegmentChange struct {
	Segment ids.ID
	// Owner names a watched condition; "" for a segment of its own.
	Owner    string
	Customer ids.ID
	Entered  bool
	At       time.Time
	// Build is true when the segment's definition has changed, not the customer.
	Build bool
}

const exitOwner = "journey:"

func ownerOf(journey ids.ID) string { return exitOwner + journey.String() + ":exit" }

// SegmentChangedTx hears of every change of a membership, in its transaction.
func (s *Service) SegmentChangedTx(tx *store.Tx, c SegmentChange) error {
	kind, ref := heardEnter, c.Segment.String()
	switch {
	case c.Owner != "":
		id, ok := exitOf(c.Owner)
		if !ok || !c.Entered {
			return nil
		}
		kind, ref = heardExit, id.String()
	case c.Build:
		return nil
	case !c.Entered:
		kind = heardLeave
	}
	if kind != heardExit {
		if listens, err := s.interest.has(tx, kind, ref); err != nil || !listens {
			return err
		}
	}
	at := clock.Millis(c.At)
	return s.signalTx(tx, signal{kind: kind, ref: ref, customer: c.Customer, payload: []byte("{}"), at: at, received: at})
}

func exitOf(owner string) (ids.ID, bool) {
	if len(owner) < len(exitOwner)+len(":exit") || owner[:len(exitOwner)] != exitOwner {
		return 0, false
	}
	id, err := ids.Parse(owner[len(exitOwner) : len(owner)-len(":exit")])
	return id, err == nil && owner == ownerOf(id)
}

type stagePayload struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// stagedTx hears of every move between stages, in its transaction.
func (s *Service) stagedTx(tx *store.Tx, c customers.StageChanged) error {
	if listens, err := s.interest.has(tx, heardStage, ""); err != nil || !listens {
		return err
	}
	payload, err := json.Marshal(stagePayload{c.From, c.To})
	if err != nil {
		return err
	}
	at := clock.Millis(c.At)
	return s.signalTx(tx, signal{kind: heardStage, customer: c.Customer, payload: payload, at: at, received: at})
}

// DeliveryChangedTx keeps what became of a step's message beside the step; code
// says why it failed, or why it waits.
func (s *Service) DeliveryChangedTx(tx *store.Tx, delivery ids.ID, state channels.DeliveryState, code string) error {
	if state == channels.Claimed || state == channels.Sending {
		return nil // the step says that it waits, until it is known how it ends
	}
	outcome := outcomeOf(state)
	var journey ids.ID
	err := tx.QueryRow(queries.Get("delivery-outcome"), outcome, code, delivery, outcome).Scan(&journey)
	if isNoRows(err) {
		return nil
	}
	if err == nil {
		s.telling.note(journey, s.clk.Now())
	}
	return err
}

func (s *Service) signalTx(tx *store.Tx, g signal) error {
	_, err := tx.Exec(queries.Get("insert-signal"), s.ids.Next(), g.kind, g.ref, g.customer, g.identity, g.journey, g.journey != 0, string(g.payload), g.at, g.received)
	tx.Hint(Topic)
	return err
}

// interest remembers what journeys listen to, where this process alone can
// change it (SQLite); elsewhere the rows are asked each time.
type interest struct {
	known atomic.Pointer[map[[2]string]bool]
}

func (i *interest) has(q store.Querier, kind, ref string) (bool, error) {
	if known := i.known.Load(); known != nil {
		return (*known)[[2]string{kind, ref}], nil
	}
	var n int64
	err := q.QueryRow(queries.Get("interested"), kind, ref).Scan(&n)
	return n > 0, err
}

// forget lets the rows decide; call it before they change.
func (i *interest) forget() { i.known.Store(nil) }

// learn reads the rows.
func (s *Service) learn(ctx context.Context) error {
	if s.db.Engine() != store.SQLite {
		return nil
	}
	rows, err := s.db.Reader(ctx).Query(queries.Get("interests"))
	list, err := store.Collect(rows, err, func(r store.Row) (k [2]string, err error) {
		return k, r.Scan(&k[0], &k[1])
	})
	if err != nil {
		return err
	}
	known := make(map[[2]string]bool, len(list))
	for _, k := range list {
		known[k] = true
	}
	s.interest.known.Store(&known)
	return nil
}

// listen stores what a journey listens to, in all versions that somebody may
// still be in.
func (s *Service) listenTx(tx *store.Tx, id ids.ID, graphs []flow.Graph) error {
	if _, err := tx.Exec(queries.Get("clear-interests"), id); err != nil {
		return err
	}
	seen := map[[2]string]bool{}
	add := func(kind, ref string) { seen[[2]string{kind, ref}] = true }
	for i := range graphs {
		g := &graphs[i]
		for _, name := range g.Events() {
			add(heardEvent, name)
		}
		switch g.Trigger.Kind {
		case flow.OnSegmentEnter:
			add(heardEnter, g.Trigger.Segment)
		case flow.OnSegmentLeave:
			add(heardLeave, g.Trigger.Segment)
		case flow.OnStageChange:
			add(heardStage, "")
		}
	}
	var list [][2]string
	for k := range seen {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, k := range list {
		if _, err := tx.Exec(queries.Get("insert-interest"), k[0], k[1], id); err != nil {
			return err
		}
	}
	return nil
}
