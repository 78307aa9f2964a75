-- name: insert
INSERT INTO jobs (id, kind, unique_key, payload, state, max_attempts, run_at, created_at)
VALUES (?, ?, ?, ?, 'available', ?, ?, ?)
ON CONFLICT (unique_key) DO NOTHING

-- name: by-key
SELECT id FROM jobs WHERE unique_key = ?

-- name: next-due
SELECT COALESCE(min(run_at), -1) FROM jobs WHERE state = 'available' AND kind = ?

-- name: claim
UPDATE jobs SET state = 'running', attempt = attempt + 1, leased_by = ?, lease_until = ?
WHERE id IN (SELECT j.id FROM jobs j WHERE j.state = 'available' AND j.kind = ? AND j.run_at <= ?
  ORDER BY j.run_at, j.id LIMIT ? {skip_locked})
RETURNING id, payload, attempt, max_attempts, run_at, created_at

-- name: renew
UPDATE jobs SET lease_until = ? WHERE state = 'running' AND leased_by = ?

-- name: finish
UPDATE jobs SET state = ?, run_at = ?, attempt = attempt - ?, last_error = ?, finished_at = ?, leased_by = '', lease_until = 0
WHERE id = ? AND state = 'running' AND leased_by = ? AND attempt = ?

-- name: own
SELECT id, attempt FROM jobs WHERE state = 'running' AND leased_by = ?

-- name: release
UPDATE jobs SET lease_until = 0 WHERE state = 'running' AND leased_by = ?

-- name: rescue
UPDATE jobs SET state = CASE WHEN attempt >= max_attempts THEN 'discarded' ELSE 'available' END,
  finished_at = CASE WHEN attempt >= max_attempts THEN CAST(? AS BIGINT) ELSE 0 END,
  run_at = ?, last_error = 'the process that ran it went away', leased_by = '', lease_until = 0
WHERE state = 'running' AND lease_until < ?
RETURNING kind, state

-- name: prune
DELETE FROM jobs WHERE id IN (SELECT j.id FROM jobs j WHERE j.finished_at > 0 AND j.finished_at < ? LIMIT ?)

-- name: schedule
SELECT value FROM settings WHERE name = ? {lock}

-- name: schedule-insert
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING

-- name: schedule-update
UPDATE settings SET value = ? WHERE name = ?
