package crashtest

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

// teammate is a console: its socket resumes after the last position, and it
// answers what it sees with replies that it repeats until they are accepted.
type teammate struct {
	t       *testing.T
	url     string
	token   string
	stop    chan struct{}
	stopped sync.WaitGroup
	// byBody names answers after the body of what they answer, for channels
	// without client keys.
	byBody bool

	mu        sync.Mutex
	position  *string
	seen      map[string]int // place → times told
	order     map[string]int64
	snapshots int
	answers   chan message
	waiting   int // messages that still get an answer
	replied   []message
}

// answering is how many answers are still to come, and how many there are.
func (s *teammate) answering() (waiting, replied int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting, len(s.replied)
}

func (s *teammate) header() http.Header { return http.Header{"Authorization": {"Bearer " + s.token}} }

func (s *teammate) run() {
	defer s.stopped.Done()
	for !ended(s.stop) {
		if err := s.connected(); err != nil {
			pause(s.stop)
		}
	}
}

func (s *teammate) connected() error {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/api/v1/socket", s.header())
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-s.stop:
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
	for {
		_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, b, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		if err := s.hear(b); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *teammate) hear(b []byte) error {
	var f struct {
		T        string `json:"t"`
		Position string `json:"position"`
		Kind     string `json:"kind"`
		Resumed  bool   `json:"resumed"`
		Data     struct {
			Message *message `json:"message"`
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
		s.seen[place(m)]++
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
func (s *teammate) answer() {
	defer s.stopped.Done()
	for n := 0; ; n++ {
		var in message
		select {
		case <-s.stop:
			return
		case in = <-s.answers:
		}
		key := fmt.Sprintf("reply-%d", n)
		what := in.ClientKey
		if s.byBody {
			what = in.Body
		}
		body := map[string]any{"client_key": key, "body": "answer to " + what, "kind": "text", "attachment_ids": []string{}}
		for {
			var out message
			err := call("POST", s.url+"/api/v1/conversations/"+in.ConversationID+"/messages", s.header(), body, &out)
			if err == nil {
				s.mu.Lock()
				s.replied = append(s.replied, out)
				s.waiting--
				s.mu.Unlock()
				break
			}
			if ended(s.stop) {
				return
			}
			if strings.Contains(err.Error(), `"reply_`) { // the channel allows no more
				s.mu.Lock()
				s.waiting--
				s.mu.Unlock()
				break
			}
			pause(s.stop)
		}
	}
}
