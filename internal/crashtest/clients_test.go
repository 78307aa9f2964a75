// Package crashtest kills the real program while messages are in flight and
// takes the truth from the clients' records: what was acknowledged to either
// side is there once, in order (laws 1, 3, 4 and 6).
package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const requestTimeout = 5 * time.Second

var client = &http.Client{Timeout: requestTimeout}

// call does one request; a transport failure or 5xx is an error worth repeating.
func call(method, url string, header http.Header, body, out any) error {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		return err
	}
	req.Header = header.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, url, res.StatusCode, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// message is a message as either side's socket or REST shows it.
type message struct {
	ConversationID string `json:"conversation_id"`
	Seq            int64  `json:"seq"`
	Direction      string `json:"direction"`
	Kind           string `json:"kind"`
	Body           string `json:"body"`
	ClientKey      string `json:"client_key"`
}

// visitor is a browser's widget: it sends one message after the other, repeats
// what was not acknowledged, and resumes after its last place.
type visitor struct {
	t       *testing.T
	name    string
	base    string // …/channels/webchat/{key}
	origin  string
	token   string
	quiet   chan struct{} // writes no more, still listens
	stop    chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex
	acked []message // in the order of the acknowledgements
	seen  []message // what the thread showed, in order of arrival, once each
	last  string    // "<conversation>:<seq>" of the newest seen
	sent  int
}

func (v *visitor) header() http.Header { return http.Header{"Origin": {v.origin}} }

func (v *visitor) session() error {
	var s struct {
		Visitor string `json:"visitor"`
	}
	err := call("POST", v.base+"/session", v.header(), map[string]any{"visitor": v.token}, &s)
	if err == nil {
		v.token = s.Visitor
	}
	return err
}

func (v *visitor) run() {
	defer v.stopped.Done()
	for !ended(v.stop) {
		if v.token == "" {
			if err := v.session(); err != nil {
				pause(v.stop)
				continue
			}
		}
		if err := v.connected(); err != nil {
			pause(v.stop)
		}
	}
}

// connected lives through one socket.
func (v *visitor) connected() error {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(v.base, "http")+"/socket", v.header())
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
	acks := make(chan message, 16)
	gone := make(chan error, 1)
	go func() { gone <- v.listen(ws, acks) }()
	for !ended(v.quiet) {
		key := fmt.Sprintf("%s-%d", v.name, v.sent)
		if err := ws.WriteJSON(map[string]any{"t": "send", "client_key": key, "body": "message " + key, "attachment_ids": []string{}}); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case m := <-acks:
				if m.ClientKey == key {
					v.mu.Lock()
					v.acked = append(v.acked, m)
					v.sent++
					v.mu.Unlock()
					waiting = false
				}
			case err := <-gone:
				return err
			case <-v.stop:
				return nil
			}
		}
		select {
		case <-v.quiet:
		case <-time.After(time.Duration(rand.IntN(15)) * time.Millisecond):
		}
	}
	select {
	case err := <-gone:
		return err
	case <-v.stop:
		return nil
	}
}

func (v *visitor) listen(ws *websocket.Conn, acks chan<- message) error {
	for {
		_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
		var f struct {
			T        string    `json:"t"`
			Message  message   `json:"message"`
			Messages []message `json:"messages"`
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
		case "error":
			v.t.Errorf("visitor %s was refused: %s", v.name, f.Code)
		}
		v.mu.Unlock()
		if f.T == "ack" {
			acks <- f.Message
		}
	}
}

// note keeps what the thread shows, by its feed alone: an acknowledgement may
// overtake other messages, so it neither counts here nor moves the place. A
// greeting and the feed may tell of the same message.
func (v *visitor) note(m message) {
	at := place(m)
	for i := len(v.seen) - 1; i >= 0; i-- {
		if place(v.seen[i]) == at {
			return
		}
	}
	v.seen = append(v.seen, m)
	if v.last == "" || less(v.last, at) {
		v.last = at
	}
}

func place(m message) string { return fmt.Sprintf("%s:%d", m.ConversationID, m.Seq) }

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

func ended(stop chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

func pause(stop chan struct{}) {
	select {
	case <-stop:
	case <-time.After(time.Duration(20+rand.IntN(60)) * time.Millisecond):
	}
}

// list reads every page of a list.
func list[T any](t *testing.T, url string, header http.Header) (all []T) {
	t.Helper()
	if !strings.Contains(url, "?") {
		url += "?"
	}
	cursor := ""
	for {
		var page struct {
			Items []T     `json:"items"`
			Next  *string `json:"next_cursor"`
		}
		if err := call("GET", url+"&limit=200&cursor="+cursor, header, nil, &page); err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if page.Next == nil {
			return all
		}
		cursor = *page.Next
	}
}
