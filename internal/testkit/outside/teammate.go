package outside

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Teammate is a console: its socket resumes after the last position, and it
// answers what it sees with replies that it repeats until they are accepted.
type Teammate struct {
	T     *testing.T
	URL   At
	Token string
	Stop  chan struct{}
	// ByBody names answers after the body of what they answer, for channels
	// without client keys.
	ByBody bool
	// Patience is how long a silent line counts as alive; 0 means 20 s.
	Patience time.Duration
	// Backlog is how many messages wait for their answer at most; what comes
	// beyond gets none.
	Backlog int

	stopped   sync.WaitGroup
	mu        sync.Mutex
	position  *string
	seen      map[string]int // place → times told
	order     map[string]int64
	snapshots int
	answers   chan Message
	waiting   int // messages that still get an answer
	replied   []Message
}

// Listen connects.
func (s *Teammate) Listen() {
	s.seen, s.order, s.answers = map[string]int{}, map[string]int64{}, make(chan Message, s.Backlog)
	s.stopped.Go(s.run)
}

// Answer begins to reply to what comes in.
func (s *Teammate) Answer() { s.stopped.Go(s.answer) }

// Wait returns when the teammate has gone, after Stop.
func (s *Teammate) Wait() { s.stopped.Wait() }

// Connected tells whether the socket has been greeted at least once.
func (s *Teammate) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position != nil
}

// Answering is how many answers are still to come, and how many there are.
func (s *Teammate) Answering() (waiting, replied int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting, len(s.replied)
}

// Told is how many messages the teammate was told of.
func (s *Teammate) Told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// Replied are the replies that were accepted.
func (s *Teammate) Replied() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Message(nil), s.replied...)
}

// Judge reports what the teammate was told more than once, and snapshots that
// nobody should have needed.
func (s *Teammate) Judge() {
	s.T.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snapshots > 0 {
		s.T.Errorf("the teammate was told to take a snapshot %d times although every change is kept", s.snapshots)
	}
	for at, n := range s.seen {
		if n != 1 {
			s.T.Errorf("the teammate was told of %s %d times", at, n)
		}
	}
}

func (s *Teammate) header() http.Header { return http.Header{"Authorization": {"Bearer " + s.Token}} }

func (s *Teammate) run() {
	for !Ended(s.Stop) {
		if err := s.connected(); err != nil {
			Pause(s.Stop)
		}
	}
}

func (s *Teammate) connected() error {
	ws, _, err := dialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"/api/v1/socket", s.header())
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-s.Stop:
			_ = ws.Close()
		case <-done:
		}
	}()
	s.mu.Lock()
	hello := map[string]any{"t": "hello", "after": s.position}
	s.mu.Unlock()
	if err := ws.WriteJSON(hello); err != nil {
		return err
	}
	return s.listen(ws)
}

func (s *Teammate) listen(ws *websocket.Conn) error {
	patience := s.Patience
	if patience == 0 {
		patience = 20 * time.Second
	}
	for {
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		_, b, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		if err := s.hear(b); err != nil {
			s.T.Error(err)
		}
	}
}

func (s *Teammate) hear(b []byte) error {
	var f struct {
		T        string `json:"t"`
		Position string `json:"position"`
		Kind     string `json:"kind"`
		Resumed  bool   `json:"resumed"`
		Data     struct {
			Message *Message `json:"message"`
		} `json:"data"`
	}
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("a frame that is not JSON: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.T {
	case "hello":
		if s.position != nil && !f.Resumed {
			s.snapshots++
		}
		if s.position == nil {
			s.position = &f.Position
		}
	case "change", "position":
		s.position = &f.Position
		if f.Kind != "message" || f.Data.Message == nil {
			return nil
		}
		m := *f.Data.Message
		s.seen[Place(m)]++
		if before := s.order[m.ConversationID]; m.Seq <= before {
			return fmt.Errorf("conversation %s went from seq %d to %d", m.ConversationID, before, m.Seq)
		}
		s.order[m.ConversationID] = m.Seq
		if m.Direction == "in" {
			select {
			case s.answers <- m:
				s.waiting++
			default: // as many as the answering side can take
			}
		}
	}
	return nil
}

// answer replies to what came in, each reply under a client key that it keeps
// until the program has accepted it.
func (s *Teammate) answer() {
	for n := 0; ; n++ {
		var in Message
		select {
		case <-s.Stop:
			return
		case in = <-s.answers:
		}
		what := in.ClientKey
		if s.ByBody {
			what = in.Body
		}
		body := map[string]any{"client_key": fmt.Sprintf("reply-%d", n), "body": "answer to " + what, "kind": "text", "attachment_ids": []string{}}
		for {
			var out Message
			err := Call("POST", s.URL()+"/api/v1/conversations/"+in.ConversationID+"/messages", s.header(), body, &out)
			refused := err != nil && strings.Contains(err.Error(), `"reply_`) // the channel allows no more
			if err == nil || refused {
				s.mu.Lock()
				if err == nil {
					s.replied = append(s.replied, out)
				}
				s.waiting--
				s.mu.Unlock()
				break
			}
			if Ended(s.Stop) {
				return
			}
			Pause(s.Stop)
		}
	}
}
