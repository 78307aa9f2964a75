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
// rule of a stage moves whoever enters its segment, in the same transaction.
type news struct {
	mu   sync.Mutex
	wait map[string]chan time.Time
}

func listen(p *program.Program, token string) (*news, error) {
	n := &news{wait: map[string]chan time.Time{}}
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.At(1), "http")+"/api/v1/socket", program.Bearer(token))
	if err != nil {
		return nil, err
	}
	if err := ws.WriteJSON(map[string]any{"t": "hello", "after": nil}); err != nil {
		return nil, err
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	go func() {
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				return
			}
			n.heard(b, time.Now())
		}
	}()
	return n, nil
}

func (n *news) heard(b []byte, at time.Time) {
	var f struct {
		Kind string `json:"kind"`
		Data struct {
			Customer struct {
				Name  string `json:"name"`
				Stage *struct {
					Key string `json:"key"`
				} `json:"stage"`
			} `json:"customer"`
		} `json:"data"`
	}
	if json.Unmarshal(b, &f) != nil || f.Kind != "customer" || f.Data.Customer.Stage == nil {
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
