-- +goose Up
-- What rules see of a customer and of an event, typed when it is written.
ALTER TABLE customers ADD COLUMN facts TEXT COLLATE "C" NOT NULL DEFAULT '{}';
ALTER TABLE customers ADD COLUMN stage TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE customers ADD COLUMN stage_since BIGINT NOT NULL DEFAULT 0;
-- When the latest identify call was made whose traits have been taken over.
ALTER TABLE customers ADD COLUMN traits_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX customers_stage ON customers (stage, last_seen_at DESC, id DESC) WHERE merged_into = 0 AND stage <> '';

ALTER TABLE events ADD COLUMN facts TEXT COLLATE "C" NOT NULL DEFAULT '{}';
CREATE INDEX events_name ON events (name_id, at, customer_id);

-- What a tracking call said beside the event's properties.
CREATE TABLE event_contexts (
  event_id BIGINT PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
  context  TEXT COLLATE "C" NOT NULL
);

-- Whose membership may have changed. A version is never used twice, so whoever
-- deletes a row by it has seen everything that came before.
CREATE TABLE touched (
  customer_id BIGINT PRIMARY KEY,
  version     BIGINT NOT NULL
);

CREATE TABLE tags (
  id          BIGINT PRIMARY KEY,
  name        TEXT COLLATE "C" NOT NULL,
  folded_name TEXT COLLATE "C" NOT NULL UNIQUE,
  created_at  BIGINT NOT NULL
);

-- record_id is the record that was tagged, customer_id who represents it.
CREATE TABLE customer_tags (
  record_id   BIGINT NOT NULL REFERENCES customers (id),
  tag_id      BIGINT NOT NULL REFERENCES tags (id),
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  at          BIGINT NOT NULL,
  PRIMARY KEY (record_id, tag_id)
);
CREATE INDEX customer_tags_customer ON customer_tags (customer_id, tag_id);
CREATE INDEX customer_tags_tag ON customer_tags (tag_id, customer_id);

CREATE TABLE stages (
  key        TEXT COLLATE "C" PRIMARY KEY,
  position   BIGINT NOT NULL,
  name_en    TEXT COLLATE "C" NOT NULL,
  name_zh    TEXT COLLATE "C" NOT NULL,
  rule       TEXT COLLATE "C" NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL DEFAULT 0,
  updated_at BIGINT NOT NULL DEFAULT 0
);
INSERT INTO stages (key, position, name_en, name_zh) VALUES
  ('target', 1, 'Target', '目标客户'), ('lead', 2, 'Lead', '潜客'), ('customer', 3, 'Customer', '成交客户'),
  ('member', 4, 'Member', '会员'), ('fan', 5, 'Fan', '粉丝'), ('lapsed', 6, 'Lapsed', '流失');

-- Every move between stages. record_id is the record that was moved, customer_id
-- who represents it.
CREATE TABLE stage_changes (
  id          BIGINT PRIMARY KEY,
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  record_id   BIGINT NOT NULL REFERENCES customers (id),
  from_stage  TEXT COLLATE "C" NOT NULL,
  to_stage    TEXT COLLATE "C" NOT NULL,
  reason_kind TEXT COLLATE "C" NOT NULL,
  reason      TEXT COLLATE "C" NOT NULL DEFAULT '',
  ref         TEXT COLLATE "C" NOT NULL DEFAULT '',
  actor_kind  TEXT COLLATE "C" NOT NULL,
  actor_id    BIGINT NOT NULL DEFAULT 0,
  actor_name  TEXT COLLATE "C" NOT NULL DEFAULT '',
  at          BIGINT NOT NULL
);
CREATE INDEX stage_changes_customer ON stage_changes (customer_id, id);
CREATE INDEX stage_changes_record ON stage_changes (record_id, id);
CREATE INDEX stage_changes_at ON stage_changes (at);

-- Keys of tracking calls. A server key is kept as its hash, a browser key is
-- public and kept as it is.
CREATE TABLE write_keys (
  id           BIGINT PRIMARY KEY,
  name         TEXT COLLATE "C" NOT NULL,
  kind         TEXT COLLATE "C" NOT NULL,
  key_hash     TEXT COLLATE "C" NOT NULL UNIQUE,
  public_key   TEXT COLLATE "C" NOT NULL DEFAULT '',
  sandbox      BOOLEAN NOT NULL DEFAULT FALSE,
  created_by   BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL DEFAULT 0,
  revoked_at   BIGINT NOT NULL DEFAULT 0
);

-- Which messages of which key have been stored, by 128 bits of their id and the
-- day on which they came.
CREATE TABLE tracked_messages (
  day    BIGINT NOT NULL,
  source BIGINT NOT NULL,
  high   BIGINT NOT NULL,
  low    BIGINT NOT NULL,
  PRIMARY KEY (day, source, high, low)
);

-- The latest tracking calls, for those who connect a site.
CREATE TABLE tracking_calls (
  id           BIGINT PRIMARY KEY,
  at           BIGINT NOT NULL,
  write_key_id BIGINT NOT NULL DEFAULT 0,
  type         TEXT COLLATE "C" NOT NULL,
  message_id   TEXT COLLATE "C" NOT NULL,
  user_id      TEXT COLLATE "C" NOT NULL,
  anonymous_id TEXT COLLATE "C" NOT NULL,
  event        TEXT COLLATE "C" NOT NULL,
  status       TEXT COLLATE "C" NOT NULL,
  reasons      TEXT COLLATE "C" NOT NULL DEFAULT '[]',
  customer_id  BIGINT NOT NULL DEFAULT 0,
  body         TEXT COLLATE "C" NOT NULL
);
CREATE INDEX tracking_calls_status ON tracking_calls (status, id);
