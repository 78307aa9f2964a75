-- name: forget-key
DELETE FROM settings WHERE name = 'seal/key'

-- name: nodes-alive
SELECT count(*) FROM nodes WHERE expires_at > ?

-- name: setting
SELECT value FROM settings WHERE name = ?

-- name: set-setting
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- What was on its way when a restored archive was made.
-- name: doubt-deliveries
UPDATE deliveries SET state = 'sending', leased_by = '', lease_until = 1 WHERE state IN ('queued', 'claimed', 'sending')

-- name: doubt-contents
UPDATE delivery_contents SET sent_at = ? WHERE sent_at = 0 AND EXISTS (SELECT 1 FROM deliveries d WHERE d.id = delivery_contents.delivery_id AND d.state = 'sending')

-- name: pause-journeys
UPDATE journeys SET state = 'paused', epoch = epoch + 1, updated_at = ? WHERE state = 'live'

-- name: drop-sessions
DELETE FROM sessions

-- name: drop-links
DELETE FROM sign_in_links

-- name: sealed-elsewhere
SELECT name FROM accounts WHERE status <> 'disabled' AND (sealed_secret <> '' AND sealed_secret NOT LIKE ? OR sealed_credentials <> '' AND sealed_credentials NOT LIKE ?) ORDER BY id LIMIT 20

-- What /metrics shows of rows: each by an index, or bounded.
-- name: outbox-due
SELECT COALESCE(min(due.at), 0) FROM (
  SELECT (SELECT d.next_at FROM deliveries d WHERE d.account_id = a.id AND d.state = 'queued' ORDER BY d.next_at LIMIT 1) AS at FROM accounts a WHERE a.status = 'active') due
WHERE due.at <= ?

-- name: outbox-unknown
SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state IN ('failed', 'unknown') AND state = 'unknown' LIMIT 10000) found

-- name: outbox-failed
SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.state IN ('failed', 'unknown') AND d.state = 'failed'
  AND NOT EXISTS (SELECT 1 FROM delivery_contents x WHERE x.delivery_id = d.id AND x.settled_at > 0) LIMIT 10000) found

-- name: intake-due
SELECT COALESCE(min(next_at), 0) FROM inbound WHERE state = 'new' AND next_at <= ?

-- name: intake-failed
SELECT count(*) FROM (SELECT 1 FROM inbound WHERE state = 'failed' LIMIT 10000) found

-- name: jobs-due
SELECT COALESCE(min(run_at), 0) FROM jobs WHERE state = 'available' AND run_at <= ?

-- name: touched
SELECT count(*) FROM (SELECT 1 FROM touched LIMIT 100000) found

-- name: segments-due
SELECT COALESCE(min(due.at), 0) FROM (
  SELECT min(valid_until) AS at FROM memberships WHERE valid_until > 0 UNION ALL SELECT min(at) FROM segment_wakeups) due

-- name: journeys-due
SELECT COALESCE(min(due.at), 0) FROM (
  SELECT (SELECT e.wake_at FROM enrollments e WHERE e.journey_id = j.id AND e.state = 'active' ORDER BY e.wake_at, e.id LIMIT 1) AS at
  FROM journeys j WHERE j.state = 'live') due

-- name: signal-due
SELECT COALESCE((SELECT received_at FROM journey_signals WHERE NOT held ORDER BY id LIMIT 1), 0)

-- name: last-backup (sqlite)
SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'backup/last'

-- name: last-backup (postgres)
SELECT value::bigint FROM settings WHERE name = 'backup/last'

-- What the doctor asks.
-- name: anybody
SELECT count(*) FROM (SELECT 1 FROM teammates LIMIT 1) a_row

-- name: real-accounts
SELECT count(*) FROM accounts WHERE NOT sandbox

-- name: newest-file
SELECT blob_key FROM attachments WHERE message_id > 0 ORDER BY id DESC LIMIT 1

-- name: mail-accounts
SELECT config FROM accounts WHERE channel = 'email' AND NOT sandbox AND status <> 'disabled'

-- name: database-clock (sqlite)
SELECT 0

-- name: database-clock (postgres)
SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint
