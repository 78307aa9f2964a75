package realtime

import (
	"sync"
	"time"
)

// maxArrived is how many bytes of frames may wait for one socket's handler; when
// there are more the line waits, as TCP has it.
const maxArrived = 256 << 10

// arrivals are the frames of a socket that have been read and not been handled.
// Reading ahead tells how long each has waited.
type arrivals struct {
	mu     sync.Mutex
	turned *sync.Cond // something was taken, or all is handled; made when needed
	frames []arrival
	bytes  int
	busy   bool // somebody handles
}

type arrival struct {
	text []byte
	at   time.Time
}

// put waits for room and adds a frame; alone means that nobody handles, so the
// caller has to see to it.
func (q *arrivals) put(a arrival) (alone bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes > maxArrived {
		q.await()
	}
	q.frames = append(q.frames, a)
	q.bytes += len(a.text)
	alone = !q.busy
	q.busy = true
	return alone
}

// take is the next frame; false when there is none, or none is wanted any more:
// then the handler is done.
func (q *arrivals) take(ended bool) (a arrival, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turned != nil {
		q.turned.Broadcast()
	}
	if len(q.frames) == 0 || ended {
		q.frames, q.bytes, q.busy = nil, 0, false
		return arrival{}, false
	}
	a = q.frames[0]
	q.frames[0] = arrival{}
	q.frames = q.frames[1:]
	q.bytes -= len(a.text)
	return a, true
}

// settle waits until everything is handled.
func (q *arrivals) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy {
		q.await()
	}
}

func (q *arrivals) await() {
	if q.turned == nil {
		q.turned = sync.NewCond(&q.mu)
	}
	q.turned.Wait()
}
