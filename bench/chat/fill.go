package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/fanward/fanward/bench/program"
)

// What the filled database looks like: a busy house with a long past.
const (
	fillTeams     = 20
	fillAssignees = 200
	fillAccounts  = 10
	openShare     = 20 // one in so many conversations is open
	fillChunk     = 20_000
)

// fill writes n conversations of as many customers straight into the rows of a
// program that is not running.
func fill(dir string, n int) error {
	db, fit, err := program.Database(dir)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx := context.Background()
	if err := accounts(ctx, db); err != nil {
		return err
	}
	newest := time.Now().Add(-time.Hour).UnixMilli()
	for from := 0; from < n; from += fillChunk {
		to := min(n, from+fillChunk)
		// One statement a table and chunk: the engine counts, which is quicker than a row each.
		for _, q := range []string{
			`INSERT INTO customers (id, name, search_text, last_seen_at, created_at, updated_at)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT 10000000 + i, 'Customer ' || i, 'customer ' || i, ?3 - i * 900, ?3 - i * 900, ?3 FROM c`,
			`INSERT INTO identities (id, customer_id, home_id, kind, namespace, value, created_at)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT 10000000 + i, 10000000 + i, 10000000 + i, 'visitor', 'bench', 'v' || i, ?3 FROM c`,
			fmt.Sprintf(`INSERT INTO conversations (id, number, account_id, channel, customer_id, identity_id, status, assignee_id, team_id, last_inbound_at,
			   last_activity_at, last_seq, inbound_count, last_message, created_at)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT 10000000 + i, 1000 + i, 1000000 + i %% %d, 'webchat', 10000000 + i, 10000000 + i,
			   CASE WHEN i %% %d = 0 THEN 'open' WHEN i %% 97 = 0 THEN 'snoozed' ELSE 'resolved' END,
			   CASE WHEN i %% 3 = 0 THEN 0 ELSE 1000000 + i %% %d END, CASE WHEN i %% 2 = 0 THEN 0 ELSE 1000000 + i %% %d END,
			   ?3 - i * 900, ?3 - i * 900, 2, 1,
			   '{"seq":2,"direction":"in","kind":"text","preview":"Where is my parcel? 我的包裹在哪里？","author_name":null,"at":"2026-01-02T03:04:05.678Z"}', ?3 - i * 900
			 FROM c`, fillAccounts, openShare, fillAssignees, fillTeams),
			`INSERT INTO messages (id, conversation_id, seq, account_id, identity_id, direction, kind, author_kind, body, created_at)
			 WITH RECURSIVE c(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM c WHERE i + 1 < ?2)
			 SELECT 10000000 + i, 10000000 + i, 2, 1000000, 10000000 + i, 'in', 'text', 'customer', 'Where is my parcel? 我的包裹在哪里？', ?3 - i * 900 FROM c`,
		} {
			if _, err := db.ExecContext(ctx, fit(q, int64(from), int64(to), newest)); err != nil {
				return err
			}
		}
	}
	if _, err = db.ExecContext(ctx, `INSERT INTO conversation_counts (account_id, team_id, assignee_id, status, n)
		SELECT account_id, team_id, assignee_id, status, count(*) FROM conversations GROUP BY 1, 2, 3, 4`); err != nil {
		return err
	}
	return program.Settle(db)
}

func accounts(ctx context.Context, db *sql.DB) error {
	for i := range fillAccounts {
		_, err := db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO accounts (id, channel, name, public_key, status, config, created_at, updated_at)
			VALUES (%d, 'webchat', 'Shop %d', 'bench%d', 'active', '{}', 0, 0)`, 1_000_000+i, i, i))
		if err != nil {
			return err
		}
	}
	return nil
}
