-- +goose Up
CREATE TABLE applications (
    id               TEXT PRIMARY KEY,
    version          BIGINT NOT NULL,
    merchant_id      TEXT   NOT NULL REFERENCES merchants (id),
    state            TEXT   NOT NULL CHECK (state IN ('submitted', 'deferred', 'approved', 'declined', 'accepted', 'expired')),
    wanted_fen       BIGINT NOT NULL CHECK (wanted_fen >= 0),
    purpose          TEXT   NOT NULL,
    submitted_at     BIGINT NOT NULL,
    decide_by        BIGINT,
    decided_at       BIGINT,
    decision_id      TEXT   NOT NULL,
    offer_expires_at BIGINT
);
-- One merchant, one open application.
CREATE UNIQUE INDEX applications_open ON applications (merchant_id)
    WHERE state IN ('submitted', 'deferred', 'approved');
CREATE INDEX applications_of_merchant ON applications (merchant_id, submitted_at, id);
CREATE INDEX applications_newest ON applications (submitted_at, id);
CREATE INDEX applications_undecided ON applications (submitted_at, id)
    WHERE state IN ('submitted', 'deferred');

CREATE TABLE strategies (
    hash       TEXT PRIMARY KEY,
    body       {{blob}} NOT NULL,
    created_at BIGINT
);

CREATE TABLE decisions (
    id               TEXT PRIMARY KEY,
    application_id   TEXT   NOT NULL REFERENCES applications (id),
    merchant_id      TEXT   NOT NULL REFERENCES merchants (id),
    seq              BIGINT NOT NULL CHECK (seq > 0),
    outcome          TEXT   NOT NULL CHECK (outcome IN ('approved', 'declined', 'deferred')),
    verdict          TEXT   NOT NULL,
    snapshot         TEXT   NOT NULL,
    input_hash       TEXT   NOT NULL,
    verdict_hash     TEXT   NOT NULL,
    decided_at       BIGINT NOT NULL,
    latency_ms       BIGINT NOT NULL,
    offer_expires_at BIGINT,
    contract_hash    TEXT   NOT NULL
);
CREATE UNIQUE INDEX decisions_seq ON decisions (application_id, seq);
CREATE INDEX decisions_of_merchant ON decisions (merchant_id, decided_at);
{{append_only:decisions}}
CREATE TABLE evidence (
    id             TEXT PRIMARY KEY,
    application_id TEXT   NOT NULL REFERENCES applications (id),
    source         TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    hash           TEXT   NOT NULL, -- SHA-256 (hex) of the plain bytes
    row_count      BIGINT NOT NULL,
    data_as_of     BIGINT,
    fetched_at     BIGINT,
    cause          TEXT   NOT NULL,
    chunks         BIGINT NOT NULL,
    plain_bytes    BIGINT NOT NULL,
    begun_at       BIGINT NOT NULL,
    committed_at   BIGINT           -- NULL: not visible yet
);
CREATE INDEX evidence_of_application ON evidence (application_id, committed_at, id);
CREATE INDEX evidence_open ON evidence (begun_at) WHERE committed_at IS NULL;

CREATE TABLE evidence_chunks (
    evidence_id TEXT   NOT NULL REFERENCES evidence (id),
    n           BIGINT NOT NULL,
    body        {{blob}} NOT NULL, -- zstd, then encrypted
    PRIMARY KEY (evidence_id, n)
);

CREATE TABLE progress_events (
    application_id TEXT   NOT NULL REFERENCES applications (id),
    seq            BIGINT NOT NULL,
    at             BIGINT,
    kind           TEXT   NOT NULL,
    body           TEXT   NOT NULL,
    PRIMARY KEY (application_id, seq)
);

CREATE TABLE lines (
    id             TEXT PRIMARY KEY,
    version        BIGINT NOT NULL,
    merchant_id    TEXT   NOT NULL REFERENCES merchants (id),
    application_id TEXT   NOT NULL REFERENCES applications (id),
    decision_id    TEXT   NOT NULL REFERENCES decisions (id),
    limit_fen      BIGINT NOT NULL CHECK (limit_fen >= 0),
    used_fen       BIGINT NOT NULL CHECK (used_fen >= 0 AND used_fen <= limit_fen),
    terms          TEXT   NOT NULL,
    state          TEXT   NOT NULL CHECK (state IN ('active', 'frozen', 'closed')),
    contract_hash  TEXT   NOT NULL,
    accepted_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX lines_application ON lines (application_id);
CREATE INDEX lines_of_merchant ON lines (merchant_id, accepted_at, id);

-- +goose Down
DROP TABLE lines;
DROP TABLE progress_events;
DROP TABLE evidence_chunks;
DROP TABLE evidence;
{{drop_append_only:decisions}}
DROP TABLE decisions;
DROP TABLE strategies;
DROP TABLE applications;
