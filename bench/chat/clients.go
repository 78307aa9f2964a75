package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const origin = "https://shop.example"

func jsonBody(v any) io.Reader {
	b, _ := json.Marshal(v)
	return bytes.NewReader(b)
}

// shop makes a web chat account and returns the visitors' base address.
func shop(p *program, token string) (string, error) {
	var account struct {
		Key string `json:"key"`
	}
	err := call("POST", p.url+"/api/v1/accounts", bearer(token), map[string]any{
		"channel": "webchat", "name": "Bench", "config": map[string]any{"origins": []string{origin}},
	}, &account)
	return p.url + "/channels/webchat/" + account.Key, err
}

// arrivals tells when a message was first seen, by its text.
type arrivals struct {
	mu   sync.Mutex
	wait map[string]chan time.Time
}

func newArrivals() *arrivals { return &arrivals{wait: map[string]chan time.Time{}} }

func (a *arrivals) expect(key string) <-chan time.Time {
	c := make(chan time.Time, 1)
	a.mu.Lock()
	a.wait[key] = c
	a.mu.Unlock()
	return c
}

func (a *arrivals) seen(key string, at time.Time) {
	a.mu.Lock()
	c := a.wait[key]
	delete(a.wait, key)
	a.mu.Unlock()
	if c != nil {
		c <- at
	}
}

// visitor is a browser's socket.
type visitor struct {
	ws           *websocket.Conn
	mu           sync.Mutex
	conversation string
}

func newVisitor(base string, seen *arrivals) (*visitor, error) {
	var s struct {
		Visitor string `json:"visitor"`
	}
	if err := call("POST", base+"/session", http.Header{"Origin": {origin}}, map[string]any{}, &s); err != nil {
		return nil, err
	}
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/socket", http.Header{"Origin": {origin}})
	if err != nil {
		return nil, err
	}
	if err := ws.WriteJSON(map[string]any{"t": "hello", "visitor": s.Visitor, "after": nil}); err != nil {
		return nil, err
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		return nil, fmt.Errorf("hello: %w", err)
	}
	v := &visitor{ws: ws}
	if seen != nil {
		go v.listen(seen)
	}
	return v, nil
}

func (v *visitor) listen(seen *arrivals) {
	for {
		_, b, err := v.ws.ReadMessage()
		if err != nil {
			return
		}
		at := time.Now()
		var f struct {
			T       string `json:"t"`
			Message struct {
				ConversationID string `json:"conversation_id"`
				Body           string `json:"body"`
				Direction      string `json:"direction"`
			} `json:"message"`
		}
		if json.Unmarshal(b, &f) != nil {
			continue
		}
		if f.Message.ConversationID != "" {
			v.mu.Lock()
			v.conversation = f.Message.ConversationID
			v.mu.Unlock()
		}
		if f.T == "message" && f.Message.Direction == "out" {
			seen.seen(f.Message.Body, at)
		}
	}
}

func (v *visitor) send(body string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ws.WriteJSON(map[string]any{"t": "send", "client_key": body, "body": body, "attachment_ids": []string{}})
}

func (v *visitor) thread() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.conversation
}

// agent is a console's socket.
func agent(p *program, token string, seen *arrivals) error {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/api/v1/socket", bearer(token))
	if err != nil {
		return err
	}
	if err := ws.WriteJSON(map[string]any{"t": "hello", "after": nil}); err != nil {
		return err
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		return err
	}
	go func() {
		for {
			_, b, err := ws.ReadMessage()
			if err != nil {
				return
			}
			at := time.Now()
			var f struct {
				Kind string `json:"kind"`
				Data struct {
					Message struct {
						Body      string `json:"body"`
						Direction string `json:"direction"`
					} `json:"message"`
				} `json:"data"`
			}
			if json.Unmarshal(b, &f) == nil && f.Kind == "message" && f.Data.Message.Direction == "in" {
				seen.seen(f.Data.Message.Body, at)
			}
		}
	}()
	return nil
}
