-- name: insert
INSERT INTO deliveries (id, idempotency_key, account_id, conversation_id, message_id, seq, identity_id, lane, purpose, automated, state, next_at, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING

-- name: by-key
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, error_detail, updated_at FROM deliveries WHERE idempotency_key = ?

-- name: by-id
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, error_detail, updated_at FROM deliveries WHERE id = ?

-- name: retry
UPDATE deliveries SET state = 'queued', next_at = ?, error_code = '', error_detail = '', updated_at = ? WHERE id = ? AND state IN ('failed', 'unknown')

-- name: due-accounts
SELECT a.id FROM accounts a WHERE EXISTS (SELECT 1 FROM deliveries d WHERE d.account_id = a.id AND d.state = 'queued' AND d.automated IN (FALSE, TRUE) AND d.next_at <= ?)

-- name: next-due
SELECT COALESCE(min(next), 0) FROM (
  SELECT (SELECT min(d.next_at) FROM deliveries d WHERE d.account_id = a.id AND d.state = 'queued' AND d.automated = k.automated AND d.next_at > ?) AS next
  FROM accounts a CROSS JOIN (SELECT FALSE AS automated UNION ALL SELECT TRUE) k
) due

-- name: claim
WITH due AS MATERIALIZED (
  SELECT d.id FROM deliveries d
  WHERE d.state = 'queued' AND d.account_id = ? AND d.automated = ? AND d.next_at <= ?
    AND NOT EXISTS (
      SELECT 1 FROM deliveries e
      WHERE e.lane = d.lane AND e.state IN ('queued', 'claimed', 'sending')
        AND (e.state <> 'queued' OR (e.seq, e.id) < (d.seq, d.id) AND (e.conversation_id <> 0 OR e.next_at <= ?))
      LIMIT 1 OFFSET 0) -- as in intake's claim: by the index, however much waits
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
  AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.lane = ? AND e.state IN ('queued', 'claimed', 'sending') AND e.state = 'sending')

-- name: spent
UPDATE deliveries SET spent = ? WHERE id = ?

-- name: insert-attempt
INSERT INTO delivery_attempts (delivery_id, attempt, started_at, outcome) VALUES (?, ?, ?, 'sending')

-- name: end-attempt
UPDATE delivery_attempts SET ended_at = ?, outcome = ?, error_code = ? WHERE delivery_id = ? AND attempt = ? AND ended_at = 0

-- name: settle
UPDATE deliveries SET state = ?, next_at = ?, error_code = ?, error_detail = ?, provider_ref = ?, updated_at = ?, lease_until = 0
WHERE id = ? AND state IN ('claimed', 'sending') AND leased_by = ? AND lease_until = ?

-- name: by-ref
SELECT id, conversation_id, message_id, seq, state, attempt, error_code, error_detail, updated_at, identity_id FROM deliveries WHERE account_id = ? AND provider_ref = ? AND provider_ref <> ''

-- name: receipt
UPDATE deliveries SET state = ?, error_code = ?, error_detail = ?, updated_at = ? WHERE id = ? AND state = ?

-- name: suppressed
SELECT suppressed FROM identities WHERE id = ?

-- name: suppress
UPDATE identities SET suppressed = ? WHERE id = ?

-- name: expired
SELECT d.id, d.account_id, d.conversation_id, d.message_id, d.identity_id, d.seq, d.attempt, d.lane, d.lease_until, d.state, a.channel
FROM deliveries d JOIN accounts a ON a.id = d.account_id
WHERE d.state IN ('claimed', 'sending') AND +d.id > ? AND (d.lease_until < ? OR d.lease_until > ?) ORDER BY +d.id LIMIT 500

-- name: own
SELECT d.id, d.account_id, d.conversation_id, d.message_id, d.identity_id, d.seq, d.attempt, d.lane, d.lease_until, d.state, a.channel
FROM deliveries d JOIN accounts a ON a.id = d.account_id WHERE d.state IN ('claimed', 'sending') AND d.leased_by = ? ORDER BY +d.id

-- name: still
UPDATE deliveries SET updated_at = ? WHERE id = ? AND state = 'sending' AND leased_by = ? AND lease_until = ?

-- name: release
UPDATE deliveries SET lease_until = 1 WHERE state IN ('claimed', 'sending') AND leased_by = ?

-- name: rescue
UPDATE deliveries SET state = ?, error_code = ?, error_detail = '', next_at = ?, updated_at = ?, lease_until = 0 WHERE id = ? AND state = ? AND lease_until = ?

-- name: setting
SELECT value FROM settings WHERE name = ?

-- name: set-setting
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: lock-recipient (sqlite)
SELECT k.id, k.timezone, i.suppressed FROM identities i JOIN customers k ON k.id = i.customer_id WHERE i.id = ?

-- name: lock-recipient (postgres)
SELECT k.id, k.timezone, i.suppressed FROM identities i JOIN customers k ON k.id = i.customer_id WHERE i.id = ? FOR UPDATE OF k

-- name: cap-count
SELECT count(*) FROM identities i JOIN delivery_contents x ON x.identity_id = i.id
WHERE i.customer_id = ? AND x.sent_at > ? AND x.purpose = 'marketing' AND x.delivery_id <> ?

-- name: insert-content
INSERT INTO delivery_contents (delivery_id, identity_id, account_id, channel, purpose, subject, body, source, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: content
SELECT x.identity_id, i.customer_id, x.channel, x.purpose, x.subject, x.body, x.source, x.created_at, x.sent_at FROM delivery_contents x JOIN identities i ON i.id = x.identity_id WHERE x.delivery_id = ?

-- name: content-sent
UPDATE delivery_contents SET sent_at = ?, held_until = 0 WHERE delivery_id = ?

-- name: content-held
UPDATE delivery_contents SET held_until = ? WHERE delivery_id = ?

-- name: address
SELECT i.kind, i.namespace, i.value, i.verified, k.locale FROM identities i JOIN customers k ON k.id = i.customer_id WHERE i.id = ?

-- name: end
UPDATE deliveries SET state = ?, error_code = ?, error_detail = '', updated_at = ? WHERE id = ? AND state = 'queued'

-- name: hold
UPDATE deliveries SET next_at = ?, error_code = ?, error_detail = '', updated_at = ? WHERE id = ? AND state = 'queued'

-- name: posted
UPDATE deliveries SET state = 'sent', attempt = attempt + 1, conversation_id = ?, message_id = ?, seq = ?, lane = ?, error_code = '', error_detail = '', updated_at = ?, lease_until = 0 WHERE id = ?

-- name: account-status
SELECT a.id, a.status FROM deliveries d JOIN accounts a ON a.id = d.account_id WHERE d.id = ?

-- name: unclaim
UPDATE deliveries SET state = 'queued', lease_until = 0, updated_at = ? WHERE id = ? AND state = 'claimed' AND leased_by = ? AND lease_until = ?

-- name: person
SELECT CASE WHEN merged_into > 0 THEN merged_into ELSE id END FROM customers WHERE id = ?

-- name: ways
SELECT i.id, i.namespace, i.suppressed, i.open_until, i.grants FROM identities i
WHERE i.customer_id = ? AND i.kind = ?
ORDER BY i.open_until DESC, i.verified DESC, (SELECT COALESCE(max(c.last_activity_at), 0) FROM conversations c WHERE c.identity_id = i.id) DESC, i.id DESC LIMIT 100

-- name: channel-accounts
SELECT a.id, COALESCE((SELECT max(c.last_activity_at) FROM conversations c WHERE c.customer_id = ? AND c.account_id = a.id), 0) AS used
FROM accounts a WHERE a.channel = ? AND a.status = 'active'
  -- The sandbox ends with the first real account.
  AND (NOT a.sandbox OR NOT EXISTS (SELECT 1 FROM accounts r WHERE NOT r.sandbox))
ORDER BY used DESC, a.id
