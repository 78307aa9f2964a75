package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/bench/program"
)

// news hears on a teammate's socket who has come to stand in which stage: the
// rule of a stage moves whoever enters its segment, in the same transaction. A
// socket that is cut comes back and goes on where it was.
type news struct {
	p     *program.Program
	token string

	mu   sync.Mutex
	wait map[string]chan time.Time
	// position is where to go on; cuts says why sockets ended.
	position *string
	cuts     []string
}

func listen(p *program.Program, token string) (*news, error) {
	n := &news{p: p, token: token, wait: map[string]chan time.Time{}}
	ws, err := n.dial()
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			_, b, err := ws.ReadMessage()
			for ; err != nil; ws, err = n.dial() {
				if ws != nil {
					_ = ws.Close()
				}
				if n.cut(err) {
					return
				}
				time.Sleep(time.Second)
			}
			n.heard(b, time.Now())
		}
	}()
	return n, nil
}

func (n *news) dial() (*websocket.Conn, error) {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(n.p.At(1), "http")+"/api/v1/socket", program.Bearer(n.token))
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	after := n.position
	n.mu.Unlock()
	if err := ws.WriteJSON(map[string]any{"t": "hello", "after": after}); err != nil {
		return nil, err
	}
	_, b, err := ws.ReadMessage()
	if err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	n.heard(b, time.Now())
	return ws, nil
}

// cut notes why a socket ended; true: it has ended too often.
func (n *news) cut(err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts = append(n.cuts, err.Error())
	return len(n.cuts) > 100
}

// note says how often the socket was cut since it was asked last, and why.
func (n *news) note() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	cuts := n.cuts
	n.cuts = nil
	if len(cuts) == 0 {
		return ""
	}
	return fmt.Sprintf("the socket was cut %d times: %s", len(cuts), cuts[0])
}

func (n *news) heard(b []byte, at time.Time) {
	var f struct {
		Position *string `json:"position"`
		Kind     string  `json:"kind"`
		Data     struct {
			Customer struct {
				Name  string `json:"name"`
				Stage *struct {
					Key string `json:"key"`
				} `json:"stage"`
			} `json:"customer"`
		} `json:"data"`
	}
	if json.Unmarshal(b, &f) != nil {
		return
	}
	if f.Position != nil {
		n.mu.Lock()
		n.position = f.Position
		n.mu.Unlock()
	}
	if f.Kind != "customer" || f.Data.Customer.Stage == nil {
		return
	}
	key := f.Data.Customer.Name + " " + f.Data.Customer.Stage.Key
	n.mu.Lock()
	c := n.wait[key]
	delete(n.wait, key)
	n.mu.Unlock()
	if c != nil {
		c <- at
	}
}

// expect tells when somebody comes to stand in a stage.
func (n *news) expect(name, stage string) <-chan time.Time {
	c := make(chan time.Time, 1)
	n.mu.Lock()
	n.wait[name+" "+stage] = c
	n.mu.Unlock()
	return c
}
