-- name: lease-node
INSERT INTO nodes (node, holder, expires_at) VALUES (?, ?, ?)
ON CONFLICT (node) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at, sandbox = '', clock_offset = 0 WHERE nodes.expires_at < ?

-- name: dead-nodes
SELECT node, holder FROM nodes WHERE expires_at < ?

-- name: bury-node
DELETE FROM nodes WHERE node = ? AND holder = ? AND expires_at < ?

-- name: renew-node
UPDATE nodes SET expires_at = ? WHERE node = ? AND holder = ?

-- name: note-key
INSERT INTO settings (name, value) VALUES ('seal/key', ?) ON CONFLICT (name) DO NOTHING

-- name: read-key
SELECT value FROM settings WHERE name = 'seal/key'

-- name: others
SELECT count(*) FROM nodes WHERE holder <> ? AND expires_at > ?

-- name: anything
SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM conversations) + (SELECT count(*) FROM segments) + (SELECT count(*) FROM journeys)
  + (SELECT count(*) FROM tasks) + (SELECT count(*) FROM teams) + (SELECT count(*) FROM write_keys WHERE NOT sandbox)

-- name: note-sandbox
UPDATE nodes SET sandbox = ?, clock_offset = ? WHERE holder = ?

-- name: make-sandbox
INSERT INTO sandbox (one) VALUES (1) ON CONFLICT (one) DO NOTHING

-- name: sandbox-state
SELECT holder, lease_until, shop_url, phones_url, mailbox_url, clock_offset FROM sandbox

-- name: sandbox-forbidder
SELECT COALESCE(min(holder), '') FROM nodes WHERE sandbox = 'forbids' AND expires_at > ?

-- name: take-sandbox
UPDATE sandbox SET holder = ?, lease_until = ?
WHERE lease_until <= ? AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.sandbox = 'forbids' AND n.expires_at > ?)

-- name: own-sandbox
UPDATE sandbox SET holder = ?

-- name: keep-sandbox
UPDATE sandbox SET lease_until = ?, shop_url = ?, phones_url = ?, mailbox_url = ?
WHERE holder = ? AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.sandbox = 'forbids' AND n.expires_at > ?)

-- name: leave-sandbox
UPDATE sandbox SET lease_until = ? WHERE holder = ?

-- name: move-sandbox
UPDATE sandbox SET clock_offset = clock_offset + ? WHERE holder = ? RETURNING clock_offset

-- name: sandbox-behind
SELECT count(*) FROM nodes WHERE sandbox = 'fits' AND expires_at > ? AND clock_offset <> ?

-- name: load-phones
SELECT phones FROM sandbox

-- name: save-phones
UPDATE sandbox SET phones = ? WHERE holder = ?

-- name: note-installation
INSERT INTO settings (name, value) VALUES ('installation/id', ?) ON CONFLICT (name) DO NOTHING

-- name: read-installation
SELECT value FROM settings WHERE name = 'installation/id'
