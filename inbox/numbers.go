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
	// fewNumbers and manyNumbers bound how many are taken ahead at once: what a
	// process has taken and does not use is never given to anybody.
	fewNumbers, manyNumbers = 8, 128
	// rush is how soon numbers taken ahead have to run low to be followed by more.
	rush = 5 * time.Second
)

// numbers gives conversations their short numbers. Each is taken from the counter
// by the transaction that needs it, and on PostgreSQL whoever needs the next one
// waits for that transaction's end. So when several come at once, some are taken
// ahead, and the transactions need not meet. It is safe for concurrent use.
type numbers struct {
	db *store.DB

	mu      sync.Mutex
	stock   []span // taken ahead
	left    int64  // in the stock
	waiting int    // for the counter
	taking  bool
	some    int64 // were taken the last time,
	taken   time.Time
}

// span is the numbers from next up to last.
type span struct{ next, last int64 }

// nextTx returns a number that nobody else has.
func (n *numbers) nextTx(tx *store.Tx) (number int64, err error) {
	if tx.Engine() == store.SQLite { // one transaction at a time
		return number, tx.QueryRow(qNextNumber).Scan(&number)
	}
	if number = n.ahead(); number > 0 {
		return number, nil
	}
	defer func() {
		n.mu.Lock()
		n.waiting--
		n.mu.Unlock()
	}()
	return number, tx.QueryRow(qNextNumber).Scan(&number)
}

// ahead is a number that has been taken ahead; without one (0) the caller is going
// to wait for the counter.
func (n *numbers) ahead() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	soon := time.Since(n.taken) < rush
	if (n.left == 0 && n.waiting > 0 || n.left <= n.some/2 && soon) && !n.taking {
		if n.some = min(2*n.some, manyNumbers); !soon {
			n.some = fewNumbers
		}
		n.taking = true
		go n.take(n.some)
	}
	if n.left == 0 {
		n.waiting++
		return 0
	}
	n.left--
	first := &n.stock[0]
	number := first.next
	if first.next++; number == first.last {
		n.stock = n.stock[1:]
	}
	return number
}

// take takes some ahead. When that fails the transactions take their own.
func (n *numbers) take(some int64) {
	var last int64
	err := n.db.Write(context.Background(), func(tx *store.Tx) error { return tx.QueryRow(qTake, some, some).Scan(&last) })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taking = false
	if err == nil {
		n.stock = append(n.stock, span{last - some + 1, last})
		n.left += some
		n.taken = time.Now()
	}
}
