-- +goose Up
-- Where the sandbox's other pages are.
ALTER TABLE sandbox ADD COLUMN phones_url TEXT NOT NULL DEFAULT '';
ALTER TABLE sandbox ADD COLUMN mailbox_url TEXT NOT NULL DEFAULT '';

-- +goose Down
SELECT 'the house has no way back: restore a backup';
