-- name: insert
INSERT INTO deliveries (id, idempotency_key, account_id, conversation_id, message_id, seq, identity_id, lane, purpose, automated, state, next_at, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING

-- name: by-key
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, updated_at FROM deliveries WHERE idempotency_key = ?

-- name: by-id
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, updated_at FROM deliveries WHERE id = ?

-- name: retry
UPDATE deliveries SET state = 'queued', next_at = ?, error_code = '', updated_at = ? WHERE id = ? AND state IN ('failed', 'unknown')

-- name: due-accounts
SELECT DISTINCT account_id FROM deliveries WHERE state = 'queued' AND next_at <= ?

-- name: next-due
SELECT COALESCE(min(next_at), 0) FROM deliveries WHERE state = 'queued' AND next_at > ?

-- name: claim
WITH due AS MATERIALIZED (
  SELECT d.id FROM deliveries d
  WHERE d.state = 'queued' AND d.account_id = ? AND d.next_at <= ?
    AND NOT EXISTS (
      SELECT 1 FROM deliveries e
      WHERE e.lane = d.lane AND (e.state IN ('claimed', 'sending') OR e.state = 'queued' AND (e.seq, e.id) < (d.seq, d.id)))
  ORDER BY d.next_at, d.id LIMIT ? {skip_locked})
UPDATE deliveries SET state = 'claimed', leased_by = ?, lease_until = ?, updated_at = ?
WHERE id IN (SELECT due.id FROM due)
RETURNING id, account_id, conversation_id, message_id, identity_id, seq, attempt, lane, lease_until, purpose, automated

-- name: lock-lane (sqlite)
SELECT ?

-- name: lock-lane (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(?::bigint)) locked

-- name: sending
UPDATE deliveries SET state = 'sending', attempt = attempt + 1, lease_until = ?, updated_at = ?
WHERE id = ? AND state = 'claimed' AND leased_by = ? AND lease_until = ?
  AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.lane = ? AND e.state = 'sending')

-- name: spent
UPDATE deliveries SET spent = ? WHERE id = ?

-- name: insert-attempt
INSERT INTO delivery_attempts (delivery_id, attempt, started_at, outcome) VALUES (?, ?, ?, 'sending')

-- name: end-attempt
UPDATE delivery_attempts SET ended_at = ?, outcome = ?, error_code = ? WHERE delivery_id = ? AND attempt = ? AND ended_at = 0

-- name: settle
UPDATE deliveries SET state = ?, next_at = ?, error_code = ?, provider_ref = ?, updated_at = ?, lease_until = 0
WHERE id = ? AND state IN ('claimed', 'sending') AND leased_by = ? AND lease_until = ?

-- name: by-ref
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, updated_at, identity_id FROM deliveries WHERE account_id = ? AND provider_ref = ? AND provider_ref <> ''

-- name: receipt
UPDATE deliveries SET state = ?, error_code = ?, updated_at = ? WHERE id = ? AND state = ?

-- name: suppressed
SELECT suppressed FROM identities WHERE id = ?

-- name: suppress
UPDATE identities SET suppressed = ? WHERE id = ?

-- name: expired
SELECT d.id, d.account_id, d.conversation_id, d.message_id, d.identity_id, d.seq, d.attempt, d.lane, d.lease_until, d.state, a.channel
FROM deliveries d JOIN accounts a ON a.id = d.account_id
WHERE d.state IN ('claimed', 'sending') AND d.id > ? AND (d.lease_until < ? OR d.lease_until > ?) ORDER BY d.id LIMIT 500

-- name: rescue
UPDATE deliveries SET state = ?, error_code = ?, next_at = ?, updated_at = ?, lease_until = 0 WHERE id = ? AND state = ? AND lease_until = ?
