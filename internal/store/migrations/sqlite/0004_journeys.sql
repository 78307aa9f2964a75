-- +goose Up
-- A journey and the draft of its graph. epoch grows with everything that changes
-- how people move: whoever has planned with an older one plans anew.
CREATE TABLE journeys (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL,
  state         TEXT NOT NULL,
  draft         TEXT NOT NULL,
  draft_version BIGINT NOT NULL DEFAULT 1,
  version_id    BIGINT NOT NULL DEFAULT 0,
  epoch         BIGINT NOT NULL DEFAULT 1,
  fired         TEXT NOT NULL DEFAULT '',
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL
);

-- What was published: immutable but for the fate of those who are still in it
-- when the next one comes ('' they finish it, follow, exit) and whether that has
-- been brought about.
CREATE TABLE journey_versions (
  id           INTEGER PRIMARY KEY,
  journey_id   BIGINT NOT NULL REFERENCES journeys (id),
  number       BIGINT NOT NULL,
  graph        TEXT NOT NULL,
  fate         TEXT NOT NULL DEFAULT '',
  reason       TEXT NOT NULL DEFAULT '',
  successor_id BIGINT NOT NULL DEFAULT 0,
  settled      BOOLEAN NOT NULL DEFAULT TRUE,
  published_at BIGINT NOT NULL,
  published_by BIGINT NOT NULL DEFAULT 0,
  UNIQUE (journey_id, number)
);

-- What journeys listen to.
CREATE TABLE journey_interests (
  kind       TEXT NOT NULL,
  ref        TEXT NOT NULL,
  journey_id BIGINT NOT NULL REFERENCES journeys (id),
  PRIMARY KEY (kind, ref, journey_id)
) WITHOUT ROWID;

-- What has happened to somebody and has not been acted upon. journey_id is 0 for
-- news to all journeys; a paused journey holds what it has missed.
CREATE TABLE journey_signals (
  id          INTEGER PRIMARY KEY,
  kind        TEXT NOT NULL,
  ref         TEXT NOT NULL,
  customer_id BIGINT NOT NULL,
  identity_id BIGINT NOT NULL DEFAULT 0,
  journey_id  BIGINT NOT NULL DEFAULT 0,
  held        BOOLEAN NOT NULL DEFAULT FALSE,
  payload     TEXT NOT NULL,
  at          BIGINT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX journey_signals_new ON journey_signals (id) WHERE NOT held;
CREATE INDEX journey_signals_held ON journey_signals (journey_id) WHERE held;
CREATE INDEX journey_signals_identity ON journey_signals (identity_id);
CREATE INDEX journey_signals_customer ON journey_signals (customer_id);

-- One person on the way through one version. identity_id is what they came
-- through: with it the row follows merges and their undoing.
CREATE TABLE enrollments (
  id              INTEGER PRIMARY KEY,
  journey_id      BIGINT NOT NULL REFERENCES journeys (id),
  version_id      BIGINT NOT NULL REFERENCES journey_versions (id),
  customer_id     BIGINT NOT NULL,
  identity_id     BIGINT NOT NULL DEFAULT 0,
  entry_key       TEXT NOT NULL,
  state           TEXT NOT NULL,
  node            TEXT NOT NULL,
  visit           BIGINT NOT NULL,
  entered_node_at BIGINT NOT NULL,
  wake_at         BIGINT NOT NULL,
  context         TEXT NOT NULL DEFAULT '{}',
  started_at      BIGINT NOT NULL,
  ended_at        BIGINT NOT NULL DEFAULT 0,
  end_reason      TEXT NOT NULL DEFAULT '',
  holdout         BOOLEAN NOT NULL DEFAULT FALSE,
  goal_at         BIGINT NOT NULL DEFAULT 0,
  followed_visit  BIGINT NOT NULL DEFAULT 0,
  rival_id        BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX enrollments_one ON enrollments (journey_id, customer_id) WHERE state = 'active';
CREATE INDEX enrollments_wake ON enrollments (journey_id, wake_at, id) WHERE state = 'active';
CREATE INDEX enrollments_at ON enrollments (journey_id, node, id) WHERE state = 'active';
CREATE INDEX enrollments_version ON enrollments (version_id, id) WHERE state = 'active';
CREATE INDEX enrollments_journey ON enrollments (journey_id, state, id);
CREATE INDEX enrollments_customer ON enrollments (customer_id, journey_id, id);
CREATE INDEX enrollments_identity ON enrollments (identity_id);
CREATE INDEX enrollments_goals ON enrollments (journey_id) WHERE goal_at > 0;
CREATE INDEX enrollments_rival ON enrollments (rival_id) WHERE rival_id > 0;

-- What happened at each node; a row is written when the node is left.
CREATE TABLE enrollment_steps (
  enrollment_id BIGINT NOT NULL,
  visit         BIGINT NOT NULL,
  journey_id    BIGINT NOT NULL,
  node          TEXT NOT NULL,
  kind          TEXT NOT NULL,
  at            BIGINT NOT NULL,
  outcome       TEXT NOT NULL,
  detail        TEXT NOT NULL DEFAULT '',
  delivery_id   BIGINT NOT NULL DEFAULT 0,
  task_id       BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (enrollment_id, visit)
) WITHOUT ROWID;
CREATE INDEX enrollment_steps_node ON enrollment_steps (journey_id, node, outcome, enrollment_id);
CREATE INDEX enrollment_steps_delivery ON enrollment_steps (delivery_id) WHERE delivery_id > 0;

-- Why somebody last did not enter.
CREATE TABLE journey_refusals (
  journey_id  BIGINT NOT NULL REFERENCES journeys (id),
  customer_id BIGINT NOT NULL,
  code        TEXT NOT NULL,
  params      TEXT NOT NULL DEFAULT '{}',
  at          BIGINT NOT NULL,
  times       BIGINT NOT NULL DEFAULT 1,
  PRIMARY KEY (journey_id, customer_id)
) WITHOUT ROWID;
CREATE INDEX journey_refusals_customer ON journey_refusals (customer_id);

-- A scheduled entry under way: everybody up to after_id has been asked.
CREATE TABLE journey_ticks (
  id         INTEGER PRIMARY KEY,
  journey_id BIGINT NOT NULL REFERENCES journeys (id),
  version_id BIGINT NOT NULL,
  civil      TEXT NOT NULL,
  at         BIGINT NOT NULL,
  after_id   BIGINT NOT NULL DEFAULT 0,
  entered    BIGINT NOT NULL DEFAULT 0,
  done       BOOLEAN NOT NULL DEFAULT FALSE,
  UNIQUE (journey_id, civil)
);
CREATE INDEX journey_ticks_open ON journey_ticks (id) WHERE NOT done;

-- +goose Down
SELECT 'the house has no way back: restore a backup';
