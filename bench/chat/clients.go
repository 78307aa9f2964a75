package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fanward/fanward/bench/program"
)

const origin = "https://shop.example"

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

const arrivalTimeout = 10 * time.Second

var errLate = errors.New("not seen within 10 s")

// arrivals tells that messages have come, by their text.
type arrivals struct {
	mu   sync.Mutex
	wait map[string]chan struct{}
}

func newArrivals() *arrivals { return &arrivals{wait: map[string]chan struct{}{}} }

// after does something and returns when the message that it causes has come.
func (a *arrivals) after(body string, do func() error) error {
	come := make(chan struct{})
	a.mu.Lock()
	a.wait[body] = come
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.wait, body)
		a.mu.Unlock()
	}()
	if err := do(); err != nil {
		return err
	}
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case <-come:
		return nil
	case <-timer.C:
		return errLate
	}
}

func (a *arrivals) seen(body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if come, awaited := a.wait[body]; awaited {
		delete(a.wait, body)
		close(come)
	}
}

// visitor is a browser's socket: sent away because of overload it comes back
// after a while, as widgets do.
type visitor struct {
	p            *program.Program
	base, token  string
	mu           sync.Mutex
	ws           *websocket.Conn
	conversation string
}

// errAway is a message that was not written, since the visitor was sent away.
var errAway = errors.New("sent away")

const comeBackAfter = 5 * time.Second

func newVisitor(p *program.Program, base string, seen *arrivals) (*visitor, error) {
	var s struct {
		Visitor string `json:"visitor"`
	}
	if err := program.Call("POST", base+"/session", http.Header{"Origin": {origin}}, map[string]any{}, &s); err != nil {
		return nil, err
	}
	v := &visitor{p: p, base: base, token: s.Visitor}
	if err := v.connect(); err != nil {
		return nil, err
	}
	if seen != nil {
		go v.live(seen)
	}
	return v, nil
}

func (v *visitor) connect() error {
	ws, _, err := greeted("ws"+strings.TrimPrefix(v.base, "http")+"/socket", http.Header{"Origin": {origin}}, map[string]any{"t": "hello", "visitor": v.token, "after": nil})
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.ws = ws
	v.mu.Unlock()
	return nil
}

// greeted opens a socket and says hello; answer is what it hears first.
func greeted(url string, header http.Header, hello any) (ws *websocket.Conn, answer []byte, err error) {
	if ws, _, err = websocket.DefaultDialer.Dial(url, header); err != nil {
		return nil, nil, err
	}
	if err = ws.WriteJSON(hello); err == nil {
		_, answer, err = ws.ReadMessage()
	}
	if err != nil {
		_ = ws.Close()
		return nil, nil, fmt.Errorf("hello: %w", err)
	}
	return ws, answer, nil
}

// live listens until the program has ended.
func (v *visitor) live(seen *arrivals) {
	for {
		v.listen(seen)
		for away := true; away; away = v.connect() != nil {
			time.Sleep(comeBackAfter)
			if v.p.Ended() {
				return
			}
		}
	}
}

// listen returns when the visitor has been sent away.
func (v *visitor) listen(seen *arrivals) {
	ws := v.ws
	defer func() {
		v.mu.Lock()
		v.ws = nil
		v.mu.Unlock()
		_ = ws.Close()
	}()
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
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
			seen.seen(f.Message.Body)
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
	go a.live(ws)
	return a, nil
}

// live listens until the program has ended.
func (a *agent) live(ws *websocket.Conn) {
	for {
		a.listen(ws)
		a.cuts.Add(1)
		var err error
		for ws, err = a.connect(); err != nil; ws, err = a.connect() {
			if a.p.Ended() {
				return
			}
			time.Sleep(time.Second)
		}
	}
}

func (a *agent) connect() (*websocket.Conn, error) {
	ws, hello, err := greeted("ws"+strings.TrimPrefix(a.p.At(1), "http")+"/api/v1/socket", program.Bearer(a.token), map[string]any{"t": "hello", "after": a.position})
	if err == nil {
		a.heard(hello)
	}
	return ws, err
}

// listen returns when the socket has been cut.
func (a *agent) listen(ws *websocket.Conn) {
	defer func() { _ = ws.Close() }()
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			return
		}
		a.heard(b)
	}
}

func (a *agent) heard(b []byte) {
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
		a.seen.seen(f.Data.Message.Body)
	}
}
