-- +goose Up
-- What a delivery carries that is no answer in a conversation, and whose wish it
-- was. Whose it is follows from the identity, wherever that belongs.
CREATE TABLE delivery_contents (
  delivery_id BIGINT PRIMARY KEY REFERENCES deliveries (id),
  identity_id BIGINT NOT NULL REFERENCES identities (id),
  account_id  BIGINT NOT NULL REFERENCES accounts (id),
  channel     TEXT COLLATE "C" NOT NULL,
  purpose     TEXT COLLATE "C" NOT NULL,
  subject     TEXT COLLATE "C" NOT NULL DEFAULT '',
  body        TEXT COLLATE "C" NOT NULL,
  source      TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  created_at  BIGINT NOT NULL,
  -- When it went out, or may have; 0 as long as it certainly has not.
  sent_at     BIGINT NOT NULL DEFAULT 0,
  -- Until when quiet hours hold it back; 0 when they do not.
  held_until  BIGINT NOT NULL DEFAULT 0,
  -- The message in which the person answered; 0 as long as nobody has.
  answered_by BIGINT NOT NULL DEFAULT 0,
  -- When somebody decided that nothing more is done about its failure.
  settled_at  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX delivery_contents_identity ON delivery_contents (identity_id, created_at DESC, delivery_id DESC);
CREATE INDEX delivery_contents_sent ON delivery_contents (identity_id, sent_at) WHERE sent_at > 0;

-- What consents mean now, kept whenever one is said and people are joined or
-- parted: so that conditions can ask it. Without a row nothing was said.
CREATE TABLE consent_now (
  customer_id BIGINT NOT NULL REFERENCES customers (id),
  channel     TEXT COLLATE "C" NOT NULL,
  purpose     TEXT COLLATE "C" NOT NULL,
  state       TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (customer_id, channel, purpose)
);

-- Until when the grants last that still have something for automations.
ALTER TABLE identities ADD COLUMN open_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX identities_open ON identities (open_until) WHERE open_until > 0;

-- The message of a journey that the customer answered, as JSON; '' otherwise.
ALTER TABLE conversations ADD COLUMN context TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE tasks (
  id              BIGINT PRIMARY KEY,
  title           TEXT COLLATE "C" NOT NULL,
  note            TEXT COLLATE "C" NOT NULL DEFAULT '',
  customer_id     BIGINT NOT NULL DEFAULT 0,
  conversation_id BIGINT NOT NULL DEFAULT 0,
  account_id      BIGINT NOT NULL DEFAULT 0,
  assignee_id     BIGINT NOT NULL DEFAULT 0,
  team_id         BIGINT NOT NULL DEFAULT 0,
  due_at          BIGINT NOT NULL DEFAULT 0,
  remind_at       BIGINT NOT NULL DEFAULT 0,
  reminded_at     BIGINT NOT NULL DEFAULT 0,
  escalated_at    BIGINT NOT NULL DEFAULT 0,
  state           TEXT COLLATE "C" NOT NULL,
  outcome         TEXT COLLATE "C" NOT NULL DEFAULT '',
  outcome_note    TEXT COLLATE "C" NOT NULL DEFAULT '',
  source          TEXT COLLATE "C" NOT NULL DEFAULT '',
  dedup_key       TEXT COLLATE "C" UNIQUE,
  done_key        TEXT COLLATE "C" NOT NULL DEFAULT '',
  created_by_kind TEXT COLLATE "C" NOT NULL,
  created_by_id   BIGINT NOT NULL DEFAULT 0,
  created_by_name TEXT COLLATE "C" NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  completed_at    BIGINT NOT NULL DEFAULT 0,
  completed_by    BIGINT NOT NULL DEFAULT 0,
  completed_name  TEXT COLLATE "C" NOT NULL DEFAULT '',
  version         BIGINT NOT NULL DEFAULT 1
);
CREATE INDEX tasks_open ON tasks (due_at, id) WHERE state = 'open';
CREATE INDEX tasks_ended ON tasks (completed_at DESC, id DESC) WHERE state <> 'open';
CREATE INDEX tasks_assignee ON tasks (assignee_id, due_at, id) WHERE state = 'open';
CREATE INDEX tasks_customer ON tasks (customer_id) WHERE customer_id > 0;
CREATE INDEX tasks_conversation ON tasks (conversation_id) WHERE conversation_id > 0;
CREATE INDEX tasks_remind ON tasks (remind_at) WHERE state = 'open' AND remind_at > 0 AND reminded_at = 0;
CREATE INDEX tasks_overdue ON tasks (due_at) WHERE state = 'open' AND due_at > 0 AND escalated_at = 0;

-- What waits is asked for by account: a long queue of one account is nothing to
-- the others.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (account_id, next_at, id) WHERE state = 'queued';

-- +goose Down
SELECT 'the house has no way back: restore a backup';
