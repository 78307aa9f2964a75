-- +goose Up
-- What people write goes before what is sent by itself, however much of that
-- waits.
DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (account_id, automated, next_at, id) WHERE state = 'queued';

-- +goose Down
SELECT 'the house has no way back: restore a backup';
