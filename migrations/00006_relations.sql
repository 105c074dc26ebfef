-- +goose Up
-- Who carries which identifier: keyed hashes only, never the values.
CREATE TABLE merchant_identifiers (
    merchant_id   TEXT   NOT NULL REFERENCES merchants (id),
    kind          TEXT   NOT NULL,
    ident_key     TEXT   NOT NULL,  -- keyed hash of space and value
    orders        BIGINT NOT NULL,  -- customers: orders they placed
    first_seen_at BIGINT NOT NULL,
    applied_at    BIGINT NOT NULL,  -- last application with it; 0 = none
    PRIMARY KEY (merchant_id, kind, ident_key)
);
CREATE INDEX merchant_identifiers_key ON merchant_identifiers (ident_key, kind, applied_at);

-- Over how many orders a merchant's customers were counted.
CREATE TABLE merchant_customers (
    merchant_id TEXT PRIMARY KEY REFERENCES merchants (id),
    orders      BIGINT NOT NULL,
    counted_at  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE merchant_customers;
DROP TABLE merchant_identifiers;
