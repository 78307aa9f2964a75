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

-- Three views of the same thing, since no single one sees everything: sessions
-- (other roles' are hidden without pg_read_all_stats), prepared transactions,
-- and how long the first change that is held back has been waiting. None is
-- limited to this database: the watermark is the whole server's.
-- name: watermark-age (postgres)
SELECT GREATEST(0,
  (SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(xact_start)) * 1000 FROM pg_stat_activity WHERE backend_xid IS NOT NULL),
  (SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(prepared)) * 1000 FROM pg_prepared_xacts),
  (SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 - at FROM changes
    WHERE xact >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY xact, id LIMIT 1))::bigint

-- Only the oldest rows are looked at, so that a call that finds nothing costs
-- next to nothing, and none that a durable follower has yet to read.
-- name: prune (sqlite)
DELETE FROM changes WHERE id IN (
  SELECT o.id FROM (SELECT c.id, c.at FROM changes c ORDER BY c.id LIMIT ?) o
  WHERE o.at < ? AND NOT EXISTS (SELECT 1 FROM cursors f WHERE f.name <> 'feed/pruned' AND f.id < o.id))
RETURNING xact, id

-- name: prune (postgres)
DELETE FROM changes WHERE id IN (
  SELECT o.id FROM (SELECT c.xact, c.id, c.at FROM changes c
    WHERE c.xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY c.xact, c.id LIMIT ?) o
  WHERE o.at < ? AND NOT EXISTS (SELECT 1 FROM cursors f WHERE f.name <> 'feed/pruned' AND (f.xact, f.id) < (o.xact, o.id)))
RETURNING xact, id

-- name: raise-cursor
INSERT INTO cursors (name, xact, id) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET xact = excluded.xact, id = excluded.id
WHERE (excluded.xact, excluded.id) > (cursors.xact, cursors.id)

-- name: cursor
SELECT xact, id FROM cursors WHERE name = ?

-- name: save-cursor
INSERT INTO cursors (name, xact, id) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET xact = excluded.xact, id = excluded.id

-- name: drop-cursor
DELETE FROM cursors WHERE name = ?

-- name: renumber (sqlite)
INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)

-- PostgreSQL's positions begin with its own transactions.
-- name: renumber (postgres)
SELECT ?::bigint

-- name: unnumber (sqlite)
DELETE FROM sqlite_sequence WHERE name = 'changes'

-- name: unnumber (postgres)
SELECT 1
