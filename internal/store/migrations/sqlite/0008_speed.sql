-- +goose Up
-- Of what happened to whom: the numbers of the events since the mark was made,
-- -1 for being seen; '' is anything. It holds while names_version is the version:
-- whoever only sets the version says that it may be anything.
ALTER TABLE touched ADD COLUMN names TEXT NOT NULL DEFAULT '';
ALTER TABLE touched ADD COLUMN names_version BIGINT NOT NULL DEFAULT 0;

-- When a segment came to mean what it means now; 0 when nobody has noted it.
ALTER TABLE segments ADD COLUMN meant_since BIGINT NOT NULL DEFAULT 0;

-- Where somebody stands is read by the person, and with it until when.
DROP INDEX memberships_customer;
CREATE INDEX memberships_customer ON memberships (customer_id, segment_id, valid_until);
DROP INDEX segment_wakeups_customer;
CREATE INDEX segment_wakeups_customer ON segment_wakeups (customer_id, segment_id, at);
