-- name: known
SELECT count(*) FROM identities d JOIN identities e ON e.id = d.proof_id AND e.customer_id = d.customer_id WHERE d.id = ? AND e.verified

-- name: key
SELECT namespace, value FROM identities WHERE id = ? AND kind = 'visitor'
