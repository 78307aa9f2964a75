package outside

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Message is a message as either side's socket or REST shows it.
type Message struct {
	ConversationID string `json:"conversation_id"`
	Seq            int64  `json:"seq"`
	Direction      string `json:"direction"`
	Kind           string `json:"kind"`
	Body           string `json:"body"`
	ClientKey      string `json:"client_key"`
}

// Visitor is a browser's widget: it sends one message after the other, repeats
// what was not acknowledged, and resumes after its last place.
type Visitor struct {
	T      *testing.T
	Name   string
	Base   At // …/channels/webchat/{key}
	Origin string
	Quiet  chan struct{} // writes no more, still listens
	Stop   chan struct{}
	// Patience is how long a silent line counts as alive; 0 means 20 s.
	Patience time.Duration
	// Between is the longest pause between two messages; 0 means 15 ms.
	Between time.Duration

	token   string
	stopped sync.WaitGroup
	mu      sync.Mutex
	acked   []Message // in the order of the acknowledgements
	seen    []Message // what the thread showed, in order of arrival, once each
	last    string    // "<conversation>:<seq>" of the newest seen
	sent    int
}

// Start begins to write and listen.
func (v *Visitor) Start() { v.stopped.Go(v.run) }

// Wait returns when the visitor has gone, after Stop.
func (v *Visitor) Wait() { v.stopped.Wait() }

// Acked is what was acknowledged to the visitor, in that order.
func (v *Visitor) Acked() []Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Message(nil), v.acked...)
}

// Seen is what the visitor was shown, in that order.
func (v *Visitor) Seen() []Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]Message(nil), v.seen...)
}

func (v *Visitor) header() http.Header { return http.Header{"Origin": {v.Origin}} }

func (v *Visitor) session() error {
	var s struct {
		Visitor string `json:"visitor"`
	}
	err := Call("POST", v.Base()+"/session", v.header(), map[string]any{"visitor": v.token}, &s)
	if err == nil {
		v.token = s.Visitor
	}
	return err
}

func (v *Visitor) run() {
	for !Ended(v.Stop) {
		if v.token == "" {
			if err := v.session(); err != nil {
				Pause(v.Stop)
				continue
			}
		}
		if err := v.connected(); err != nil {
			Pause(v.Stop)
		}
	}
}

var dialer = websocket.Dialer{HandshakeTimeout: RequestTimeout}

// connected lives through one socket.
func (v *Visitor) connected() error {
	ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(v.Base(), "http")+"/socket", v.header())
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	v.mu.Lock()
	hello := map[string]any{"t": "hello", "visitor": v.token, "after": nil}
	if v.last != "" {
		hello["after"] = v.last
	}
	v.mu.Unlock()
	if err := ws.WriteJSON(hello); err != nil {
		return err
	}
	acks := make(chan Message, 16)
	gone := make(chan error, 1)
	go func() { gone <- v.listen(ws, acks) }()
	for !Ended(v.Quiet) {
		if err := v.send(ws, acks, gone); err != nil {
			return err
		}
		if Ended(v.Stop) {
			return nil
		}
		between := v.Between
		if between == 0 {
			between = 15 * time.Millisecond
		}
		select {
		case <-v.Quiet:
		case <-time.After(rand.N(between)):
		}
	}
	select {
	case err := <-gone:
		return err
	case <-v.Stop:
		return nil
	}
}

// send writes the next message and waits for its acknowledgement.
func (v *Visitor) send(ws *websocket.Conn, acks <-chan Message, gone <-chan error) error {
	key := fmt.Sprintf("%s-%d", v.Name, v.sent)
	if err := ws.WriteJSON(map[string]any{"t": "send", "client_key": key, "body": "message " + key, "attachment_ids": []string{}}); err != nil {
		return err
	}
	for {
		select {
		case m := <-acks:
			if m.ClientKey == key {
				v.mu.Lock()
				v.acked = append(v.acked, m)
				v.sent++
				v.mu.Unlock()
				return nil
			}
		case err := <-gone:
			return err
		case <-v.Stop:
			return nil
		}
	}
}

// passing are the refusals after which a client tries again.
func passing(code string) bool {
	return code == "storage_unavailable" || code == "shutting_down"
}

var errRefused = errors.New("refused for now")

func (v *Visitor) listen(ws *websocket.Conn, acks chan<- Message) error {
	patience := v.Patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	for {
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		var f struct {
			T        string    `json:"t"`
			Message  Message   `json:"message"`
			Messages []Message `json:"messages"`
			Reset    bool      `json:"reset"`
			Code     string    `json:"code"`
		}
		if err := ws.ReadJSON(&f); err != nil {
			return err
		}
		v.mu.Lock()
		switch f.T {
		case "hello":
			for _, m := range f.Messages {
				v.note(m)
			}
		case "message":
			v.note(f.Message)
		}
		v.mu.Unlock()
		switch {
		case f.T == "ack":
			acks <- f.Message
		case f.T == "error" && passing(f.Code):
			return errRefused
		case f.T == "error":
			v.T.Errorf("visitor %s was refused: %s", v.Name, f.Code)
		}
	}
}

// note keeps what the thread shows, by its feed alone: an acknowledgement may
// overtake other messages, so it neither counts here nor moves the place. A
// greeting and the feed may tell of the same message.
func (v *Visitor) note(m Message) {
	at := Place(m)
	for i := len(v.seen) - 1; i >= 0; i-- {
		if Place(v.seen[i]) == at {
			return
		}
	}
	v.seen = append(v.seen, m)
	if v.last == "" || less(v.last, at) {
		v.last = at
	}
}

// Place names a message by its conversation and seq.
func Place(m Message) string { return fmt.Sprintf("%s:%d", m.ConversationID, m.Seq) }

func less(a, b string) bool {
	var ca, cb string
	var sa, sb int64
	ca, sa = split(a)
	cb, sb = split(b)
	if len(ca) != len(cb) {
		return len(ca) < len(cb)
	}
	if ca != cb {
		return ca < cb
	}
	return sa < sb
}

func split(p string) (string, int64) {
	c, s, _ := strings.Cut(p, ":")
	var n int64
	_, _ = fmt.Sscan(s, &n)
	return c, n
}
