package main

import (
	"context"
	"fmt"

	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/web/realtime"
)

// shownNewest is how many of the newest rows decide whether a page shows something
// else: as many as people see without asking for more.
const shownNewest = 50

// shown answers for the sockets what there is to be shown of what they watch.
func (a *app) shown(ctx context.Context, w realtime.Watched) ([]ids.ID, error) {
	switch w.Of {
	case realtime.WatchedEvents:
		return a.customers.NewestEvents(ctx, 0, shownNewest)
	case realtime.WatchedCalls:
		return a.customers.NewestCalls(ctx, shownNewest)
	case realtime.WatchedCustomer:
		events, err := a.customers.NewestEvents(ctx, w.Customer, shownNewest)
		if err != nil {
			return nil, err
		}
		in, err := a.segments.OfCustomer(ctx, w.Customer)
		for _, segment := range in {
			events = append(events, segment.ID)
		}
		return events, err
	}
	return nil, fmt.Errorf("nobody knows what is shown of %q", w.Of)
}
