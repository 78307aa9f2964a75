// Package load drives work at a fixed rate (open loop: a slow answer never
// slows the asking) or as fast as it goes, and sums up how long each took.
package load

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Result sums up a run.
type Result struct {
	// Done and Failed count the pieces of work; Dropped those never begun
	// because too many were still under way.
	Done, Failed, Dropped int
	// Elapsed is from the first piece due until the last has ended, be it that it
	// was given up.
	Elapsed time.Duration
	// Latencies of the pieces that were done are counted from the instant each was
	// due, ascending.
	Latencies []time.Duration
	// CPU is what this process used meanwhile.
	CPU time.Duration
	// First is the first failure.
	First error
}

// cpu is the processor time this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Rate is pieces done per second; waiting for those that are given up lowers it.
func (r Result) Rate() float64 { return float64(r.Done) / r.Elapsed.Seconds() }

// Quantile is the latency below which the share q of the pieces that were done
// ended.
func (r Result) Quantile(q float64) time.Duration {
	if len(r.Latencies) == 0 {
		return 0
	}
	return r.Latencies[min(len(r.Latencies)-1, int(q*float64(len(r.Latencies))))]
}

// collector gathers from many goroutines.
type collector struct {
	mu    sync.Mutex
	r     Result
	start time.Time
	used  time.Duration
}

func begin() *collector { return &collector{start: time.Now(), used: cpu()} }

func (c *collector) add(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.r.Failed++
		if c.r.First == nil {
			c.r.First = err
		}
		return
	}
	c.r.Done++
	c.r.Latencies = append(c.r.Latencies, took)
}

func (c *collector) result() Result {
	c.r.Elapsed, c.r.CPU = time.Since(c.start), cpu()-c.used
	slices.Sort(c.r.Latencies)
	return c.r
}

// MaxUnderWay is how many pieces of an open loop may wait at once.
const MaxUnderWay = 20000

// Open starts rate pieces a second for d, each in its own goroutine; work gets
// the piece's number. It returns when all have ended.
func Open(rate int, d time.Duration, work func(n int) error) Result {
	c := begin()
	var wg sync.WaitGroup
	var underWay atomic.Int64
	total := int(d.Seconds() * float64(rate))
	for n := range total {
		due := c.start.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if underWay.Load() >= MaxUnderWay {
			c.r.Dropped++
			continue
		}
		underWay.Add(1)
		wg.Go(func() {
			defer underWay.Add(-1)
			err := work(n)
			c.add(time.Since(due), err)
		})
	}
	wg.Wait()
	return c.result()
}

// Closed keeps the given number of pieces under way for d.
func Closed(workers int, d time.Duration, work func(n int) error) Result {
	c := begin()
	var wg sync.WaitGroup
	var n atomic.Int64
	for range workers {
		wg.Go(func() {
			for time.Since(c.start) < d {
				due := time.Now()
				err := work(int(n.Add(1)))
				c.add(time.Since(due), err)
			}
		})
	}
	wg.Wait()
	return c.result()
}
