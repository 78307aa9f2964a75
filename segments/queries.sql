-- name: generation
SELECT n FROM counters WHERE name = 'segments/programs'

-- name: bump
INSERT INTO counters (name, n) VALUES ('segments/programs', 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + 1

-- name: own-programs (sqlite)
SELECT 1

-- name: own-programs (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('segments/programs', 0))) locked

-- name: share-programs (sqlite)
SELECT 1

-- name: share-programs (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock_shared(hashtextextended('segments/programs', 0))) locked

-- name: definitions
SELECT id, name, owner, rule, state, program, built_to, meant_since FROM segments WHERE deleted_at = 0 ORDER BY id

-- name: segment
SELECT id, name, description, rule, state, version, size, build_done, build_total, built_at, created_at, updated_at
FROM segments WHERE id = ? AND owner = '' AND deleted_at = 0

-- name: by-name
SELECT count(*) FROM segments WHERE folded_name = ? AND id <> ? AND owner = '' AND deleted_at = 0

-- name: by-owner
SELECT id FROM segments WHERE owner = ? AND deleted_at = 0

-- name: insert
INSERT INTO segments (id, name, folded_name, description, rule, owner, state, created_at, updated_at, meant_since) VALUES (?, ?, ?, ?, ?, ?, 'building', ?, ?, ?)

-- name: update
UPDATE segments SET name = ?, folded_name = ?, description = ?, rule = ?, version = version + 1, revision = revision + 1, updated_at = ? WHERE id = ?

-- name: restart
UPDATE segments SET state = 'building', program = program + 1, built_to = 0, build_done = 0, build_total = 0, revision = revision + 1, meant_since = COALESCE(NULLIF(CAST(? AS BIGINT), 0), meant_since) WHERE id = ?

-- name: set-rule
UPDATE segments SET rule = ?, updated_at = ? WHERE id = ?

-- name: delete
UPDATE segments SET deleted_at = ?, revision = revision + 1, told = revision + 1 WHERE id = ?

-- name: fail
UPDATE segments SET state = 'failed', revision = revision + 1 WHERE id = ? AND program = ?

-- name: waiting
SELECT customer_id, version, CASE WHEN names_version = version THEN names ELSE '' END FROM touched WHERE customer_id > ? ORDER BY customer_id LIMIT ?

-- name: anybody-waiting
SELECT count(*) FROM (SELECT customer_id FROM touched LIMIT 1) one

-- name: marked
SELECT customer_id FROM touched LIMIT ?

-- name: register-index
INSERT INTO preview_indexes (id, until) VALUES (?, ?)

-- name: renew-index
UPDATE preview_indexes SET until = ? WHERE id = ?

-- name: index-registered
SELECT count(*) FROM preview_indexes WHERE id = ?

-- name: news-of-index
SELECT DISTINCT customer_id FROM preview_news WHERE index_id = ?

-- name: take-news
DELETE FROM preview_news WHERE index_id = ? RETURNING customer_id

-- name: unregister-index
DELETE FROM preview_indexes WHERE id = ?

-- name: unregister-late
DELETE FROM preview_indexes WHERE until < ?

-- name: sweep-news
DELETE FROM preview_news WHERE NOT EXISTS (SELECT 1 FROM preview_indexes i WHERE i.id = preview_news.index_id)

-- name: channels-on
SELECT DISTINCT channel FROM accounts WHERE status = 'active'

-- name: count-up-to
SELECT count(*) FROM (SELECT id FROM customers LIMIT ?) first

-- name: lock-customer
SELECT id FROM customers WHERE id = ? {lock}

-- name: resize
UPDATE segments SET size = size + ?, revision = revision + 1 WHERE id = ?

-- name: causes
SELECT c.merged_into, c.updated_at, c.stage_since,
  (SELECT COALESCE(max(m.at), 0) FROM merges m WHERE m.survivor_id = c.id),
  (SELECT COALESCE(max(m.undone_at), 0) FROM merges m WHERE m.survivor_id = c.id OR m.absorbed_id = c.id),
  (SELECT COALESCE(max(e.received_at), 0) FROM events e JOIN event_names n ON n.id = e.name_id WHERE e.customer_id = c.id AND n.name = 'Identity Erased'),
  (SELECT COALESCE(max(t.at), 0) FROM customer_tags t WHERE t.customer_id = c.id), c.last_seen_at
FROM customers c WHERE c.id = ?

-- name: newest-events
SELECT n.name, e.received_at FROM (SELECT name_id, received_at FROM events WHERE customer_id = ? ORDER BY at DESC, id DESC LIMIT 20) e
JOIN event_names n ON n.id = e.name_id

-- name: newest-before
SELECT COALESCE(max(at), 0) FROM events WHERE customer_id = ? AND received_at <= ?

-- name: touched-between
SELECT customer_id FROM touched WHERE customer_id > ? AND customer_id <= ?

-- name: due
SELECT customer_id FROM (
  SELECT +m.customer_id AS customer_id FROM memberships m WHERE m.valid_until > 0 AND m.valid_until <= ?
    AND NOT EXISTS (SELECT 1 FROM touched t WHERE t.customer_id = m.customer_id AND (t.names = '' OR t.names_version <> t.version) LIMIT 1 OFFSET 0)
  UNION
  SELECT +w.customer_id AS customer_id FROM segment_wakeups w WHERE w.at <= ?
    AND NOT EXISTS (SELECT 1 FROM touched t WHERE t.customer_id = w.customer_id AND (t.names = '' OR t.names_version <> t.version) LIMIT 1 OFFSET 0)
) due ORDER BY customer_id LIMIT ?

-- name: next-edge
SELECT COALESCE(min(at), 0) FROM (
  SELECT min(valid_until) AS at FROM memberships WHERE valid_until > 0
  UNION ALL SELECT min(at) AS at FROM segment_wakeups
) edges

-- name: building
SELECT id, program, built_to, build_total FROM segments WHERE state = 'building' AND deleted_at = 0 ORDER BY built_to, id

-- name: count-everybody
SELECT count(*) FROM customers

-- name: next-people
SELECT id FROM customers WHERE id > ? ORDER BY id LIMIT ?

-- name: members-between
SELECT customer_id, valid_until FROM memberships WHERE segment_id = ? AND customer_id > ? AND customer_id <= ?

-- name: wakeups-between
SELECT customer_id, at FROM segment_wakeups WHERE segment_id = ? AND customer_id > ? AND customer_id <= ?

-- name: build-on
UPDATE segments SET built_to = ?, build_done = build_done + ?, build_total = ?, revision = revision + 1
WHERE id = ? AND program = ? AND built_to = ? AND state = 'building'

-- name: build-end
UPDATE segments SET state = 'ready', built_at = ? WHERE id = ? AND program = ? AND state = 'building'

-- name: untold
SELECT id, told_at FROM segments WHERE told <> revision AND owner = '' ORDER BY told_at LIMIT 50

-- name: tell
UPDATE segments SET told = revision, told_at = ? WHERE id = ? AND told <> revision

-- name: standing
SELECT size, state, build_done, build_total, deleted_at FROM segments WHERE id = ?

-- name: to-sweep
SELECT id FROM segments WHERE deleted_at > 0 AND (owner <> '' OR told = revision) ORDER BY id LIMIT 1

-- name: sweep-members
DELETE FROM memberships WHERE segment_id = ? AND customer_id IN (SELECT customer_id FROM memberships WHERE segment_id = ? LIMIT 500)

-- name: sweep-wakeups
DELETE FROM segment_wakeups WHERE segment_id = ? AND customer_id IN (SELECT customer_id FROM segment_wakeups WHERE segment_id = ? LIMIT 500)

-- name: sweep-changes
DELETE FROM membership_changes WHERE id IN (SELECT id FROM membership_changes WHERE segment_id = ? LIMIT 500)

-- name: forget
DELETE FROM segments WHERE id = ? AND deleted_at > 0

-- name: of-customer
SELECT m.segment_id, s.name, m.since FROM memberships m JOIN segments s ON s.id = m.segment_id
WHERE m.customer_id = ? AND s.owner = '' AND s.deleted_at = 0 ORDER BY m.since DESC, m.segment_id DESC

-- name: event-name
SELECT id FROM event_names WHERE name = ?

-- name: stage-keys
SELECT key FROM stages

-- name: stage-name
SELECT name_en, name_zh FROM stages WHERE key = ?

-- name: moved-by-rule
SELECT count(*) FROM stage_changes WHERE customer_id = ? AND to_stage = ? AND reason_kind = 'rule' AND at > ?

-- name: stands-at
SELECT stage FROM customers WHERE id = ?

-- name: stage-memberships
SELECT s.owner FROM memberships m JOIN segments s ON s.id = m.segment_id
WHERE m.customer_id = ? AND s.owner LIKE 'stage:%' AND s.deleted_at = 0 ORDER BY s.owner

-- name: visible
SELECT id, name, description, rule, state, version, size, build_done, build_total, built_at, created_at, updated_at
FROM segments WHERE owner = '' AND deleted_at = 0 ORDER BY folded_name

-- name: rule
SELECT rule FROM segments WHERE id = ?

-- name: oldest-changes
SELECT id, at FROM membership_changes WHERE id > ? ORDER BY id LIMIT ?
