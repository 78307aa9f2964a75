package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fanward/fanward/bench/program"
)

// What the people of the database did, and where the first of them stands.
const (
	firstPerson = 10_000_000
	fillChunk   = 20_000
	day         = 24 * time.Hour
)

var names = []string{"Order Completed", "Order Refunded", "Product Viewed", "Cart Viewed", "Signed In", "Coupon Used", "Review Written", "Newsletter Read", "Store Visited", "Points Redeemed"}

// fill writes people and what they did in the last year straight into the rows of
// a program that is not running.
func fill(dir string, people, events int) error {
	db, fit, err := program.Database(dir)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx := context.Background()
	for i, name := range names {
		if _, err := db.ExecContext(ctx, fit(fmt.Sprintf("INSERT INTO event_names (id, name) VALUES (%d, '%s')", 1000+i, name))); err != nil {
			return err
		}
	}
	now := time.Now().UnixMilli()
	for from := 0; from < people; from += fillChunk {
		to := min(people, from+fillChunk)
		for _, q := range []string{
			`INSERT INTO customers (id, name, search_text, last_seen_at, created_at, updated_at, facts)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT ?4 + i, 'p' || i, 'p' || i, ?3 - abs(random() % 31536000000), ?3 - 31536000000, ?3,
			   '{"$name":{"s":"p' || i || '"},"plan":{"s":"' || CASE i % 4 WHEN 0 THEN 'pro' WHEN 1 THEN 'team' ELSE 'free' END || '"},"score":{"n":' || ((i % 100) * 1000000) || '}}' FROM c`,
			`INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, verified, created_at)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT ?4 + i, ?4 + i, ?4 + i, 'external', 'installation', 'u' || i, TRUE, ?3 FROM c`,
			fmt.Sprintf(`INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2), k(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM k WHERE j + 1 < %[1]d)
			 SELECT ?4 + i * %[1]d + j, ?4 + i, ?4 + i, 1000 + abs(random() %% %[2]d), ?3 - abs(random() %% 31536000000), ?3, '{}',
			   '{"amount":{"n":' || (abs(random() %% 500) * 1000000) || '},"city":{"s":"' || CASE j %% 3 WHEN 0 THEN '上海' WHEN 1 THEN 'berlin' ELSE 'lyon' END || '"}}' FROM c, k`, events, len(names)),
		} {
			if _, err := db.ExecContext(ctx, fit(q, int64(from), int64(to), now, firstPerson)); err != nil {
				return err
			}
		}
	}
	return program.Settle(db)
}
