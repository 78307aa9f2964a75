// Package bus carries hints between the parts of a node and, in a cluster,
// between nodes: "there are new rows", "Lin is typing". With them go what nodes
// share for a while: limits, short-lived values, leases. All of it may be lost at
// any time; rows repair whatever matters.
package bus

import (
	"sync"
	"sync/atomic"
)

// TopicJoined is hinted on this node alone whenever it has come to the others,
// at first or again: what was said meanwhile has not been heard.
const TopicJoined = "bus/joined"

// Bus passes payloads to whoever listens at that moment. Implementations are
// safe for concurrent use.
type Bus interface {
	// Publish never blocks; a listener that is behind misses the payload. A nil
	// payload only wakes.
	Publish(topic string, payload []byte)
	// Subscribe delivers payloads of a topic until cancel is called, which
	// closes the channel. buffer is how many may wait; with 1, a listener that
	// only needs waking never misses that something happened.
	Subscribe(topic string, buffer int) (payloads <-chan []byte, cancel func())
}

// Cluster is what a node shares with the others.
type Cluster interface {
	Bus
	Limiter
	Shared
	Leases
}

// Memory is the Bus of a single process.
type Memory struct {
	mu   sync.RWMutex
	subs map[string]map[chan []byte]struct{}
	// missed counts payloads for which a listener had no room.
	missed atomic.Int64
}

// NewMemory returns an empty bus.
func NewMemory() *Memory { return &Memory{subs: map[string]map[chan []byte]struct{}{}} }

// Publish implements Bus.
func (m *Memory) Publish(topic string, payload []byte) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for c := range m.subs[topic] {
		select {
		case c <- payload:
		default:
			if len(payload) > 0 { // a wake that waits already says it all
				m.missed.Add(1)
			}
		}
	}
}

// wake wakes everybody who only needs waking, whatever the topic.
func (m *Memory) wake() {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, subs := range m.subs {
		for c := range subs {
			if cap(c) > 1 {
				continue
			}
			select {
			case c <- nil:
			default:
			}
		}
	}
}

// Subscribe implements Bus.
func (m *Memory) Subscribe(topic string, buffer int) (<-chan []byte, func()) {
	c := make(chan []byte, max(1, buffer))
	m.mu.Lock()
	if m.subs[topic] == nil {
		m.subs[topic] = map[chan []byte]struct{}{}
	}
	m.subs[topic][c] = struct{}{}
	m.mu.Unlock()
	var once sync.Once
	return c, func() {
		once.Do(func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.subs[topic], c)
			close(c)
		})
	}
}
