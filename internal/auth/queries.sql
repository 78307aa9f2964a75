-- name: teammates
SELECT id, email, name, role, password_hash, locale, theme, availability, scope, account_ids, rights_version, disabled_at, last_seen_at, created_at
FROM teammates ORDER BY id

-- name: teammate
SELECT id, email, name, role, password_hash, locale, theme, availability, scope, account_ids, rights_version, disabled_at, last_seen_at, created_at
FROM teammates WHERE id = ?

-- name: teammate-lock
SELECT id, email, name, role, password_hash, locale, theme, availability, scope, account_ids, rights_version, disabled_at, last_seen_at, created_at
FROM teammates WHERE id = ? {lock}

-- name: teammate-by-email
SELECT id, email, name, role, password_hash, locale, theme, availability, scope, account_ids, rights_version, disabled_at, last_seen_at, created_at
FROM teammates WHERE email = ?

-- name: email-taken
SELECT count(*) FROM teammates WHERE email = ? AND id <> ?

-- name: insert-teammate
INSERT INTO teammates (id, email, name, role, locale, scope, account_ids, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (email) DO NOTHING

-- name: update-teammate
UPDATE teammates SET email = ?, name = ?, role = ?, password_hash = ?, locale = ?, theme = ?, availability = ?, scope = ?, account_ids = ?,
  rights_version = ?, disabled_at = ?, updated_at = ?
WHERE id = ?

-- name: seen
UPDATE teammates SET last_seen_at = ? WHERE id = ? AND last_seen_at < ?

-- name: lock-owners
SELECT id FROM teammates WHERE role = 'owner' AND disabled_at = 0 ORDER BY id {lock}

-- name: owners-seen
SELECT count(*) FROM teammates WHERE role = 'owner' AND last_seen_at > 0

-- name: memberships
SELECT team_id, teammate_id FROM team_members ORDER BY team_id, teammate_id

-- name: teams-of
SELECT team_id FROM team_members WHERE teammate_id = ? ORDER BY team_id

-- name: members-of
SELECT teammate_id FROM team_members WHERE team_id = ? ORDER BY teammate_id

-- name: join-team
INSERT INTO team_members (team_id, teammate_id) VALUES (?, ?) ON CONFLICT (team_id, teammate_id) DO NOTHING

-- name: leave-team
DELETE FROM team_members WHERE team_id = ? AND teammate_id = ?

-- name: teams
SELECT id, name FROM teams ORDER BY name, id

-- name: team-lock
SELECT id, name FROM teams WHERE id = ? {lock}

-- name: insert-team
INSERT INTO teams (id, name, created_at) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING

-- name: team-name-taken
SELECT count(*) FROM teams WHERE name = ? AND id <> ?

-- name: rename-team
UPDATE teams SET name = ? WHERE id = ?

-- name: delete-team
DELETE FROM teams WHERE id = ?

-- name: insert-session
INSERT INTO sessions (token_hash, teammate_id, via, created_at, expires_at, last_seen_at, user_agent, ip) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: session
SELECT teammate_id, via, created_at, expires_at, last_seen_at FROM sessions WHERE token_hash = ?

-- name: touch-session
UPDATE sessions SET last_seen_at = ?, expires_at = ? WHERE token_hash = ? AND last_seen_at < ?

-- name: end-session
DELETE FROM sessions WHERE token_hash = ? RETURNING teammate_id

-- name: end-sessions
DELETE FROM sessions WHERE teammate_id = ? AND token_hash <> ? RETURNING token_hash

-- name: sweep-sessions
DELETE FROM sessions WHERE expires_at <= ?

-- name: insert-link
INSERT INTO sign_in_links (token_hash, teammate_id, purpose, created_at, expires_at) VALUES (?, ?, ?, ?, ?)

-- name: drop-links
DELETE FROM sign_in_links WHERE teammate_id = ?

-- name: drop-owner-links
DELETE FROM sign_in_links WHERE teammate_id = ? AND purpose = 'owner'

-- name: drop-unused-links
DELETE FROM sign_in_links WHERE teammate_id = ? AND used_at = 0

-- name: use-link
UPDATE sign_in_links SET used_at = ? WHERE token_hash = ? AND used_at = 0 AND expires_at > ? RETURNING teammate_id, purpose

-- name: sweep-links
DELETE FROM sign_in_links WHERE expires_at <= ? OR used_at > 0

-- name: insert-token
INSERT INTO tokens (id, token_hash, name, role, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)

-- name: tokens
SELECT id, name, role, created_by, created_at, last_used_at FROM tokens WHERE revoked_at = 0 ORDER BY id

-- name: token-by-hash
SELECT id, name, role, created_by, created_at, last_used_at FROM tokens WHERE token_hash = ? AND revoked_at = 0

-- name: token-lock
SELECT id, name, role, created_by, created_at, last_used_at FROM tokens WHERE id = ? AND revoked_at = 0 {lock}

-- name: touch-token
UPDATE tokens SET last_used_at = ? WHERE id = ? AND last_used_at < ?

-- name: revoke-token
UPDATE tokens SET revoked_at = ? WHERE id = ?

-- name: audit
INSERT INTO audit (id, at, actor_kind, actor_id, action, object, details) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: holds-token
SELECT count(*) FROM tokens WHERE id = ? AND revoked_at = 0

-- name: live-sessions
SELECT token_hash FROM sessions WHERE teammate_id = ? AND expires_at > ?
