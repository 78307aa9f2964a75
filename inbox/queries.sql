-- name: conversation
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id WHERE c.id = ?

-- name: lock (sqlite)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id WHERE c.id = ?

-- name: lock (postgres)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id WHERE c.id = ? FOR UPDATE OF c

-- name: lock-customer (sqlite)
SELECT customer_id FROM conversations WHERE id = ?

-- name: lock-customer (postgres)
SELECT k.id FROM customers k WHERE k.id = (SELECT c.customer_id FROM conversations c WHERE c.id = ?) FOR UPDATE

-- name: lock-latest-of-customer (sqlite)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id WHERE c.customer_id = ? AND c.account_id = ?
  AND (c.identity_id = ? OR c.identity_id IN (
    SELECT d.id FROM identities me JOIN identities mine ON mine.id = me.proof_id AND mine.customer_id = me.customer_id
    JOIN identities d ON d.customer_id = me.customer_id JOIN identities e ON e.id = d.proof_id AND e.customer_id = d.customer_id WHERE me.id = ?))
ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1

-- name: lock-latest-of-customer (postgres)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id WHERE c.customer_id = ? AND c.account_id = ?
  AND (c.identity_id = ? OR c.identity_id IN (
    SELECT d.id FROM identities me JOIN identities mine ON mine.id = me.proof_id AND mine.customer_id = me.customer_id
    JOIN identities d ON d.customer_id = me.customer_id JOIN identities e ON e.id = d.proof_id AND e.customer_id = d.customer_id WHERE me.id = ?))
ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1 FOR UPDATE OF c

-- name: lock-latest-of-identity (sqlite)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id
WHERE c.identity_id = ? AND c.account_id = ? ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1

-- name: lock-latest-of-identity (postgres)
SELECT c.id, c.number, c.account_id, c.channel, c.customer_id, k.name, CASE WHEN k.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = k.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, c.identity_id, c.status, c.assignee_id, c.team_id, c.snoozed_until, c.waiting_since,
  c.first_reply_at, c.last_inbound_at, c.last_activity_at, c.reply_window_until, c.last_seq, c.inbound_count, c.customer_read_seq, c.agent_read_seq,
  c.last_message, c.version, c.created_at, c.subject, i.grants, c.context
FROM conversations c JOIN customers k ON k.id = c.customer_id JOIN identities i ON i.id = c.identity_id
WHERE c.identity_id = ? AND c.account_id = ? ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1 FOR UPDATE OF c

-- name: next-number
INSERT INTO counters (name, n) VALUES ('conversations', 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + 1 RETURNING n

-- name: take-numbers
INSERT INTO counters (name, n) VALUES ('conversations', ?) ON CONFLICT (name) DO UPDATE SET n = counters.n + ? RETURNING n

-- name: insert-conversation
INSERT INTO conversations (id, number, account_id, channel, customer_id, identity_id, status, subject, last_activity_at, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save-conversation
UPDATE conversations SET status = ?, assignee_id = ?, team_id = ?, snoozed_until = ?, waiting_since = ?, first_reply_at = ?, last_inbound_at = ?,
  last_activity_at = ?, reply_window_until = ?, last_seq = ?, inbound_count = ?, last_message = ?, version = ?
WHERE id = ?

-- name: count-delta
INSERT INTO conversation_counts (account_id, team_id, assignee_id, status, n) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (status, account_id, team_id, assignee_id) DO UPDATE SET n = conversation_counts.n + excluded.n

-- name: insert-message
INSERT INTO messages (id, conversation_id, seq, account_id, identity_id, direction, kind, author_kind, author_id, author_name, body, payload,
  external_id, client_key, dedup_key, delivery_id, attachments, provider_at, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (dedup_key) DO NOTHING

-- name: complete-message
UPDATE messages SET payload = ?, attachments = ? WHERE id = ?

-- name: by-dedup-key
SELECT m.id, m.conversation_id, m.seq, c.customer_id, m.identity_id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.dedup_key = ?

-- name: message
SELECT m.id, m.conversation_id, m.seq, m.direction, m.kind, m.author_kind, m.author_id, m.author_name, m.body, m.payload, m.client_key, m.attachments, m.created_at,
  COALESCE(d.id, 0), COALESCE(d.state, ''), COALESCE(d.attempt, 0), COALESCE(d.error_code, ''), COALESCE(d.error_detail, ''), COALESCE(d.updated_at, 0)
FROM messages m LEFT JOIN deliveries d ON d.id = m.delivery_id WHERE m.id = ?

-- name: message-at
SELECT id FROM messages WHERE conversation_id = ? AND seq = ?

-- name: messages-after
SELECT m.id, m.conversation_id, m.seq, m.direction, m.kind, m.author_kind, m.author_id, m.author_name, m.body, m.payload, m.client_key, m.attachments, m.created_at,
  COALESCE(d.id, 0), COALESCE(d.state, ''), COALESCE(d.attempt, 0), COALESCE(d.error_code, ''), COALESCE(d.error_detail, ''), COALESCE(d.updated_at, 0)
FROM messages m LEFT JOIN deliveries d ON d.id = m.delivery_id WHERE m.conversation_id = ? AND m.seq > ? ORDER BY m.seq LIMIT ?

-- name: messages-before
SELECT m.id, m.conversation_id, m.seq, m.direction, m.kind, m.author_kind, m.author_id, m.author_name, m.body, m.payload, m.client_key, m.attachments, m.created_at,
  COALESCE(d.id, 0), COALESCE(d.state, ''), COALESCE(d.attempt, 0), COALESCE(d.error_code, ''), COALESCE(d.error_detail, ''), COALESCE(d.updated_at, 0)
FROM messages m LEFT JOIN deliveries d ON d.id = m.delivery_id WHERE m.conversation_id = ? AND m.seq < ? ORDER BY m.seq DESC LIMIT ?

-- name: count-messages
SELECT count(*) FROM messages WHERE conversation_id = ?

-- name: bind-attachment
UPDATE attachments SET message_id = ? WHERE id = ? AND message_id = 0 AND owner_kind = ? AND owner_key = ?

-- name: attachments
SELECT id, name, content_type, size, width, height FROM attachments WHERE message_id = ? AND message_id > 0 ORDER BY id

-- name: insert-attachment
INSERT INTO attachments (id, owner_kind, owner_key, blob_key, name, content_type, size, width, height, sha256, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: attachment-file
SELECT blob_key, name, content_type, size FROM attachments WHERE id = ?

-- name: stale-attachments
SELECT id, blob_key FROM attachments WHERE message_id = 0 AND created_at < ? ORDER BY created_at LIMIT ?

-- name: delete-attachment
DELETE FROM attachments WHERE id = ? AND message_id = 0

-- name: knows-blob
SELECT count(*) FROM attachments WHERE blob_key = ?

-- name: read-cursor
SELECT read_seq, read_inbound_count FROM read_cursors WHERE teammate_id = ? AND conversation_id = ?

-- name: inbound-until
SELECT count(*) FROM messages WHERE conversation_id = ? AND seq <= ? AND direction = 'in'

-- name: out-after
SELECT count(*) FROM messages WHERE conversation_id = ? AND seq > ? AND direction = 'out'

-- name: save-read-cursor
INSERT INTO read_cursors (teammate_id, conversation_id, read_seq, read_inbound_count, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (teammate_id, conversation_id) DO UPDATE SET read_seq = excluded.read_seq, read_inbound_count = excluded.read_inbound_count, updated_at = excluded.updated_at

-- name: raise-agent-read
UPDATE conversations SET agent_read_seq = ? WHERE id = ? AND agent_read_seq < ?

-- name: raise-customer-read
UPDATE conversations SET customer_read_seq = ? WHERE id = ? AND customer_read_seq < ?

-- name: deliveries-read
UPDATE deliveries SET state = 'read', updated_at = ? WHERE conversation_id = ? AND seq <= ? AND state IN ('sent', 'delivered')

-- name: draft
SELECT kind, body FROM drafts WHERE teammate_id = ? AND conversation_id = ?

-- name: save-draft
INSERT INTO drafts (teammate_id, conversation_id, kind, body, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (teammate_id, conversation_id) DO UPDATE SET kind = excluded.kind, body = excluded.body, updated_at = excluded.updated_at

-- name: delete-draft
DELETE FROM drafts WHERE teammate_id = ? AND conversation_id = ?

-- name: teammate-name
SELECT name FROM teammates WHERE id = ? AND disabled_at = 0

-- name: team-name
SELECT name FROM teams WHERE id = ?

-- name: of-identity
SELECT id FROM conversations WHERE identity_id = ? AND customer_id = ? ORDER BY id

-- name: set-customer
UPDATE conversations SET customer_id = ?, version = version + 1 WHERE id = ?

-- name: mixed
SELECT DISTINCT c.id FROM conversations c JOIN messages m ON m.conversation_id = c.id JOIN identities i ON i.id = m.identity_id
WHERE c.customer_id IN (?, ?) AND m.direction = 'in' AND i.customer_id <> c.customer_id ORDER BY c.id

-- name: lines
SELECT m.id, m.identity_id, COALESCE(i.customer_id, 0), m.seq, m.direction, m.kind, m.created_at
FROM messages m LEFT JOIN identities i ON i.id = m.identity_id WHERE m.conversation_id = ? ORDER BY m.seq

-- name: open-beside
INSERT INTO conversations (id, number, account_id, channel, customer_id, identity_id, status, assignee_id, team_id, snoozed_until, last_activity_at, created_at)
SELECT ?, ?, account_id, channel, ?, ?, status, assignee_id, team_id, snoozed_until, ?, ? FROM conversations WHERE id = ?

-- name: move-message
UPDATE messages SET conversation_id = ?, seq = ? WHERE id = ?

-- name: move-delivery
UPDATE deliveries SET conversation_id = ?, seq = ?, lane = CASE WHEN lane = ? THEN ? ELSE lane END
WHERE id = (SELECT m.delivery_id FROM messages m WHERE m.id = ?)

-- name: insert-mark
INSERT INTO messages (id, conversation_id, seq, account_id, direction, kind, author_kind, body, payload, created_at)
VALUES (?, ?, ?, ?, 'internal', 'activity', 'system', '', ?, ?)

-- name: newest-of
SELECT COALESCE(max(CASE WHEN kind <> 'activity' THEN id END), 0), COALESCE(max(CASE WHEN direction = 'in' THEN created_at END), 0) FROM messages WHERE conversation_id = ?

-- name: unanswered
SELECT COALESCE(min(created_at), 0) FROM messages WHERE conversation_id = ? AND direction = 'in'
  AND seq > (SELECT COALESCE(max(seq), 0) FROM messages WHERE conversation_id = ? AND direction = 'out')

-- name: recount-read
UPDATE read_cursors SET read_inbound_count = (SELECT count(*) FROM messages m WHERE m.conversation_id = ? AND m.seq <= read_cursors.read_seq AND m.direction = 'in')
WHERE conversation_id = ? AND teammate_id IN (SELECT id FROM teammates)

-- name: signed-in-device
SELECT count(*) FROM identities d JOIN identities e ON e.id = d.proof_id AND e.customer_id = d.customer_id WHERE d.id = ? AND d.customer_id = ?

-- name: due-snoozes
SELECT id FROM conversations WHERE status = 'snoozed' AND snoozed_until <= ? ORDER BY snoozed_until LIMIT ?

-- name: next-snooze
SELECT COALESCE(min(snoozed_until), 0) FROM conversations WHERE status = 'snoozed'

-- name: delivery-conversation
SELECT conversation_id, message_id FROM deliveries WHERE id = ?

-- name: outbound
SELECT i.kind, i.namespace, i.value, i.verified, m.body, m.conversation_id, m.seq, m.attachments, c.subject
FROM identities i JOIN messages m ON i.id = ? JOIN conversations c ON c.id = m.conversation_id WHERE m.id = ?

-- name: outbound-files
SELECT name, content_type, size, blob_key FROM attachments WHERE message_id = ? AND message_id > 0 ORDER BY id

-- name: heard-before
SELECT external_id FROM messages WHERE conversation_id = ? AND seq < ? AND direction = 'in' AND external_id <> '' ORDER BY seq DESC LIMIT ?

-- name: thread-of
SELECT m.conversation_id FROM messages m JOIN conversations c ON c.id = m.conversation_id
WHERE (m.dedup_key = ? OR m.dedup_key >= ? AND m.dedup_key < ?) AND c.customer_id = ? ORDER BY m.id DESC LIMIT 1

-- name: answer-identity
SELECT m.identity_id FROM messages m JOIN identities i ON i.id = m.identity_id
WHERE m.conversation_id = ? AND m.direction = 'in' AND i.customer_id = ? ORDER BY m.seq DESC LIMIT 1

-- name: unsuppress
UPDATE identities SET suppressed = '' WHERE id = ? AND suppressed <> ''

-- name: revive
UPDATE identities SET value = ? WHERE kind = ? AND namespace = ? AND value = ?
  AND NOT EXISTS (SELECT 1 FROM identities o WHERE o.kind = ? AND o.namespace = ? AND o.value = ?)

-- name: heard-from
SELECT m.id, m.conversation_id FROM messages m JOIN conversations c ON c.id = m.conversation_id
WHERE c.identity_id = ? AND m.direction = 'in' AND m.id > ? ORDER BY m.id LIMIT ?

-- name: blank
UPDATE messages SET body = '', payload = '{"payload":{"type":"erased"}}', external_id = '', client_key = '', attachments = 0 WHERE id = ?

-- name: drop-html
DELETE FROM message_html WHERE message_id = ?

-- name: drop-files
DELETE FROM attachments WHERE message_id = ? AND message_id > 0

-- name: forget-events
DELETE FROM events WHERE id IN (SELECT e.id FROM events e
  WHERE (e.customer_id = ? OR e.customer_id IN (SELECT m.from_id FROM event_moves m WHERE m.identity_id = ?)) AND e.identity_id = ? LIMIT ?)

-- name: forget-noted
DELETE FROM noted WHERE identity_id = ?

-- name: noted-of
SELECT identity_id FROM noted WHERE dedup_key = ?

-- name: settle-noted
UPDATE noted SET customer_id = 0, identity_id = 0 WHERE dedup_key = ?

-- name: returned
SELECT count(*) FROM events e WHERE e.customer_id = ? AND e.name_id = (SELECT n.id FROM event_names n WHERE n.name = ?) AND e.at > ? AND e.identity_id = ?

-- name: forget-inbound
DELETE FROM inbound WHERE account_id = ? AND lane = ? AND state <> 'new'

-- name: insert-html
INSERT INTO message_html (message_id, html) VALUES (?, ?)

-- name: html
SELECT html FROM message_html WHERE message_id = ?

-- name: noted
INSERT INTO noted (dedup_key, customer_id, identity_id, at) VALUES (?, ?, ?, ?) ON CONFLICT (dedup_key) DO NOTHING

-- name: of-team
SELECT id FROM conversations WHERE team_id = ? AND team_id > 0 ORDER BY status, last_activity_at DESC LIMIT ?

-- name: account-channel
SELECT channel FROM accounts WHERE id = ?

-- name: newest-outreach
SELECT x.delivery_id, x.subject, x.body, x.source, x.sent_at, d.conversation_id, x.answered_by
FROM identities i JOIN delivery_contents x ON x.identity_id = i.id JOIN deliveries d ON d.id = x.delivery_id
WHERE i.customer_id = ? AND x.account_id = ? AND x.sent_at > ? ORDER BY x.sent_at DESC, x.delivery_id DESC LIMIT 1

-- name: mark-answered
UPDATE delivery_contents SET answered_by = ? WHERE delivery_id = ?

-- name: set-context
UPDATE conversations SET context = ? WHERE id = ?

-- name: insert-task
INSERT INTO tasks (id, title, note, customer_id, conversation_id, account_id, assignee_id, team_id, due_at, remind_at, state, source, dedup_key,
  created_by_kind, created_by_id, created_by_name, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dedup_key) DO NOTHING

-- name: task-by-key
SELECT id FROM tasks WHERE dedup_key = ?

-- name: task
SELECT t.id, t.title, t.note, COALESCE(r.id, 0), COALESCE(r.name, ''), COALESCE(CASE WHEN r.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = r.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, ''), t.conversation_id, t.account_id, t.assignee_id, t.team_id, t.due_at, t.remind_at, t.reminded_at, t.state, t.outcome, t.outcome_note,
  t.escalated_at, t.source, t.created_by_kind, t.created_by_id, t.created_by_name, t.created_at, t.completed_at, t.completed_by, t.completed_name, t.done_key, t.version
FROM tasks t LEFT JOIN customers k ON k.id = t.customer_id LEFT JOIN customers r ON r.id = CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END
WHERE t.id = ?

-- name: lock-task (sqlite)
SELECT t.id, t.title, t.note, COALESCE(r.id, 0), COALESCE(r.name, ''), COALESCE(CASE WHEN r.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = r.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, ''), t.conversation_id, t.account_id, t.assignee_id, t.team_id, t.due_at, t.remind_at, t.reminded_at, t.state, t.outcome, t.outcome_note,
  t.escalated_at, t.source, t.created_by_kind, t.created_by_id, t.created_by_name, t.created_at, t.completed_at, t.completed_by, t.completed_name, t.done_key, t.version
FROM tasks t LEFT JOIN customers k ON k.id = t.customer_id LEFT JOIN customers r ON r.id = CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END
WHERE t.id = ?

-- name: lock-task (postgres)
SELECT t.id, t.title, t.note, COALESCE(r.id, 0), COALESCE(r.name, ''), COALESCE(CASE WHEN r.name = '' THEN COALESCE((SELECT e.value FROM identities e WHERE e.customer_id = r.id AND e.kind = 'email' AND e.value LIKE '%@%' ORDER BY e.id LIMIT 1), '') ELSE '' END, ''), t.conversation_id, t.account_id, t.assignee_id, t.team_id, t.due_at, t.remind_at, t.reminded_at, t.state, t.outcome, t.outcome_note,
  t.escalated_at, t.source, t.created_by_kind, t.created_by_id, t.created_by_name, t.created_at, t.completed_at, t.completed_by, t.completed_name, t.done_key, t.version
FROM tasks t LEFT JOIN customers k ON k.id = t.customer_id LEFT JOIN customers r ON r.id = CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END
WHERE t.id = ? FOR UPDATE OF t

-- name: save-task
UPDATE tasks SET title = ?, note = ?, assignee_id = ?, team_id = ?, due_at = ?, remind_at = ?, reminded_at = ?, escalated_at = ?, state = ?,
  outcome = ?, outcome_note = ?, done_key = ?, completed_at = ?, completed_by = ?, completed_name = ?, version = ? WHERE id = ?

-- name: task-conversation
SELECT customer_id, account_id FROM conversations WHERE id = ?

-- name: task-customer
SELECT r.id, r.name FROM customers k JOIN customers r ON r.id = CASE WHEN k.merged_into > 0 THEN k.merged_into ELSE k.id END WHERE k.id = ?

-- name: newest-conversation
SELECT id, account_id FROM conversations WHERE customer_id = ? ORDER BY last_activity_at DESC, id DESC LIMIT 1

-- name: responsible
SELECT c.assignee_id FROM conversations c JOIN teammates t ON t.id = c.assignee_id AND t.disabled_at = 0
WHERE c.customer_id = ? ORDER BY c.last_activity_at DESC, c.id DESC LIMIT 1

-- name: lock-choice (sqlite)
SELECT 1

-- name: lock-choice (postgres)
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended('inbox/least-tasks', 0))) locked

-- name: least-tasks
SELECT p.id FROM teammates p
WHERE p.disabled_at = 0 AND (p.id IN (SELECT m.teammate_id FROM team_members m WHERE m.team_id = ?) OR p.role = 'agent' AND NOT EXISTS (SELECT 1 FROM teams g WHERE g.id = ?))
ORDER BY CASE WHEN p.availability = 'available' THEN 0 ELSE 1 END, (SELECT count(*) FROM tasks t WHERE t.assignee_id = p.id AND t.state = 'open'), p.id LIMIT 1

-- name: due-tasks
SELECT t.id FROM tasks t WHERE t.state = 'open' AND t.remind_at > 0 AND t.reminded_at = 0 AND t.remind_at <= ?
UNION SELECT t.id FROM tasks t WHERE t.state = 'open' AND t.due_at > 0 AND t.escalated_at = 0 AND t.due_at <= ? LIMIT ?

-- name: next-task
SELECT COALESCE(min(n.at), 0) FROM (SELECT min(t.remind_at) AS at FROM tasks t WHERE t.state = 'open' AND t.remind_at > 0 AND t.reminded_at = 0
  UNION ALL SELECT min(t.due_at) FROM tasks t WHERE t.state = 'open' AND t.due_at > 0 AND t.escalated_at = 0) n

-- name: outreach-account
SELECT x.account_id, d.conversation_id FROM delivery_contents x JOIN deliveries d ON d.id = x.delivery_id WHERE x.delivery_id = ?

-- name: settle-outreach
UPDATE delivery_contents SET settled_at = ? WHERE delivery_id = ?

-- name: outreach-unread
SELECT d.id FROM deliveries d JOIN delivery_contents x ON x.delivery_id = d.id WHERE d.conversation_id = ? AND d.seq <= ? AND d.state IN ('sent', 'delivered') ORDER BY d.id
