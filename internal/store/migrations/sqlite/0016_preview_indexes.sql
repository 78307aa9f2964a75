-- +goose Up
-- Indexes of previews that nodes keep in memory, until when, and who was evaluated
-- since. One process needs no rows for that: here they stay empty.
CREATE TABLE preview_indexes (
  id    BIGINT NOT NULL PRIMARY KEY,
  until BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE preview_news (
  id          INTEGER NOT NULL PRIMARY KEY,
  index_id    BIGINT NOT NULL,
  customer_id BIGINT NOT NULL
);
CREATE INDEX preview_news_index ON preview_news (index_id);

-- +goose Down
SELECT 'the house has no way back: restore a backup';
