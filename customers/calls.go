package customers

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// TopicCalls is hinted when tracking calls have been written down to be looked at.
const TopicCalls = "tracking-calls"

// What became of a tracking call.
const (
	CallAccepted = "accepted"
	// CallAdjusted: stored, though not all of it as it was sent.
	CallAdjusted = "adjusted"
	// CallDuplicate: its message id had been stored before.
	CallDuplicate = "duplicate"
	CallRefused   = "refused"
)

const (
	// keptCalls is how many of the latest tracking calls are kept to look at.
	keptCalls = 1000
	// flushedCalls is how many are written at once; when more come between two
	// writes, mostTelling are.
	flushedCalls = 200
	flushEvery   = 500 * time.Millisecond
	maxCallBody  = 8 << 10
)

// CallRecord is a tracking call as those who connect a site see it.
type CallRecord struct {
	ID          ids.ID        `json:"id"`
	At          time.Time     `json:"at"`
	WriteKeyID  ids.ID        `json:"write_key_id" nullable:"true" doc:"null: by an unknown key"`
	Type        string        `json:"type"`
	MessageID   string        `json:"message_id"`
	UserID      string        `json:"user_id"`
	AnonymousID string        `json:"anonymous_id"`
	Event       string        `json:"event"`
	Status      string        `json:"status" enum:"accepted,duplicate,refused,adjusted"`
	Reasons     []fault.Field `json:"reasons"`
	CustomerID  ids.ID        `json:"customer_id" nullable:"true"`
	Body        string        `json:"body" doc:"What was sent, at most 8 KiB of it"`
}

// callLog gathers the calls that are to be shown. They are what was said, not
// what was stored: a crash may lose the last half second of them.
type callLog struct {
	mu      sync.Mutex
	waiting []CallRecord
	used    map[ids.ID]time.Time
	wake    chan struct{}
}

func newCallLog() *callLog {
	return &callLog{used: map[ids.ID]time.Time{}, wake: make(chan struct{}, 1)}
}

func (l *callLog) add(calls []CallRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range calls {
		l.waiting = append(l.waiting, c)
		if c.WriteKeyID != 0 {
			l.used[c.WriteKeyID] = c.At
		}
	}
	if len(l.waiting) > 4*flushedCalls {
		l.waiting = slices.Clone(mostTelling(l.waiting))
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *callLog) take() ([]CallRecord, map[ids.ID]time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	calls, used := mostTelling(l.waiting), l.used
	l.waiting, l.used = nil, map[ids.ID]time.Time{}
	return calls, used
}

// mostTelling leaves out what is too much: the oldest of what there is most of,
// so that a few refusals or duplicates are seen among any number of others. Of as
// many, the first of tellingLast goes first.
func mostTelling(calls []CallRecord) []CallRecord {
	kept := map[string]int{}
	for _, c := range calls {
		kept[c.Status]++
	}
	drop := map[string]int{}
	for range len(calls) - flushedCalls {
		most := slices.MaxFunc(tellingLast, func(a, b string) int { return kept[a] - kept[b] })
		kept[most]--
		drop[most]++
	}
	if len(drop) == 0 {
		return calls
	}
	out := make([]CallRecord, 0, flushedCalls)
	for _, c := range calls {
		if drop[c.Status] > 0 {
			drop[c.Status]--
			continue
		}
		out = append(out, c)
	}
	return out
}

// tellingLast are what becomes of calls, the most telling last.
var tellingLast = []string{CallAccepted, CallDuplicate, CallAdjusted, CallRefused}

// RecordCall keeps a call that was refused before it was read: by an unknown
// key, say. id and time are given here.
func (s *Service) RecordCall(c CallRecord) {
	c.ID, c.At, c.Body = s.ids.Next(), s.clk.Now(), shownBody(c.Body)
	s.log.add([]CallRecord{c})
}

// shownBody is what is shown of a call's body, which may be any bytes.
func shownBody(body string) string { return head(text.Clean(body), maxCallBody) }

// KeepCalls writes tracking calls down for those who look at them, until ctx
// ends.
func (s *Service) KeepCalls(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			_ = s.FlushCalls(context.WithoutCancel(ctx)) // the last half second, if the store still takes it
			return
		case <-s.log.wake:
		}
		pause, stop := s.clk.After(flushEvery)
		select {
		case <-ctx.Done():
		case <-pause:
		}
		stop()
		if ctx.Err() == nil {
			_ = s.FlushCalls(ctx) // shown or not, the calls themselves are stored
		}
	}
}

// FlushCalls writes down the calls that wait for it.
func (s *Service) FlushCalls(ctx context.Context) error {
	calls, used := s.log.take()
	if len(calls) == 0 && len(used) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		for _, c := range calls {
			reasons, err := json.Marshal(append([]fault.Field{}, c.Reasons...))
			if err != nil {
				return err
			}
			if _, err := tx.Exec(queries.Get("insert-call"), c.ID, clock.Millis(c.At), c.WriteKeyID, c.Type, c.MessageID, c.UserID, c.AnonymousID, c.Event,
				c.Status, string(reasons), c.CustomerID, c.Body); err != nil {
				return err
			}
		}
		for id, at := range used {
			if _, err := tx.Exec(queries.Get("use-write-key"), clock.Millis(at), id, clock.Millis(at)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(queries.Get("trim-calls"), keptCalls)
		tx.Hint(TopicCalls)
		return err
	})
}

// NewestCalls are the ids of the newest tracking calls that have been written
// down.
func (s *Service) NewestCalls(ctx context.Context, limit int) ([]ids.ID, error) {
	var b store.Builder
	b.Add("SELECT id FROM tracking_calls ORDER BY id DESC LIMIT ?", limit)
	query, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(query, args...)
	return store.Collect(rows, err, scanID)
}

// CallFilter narrows Calls; zero fields do not.
type CallFilter struct {
	Status   string
	WriteKey ids.ID
	Before   ids.ID // the last id of the page before
	Limit    int
}

// Calls lists the latest tracking calls, newest first.
func (s *Service) Calls(ctx context.Context, f CallFilter) ([]CallRecord, error) {
	if err := s.FlushCalls(ctx); err != nil {
		return nil, err
	}
	var b store.Builder
	b.Add("SELECT id, at, write_key_id, type, message_id, user_id, anonymous_id, event, status, reasons, customer_id, body FROM tracking_calls")
	f.where(&b)
	if f.Before != 0 {
		b.Add("AND id < ?", f.Before)
	}
	b.Add("ORDER BY id DESC LIMIT ?", f.Limit)
	q, args := b.Query()
	rows, err := s.db.Reader(ctx).Query(q, args...)
	return store.Collect(rows, err, func(r store.Row) (CallRecord, error) {
		var c CallRecord
		var at int64
		var reasons []byte
		if err := r.Scan(&c.ID, &at, &c.WriteKeyID, &c.Type, &c.MessageID, &c.UserID, &c.AnonymousID, &c.Event, &c.Status, &reasons, &c.CustomerID, &c.Body); err != nil {
			return c, err
		}
		c.At, c.Reasons = clock.FromMillis(at), []fault.Field{}
		return c, json.Unmarshal(reasons, &c.Reasons)
	})
}

// CountCalls is the exact number behind a filter, without its page.
func (s *Service) CountCalls(ctx context.Context, f CallFilter) (n int64, err error) {
	var b store.Builder
	b.Add("SELECT count(*) FROM tracking_calls")
	f.where(&b)
	q, args := b.Query()
	return n, s.db.Reader(ctx).QueryRow(q, args...).Scan(&n)
}

func (f CallFilter) where(b *store.Builder) {
	b.Add("WHERE TRUE")
	if f.Status != "" {
		b.Add("AND status = ?", f.Status)
	}
	if f.WriteKey != 0 {
		b.Add("AND write_key_id = ?", f.WriteKey)
	}
}
