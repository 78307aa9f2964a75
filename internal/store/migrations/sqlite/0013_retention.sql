-- +goose Up
-- What came of steps that are not kept one by one any more.
CREATE TABLE journey_totals (
  journey_id BIGINT NOT NULL,
  node       TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  n          BIGINT NOT NULL,
  PRIMARY KEY (journey_id, node, outcome)
) WITHOUT ROWID;

-- +goose Down
SELECT 'the house has no way back: restore a backup';
