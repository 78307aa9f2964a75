-- name: known
SELECT count(*) FROM identities WHERE customer_id = ? AND kind = 'external' AND verified

-- name: key
SELECT namespace, value FROM identities WHERE id = ? AND kind = 'visitor'
