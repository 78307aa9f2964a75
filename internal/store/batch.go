package store

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// batch gathers members behind first, commits them together and tells each its
// outcome. Nobody hears anything before COMMIT has returned: not of success,
// and not of a failure either, since a closure may have failed because of what
// it read of a neighbour (a client key seen a second time, say) and that must
// be durable first.
func (w *writer) batch(first *member) {
	start := time.Now()
	w.taken = append(w.taken[:0], first)
	for len(w.taken) > 0 {
		w.taken = w.attempt(w.taken, start, true)
	}
}

// attempt runs one transaction over members and, when it may gather, what
// arrives meanwhile. It returns the members that have to run again; each call
// tells at least one of them its outcome, so repeating it ends.
func (w *writer) attempt(members []*member, start time.Time, gather bool) (again []*member) {
	if err := w.begin(); err != nil {
		w.tell(members, w.db.wrap("begin", err))
		return nil
	}
	for i := 0; i < len(members); i++ {
		m := members[i]
		if !m.begun() {
			members = append(members[:i], members[i+1:]...)
			w.taken = members
			i--
			continue
		}
		m.turns.leave(m.turn)
		if !w.runMember(m) {
			// The transaction is gone. m has broken it; its neighbours have
			// lost their work through no fault of theirs and run again.
			_ = w.exec("ROLLBACK") // an error says that it is gone already
			m.done <- w.db.wrap("write", m.err)
			return append(members[:i], members[i+1:]...)
		}
		if gather && i == len(members)-1 && len(members) < maxBatch && time.Since(start) < maxBatchWork {
			if next := w.next(); next != nil {
				members = append(members, next)
				w.taken = members
			}
		}
	}
	if len(members) == 0 {
		_ = w.exec("ROLLBACK") // everybody has gone away
		return nil
	}
	return w.commit(members, start)
}

// runMember runs one closure in a savepoint. open is false when the closure's
// failure took the whole transaction with it.
func (w *writer) runMember(m *member) (open bool) {
	var sticky error
	m.tx = &Tx{conn: conn{ctx: context.Background(), db: w.db, run: w.prepare, sticky: &sticky, single: true}}
	if m.err = w.exec("SAVEPOINT member"); m.err == nil {
		m.err = m.tx.finish(w.db.protect(m.tx, m.fn))
		sticky = errTxEnded
	}
	if m.err == nil {
		// Also proves that the closure left the transaction and its savepoint standing.
		if m.err = w.exec("RELEASE member"); m.err == nil {
			return true
		}
	}
	if err := w.exec("ROLLBACK TO member"); err != nil {
		return false
	}
	return w.exec("RELEASE member") == nil
}

func (db *DB) panicked(p any) error {
	db.log.Error("a write closure panicked", slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
	return fmt.Errorf("a write closure panicked: %v", p)
}

// commit flushes the batch and tells its members. When that fails, those whose
// closures had succeeded are told so and the others run again, since what they
// may have seen of the former has never been. Only a failure that one member
// alone can have caused (a deferred constraint) is looked for one by one.
func (w *writer) commit(members []*member, start time.Time) (again []*member) {
	worked := time.Now()
	if err := w.exec("COMMIT"); err != nil {
		_ = w.exec("ROLLBACK")
		err = w.db.wrap("commit", err)
		if len(members) > 1 && storageCode(err) == "" {
			w.db.log.Warn("a batch cannot be committed; its members are tried one by one", "members", len(members), "error", err)
			w.oneByOne(members)
			return nil
		}
		for _, m := range members {
			if m.err == nil {
				m.done <- err
			} else {
				again = append(again, m)
			}
		}
		return again
	}
	if n := accepted(members); n > 0 {
		select {
		case w.committed <- struct{}{}:
		default:
		}
		w.observe(n, worked.Sub(start), time.Since(worked))
		w.announce(members)
	}
	for _, m := range members {
		m.done <- m.err
	}
	return nil
}

func accepted(members []*member) (n int) {
	for _, m := range members {
		if m.err == nil {
			n++
		}
	}
	return n
}

// announce passes on what the committed members hinted, each topic once.
func (w *writer) announce(members []*member) {
	var announced map[string]bool
	for _, m := range members {
		if m.err != nil {
			continue
		}
		for _, h := range m.tx.hints {
			if announced == nil {
				announced = map[string]bool{}
			}
			if !announced[h] {
				announced[h] = true
				w.db.notify(h)
			}
		}
	}
}

// oneByOne gives each member a transaction of its own.
func (w *writer) oneByOne(members []*member) {
	members = append([]*member(nil), members...)
	for i, m := range members {
		w.taken = members[i:]
		for alone := []*member{m}; len(alone) > 0; {
			alone = w.attempt(alone, time.Now(), false)
		}
	}
}
