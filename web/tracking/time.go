package tracking

import (
	"encoding/json"
	"time"

	"github.com/fanward/fanward/internal/clock"
)

// earliest is before everything that a call can tell of.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// tolerance is how far ahead a clock may be without a word.
const tolerance = time.Second

// time finds out when something happened by our clock. A program's clock may
// stand anywhere; how long it kept the call before it sent it is what counts.
func (r *reader) time() {
	field := "originalTimestamp"
	original, given, ok := instant(r.item[field])
	if !given {
		field = "timestamp"
		original, given, ok = instant(r.item[field])
	}
	if !given {
		return // now
	}
	if !ok {
		r.adjust(field, "time_unreadable", nil)
		return
	}
	at := original
	if sent, known := r.sent(); known {
		at = r.env.received.Add(-sent.Sub(original))
	}
	switch ahead := at.Sub(r.env.received); {
	case ahead > tolerance:
		r.adjust(field, "time_in_future", nil)
		return
	case ahead > 0:
		return
	}
	if at.Before(earliest) {
		r.refuse(field, "time_too_early", nil)
		return
	}
	r.c.At = clock.FromMillis(clock.Millis(at))
}

// sent is when the program sent the call, by its clock.
func (r *reader) sent() (time.Time, bool) {
	if at, given, ok := instant(r.item["sentAt"]); given {
		return at, ok
	}
	at, _, ok := instant(r.env.sent)
	return at, ok
}

var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly}

// instant reads a time in the forms that programs send: ISO 8601, or a number of
// seconds or milliseconds since 1970.
func instant(v any) (at time.Time, given, ok bool) {
	switch v := v.(type) {
	case nil:
		return at, false, false
	case string:
		if v == "" {
			return at, false, false
		}
		for _, layout := range layouts {
			if at, err := time.Parse(layout, v); err == nil && at.Year() <= 9999 {
				return at, true, true
			}
		}
	case json.Number:
		n, err := v.Float64()
		switch {
		case err != nil || n < 0 || n > 1e14:
		case n < 1e11:
			return time.UnixMilli(int64(n * 1000)), true, true
		default:
			return time.UnixMilli(int64(n)), true, true
		}
	}
	return at, true, false
}
