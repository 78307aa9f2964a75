package channels

import (
	"sort"

	"github.com/fanward/fanward/internal/fault"
)

// Registry knows the adapters of this program. It is filled while the program
// starts and only read afterwards.
type Registry struct{ adapters map[string]Adapter }

// NewRegistry returns a registry of the given adapters.
func NewRegistry(adapters ...Adapter) *Registry {
	r := &Registry{adapters: map[string]Adapter{}}
	for _, a := range adapters {
		r.adapters[a.Channel()] = a
	}
	return r
}

// Adapter returns the adapter of a channel, or the fault unknown_channel.
func (r *Registry) Adapter(channel string) (Adapter, error) {
	a, ok := r.adapters[channel]
	if !ok {
		return nil, fault.AtField("channel", "unknown_channel", fault.Params{"channel": channel})
	}
	return a, nil
}

// Channels lists the known channels by name.
func (r *Registry) Channels() []string {
	out := make([]string, 0, len(r.adapters))
	for name := range r.adapters {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
