package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/bench/program"
)

const origin = "https://shop.example"

func jsonBody(v any) io.Reader {
	b, _ := json.Marshal(v)
	return bytes.NewReader(b)
}

// shop makes a web chat account and returns the visitors' base address.
func shop(p *program.Program, token string) (string, error) {
	var account struct {
		Key string `json:"key"`
	}
	err := program.Call("POST", p.URL+"/api/v1/accounts", program.Bearer(token), map[string]any{
		"channel": "webchat", "name": "Bench", "config": map[string]any{"origins": []string{origin}},
	}, &account)
	return p.URL + "/channels/webchat/" + account.Key, err
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

// visitor is a browser's socket: sent away because of overload it comes back
// after a while, as widgets do.
type visitor struct {
	base, token  string
	mu           sync.Mutex
	ws           *websocket.Conn
	conversation string
}

// errAway is a message that was not written, since the visitor was sent away.
var errAway = errors.New("sent away")

const comeBackAfter = 5 * time.Second

func newVisitor(base string, seen *arrivals) (*visitor, error) {
	var s struct {
		Visitor string `json:"visitor"`
	}
	if err := program.Call("POST", base+"/session", http.Header{"Origin": {origin}}, map[string]any{}, &s); err != nil {
		return nil, err
	}
	v := &visitor{base: base, token: s.Visitor}
	if err := v.connect(); err != nil {
		return nil, err
	}
	if seen != nil {
		go v.live(seen)
	}
	return v, nil
}

func (v *visitor) connect() error {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(v.base, "http")+"/socket", http.Header{"Origin": {origin}})
	if err != nil {
		return err
	}
	if err := ws.WriteJSON(map[string]any{"t": "hello", "visitor": v.token, "after": nil}); err != nil {
		return err
	}
	if _, _, err := ws.ReadMessage(); err != nil {
		return fmt.Errorf("hello: %w", err)
	}
	v.mu.Lock()
	v.ws = ws
	v.mu.Unlock()
	return nil
}

// live listens until the program has ended.
func (v *visitor) live(seen *arrivals) {
	for {
		v.listen(seen)
		v.mu.Lock()
		v.ws = nil
		v.mu.Unlock()
		time.Sleep(comeBackAfter)
		if v.connect() != nil {
			return
		}
	}
}

func (v *visitor) listen(seen *arrivals) {
	ws := v.ws
	for {
		_, b, err := ws.ReadMessage()
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
	if v.ws == nil {
		return errAway
	}
	return v.ws.WriteJSON(map[string]any{"t": "send", "client_key": body, "body": body, "attachment_ids": []string{}})
}

func (v *visitor) thread() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.conversation
}

// agent is a console's socket: when it is cut it comes back and resumes after
// the position it holds, as consoles do.
type agent struct {
	p     *program.Program
	token string
	seen  *arrivals

	cuts     atomic.Int64 // how often it had to come back
	position *string
}

func newAgent(p *program.Program, token string, seen *arrivals) (*agent, error) {
	a := &agent{p: p, token: token, seen: seen}
	ws, err := a.connect()
	if err != nil {
		return nil, err
	}
	go func() {
		for ws != nil {
			a.listen(ws)
			a.cuts.Add(1)
			if ws, err = a.connect(); err != nil {
				return // the program has ended
			}
		}
	}()
	return a, nil
}

func (a *agent) connect() (*websocket.Conn, error) {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.p.At(1), "http")+"/api/v1/socket", program.Bearer(a.token))
	if err != nil {
		return nil, err
	}
	if err := ws.WriteJSON(map[string]any{"t": "hello", "after": a.position}); err != nil {
		return nil, err
	}
	_, b, err := ws.ReadMessage()
	if err == nil {
		a.heard(b)
	}
	return ws, err
}

func (a *agent) listen(ws *websocket.Conn) {
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		a.heard(b)
	}
}

func (a *agent) heard(b []byte) {
	at := time.Now()
	var f struct {
		Position *string `json:"position"`
		Kind     string  `json:"kind"`
		Data     struct {
			Message struct {
				Body      string `json:"body"`
				Direction string `json:"direction"`
			} `json:"message"`
		} `json:"data"`
	}
	if json.Unmarshal(b, &f) != nil {
		return
	}
	if f.Position != nil {
		a.position = f.Position
	}
	if f.Kind == "message" && f.Data.Message.Direction == "in" {
		a.seen.seen(f.Data.Message.Body, at)
	}
}
