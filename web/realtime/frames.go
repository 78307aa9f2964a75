package realtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store/feed"
)

// clientFrame is every frame a client may send; t says which fields count.
type clientFrame struct {
	T              string   `json:"t"`
	After          *string  `json:"after"`
	Visitor        string   `json:"visitor"`
	ConversationID *ids.ID  `json:"conversation_id"`
	CustomerIDs    []ids.ID `json:"customer_ids"`
	Events         bool     `json:"events"`
	Calls          bool     `json:"calls"`
	Mode           string   `json:"mode"`
	On             bool     `json:"on"`
	ClientKey      string   `json:"client_key"`
	Body           string   `json:"body"`
	AttachmentIDs  []ids.ID `json:"attachment_ids"`
	Seq            int64    `json:"seq"`
	URL            string   `json:"url"`
	Title          string   `json:"title"`
}

// allowedFields are the fields of each kind, beside t.
var (
	staffFields   = fields("hello:after", "view:conversation_id,mode", "typing:conversation_id,on", "watch:customer_ids,events,calls", "ping:")
	visitorFields = fields("hello:visitor,after", "send:client_key,body,attachment_ids", "typing:on", "read:conversation_id,seq", "page:url,title", "ping:")
)

func fields(specs ...string) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, spec := range specs {
		kind, names, _ := strings.Cut(spec, ":")
		out[kind] = map[string]bool{"t": true}
		for _, n := range strings.Split(names, ",") {
			out[kind][n] = true
		}
	}
	return out
}

var errFrame = errors.New("not a frame of this protocol")

// parseFrame reads a client's frame; unknown kinds and fields are refused.
func parseFrame(text []byte, allowed map[string]map[string]bool) (clientFrame, error) {
	var f clientFrame
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return f, errFrame
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&f); err != nil {
		return f, errFrame
	}
	known := allowed[f.T]
	if known == nil {
		return f, errFrame
	}
	for name := range raw {
		if !known[name] {
			return f, errFrame
		}
	}
	return f, nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("realtime: " + err.Error()) // only maps and structs of this package get here
	}
	return b
}

// changeFrame is built by hand: the payload is JSON already and goes to many.
func changeFrame(p feed.Position, kind string, data []byte) *frame {
	var b bytes.Buffer
	b.Grow(len(data) + 96)
	b.WriteString(`{"t":"change","position":"`)
	b.WriteString(p.String())
	b.WriteString(`","kind":"`)
	b.WriteString(kind)
	b.WriteString(`","data":`)
	b.Write(data)
	b.WriteByte('}')
	return newFrame(b.Bytes())
}

func positionFrame(p feed.Position) *frame {
	return newFrame(encode(map[string]any{"t": "position", "position": p.String()}))
}

func removedFrame(p feed.Position, conversation ids.ID) *frame {
	return changeFrame(p, "removed", encode(map[string]any{"conversation_id": conversation}))
}

// lostFrame tells, without content, that something has moved out of sight.
func lostFrame(c *feed.Change) *frame {
	if c.Audience != feed.Tasks {
		return removedFrame(c.Position, c.Conversation)
	}
	var of struct {
		Task struct {
			ID ids.ID `json:"id"`
		} `json:"task"`
	}
	_ = json.Unmarshal(c.Payload, &of) // the inbox has made it
	return changeFrame(c.Position, "task_removed", encode(map[string]any{"task_id": of.Task.ID}))
}

func pongFrame(now time.Time) *frame {
	return newFrame(encode(map[string]any{"t": "pong", "server_time": now}))
}

func typingFrame(conversation ids.ID, on bool) *frame {
	return newFrame(encode(map[string]any{"t": "typing", "conversation_id": conversation, "from": "customer", "on": on}))
}

// conversationOnly cuts a change's payload down to the conversation: what
// somebody receives who has just gained sight of it.
func conversationOnly(payload []byte) []byte {
	var whole struct {
		Conversation json.RawMessage `json:"conversation"`
	}
	if json.Unmarshal(payload, &whole) != nil || whole.Conversation == nil {
		return nil
	}
	return encode(whole)
}

// wakeFrame tells that there is more of what a page shows.
func wakeFrame(w Watched) *frame {
	text := map[string]any{"t": "wake", "of": w.Of}
	if w.Customer != 0 {
		text["customer_id"] = w.Customer
	}
	return newFrame(encode(text))
}
