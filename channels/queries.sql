-- name: insert-account
INSERT INTO accounts (id, channel, name, public_key, status, sandbox, config, sealed_credentials, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: update-account
UPDATE accounts SET name = ?, status = ?, config = ?, sealed_credentials = ?, updated_at = ? WHERE id = ?

-- name: set-secret
UPDATE accounts SET sealed_secret = ?, updated_at = ? WHERE id = ?

-- name: set-health
UPDATE accounts SET health = ? WHERE id = ?

-- name: list-accounts
SELECT id, channel, name, public_key, status, sandbox, config, sealed_secret, sealed_credentials, health, created_at FROM accounts ORDER BY id

-- name: get-account
SELECT id, channel, name, public_key, status, sandbox, config, sealed_secret, sealed_credentials, health, created_at FROM accounts WHERE id = ?

-- name: account-by-key
SELECT id, channel, name, public_key, status, sandbox, config, sealed_secret, sealed_credentials, health, created_at FROM accounts WHERE public_key = ?

-- name: sandbox-account
SELECT id, channel, name, public_key, status, sandbox, config, sealed_secret, sealed_credentials, health, created_at FROM accounts
WHERE channel = ? AND sandbox ORDER BY id LIMIT 1

-- name: count-real-accounts
SELECT count(*) FROM accounts WHERE NOT sandbox

-- name: lock-account
SELECT id, channel, name, public_key, status, sandbox, config, sealed_secret, sealed_credentials, health, created_at FROM accounts WHERE id = ? {lock}

-- name: lock-claims (sqlite)
SELECT 1

-- name: lock-claims (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('channels/claims', 0))) locked
