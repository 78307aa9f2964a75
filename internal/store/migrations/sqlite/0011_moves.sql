-- +goose Up
-- Events that are still to follow their identity: those of identity_id that stand
-- with from_id belong to to_id, who has the identity.
CREATE TABLE event_moves (
  from_id     BIGINT NOT NULL REFERENCES customers (id),
  identity_id BIGINT NOT NULL REFERENCES identities (id),
  to_id       BIGINT NOT NULL REFERENCES customers (id),
  PRIMARY KEY (from_id, identity_id)
) WITHOUT ROWID;
CREATE INDEX event_moves_identity ON event_moves (identity_id);
CREATE INDEX event_moves_to ON event_moves (to_id);

-- +goose Down
SELECT 'the house has no way back: restore a backup';
