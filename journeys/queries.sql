-- name: book
SELECT id, name, state, version_id, epoch, fired FROM journeys WHERE version_id > 0 ORDER BY id

-- name: book-versions
SELECT id, journey_id, number, fate, reason, successor_id, settled FROM journey_versions

-- name: graph
SELECT graph FROM journey_versions WHERE id = ?

-- name: share-book (sqlite)
SELECT 1

-- name: share-book (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock_shared(hashtextextended('journeys/book', 0))) locked

-- name: lock-book (sqlite)
SELECT 1

-- name: lock-book (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('journeys/book', 0))) locked

-- name: insert-signal
INSERT INTO journey_signals (id, kind, ref, customer_id, identity_id, journey_id, held, payload, at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: signalled
SELECT customer_id FROM journey_signals WHERE NOT held ORDER BY id LIMIT ?

-- name: waking
SELECT wake_at, customer_id FROM enrollments WHERE journey_id = ? AND state = 'active' AND wake_at <= ? ORDER BY wake_at, id LIMIT ?

-- name: next-wake
SELECT COALESCE(min(w.at), 0) FROM (
  SELECT (SELECT e.wake_at FROM enrollments e WHERE e.journey_id = j.id AND e.state = 'active' ORDER BY e.wake_at, e.id LIMIT 1) AS at
  FROM journeys j WHERE j.state = 'live') w

-- name: interested
SELECT count(*) FROM journey_interests WHERE kind = ? AND ref = ?

-- name: interests
SELECT DISTINCT kind, ref FROM journey_interests

-- name: clear-interests
DELETE FROM journey_interests WHERE journey_id = ?

-- name: insert-interest
INSERT INTO journey_interests (kind, ref, journey_id) VALUES (?, ?, ?)

-- name: forget-context
UPDATE enrollments SET context = '{}' WHERE identity_id = ?

-- name: forget-signals
DELETE FROM journey_signals WHERE identity_id = ?

-- name: drop-memberships
DELETE FROM journey_signals WHERE customer_id = ? AND kind IN ('enter', 'leave', 'exit')

-- name: repoint-signals
UPDATE journey_signals SET customer_id = ? WHERE customer_id = ?

-- name: drop-signals
DELETE FROM journey_signals WHERE customer_id = ? AND NOT held

-- name: give-up
UPDATE enrollments SET state = 'failed', ended_at = ?, end_reason = ?, wake_at = 0 WHERE customer_id = ? AND state = 'active' AND wake_at <= ? RETURNING journey_id

-- name: delivery-outcome
UPDATE enrollment_steps SET outcome = ?, detail = COALESCE(NULLIF(?, ''), detail) WHERE delivery_id = ? AND delivery_id > 0 AND outcome <> ? RETURNING journey_id

-- name: last-entry
SELECT COALESCE(max(started_at), 0), COALESCE(sum(CASE WHEN started_at > ? THEN 1 ELSE 0 END), 0) FROM enrollments WHERE customer_id = ? AND journey_id = ?

-- name: passed
SELECT count(*) FROM enrollment_steps WHERE enrollment_id = ? AND visit < ? AND node = ? AND outcome NOT IN ('passed', 'failed', 'unreachable', 'removed')

-- name: move
UPDATE enrollments SET version_id = ?, state = ?, node = ?, visit = ?, entered_node_at = ?, wake_at = ?, ended_at = ?, end_reason = ?, holdout = ?, goal_at = ?, followed_visit = ?
WHERE id = ? AND visit = ?

-- name: enroll
INSERT INTO enrollments (id, journey_id, version_id, customer_id, identity_id, entry_key, state, node, visit, entered_node_at, wake_at, context, started_at, ended_at, end_reason, holdout, goal_at)
SELECT ?, ?, ?, ?, COALESCE(NULLIF(CAST(? AS BIGINT), 0), (SELECT min(i.id) FROM identities i WHERE i.customer_id = ?), 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE TRUE ON CONFLICT DO NOTHING

-- name: refuse
INSERT INTO journey_refusals (journey_id, customer_id, code, params, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (journey_id, customer_id) DO UPDATE SET code = excluded.code, params = excluded.params, at = excluded.at, times = journey_refusals.times + 1

-- name: unsettled
SELECT id FROM journey_versions WHERE NOT settled ORDER BY id LIMIT 1

-- name: in-version
SELECT customer_id FROM enrollments WHERE version_id = ? AND state = 'active' ORDER BY id LIMIT ?

-- name: settle
UPDATE journey_versions SET settled = TRUE WHERE id = ? AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.version_id = journey_versions.id AND e.state = 'active')

-- name: fired
UPDATE journeys SET fired = ? WHERE id = ? AND fired = ? AND epoch = ? AND state = 'live'

-- name: insert-tick
INSERT INTO journey_ticks (id, journey_id, version_id, civil, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (journey_id, civil) DO NOTHING

-- name: open-tick
SELECT t.id, t.journey_id, t.version_id, t.at, t.after_id FROM journey_ticks t JOIN journeys j ON j.id = t.journey_id WHERE NOT t.done AND j.state = 'live' ORDER BY t.id LIMIT 1

-- name: advance-tick
UPDATE journey_ticks SET after_id = ?, entered = entered + ?, done = ? WHERE id = ? AND after_id = ? AND NOT done

-- name: drop-ticks
UPDATE journey_ticks SET done = TRUE WHERE journey_id = ? AND NOT done

-- name: move-signals
UPDATE journey_signals SET customer_id = ? WHERE customer_id = ? AND (identity_id = ? OR identity_id = 0 AND kind NOT IN ('enter', 'leave', 'exit'))

-- name: through
SELECT e.id, e.journey_id, e.version_id, e.customer_id, e.identity_id, e.entry_key, e.state, e.node, e.visit, e.entered_node_at,
  e.wake_at, e.context, e.started_at, e.ended_at, e.end_reason, e.holdout, e.goal_at, e.followed_visit
FROM enrollments e WHERE e.identity_id = ? AND e.customer_id = ? AND e.state = 'active' ORDER BY e.id

-- name: move-through
UPDATE enrollments SET customer_id = ? WHERE identity_id = ? AND customer_id = ?

-- name: active-of
SELECT e.id, e.journey_id, e.version_id, e.customer_id, e.identity_id, e.entry_key, e.state, e.node, e.visit, e.entered_node_at,
  e.wake_at, e.context, e.started_at, e.ended_at, e.end_reason, e.holdout, e.goal_at, e.followed_visit
FROM enrollments e WHERE e.customer_id = ? AND e.journey_id = ? AND e.state = 'active'

-- name: yield
UPDATE enrollments SET state = 'exited', end_reason = 'merged', ended_at = ?, rival_id = ? WHERE id = ?

-- name: yielded
SELECT e.id, e.journey_id, e.version_id, e.customer_id, e.identity_id, e.entry_key, e.state, e.node, e.visit, e.entered_node_at,
  e.wake_at, e.context, e.started_at, e.ended_at, e.end_reason, e.holdout, e.goal_at, e.followed_visit
FROM enrollments e JOIN enrollments r ON r.id = e.rival_id JOIN journeys j ON j.id = e.journey_id
WHERE e.customer_id = ? AND e.state = 'exited' AND e.rival_id > 0 AND r.customer_id <> e.customer_id AND j.state IN ('live', 'paused') ORDER BY e.id

-- name: reopen
UPDATE enrollments SET state = 'active', end_reason = '', ended_at = 0, rival_id = 0 WHERE id = ?

-- name: drop-step
DELETE FROM enrollment_steps WHERE enrollment_id = ? AND visit = ? AND outcome = ?

-- name: journey
SELECT id, name, state, draft, draft_version, version_id, epoch, updated_at FROM journeys WHERE id = ?

-- name: lock-journey
SELECT id, name, state, draft, draft_version, version_id, epoch, updated_at FROM journeys WHERE id = ? {lock}

-- name: insert-journey
INSERT INTO journeys (id, name, state, draft, created_at, updated_at) VALUES (?, ?, 'draft', ?, ?, ?)

-- name: save-draft
UPDATE journeys SET name = ?, draft = ?, draft_version = draft_version + 1, updated_at = ? WHERE id = ? AND draft_version = ?

-- name: set-state
UPDATE journeys SET state = ?, fired = ?, epoch = epoch + 1, updated_at = ? WHERE id = ?

-- name: set-version
UPDATE journeys SET state = ?, version_id = ?, fired = ?, epoch = epoch + 1, updated_at = ? WHERE id = ?

-- name: next-number
SELECT COALESCE(max(number), 0) + 1 FROM journey_versions WHERE journey_id = ?

-- name: insert-version
INSERT INTO journey_versions (id, journey_id, number, graph, published_at, published_by) VALUES (?, ?, ?, ?, ?, ?)

-- name: set-fate
UPDATE journey_versions SET fate = ?, reason = ?, successor_id = ?, settled = FALSE WHERE journey_id = ? AND fate = '' AND id <> ?

-- name: open-graphs
SELECT id FROM journey_versions WHERE journey_id = ? AND fate = '' ORDER BY id

-- name: release-held
UPDATE journey_signals SET held = FALSE WHERE journey_id = ? AND held

-- name: drop-held
DELETE FROM journey_signals WHERE journey_id = ?

-- name: version-number
SELECT number, graph FROM journey_versions WHERE id = ?

-- name: journeys
SELECT j.id, j.name, j.state, j.draft_version, COALESCE(v.number, 0), j.updated_at FROM journeys j LEFT JOIN journey_versions v ON v.id = j.version_id ORDER BY j.updated_at DESC, j.id DESC

-- name: tallies
SELECT journey_id, state, count(*) FROM enrollments GROUP BY journey_id, state

-- name: tallies-of
SELECT journey_id, state, count(*) FROM enrollments WHERE journey_id = ? GROUP BY journey_id, state

-- name: goals
SELECT journey_id, count(*) FROM enrollments WHERE goal_at > 0 GROUP BY journey_id

-- name: goals-of
SELECT journey_id, count(*) FROM enrollments WHERE journey_id = ? AND goal_at > 0 GROUP BY journey_id

-- name: at-nodes
SELECT node, count(*) FROM enrollments WHERE journey_id = ? AND state = 'active' GROUP BY node

-- name: outcomes
SELECT node, outcome, sum(n) FROM (
  SELECT node, outcome, count(*) AS n FROM enrollment_steps WHERE journey_id = ? GROUP BY node, outcome
  UNION ALL SELECT node, outcome, n FROM journey_totals WHERE journey_id = ?) counted
GROUP BY node, outcome

-- name: steps-of
SELECT visit, node, kind, at, outcome, detail, delivery_id, task_id FROM enrollment_steps WHERE enrollment_id = ? ORDER BY visit

-- name: refused
SELECT code, params, at, times FROM journey_refusals WHERE journey_id = ? AND customer_id = ?

-- name: pending-signals
SELECT count(*) FROM journey_signals WHERE customer_id = ?

-- name: delete-steps
DELETE FROM enrollment_steps WHERE enrollment_id IN (SELECT id FROM enrollments WHERE journey_id = ? ORDER BY id LIMIT ?)

-- name: delete-enrollments
DELETE FROM enrollments WHERE id IN (SELECT id FROM enrollments WHERE journey_id = ? ORDER BY id LIMIT ?)

-- name: delete-refusals
DELETE FROM journey_refusals WHERE journey_id = ?

-- name: delete-ticks
DELETE FROM journey_ticks WHERE journey_id = ?

-- name: delete-versions
DELETE FROM journey_versions WHERE journey_id = ?

-- name: delete-journey
DELETE FROM journeys WHERE id = ?

-- name: fired-of
SELECT fired FROM journeys WHERE id = ?

-- name: graphs
SELECT j.id, j.name, j.state, v.graph FROM journey_versions v JOIN journeys j ON j.id = v.journey_id
WHERE j.state IN ('live', 'paused') AND (v.fate = '' OR NOT v.settled)
UNION ALL SELECT j.id, j.name, j.state, j.draft FROM journeys j WHERE j.state = 'draft'
ORDER BY 1

-- name: waiting-deliveries
SELECT delivery_id FROM enrollment_steps WHERE enrollment_id = ? AND outcome = 'queued' AND delivery_id > 0 ORDER BY visit

-- name: vouch
SELECT j.state, COALESCE(e.state, ''), COALESCE(e.end_reason, '') FROM journeys j LEFT JOIN enrollments e ON e.id = ? WHERE j.id = ?

-- name: oldest-steps
SELECT DISTINCT enrollment_id FROM enrollment_steps WHERE enrollment_id > ? ORDER BY enrollment_id LIMIT ?

-- name: count-on
INSERT INTO journey_totals (journey_id, node, outcome, n) VALUES (?, ?, ?, ?)
ON CONFLICT (journey_id, node, outcome) DO UPDATE SET n = journey_totals.n + excluded.n

-- name: delete-totals
DELETE FROM journey_totals WHERE journey_id = ?

