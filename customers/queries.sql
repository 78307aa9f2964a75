-- name: get
SELECT c.id, c.name, c.locale, c.timezone, c.attributes, c.last_seen_at, c.created_at
FROM customers c
WHERE c.id = (SELECT CASE WHEN m.merged_into > 0 THEN m.merged_into ELSE m.id END FROM customers m WHERE m.id = ?)

-- name: lock
SELECT id, name, locale, timezone, attributes, last_seen_at, created_at FROM customers
WHERE id = (SELECT CASE WHEN m.merged_into > 0 THEN m.merged_into ELSE m.id END FROM customers m WHERE m.id = ?) AND merged_into = 0 {lock}

-- name: by-identity
SELECT c.id, i.id, c.name FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.kind = ? AND i.namespace = ? AND i.value = ?

-- name: insert
INSERT INTO customers (id, name, search_text, locale, last_seen_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: insert-identity
INSERT INTO identities (id, customer_id, kind, namespace, value, verified, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, namespace, value) DO NOTHING

-- name: lock-order
SELECT id FROM customers WHERE id = ? {lock}

-- name: lock-person (sqlite)
SELECT ?

-- name: lock-person (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended(?, 0))) locked

-- name: lock-at-once
SELECT id FROM customers WHERE id = ? {skip_locked}

-- name: seen
UPDATE customers SET last_seen_at = CASE WHEN last_seen_at < ? THEN ? ELSE last_seen_at END, locale = CASE WHEN locale = '' THEN ? ELSE locale END WHERE id = ?

-- name: identities
SELECT id, customer_id, kind, namespace, value, verified, suppressed, created_at FROM identities WHERE customer_id = ? ORDER BY id

-- name: event-name
SELECT id FROM event_names WHERE name = ?

-- name: intern-event-name
INSERT INTO event_names (name) VALUES (?) ON CONFLICT (name) DO NOTHING

-- name: insert-event
INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: update-profile
UPDATE customers SET name = ?, search_text = ?, locale = ?, timezone = ?, attributes = ?, updated_at = ? WHERE id = ?

-- name: has-kind
SELECT value FROM identities WHERE customer_id = ? AND kind = ? AND namespace = ? ORDER BY id LIMIT 1

-- name: move-identity
UPDATE identities SET customer_id = ? WHERE id = ?

-- name: move-events
UPDATE events SET customer_id = ? WHERE identity_id = ? AND customer_id = ?

-- name: identities-left
SELECT count(*) FROM identities WHERE customer_id = ?

-- name: merge-into
UPDATE customers SET merged_into = ?, updated_at = ? WHERE id = ?

-- name: values
SELECT value FROM identities WHERE customer_id = ? AND kind <> 'visitor' ORDER BY id
