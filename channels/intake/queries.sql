-- name: keep
INSERT INTO inbound (id, account_id, lane, dedup_key, body, blob_key, state, next_at, received_at)
VALUES (?, ?, ?, ?, ?, ?, 'new', ?, ?) ON CONFLICT (dedup_key) DO NOTHING

-- name: claim
WITH due AS MATERIALIZED (
  SELECT i.id FROM inbound i
  WHERE i.state = 'new' AND i.next_at <= ? AND (i.lease_until < ? OR i.lease_until > ?)
    -- With OFFSET PostgreSQL asks the index for each row. Otherwise it joins, and as
    -- its statistics know of nothing new it reads all that is new for each row of it.
    AND NOT EXISTS (SELECT 1 FROM inbound e WHERE e.state = 'new' AND e.account_id = i.account_id AND e.lane = i.lane AND e.id < i.id LIMIT 1 OFFSET 0)
  ORDER BY i.next_at, i.id LIMIT ? {skip_locked})
UPDATE inbound SET leased_by = ?, lease_until = ?, attempt = attempt + 1 WHERE id IN (SELECT due.id FROM due)
RETURNING id, account_id, lane, dedup_key, body, blob_key, attempt, received_at, lease_until

-- name: first
SELECT COALESCE(min(next_at), 0) FROM inbound WHERE state = 'new' AND (lease_until < ? OR lease_until > ?)

-- name: next-due
SELECT COALESCE(min(next_at), 0) FROM inbound WHERE state = 'new' AND next_at > ?

-- name: settle
UPDATE inbound SET state = ?, attempt = ?, next_at = ?, error_code = ?, ended_at = ?, lease_until = 0
WHERE id = ? AND state = 'new' AND leased_by = ? AND lease_until = ?

-- name: own
SELECT id, lease_until FROM inbound WHERE state = 'new' AND lease_until > 0 AND leased_by = ?

-- name: orphan
UPDATE inbound SET lease_until = 0 WHERE id = ? AND state = 'new' AND leased_by = ? AND lease_until = ?

-- name: release
UPDATE inbound SET lease_until = 0 WHERE state = 'new' AND leased_by = ?

-- name: free
UPDATE inbound SET lease_until = 0 WHERE state = 'new' AND lease_until > 0

-- name: failed
SELECT i.id, i.account_id, a.channel, i.attempt, i.error_code, i.received_at, i.ended_at
FROM inbound i JOIN accounts a ON a.id = i.account_id WHERE i.state = 'failed' ORDER BY i.ended_at DESC, i.id DESC LIMIT ?

-- name: retry
UPDATE inbound SET state = 'new', next_at = ?, error_code = '', attempt = 0, ended_at = 0 WHERE id = ? AND state = 'failed'

-- name: knows-blob
SELECT count(*) FROM inbound WHERE blob_key = ? AND blob_key <> ''

-- name: done-before
SELECT id, blob_key FROM inbound WHERE state = 'done' AND ended_at < ? ORDER BY ended_at LIMIT ?

-- name: forget
DELETE FROM inbound WHERE id = ? AND state = 'done'
