package demo

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"time"
)

// item is something that happens at an instant; of two at the same one the
// first that was written down comes first.
type item struct {
	at    time.Time
	order int
	what  string
	do    func(ctx context.Context) error
}

type agenda struct {
	items []item
	last  int
}

func (a *agenda) Len() int { return len(a.items) }
func (a *agenda) Less(i, j int) bool {
	return cmp.Or(a.items[i].at.Compare(a.items[j].at), cmp.Compare(a.items[i].order, a.items[j].order)) < 0
}
func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }
func (a *agenda) Push(x any)    { a.items = append(a.items, x.(item)) }
func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items = a.items[:len(a.items)-1]
	return last
}

// at writes down what happens at an instant; what would happen after the year's
// end does not.
func (w *world) at(t time.Time, what string, do func(ctx context.Context) error) {
	if t.After(w.o.Now) {
		return
	}
	w.agenda.last++
	heap.Push(&w.agenda, item{t.UTC().Truncate(time.Millisecond), w.agenda.last, what, do})
}

// play lets everything happen in its order.
func (w *world) play(ctx context.Context) error {
	w.rounds()
	told := -1
	for w.agenda.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := heap.Pop(&w.agenda).(item)
		w.Clock.Stand(next.at)
		if err := next.do(ctx); err != nil {
			return fmt.Errorf("%s at %s: %w", next.what, next.at.Format(time.RFC3339), err)
		}
		if percent := int(100 * next.at.Sub(w.begin()) / Year); percent > told && w.o.Progress != nil {
			told = percent
			w.o.Progress(percent)
		}
	}
	w.Clock.Stand(w.o.Now)
	return w.settle(ctx)
}

// busySince is from when the program looks after people by the hour; before it
// there are no journeys, and once a day is enough.
func (w *world) busySince() time.Time { return w.o.Now.Add(-journeysSince - day) }

// rounds are when the program does what a server does all the time.
func (w *world) rounds() {
	for t := w.begin().Add(time.Hour); t.Before(w.busySince()); t = t.Add(day) {
		w.at(t, "a round", w.settle)
	}
	for t, every := w.busySince(), 2*time.Hour; t.Before(w.o.Now); t = t.Add(every) {
		switch left := w.o.Now.Sub(t); {
		case left < 6*time.Hour: // what is looked at call by call
			every = 5 * time.Minute
		case left < 10*day:
			every = time.Hour
		}
		if h := t.In(w.zone).Hour(); h >= 7 || h == 0 {
			w.at(t, "a round", w.settle)
		}
	}
	for t := w.begin().Add(day); t.Before(w.o.Now); t = t.Add(4 * day) {
		w.at(t, "upkeep", w.Upkeep)
	}
}

// settle takes the tracking calls of the time that has passed and lets
// everything follow them.
func (w *world) settle(ctx context.Context) error {
	if err := w.track(ctx); err != nil {
		return err
	}
	if w.Clock.Now().After(w.o.Now.Add(-2 * day)) { // the calls that are kept to look at
		if err := w.Customers.FlushCalls(ctx); err != nil {
			return err
		}
	}
	if _, err := w.Inbox.WakeDue(ctx); err != nil {
		return err
	}
	if _, err := w.Inbox.TasksDue(ctx); err != nil {
		return err
	}
	return w.follow(ctx)
}

// follow lets memberships, journeys and deliveries come to rest; what is not at
// rest after so many rounds goes on the next time.
func (w *world) follow(ctx context.Context) error {
	for range 20 {
		if _, err := w.Segments.Round(ctx); err != nil {
			return err
		}
		busy := false
		for {
			wait, err := w.Journeys.Work(ctx)
			if err != nil {
				return err
			}
			if wait > 0 {
				break
			}
			busy = true
		}
		if err := w.deliver(ctx); err != nil {
			return err
		}
		if !busy {
			return nil
		}
	}
	return nil
}
