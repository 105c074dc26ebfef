-- +goose Up
-- Merchants found connected after they hold lines, and what was done about it.
CREATE TABLE group_reviews (
    id            TEXT PRIMARY KEY, -- follows from the members and what they were committed to
    group_id      TEXT   NOT NULL,  -- the smallest merchant id of the group
    members       TEXT   NOT NULL,  -- JSON, merchant ids
    found_by      TEXT   NOT NULL,  -- the merchant whose relations were read
    action        TEXT   NOT NULL CHECK (action IN ('lower', 'freeze', 'alert')),
    limit_fen     BIGINT NOT NULL,  -- what the group may be committed to
    committed_fen BIGINT NOT NULL,  -- what it was committed to
    lowered_fen   BIGINT NOT NULL CHECK (lowered_fen >= 0), -- taken from limits not drawn
    frozen        BIGINT NOT NULL CHECK (frozen >= 0),      -- lines
    found_at      BIGINT NOT NULL,
    CHECK (committed_fen > limit_fen)
);
CREATE INDEX group_reviews_found ON group_reviews (found_at, id);
CREATE INDEX merchant_identifiers_seen ON merchant_identifiers (first_seen_at, merchant_id);

-- +goose Down
DROP INDEX merchant_identifiers_seen;
DROP TABLE group_reviews;
