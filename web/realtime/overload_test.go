package realtime_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// When more comes in than can be made durable a visitor is sent away for a while;
// what was not acknowledged is not stored, and comes once when it is sent again.
func TestVisitorsAreSentAway(t *testing.T) {
	each(t, func(t *testing.T, h *hall) {
		_, token := h.browser()
		v, _ := h.visitor(t, token, nil)
		send := map[string]any{"t": "send", "client_key": "k1", "body": "hello"}
		var lag atomic.Int64
		h.DB.Behind(func() time.Duration { return time.Duration(lag.Load()) })
		lag.Store(int64(time.Minute))
		v.say(send)
		v.closed(4009)
		if n := h.Number("SELECT count(*) FROM messages"); n != 0 {
			t.Errorf("%d messages were stored", n)
		}
		lag.Store(0)
		back, _ := h.visitor(t, token, nil)
		back.say(send)
		if ack := back.next("ack"); ack.ClientKey != "k1" || h.Number("SELECT count(*) FROM messages WHERE direction = 'in'") != 1 {
			t.Errorf("%s", ack.text)
		}
	})
}
