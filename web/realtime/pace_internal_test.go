package realtime

import (
	"testing"
	"time"
)

// Frames that come one upon the other may have waited since the last pause; one
// for which the reader had to wait has not waited at all.
func TestPace(t *testing.T) {
	at := time.UnixMilli(0)
	p := pace{at}
	for i, c := range []struct{ waited, handled, want time.Duration }{
		{time.Second, time.Second, 0}, {0, time.Second, time.Second}, {quiet, time.Second, 2*time.Second + quiet}, {2 * quiet, 0, 0}, {0, 0, 0},
	} {
		asked := at
		at = at.Add(c.waited)
		if got := p.backlog(asked, at); got != c.want {
			t.Errorf("frame %d may have waited %v, want %v", i, got, c.want)
		}
		at = at.Add(c.handled)
	}
}
