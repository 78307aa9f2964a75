// Package bus carries hints between the parts of a node and, in a cluster,
// between nodes: "there are new rows", "Lin is typing". It may lose anything;
// rows repair whatever matters.
package bus

import "sync"

// Bus passes payloads to whoever listens at that moment. Implementations are
// safe for concurrent use.
type Bus interface {
	// Publish never blocks; a listener that is behind misses the payload.
	Publish(topic string, payload []byte)
	// Subscribe delivers payloads of a topic until cancel is called, which
	// closes the channel. buffer is how many may wait; with 1, a listener that
	// only needs waking never misses that something happened.
	Subscribe(topic string, buffer int) (payloads <-chan []byte, cancel func())
}

// Memory is the Bus of a single process.
type Memory struct {
	mu   sync.RWMutex
	subs map[string]map[chan []byte]struct{}
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
