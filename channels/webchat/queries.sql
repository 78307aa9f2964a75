-- name: known
SELECT count(*) FROM identities WHERE customer_id = ? AND kind = 'external' AND verified
