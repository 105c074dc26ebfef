-- +goose Up
-- What each process last said of its providers: one row per running process.
CREATE TABLE provider_boards (
    process  TEXT PRIMARY KEY,
    kind     TEXT   NOT NULL,
    host     TEXT   NOT NULL,
    statuses TEXT   NOT NULL,  -- JSON: one entry per provider
    seen_at  BIGINT NOT NULL
);
CREATE INDEX provider_boards_seen ON provider_boards (seen_at);

-- +goose Down
DROP TABLE provider_boards;
