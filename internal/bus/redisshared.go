package bus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Take implements Limiter. What this node alone has seen is refused without
// asking; Redis adds what the others have seen.
func (r *Redis) Take(ctx context.Context, key string, burst int, every time.Duration) (time.Duration, func()) {
	wait, giveBack := r.limits.Take(ctx, key, burst, every)
	if wait > 0 {
		return wait, giveBack
	}
	at := []string{r.prefix + "limit:" + key}
	var left int64
	err := r.call(ctx, func(ctx context.Context) (err error) {
		left, err = takeScript.Run(ctx, r.client, at, burst, every.Microseconds()).Int64()
		return err
	})
	switch {
	case err != nil:
		return 0, giveBack // this node's memory decides
	case left > 0:
		giveBack()
		return time.Duration(left) * time.Microsecond, func() {}
	}
	return 0, func() {
		giveBack()
		_ = r.call(context.WithoutCancel(ctx), func(ctx context.Context) error {
			return giveBackScript.Run(ctx, r.client, at, every.Microseconds()).Err()
		})
	}
}

// Get implements Shared.
func (r *Redis) Get(ctx context.Context, key string) (value []byte, found bool) {
	err := r.call(ctx, func(ctx context.Context) (err error) {
		value, err = r.client.Get(ctx, r.prefix+"shared:"+key).Bytes()
		return err
	})
	return value, err == nil
}

// Put implements Shared.
func (r *Redis) Put(ctx context.Context, key string, value []byte, life time.Duration) {
	_ = r.call(ctx, func(ctx context.Context) error { return r.client.Set(ctx, r.prefix+"shared:"+key, value, life).Err() })
}

// Drop implements Shared.
func (r *Redis) Drop(ctx context.Context, key string, value []byte) {
	_ = r.call(ctx, func(ctx context.Context) error {
		return dropScript.Run(ctx, r.client, []string{r.prefix + "shared:" + key}, value).Err()
	})
}

// leases remembers for a moment what was answered.
type leases struct {
	mu    sync.Mutex
	known map[string]lease
}

type lease struct {
	held bool
	// until is how long the answer is believed.
	until time.Time
}

func newLeases() leases { return leases{known: map[string]lease{}} }

func (l *leases) read(name string, now time.Time) (held, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.known[name]
	return one.held, now.Before(one.until)
}

func (l *leases) write(name string, one lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[name] = one
}

func (l *leases) mine() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.known, func(_ string, one lease) bool { return !one.held })
	return slices.Sorted(maps.Keys(l.known))
}

// refusedFor is how long a refusal is believed at most.
const refusedFor = 250 * time.Millisecond

// Hold implements Leases. Most answers come from memory: a lease that is held is
// renewed when a quarter of its life is over.
func (r *Redis) Hold(ctx context.Context, name string, life time.Duration) bool {
	if !r.up.Load() {
		return true
	}
	asked := time.Now()
	if held, known := r.leases.read(name, asked); known {
		return held
	}
	var got int64
	err := r.call(ctx, func(ctx context.Context) (err error) {
		got, err = holdScript.Run(ctx, r.client, []string{r.prefix + "lease:" + name}, r.o.Node, life.Milliseconds()).Int64()
		return err
	})
	if err != nil {
		return true
	}
	one := lease{held: got == 1, until: asked.Add(life / 4)}
	if !one.held {
		one.until = asked.Add(min(life/4, refusedFor))
	}
	r.leases.write(name, one)
	return one.held
}

// Release implements Leases.
func (r *Redis) Release(ctx context.Context, name string) {
	r.leases.mu.Lock()
	delete(r.leases.known, name)
	r.leases.mu.Unlock()
	_ = r.call(ctx, func(ctx context.Context) error {
		return dropScript.Run(ctx, r.client, []string{r.prefix + "lease:" + name}, r.o.Node).Err()
	})
}
