-- name: get
SELECT c.id, c.name, CASE WHEN c.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = c.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.locale, c.timezone, c.attributes, c.last_seen_at, c.created_at, c.stage, c.stage_since,
  COALESCE((SELECT s.name_en FROM stages s WHERE s.key = c.stage), ''), COALESCE((SELECT s.name_zh FROM stages s WHERE s.key = c.stage), ''),
  COALESCE((SELECT string_agg(g.name, ',' ORDER BY g.folded_name) FROM customer_tags l JOIN tags g ON g.id = l.tag_id WHERE l.customer_id = c.id), '')
FROM customers c
WHERE c.id = (SELECT CASE WHEN m.merged_into > 0 THEN m.merged_into ELSE m.id END FROM customers m WHERE m.id = ?)

-- name: lock
SELECT c.id, c.name, CASE WHEN c.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = c.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.locale, c.timezone, c.attributes, c.last_seen_at, c.created_at, c.stage, c.stage_since,
  COALESCE((SELECT s.name_en FROM stages s WHERE s.key = c.stage), ''), COALESCE((SELECT s.name_zh FROM stages s WHERE s.key = c.stage), ''),
  COALESCE((SELECT string_agg(g.name, ',' ORDER BY g.folded_name) FROM customer_tags l JOIN tags g ON g.id = l.tag_id WHERE l.customer_id = c.id), '')
FROM customers c
WHERE c.id = (SELECT CASE WHEN m.merged_into > 0 THEN m.merged_into ELSE m.id END FROM customers m WHERE m.id = ?) AND c.merged_into = 0 {lock}

-- name: address
SELECT CASE WHEN c.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = c.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END FROM customers c WHERE c.id = ?

-- name: by-identity
SELECT c.id, i.id, i.home_id, i.verified, c.name, c.locale, c.timezone FROM identities i JOIN customers c ON c.id = i.customer_id
WHERE i.kind = ? AND i.namespace = ? AND i.value = ?

-- name: insert
INSERT INTO customers (id, name, search_text, locale, facts, last_seen_at, created_at, updated_at) VALUES (?, '', ?, ?, ?, ?, ?, ?)

-- name: insert-identity
INSERT INTO identities (id, customer_id, home_id, proof_id, kind, namespace, value, verified, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
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

-- name: insert-event (sqlite)
INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts)
SELECT ?, customer_id, id, ?, ?, ?, ?, ? FROM identities WHERE id = ? RETURNING customer_id

-- name: insert-event (postgres)
INSERT INTO events (id, customer_id, identity_id, name_id, at, received_at, properties, facts)
SELECT ?, customer_id, id, ?, ?, ?, ?, ? FROM identities WHERE id = ? FOR SHARE RETURNING customer_id

-- name: update-profile
UPDATE customers SET name = ?, search_text = ?, locale = ?, timezone = ?, attributes = ?, facts = ?, updated_at = ? WHERE id = ?

-- name: has-kind
SELECT value FROM identities WHERE customer_id = ? AND kind = ? AND namespace = ? ORDER BY id LIMIT 1

-- name: move-identity
UPDATE identities SET customer_id = ? WHERE id = ?

-- name: move-events
UPDATE events SET customer_id = ? WHERE identity_id = ? AND customer_id = ?

-- name: values
SELECT value FROM identities WHERE customer_id = ? AND kind NOT IN ('visitor', 'anonymous')
UNION ALL SELECT name FROM customers WHERE merged_into = ? AND merged_into > 0 AND name <> ''

-- name: verify-identity
UPDATE identities SET verified = TRUE WHERE id = ? AND NOT verified

-- name: prove-identity
UPDATE identities SET proof_id = ? WHERE id = ? AND proof_id <> ?

-- name: whose
SELECT CASE WHEN merged_into > 0 THEN merged_into ELSE id END FROM customers WHERE id = ?

-- name: known-as
SELECT count(*) FROM identities WHERE customer_id = ? AND kind = 'external' AND verified

-- name: members
SELECT id, name, locale, timezone, attributes, own, last_seen_at FROM customers WHERE id = ?
UNION ALL SELECT id, name, locale, timezone, attributes, own, last_seen_at FROM customers WHERE merged_into = ? AND merged_into > 0

-- name: own
SELECT own FROM customers WHERE id = ?

-- name: set-own
UPDATE customers SET own = ? WHERE id = ?

-- name: set-seen
UPDATE customers SET last_seen_at = ? WHERE id = ?

-- name: newest-event
SELECT COALESCE(max(at), 0) FROM (
  SELECT e.at FROM events e WHERE e.customer_id = ? AND NOT EXISTS (SELECT 1 FROM event_moves m WHERE m.from_id = e.customer_id AND m.identity_id = e.identity_id)
  ORDER BY e.at DESC LIMIT 1) newest

-- name: repoint
UPDATE customers SET merged_into = ?, updated_at = ? WHERE merged_into = ? AND merged_into > 0

-- name: repoint-one
UPDATE customers SET merged_into = ?, updated_at = ? WHERE id = ?

-- name: edges
SELECT id, absorbed_end, survivor_end, absorbed_id, survivor_id FROM merges WHERE undone_at = 0 AND absorbed_end IN (
  SELECT id FROM customers WHERE id = ? UNION ALL SELECT id FROM customers WHERE merged_into = ? AND merged_into > 0)
ORDER BY id

-- name: homes
SELECT id, kind, home_id FROM identities WHERE customer_id = ? ORDER BY id

-- name: insert-merge
INSERT INTO merges (id, kind, survivor_id, absorbed_id, survivor_end, absorbed_end, survivor_identity, absorbed_identity, client_key,
  actor_kind, actor_id, actor_name, at, identities, fields)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: undo-merge
UPDATE merges SET undone_at = ?, undone_by_kind = ?, undone_by_id = ?, undone_by_name = ? WHERE id = ? AND undone_at = 0

-- name: merge-ends
SELECT survivor_end, absorbed_end, survivor_id, absorbed_id, undone_at FROM merges WHERE id = ?

-- name: merge-by-key
SELECT id, survivor_id, absorbed_id FROM merges WHERE client_key = ?

-- name: undone-evidence
SELECT count(*) FROM merges WHERE absorbed_identity = ? AND absorbed_identity > 0 AND survivor_identity = ? AND kind = ? AND undone_at > 0

-- name: lock-merging (sqlite)
SELECT 1

-- name: lock-merging (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('customers/merging', 0))) locked

-- name: insert-contradiction
INSERT INTO contradictions (id, kind, identity_id, other_identity_id, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind, identity_id, other_identity_id) DO NOTHING

-- name: home-of
SELECT home_id FROM identities WHERE id = ?

-- name: insert-bind-token
INSERT INTO bind_tokens (token_hash, identity_id, account_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)

-- name: bind-token
SELECT identity_id, account_id, expires_at, used_by FROM bind_tokens WHERE token_hash = ?

-- name: use-bind-token
UPDATE bind_tokens SET used_by = ? WHERE token_hash = ? AND used_by = 0

-- name: sweep-bind-tokens
DELETE FROM bind_tokens WHERE expires_at < ?

-- name: insert-consent
INSERT INTO consents (id, customer_id, identity_id, channel, purpose, state, source, actor_kind, actor_id, actor_name, client_key, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: consent-by-key
SELECT channel, purpose, state FROM consents WHERE client_key = ?

-- name: consents
SELECT id, customer_id, identity_id, channel, purpose, state, source, actor_kind, actor_id, actor_name, at FROM consents WHERE customer_id IN (
  SELECT id FROM customers WHERE id = ? UNION ALL SELECT id FROM customers WHERE merged_into = ? AND merged_into > 0)
ORDER BY id

-- name: set-merge-fields
UPDATE merges SET fields = ? WHERE id = ?

-- name: externals
SELECT value FROM identities WHERE customer_id = ? AND kind = 'external' AND verified ORDER BY id

-- name: shared-accounts
SELECT count(*) FROM identities a JOIN identities b ON b.kind = a.kind AND b.namespace = a.namespace
WHERE a.customer_id = ? AND b.customer_id = ? AND a.kind IN ('openid', 'unionid')

-- name: signed-in-as
SELECT e.id FROM identities e LEFT JOIN identities d ON d.id = ? AND d.proof_id = e.id
WHERE e.customer_id = ? AND e.kind = 'external' AND e.verified ORDER BY CASE WHEN d.id IS NULL THEN 1 ELSE 0 END, e.id LIMIT 1

-- name: first-identity
SELECT COALESCE(min(CASE WHEN home_id = customer_id THEN id END), min(id), 0) FROM identities WHERE customer_id = ?

-- name: owner-of
SELECT customer_id FROM identities WHERE id = ?

-- name: entomb
UPDATE identities SET value = ?, verified = FALSE, grants = '', open_until = 0 WHERE id = ?

-- name: count-setting
SELECT count(*) FROM settings WHERE name = ?

-- name: set-setting
INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING

-- name: customers-from
SELECT id, name, locale, timezone, attributes FROM customers WHERE id > ? ORDER BY id LIMIT ?

-- name: set-customer-facts
UPDATE customers SET facts = ? WHERE id = ?

-- name: events-from
SELECT id, '', '', '', properties FROM events WHERE id > ? ORDER BY id LIMIT ?

-- name: set-event-facts
UPDATE events SET facts = ? WHERE id = ?

-- name: tags
SELECT t.id, t.name, (SELECT count(DISTINCT l.customer_id) FROM customer_tags l WHERE l.tag_id = t.id) FROM tags t ORDER BY t.folded_name

-- name: tag-by-name
SELECT id FROM tags WHERE folded_name = ?

-- name: intern-tag
INSERT INTO tags (id, name, folded_name, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (folded_name) DO NOTHING

-- name: tag
INSERT INTO customer_tags (record_id, tag_id, customer_id, at) VALUES (?, ?, ?, ?) ON CONFLICT (record_id, tag_id) DO NOTHING

-- name: untag
DELETE FROM customer_tags WHERE customer_id = ? AND tag_id IN (SELECT id FROM tags WHERE folded_name = ?)

-- name: move-tags
UPDATE customer_tags SET customer_id = ? WHERE customer_id = ?

-- name: part-tags
UPDATE customer_tags SET customer_id = ? WHERE record_id = ?

-- name: move-stage-changes
UPDATE stage_changes SET customer_id = ? WHERE customer_id = ?

-- name: part-stage-changes
UPDATE stage_changes SET customer_id = ? WHERE record_id = ?

-- name: stage-positions
SELECT key, position FROM stages

-- name: set-stage
UPDATE customers SET stage = ?, stage_since = ? WHERE id = ?

-- name: standing
SELECT stage, stage_since FROM customers WHERE id = ?

-- name: insert-stage-change
INSERT INTO stage_changes (id, customer_id, record_id, from_stage, to_stage, reason_kind, reason, ref, actor_kind, actor_id, actor_name, at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: moves
SELECT id, record_id, to_stage, at FROM stage_changes WHERE reason_kind <> 'merge' AND record_id IN (
  SELECT id FROM customers WHERE id = ? UNION ALL SELECT id FROM customers WHERE merged_into = ? AND merged_into > 0)
ORDER BY id

-- name: insert-event-context
INSERT INTO event_contexts (event_id, context) VALUES (?, ?)

-- name: stages
SELECT s.key, s.position, s.name_en, s.name_zh, s.rule, (SELECT count(*) FROM customers c WHERE c.stage = s.key AND c.merged_into = 0 AND c.stage <> '')
FROM stages s ORDER BY s.position, s.key

-- name: lock-stages (sqlite)
SELECT 1

-- name: lock-stages (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('customers/stages', 0))) locked

-- name: hold-stage (sqlite)
SELECT key FROM stages WHERE key = ?

-- name: hold-stage (postgres)
SELECT key FROM stages WHERE key = ? FOR SHARE

-- name: insert-stage
INSERT INTO stages (key, position, name_en, name_zh, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)

-- name: update-stage
UPDATE stages SET name_en = ?, name_zh = ?, updated_at = ? WHERE key = ?

-- name: set-stage-rule
UPDATE stages SET rule = ? WHERE key = ?

-- name: delete-stage
DELETE FROM stages WHERE key = ?

-- name: place-stage
UPDATE stages SET position = ?, updated_at = ? WHERE key = ?

-- name: count-stage
SELECT count(*) FROM customers WHERE stage = ? AND merged_into = 0 AND stage <> ''

-- name: movement
SELECT from_stage, to_stage, count(*) FROM stage_changes WHERE at >= ? AND at < ? AND reason_kind <> 'merge' GROUP BY from_stage, to_stage ORDER BY from_stage, to_stage

-- name: count-stage-changes
SELECT count(*) FROM stage_changes WHERE customer_id = ?

-- name: forget-consent-now
DELETE FROM consent_now WHERE customer_id = ?

-- name: insert-consent-now
INSERT INTO consent_now (customer_id, channel, purpose, state) VALUES (?, ?, ?, ?)

-- name: consent-now
SELECT state FROM consent_now WHERE customer_id = ? AND channel = ? AND purpose = ?

-- name: who-said
SELECT DISTINCT CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END FROM consents c JOIN customers k ON k.id = c.customer_id

-- name: insert-write-key
INSERT INTO write_keys (id, name, kind, key_hash, public_key, sandbox, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_hash) DO NOTHING

-- name: write-keys
SELECT id, name, kind, public_key, sandbox, created_at, last_used_at, revoked_at FROM write_keys ORDER BY CASE WHEN revoked_at > 0 THEN 1 ELSE 0 END, id

-- name: write-key
SELECT id, name, kind, public_key, sandbox, created_at, last_used_at, revoked_at FROM write_keys WHERE id = ? {lock}

-- name: write-key-by
SELECT id, name, kind, public_key, sandbox, created_at, last_used_at, revoked_at FROM write_keys WHERE key_hash = ? AND revoked_at = 0

-- name: revoke-write-key
UPDATE write_keys SET revoked_at = ? WHERE id = ?

-- name: use-write-key
UPDATE write_keys SET last_used_at = ? WHERE id = ? AND last_used_at < ?

-- name: insert-call
INSERT INTO tracking_calls (id, at, write_key_id, type, message_id, user_id, anonymous_id, event, status, reasons, customer_id, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: trim-calls
DELETE FROM tracking_calls WHERE id <= (SELECT id FROM tracking_calls ORDER BY id DESC LIMIT 1 OFFSET ?)

-- name: sweep-messages
DELETE FROM tracked_messages WHERE day < ?

-- name: traits-at
SELECT traits_at FROM customers WHERE id = ?

-- name: set-traits-at
UPDATE customers SET traits_at = ? WHERE id = ? AND traits_at < ?

-- name: named-on-channels
SELECT count(*) FROM identities WHERE customer_id = ? AND kind NOT IN ('visitor', 'anonymous')

-- name: lock-many (sqlite)
SELECT 0 WHERE FALSE

-- name: lock-many (postgres)
SELECT id FROM customers WHERE id = ANY(string_to_array(?, ',')::bigint[]) ORDER BY id FOR UPDATE

-- name: count-by-name
SELECT n.id, n.name, c.n, c.last FROM event_names n JOIN (SELECT name_id, count(*) AS n, max(at) AS last FROM events GROUP BY name_id) c ON c.name_id = n.id ORDER BY n.name

-- name: latest-properties
SELECT properties FROM events WHERE name_id = ? ORDER BY at DESC LIMIT ?

-- name: latest-attributes
SELECT attributes FROM customers WHERE merged_into = 0 AND attributes <> '{}' ORDER BY last_seen_at DESC, id DESC LIMIT ?

-- name: count-new-name
INSERT INTO new_event_names (write_key_id, day, names) VALUES (?, ?, 1)
ON CONFLICT (write_key_id, day) DO UPDATE SET names = new_event_names.names + 1 WHERE new_event_names.names < ?

-- name: sweep-new-names
DELETE FROM new_event_names WHERE day < ?

-- name: prove-union
INSERT INTO union_proofs (union_identity_id, follower_identity_id) VALUES (?, ?) ON CONFLICT (union_identity_id, follower_identity_id) DO NOTHING

-- name: unprove-union
DELETE FROM union_proofs WHERE follower_identity_id = ?

-- name: proven-unions
SELECT i.id, (SELECT count(*) FROM union_proofs p WHERE p.union_identity_id = i.id),
  (SELECT count(*) FROM union_proofs p WHERE p.union_identity_id = i.id AND p.follower_identity_id = ?)
FROM identities i WHERE i.customer_id = ? AND i.kind = 'unionid' AND i.verified ORDER BY i.id

-- name: other-followers
SELECT count(*) FROM identities WHERE customer_id = ? AND kind = 'openid' AND verified AND id <> ?

-- name: many-events
SELECT count(*) FROM (SELECT 1 FROM events WHERE customer_id = ? LIMIT ?) counted

-- name: moves-turn
UPDATE event_moves SET to_id = ? WHERE identity_id = ?

-- name: moves-home
DELETE FROM event_moves WHERE identity_id = ? AND from_id = to_id

-- name: move-later
INSERT INTO event_moves (from_id, identity_id, to_id) VALUES (?, ?, ?) ON CONFLICT (from_id, identity_id) DO UPDATE SET to_id = excluded.to_id

-- name: moves-of
SELECT from_id, identity_id, to_id FROM event_moves WHERE from_id = ? UNION SELECT from_id, identity_id, to_id FROM event_moves WHERE to_id = ?

-- name: event-moves
SELECT from_id, identity_id, to_id FROM event_moves ORDER BY from_id, identity_id LIMIT 10000

-- name: moves-from
SELECT from_id, identity_id, to_id FROM event_moves WHERE from_id = ? ORDER BY identity_id {skip_locked}

-- name: moving
SELECT DISTINCT from_id FROM event_moves WHERE from_id > ? ORDER BY from_id LIMIT 1

-- name: moves-page
SELECT id, at, identity_id FROM events WHERE customer_id = ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?

-- name: moved
DELETE FROM event_moves WHERE from_id = ? AND identity_id = ? AND to_id = ?

-- name: newest-moving
SELECT COALESCE(max(at), 0) FROM (SELECT e.at FROM events e WHERE e.customer_id = ? AND e.identity_id = ? ORDER BY e.at DESC LIMIT 1) newest

-- name: old-stage-changes
SELECT s.id FROM stage_changes s JOIN customers c ON c.id = s.record_id AND c.merged_into = 0 AND c.own = ''
WHERE s.at < ? AND EXISTS (SELECT 1 FROM stage_changes n WHERE n.record_id = s.record_id AND n.id > s.id AND n.reason_kind <> 'merge')
ORDER BY s.at LIMIT ?

-- name: prune-stage-change
DELETE FROM stage_changes WHERE id = ? AND EXISTS (SELECT 1 FROM customers c WHERE c.id = record_id AND c.merged_into = 0 AND c.own = '')
