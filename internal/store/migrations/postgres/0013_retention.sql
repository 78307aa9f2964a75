-- +goose Up
-- What came of steps that are not kept one by one any more.
CREATE TABLE journey_totals (
  journey_id BIGINT NOT NULL,
  node       TEXT COLLATE "C" NOT NULL,
  outcome    TEXT COLLATE "C" NOT NULL,
  n          BIGINT NOT NULL,
  PRIMARY KEY (journey_id, node, outcome)
);

-- +goose Down
SELECT 'the house has no way back: restore a backup';
