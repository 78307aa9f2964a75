-- +goose Up
-- Whether the sandbox may run beside this node: 'fits', 'forbids', or '' where a
-- process says nothing of it (commands).
ALTER TABLE nodes ADD COLUMN sandbox TEXT NOT NULL DEFAULT '';
-- How far the node's clock stands from its machine's, in milliseconds.
ALTER TABLE nodes ADD COLUMN clock_offset BIGINT NOT NULL DEFAULT 0;

-- The installation's sandbox: which node runs it, and what all nodes must know of
-- it. There is one row. lease_until is the machines' time, not the house's.
CREATE TABLE sandbox (
  one          INTEGER PRIMARY KEY CHECK (one = 1),
  holder       TEXT NOT NULL DEFAULT '',
  lease_until  BIGINT NOT NULL DEFAULT 0,
  shop_url     TEXT NOT NULL DEFAULT '',
  clock_offset BIGINT NOT NULL DEFAULT 0,
  phones       TEXT NOT NULL DEFAULT ''
);
INSERT INTO sandbox (one) VALUES (1);

-- +goose Down
SELECT 'the house has no way back: restore a backup';
