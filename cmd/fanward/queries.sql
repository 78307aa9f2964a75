-- name: lease-node
INSERT INTO nodes (node, holder, expires_at) VALUES (?, ?, ?)
ON CONFLICT (node) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at WHERE nodes.expires_at < ?

-- name: renew-node
UPDATE nodes SET expires_at = ? WHERE node = ? AND holder = ?

-- name: note-key
INSERT INTO settings (name, value) VALUES ('seal/key', ?) ON CONFLICT (name) DO NOTHING

-- name: read-key
SELECT value FROM settings WHERE name = 'seal/key'
