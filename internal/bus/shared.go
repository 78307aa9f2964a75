package bus

import (
	"context"
	"time"

	"github.com/fanward/fanward/internal/clock"
)

// Shared holds values for all nodes for a while. Whoever puts secrets there seals
// them before.
type Shared interface {
	Get(ctx context.Context, key string) (value []byte, found bool)
	Put(ctx context.Context, key string, value []byte, life time.Duration)
	// Drop removes a value unless another has taken its place.
	Drop(ctx context.Context, key string, value []byte)
}

// Leases save work: of several nodes that would do the same, one does it. They
// protect nothing; rows do. Where nobody can be asked everybody holds.
type Leases interface {
	// Hold asks for a lease, or renews it: ask again well before life is over.
	Hold(ctx context.Context, name string, life time.Duration) bool
	// Release gives a lease up that this node holds.
	Release(ctx context.Context, name string)
}

// Single is the Cluster of one node: it remembers limits, shares nothing and
// holds every lease.
type Single struct {
	*Memory
	*MemoryLimiter
}

// NewSingle returns the cluster of a node that is alone.
func NewSingle(clk clock.Clock) Single { return Single{NewMemory(), NewMemoryLimiter(clk)} }

// Get implements Shared.
func (Single) Get(context.Context, string) ([]byte, bool) { return nil, false }

// Put implements Shared.
func (Single) Put(context.Context, string, []byte, time.Duration) {}

// Drop implements Shared.
func (Single) Drop(context.Context, string, []byte) {}

// Hold implements Leases.
func (Single) Hold(context.Context, string, time.Duration) bool { return true }

// Release implements Leases.
func (Single) Release(context.Context, string) {}
