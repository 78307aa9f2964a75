-- +goose Up
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  n    BIGINT NOT NULL
);

CREATE TABLE nodes (
  node       INTEGER PRIMARY KEY,
  holder     TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);

-- The change feed. xact orders it on PostgreSQL and is 0 here, where ids alone do.
CREATE TABLE changes (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  xact            BIGINT NOT NULL DEFAULT 0,
  at              BIGINT NOT NULL,
  kind            TEXT NOT NULL,
  audience        TEXT NOT NULL,
  conversation_id BIGINT NOT NULL DEFAULT 0,
  customer_id     BIGINT NOT NULL DEFAULT 0,
  identity_id     BIGINT NOT NULL DEFAULT 0,
  teammate_id     BIGINT NOT NULL DEFAULT 0,
  account_id      BIGINT NOT NULL DEFAULT 0,
  team_before     BIGINT NOT NULL DEFAULT 0,
  assignee_before BIGINT NOT NULL DEFAULT 0,
  team_after      BIGINT NOT NULL DEFAULT 0,
  assignee_after  BIGINT NOT NULL DEFAULT 0,
  existed         BOOLEAN NOT NULL DEFAULT FALSE,
  payload         TEXT NOT NULL,
  visitor_payload TEXT NOT NULL DEFAULT ''
);

CREATE TABLE cursors (
  name TEXT PRIMARY KEY,
  xact BIGINT NOT NULL,
  id   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE jobs (
  id           INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,
  unique_key   TEXT UNIQUE,
  payload      TEXT NOT NULL,
  state        TEXT NOT NULL,
  attempt      BIGINT NOT NULL DEFAULT 0,
  max_attempts BIGINT NOT NULL,
  run_at       BIGINT NOT NULL,
  leased_by    TEXT NOT NULL DEFAULT '',
  lease_until  BIGINT NOT NULL DEFAULT 0,
  last_error   TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL,
  finished_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX jobs_due ON jobs (kind, run_at, id) WHERE state = 'available';
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at > 0;

CREATE TABLE teammates (
  id            INTEGER PRIMARY KEY,
  email         TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  role          TEXT NOT NULL,
  password_hash TEXT NOT NULL DEFAULT '',
  locale        TEXT NOT NULL,
  theme         TEXT NOT NULL DEFAULT 'system',
  availability  TEXT NOT NULL DEFAULT 'available',
  scope         TEXT NOT NULL DEFAULT 'all',
  account_ids   TEXT NOT NULL DEFAULT '[]',
  rights_version BIGINT NOT NULL DEFAULT 1,
  disabled_at   BIGINT NOT NULL DEFAULT 0,
  last_seen_at  BIGINT NOT NULL DEFAULT 0,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL
);

CREATE TABLE teams (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);

CREATE TABLE team_members (
  team_id     BIGINT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  teammate_id BIGINT NOT NULL REFERENCES teammates (id) ON DELETE CASCADE,
  PRIMARY KEY (team_id, teammate_id)
) WITHOUT ROWID;
CREATE INDEX team_members_teammate ON team_members (teammate_id);

CREATE TABLE sessions (
  token_hash   TEXT PRIMARY KEY,
  teammate_id  BIGINT NOT NULL REFERENCES teammates (id) ON DELETE CASCADE,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  via          TEXT NOT NULL,
  user_agent   TEXT NOT NULL DEFAULT '',
  ip           TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX sessions_teammate ON sessions (teammate_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE sign_in_links (
  token_hash  TEXT PRIMARY KEY,
  teammate_id BIGINT NOT NULL REFERENCES teammates (id) ON DELETE CASCADE,
  purpose     TEXT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  used_at     BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX sign_in_links_teammate ON sign_in_links (teammate_id);

CREATE TABLE tokens (
  id           INTEGER PRIMARY KEY,
  token_hash   TEXT NOT NULL UNIQUE,
  name         TEXT NOT NULL,
  role         TEXT NOT NULL,
  created_by   BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  revoked_at   BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE audit (
  id         INTEGER PRIMARY KEY,
  at         BIGINT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id   BIGINT NOT NULL DEFAULT 0,
  action     TEXT NOT NULL,
  object     TEXT NOT NULL DEFAULT '',
  details    TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE accounts (
  id              INTEGER PRIMARY KEY,
  channel         TEXT NOT NULL,
  name            TEXT NOT NULL,
  public_key      TEXT NOT NULL UNIQUE,
  status          TEXT NOT NULL,
  sandbox         BOOLEAN NOT NULL DEFAULT FALSE,
  config          TEXT NOT NULL,
  sealed_secret   TEXT NOT NULL DEFAULT '',
  sealed_credentials TEXT NOT NULL DEFAULT '',
  health          TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL
);

CREATE TABLE customers (
  id           INTEGER PRIMARY KEY,
  name         TEXT NOT NULL DEFAULT '',
  search_text  TEXT NOT NULL DEFAULT '',
  locale       TEXT NOT NULL DEFAULT '',
  timezone     TEXT NOT NULL DEFAULT '',
  attributes   TEXT NOT NULL DEFAULT '{}',
  last_seen_at BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  merged_into  BIGINT NOT NULL DEFAULT 0,
  -- What is this record's own, while merged records fill its blanks; '' otherwise.
  own          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX customers_merged ON customers (merged_into) WHERE merged_into > 0;
CREATE INDEX customers_recent ON customers (last_seen_at DESC, id DESC) WHERE merged_into = 0;

CREATE TABLE identities (
  id          INTEGER PRIMARY KEY,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  -- The record that it came with: where it returns to when merges are undone.
  home_id     BIGINT NOT NULL REFERENCES customers (id),
  -- The external identity that was proven on this browser, or that proved this address.
  proof_id    BIGINT NOT NULL DEFAULT 0,
  kind        TEXT NOT NULL,
  namespace   TEXT NOT NULL,
  value       TEXT NOT NULL,
  verified    BOOLEAN NOT NULL DEFAULT FALSE,
  created_at  BIGINT NOT NULL,
  grants      TEXT NOT NULL DEFAULT '',
  suppressed  TEXT NOT NULL DEFAULT '',
  UNIQUE (kind, namespace, value)
);
CREATE INDEX identities_customer ON identities (customer_id);

-- Who was joined with whom, and why. A person is what the merges that are not
-- undone hold together: each joins two records (the ends).
CREATE TABLE merges (
  id                INTEGER PRIMARY KEY,
  kind              TEXT NOT NULL,
  survivor_id       BIGINT NOT NULL REFERENCES customers (id),
  absorbed_id       BIGINT NOT NULL REFERENCES customers (id),
  survivor_end      BIGINT NOT NULL REFERENCES customers (id),
  absorbed_end      BIGINT NOT NULL REFERENCES customers (id),
  survivor_identity BIGINT NOT NULL DEFAULT 0,
  absorbed_identity BIGINT NOT NULL DEFAULT 0,
  client_key        TEXT UNIQUE,
  actor_kind        TEXT NOT NULL,
  actor_id          BIGINT NOT NULL DEFAULT 0,
  actor_name        TEXT NOT NULL DEFAULT '',
  at                BIGINT NOT NULL,
  identities        TEXT NOT NULL,
  fields            TEXT NOT NULL,
  undone_at         BIGINT NOT NULL DEFAULT 0,
  undone_by_kind    TEXT NOT NULL DEFAULT '',
  undone_by_id      BIGINT NOT NULL DEFAULT 0,
  undone_by_name    TEXT NOT NULL DEFAULT ''
);
CREATE INDEX merges_survivor_end ON merges (survivor_end, id);
CREATE INDEX merges_absorbed_end ON merges (absorbed_end, id);
CREATE INDEX merges_evidence ON merges (absorbed_identity) WHERE absorbed_identity > 0;

-- Proofs that name two people at once: they are shown, never acted upon.
CREATE TABLE contradictions (
  id                INTEGER PRIMARY KEY,
  kind              TEXT NOT NULL,
  identity_id       BIGINT NOT NULL REFERENCES identities (id),
  other_identity_id BIGINT NOT NULL REFERENCES identities (id),
  at                BIGINT NOT NULL,
  UNIQUE (kind, identity_id, other_identity_id)
);
CREATE INDEX contradictions_other ON contradictions (other_identity_id);
CREATE INDEX contradictions_identity ON contradictions (identity_id);

-- What somebody allowed, and took back: every change is a row. customer_id is
-- the record for which it was said.
CREATE TABLE consents (
  id          INTEGER PRIMARY KEY,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  identity_id BIGINT NOT NULL DEFAULT 0,
  channel     TEXT NOT NULL,
  purpose     TEXT NOT NULL,
  state       TEXT NOT NULL,
  source      TEXT NOT NULL,
  actor_kind  TEXT NOT NULL,
  actor_id    BIGINT NOT NULL DEFAULT 0,
  actor_name  TEXT NOT NULL DEFAULT '',
  client_key  TEXT UNIQUE,
  at          BIGINT NOT NULL
);
CREATE INDEX consents_customer ON consents (customer_id, id);

-- Single-use proofs that a follower is the customer who asked for one.
CREATE TABLE bind_tokens (
  token_hash  TEXT PRIMARY KEY,
  identity_id BIGINT NOT NULL REFERENCES identities (id),
  account_id  BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  used_by     BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX bind_tokens_expiry ON bind_tokens (expires_at);

CREATE TABLE event_names (
  id   INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE events (
  id          INTEGER PRIMARY KEY,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  identity_id BIGINT NOT NULL DEFAULT 0,
  name_id     BIGINT NOT NULL REFERENCES event_names (id),
  at          BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  properties  TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX events_customer ON events (customer_id, name_id, at);
CREATE INDEX events_recent ON events (at DESC, id DESC);
CREATE INDEX events_timeline ON events (customer_id, at DESC, id DESC);

CREATE TABLE conversations (
  id                 INTEGER PRIMARY KEY,
  number             BIGINT NOT NULL UNIQUE,
  account_id         BIGINT NOT NULL REFERENCES accounts (id),
  channel            TEXT NOT NULL,
  customer_id        BIGINT NOT NULL REFERENCES customers (id),
  identity_id        BIGINT NOT NULL REFERENCES identities (id),
  status             TEXT NOT NULL,
  assignee_id        BIGINT NOT NULL DEFAULT 0,
  team_id            BIGINT NOT NULL DEFAULT 0,
  snoozed_until      BIGINT NOT NULL DEFAULT 0,
  waiting_since      BIGINT NOT NULL DEFAULT 0,
  first_reply_at     BIGINT NOT NULL DEFAULT 0,
  last_inbound_at    BIGINT NOT NULL DEFAULT 0,
  last_activity_at   BIGINT NOT NULL,
  reply_window_until BIGINT NOT NULL DEFAULT 0,
  last_seq           BIGINT NOT NULL DEFAULT 0,
  inbound_count      BIGINT NOT NULL DEFAULT 0,
  customer_read_seq  BIGINT NOT NULL DEFAULT 0,
  agent_read_seq     BIGINT NOT NULL DEFAULT 0,
  last_message       TEXT NOT NULL DEFAULT '',
  subject            TEXT NOT NULL DEFAULT '',
  version            BIGINT NOT NULL DEFAULT 1,
  created_at         BIGINT NOT NULL
);
CREATE INDEX conversations_recent ON conversations (status, last_activity_at DESC, id DESC);
CREATE INDEX conversations_any ON conversations (last_activity_at DESC, id DESC);
CREATE INDEX conversations_assignee ON conversations (assignee_id, status, last_activity_at DESC, id DESC);
CREATE INDEX conversations_team ON conversations (team_id, status, last_activity_at DESC, id DESC) WHERE team_id > 0;
CREATE INDEX conversations_account ON conversations (account_id, status, last_activity_at DESC, id DESC);
CREATE INDEX conversations_customer ON conversations (customer_id, account_id, last_activity_at DESC, id DESC);
CREATE INDEX conversations_identity ON conversations (identity_id);
CREATE INDEX conversations_snoozed ON conversations (snoozed_until) WHERE status = 'snoozed';

-- How many conversations stand where; kept in the transaction that moves one.
CREATE TABLE conversation_counts (
  account_id  BIGINT NOT NULL,
  team_id     BIGINT NOT NULL,
  assignee_id BIGINT NOT NULL,
  status      TEXT NOT NULL,
  n           BIGINT NOT NULL,
  PRIMARY KEY (status, account_id, team_id, assignee_id)
) WITHOUT ROWID;

CREATE TABLE messages (
  id              INTEGER PRIMARY KEY,
  conversation_id BIGINT NOT NULL REFERENCES conversations (id),
  seq             BIGINT NOT NULL,
  account_id      BIGINT NOT NULL,
  identity_id     BIGINT NOT NULL DEFAULT 0,
  direction       TEXT NOT NULL,
  kind            TEXT NOT NULL,
  author_kind     TEXT NOT NULL,
  author_id       BIGINT NOT NULL DEFAULT 0,
  author_name     TEXT NOT NULL DEFAULT '',
  body            TEXT NOT NULL,
  payload         TEXT NOT NULL DEFAULT '',
  external_id     TEXT NOT NULL DEFAULT '',
  client_key      TEXT NOT NULL DEFAULT '',
  dedup_key       TEXT UNIQUE,
  delivery_id     BIGINT NOT NULL DEFAULT 0,
  attachments     BIGINT NOT NULL DEFAULT 0,
  provider_at     BIGINT NOT NULL DEFAULT 0,
  created_at      BIGINT NOT NULL,
  UNIQUE (conversation_id, seq)
);

-- What people did on a channel that was no message: a repeat is recognised here.
CREATE TABLE noted (
  dedup_key   TEXT PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  identity_id BIGINT NOT NULL,
  at          BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX noted_identity ON noted (identity_id);

-- The sanitised HTML of a mail, apart: lists and changes do without it.
CREATE TABLE message_html (
  message_id BIGINT PRIMARY KEY REFERENCES messages (id),
  html       TEXT NOT NULL
);

CREATE TABLE attachments (
  id           INTEGER PRIMARY KEY,
  message_id   BIGINT NOT NULL DEFAULT 0,
  owner_kind   TEXT NOT NULL,
  owner_key    TEXT NOT NULL,
  blob_key     TEXT NOT NULL,
  name         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size         BIGINT NOT NULL,
  width        BIGINT NOT NULL DEFAULT 0,
  height       BIGINT NOT NULL DEFAULT 0,
  sha256       TEXT NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE INDEX attachments_message ON attachments (message_id) WHERE message_id > 0;
CREATE INDEX attachments_blob ON attachments (blob_key);
CREATE INDEX attachments_unbound ON attachments (created_at) WHERE message_id = 0;

CREATE TABLE deliveries (
  id              INTEGER PRIMARY KEY,
  idempotency_key TEXT NOT NULL UNIQUE,
  account_id      BIGINT NOT NULL,
  conversation_id BIGINT NOT NULL DEFAULT 0,
  message_id      BIGINT NOT NULL DEFAULT 0,
  seq             BIGINT NOT NULL DEFAULT 0,
  identity_id     BIGINT NOT NULL,
  lane            BIGINT NOT NULL,
  purpose         TEXT NOT NULL,
  state           TEXT NOT NULL,
  attempt         BIGINT NOT NULL DEFAULT 0,
  next_at         BIGINT NOT NULL,
  leased_by       TEXT NOT NULL DEFAULT '',
  lease_until     BIGINT NOT NULL DEFAULT 0,
  error_code      TEXT NOT NULL DEFAULT '',
  error_detail    TEXT NOT NULL DEFAULT '',
  provider_ref    TEXT NOT NULL DEFAULT '',
  automated       BOOLEAN NOT NULL DEFAULT FALSE,
  spent           TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (next_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_lane ON deliveries (lane, id) WHERE state IN ('queued', 'claimed', 'sending');
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX deliveries_trouble ON deliveries (updated_at DESC, id DESC) WHERE state IN ('failed', 'unknown');
CREATE INDEX deliveries_ref ON deliveries (account_id, provider_ref) WHERE provider_ref <> '';
CREATE INDEX deliveries_unread ON deliveries (conversation_id, seq) WHERE state IN ('sent', 'delivered');

-- What providers brought, as they brought it, stored before it is acknowledged.
CREATE TABLE inbound (
  id          INTEGER PRIMARY KEY,
  account_id  BIGINT NOT NULL REFERENCES accounts (id),
  lane        TEXT NOT NULL,
  dedup_key   TEXT NOT NULL UNIQUE,
  body        BLOB NOT NULL,
  blob_key    TEXT NOT NULL DEFAULT '',
  state       TEXT NOT NULL,
  attempt     BIGINT NOT NULL DEFAULT 0,
  next_at     BIGINT NOT NULL,
  leased_by   TEXT NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0,
  error_code  TEXT NOT NULL DEFAULT '',
  received_at BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX inbound_due ON inbound (next_at, id) WHERE state = 'new';
CREATE INDEX inbound_lane ON inbound (account_id, lane, id) WHERE state = 'new';
CREATE INDEX inbound_person ON inbound (account_id, lane) WHERE state <> 'new';
CREATE INDEX inbound_trouble ON inbound (ended_at DESC, id DESC) WHERE state = 'failed';
CREATE INDEX inbound_done ON inbound (ended_at) WHERE state = 'done';
CREATE INDEX inbound_blob ON inbound (blob_key) WHERE blob_key <> '';

CREATE TABLE delivery_attempts (
  delivery_id BIGINT NOT NULL REFERENCES deliveries (id),
  attempt     BIGINT NOT NULL,
  started_at  BIGINT NOT NULL,
  ended_at    BIGINT NOT NULL DEFAULT 0,
  outcome     TEXT NOT NULL,
  error_code  TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (delivery_id, attempt)
) WITHOUT ROWID;

CREATE TABLE read_cursors (
  teammate_id        BIGINT NOT NULL REFERENCES teammates (id) ON DELETE CASCADE,
  conversation_id    BIGINT NOT NULL REFERENCES conversations (id),
  read_seq           BIGINT NOT NULL,
  read_inbound_count BIGINT NOT NULL,
  updated_at         BIGINT NOT NULL,
  PRIMARY KEY (teammate_id, conversation_id)
) WITHOUT ROWID;

CREATE TABLE drafts (
  teammate_id     BIGINT NOT NULL REFERENCES teammates (id) ON DELETE CASCADE,
  conversation_id BIGINT NOT NULL REFERENCES conversations (id),
  kind            TEXT NOT NULL,
  body            TEXT NOT NULL,
  updated_at      BIGINT NOT NULL,
  PRIMARY KEY (teammate_id, conversation_id)
) WITHOUT ROWID;

-- +goose Down
SELECT 'the house has no way back: restore a backup';
