-- +goose Up
-- What people are sorted into: those that teammates make, and hidden ones (with
-- an owner) that stages and journeys watch.
CREATE TABLE segments (
  id          BIGINT PRIMARY KEY,
  name        TEXT COLLATE "C" NOT NULL DEFAULT '',
  folded_name TEXT COLLATE "C" NOT NULL DEFAULT '',
  description TEXT COLLATE "C" NOT NULL DEFAULT '',
  rule        TEXT COLLATE "C" NOT NULL,
  owner       TEXT COLLATE "C" NOT NULL DEFAULT '',
  state       TEXT COLLATE "C" NOT NULL,
  version     BIGINT NOT NULL DEFAULT 1,
  -- Counts what the rule has meant, also through segments that it names.
  program     BIGINT NOT NULL DEFAULT 1,
  -- How far the build of this program has come: everybody up to this customer.
  built_to    BIGINT NOT NULL DEFAULT 0,
  build_done  BIGINT NOT NULL DEFAULT 0,
  build_total BIGINT NOT NULL DEFAULT 0,
  built_at    BIGINT NOT NULL DEFAULT 0,
  size        BIGINT NOT NULL DEFAULT 0,
  -- What lists show has this revision; what of it has been told, and when.
  revision    BIGINT NOT NULL DEFAULT 1,
  told        BIGINT NOT NULL DEFAULT 0,
  told_at     BIGINT NOT NULL DEFAULT 0,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  deleted_at  BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX segments_name ON segments (folded_name) WHERE owner = '' AND deleted_at = 0;
CREATE UNIQUE INDEX segments_owner ON segments (owner) WHERE owner <> '' AND deleted_at = 0;

-- Who is in a segment. By valid_until, unless it is 0, the answer may change by
-- time alone; it is looked at again then at the latest.
CREATE TABLE memberships (
  segment_id  BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  since       BIGINT NOT NULL,
  valid_until BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (segment_id, customer_id)
);
CREATE INDEX memberships_customer ON memberships (customer_id, segment_id);
CREATE INDEX memberships_recent ON memberships (segment_id, since DESC, customer_id DESC);
CREATE INDEX memberships_due ON memberships (valid_until) WHERE valid_until > 0;

-- When somebody who is not in a segment may enter it by time alone.
CREATE TABLE segment_wakeups (
  segment_id  BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  at          BIGINT NOT NULL,
  PRIMARY KEY (segment_id, customer_id)
);
CREATE INDEX segment_wakeups_customer ON segment_wakeups (customer_id, segment_id);
CREATE INDEX segment_wakeups_due ON segment_wakeups (at);

-- Who entered and left, and why.
CREATE TABLE membership_changes (
  id          BIGINT PRIMARY KEY,
  segment_id  BIGINT NOT NULL,
  customer_id BIGINT NOT NULL,
  entered     BOOLEAN NOT NULL,
  reason      TEXT COLLATE "C" NOT NULL,
  at          BIGINT NOT NULL
);
CREATE INDEX membership_changes_segment ON membership_changes (segment_id, id DESC);
CREATE INDEX membership_changes_customer ON membership_changes (customer_id, id DESC);
