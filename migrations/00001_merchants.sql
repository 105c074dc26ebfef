-- +goose Up
CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value {{blob}} NOT NULL
);

CREATE TABLE merchants (
    id             TEXT PRIMARY KEY,
    version        BIGINT NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('registering', 'active', 'suspended', 'closed')),
    platform_id    TEXT   NOT NULL,
    language       TEXT   NOT NULL,
    phone_index    TEXT,             -- keyed hash of the phone
    licence_index  TEXT,             -- keyed hash of the licence number
    licence_status TEXT   NOT NULL,
    established_at BIGINT,
    region         TEXT   NOT NULL,
    industry       TEXT   NOT NULL,
    licence_kind   TEXT   NOT NULL,
    payout_rail    TEXT   NOT NULL,
    personal       {{blob}} NOT NULL, -- encrypted: phone, licence, people, account
    steps          TEXT   NOT NULL,  -- JSON: step -> state, code, at
    consents       TEXT   NOT NULL,  -- JSON: in order of giving, withdrawn ones too
    created_at     BIGINT NOT NULL,
    activated_at   BIGINT
);
CREATE UNIQUE INDEX merchants_phone ON merchants (phone_index);
CREATE UNIQUE INDEX merchants_licence ON merchants (licence_index);

CREATE TABLE audit_entries (
    subject    TEXT   NOT NULL,
    id         TEXT   NOT NULL,     -- UUIDv7, in order of writing
    at         BIGINT,
    actor_kind TEXT   NOT NULL,
    actor_id   TEXT   NOT NULL,
    action     TEXT   NOT NULL CHECK (action <> ''),
    detail     TEXT   NOT NULL,
    PRIMARY KEY (subject, id)
);
{{append_only:audit_entries}}
-- +goose Down
{{drop_append_only:audit_entries}}
DROP TABLE audit_entries;
DROP TABLE merchants;
DROP TABLE settings;
