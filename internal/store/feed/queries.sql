-- name: append
INSERT INTO changes (at, kind, audience, conversation_id, customer_id, identity_id, teammate_id, account_id,
  team_before, assignee_before, team_after, assignee_after, existed, payload, visitor_payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: after (sqlite)
SELECT xact, id, at, kind, audience, conversation_id, customer_id, identity_id, teammate_id, account_id,
  team_before, assignee_before, team_after, assignee_after, existed, payload, visitor_payload
FROM changes WHERE id > ? ORDER BY id LIMIT ?

-- name: after (postgres)
SELECT xact, id, at, kind, audience, conversation_id, customer_id, identity_id, teammate_id, account_id,
  team_before, assignee_before, team_after, assignee_after, existed, payload, visitor_payload
FROM changes
WHERE xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint AND (xact, id) > (?::bigint, ?::bigint)
ORDER BY xact, id LIMIT ?

-- name: head (sqlite)
SELECT 0, COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)

-- name: head (postgres)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807

-- name: oldest
SELECT COALESCE(max(xact), 0), COALESCE(max(id), 0) FROM cursors WHERE name = 'feed/pruned'

-- name: watermark-age (sqlite)
SELECT 0

-- name: watermark-age (postgres)
SELECT COALESCE((EXTRACT(EPOCH FROM clock_timestamp() - min(xact_start)) * 1000)::bigint, 0)
FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()

-- name: prune (sqlite)
DELETE FROM changes WHERE id IN (SELECT c.id FROM changes c WHERE c.at < ? ORDER BY c.id LIMIT ?) RETURNING xact, id

-- name: prune (postgres)
DELETE FROM changes WHERE id IN (SELECT c.id FROM changes c WHERE c.at < ? ORDER BY c.xact, c.id LIMIT ?) RETURNING xact, id

-- name: cursor
SELECT xact, id FROM cursors WHERE name = ?

-- name: save-cursor
INSERT INTO cursors (name, xact, id) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET xact = excluded.xact, id = excluded.id
