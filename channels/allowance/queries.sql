-- name: lock (sqlite)
SELECT grants FROM identities WHERE id = ?

-- name: lock (postgres)
SELECT i.grants FROM identities i JOIN customers k ON k.id = i.customer_id WHERE i.id = ? FOR UPDATE OF k

-- name: save
UPDATE identities SET grants = ?, open_until = ? WHERE id = ?

-- name: granted
SELECT id, grants FROM identities WHERE grants <> '' ORDER BY id
