-- +goose Up
CREATE TABLE challenges (
    id          TEXT PRIMARY KEY,
    phone_index TEXT   NOT NULL,
    phone       {{blob}} NOT NULL, -- encrypted
    code_hash   TEXT   NOT NULL,
    language    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    attempts    BIGINT NOT NULL CHECK (attempts >= 0),
    used_at     BIGINT
);
CREATE INDEX challenges_phone ON challenges (phone_index, created_at);
CREATE INDEX challenges_expiry ON challenges (expires_at);

CREATE TABLE staff (
    id            TEXT PRIMARY KEY,
    login         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('operator', 'analyst', 'collections', 'campaign', 'admin')),
    password_hash TEXT    NOT NULL,
    demo          BOOLEAN NOT NULL,
    disabled_at   BIGINT
);
CREATE UNIQUE INDEX staff_login ON staff (login);

CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    platform_id TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    demo        BOOLEAN NOT NULL,
    created_at  BIGINT,
    revoked_at  BIGINT
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    data       {{blob}} NOT NULL, -- encrypted
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE idempotency_keys (
    scope        TEXT   NOT NULL,
    key          TEXT   NOT NULL,
    request_hash TEXT   NOT NULL,
    status       BIGINT NOT NULL,
    content_type TEXT   NOT NULL,
    location     TEXT   NOT NULL,
    body         {{blob}},         -- encrypted
    created_at   BIGINT NOT NULL,
    locked_until BIGINT NOT NULL,
    finished_at  BIGINT,           -- NULL: the request is still being answered
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
DROP TABLE sessions;
DROP TABLE api_keys;
DROP TABLE staff;
DROP TABLE challenges;
