package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// call is a tracking call that a website or the shop's server makes.
type call struct {
	at     time.Time
	server bool
	body   map[string]any
}

// atOnce is how many calls go into one request, as an SDK does it.
const atOnce = 250

// track sends the calls of the time that has passed, the website's before the
// server's: who signs up has looked around before.
func (w *world) track(ctx context.Context) error {
	now, until := w.Clock.Now(), w.sent
	for until < len(w.calls) && !w.calls[until].at.After(now) {
		until++
	}
	due := w.calls[w.sent:until]
	w.sent = until
	for _, server := range []bool{false, true} {
		var batch []map[string]any
		for _, c := range due {
			if c.server == server {
				batch = append(batch, c.body)
			}
		}
		for chunk := range slices.Chunk(batch, atOnce) {
			if err := w.post(ctx, server, chunk, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) post(ctx context.Context, server bool, batch []map[string]any, now time.Time) error {
	body, err := json.Marshal(map[string]any{"batch": batch, "sentAt": now.Format(time.RFC3339Nano)})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/v1/batch", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.RemoteAddr = "127.0.0.1:1"
	key := w.browser
	if server {
		key = w.server
	}
	r.SetBasicAuth(key, "")
	answer := answer{header: http.Header{}}
	w.Tracking.ServeHTTP(&answer, r)
	if answer.status != http.StatusOK {
		return fmt.Errorf("tracking calls: %d %s", answer.status, answer.body.String())
	}
	return nil
}

// answer keeps what a handler answers.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// happens notes a call that will be made at an instant.
func (w *world) happens(at time.Time, server bool, body map[string]any) {
	if at.After(w.o.Now) {
		return
	}
	body["messageId"] = w.key("call")
	body["timestamp"] = at.UTC().Format(time.RFC3339Nano)
	w.calls = append(w.calls, call{at, server, body})
}
