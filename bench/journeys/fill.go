package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/internal/clock"
	"github.com/fanward/fanward/internal/ids"
	"github.com/fanward/fanward/internal/store"
	"github.com/fanward/fanward/segments/rule"
)

// nobody is a condition that holds of nobody.
var nobody = rule.Node{Kind: rule.Any, Of: []rule.Node{{Kind: rule.Stage, Values: []any{"fan"}}}}

// everybody answers conditions without looking: the rows of journeys are measured.
type everybody struct{}

func (everybody) Match(store.Querier, rule.Node, ids.ID, time.Time) (bool, error) { return false, nil }
func (everybody) People(context.Context, rule.Node, ids.ID, int) ([]ids.ID, error) {
	return nil, nil
}
func (everybody) WatchTx(*store.Tx, string, rule.Node) error { return nil }
func (everybody) UnwatchTx(*store.Tx, string) error          { return nil }

// fillPage is how many people one transaction of the filling stores.
const fillPage = 500

// fill puts people at the first node of a journey's live version, each to be let
// on at an instant of their own.
func (b *bench) fill(ctx context.Context, journey ids.ID, people int, wake func(i int) time.Time) error {
	var version ids.ID
	var q store.Builder
	query, args := q.Add("SELECT version_id FROM journeys WHERE id = ?", journey).Query()
	if err := b.db.Reader(ctx).QueryRow(query, args...).Scan(&version); err != nil {
		return err
	}
	for from := 0; from < people; from += fillPage {
		n := min(fillPage, people-from)
		err := b.db.Write(ctx, func(tx *store.Tx) error { return b.page(tx, journey, version, from, n, wake) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) page(tx *store.Tx, journey, version ids.ID, from, n int, wake func(i int) time.Time) error {
	now := clock.Millis(b.clk.Now())
	var c, i, e store.Builder
	c.Add("INSERT INTO customers (id, created_at, updated_at) VALUES")
	i.Add("INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, verified, created_at) VALUES")
	e.Add(`INSERT INTO enrollments (id, journey_id, version_id, customer_id, identity_id, entry_key, state, node, visit, entered_node_at, wake_at, started_at) VALUES`)
	for k := range n {
		if k > 0 {
			c.Add(",")
			i.Add(",")
			e.Add(",")
		}
		id, identity := b.ids.Next(), b.ids.Next()
		c.Add("(?, ?, ?)", id, now, now)
		i.Add("(?, ?, ?, 'external', 'installation', ?, TRUE, ?)", identity, id, id, id.String(), now)
		e.Add("(?, ?, ?, ?, ?, ?, 'active', 'wait', 1, ?, ?, ?)", b.ids.Next(), journey, version, id, identity, fmt.Sprintf("bench/%d", from+k), now, clock.Millis(wake(from+k)), now)
	}
	for _, builder := range []*store.Builder{&c, &i, &e} {
		query, args := builder.Query()
		if _, err := tx.Exec(query, args...); err != nil {
			return err
		}
	}
	return nil
}
