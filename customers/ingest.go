package customers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/fault"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/internal/text"
)

// Types of tracking call.
const (
	CallIdentify = "identify"
	CallTrack    = "track"
	CallPage     = "page"
	CallScreen   = "screen"
	CallGroup    = "group"
	CallAlias    = "alias"
)

// Events that calls other than track are stored as.
const (
	EventScreenViewed = "Screen Viewed"
	EventGroupJoined  = "Group Joined"
)

// Call is one tracking call, read and held to the limits of its fields.
type Call struct {
	Type      string
	MessageID string
	// UserID is the company's own id of a person, AnonymousID a browser's or
	// program's; at least one is there.
	UserID, AnonymousID string
	PreviousID          string // of alias
	Event               string // the name under which it is stored; "" for identify and alias
	Properties          map[string]any
	Traits              map[string]any // of identify
	Context             map[string]any // what is kept beside the event
	Locale, Timezone    string         // "" when not told
	At                  time.Time      // by our clock
	Imported            bool
	// Reasons are what was adjusted while it was read; Refused says that it
	// cannot be stored.
	Reasons []fault.Field
	Refused bool
	Body    string // as it was sent, without any key; for those who connect a site
}

// outcome is what became of a call.
type outcome struct {
	status   string
	reasons  []fault.Field
	customer ids.ID
}

// trackedDays is how long a message id is known again: at least one day less.
const trackedDays = 7

// maxCallID is how much of a message id is shown.
const maxCallID = 255

const day = 24 * time.Hour

// batch is one request on its way into the store.
type batch struct {
	s     *Service
	key   WriteKey
	calls []Call
	out   []outcome
	now   time.Time
	// names are the numbers that the latest transaction has looked up.
	names map[string]int64
}

// AdmitCalls refuses, with the code overloaded, calls that Ingest under ctx would
// refuse at once: they need not be read first.
func (s *Service) AdmitCalls(ctx context.Context) error { return s.db.AdmitBulk(ctx) }

// Ingest stores tracking calls and returns when all of them are durable. A
// message id that its key has brought before stores nothing; a call that cannot
// be stored does not keep the others from it. What became of each is kept for
// those who connect a site.
func (s *Service) Ingest(ctx context.Context, key WriteKey, calls []Call) ([]CallRecord, error) {
	b := &batch{s: s, key: key, calls: calls, out: make([]outcome, len(calls)), now: s.clk.Now()}
	for _, group := range b.groups() {
		if err := b.store(ctx, group); err != nil {
			return nil, err
		}
	}
	records := make([]CallRecord, len(calls))
	for i, c := range calls {
		o := b.out[i]
		records[i] = CallRecord{ID: s.ids.Next(), At: b.now, WriteKeyID: key.ID, Type: c.Type, MessageID: text.Preview(c.MessageID, maxCallID), UserID: c.UserID, AnonymousID: c.AnonymousID,
			Event: c.Event, Status: o.status, Reasons: append([]fault.Field{}, o.reasons...), CustomerID: o.customer, Body: shownBody(c.Body)}
	}
	s.log.add(records)
	return records, nil
}

func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// groups are the calls that share a transaction. SQLite's writer takes all at
// once. On PostgreSQL who joins people holds the locks of two, which somebody
// else may want in the other order: there those calls go alone, before the
// events, which are nobody's but the identity's and may come later.
func (b *batch) groups() [][]int {
	var people, events []int
	for i, c := range b.calls {
		switch {
		case c.Refused:
			b.out[i] = outcome{status: CallRefused, reasons: c.Reasons}
		case c.Event == "":
			people = append(people, i)
		default:
			events = append(events, i)
		}
	}
	if b.s.db.Engine() == store.SQLite {
		all := append(people, events...)
		slices.Sort(all)
		return [][]int{all}
	}
	var out [][]int
	for _, i := range people {
		out = append(out, []int{i})
	}
	return append(out, events)
}

// failed is a call on which its transaction failed.
type failed struct {
	call int
	err  error
}

func (f *failed) Error() string { return f.err.Error() }
func (f *failed) Unwrap() error { return f.err }

// store stores a group in one transaction. A call that the rules refuse is left
// out and the others are stored; when something else fails, each is tried alone,
// so that one which always fails does not keep its neighbours out for ever.
func (b *batch) store(ctx context.Context, group []int) error {
	for len(group) > 0 {
		err := b.s.db.WriteBulk(ctx, func(tx *store.Tx) error { return b.storeTx(tx, group) })
		var f *failed
		switch {
		case err == nil:
			b.s.numbers.learn(b.names)
			return nil
		case !errors.As(err, &f) || fault.KindOf(err) == fault.Unavailable || ctx.Err() != nil:
			return err
		case fault.KindOf(err) == fault.Internal && len(group) > 1:
			for _, i := range group {
				if err := b.store(ctx, []int{i}); err != nil {
					return err
				}
			}
			return nil
		case fault.KindOf(err) == fault.Internal:
			return err
		}
		b.out[f.call] = outcome{status: CallRefused, reasons: append(slices.Clone(b.calls[f.call].Reasons), reasonsOf(err)...)}
		group = slices.DeleteFunc(slices.Clone(group), func(i int) bool { return i == f.call })
	}
	return nil
}

func reasonsOf(err error) []fault.Field {
	e, ok := fault.As(err)
	if !ok {
		return []fault.Field{{Code: "internal"}}
	}
	if len(e.Fields) > 0 {
		return e.Fields
	}
	return []fault.Field{{Code: e.Code, Params: e.Params}}
}

func (b *batch) storeTx(tx *store.Tx, group []int) error {
	fresh, err := b.freshTx(tx, group)
	if err != nil || len(fresh) == 0 {
		return err
	}
	k := &keeper{batch: b, tx: tx, known: map[Key]Resolved{}, nobody: map[Key]bool{}, seen: map[ids.ID]int64{}, names: map[string]int64{}}
	if fresh, err = k.admit(fresh); err != nil || len(fresh) == 0 {
		return err
	}
	if err := k.prepare(fresh); err != nil {
		return err
	}
	for _, i := range fresh {
		if err := k.keep(i); err != nil {
			return k.blame(i, err)
		}
	}
	if err := k.flush(); err != nil {
		return k.blame(fresh[0], err)
	}
	return k.finish()
}

// freshTx notes the message ids of a group and returns the calls whose ids are
// new, in their order. Ids are noted in one order by everybody.
func (b *batch) freshTx(tx *store.Tx, group []int) ([]int, error) {
	list := make([]message, len(group))
	for n, i := range group {
		h := sha256.Sum256([]byte(b.calls[i].MessageID))
		list[n] = message{i, hash{int64(binary.BigEndian.Uint64(h[:8])), int64(binary.BigEndian.Uint64(h[8:16]))}}
	}
	slices.SortStableFunc(list, func(x, y message) int {
		return cmp.Or(cmp.Compare(x.hash.high, y.hash.high), cmp.Compare(x.hash.low, y.hash.low))
	})
	added := make(map[hash]bool, len(list))
	for part := range slices.Chunk(list, trackAtOnce) {
		if err := b.trackTx(tx, part, added); err != nil {
			return nil, err
		}
	}
	var fresh []int
	for _, m := range list {
		if !added[m.hash] {
			b.out[m.call] = outcome{status: CallDuplicate}
			continue
		}
		delete(added, m.hash) // the first of a name counts
		fresh = append(fresh, m.call)
	}
	slices.Sort(fresh)
	return fresh, nil
}

// hash is 128 bits of a message id, message the call that has it.
type hash struct{ high, low int64 }

type message struct {
	call int
	hash hash
}

// trackAtOnce is how many message ids one statement notes.
const trackAtOnce = 128

// trackTx notes those of the message ids that nobody has noted before, and says
// which.
func (b *batch) trackTx(tx *store.Tx, list []message, added map[hash]bool) error {
	size := 1
	for size < len(list) {
		size *= 2
	}
	values := make([]any, 0, 2*size)
	for n := range size { // to a power of two by repeating the last, so that statements are few
		h := list[min(n, len(list)-1)].hash
		values = append(values, h.high, h.low)
	}
	today := clock.Millis(b.now) / int64(day/time.Millisecond)
	var q store.Builder
	q.Add("INSERT INTO tracked_messages (day, source, high, low) SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), v.column1, v.column2", today, b.key.ID)
	q.Add("FROM (VALUES (CAST(? AS BIGINT), CAST(? AS BIGINT))"+strings.Repeat(", (CAST(? AS BIGINT), CAST(? AS BIGINT))", size-1)+") v", values...)
	q.Add("WHERE NOT EXISTS (SELECT 1 FROM tracked_messages m WHERE")
	earlier := make([]int64, trackedDays-1)
	for n := range earlier {
		earlier[n] = today - 1 - int64(n)
	}
	store.AddIn(&q, "m.day", earlier)
	q.Add("AND m.source = ? AND m.high = v.column1 AND m.low = v.column2)", b.key.ID)
	q.Add("ON CONFLICT (day, source, high, low) DO NOTHING RETURNING high, low")
	query, args := q.Query()
	rows, err := tx.Query(query, args...)
	_, err = store.Collect(rows, err, func(r store.Row) (struct{}, error) {
		var h hash
		err := r.Scan(&h.high, &h.low)
		added[h] = true
		return struct{}{}, err
	})
	return err
}

var qLockMany = queries.Get("lock-many")

// SweepMessages forgets the message ids that are too old to be asked for.
func (s *Service) SweepMessages(ctx context.Context) error {
	oldest := clock.Millis(s.clk.Now())/int64(day/time.Millisecond) - trackedDays
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(queries.Get("sweep-new-names"), oldest); err != nil {
			return err
		}
		_, err := tx.Exec(queries.Get("sweep-messages"), oldest)
		return err
	})
}
