package inbox

import (
	"encoding/json"
	"time"

	"github.com/fanward/fanward/channels"
	"github.com/fanward/fanward/customers"
	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

// contextLife is how long after an outreach what a person writes counts as an
// answer to it.
const contextLife = 7 * 24 * time.Hour

var (
	qNewestOutreach = queries.Get("newest-outreach")
	qMarkAnswered   = queries.Get("mark-answered")
	qSetContext     = queries.Get("set-context")
)

// Context is the message of a journey that a customer answered.
type Context struct {
	DeliveryID  ids.ID    `json:"delivery_id"`
	Kind        string    `json:"kind" enum:"journey"`
	JourneyID   ids.ID    `json:"journey_id"`
	JourneyName string    `json:"journey_name"`
	NodeID      string    `json:"node_id"`
	Subject     string    `json:"subject"`
	Body        string    `json:"body"`
	SentAt      time.Time `json:"sent_at"`
}

// Heard is a message of a customer that has just been stored.
type Heard struct {
	channels.Received
	Account ids.ID
	Channel string
	// Answers is the outreach that the message answers; nil when it answers none.
	Answers *channels.Answered
}

// Listener is told, in the same transaction, of what a customer wrote.
type Listener func(tx *store.Tx, h Heard) error

// OnReceived registers one more who is told of every message that a person
// wrote; automatic ones and repeats are left out. Call it while the program
// starts.
func (b *Inbox) OnReceived(l Listener) { b.listeners = append(b.listeners, l) }

// PostTx implements outbox.Poster: an outreach to somebody who reads our own
// rows is a message of the system in the conversation in which they go on. Its
// status stays; somebody who has none yet gets one that waits for nobody.
func (b *Inbox) PostTx(tx *store.Tx, p channels.Post) (channels.Posted, error) {
	c, account, err := b.postedInTx(tx, p)
	if err != nil {
		return channels.Posted{}, err
	}
	var counted *place
	existed := c != nil
	if existed {
		at := c.place()
		counted = &at
	} else if c, err = b.openTx(tx, account, p.Account, customers.Resolved{Customer: p.Customer, Identity: p.Identity}, Resolved, "", p.Now); err != nil {
		return channels.Posted{}, err
	}
	payload, err := json.Marshal(map[string]any{"type": "outreach", "source": p.Source})
	if err != nil {
		return channels.Posted{}, err
	}
	e := &entry{Message: Message{
		ID: b.ids.Next(), Direction: Out, Kind: KindText, Author: Author{Kind: BySystem}, Body: p.Body, Payload: payload,
		Delivery: &Delivery{ID: p.Delivery, State: string(channels.SentState), Attempt: 1, UpdatedAt: p.Now},
	}}
	if err := b.appendTx(tx, c, e, p.Now); err != nil {
		return channels.Posted{}, err
	}
	if err := saveTx(tx, c, counted); err != nil {
		return channels.Posted{}, err
	}
	before := c.place()
	if err := announceTx(tx, change{kind: "message", c: c, before: before, existed: existed, message: &e.Message}, p.Now); err != nil {
		return channels.Posted{}, err
	}
	return channels.Posted{Conversation: c.ID, Message: e.ID, Seq: e.Seq}, nil
}

// postedInTx locks the conversation that an outreach joins; nil when the person
// has none. channel is the account's.
func (b *Inbox) postedInTx(tx *store.Tx, p channels.Post) (c *Conversation, channel string, err error) {
	if err := tx.QueryRow(queries.Get("account-channel"), p.Account).Scan(&channel); err != nil {
		return nil, "", err
	}
	adapter, err := b.registry.Adapter(channel)
	if err != nil {
		return nil, channel, err
	}
	c, err = latestTx(tx, adapter.Capabilities(), p.Account, customers.Resolved{Customer: p.Customer, Identity: p.Identity})
	return c, channel, err
}

// outreach is one as answers look for it.
type outreach struct {
	Context
	source       channels.Source
	conversation ids.ID
	answered     ids.ID
}

// answersTx finds the outreach on an account that a person's message answers:
// the newest, unless it is older than a week or has been answered.
func answersTx(tx *store.Tx, account, customer ids.ID, now time.Time) (*outreach, error) {
	var o outreach
	var source []byte
	var sent int64
	err := tx.QueryRow(qNewestOutreach, customer, account, clock.Millis(now.Add(-contextLife))).Scan(&o.DeliveryID, &o.Subject, &o.Body, &source, &sent, &o.conversation, &o.answered)
	if isNoRows(err) || err == nil && o.answered != 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(source, &o.source); err != nil {
		return nil, err
	}
	o.Kind, o.JourneyID, o.JourneyName, o.NodeID, o.SentAt = o.source.Kind, o.source.Journey, o.source.Name, o.source.Node, clock.FromMillis(sent)
	return &o, nil
}

// contextTx gives a conversation the context of the outreach that the message
// answers, and shows it in the thread unless it stands there itself. Without one
// a conversation that begins anew has none.
func (b *Inbox) contextTx(tx *store.Tx, c *Conversation, o *outreach, anew bool, now time.Time) error {
	if o == nil {
		if !anew || c.Context == nil {
			return nil
		}
		c.Context = nil
		_, err := tx.Exec(qSetContext, "", c.ID)
		return err
	}
	at := o.Context
	c.Context = &at
	if _, err := tx.Exec(qSetContext, string(mustJSON(at)), c.ID); err != nil || o.conversation == c.ID {
		return err
	}
	m, err := b.activityTx(tx, c, "journey_message", map[string]any{
		"journey": at.JourneyName, "journey_id": at.JourneyID, "delivery_id": at.DeliveryID, "preview": text.Preview(at.Body, previewLength), "sent_at": at.SentAt,
	}, now)
	if err != nil {
		return err
	}
	return announceTx(tx, change{kind: "message", c: c, before: c.place(), existed: true, message: m}, now)
}

// heardTx tells the listeners and marks the outreach as answered.
func (b *Inbox) heardTx(tx *store.Tx, c *Conversation, r channels.Received, o *outreach) error {
	h := Heard{Received: r, Account: c.AccountID, Channel: c.Channel}
	if o != nil {
		h.Answers = &channels.Answered{Delivery: o.DeliveryID, Source: o.source}
		if _, err := tx.Exec(qMarkAnswered, r.Message, o.DeliveryID); err != nil {
			return err
		}
	}
	for _, l := range b.listeners {
		if err := l(tx, h); err != nil {
			return err
		}
	}
	return nil
}

// outreachReadTx tells of the outreach in a thread that its customer reads now.
func (b *Inbox) outreachReadTx(tx *store.Tx, c *Conversation, seq int64, now time.Time) error {
	rows, err := tx.Query(queries.Get("outreach-unread"), c.ID, seq)
	unread, err := store.Collect(rows, err, func(r store.Row) (ids.ID, error) {
		var id ids.ID
		return id, r.Scan(&id)
	})
	for _, id := range unread {
		if err := b.outbox.ReadTx(tx, id, now); err != nil {
			return err
		}
	}
	return err
}

// outreachEvents are the states of an outreach that stand in the timeline.
var outreachEvents = map[channels.DeliveryState]string{
	channels.SentState: customers.EventMessageSent, channels.Delivered: customers.EventMessageDelivered, channels.Read: customers.EventMessageRead,
	channels.Failed: customers.EventMessageFailed, channels.Unknown: customers.EventMessageUnknown,
}

// OutreachChangedTx makes an event of what became of an outreach and tells those
// who look at the customer; the outbox calls it in the transaction that changes
// the state.
func (b *Inbox) OutreachChangedTx(tx *store.Tx, o channels.OutreachChanged) error {
	name, told := outreachEvents[o.State]
	if !told {
		return nil
	}
	properties := map[string]any{
		"channel": o.Channel, "delivery_id": o.Delivery, "purpose": o.Purpose, "journey_id": o.Source.Journey, "journey_name": o.Source.Name, "node_id": o.Source.Node,
	}
	if o.Code != "" {
		properties["code"] = o.Code
	}
	if err := b.customers.TrackTx(tx, customers.Track{Customer: o.Customer, Identity: o.Identity, Name: name, At: o.At, Properties: properties}, o.At); err != nil {
		return err
	}
	return feed.Append(tx, feed.Change{At: o.At, Kind: "outreach", Audience: feed.Customers, Customer: o.Customer,
		Payload: mustJSON(map[string]any{"customer_id": o.Customer, "delivery": Delivery{ID: o.Delivery, State: string(o.State), ErrorCode: optionalString(o.Code), ErrorDetail: optionalString(o.Detail), UpdatedAt: o.At}})})
}
