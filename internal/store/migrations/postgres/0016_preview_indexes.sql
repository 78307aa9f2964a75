-- +goose Up
-- Indexes of previews that nodes keep in memory, until when (by the machines' clocks),
-- and who was evaluated since, by whatever node and version. They need not outlive a
-- crash of the server: an index that is no longer among them is made anew.
CREATE UNLOGGED TABLE preview_indexes (
  id    BIGINT NOT NULL PRIMARY KEY,
  until BIGINT NOT NULL
);
CREATE UNLOGGED TABLE preview_news (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  index_id    BIGINT NOT NULL,
  customer_id BIGINT NOT NULL
);
CREATE INDEX preview_news_index ON preview_news (index_id);

-- +goose StatementBegin
CREATE FUNCTION preview_news_of_touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO preview_news (index_id, customer_id) SELECT i.id, t.customer_id FROM preview_indexes i CROSS JOIN taken t;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER touched_taken AFTER DELETE ON touched REFERENCING OLD TABLE AS taken FOR EACH STATEMENT EXECUTE FUNCTION preview_news_of_touched();

-- +goose Down
SELECT 'the house has no way back: restore a backup';
