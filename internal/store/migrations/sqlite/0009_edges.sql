-- +goose Up
-- How many events of a name that nobody had said before a key has brought in a
-- day (days since 1970, UTC).
CREATE TABLE new_event_names (
  write_key_id BIGINT NOT NULL,
  day          BIGINT NOT NULL,
  names        BIGINT NOT NULL,
  PRIMARY KEY (write_key_id, day)
) WITHOUT ROWID;

-- Which followers have shown a union id: it is erased with the last of them.
CREATE TABLE union_proofs (
  union_identity_id    BIGINT NOT NULL REFERENCES identities (id),
  follower_identity_id BIGINT NOT NULL REFERENCES identities (id),
  PRIMARY KEY (union_identity_id, follower_identity_id)
) WITHOUT ROWID;
CREATE INDEX union_proofs_follower ON union_proofs (follower_identity_id);

-- +goose Down
SELECT 'the house has no way back: restore a backup';
