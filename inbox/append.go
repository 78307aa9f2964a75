package inbox

import (
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/store/feed"
	"github.com/fanward/fanward/internal/text"
)

const (
	previewLength  = 120
	maxAttachments = 10
	// MaxClientKey is the longest client_key in bytes.
	MaxClientKey = 64
)

var (
	qInsertMessage  = queries.Get("insert-message")
	qBindAttachment = queries.Get("bind-attachment")
	qByDedupKey     = queries.Get("by-dedup-key")
	qInsertHTML     = queries.Get("insert-html")
)

// entry is a message about to be appended to a locked conversation.
type entry struct {
	Message
	identity   ids.ID
	externalID string
	// dedupKey makes a repeat of the same wish recognisable; empty for rows
	// that only follow from others.
	dedupKey   string
	providerAt time.Time
	uploads    []ids.ID
	owner      Owner
	htmlBody   string
}

// appendTx gives the entry its seq and stores it; the conversation's fields are
// changed in memory and written by saveTx.
func (b *Inbox) appendTx(tx *store.Tx, c *Conversation, e *entry, now time.Time) error {
	c.LastSeq++
	e.ConversationID, e.Seq, e.CreatedAt = c.ID, c.LastSeq, now
	if e.ID == 0 {
		e.ID = b.ids.Next()
	}
	e.Attachments = []Attachment{}
	payload := e.extra()
	var dedup any
	if e.dedupKey != "" {
		dedup = e.dedupKey
	}
	var delivery ids.ID
	if e.Delivery != nil {
		delivery = e.Delivery.ID
	}
	n, err := tx.Exec(qInsertMessage, e.ID, c.ID, e.Seq, c.AccountID, e.identity, e.Direction, e.Kind, e.Author.Kind, e.Author.ID, deref(e.Author.Name),
		e.Body, payload, e.externalID, deref(e.ClientKey), dedup, delivery, len(e.uploads), zeroMillis(e.providerAt), clock.Millis(now))
	if err != nil {
		return err
	}
	if n == 0 {
		return errKeyReused // in another conversation, at the same moment
	}
	if err := b.bindTx(tx, e); err != nil {
		return err
	}
	if e.html {
		if _, err := tx.Exec(qInsertHTML, e.ID, e.htmlBody); err != nil {
			return err
		}
		b.link(&e.Message)
	}
	c.touch(now)
	if e.Kind != KindActivity {
		c.LastMessage = lastOf(&e.Message, now)
	}
	return nil
}

// lastOf is what a list shows of a message.
func lastOf(m *Message, at time.Time) *LastMessage {
	l := &LastMessage{Seq: m.Seq, Direction: m.Direction, Kind: m.Kind, Preview: previewOf(m), AuthorName: m.Author.Name, At: at}
	if m.Direction != In {
		l.AuthorID = m.Author.ID
	}
	return l
}

// extra is the row's payload: what happened, or what the body does not say.
func (e *entry) extra() string {
	if e.Activity != nil {
		return string(mustJSON(e.Activity))
	}
	e.html = e.htmlBody != ""
	if e.Payload == nil && e.Quoted == nil && !e.html {
		return ""
	}
	return string(mustJSON(extra{Payload: e.Payload, Quoted: deref(e.Quoted), HTML: e.html}))
}

func (b *Inbox) bindTx(tx *store.Tx, e *entry) error {
	for _, id := range e.uploads {
		n, err := tx.Exec(qBindAttachment, e.ID, id, e.owner.Kind, e.owner.Key)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.AtField("attachment_ids", "attachment_unknown", fault.Params{"id": id.String()})
		}
	}
	if len(e.uploads) == 0 {
		return nil
	}
	var err error
	e.Attachments, err = b.attachmentsOf(tx, e.ID)
	return err
}

func previewOf(m *Message) string {
	if m.Body == "" && len(m.Attachments) > 0 {
		return text.Preview(m.Attachments[0].Name, previewLength)
	}
	return text.Preview(m.Body, previewLength)
}

// activityTx appends an activity row and announces it together with the
// conversation's new state.
func (b *Inbox) activityTx(tx *store.Tx, c *Conversation, code string, params map[string]any, now time.Time) (*Message, error) {
	e := &entry{Message: Message{Direction: Internal, Kind: KindActivity, Author: Author{Kind: BySystem}, Activity: &Activity{Code: code, Params: params}}}
	if params == nil {
		e.Activity.Params = map[string]any{}
	}
	return &e.Message, b.appendTx(tx, c, e, now)
}

// change is what a transaction tells the feed about a conversation.
type change struct {
	kind    string
	c       *Conversation
	before  place
	existed bool
	message *Message
}

// visitorFrame is a frame of the visitors' protocol that carries a message.
type visitorFrame struct {
	T       string         `json:"t"`
	Message VisitorMessage `json:"message"`
}

// announceTx appends the change. Messages that the customer may see carry a
// payload for visitors, too.
func announceTx(tx *store.Tx, ch change, now time.Time) error {
	payload := struct {
		Conversation *Conversation `json:"conversation"`
		Message      *Message      `json:"message,omitempty"`
	}{ch.c, ch.message}
	f := feed.Change{
		At: now, Kind: ch.kind, Audience: feed.Inbox, Conversation: ch.c.ID, Customer: ch.c.Customer.ID, Identity: ch.c.IdentityID, Account: ch.c.AccountID, Existed: ch.existed,
		Before: feed.Place{Team: ch.before.team, Assignee: ch.before.assignee},
		After:  feed.Place{Team: ch.c.TeamID, Assignee: ch.c.AssigneeID},
	}
	if m := ch.message; m != nil {
		if visitor, ok := VisitorView(m); ok {
			f.VisitorPayload = mustJSON(visitorFrame{"message", visitor})
		}
	}
	f.Payload = mustJSON(payload)
	return feed.Append(tx, f)
}

// checkBody cleans a message's text and holds it to the limit. It may be empty
// where the message says something else: files, or more than text.
func (b *Inbox) checkBody(body string, limit, uploads int, more bool) (string, error) {
	if limit == 0 || limit > b.maxBody {
		limit = b.maxBody
	}
	body = text.Clean(body)
	var bad []fault.Field
	if n := text.Length(body); n > limit {
		bad = append(bad, fault.Field{Field: "body", Code: "body_too_long", Params: fault.Params{"max": limit, "length": n}})
	} else if n == 0 && uploads == 0 && !more {
		bad = append(bad, fault.Field{Field: "body", Code: "body_empty"})
	}
	if uploads > maxAttachments {
		bad = append(bad, fault.Field{Field: "attachment_ids", Code: "too_many", Params: fault.Params{"max": maxAttachments}})
	}
	return body, fault.AtFields(bad...)
}

// errKeyReused: the key names a message of another conversation.
var errKeyReused = fault.New(fault.Conflict, "client_key_reused", nil)

func checkClientKey(key string) error {
	if key == "" {
		return fault.AtField("client_key", "required", nil)
	}
	if len(key) > MaxClientKey || text.CleanLine(key) != key {
		return fault.AtField("client_key", "client_key_invalid", fault.Params{"max": MaxClientKey})
	}
	return nil
}

func zeroMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return clock.Millis(t)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
