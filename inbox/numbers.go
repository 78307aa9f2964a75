package inbox

import (
	"context"
	"sync"
	"time"

	"github.com/fanward/fanward/internal/store"
)

var (
	qNextNumber = queries.Get("next-number")
	qTake       = queries.Get("take-numbers")
)

const (
	// manyNumbers bounds how many are taken ahead at once: what a process has taken
	// and does not use is never given to anybody.
	manyNumbers = 256
	// rush is how soon after the last ones somebody has to ask for more to be taken
	// than are waited for.
	rush = 100 * time.Millisecond
	// numberPatience is how long a transaction waits for its number to be taken beside it.
	numberPatience = time.Second
)

// numbers gives conversations their short numbers. Whoever has counted one keeps
// the counter from everybody else until the end of their transaction, and on
// PostgreSQL, where many open conversations at once, that is what all would wait
// for. There the numbers of all who need one are taken together, in a short
// transaction beside theirs. It is safe for concurrent use.
type numbers struct {
	db       *store.DB
	patience time.Duration // how long a transaction waits

	mu     sync.Mutex
	stock  []span // taken ahead
	wait   []chan int64
	taking bool
	some   int // were taken the last time,
	taken  time.Time
}

// span is the numbers from next up to last.
type span struct{ next, last int64 }

// nextTx returns a number that nobody else has. Those of a transaction that fails
// are left out.
func (n *numbers) nextTx(tx *store.Tx) (number int64, err error) {
	if tx.Engine() == store.Postgres {
		if number = n.beside(); number > 0 {
			return number, nil
		}
	}
	return number, tx.QueryRow(qNextNumber).Scan(&number)
}

// beside is a number that has been taken beside the transaction; 0 when that
// takes too long.
func (n *numbers) beside() int64 {
	n.mu.Lock()
	if len(n.stock) > 0 {
		defer n.mu.Unlock()
		return n.pop()
	}
	mine := make(chan int64, 1)
	n.wait = append(n.wait, mine)
	if !n.taking {
		n.taking = true
		go n.take()
	}
	n.mu.Unlock()
	patience := time.NewTimer(n.patience)
	defer patience.Stop()
	select {
	case number := <-mine:
		return number
	case <-patience.C:
		return 0
	}
}

func (n *numbers) pop() int64 {
	first := &n.stock[0]
	number := first.next
	if first.next++; number == first.last {
		n.stock = n.stock[1:]
	}
	return number
}

// take takes numbers as long as somebody waits for one. When that fails the
// transactions count for themselves.
func (n *numbers) take() {
	for {
		n.mu.Lock()
		if len(n.wait) == 0 {
			n.taking = false
			n.mu.Unlock()
			return
		}
		some := len(n.wait)
		if time.Since(n.taken) < rush {
			some = min(max(2*n.some, some), manyNumbers)
		}
		n.mu.Unlock()
		var last int64
		err := n.db.WriteAside(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(qTake, some, some).Scan(&last) })
		n.mu.Lock()
		if err == nil {
			n.stock = append(n.stock, span{last - int64(some) + 1, last})
			n.some, n.taken = some, time.Now()
		}
		for len(n.wait) > 0 && (err != nil || len(n.stock) > 0) {
			number := int64(0)
			if err == nil {
				number = n.pop()
			}
			n.wait[0] <- number
			n.wait = n.wait[1:]
		}
		n.mu.Unlock()
	}
}
